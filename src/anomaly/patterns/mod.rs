//! Patterns that no single connection shows: beacons, long connections, DNS tunnels and generated names, each with the
//! evidence that shows it.
//!
//! As with metrics, what always holds:
//!
//! - **Time is the events'**: the second in which a connection began or a question was asked. Nothing waits for a bucket to
//!   close; a finding stands once the event that completes it was seen.
//! - **Nothing depends on batches**, or on what comes later; a restored state goes on to the digit.
//! - **Bounded**: of each kind at most [`PatternSettings::remembered`] entities. A flood of new ones pushes out those that
//!   have not shown anything yet ([`recent`]).
//! - One finding a day for an entity is recorded; events are told the score of the patterns that they are part of, from a
//!   severity of 50 on.

mod beacon;
mod call;
mod domain;
mod finding;
mod generated;
mod hours;
mod known;
mod lasting;
mod letters;
mod open;
mod question;
mod recent;
mod regular;
mod ring;
mod settings;
mod tunnel;

pub use call::Call;
pub use finding::{Finding, Pattern};
pub use known::Known;
pub use settings::PatternSettings;

use std::borrow::Cow;

use super::codec::{Damaged, Reader, Writer};
use super::fields::Fields;
use super::touched::Touched;
use crate::normalise::Address;
use beacon::Beacons;
use domain::Name;
use finding::{Entity, Shown};
use generated::Generated;
use lasting::Lasting;
use recent::Recent;
use tunnel::Tunnels;

/// The label of a name that somebody registered; none where nobody can have registered it.
pub fn registered_label(name: &str) -> Option<&str> {
    Name::of(name).map(|name| name.label)
}

/// All patterns.
#[derive(Debug)]
pub(super) struct Patterns {
    beacons: Option<Beacons>,
    lasting: Option<Lasting>,
    tunnels: Option<Tunnels>,
    generated: Option<Generated>,
    /// Of whom nothing is told.
    known: Known,
    /// Severity from which a finding is recorded.
    record_from: f32,
    found: Vec<Finding>,
}

impl Patterns {
    /// With nothing seen.
    pub(super) fn new(settings: &PatternSettings, record_from: f32) -> Self {
        let remembered = settings.remembered;
        Self {
            beacons: settings.beacons.map(|threshold| Beacons::new(remembered, threshold)),
            lasting: settings.long_connections.map(|threshold| Lasting::new(remembered, threshold)),
            tunnels: settings.dns_tunnels.map(|threshold| Tunnels::new(remembered, threshold)),
            generated: settings.generated_names.map(|least| Generated::new(remembered, least)),
            known: settings.known.clone(),
            record_from,
            found: Vec::new(),
        }
    }

