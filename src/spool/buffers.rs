//! Memory to read into, used again as soon as nobody holds what was read: no clearing, no page faults.

use std::sync::{Arc, Mutex, PoisonError};

/// The most buffers that wait to be used again.
const MOST: usize = 16;
/// Larger ones are given back to the allocator.
const LARGEST: usize = 4 << 20;

/// Buffers that wait to be used again.
#[derive(Debug, Clone, Default)]
pub(super) struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

/// A buffer in use; it comes back when it is dropped.
#[derive(Debug)]
pub(super) struct Buffer {
    /// At least as many bytes as were asked for, with anything in them.
    pub(super) bytes: Vec<u8>,
    home: Buffers,
}

impl Buffers {
    /// A buffer of `length` bytes or more.
    pub(super) fn lend(&self, length: usize) -> Buffer {
        let mut bytes = self.waiting(Vec::pop).unwrap_or_default();
        if bytes.len() < length {
            // a zeroed one from the allocator costs less than growing this one
            bytes = vec![0; length.next_multiple_of(16 << 10)];
        }
        Buffer { bytes, home: self.clone() }
    }

    fn waiting<T>(&self, with: impl FnOnce(&mut Vec<Vec<u8>>) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        self.home.waiting(|waiting| {
            if waiting.len() < MOST && bytes.len() <= LARGEST {
                waiting.push(bytes);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_buffer_is_used_again_once_nobody_holds_a_part_of_it() {
        let buffers = Buffers::default();
        let first = Bytes::from_owner(buffers.lend(100));
        let (place, part) = (first.as_ptr(), first.slice(10..20));
        drop(first);
        assert_ne!(buffers.lend(100).bytes.as_ptr(), place, "a part is still held");
        let other = buffers.lend(100);
        drop(part);
        assert_eq!(buffers.lend(100).bytes.as_ptr(), place);
        drop(other);
    }
}
