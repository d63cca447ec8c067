//! Counts that fade: what is as old as the window counts e^-1.

use super::LENGTHS;

/// So many lengths of a window later f32 holds nothing of a count.
const NOTHING_LEFT: f32 = 104.0;

/// A damped sum for each window.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Damped(pub [f32; 3]);

impl Damped {
    /// Lets the sums fade and adds `value`.
    pub fn add(&mut self, fading: &Fading, value: f32) {
        for (sum, factor) in self.0.iter_mut().zip(fading.0) {
            *sum = *sum * factor + value;
        }
    }
}

/// By how much the sums of each window fade.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fading([f32; 3]);

impl Fading {
    /// Over so many microseconds.
    pub fn over(micros: i64) -> Self {
        if micros <= 0 {
            return Self([1.0; 3]);
        }
        let seconds = micros as f32 / 1e6;
        // far beyond, where f32 has nothing but 0 any more, the exponential takes a slow way to say so
        Self(LENGTHS.map(|length| if seconds > NOTHING_LEFT * length { 0.0 } else { (-seconds / length).exp() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_as_old_as_the_window_is_a_third() {
        let mut damped = Damped::default();
        damped.add(&Fading::over(0), 1.0);
        damped.add(&Fading::over(10_000_000), 0.0);
        let e = std::f32::consts::E;
        assert!((damped.0[0] - 1.0 / e).abs() < 1e-6 && (damped.0[2] - (-1.0_f32 / 360.0).exp()).abs() < 1e-6);
        damped.add(&Fading::over(i64::MAX), 1.0);
        assert_eq!(damped.0, [1.0; 3]);
        assert!((-NOTHING_LEFT).exp() == 0.0 && (2.0 - NOTHING_LEFT).exp() > 0.0);
    }
}
