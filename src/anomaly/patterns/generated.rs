//! Names that a program made up (a domain generation algorithm): judged for each host over its last [`NAMES`] different
//! domains, since a single odd name is nothing.
//!
//! The [network of letters](super::super::names) says of each name whether it looks made up, and is wrong about some share of
//! honest ones ([`WRONG`]). How improbable it is that so many of a host's names look so is bounded by W. Hoeffding,
//! "Probability inequalities for sums of bounded random variables" (1963): the share's divergence from [`WRONG`], times
//! the number of names. That is the evidence, on the scale that metrics have.

use std::borrow::Cow;
use std::collections::VecDeque;

use serde_json::json;

use super::super::codec::{Damaged, Reader, Writer};
use super::super::fields::hash_bytes;
use super::super::names::Model;
use super::super::tail;
use super::domain::Name;
use super::finding::{DAY, Entity, Finding, Pattern, Shown, TOLD_FROM, Told, duration_in_words, strongest_first};
use super::question::Question;
use super::recent::Recent;
use super::regular::thousandths;

/// Different domains of a host that are remembered.
const NAMES: usize = 256;
/// The share of honest names that are taken for made up, with room for tongues that the model has not met.
const WRONG: f64 = 0.05;
/// Made-up names from which a host is proven.
const PROVEN: usize = 2;
/// Names that are shown as examples.
const EXAMPLES: usize = 8;

/// All hosts.
#[derive(Debug)]
pub(super) struct Generated {
    pub hosts: Recent<Host>,
    /// Made-up names from which a host is told.
    least: usize,
    model: &'static Model,
}

/// A host, and the domains it asked for last.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Host {
    client: Box<str>,
    /// Of the last [`DAY`].
    domains: VecDeque<Domain>,
    /// How many of them look made up.
    made_up: usize,
    evidence: f32,
    told: Told,
}

#[derive(Debug, Clone, PartialEq)]
struct Domain {
    hash: u64,
    at: i64,
    refused: bool,
    /// The domain, where it looks made up.
    made_up: Option<Box<str>>,
}

impl Generated {
    /// Of so many hosts.
    pub(super) fn new(hosts: usize, least: usize) -> Self {
        Self { hosts: Recent::new(hosts), least, model: Model::shipped() }
    }

    /// Takes a question in, its registered part in lower case; gives what it shows where the host's names look made up.
    pub(super) fn observe(&mut self, asked: &Question<'_>, name: &Name<'_>, at: i64, from: f32) -> Option<Shown> {
        let key = hash_bytes(asked.client.as_bytes());
        let (host, is_proven) = self.hosts.meet(key, || Host::new(asked.client));
        let is_made_up = host.add(name, asked.is_refused(), at, self.model);
        let severity = host.severity(self.least);
        // an event is told for the name it asks for, not for what its host asked for before
        let shown = (severity >= TOLD_FROM && is_made_up).then(|| {
            let due = host.told.is_due(severity, from, at);
            host.shown(key, severity, due)
        });
        if !is_proven && host.made_up >= PROVEN {
            self.hosts.prove(key);
        }
        shown
    }

    /// All hosts that asked for made-up names, the strongest evidence first.
    pub(super) fn ranked(&self) -> Vec<Finding> {
        let asked = self.hosts.iter().filter(|(_, host)| host.made_up > 0);
        strongest_first(asked.map(|(key, host)| host.finding(key, host.severity(self.least))))
    }
}

impl Host {
    fn new(client: &str) -> Self {
        Self { client: client.into(), domains: VecDeque::new(), made_up: 0, evidence: 0.0, told: Told::NEVER }
    }

    /// Whether the name looks made up.
    fn add(&mut self, name: &Name<'_>, refused: bool, at: i64, model: &Model) -> bool {
        let hash = hash_bytes(name.registered.as_bytes());
        if let Some(known) = self.domains.iter_mut().find(|domain| domain.hash == hash) {
            known.refused |= refused;
            return known.made_up.is_some();
        }
        let made_up: Option<Box<str>> = model.is_made_up(name.label).then(|| name.registered.into());
        let is_made_up = made_up.is_some();
        self.domains.retain(|domain| at.saturating_sub(domain.at) < DAY);
        if self.domains.len() >= NAMES {
            self.domains.pop_front();
        }
        self.domains.push_back(Domain { hash, at, refused, made_up });
        self.made_up = self.made_up().count();
        self.evidence = evidence(self.made_up, self.domains.len()) as f32;
        is_made_up
    }

    fn made_up(&self) -> impl Iterator<Item = &Domain> {
        self.domains.iter().filter(|domain| domain.made_up.is_some())
    }

    fn severity(&self, least: usize) -> f64 {
        let severity = tail::severity(self.evidence.into());
        if self.made_up < least { severity.min(TOLD_FROM - 1.0) } else { severity }
    }
}

impl Entity for Host {
    const PATTERN: Pattern = Pattern::GeneratedNames;

