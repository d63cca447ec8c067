//! Rates as KDD-99 has them: fractions rounded to two decimals the way C's `printf` does.

/// Rounds fractions to hundredths.
#[derive(Debug)]
pub struct Rates {
    /// Whether the fraction halfway between `q` and `q + 1` hundredths goes up: half of them do, as 0.005, 0.015 …
    /// are not exact in binary.
    up: [bool; 100],
    hundredths: [f32; 101],
}

impl Rates {
    /// Works the halfway cases out.
    pub fn new() -> Self {
        let printed = |value: f64| format!("{value:.2}");
        let up = std::array::from_fn(|q| printed((2 * q + 1) as f64 / 200.0) != printed(q as f64 / 100.0));
        Self { up, hundredths: std::array::from_fn(|q| q as f32 / 100.0) }
    }

    /// `part / whole` in hundredths; 0 of nothing is 0. `part` is at most `whole`.
    pub fn of(&self, part: u32, whole: u32) -> f32 {
        if part == 0 || part >= whole {
            return if part == 0 { 0.0 } else { 1.0 };
        }
        let (quotient, rest) = match part.checked_mul(100) {
            Some(hundred) => (hundred / whole, u64::from(hundred % whole)),
            None => {
                let (hundred, whole) = (u64::from(part) * 100, u64::from(whole));
                (u32::try_from(hundred / whole).expect("below 100"), hundred % whole)
            }
        };
        let up = match (rest * 2).cmp(&u64::from(whole)) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Equal => self.up[quotient as usize],
        };
        self.hundredths[quotient as usize + usize::from(up)]
    }

    /// KDD-99's "diff" rates: the number of different values among `whole` connections, over `whole`; 0 where all are alike.
    pub fn of_different(&self, different: u32, whole: u32) -> f32 {
        if different > 1 { self.of(different, whole) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_what_printf_writes_and_a_csv_reader_reads() {
        let rates = Rates::new();
        for whole in 1..=511_u32 {
            for part in 0..=whole {
                let text = format!("{:.2}", f64::from(part) / f64::from(whole));
                assert_eq!(rates.of(part, whole), text.parse::<f32>().expect("a number"), "{part}/{whole}");
            }
        }
        assert_eq!(rates.of(0, 0), 0.0);
        assert_eq!(rates.of(u32::MAX / 3, u32::MAX), 0.33);
    }

    #[test]
    fn eighths_are_rounded_as_in_the_kdd_files() {
        // among all rows with a count of 8 these are the values that occur
        let rates = Rates::new();
        assert_eq!([1, 3, 5, 7].map(|part| rates.of(part, 8)), [0.12, 0.38, 0.62, 0.88]);
    }
}
