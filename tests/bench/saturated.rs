//! What the whole way takes in and stores while more comes than it can store, with and without enrichment.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::load::{self, Outcome, Template};
use crate::process::Oversight;
use crate::sink::Swallow as Sink;

/// Both ways and the floor are measured so many times, by turns: single runs differ by more than what is looked for.
pub const TURNS: usize = 15;

/// One oversight, and what was measured of it.
pub struct Way<'a> {
    oversight: Oversight,
    sink: &'a Sink,
    turns: Vec<Turn>,
}

struct Turn {
    stored_rate: f64,
    delivered_during: f64,
    per_cpu_second: f64,
    answers: Outcome,
}

impl<'a> Way<'a> {
    /// Starts it, warm.
    pub async fn start(data: &Path, template: &Template, sink: &'a Sink, enrich: bool, length: Duration) -> Self {
        let oversight = crate::start(data, &format!("http://127.0.0.1:{}", sink.port), enrich);
        load::send(oversight.port, template, 2, length / 4, None).await;
        crate::drain(&oversight).await;
        Self { oversight, sink, turns: Vec::new() }
    }

    /// Sends as much as it answers for `length`, and waits until that is stored; gives events stored in a second of CPU time.
    pub async fn turn(&mut self, template: &Template, length: Duration) -> f64 {
        let (before, cpu, started) = (self.sink.documents(), self.oversight.cpu(), Instant::now());
        let answers = load::send(self.oversight.port, template, crate::CONNECTIONS, length, None).await;
        let during = self.sink.documents() - before;
        crate::drain(&self.oversight).await;
        let (took, spent) = (started.elapsed(), self.oversight.cpu() - cpu);
        let stored = (self.sink.documents() - before) as f64;
        let per_cpu_second = stored / spent.as_secs_f64();
        self.turns.push(Turn {
            stored_rate: stored / took.as_secs_f64(),
            delivered_during: during as f64 / stored,
            per_cpu_second,
            answers,
        });
        per_cpu_second
    }

    /// Events stored in a second; median of the turns.
    pub fn stored_rate(&self) -> f64 {
        self.median(|turn| turn.stored_rate)
    }

    /// Prints medians of the turns, and of all of them together the answer times.
    pub fn print(&self, name: &str) {
        let mut answers: Vec<Duration> = self.turns.iter().flat_map(|turn| &turn.answers.answers).copied().collect();
        answers.sort_unstable();
        let refused = self.turns.iter().map(|turn| turn.answers.refused).sum();
        println!(
            "{name:<15} in {:>8.0} events/s  stored {:>8.0} events/s ({:.1} % during the load)  {:>8.0} events/CPU-s",
            self.median(|turn| turn.answers.answered as f64 / turn.answers.took.as_secs_f64()),
            self.stored_rate(),
            100.0 * self.median(|turn| turn.delivered_during),
            self.median(|turn| turn.per_cpu_second)
        );
        let all = Outcome { answered: 0, refused, answers, took: Duration::ZERO };
        println!(
            "{:<15} answers p50 {:.1} ms  p99 {:.1} ms  not 200: {}  peak resident {} MiB",
            "",
            crate::millis(all.quantile(0.5)),
            crate::millis(all.quantile(0.99)),
            all.refused,
            self.oversight.peak_resident() >> 20
        );
    }

    fn median(&self, of: impl Fn(&Turn) -> f64) -> f64 {
        median(self.turns.iter().map(of).collect())
    }
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
