//! Beacons: a host that calls another one, or a name, like a clock, over hours.
//!
//! The score is RITA's ([`regular`](super::regular)), counted while calls come, on the last [`CALLS`] calls of a pair and its
//! last 24 hours. Hours count from the pair's own first call: RITA takes all of an imported day, and so sees a beacon that
//! began at noon as half of one.

use std::borrow::Cow;

use serde_json::json;

use super::super::codec::{Damaged, Reader, Writer};
use super::call::{Call, field, text};
use super::finding::{
    DAY, Entity, Finding, Pattern, Shown, TOLD_FROM, Told, between, duration_in_words, strongest_first,
};
use super::hours::Hours;
use super::recent::Recent;
use super::regular::{Spread, flatness, persistence, thousandths};
use super::ring::Ring;
use crate::normalise::Transport;

/// Calls of a pair that are remembered one by one.
const CALLS: usize = 128;
/// Calls from which a pair is proven, so that a scan does not push it out.
const PROVEN: u64 = 4;
/// Calls from which a pair is scored.
const LEAST: u64 = 12;
/// A score is counted anew after so many calls …
const EVERY: u64 = 8;
/// … or so many seconds.
const AFTER: i64 = 1_800;
/// A score that says nothing.
const NOTHING: f64 = 0.5;
/// Hours of which the first and the last one, which are not whole, need not be looked at.
const CUT_FROM: usize = 5;
/// What stands for the protocol in a snapshot.
const TCP: u8 = 6;
const UDP: u8 = 17;
const NAME: u8 = 0;

/// All pairs.
#[derive(Debug)]
pub(super) struct Beacons {
    pub pairs: Recent<Pair>,
    /// The score that has severity 75.
    threshold: f64,
}

/// Who calls whom.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pair {
    source: Box<str>,
    /// An address, or the name that was asked for.
    destination: Box<str>,
    /// None where the destination is a name.
    service: Option<(u16, u8)>,
    first: i64,
    last: i64,
    calls: u64,
    times: Ring<CALLS>,
    sizes: Ring<CALLS>,
    hours: Hours,
    score: f32,
    /// Calls and second of that score.
    scored: (u64, i64),
    told: Told,
}

/// What a score is made of.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Parts {
    interval: Spread,
    size: Spread,
    histogram: f64,
    duration: f64,
    score: f64,
}

impl Beacons {
    /// Of so many pairs.
    pub(super) fn new(pairs: usize, threshold: f64) -> Self {
        Self { pairs: Recent::new(pairs), threshold }
    }

    /// Takes a call in; gives what it shows where the pair is told as a beacon now.
    pub(super) fn observe(&mut self, call: &Call<'_>, at: i64, from: f32) -> Option<Shown> {
        if !call.may_beacon() {
            return None;
        }
        let key = call.name.map_or_else(|| call.key(), |name| call.key_of_name(name));
        let (pair, _) = self.pairs.meet(key, || Pair::new(call, at));
        pair.add(call, at);
        if pair.calls == PROVEN {
            self.pairs.prove(key);
            return None;
        }
        if pair.calls < LEAST {
            return None;
        }
        if pair.is_due() {
            pair.rate();
        }
        let severity = severity(f64::from(pair.score), self.threshold);
        if severity < TOLD_FROM {
            return None;
        }
        let due = pair.told.is_due(severity, from, pair.last);
        Some(pair.shown(key, severity, due))
    }

    /// All pairs that have been scored, with their scores as of now; the most regular first.
    pub(super) fn ranked(&self) -> Vec<Finding> {
        let called = self.pairs.iter().filter(|(_, pair)| pair.calls >= LEAST);
        strongest_first(called.filter_map(|(key, pair)| {
            let parts = pair.parts()?;
            Some(pair.shown_by(key, severity(parts.score, self.threshold), &parts))
        }))
    }
}

/// Severity 0 to 100 of a score.
fn severity(score: f64, threshold: f64) -> f64 {
    between(&[(NOTHING, 0.0), (threshold, 75.0), (1.0, 100.0)], score)
}

impl Pair {
    fn new(call: &Call<'_>, at: i64) -> Self {
        let transport = match call.transport {
            Transport::Udp => UDP,
            _ => TCP,
        };
        Self {
            source: text(call.source),
            destination: call.name.map_or_else(|| text(call.destination), Into::into),
            service: call.name.is_none().then_some((call.port, transport)),
            first: at,
            last: at,
            calls: 0,
            times: Ring::default(),
            sizes: Ring::default(),
            hours: Hours::from(at),
            score: 0.0,
            scored: (0, at),
            told: Told::NEVER,
        }
    }

    fn add(&mut self, call: &Call<'_>, at: i64) {
        self.calls += 1;
        self.first = self.first.min(at);
        self.last = self.last.max(at);
        self.times.push(u32::try_from(at.max(0)).unwrap_or(u32::MAX));
        if let Some(sent) = call.sent {
            self.sizes.push(u32::try_from(sent).unwrap_or(u32::MAX));
        }
        self.hours.add(at);
    }

