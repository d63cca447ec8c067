//! What one record says of its connection. Logins and requests are judged by the rules that captures are judged by, as far as
//! the logs tell what those rules ask for.

use super::kind::Kind;
use super::related::Related;
use super::{
    ANOMALY, ARGUMENT, ASKED_HOST, AUTH_ATTEMPTS, AUTH_SUCCESS, COMMAND, FILE_TYPE, HOST, METHOD, NAME, NOTE, QUERY,
    REPLY, REPLY_TEXT, SERVER_NAME, SIGNATURE, STATUS, URI, USER, USERNAME,
};
use crate::normalise::Scalar;
use crate::normalise::dialect::Dialect;
use crate::normalise::pcap::{Ftp, Http};
use crate::normalise::slots::{ASKED, Slots};
use crate::normalise::zeek::text;

/// A record in the slots.
#[derive(Clone, Copy)]
pub struct Heard<'a> {
    /// Its values.
    pub slots: &'a Slots,
    /// Its text.
    pub body: &'a str,
    /// Whose words it uses.
    pub dialect: Dialect,
}

impl<'a> Heard<'a> {
    /// Puts what it says into `related`.
    pub fn note(self, kind: Kind, related: &mut Related) {
        related.count(kind);
        match kind {
            Kind::Ssh => self.ssh(related),
            Kind::Ftp => self.ftp(related),
            Kind::Http => self.http(related),
            Kind::Dns => related.ask(self.first([QUERY, ASKED])),
            Kind::Tls => related.ask(self.first([SERVER_NAME, ASKED])),
            Kind::Alert => related.say(self.raw(SIGNATURE)),
            Kind::Notice => related.say(self.raw(NOTE)),
            Kind::Weird => self.oddity(NAME, "fragment", related),
            Kind::Anomaly => self.oddity(ANOMALY, "FRAG", related),
            Kind::File => related.carry(self.raw(FILE_TYPE)),
        }
    }

    fn ssh(self, related: &mut Related) {
        let success = match self.slots.at(AUTH_SUCCESS).scalar(self.body) {
            Some(Scalar::Bool(success)) => Some(success),
            Some(Scalar::Str(text)) => Some(text == "T"),
            _ => None,
        };
        let attempts = self.slots.at(AUTH_ATTEMPTS).count(self.body);
        // Suricata tells of greetings only
        if success.is_none() && attempts.is_none() {
            return;
        }
        related.tells(Related::OF_LOGINS);
        let failed = attempts.unwrap_or(0).saturating_sub(u64::from(success == Some(true)));
        let failed = u32::try_from(failed).unwrap_or(u32::MAX);
        related.found.failed_logins = related.found.failed_logins.saturating_add(failed);
        related.found.logged_in |= success == Some(true);
    }

    fn ftp(self, related: &mut Related) {
        related.tells(Related::OF_REQUESTS);
        let (mut session, found) = (Ftp::default(), &mut related.found);
        if let Some(user) = self.plain(USER) {
            found.user(user);
        }
        let replies: Vec<u64> = self.codes().collect();
        let argument = self.plain(ARGUMENT).map(path_of).unwrap_or_default();
        let command = self.plain(COMMAND);
        if let Some(command) = command {
            session.command(&format!("{command} {argument}"), found);
        }
        let explained = self.slots.at(REPLY_TEXT).scalar(self.body);
        let explained = if let Some(Scalar::Str(text)) = &explained { text.as_ref() } else { "" };
        if !replies.is_empty() {
            related.tells(Related::OF_ANSWERS);
        }
        let found = &mut related.found;
        for code in replies {
            session.reply(&format!("{code} {explained}"), found);
            // who may list, fetch or store is in; these may come before
            let before = ["USER", "PASS", "AUTH", "FEAT", "SYST", "OPTS", "HELP", "QUIT"];
            if (125..300).contains(&code) && command.is_some_and(|command| !before.contains(&command)) {
                found.accepted();
            }
        }
    }

    /// The codes of the replies: one, or those of a list of texts.
    fn codes(self) -> impl Iterator<Item = u64> {
        self.slots.at(REPLY).values(self.body).filter_map(|value| match value {
            Scalar::Number(number) => Some(number as u64),
            Scalar::Str(text) => text.parse().ok(),
            Scalar::Bool(_) => None,
        })
    }

    fn http(self, related: &mut Related) {
        related.tells(Related::OF_REQUESTS);
        let (mut session, found) = (Http::default(), &mut related.found);
        // Zeek tells whose credentials were shown; of others a refusal is taken for one of credentials
        if self.dialect != Dialect::Zeek || self.plain(USERNAME).is_some() {
            session.request("authorization: told", found);
        }
        if let Some(path) = text(self.slots.at(URI), self.body) {
            session.request(&format!("{} {path}", self.plain(METHOD).unwrap_or("GET")), found);
        }
        if let Some(status) = self.slots.at(STATUS).count(self.body) {
            session.response(&format!("HTTP/1.1 {status}"), found);
            related.tells(Related::OF_ANSWERS);
        }
        // `host` of Suricata's records is the sensor
        let host = if self.dialect == Dialect::Zeek { HOST } else { ASKED_HOST };
        related.ask(self.first([host, ASKED]));
    }

    /// Something that no protocol allows; `about` is in the names of those that are about fragments.
    fn oddity(self, name: u32, about: &str, related: &mut Related) {
        let name = self.raw(name);
        related.fragments(u8::from(name.is_some_and(|name| name.contains(about))));
        related.say(name);
    }

    fn plain(self, slot: u32) -> Option<&'a str> {
        text(self.slots.at(slot), self.body)
    }

    fn raw(self, slot: u32) -> Option<&'a str> {
        self.slots.at(slot).raw(self.body)
    }

    fn first(self, slots: [u32; 2]) -> Option<&'a str> {
        slots.into_iter().find_map(|slot| self.plain(slot))
    }
}

/// What a command of FTP names: of Zeek's `ftp://host/path` the path.
fn path_of(argument: &str) -> &str {
    let address = argument.strip_prefix("ftp://");
    address.map_or(argument, |rest| rest.find('/').map_or("", |place| &rest[place..]))
}
