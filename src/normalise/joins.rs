//! What other records say about a connection: Zeek's ssl, http, dns, ssh, ftp, files, weird and notice by `uid`,
//! Suricata's alert, anomaly, dns, http, tls, ssh and fileinfo by `flow_id`.
//!
//! Both write a connection when it has ended, and the others while it goes on, so these mostly come first: they wait
//! here for it, and go when it comes. It then has what they tell of its content (KDD-99's `logged_in`,
//! `num_failed_logins`, `is_guest_login`, `wrong_fragment`, all of them estimates) and their number. One that comes
//! behind its connection changes nothing: that document has been written.
//!
//! Memory: [`MOST`] connections are waited for, 8 MiB. Of more the one that was heard of least recently is forgotten.

use std::hash::{BuildHasher, Hash};

use lru::LruCache;
use rustc_hash::FxBuildHasher;

use super::connection::{Approximated, Connection, Content};
use super::dialect::Dialect;
use super::slots::{self, STREAM, Slots, UID};
use super::suricata::{EVENT_TYPE, FLOW_ID};
use super::{Scalar, vpc};

slots::slots! { vpc::END;
    /// ssh: whether somebody got in.
    AUTH_SUCCESS: "auth_success";
    /// ssh: how often it was tried.
    AUTH_ATTEMPTS: "auth_attempts";
    /// http: the answer.
    STATUS: "status_code" | "http.status";
    /// ftp: the answer.
    REPLY: "reply_code";
    /// ftp: who.
    USER: "user";
    /// weird: what.
    NAME: "name";
    /// notice: what.
    NOTE: "note";
    /// anomaly: what.
    ANOMALY: "anomaly.event" | "event.anomaly.event" | "suricata.eve.anomaly.event";
    /// dns: the question.
    QUERY: "query";
    /// ssl: how it is encrypted.
    CIPHER: "cipher";
    /// files: of which connections.
    CONN_UIDS: "conn_uids";
    /// files: which.
    FUID: "fuid";
}

/// Connections that are waited for.
const MOST: usize = 65_536;

/// The kinds of records, in the order of [`KINDS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Alert,
    Anomaly,
    Dns,
    File,
    Ftp,
    Http,
    Notice,
    Ssh,
    Tls,
    Weird,
}

/// The names of the kinds.
const KINDS: [&str; 10] = ["alert", "anomaly", "dns", "file", "ftp", "http", "notice", "ssh", "tls", "weird"];

/// What other records said about a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Related {
    counts: [u8; KINDS.len()],
    logged_in: Option<bool>,
    failed_logins: Option<u8>,
    guest: Option<bool>,
    fragments: Option<u8>,
}

impl Related {
    /// How many records of each kind there were, but for the kinds without any; 255 is that many or more.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u8)> + use<> {
        KINDS.into_iter().zip(self.counts).filter(|(_, count)| *count > 0)
    }

    fn count(&mut self, kind: Kind) {
        let count = &mut self.counts[kind as usize];
        *count = count.saturating_add(1);
    }

    fn fail_login(&mut self, times: u8) {
        self.failed_logins = Some(self.failed_logins.unwrap_or(0).saturating_add(times));
    }

    /// Puts what was said into a connection.
    fn tell(&self, connection: &mut Connection<'_>) {
        let flag = |told: Option<bool>| told.map(u8::from);
        for (place, value) in
            [(7, self.fragments), (10, self.failed_logins), (11, flag(self.logged_in)), (21, flag(self.guest))]
        {
            if let Some(value) = value {
                connection.content.0[place - Content::FIRST] = f32::from(value);
                connection.approximated.add(Approximated::at(place));
            }
        }
    }
}

/// What was said about connections that have not come yet.
#[derive(Debug)]
pub struct Joins {
    waiting: LruCache<u64, Related, FxBuildHasher>,
}

impl Default for Joins {
    /// Nothing.
    fn default() -> Self {
        Self { waiting: LruCache::unbounded_with_hasher(FxBuildHasher) }
    }
}

