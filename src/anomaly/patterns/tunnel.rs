//! DNS tunnels: how many bytes the names that one host asks for below one domain could carry.
//!
//! That is the number of different names, times their letters, times the entropy of those letters (Shannon), as Elastic's
//! "high information content" takes it; times the share of names that were not asked for before, for a tunnel must not
//! repeat itself (or caches would answer); and more where record types that carry data are asked for. It needs no list
//! of what is benign: a browser's names below `google.com` carry some hundred bytes a day, for they come again. RITA counts
//! names alone, from 100 on.

use std::borrow::Cow;

use serde_json::json;

use super::super::codec::{Damaged, Reader, Writer};
use super::super::distinct::Distinct;
use super::super::fields::{hash_bytes, mix};
use super::domain::Name;
use super::finding::{
    DAY, Entity, Finding, Pattern, Shown, TOLD_FROM, Told, between, duration_in_words, strongest_first,
};
use super::letters::Letters;
use super::question::Question;
use super::recent::Recent;

/// Record types that answers carry data in, beyond addresses and what browsers ask for.
const CARRIERS: [&str; 9] = ["NULL", "TXT", "PRIVATE", "CNAME", "MX", "KEY", "SRV", "NAPTR", "A6"];
/// A name asked for by such a type counts so many times more.
const CARRIER_WEIGHT: f64 = 3.0;
/// Different names from which a domain is proven.
const PROVEN: f64 = 16.0;
/// Different names from which a domain is scored.
const LEAST: f64 = 10.0;
/// Shares of the threshold, and their severities.
const BANDS: [(f64, f64); 5] = [(0.25, 0.0), (0.5, 50.0), (1.0, 75.0), (4.0, 90.0), (16.0, 100.0)];
/// The score is counted anew after so many questions.
const EVERY: u64 = 8;

/// All hosts and domains.
#[derive(Debug)]
pub(super) struct Tunnels {
    pub domains: Recent<Domain>,
    /// Bytes that have severity 75.
    threshold: f64,
}

/// What one host asked for below one domain within a day.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Domain {
    client: Box<str>,
    registered: Box<str>,
    first: i64,
    last: i64,
    questions: u64,
    carriers: u64,
    refused: u64,
    names: Distinct,
    /// Names whose letters were counted: all of the first ones, and of many a sample.
    counted: u32,
    letters: Letters,
    longest: Box<str>,
    bytes: f32,
    told: Told,
}

impl Tunnels {
    /// Of so many domains of hosts.
    pub(super) fn new(domains: usize, threshold: f64) -> Self {
        Self { domains: Recent::new(domains), threshold }
    }

    /// Takes a question in, its registered part in lower case; gives what it shows where its domain looks like a tunnel.
    pub(super) fn observe(&mut self, asked: &Question<'_>, name: &Name<'_>, at: i64, from: f32) -> Option<Shown> {
        if name.below.is_empty() {
            return None;
        }
        let key = mix(hash_bytes(asked.client.as_bytes()), hash_bytes(name.registered.as_bytes()));
        let (domain, is_proven) = self.domains.meet(key, || Domain::new(asked.client, name.registered, at));
        domain.add(asked, name, at);
        let severity = between(&BANDS, f64::from(domain.bytes) / self.threshold);
        let shown = (severity >= TOLD_FROM).then(|| {
            let due = domain.told.is_due(severity, from, at);
            domain.shown(key, severity, due)
        });
        if !is_proven && domain.names.estimate() >= PROVEN {
            self.domains.prove(key);
        }
        shown
    }

    /// All domains of all hosts, those whose names could carry most first.
    pub(super) fn ranked(&self) -> Vec<Finding> {
        let scored = self.domains.iter().filter(|(_, domain)| domain.names.estimate() >= LEAST);
        strongest_first(scored.map(|(key, domain)| {
            let now = Domain { bytes: domain.carried() as f32, ..domain.clone() };
            now.finding(key, between(&BANDS, f64::from(now.bytes) / self.threshold))
        }))
    }
}

impl Domain {
    fn new(client: &str, registered: &str, at: i64) -> Self {
        Self {
            client: client.into(),
            registered: registered.into(),
            first: at,
            last: at,
            questions: 0,
            carriers: 0,
            refused: 0,
            names: Distinct::new(),
            counted: 0,
            letters: Letters::new(),
            longest: "".into(),
            bytes: 0.0,
            told: Told::NEVER,
        }
    }

    fn add(&mut self, asked: &Question<'_>, name: &Name<'_>, at: i64) {
        if at.saturating_sub(self.first) >= DAY {
            let told = self.told;
            *self = Self { told, ..Self::new(&self.client, &self.registered, at) };
        }
        self.last = self.last.max(at);
        self.questions += 1;
        self.carriers += u64::from(asked.kind.is_some_and(|kind| CARRIERS.contains(&kind)));
        self.refused += u64::from(asked.is_refused());
        // names differ by more than their case, but what a tunnel says may lie in it
        if self.names.insert(hash_bytes(name.below.as_bytes())) {
            self.counted += 1;
            self.letters.add(name.below);
            if name.below.len() > self.longest.len() {
                self.longest = name.below.into();
            }
        }
        if self.questions < 2 * EVERY || self.questions.is_multiple_of(EVERY) {
            self.bytes = self.carried() as f32;
        }
    }