    fn values(&self) -> impl Iterator<Item = Cow<'_, str>> {
        std::iter::once(Cow::Borrowed(&*self.client))
    }

    fn value(&self) -> f64 {
        thousandths(self.evidence.into())
    }

    fn finding(&self, key: u64, severity: f64) -> Finding {
        let made_up = self.made_up;
        let refused = self.made_up().filter(|domain| domain.refused).count();
        let examples: Vec<&str> =
            self.made_up().filter_map(|domain| domain.made_up.as_deref()).take(EXAMPLES).collect();
        let times = || self.made_up().map(|domain| domain.at);
        let span = (times().min().unwrap_or(0), times().max().unwrap_or(0));
        Finding {
            pattern: Self::PATTERN,
            entity: vec![(super::call::field("source", &self.client), self.client.to_string())],
            span,
            value: self.value(),
            severity,
            evidence: json!({
                "made_up_names": made_up, "names": self.domains.len(), "refused": refused, "examples": examples,
            }),
            reason: format!(
                "{} asked for {made_up} names that look made up, of {} different ones in {}, and {refused} of them do not exist: {}",
                self.client,
                self.domains.len(),
                duration_in_words((span.1 - span.0) as f64),
                examples.join(", ")
            ),
            key,
        }
    }

    fn save(&self, out: &mut Writer) {
        out.text(&self.client);
        out.u32(self.domains.len() as u32);
        for domain in &self.domains {
            out.u64(domain.hash);
            out.i64(domain.at);
            out.u8(u8::from(domain.refused));
            out.text(domain.made_up.as_deref().unwrap_or(""));
        }
        out.f32(self.evidence);
        out.i64(self.told.0);
    }

    fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let client = input.text()?.into();
        let count = input.count(21)?;
        let domains = (0..count).map(|_| {
            let (hash, at, refused) = (input.u64()?, input.i64()?, input.u8()? != 0);
            let text = input.text()?;
            Ok(Domain { hash, at, refused, made_up: (!text.is_empty()).then(|| text.into()) })
        });
        let domains = domains.collect::<Result<VecDeque<_>, Damaged>>()?;
        if domains.len() > NAMES {
            return Err(Damaged);
        }
        let made_up = domains.iter().filter(|domain| domain.made_up.is_some()).count();
        Ok(Self { client, domains, made_up, evidence: input.f32()?, told: Told(input.i64()?) })
    }
}

/// −log10 of the probability, at most, that so many of these names look made up and are not.
fn evidence(made_up: usize, names: usize) -> f64 {
    let share = made_up as f64 / names.max(1) as f64;
    if share <= WRONG {
        return 0.0;
    }
    let other = |part: f64, of: f64| if part > 0.0 { part * (part / of).ln() } else { 0.0 };
    names as f64 * (other(share, WRONG) + other(1.0 - share, 1.0 - WRONG)) / std::f64::consts::LN_10
}

#[cfg(test)]
mod tests {
    use super::super::finding::tests::restored;
    use super::*;

    fn ask(hosts: &mut Generated, name: &str, at: i64) -> Option<Shown> {
        let asked = Question { client: "10.0.0.9", kind: Some("A"), code: Some("NXDOMAIN") };
        hosts.observe(&asked, &Name::of(name).expect("registered"), at, 75.0)
    }

    const MADE_UP: [&str; 12] = [
        "xjpakmcfuqetrlwo.biz",
        "qkhvbzrjwtxdpmcl.info",
        "vrtbqxkzpmwjhd.net",
        "zqwlkxjvbhtpmr.org",
        "kvxqjzhwtbrmplcd.com",
        "hwzqkxvjtrbpmcld.ru",
        "pxqzkvjwhtbrmlcd.biz",
        "jzqxkvwhtbrpmdlc.info",
        "wqxzjkvhtrbpmlcd.net",
        "bxqzjkvwhtrpmlcd.org",
        "txqzjkvwhbrpmlcd.com",
        "rxqzjkvwhtbpmlcd.ru",
    ];
    const HONEST: [&str; 6] =
        ["wikipedia.org", "microsoft.com", "weather.com", "example.com", "openstreetmap.org", "mozilla.org"];

    #[test]
    fn a_host_that_asks_for_made_up_names_is_told_and_recorded_once() {
        let mut hosts = Generated::new(16, 8);
        let honest = HONEST.iter().map(|name| ask(&mut hosts, name, 0)).collect::<Vec<_>>();
        assert!(honest.iter().all(Option::is_none));
        let told: Vec<_> = (0..).zip(MADE_UP).filter_map(|(at, name)| ask(&mut hosts, name, at)).collect();
        assert_eq!(told.iter().filter(|shown| shown.record.is_some()).count(), 1, "{told:?}");
        assert!(told.last().expect("told").severity > 90.0, "{told:?}");
        let last = &hosts.ranked()[0];
        assert_eq!(last.evidence["refused"], last.evidence["made_up_names"]);
        assert_eq!(last.evidence["made_up_names"], MADE_UP.len());
        assert_eq!(ask(&mut hosts, HONEST[0], 99), None, "an honest name shows nothing");
        let again = Generated { hosts: restored(&hosts.hosts, 16), ..Generated::new(16, 8) };
        assert_eq!(again.ranked(), hosts.ranked());
    }

    #[test]
    fn evidence_grows_with_the_share_and_the_number() {
        assert_eq!(evidence(0, 0), 0.0);
        assert_eq!(evidence(5, 100), 0.0);
        assert!(evidence(8, 8) > 10.0 && evidence(10, 200) == 0.0);
        assert!(evidence(30, 230) > 4.0 && evidence(30, 230) < evidence(30, 100));
    }
}
