//! Whether probabilities mean what they say: how often what was said with a confidence was right.

use serde::{Deserialize, Serialize};

/// Equal bins of confidence.
pub const BINS: usize = 15;

/// Counts by confidence.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reliability {
    bins: [Bin; BINS],
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Bin {
    records: u64,
    confidence: f64,
    right: u64,
}

/// One point of a calibration curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurvePoint {
    /// Mean confidence of the records in this bin, 0 to 1.
    pub confidence: f64,
    /// Share of them that were right.
    pub right: f64,
    /// How many there are.
    pub records: u64,
}

impl Reliability {
    /// Counts something that was said with this confidence.
    pub fn add(&mut self, confidence: f64, right: bool) {
        let bin = &mut self.bins[((confidence * BINS as f64) as usize).min(BINS - 1)];
        bin.records += 1;
        bin.confidence += confidence;
        bin.right += u64::from(right);
    }

    /// Expected calibration error: mean over the bins of |confidence − share right|, weighted by records; 0 of none.
    pub fn error(&self) -> f64 {
        let records: u64 = self.bins.iter().map(|bin| bin.records).sum();
        let off = |bin: &Bin| (bin.confidence - bin.right as f64).abs();
        self.bins.iter().map(off).sum::<f64>() / records.max(1) as f64
    }

    /// The bins that hold records, the least confident first.
    pub fn curve(&self) -> Vec<CurvePoint> {
        let filled = self.bins.iter().filter(|bin| bin.records > 0);
        let point = |bin: &Bin| CurvePoint {
            confidence: bin.confidence / bin.records as f64,
            right: bin.right as f64 / bin.records as f64,
            records: bin.records,
        };
        filled.map(point).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_how_far_confidence_is_from_being_right() {
        let mut said = Reliability::default();
        (0..4).for_each(|record| said.add(0.9, record < 3));
        (0..4).for_each(|record| said.add(0.5, record < 2));
        assert!((said.error() - 0.5 * 0.15).abs() < 1e-12);
        let curve = said.curve();
        assert_eq!((curve.len(), curve[0].right, curve[1].right, curve[1].records), (2, 0.5, 0.75, 4));
    }

    #[test]
    fn full_confidence_has_a_bin_and_nothing_said_is_no_error() {
        assert_eq!(Reliability::default().error(), 0.0);
        let mut said = Reliability::default();
        said.add(1.0, true);
        assert_eq!((said.error(), said.curve()[0].confidence), (0.0, 1.0));
    }
}
