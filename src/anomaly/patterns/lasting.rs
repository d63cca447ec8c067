//! Long connections: one that stays open for hours, unless this pair of hosts always has such.
//!
//! The bands are RITA's (1, 4, 8 and 12 hours: none, low, medium, high), for a single connection and not for the sum of a
//! pair's. A connection that is told of again while it is open (Zeek's open_conn.log) counts with the longest duration told.

use std::borrow::Cow;

use serde_json::json;

use super::super::codec::{Damaged, Reader, Writer};
use super::call::{Call, field, text};
use super::finding::{Entity, Finding, Pattern, Shown, TOLD_FROM, between, duration_in_words, strongest_first};
use super::recent::Recent;
use super::ring::Ring;

/// Shares of the threshold, and their severities: with 8 hours 1, 4, 8, 12 and 24 hours.
const BANDS: [(f64, f64); 5] = [(0.125, 0.0), (0.5, 50.0), (1.0, 75.0), (1.5, 90.0), (3.0, 100.0)];
/// Earlier long connections of a pair that are remembered.
const REMEMBERED: usize = 16;
/// So many of them make a custom.
const CUSTOM: usize = 3;
/// What is less than this many times as long as is customary has at most [`CUSTOMARY`] severity.
const UNUSUAL: f64 = 2.0;
const CUSTOMARY: f64 = 40.0;
/// A connection is recorded again when it has become so many times as long.
const GROWN: f64 = 2.0;
/// Seconds by which two logs may differ about when a connection began.
const SAME_START: i64 = 1;

/// Pairs with long connections.
#[derive(Debug)]
pub(super) struct Lasting {
    pub pairs: Recent<Pair>,
    /// Seconds that have severity 75.
    threshold: f64,
}

/// A pair of hosts, and its long connections.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pair {
    source: Box<str>,
    destination: Box<str>,
    port: u16,
    /// When the newest began.
    start: i64,
    /// Seconds that it has been open.
    longest: f64,
    sent: u64,
    /// Seconds at which it was recorded; 0 where it was not.
    told: f64,
    /// Seconds of those before.
    before: Ring<REMEMBERED>,
}

impl Lasting {
    /// Of so many pairs.
    pub(super) fn new(pairs: usize, threshold: f64) -> Self {
        Self { pairs: Recent::new(pairs), threshold }
    }

    /// Takes a call in that began at a second; gives what it shows where it is long.
    pub(super) fn observe(&mut self, call: &Call<'_>, start: i64, from: f32) -> Option<Shown> {
        let seconds = call.duration.filter(|seconds| *seconds >= self.threshold * BANDS[0].0)?;
        let key = call.key();
        let (pair, _) = self.pairs.meet(key, || Pair::new(call, start));
        pair.add(start, seconds, call.sent);
        let severity = pair.severity(self.threshold);
        if severity < TOLD_FROM {
            return None;
        }
        let due = severity >= f64::from(from) && pair.longest >= GROWN * pair.told;
        if due {
            pair.told = pair.longest;
        }
        Some(pair.shown(key, severity, due))
    }

    /// The newest long connection of each pair, the longest first.
    pub(super) fn ranked(&self) -> Vec<Finding> {
        strongest_first(self.pairs.iter().map(|(key, pair)| pair.finding(key, pair.severity(self.threshold))))
    }
}

impl Pair {
    fn new(call: &Call<'_>, start: i64) -> Self {
        Self {
            source: text(call.source),
            destination: text(call.destination),
            port: call.port,
            start,
            longest: 0.0,
            sent: 0,
            told: 0.0,
            before: Ring::default(),
        }
    }

    fn add(&mut self, start: i64, seconds: f64, sent: Option<u64>) {
        if start.abs_diff(self.start) > SAME_START.unsigned_abs() {
            self.before.push(self.longest as u32);
            *self = Self { start, longest: 0.0, sent: 0, told: 0.0, ..self.clone() };
        }
        self.longest = self.longest.max(seconds);
        self.sent = self.sent.max(sent.unwrap_or(0));
    }

    /// The middle one of the durations before, where there were enough.
    fn customary(&self) -> Option<f64> {
        let mut before = self.before.values().to_vec();
        before.sort_unstable();
        (before.len() >= CUSTOM).then(|| f64::from(before[before.len() / 2]))
    }