    /// The paths of events that are read beside their connection.
    pub(super) fn paths(&self) -> impl Iterator<Item = &'static str> + use<> {
        let of_names: &[&str] = if self.looks_at_names() { &question::PATHS } else { &[] };
        let of_open: &[&str] = if self.lasting.is_some() { &open::PATHS } else { &[] };
        of_names.iter().chain(of_open).copied()
    }

    fn looks_at_names(&self) -> bool {
        self.tunnels.is_some() || self.generated.is_some()
    }

    /// Takes in an event of this second; its paths begin at `first`. What it shows is put in `touched`.
    pub(super) fn observe(&mut self, fields: &impl Fields, first: usize, second: i64, touched: &mut Touched) {
        let looks_at_names = self.looks_at_names();
        if let Some(call) = fields.call().filter(|call| !self.known.has_call(call)) {
            self.call(&call, second, touched);
        }
        if let Some(lasting) = &mut self.lasting {
            let behind = if looks_at_names { first + question::PATHS.len() } else { first };
            let mut shown = None;
            open::each(fields, behind, |call| {
                if !self.known.has_call(call) {
                    shown = lasting.observe(call, second, self.record_from);
                }
            });
            self.tell(shown, touched);
        }
        if looks_at_names {
            question::each(fields, first, |asked, name| {
                if self.known.has_name(name) || self.known.has_host(Address::of(asked.client)) {
                    return;
                }
                if let Some(name) = Name::of(name) {
                    let registered = lower_case(name.registered);
                    self.question(asked, &Name { registered: &registered, ..name }, second, touched);
                }
            });
        }
    }

    fn call(&mut self, call: &Call<'_>, second: i64, touched: &mut Touched) {
        let start = call.started.map_or(second, |started| started.seconds());
        let from = self.record_from;
        let beacon = self.beacons.as_mut().and_then(|beacons| beacons.observe(call, start, from));
        self.tell(beacon, touched);
        let lasting = self.lasting.as_mut().and_then(|lasting| lasting.observe(call, start, from));
        self.tell(lasting, touched);
    }

    fn question(&mut self, asked: &question::Question<'_>, name: &Name<'_>, second: i64, touched: &mut Touched) {
        let from = self.record_from;
        let tunnel = self.tunnels.as_mut().and_then(|tunnels| tunnels.observe(asked, name, second, from));
        self.tell(tunnel, touched);
        let generated = self.generated.as_mut().and_then(|generated| generated.observe(asked, name, second, from));
        self.tell(generated, touched);
    }

    fn tell(&mut self, shown: Option<Shown>, touched: &mut Touched) {
        let Some(shown) = shown else { return };
        touched.push_pattern(&shown.in_event, shown.severity);
        self.found.extend(shown.record);
    }

    /// What is to be recorded since the last call.
    pub(super) fn take(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.found)
    }

    /// The `most` strongest entities of each pattern as of now, recorded or not.
    pub(super) fn ranked(&self, most: usize) -> Vec<Finding> {
        let mut ranked = Vec::new();
        let mut add = |list: Option<Vec<Finding>>| ranked.extend(list.into_iter().flatten().take(most));
        add(self.beacons.as_ref().map(Beacons::ranked));
        add(self.lasting.as_ref().map(Lasting::ranked));
        add(self.tunnels.as_ref().map(Tunnels::ranked));
        add(self.generated.as_ref().map(Generated::ranked));
        ranked
    }

    /// Entities that are remembered, and that made room for others.
    pub(super) fn remembered(&self) -> (usize, u64) {
        let counts = [
            self.beacons.as_ref().map(|all| (all.pairs.len(), all.pairs.forgotten())),
            self.lasting.as_ref().map(|all| (all.pairs.len(), all.pairs.forgotten())),
            self.tunnels.as_ref().map(|all| (all.domains.len(), all.domains.forgotten())),
            self.generated.as_ref().map(|all| (all.hosts.len(), all.hosts.forgotten())),
        ];
        counts.into_iter().flatten().fold((0, 0), |sum, (len, forgotten)| (sum.0 + len, sum.1 + forgotten))
    }

    /// Each pattern's state in a piece of its own, so that one that is switched off later is skipped.
    pub(super) fn save(&self, out: &mut Writer) {
        piece(out, self.beacons.as_ref().map(|all| &all.pairs));
        piece(out, self.lasting.as_ref().map(|all| &all.pairs));
        piece(out, self.tunnels.as_ref().map(|all| &all.domains));
        piece(out, self.generated.as_ref().map(|all| &all.hosts));
    }

    pub(super) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), Damaged> {
        take_piece(input, self.beacons.as_mut().map(|all| &mut all.pairs))?;
        take_piece(input, self.lasting.as_mut().map(|all| &mut all.pairs))?;
        take_piece(input, self.tunnels.as_mut().map(|all| &mut all.domains))?;
        take_piece(input, self.generated.as_mut().map(|all| &mut all.hosts))
    }
}

/// Names of DNS mean the same in either case; nearly all come in lower case.
fn lower_case(name: &str) -> Cow<'_, str> {
    match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => name.to_ascii_lowercase().into(),
        false => name.into(),
    }
}

fn piece<T: Entity>(out: &mut Writer, known: Option<&Recent<T>>) {
    let mut inner = Writer::default();
    if let Some(known) = known {
        known.save(&mut inner, T::save);
    }
    let bytes = inner.finish();
    out.u64(bytes.len() as u64);
    out.bytes(&bytes);
}

fn take_piece<T: Entity>(input: &mut Reader<'_>, known: Option<&mut Recent<T>>) -> Result<(), Damaged> {
    let length = usize::try_from(input.u64()?).map_err(|_| Damaged)?;
    let mut inner = Reader::new(input.take(length)?);
    // what was not looked for before, or is not any more, starts anew
    match known {
        Some(known) if length > 0 => {
            known.load(&mut inner, T::load)?;
            if inner.is_empty() { Ok(()) } else { Err(Damaged) }
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
pub(super) mod tests;
