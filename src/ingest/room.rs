//! Room in memory for bodies: what is being read and what waits for the spool, together, never exceeds a limit.
//!
//! A body holds its share until it is kept, also when its sender has had its 429 by then. So whoever has got all of the
//! room knows that nothing is under way any more.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::Refusal;

/// Bytes for each permit of the semaphore.
const UNIT: usize = 1024;

/// The room that all bodies share.
#[derive(Debug, Clone)]
pub(super) struct Room {
    free: Arc<Semaphore>,
    units: u32,
}

impl Room {
    /// Room for `bytes`, rounded up to KiB.
    pub fn new(bytes: usize) -> Self {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        Self { free: Arc::new(Semaphore::new(units as usize)), units }
    }

    /// A share that is empty yet.
    pub fn share(&self) -> Share {
        Share { free: Arc::clone(&self.free), units: 0, permit: None }
    }

    /// Waits until nobody holds any of it.
    pub async fn empty(&self) {
        // it is never closed, so this cannot fail
        let _all = self.free.acquire_many(self.units).await;
    }
}

/// What one body takes of the room; given back on drop.
#[derive(Debug)]
pub(super) struct Share {
    free: Arc<Semaphore>,
    units: usize,
    permit: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// Grows to `bytes` in all; refused where there is no such room now.
    pub fn cover(&mut self, bytes: usize) -> Result<(), Refusal> {
        let units = bytes.div_ceil(UNIT);
        let Some(more) = units.checked_sub(self.units).filter(|&more| more > 0) else {
            return Ok(());
        };
        let more = u32::try_from(more).map_err(|_| Refusal::Busy)?;
        let permit = Arc::clone(&self.free).try_acquire_many_owned(more).map_err(|_| Refusal::Busy)?;
        match &mut self.permit {
            Some(held) => held.merge(permit),
            none => *none = Some(permit),
        }
        self.units = units;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn shares_together_never_exceed_the_room_and_are_given_back() {
        let room = Room::new(10 * UNIT);
        let (mut one, mut other) = (room.share(), room.share());
        one.cover(6 * UNIT).unwrap();
        one.cover(1).unwrap();
        assert_eq!(other.cover(4 * UNIT + 1), Err(Refusal::Busy));
        other.cover(4 * UNIT).unwrap();
        assert!(room.empty().now_or_never().is_none());
        drop((one, other));
        assert!(room.empty().now_or_never().is_some());
    }
}
