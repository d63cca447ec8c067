//! The growth of a counter that only goes up until it is set back.

use super::super::codec::{Damaged, Reader, Writer};

/// The last reading.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(in crate::anomaly) struct Counter {
    /// When, in microseconds, and what; none before the first.
    last: Option<(i64, f64)>,
}

impl Counter {
    /// How much it has grown. One that is smaller than before was set back to 0 in between; one that is older than the last
    /// says nothing, because it would look like that.
    pub(super) fn meet(&mut self, at: i64, reading: f64) -> f64 {
        let Some((before, last)) = self.last else {
            self.last = Some((at, reading));
            return 0.0;
        };
        if at < before {
            return 0.0;
        }
        self.last = Some((at, reading));
        if reading >= last { reading - last } else { reading.max(0.0) }
    }

    pub(super) fn save(&self, out: &mut Writer) {
        let (at, reading) = self.last.unwrap_or_default();
        out.u8(u8::from(self.last.is_some()));
        out.i64(at);
        out.f64(reading);
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let known = input.u8()? != 0;
        let last = (input.i64()?, input.f64()?);
        Ok(Self { last: known.then_some(last) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_is_set_back_goes_on_from_nothing_and_a_late_reading_is_no_reset() {
        let mut counter = Counter::default();
        let readings = [(10, 5_000.0), (20, 5_600.0), (30, 40.0), (25, 5_900.0), (40, 100.0)];
        let grown: Vec<f64> = readings.iter().map(|(at, reading)| counter.meet(*at, *reading)).collect();
        assert_eq!(grown, [0.0, 600.0, 40.0, 0.0, 60.0]);
    }
}
