//! The counters of the catalogue as they stood at one moment, and what lies between two such moments.

use std::time::Duration;

use crate::telemetry::catalogue as all;
use crate::telemetry::metric::{Counter, Histogram};

/// Declares each counter once: its name here, and which of the catalogue's it is.
macro_rules! counters {
    ($($(#[$about:meta])* $name:ident = $metric:ident;)*) => {
        /// Counters, as they stood or between two moments.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Counts {
            $($(#[$about])* pub $name: u64,)*
        }

        impl Counts {
            fn now() -> Self {
                let value = |counter: &Counter| counter.value();
                Self { $($name: value(&all::$metric),)* }
            }

            fn since(&self, before: &Self) -> Self {
                Self { $($name: self.$name.saturating_sub(before.$name),)* }
            }
        }
    };
}

counters! {
    /// Events that came in.
    received = EVENTS_RECEIVED;
    /// Of those, accepted.
    accepted = EVENTS_ACCEPTED;
    /// Of those, sent again and taken once.
    repeated = EVENTS_REPEATED;
    /// Of those, not readable.
    refused = EVENTS_REFUSED;
    /// Events that the store took.
    stored = EVENTS_STORED;
    /// Events that the store had already.
    already_there = EVENTS_ALREADY_THERE;
    /// Events that the store refused.
    dead_lettered = EVENTS_DEAD_LETTERED;
    /// Events that were damaged on the disk.
    lost = EVENTS_LOST;
    /// Events that came too late for their metrics.
    late = LATE_EVENTS;
    /// Requests that were not admitted.
    denied = REQUESTS_DENIED;
    /// Bodies that were refused as a whole.
    bodies_refused = BODIES_REFUSED;
    /// Batches that were sent to the store again.
    retries = STORE_RETRIES;
    /// Verdicts: no attack.
    normal = VERDICTS_NORMAL;
    /// Verdicts: an attack of a class that is known.
    known = VERDICTS_KNOWN;
    /// Verdicts: neither.
    unknown = VERDICTS_UNKNOWN;
    /// Anomaly records.
    anomalies = ANOMALIES;
}

/// What has been counted and timed since the start.
#[derive(Debug, Clone, Copy)]
pub struct Totals {
    counts: Counts,
    answers: Timed,
    verdicts: Timed,
    writes: Timed,
}

/// What was counted and timed between two moments.
#[derive(Debug, Clone, Copy)]
pub struct Between {
    /// The counters.
    pub counts: Counts,
    /// How long the answer to a sender took, in seconds; none where none was given.
    pub answer: Option<f64>,
    /// How long the network took for a batch.
    pub classify: Option<f64>,
    /// How long the store took for a batch.
    pub write: Option<f64>,
}

impl Totals {
    /// As they stand.
    pub fn now() -> Self {
        Self {
            counts: Counts::now(),
            answers: Timed::of(&all::INGEST_ANSWER_SECONDS),
            verdicts: Timed::of(&all::CLASSIFY_SECONDS),
            writes: Timed::of(&all::STORE_WRITE_SECONDS),
        }
    }

    /// What lies between `before` and this.
    pub fn since(&self, before: &Self) -> Between {
        Between {
            counts: self.counts.since(&before.counts),
            answer: self.answers.mean_since(before.answers),
            classify: self.verdicts.mean_since(before.verdicts),
            write: self.writes.mean_since(before.writes),
        }
    }
}

/// How often something was timed, and all of it together.
#[derive(Debug, Clone, Copy)]
struct Timed {
    count: u64,
    total: Duration,
}

impl Timed {
    fn of(histogram: &Histogram) -> Self {
        let reading = histogram.reading();
        Self { count: reading.count(), total: reading.total }
    }

    fn mean_since(self, before: Self) -> Option<f64> {
        let count = self.count.saturating_sub(before.count);
        (count > 0).then(|| self.total.saturating_sub(before.total).as_secs_f64() / count as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_between_two_moments_is_neither_negative_nor_a_mean_of_nothing() {
        let timed = |count, millis| Timed { count, total: Duration::from_millis(millis) };
        assert_eq!(timed(5, 90).mean_since(timed(2, 30)), Some(0.02));
        assert_eq!(timed(2, 30).mean_since(timed(2, 30)), None);
        let (more, less) =
            (Counts { stored: 7, ..Counts::default() }, Counts { stored: 4, late: 9, ..Counts::default() });
        assert_eq!(more.since(&less), Counts { stored: 3, ..Counts::default() });
    }
}
