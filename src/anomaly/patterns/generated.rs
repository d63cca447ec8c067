//! Names that a program made up (a domain generation algorithm): judged for each host over its last [`NAMES`] different
//! domains, since a single odd name is nothing.
//!
//! The [network of letters](super::super::names) says of each name whether it looks made up, and is wrong about some share of
//! honest ones ([`WRONG`]). How improbable it is that so many of a host's names look so is bounded by W. Hoeffding,
//! "Probability inequalities for sums of bounded random variables" (1963): the share's divergence from [`WRONG`], times
//! the number of names. That is the evidence, on the scale that metrics have.

use std::collections::VecDeque;

use serde_json::json;

use super::super::codec::{Damaged, Reader, Writer};
use super::super::fields::hash_bytes;
use super::super::names::Model;
use super::super::tail;
use super::domain::Name;
use super::finding::{Finding, Pattern, Told, duration_in_words};
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
/// Severity from which an event is told, and which a host has at most that asked for too few made-up names.
const TOLD_FROM: f64 = 50.0;
/// Domains are forgotten after a day.
const DAY: i64 = 86_400;

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
    domains: VecDeque<Domain>,
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

    /// Takes a question in; gives the finding where the host's names look made up, and whether that is to be recorded.
    pub(super) fn observe(
        &mut self,
        asked: &Question<'_>,
        name: &Name<'_>,
        at: i64,
        from: f32,
    ) -> Option<(Finding, bool)> {
        let key = hash_bytes(asked.client.as_bytes());
        let (model, least) = (self.model, self.least);
        let host = self.hosts.meet(key, || Host::new(asked.client));
        host.add(name, asked.is_refused(), at, model);
        if host.made_up().count() >= PROVEN {
            self.hosts.prove(key);
        }
        let host = self.hosts.get(key)?;
        let severity = host.severity(least);
        // an event is told for the name it asks for, not for what its host asked for before
        let hash = hash_bytes(name.registered.to_ascii_lowercase().as_bytes());
        let shows = || host.domains.iter().any(|domain| domain.hash == hash && domain.made_up.is_some());
        if severity < TOLD_FROM || !shows() {
            return None;
        }
        let due = host.told.is_due(severity, from, at);
        Some((host.finding(key, severity), due))
    }

    /// All hosts that asked for made-up names, the strongest evidence first.
    pub(super) fn ranked(&self) -> Vec<Finding> {
        let mut ranked: Vec<Finding> = self
            .hosts
            .iter()
            .filter(|(_, host)| host.made_up().next().is_some())
            .map(|(key, host)| host.finding(key, host.severity(self.least)))
            .collect();
        ranked.sort_by(|one, other| other.value.total_cmp(&one.value).then_with(|| one.entity.cmp(&other.entity)));
        ranked
    }

    pub(super) fn save(&self, out: &mut Writer) {
        self.hosts.save(out, Host::save);
    }

    pub(super) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), Damaged> {
        self.hosts.load(input, Host::load)
    }
}

impl Host {
    fn new(client: &str) -> Self {
        Self { client: client.into(), domains: VecDeque::new(), evidence: 0.0, told: Told::NEVER }
    }

    fn add(&mut self, name: &Name<'_>, refused: bool, at: i64, model: &Model) {
        let registered = name.registered.to_ascii_lowercase();
        let hash = hash_bytes(registered.as_bytes());
        if let Some(known) = self.domains.iter_mut().find(|domain| domain.hash == hash) {
            known.refused |= refused;
            return;
        }
        let made_up = model.is_made_up(name.label).then(|| registered.into());
        self.domains.retain(|domain| at.saturating_sub(domain.at) < DAY);
        if self.domains.len() >= NAMES {
            self.domains.pop_front();
        }
        self.domains.push_back(Domain { hash, at, refused, made_up });
        self.evidence = evidence(self.made_up().count(), self.domains.len()) as f32;
    }

    fn made_up(&self) -> impl Iterator<Item = &Domain> {
        self.domains.iter().filter(|domain| domain.made_up.is_some())
    }

    fn severity(&self, least: usize) -> f64 {
        let severity = tail::severity(self.evidence.into());
        if self.made_up().count() < least { severity.min(TOLD_FROM - 1.0) } else { severity }
    }

    fn finding(&self, key: u64, severity: f64) -> Finding {
        let made_up = self.made_up().count();
        let refused = self.made_up().filter(|domain| domain.refused).count();
        let examples: Vec<&str> =
            self.made_up().filter_map(|domain| domain.made_up.as_deref()).take(EXAMPLES).collect();
        let times = || self.made_up().map(|domain| domain.at);
        let span = (times().min().unwrap_or(0), times().max().unwrap_or(0));
        Finding {
            pattern: Pattern::GeneratedNames,
            entity: vec![(super::call::field("source", &self.client), self.client.to_string())],
            span,
            value: thousandths(self.evidence.into()),
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
        Ok(Self { client, domains, evidence: input.f32()?, told: Told(input.i64()?) })
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
    use super::*;

    fn ask(hosts: &mut Generated, name: &str, at: i64) -> Option<(Finding, bool)> {
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
        assert_eq!(told.iter().filter(|(_, due)| *due).count(), 1, "{told:?}");
        let (last, _) = told.last().expect("told");
        assert_eq!(last.evidence["refused"], last.evidence["made_up_names"]);
        assert!(last.severity > 90.0, "{last:?}");
        assert_eq!(ask(&mut hosts, HONEST[0], 99), None, "an honest name shows nothing");
        let mut out = Writer::default();
        hosts.save(&mut out);
        let mut again = Generated::new(16, 8);
        again.load(&mut Reader::new(&out.finish())).expect("whole");
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