    fn severity(&self, threshold: f64) -> f64 {
        let severity = between(&BANDS, self.longest / threshold);
        let is_custom = self.customary().is_some_and(|usual| self.longest < UNUSUAL * usual);
        if is_custom { severity.min(CUSTOMARY) } else { severity }
    }
}

impl Entity for Pair {
    const PATTERN: Pattern = Pattern::LongConnection;

    fn values(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let port = Cow::Owned(self.port.to_string());
        [Cow::Borrowed(&*self.source), Cow::Borrowed(&*self.destination), port].into_iter()
    }

    fn value(&self) -> f64 {
        self.longest
    }

    fn finding(&self, key: u64, severity: f64) -> Finding {
        let open = duration_in_words(self.longest);
        let usual = match self.customary() {
            Some(usual) => format!("usual between these two are {}", duration_in_words(usual)),
            None => format!("{} long ones between these two before", self.before.values().len()),
        };
        Finding {
            pattern: Self::PATTERN,
            entity: vec![
                (field("source", &self.source), self.source.to_string()),
                (field("destination", &self.destination), self.destination.to_string()),
                ("destination.port".to_owned(), self.port.to_string()),
            ],
            span: (self.start, self.start.saturating_add(self.longest as i64)),
            value: self.longest,
            severity,
            evidence: json!({
                "seconds": self.longest, "bytes_sent": self.sent, "usual_seconds": self.customary(),
                "long_connections_before": self.before.values().len(),
            }),
            reason: format!(
                "a connection from {} to {} port {} was open for {open}; {usual}",
                self.source, self.destination, self.port
            ),
            key,
        }
    }

    fn save(&self, out: &mut Writer) {
        out.text(&self.source);
        out.text(&self.destination);
        out.u16(self.port);
        out.i64(self.start);
        out.f64(self.longest);
        out.u64(self.sent);
        out.f64(self.told);
        self.before.save(out);
    }

    fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(Self {
            source: input.text()?.into(),
            destination: input.text()?.into(),
            port: input.u16()?,
            start: input.i64()?,
            longest: input.f64()?,
            sent: input.u64()?,
            told: input.f64()?,
            before: Ring::load(input)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::call::tests::call;
    use super::super::finding::tests::restored;
    use super::*;

    const HOUR: f64 = 3600.0;

    fn lasting(hours: f64) -> Call<'static> {
        Call { duration: Some(hours * HOUR), ..call(1, 2, 22, 5_000) }
    }

    #[test]
    fn long_ones_are_told_by_bands_and_recorded_when_they_have_doubled() {
        let mut long = Lasting::new(16, 8.0 * HOUR);
        let hours = [0.5, 2.0, 6.0, 9.0, 12.0, 20.0, 30.0, 45.0];
        let told: Vec<_> = hours
            .iter()
            .map(|hours| {
                long.observe(&lasting(*hours), 100, 75.0).map(|shown| (shown.severity.round(), shown.record.is_some()))
            })
            .collect();
        let expected = [
            None,
            None,
            Some((63.0, false)),
            Some((79.0, true)),
            Some((90.0, false)),
            Some((97.0, true)),
            Some((100.0, false)),
            Some((100.0, true)),
        ];
        assert_eq!(told, expected);
        assert_eq!(long.pairs.len(), 1, "one connection that was told of again and again");
    }

    #[test]
    fn what_these_two_always_have_is_no_finding_unless_it_is_far_longer() {
        let mut long = Lasting::new(16, 8.0 * HOUR);
        let recorded: Vec<bool> = (0..8)
            .map(|day| long.observe(&lasting(9.0), day * 86_400, 75.0).is_some_and(|shown| shown.record.is_some()))
            .collect();
        assert_eq!(recorded, [true, true, true, false, false, false, false, false]);
        let found = long.observe(&lasting(23.0), 9 * 86_400, 75.0).and_then(|shown| shown.record).expect("far longer");
        assert!(found.reason.contains("usual between these two are 9.0 hours"), "{}", found.reason);
        let again = Lasting { pairs: restored(&long.pairs, 16), ..Lasting::new(16, 8.0 * HOUR) };
        assert_eq!(again.ranked(), long.ranked());
    }
}
