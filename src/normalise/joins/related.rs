//! What other records said about one connection, while it is waited for and once it has come.

use super::kind::{KINDS, Kind};
use crate::features::flow::NameShape;
use crate::normalise::connection::{Approximated, Connection, Content};
use crate::normalise::pcap::Findings;

/// Different things said, and types of files, that are kept.
const MOST_SAID: usize = 4;
/// The longest text that is kept, bytes.
const LONGEST: usize = 256;
/// The place of `hot` among the features, the first of the findings.
const HOT: usize = 9;

/// What other records said about a connection.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Related {
    counts: [u8; KINDS.len()],
    /// What was found in what was said in clear text.
    pub(super) found: Findings,
    /// Which features of `found` such records can tell: bits in the order of the features.
    told: u64,
    /// Fragments that were wrong; none where nobody looked.
    fragments: Option<u8>,
    asked: Option<Box<str>>,
    shape: Option<NameShape>,
    said: Vec<Box<str>>,
    carried: Vec<Box<str>>,
}

impl Related {
    /// What a session of SSH tells: `num_failed_logins` and `logged_in`.
    pub(super) const OF_LOGINS: u64 = 0b11 << 10;
    /// What requests of FTP and HTTP tell without their answers: `hot`, `num_shells` and `num_access_files`.
    pub(super) const OF_REQUESTS: u64 = 1 << HOT | 0b11 << 17;
    /// What their answers tell: all else but what a shell would (`root_shell`, `su_attempted`, `num_root`) and
    /// `num_outbound_cmds`.
    pub(super) const OF_ANSWERS: u64 = 0b111 << 10 | 1 << 16 | 0b11 << 20;

    /// How many records of each kind there were, but for the kinds without any; 255 is that many or more.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u8)> + use<> {
        KINDS.into_iter().zip(self.counts).filter(|(_, count)| *count > 0)
    }

    /// The first name that was asked for.
    pub fn asked(&self) -> Option<&str> {
        self.asked.as_deref()
    }

    /// What alerts, notices, anomalies and weird things were called, as it stood between the quotes, escapes and all; each
    /// once, and only the first few.
    pub fn said(&self) -> impl Iterator<Item = &str> {
        self.said.iter().map(AsRef::as_ref)
    }

    /// The types of the files that were seen, as [`said`](Self::said) tells what it tells.
    pub fn carried(&self) -> impl Iterator<Item = &str> {
        self.carried.iter().map(AsRef::as_ref)
    }

    pub(super) fn count(&mut self, kind: Kind) {
        let count = &mut self.counts[kind as usize];
        *count = count.saturating_add(1);
    }

    /// Such records tell these features, be there anything to find or not.
    pub(super) fn tells(&mut self, features: u64) {
        self.told |= features;
    }

    /// Somebody looked at fragments, and so many were wrong.
    pub(super) fn fragments(&mut self, wrong: u8) {
        self.fragments = Some(self.fragments.unwrap_or(0).saturating_add(wrong));
    }

    /// A name was asked for.
    pub(super) fn ask(&mut self, name: Option<&str>) {
        if let Some(name) = name.filter(|name| name.len() <= LONGEST && self.asked.is_none()) {
            self.shape = NameShape::of(name);
            self.asked = self.shape.map(|_| name.into());
        }
    }

    /// Something was given a name.
    pub(super) fn say(&mut self, text: Option<&str>) {
        keep(&mut self.said, text);
    }

    /// A file of this type was seen.
    pub(super) fn carry(&mut self, of_type: Option<&str>) {
        keep(&mut self.carried, of_type);
    }

    /// Puts what was said into a connection, which may know better itself.
    pub(super) fn tell(&self, connection: &mut Connection<'_>) {
        let mut put = |place: usize, value: f32| {
            let content = &mut connection.content.0[place - Content::FIRST];
            if content.is_nan() {
                *content = value;
                connection.approximated.add(Approximated::at(place));
            }
        };
        if let Some(fragments) = self.fragments {
            put(7, f32::from(fragments));
        }
        for (place, (_, value)) in (HOT..).zip(self.found.features()) {
            if self.told >> place & 1 == 1 {
                put(place, value as f32);
            }
        }
        connection.name = connection.name.or(self.shape);
    }
}

/// Each text once, and only the first few.
fn keep(known: &mut Vec<Box<str>>, text: Option<&str>) {
    let short = text.filter(|text| !text.is_empty() && text.len() <= LONGEST);
    if let Some(text) = short.filter(|text| known.len() < MOST_SAID && known.iter().all(|other| **other != **text)) {
        known.push(text.into());
    }
}
