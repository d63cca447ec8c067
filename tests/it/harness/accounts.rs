//! Reads the accounts of a running oversight and says whether they add up.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::oversight::{Oversight, client};

/// Counters and gauges by name, without `oversight_`.
pub struct Metrics(BTreeMap<String, i64>);

impl Metrics {
    /// As they stand.
    pub async fn of(oversight: &Oversight) -> Self {
        let answer = client().get(oversight.url("/metrics")).send().await.expect("it answers");
        let text = answer.text().await.expect("text");
        let lines = text.lines().filter_map(|line| line.strip_prefix("oversight_")?.split_once(' '));
        Self(lines.filter_map(|(name, value)| Some((name.to_owned(), value.trim().parse().ok()?))).collect())
    }

    /// One of them.
    pub fn get(&self, name: &str) -> i64 {
        *self.0.get(name).unwrap_or_else(|| panic!("no metric oversight_{name}"))
    }

    fn sum(&self, names: &[&str]) -> i64 {
        names.iter().map(|name| self.get(name)).sum()
    }

    /// What does not add up; empty where everything does.
    fn differences(&self) -> Vec<String> {
        let equations: [(&[&str], &[&str]); 3] = [
            (&["events_received_total"], &["events_accepted_total", "events_repeated_total", "events_refused_total"]),
            (
                &["events_recovered_total", "events_accepted_total", "events_redriven_total"],
                &[
                    "events_stored_total",
                    "events_already_there_total",
                    "events_dead_lettered_total",
                    "events_lost_total",
                    "events_waiting",
                ],
            ),
            (
                &["dead_letters_found_total", "dead_letters_buried_total"],
                &["dead_letters", "dead_letters_removed_total", "dead_letters_dropped_total"],
            ),
        ];
        let wrong = equations.iter().filter(|(left, right)| self.sum(left) != self.sum(right));
        wrong.map(|(left, right)| format!("{left:?} = {}, {right:?} = {}", self.sum(left), self.sum(right))).collect()
    }
}

/// Holds every event and every dead letter to account: what came in is what became of it. Numbers that are read while
/// something is under way may be a moment apart, so it looks again for a while.
pub async fn assert_accounts(oversight: &Oversight) -> Metrics {
    let started = Instant::now();
    loop {
        let metrics = Metrics::of(oversight).await;
        let wrong = metrics.differences();
        if wrong.is_empty() {
            return metrics;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "the accounts do not add up: {}", wrong.join("; "));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
