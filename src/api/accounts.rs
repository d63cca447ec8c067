//! The accounts: what became of every event of this run.
//!
//! Whenever nothing is under way they add up:
//! `recovered + received + redriven = stored + repeated + refused + lost + waiting`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::spool::Usage;
use crate::telemetry::catalogue;

/// How the accounts of a run stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Accounts {
    /// Events that waited in the spool at the start.
    pub recovered: u64,
    /// Events that came in.
    pub received: u64,
    /// Events of dead letters that were put into the spool once more.
    pub redriven: u64,
    /// In the store, written by this run or an earlier one.
    pub stored: u64,
    /// Sent twice and taken once.
    pub repeated: u64,
    /// Put into the dead letters: unreadable, or refused by the store.
    pub refused: u64,
    /// Damaged on the disk.
    pub lost: u64,
    /// In the spool, for the next start.
    pub waiting: u64,
}

impl Accounts {
    /// From the counters and the spool.
    pub fn of(usage: &Usage) -> Self {
        Self {
            recovered: usage.recovered,
            received: catalogue::EVENTS_RECEIVED.value(),
            redriven: catalogue::EVENTS_REDRIVEN.value(),
            stored: catalogue::EVENTS_STORED.value() + catalogue::EVENTS_ALREADY_THERE.value(),
            repeated: catalogue::EVENTS_REPEATED.value(),
            refused: catalogue::EVENTS_REFUSED.value() + catalogue::EVENTS_DEAD_LETTERED.value(),
            lost: usage.lost,
            waiting: usage.waiting,
        }
    }

    /// What came in less what became of it: 0 whenever nothing is under way.
    pub fn difference(&self) -> i128 {
        let sum = |parts: &[u64]| parts.iter().map(|part| i128::from(*part)).sum::<i128>();
        sum(&[self.recovered, self.received, self.redriven])
            - sum(&[self.stored, self.repeated, self.refused, self.lost, self.waiting])
    }
}