    /// Counts its score anew.
    fn rate(&mut self) {
        self.score = self.parts().map_or(0.0, |parts| parts.score) as f32;
        self.scored = (self.calls, self.last);
    }

    fn is_due(&self) -> bool {
        let (calls, at) = self.scored;
        self.calls - calls >= EVERY || self.last - at >= AFTER || calls < LEAST
    }

    /// The first second that is looked at.
    fn since(&self) -> i64 {
        self.first.max(self.last - DAY)
    }

    /// The score and its parts; none of too few different times.
    fn parts(&self) -> Option<Parts> {
        let mut times = self.times.values().to_vec();
        times.sort_unstable();
        let mut intervals: Vec<u32> =
            times.windows(2).map(|pair| pair[1] - pair[0]).filter(|seconds| *seconds > 0).collect();
        let interval = Spread::of(&mut intervals, 1.0)?;
        let size = Spread::of(&mut self.sizes.values().to_vec(), 0.0).unwrap_or_default();
        let counts = self.hours.since(self.since());
        let whole = if counts.len() >= CUT_FROM { &counts[1..counts.len() - 1] } else { &counts[..] };
        let histogram = flatness(whole);
        let duration = persistence(&counts, (self.last - self.since()) as f64);
        let score = thousandths((interval.score + size.score + histogram + duration) / 4.0);
        Some(Parts { interval, size, histogram, duration, score })
    }

    fn entity(&self) -> Vec<(String, String)> {
        let destination = match self.service {
            None => "destination.domain".to_owned(),
            Some(_) => field("destination", &self.destination),
        };
        let paths = [field("source", &self.source), destination, "destination.port".to_owned()];
        paths.into_iter().zip(self.values()).map(|(path, value)| (path, value.into_owned())).collect()
    }

    fn evidence(&self, parts: &Parts) -> serde_json::Value {
        json!({
            "calls": self.calls,
            "interval": {"median_seconds": parts.interval.median, "jitter_seconds": parts.interval.deviation},
            "bytes": {"median": parts.size.median, "deviation": parts.size.deviation},
            "span_seconds": self.last - self.since(),
            "hours": self.hours.since(self.since()).iter().filter(|count| **count > 0).count(),
            "parts": {"interval": parts.interval.score, "size": parts.size.score,
                      "histogram": parts.histogram, "duration": parts.duration},
        })
    }

    fn reason(&self, parts: &Parts) -> String {
        let where_to = match self.service {
            None => self.destination.to_string(),
            Some((port, transport)) => {
                let protocol = if transport == UDP { "udp" } else { "tcp" };
                format!("{} port {port}/{protocol}", self.destination)
            }
        };
        format!(
            "{} calls {where_to} like a clock: {} times in {}, every {} (±{:.0} s), {:.0} bytes each (±{:.0}); beacon score {:.3}",
            self.source,
            self.calls,
            duration_in_words((self.last - self.first) as f64),
            duration_in_words(parts.interval.median),
            parts.interval.deviation,
            parts.size.median,
            parts.size.deviation,
            parts.score
        )
    }

    fn shown_by(&self, key: u64, severity: f64, parts: &Parts) -> Finding {
        Finding {
            pattern: Self::PATTERN,
            entity: self.entity(),
            span: (self.since(), self.last),
            value: parts.score,
            severity,
            evidence: self.evidence(parts),
            reason: self.reason(parts),
            key,
        }
    }
}

impl Entity for Pair {
    const PATTERN: Pattern = Pattern::Beacon;

    fn values(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let port = self.service.map(|(port, _)| Cow::Owned(port.to_string()));
        [&self.source, &self.destination].into_iter().map(|host| Cow::Borrowed(&**host)).chain(port)
    }

    fn value(&self) -> f64 {
        thousandths(self.score.into())
    }

    fn finding(&self, key: u64, severity: f64) -> Finding {
        self.shown_by(key, severity, &self.parts().unwrap_or_default())
    }

    fn save(&self, out: &mut Writer) {
        out.text(&self.source);
        out.text(&self.destination);
        let (port, transport) = self.service.unwrap_or((0, NAME));
        out.u16(port);
        out.u8(transport);
        out.i64(self.first);
        out.i64(self.last);
        out.u64(self.calls);
        self.times.save(out);
        self.sizes.save(out);
        self.hours.save(out);
        out.f32(self.score);
        out.u64(self.scored.0);
        out.i64(self.scored.1);
        out.i64(self.told.0);
    }

    fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let (source, destination) = (input.text()?.into(), input.text()?.into());
        let (port, transport) = (input.u16()?, input.u8()?);
        let pair = Self {
            source,
            destination,
            service: (transport != NAME).then_some((port, transport)),
            first: input.i64()?,
            last: input.i64()?,
            calls: input.u64()?,
            times: Ring::load(input)?,
            sizes: Ring::load(input)?,
            hours: Hours::load(input)?,
            score: input.f32()?,
            scored: (input.u64()?, input.i64()?),
            told: Told(input.i64()?),
        };
        if pair.first > pair.last || pair.scored.0 > pair.calls { Err(Damaged) } else { Ok(pair) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::super::call::tests::call;
    use super::super::finding::tests::restored;
    use super::*;

    const FROM: f32 = 75.0;

    /// Calls at these seconds, each of so many bytes; what is recorded.
    fn feed(beacons: &mut Beacons, calls: impl IntoIterator<Item = (i64, u64)>) -> Vec<Finding> {
        let told = calls.into_iter().filter_map(|(at, sent)| beacons.observe(&call(7, 77, 443, sent), at, FROM));
        told.filter_map(|shown| shown.record).collect()
    }

    /// A call every minute, two seconds early or late.
    fn clock(from: i64, calls: i64) -> impl Iterator<Item = (i64, u64)> {
        (0..calls).map(move |n| (from + n * 60 + (n * 7 % 5) - 2, 412))
    }

    #[test]
    fn a_clock_is_told_after_hours_and_once_a_day() {
        let mut beacons = Beacons::new(100, 0.8);
        let told = feed(&mut beacons, clock(1_000_000, 60 * 30));
        assert_eq!(told.len(), 2, "{told:?}");
        let hours = (told[0].span.1 - 1_000_000) / 3600;
        assert!((4..8).contains(&hours), "{hours} hours");
        let interval = told[0].evidence["interval"]["median_seconds"].as_f64().expect("a number");
        assert!((58.0..=62.0).contains(&interval), "{interval}");
        assert_eq!(told[0].evidence["bytes"], json!({"median": 412.0, "deviation": 0.0}));
        assert!(told[0].reason.contains("10.0.0.7 calls 10.0.0.77 port 443/tcp like a clock"), "{}", told[0].reason);
        assert!(told[1].value > 0.95 && told[1].severity > 90.0, "{told:?}");
    }

    #[test]
    fn who_calls_when_he_likes_is_no_beacon() {
        let mut beacons = Beacons::new(100, 0.8);
        let (mut at, mut step) = (0, 1_u64);
        let told = feed(
            &mut beacons,
            (0..3_000).map(|_| {
                step = step.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                // waits whose logarithm is even, up to an hour
                at += (3_600_f64.powf((step >> 33) as f64 / (1_u64 << 31) as f64)) as i64;
                (at, 200 + (step >> 50))
            }),
        );
        assert_eq!(told, []);
        assert!(beacons.ranked()[0].value < 0.7, "{:?}", beacons.ranked()[0]);
    }

    #[test]
    fn a_scan_of_many_hosts_does_not_push_a_beacon_out() {
        let mut beacons = Beacons::new(2_000, 0.8);
        feed(&mut beacons, clock(0, 600));
        for host in 0..100_000 {
            beacons.observe(&call(9, host, 80, 0), 36_000, FROM);
        }
        assert!(beacons.pairs.len() <= 2_000);
        let first = &beacons.ranked()[0];
        assert_eq!(first.entity[0].1, "10.0.0.7");
        assert!(first.value > 0.8, "{first:?}");
    }

    proptest! {
        #[test]
        fn nothing_depends_on_what_comes_later_or_on_a_restart(
            steps in proptest::collection::vec((0_i64..2_000, 0_u64..3, any::<bool>()), 1..300), cut in 0_usize..300
        ) {
            let calls: Vec<_> = steps.iter().scan(0, |at, (step, sent, other)| {
                *at += step;
                Some((*at, *sent, if *other { 5 } else { 6 }))
            }).collect();
            let cut = cut.min(calls.len());
            let observe = |beacons: &mut Beacons, (at, sent, to): (i64, u64, u32)| {
                beacons.observe(&call(1, to, 80, sent), at, 20.0)
            };
            let mut whole = Beacons::new(8, 0.6);
            let all: Vec<_> = calls.iter().map(|call| observe(&mut whole, *call)).collect();
            let mut part = Beacons::new(8, 0.6);
            let before: Vec<_> = calls[..cut].iter().map(|call| observe(&mut part, *call)).collect();
            prop_assert_eq!(&before[..], &all[..cut]);
            let mut restored = Beacons { pairs: restored(&part.pairs, 8), ..Beacons::new(8, 0.6) };
            let after: Vec<_> = calls[cut..].iter().map(|call| observe(&mut restored, *call)).collect();
            prop_assert_eq!(&after[..], &all[cut..]);
            prop_assert_eq!(restored.ranked(), whole.ranked());
        }
    }
}
