//! A hierarchical temporal memory: does the series go on as cells that have learnt its sequences predict?
//!
//! After J. Hawkins and S. Ahmad, "Why Neurons Have Thousands of Synapses", 2016, and A. Lavin and S. Ahmad, "Evaluating Real-time Anomaly
//! Detection Algorithms", 2015. Each value, and the hour, become a few active inputs of many ([`encoder`]); a spatial pooler makes of
//! them ten active columns of 256, and learns which inputs go together ([`pooler`]); cells of a column stand for the same input in
//! different sequences, and their segments predict from the cells that were active before ([`temporal`]). How many of the active columns were
//! not predicted, beside what that is usually, says how unusual the last points are ([`likelihood`]).
//!
//! It is small where the published one is large (256 columns of 6 cells, at most 1,024 segments), begins the same in every run, and is not told
//! the range of a series, which the published results on the benchmark are. Nor does it know values to be unusual by themselves: what it says is
//! about order in time alone.

mod encoder;
mod likelihood;
mod pooler;
mod temporal;

use encoder::Encoder;
use likelihood::Likelihood;
use pooler::Pooler;
use temporal::Temporal;

use super::alarms::{Alarms, REMEMBERED};
use super::{Detector, Judgement, Point, Reason, usable};
use crate::anomaly::codec::{Damaged, Reader, Writer};

/// −log10 of a probability that is nothing special.
const USUAL: f64 = 2.0;

/// The detector.
#[derive(Debug, Clone, PartialEq)]
pub struct Htm {
    timed: bool,
    encoder: Encoder,
    pooler: Pooler,
    temporal: Temporal,
    likelihood: Likelihood,
    alarms: Alarms<f32, REMEMBERED>,
    /// The only value that there was, until there is another: hours that pass over it are no sequence.
    still: Option<f64>,
    seen: bool,
}

impl Htm {
    /// Nothing learnt; `timed` says whether the points' times mean something.
    pub fn new(timed: bool) -> Self {
        Self {
            timed,
            encoder: Encoder::new(),
            pooler: Pooler::new(),
            temporal: Temporal::new(),
            likelihood: Likelihood::new(),
            alarms: Alarms::new(),
            still: None,
            seen: false,
        }
    }

    /// Whether the series has had only this value so far.
    fn stays(&mut self, value: f64) -> bool {
        if !self.seen {
            (self.seen, self.still) = (true, Some(value));
        }
        self.still = self.still.filter(|still| *still == value);
        self.still.is_some()
    }

    /// Reads back what was saved.
    ///
    /// # Errors
    /// When the bytes end too early or hold what cannot be.
    pub fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(Self {
            timed: input.u8()? != 0,
            encoder: Encoder::load(input)?,
            pooler: Pooler::load(input)?,
            temporal: Temporal::load(input)?,
            likelihood: Likelihood::load(input)?,
            alarms: Alarms::load(input)?,
            seen: input.u8()? != 0,
            still: if input.u8()? != 0 { Some(input.f64()?) } else { None },
        })
    }
}

impl Detector for Htm {
    fn observe(&mut self, point: Point) -> Judgement {
        let Some(value) = usable(point.value) else { return Judgement::NOTHING };
        if self.stays(value) {
            return Judgement::NOTHING;
        }
        let inputs = self.encoder.encode(value, self.timed.then_some(point.seconds));
        let columns = self.pooler.columns(&inputs);
        let raw = self.likelihood.observe(self.temporal.step(&columns));
        Judgement { raw, alarm: self.alarms.observe((raw - USUAL).max(0.0)), reason: Reason::Unpredicted }
    }

    fn save(&self, out: &mut Writer) {
        out.u8(u8::from(self.timed));
        self.encoder.save(out);
        self.pooler.save(out);
        self.temporal.save(out);
        self.likelihood.save(out);
        self.alarms.save(out);
        out.u8(u8::from(self.seen));
        out.u8(u8::from(self.still.is_some()));
        if let Some(still) = self.still {
            out.f64(still);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a melody of forty notes that is played again and again; `odd` has other notes.
    fn said(odd: impl Fn(usize) -> Option<f64>) -> Vec<f64> {
        let mut htm = Htm::new(false);
        let note = |at: usize| ((at % 40 * 29) % 23) as f64 * 10.0;
        (0..6_000).map(|at| htm.observe(Point { value: odd(at).unwrap_or_else(|| note(at)), seconds: 0 }).raw).collect()
    }

    #[test]
    fn a_melody_that_is_known_says_nothing_and_its_notes_in_another_order_are_told() {
        let known = said(|_| None);
        assert!(
            known[3_000..].iter().all(|raw| *raw < 1.5),
            "{:?}",
            known[3_000..].iter().copied().fold(0.0, f64::max)
        );
        // each note of it is one of the melody
        let odd = said(|at| (5_000..5_012).contains(&at).then(|| ((at % 40 * 13 + 7) % 23) as f64 * 10.0));
        let strongest = odd[5_000..5_020].iter().copied().fold(0.0, f64::max);
        assert!(strongest > 5.0, "{strongest}");
    }
}
