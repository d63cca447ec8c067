//! The patterns of files of events: the same engine as the worker's, without metrics, model and store.

use crate::anomaly::patterns::Finding;
use crate::anomaly::{Engine, Touched};
use crate::clock::Clock;
use crate::config::Config;
use crate::event::ReceivedTime;
use crate::normalise::{Normaliser, Rules, Unreadable};

use super::configuration;
use super::fields::MetricFields;

/// Looks for patterns in events, one after the other.
pub struct Ranking {
    normaliser: Normaliser,
    engine: Engine,
    touched: Touched,
    now: ReceivedTime,
    recorded: u64,
}

impl Ranking {
    /// Of what `config` looks for.
    pub fn new(config: &Config, rules: &Rules, clock: &Clock) -> Self {
        let engine = configuration::patterns_alone(config);
        let normaliser = Normaliser::with_rules(&engine.paths(), rules);
        Self { normaliser, engine, touched: Touched::new(), now: clock.now(), recorded: 0 }
    }

    /// Takes an event in; one that says no time counts as of now.
    ///
    /// # Errors
    /// When it is no event.
    pub fn take(&mut self, event: &str) -> Result<(), Unreadable> {
        let view = self.normaliser.read(event.as_bytes())?;
        let time = view.time.unwrap_or_else(|| self.now.as_event_time());
        let sequence = self.engine.position().plus(1);
        self.engine.observe(&MetricFields(&view), time, self.now, sequence, &mut self.touched);
        self.normaliser.recycle(view);
        self.recorded += self.engine.take_findings().len() as u64;
        Ok(())
    }

    /// How many records a running oversight would have written.
    pub fn recorded(&self) -> u64 {
        self.recorded
    }

    /// The `most` strongest entities of each pattern.
    pub fn ranked(&self, most: usize) -> Vec<Finding> {
        self.engine.ranked(most)
    }
}