impl Joins {
    /// Keeps what the record in the slots, which is no connection, says about one.
    pub fn hear(&mut self, slots: &Slots, body: &str, dialect: Dialect) {
        let heard = match dialect {
            Dialect::Zeek => kind_of_zeek(slots, body),
            Dialect::Suricata => kind_of_eve(slots, body),
            _ => None,
        };
        if let Some((kind, key)) = heard.zip(key(slots, body)) {
            if self.waiting.len() >= MOST && !self.waiting.contains(&key) {
                self.waiting.pop_lru();
            }
            let related = self.waiting.get_or_insert_mut(key, Related::default);
            related.count(kind);
            note(related, kind, slots, body);
        }
    }

    /// Puts what was said about the connection in the slots into it.
    pub fn tell(&mut self, slots: &Slots, body: &str, connection: &mut Connection<'_>) -> Related {
        if self.waiting.is_empty() {
            return Related::default();
        }
        let related = key(slots, body).and_then(|key| self.waiting.pop(&key)).unwrap_or_default();
        related.tell(connection);
        related
    }
}

/// The identity of a connection.
fn key(slots: &Slots, body: &str) -> Option<u64> {
    fn hash(of: impl Hash) -> u64 {
        FxBuildHasher.hash_one(of)
    }
    if let Some(uid) = slots.at(UID).plain(body) {
        return Some(hash(uid));
    }
    match slots.at(CONN_UIDS).values(body).next() {
        Some(Scalar::Str(uid)) => Some(hash(&*uid)),
        _ => slots.at(FLOW_ID).count(body).map(hash),
    }
}

fn kind_of_zeek(slots: &Slots, body: &str) -> Option<Kind> {
    let there = |slot: u32| slots.at(slot).is_there();
    Some(match slots.at(STREAM).plain(body) {
        Some("dns") => Kind::Dns,
        Some("files") => Kind::File,
        Some("ftp") => Kind::Ftp,
        Some("http") => Kind::Http,
        Some("notice") => Kind::Notice,
        Some("ssh") => Kind::Ssh,
        Some("ssl") => Kind::Tls,
        Some("weird") => Kind::Weird,
        Some(_) => return None,
        // by what only that log has
        None if there(NOTE) => Kind::Notice,
        None if there(AUTH_ATTEMPTS) => Kind::Ssh,
        None if there(REPLY) => Kind::Ftp,
        None if there(STATUS) => Kind::Http,
        None if there(QUERY) => Kind::Dns,
        None if there(CIPHER) => Kind::Tls,
        None if there(FUID) => Kind::File,
        None if there(NAME) => Kind::Weird,
        None => return None,
    })
}

fn kind_of_eve(slots: &Slots, body: &str) -> Option<Kind> {
    Some(match slots.at(EVENT_TYPE).plain(body)? {
        "alert" => Kind::Alert,
        "anomaly" => Kind::Anomaly,
        "dns" => Kind::Dns,
        "fileinfo" => Kind::File,
        "ftp" => Kind::Ftp,
        "http" => Kind::Http,
        "ssh" => Kind::Ssh,
        "tls" => Kind::Tls,
        _ => return None,
    })
}