    /// Bytes that the names could carry.
    fn carried(&self) -> f64 {
        let names = self.names.estimate();
        if names < LEAST || self.counted == 0 {
            return 0.0;
        }
        let letters = self.letters.count() as f64 / f64::from(self.counted);
        let new = (names / self.questions as f64).min(1.0);
        let carriers = self.carriers as f64 / self.questions as f64;
        names * letters * self.letters.entropy() / 8.0 * new * (1.0 + CARRIER_WEIGHT * carriers)
    }
}

impl Entity for Domain {
    const PATTERN: Pattern = Pattern::DnsTunnel;

    fn values(&self) -> impl Iterator<Item = Cow<'_, str>> {
        [&self.client, &self.registered].into_iter().map(|value| Cow::Borrowed(&**value))
    }

    fn value(&self) -> f64 {
        f64::from(self.bytes).round()
    }

    fn finding(&self, key: u64, severity: f64) -> Finding {
        let names = self.names.estimate().round();
        let letters = self.letters.count() as f64 / f64::from(self.counted.max(1));
        Finding {
            pattern: Self::PATTERN,
            entity: vec![
                (super::call::field("source", &self.client), self.client.to_string()),
                ("dns.question.registered_domain".to_owned(), self.registered.to_string()),
            ],
            span: (self.first, self.last),
            value: self.value(),
            severity,
            evidence: json!({
                "names": names, "questions": self.questions, "letters_per_name": letters.round(),
                "bits_per_letter": super::regular::thousandths(self.letters.entropy()),
                "questions_for_data": self.carriers, "refused": self.refused, "longest": self.longest,
            }),
            reason: format!(
                "{} asked for {names} different names below {} in {}, of {letters:.0} letters with {:.1} bits each: they could \
                 carry {:.0} bytes (weighted by newness and record type)",
                self.client,
                self.registered,
                duration_in_words((self.last - self.first) as f64),
                self.letters.entropy(),
                self.bytes
            ),
            key,
        }
    }

    fn save(&self, out: &mut Writer) {
        out.text(&self.client);
        out.text(&self.registered);
        out.i64(self.first);
        out.i64(self.last);
        [self.questions, self.carriers, self.refused].into_iter().for_each(|count| out.u64(count));
        self.names.save(out);
        out.u32(self.counted);
        self.letters.save(out);
        out.text(&self.longest);
        out.f32(self.bytes);
        out.i64(self.told.0);
    }

    fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(Self {
            client: input.text()?.into(),
            registered: input.text()?.into(),
            first: input.i64()?,
            last: input.i64()?,
            questions: input.u64()?,
            carriers: input.u64()?,
            refused: input.u64()?,
            names: Distinct::load(input)?,
            counted: input.u32()?,
            letters: Letters::load(input)?,
            longest: input.text()?.into(),
            bytes: input.f32()?,
            told: Told(input.i64()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::tests::restored;
    use super::*;

    fn ask(tunnels: &mut Tunnels, name: &str, kind: &str, at: i64) -> Option<Shown> {
        let asked = Question { client: "10.0.2.30", kind: Some(kind), code: None };
        tunnels.observe(&asked, &Name::of(name).expect("registered"), at, 75.0)
    }

    /// A name of `letters` letters that differs from all others.
    fn made_up(number: u64, letters: usize) -> String {
        const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz012345";
        let mut state = number;
        let mut letter = || {
            state = mix(state, 0x9e37);
            char::from(LETTERS[(state % 32) as usize])
        };
        (0..letters).map(|_| letter()).collect()
    }

    #[test]
    fn a_tunnel_is_told_within_seconds_and_recorded_once() {
        let mut tunnels = Tunnels::new(64, 512.0);
        let told: Vec<_> = (0..400)
            .filter_map(|n| ask(&mut tunnels, &format!("{}.t.example", made_up(n, 30)), "TXT", n as i64))
            .collect();
        let recorded: Vec<_> = told.iter().filter_map(|shown| shown.record.as_ref()).collect();
        assert_eq!(recorded.len(), 1);
        assert!(recorded[0].span.1 < 20, "{:?}", recorded[0]);
        let most = &tunnels.ranked()[0];
        assert!(most.severity > 95.0 && most.evidence["questions_for_data"] == 400, "{most:?}");
        assert!((most.value / (400.0 * 30.0 * 5.0 / 8.0 * 4.0) - 1.0).abs() < 0.1, "{most:?}");
    }

    #[test]
    fn a_browser_and_many_hosts_of_a_network_are_no_tunnel() {
        let mut tunnels = Tunnels::new(64, 512.0);
        for n in 0..20_000 {
            let name = format!("{}.cdn.example", made_up(n % 20, 14));
            assert_eq!(ask(&mut tunnels, &name, "A", n as i64), None, "{name} the {n}th time");
            assert_eq!(ask(&mut tunnels, "www.example.com", "A", n as i64), None);
        }
    }

    #[test]
    fn a_restart_changes_nothing() {
        let mut whole = Tunnels::new(64, 512.0);
        let names: Vec<String> = (0..300).map(|n| format!("{}.t{}.example", made_up(n, 20), n % 3)).collect();
        for (at, name) in (0..).zip(&names[..150]) {
            ask(&mut whole, name, "A", at);
        }
        let mut again = Tunnels { domains: restored(&whole.domains, 64), ..Tunnels::new(64, 512.0) };
        for (at, name) in (150..).zip(&names[150..]) {
            assert_eq!(ask(&mut again, name, "A", at), ask(&mut whole, name, "A", at));
        }
        assert_eq!(again.ranked(), whole.ranked());
    }
}
