//! What the memory sees of a point: few active inputs of many, so that values that are near to each other share most of them.
//!
//! Values are measured in deviations of the series and bent like a logarithm, so that none is too large; each step of a tenth of a deviation
//! takes one input from the front and gives one behind, at places that a hash says (a random distributed scalar encoder, S. Purdy,
//! "Encoding Data for HTM Systems", 2016). Beside them stand inputs for the time of the day. The scale stays as it is until the
//! series has clearly outgrown it, because with another scale all sequences have to be learnt anew.

use super::super::levels::dice;
use crate::anomaly::codec::{Damaged, Reader, Writer};

/// All inputs: first those of values, then those of the time of the day.
pub(super) const INPUTS: usize = 256;
const OF_VALUES: u64 = 192;
const OF_HOURS: i64 = 64;
/// Active ones of either.
const VALUE_BITS: i64 = 15;
const HOUR_BITS: i64 = 9;
/// Steps of a deviation.
const STEPS: f64 = 10.0;
const DAY: i64 = 86_400;
/// Points over which mean and deviation are learnt.
const SPAN: f64 = 2_000.0;
/// Values are learnt as if they lay at most so many deviations away, once there are so many.
const CLIP: (f64, u32) = (8.0, 100);
/// The scale is looked at so often, and changed when the deviation is beyond these parts of it, or the mean so many of it away.
const LOOK_EVERY: u32 = 256;
const OUTGROWN: (f64, f64, f64) = (0.4, 2.5, 2.0);

/// Active inputs, a bit each.
pub(super) type Inputs = [u64; INPUTS / 64];

/// The scale of one series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Encoder {
    seen: u32,
    mean: f64,
    square: f64,
    /// What values are measured from, and in.
    centre: f64,
    unit: f64,
}

impl Encoder {
    pub(super) fn new() -> Self {
        Self { seen: 0, mean: 0.0, square: 0.0, centre: 0.0, unit: 1.0 }
    }

    /// The inputs of a value, and of a time of the day where there is one; then learns the scale.
    pub(super) fn encode(&mut self, value: f64, seconds: Option<i64>) -> Inputs {
        self.learn(value);
        let mut inputs = [0; INPUTS / 64];
        let mut set = |input: usize| inputs[input / 64] |= 1 << (input % 64);
        let step = (((value - self.centre) / self.unit).asinh() * STEPS).round() as i64;
        for bit in 0..VALUE_BITS {
            set((dice(step.wrapping_add(bit) as u64) % OF_VALUES) as usize);
        }
        if let Some(seconds) = seconds {
            let first = seconds.rem_euclid(DAY) * OF_HOURS / DAY;
            (0..HOUR_BITS).for_each(|bit| set(OF_VALUES as usize + ((first + bit) % OF_HOURS) as usize));
        }
        inputs
    }

    fn learn(&mut self, value: f64) {
        self.seen = self.seen.saturating_add(1);
        let rate = (2.0 / (SPAN + 1.0)).max(1.0 / f64::from(self.seen));
        let deviation = self.square.sqrt();
        let strayed = value - self.mean;
        let is_clipped = self.seen > CLIP.1 && deviation > 0.0;
        let strayed = if is_clipped { strayed.clamp(-CLIP.0 * deviation, CLIP.0 * deviation) } else { strayed };
        self.mean += rate * strayed;
        self.square = (1.0 - rate) * (self.square + rate * strayed * strayed);
        if self.seen.is_power_of_two() || self.seen.is_multiple_of(LOOK_EVERY) {
            self.look();
        }
    }

    /// Takes another scale where this one is outgrown.
    fn look(&mut self) {
        let deviation = self.square.sqrt().max(1e-6 * self.mean.abs()).max(1e-12);
        let (least, most, away) = OUTGROWN;
        let ratio = deviation / self.unit;
        if !(least..=most).contains(&ratio) || (self.mean - self.centre).abs() > away * self.unit {
            (self.centre, self.unit) = (self.mean, deviation);
        }
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.u32(self.seen);
        [self.mean, self.square, self.centre, self.unit].into_iter().for_each(|number| out.f64(number));
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let seen = input.u32()?;
        let encoder = Self { seen, mean: input.f64()?, square: input.f64()?, centre: input.f64()?, unit: input.f64()? };
        if encoder.unit > 0.0 { Ok(encoder) } else { Err(Damaged) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(one: &Inputs, other: &Inputs) -> u32 {
        one.iter().zip(other).map(|(one, other)| (one & other).count_ones()).sum()
    }

    #[test]
    fn near_values_share_most_of_their_inputs_and_far_ones_few() {
        let mut encoder = Encoder::new();
        for at in 0..1_000 {
            encoder.encode(f64::from(at % 100), None);
        }
        let of = |value: f64| encoder.clone().encode(value, None);
        let (one, near, far, farther) = (of(50.0), of(52.0), of(95.0), of(1e15));
        let found = [&near, &far, &farther].map(|other| shared(&one, other));
        assert!(found[0] >= 10 && found[1] <= 7 && found[2] <= 5, "{found:?}");
        assert!(one.iter().map(|word| word.count_ones()).sum::<u32>() <= VALUE_BITS as u32);
    }

    #[test]
    fn midnight_is_near_to_eleven_at_night() {
        let at = |seconds: i64| Encoder::new().encode(0.0, Some(seconds));
        assert!(shared(&at(86_399), &at(86_401)) > shared(&at(43_200), &at(0)) + 5);
    }
}