/// What the record says of the connection's content.
fn note(related: &mut Related, kind: Kind, slots: &Slots, body: &str) {
    let count = |slot: u32| slots.at(slot).count(body);
    match kind {
        Kind::Ssh => {
            let success = match slots.at(AUTH_SUCCESS).scalar(body) {
                Some(Scalar::Bool(success)) => Some(success),
                Some(Scalar::Str(text)) => Some(text == "T"),
                _ => None,
            };
            if let Some(attempts) = count(AUTH_ATTEMPTS) {
                let failed = attempts.saturating_sub(u64::from(success == Some(true)));
                related.fail_login(u8::try_from(failed).unwrap_or(u8::MAX));
            }
            related.logged_in = success.or(related.logged_in);
        }
        Kind::Ftp => {
            let answer = count(REPLY);
            related.fail_login(u8::from(answer == Some(530)));
            let inside = answer.is_some_and(|answer| (200..300).contains(&answer));
            related.logged_in = Some(inside || related.logged_in == Some(true));
            if let Some(Scalar::Str(user)) = slots.at(USER).scalar(body) {
                related.guest = Some(matches!(&*user, "anonymous" | "ftp" | "guest"));
            }
        }
        // KDD-99 calls a web server's client logged in where it got what it asked for
        Kind::Http => {
            let answer = count(STATUS);
            related.fail_login(u8::from(answer == Some(401)));
            if let Some(answer) = answer {
                related.logged_in = Some(answer < 400 || related.logged_in == Some(true));
            }
        }
        Kind::Weird => {
            let about_fragments = slots.at(NAME).plain(body).is_some_and(|name| name.contains("fragment"));
            let fragments = related.fragments.unwrap_or(0).saturating_add(u8::from(about_fragments));
            related.fragments = Some(fragments);
        }
        Kind::Anomaly => {
            let about_fragments = slots.at(ANOMALY).plain(body).is_some_and(|event| event.contains("FRAG"));
            let fragments = related.fragments.unwrap_or(0).saturating_add(u8::from(about_fragments));
            related.fragments = Some(fragments);
        }
        Kind::Alert | Kind::Dns | Kind::File | Kind::Notice | Kind::Tls => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Normaliser, Record};
    use super::*;

    /// Content, what of it is approximated, and how many records of which kind were joined.
    type Joined = (Content, u64, Vec<(&'static str, u8)>);

    fn read(normaliser: &mut Normaliser, body: &str) -> Option<Joined> {
        let view = normaliser.read(body.as_bytes()).expect("valid");
        match view.record {
            Record::Connection(connection) => {
                Some((connection.content, connection.approximated.places(), view.related.counts().collect()))
            }
            _ => None,
        }
    }

    const ID: &str = r#""uid":"C1","id.orig_h":"10.0.0.1","id.orig_p":4,"id.resp_h":"10.0.0.2","id.resp_p":22"#;

    #[test]
    fn what_comes_before_a_connection_is_told_with_it_once() {
        let mut normaliser = Normaliser::new(&[]);
        for body in [
            format!(r#"{{{ID},"auth_success":false,"auth_attempts":3}}"#),
            format!(r#"{{{ID},"note":"SSH::Password_Guessing"}}"#),
            format!(r#"{{"_path":"weird",{ID},"name":"fragment_overlap"}}"#),
        ] {
            assert_eq!(read(&mut normaliser, &body), None, "{body}");
        }
        let conn = format!(r#"{{{ID},"proto":"tcp","conn_state":"SF"}}"#);
        let (content, estimates, counts) = read(&mut normaliser, &conn).expect("a connection");
        assert_eq!([content.0[0], content.0[3], content.0[4]], [1.0, 3.0, 0.0]);
        assert!(content.0[14].is_nan() && content.0[1].is_nan());
        assert_eq!(estimates, 1 << 7 | 1 << 10 | 1 << 11);
        assert_eq!(counts, [("notice", 1), ("ssh", 1), ("weird", 1)]);
        let (content, estimates, counts) = read(&mut normaliser, &conn).expect("a connection");
        assert!(content.0.iter().all(|value| value.is_nan()) && estimates == 0 && counts.is_empty());
    }

    #[test]
    fn alerts_are_told_with_their_flow() {
        let mut normaliser = Normaliser::new(&[]);
        let eve = |kind: &str, more: &str| {
            format!(
                r#"{{"event_type":"{kind}","flow_id":1363720476069367,"src_ip":"10.0.0.1","src_port":1,"dest_ip":"10.0.0.2","dest_port":80,"proto":"TCP"{more}}}"#
            )
        };
        for body in [eve("alert", ""), eve("alert", ""), eve("http", r#","http":{"status":401}"#)] {
            assert_eq!(read(&mut normaliser, &body), None);
        }
        let flow =
            eve("flow", r#","flow":{"pkts_toserver":1,"pkts_toclient":1,"bytes_toserver":60,"bytes_toclient":60}"#);
        let (content, _, counts) = read(&mut normaliser, &flow).expect("a connection");
        assert_eq!((content.0[3], content.0[4]), (1.0, 0.0));
        assert_eq!(counts, [("alert", 2), ("http", 1)]);
    }

    #[test]
    fn connections_that_never_come_do_not_fill_the_memory() {
        let mut normaliser = Normaliser::new(&[]);
        for number in 0..MOST + 10 {
            let body = format!(r#"{{"uid":"C{number}","id.orig_h":"10.0.0.1","note":"x"}}"#);
            assert_eq!(read(&mut normaliser, &body), None);
        }
        assert_eq!(normaliser.joins.waiting.len(), MOST);
    }
}
