//! What other records say about a connection: Zeek's ssl, http, dns, ssh, ftp, files, weird and notice by `uid` (also as
//! Elastic's and Security Onion's pipelines leave them), Suricata's alert, anomaly, dns, ftp, http, tls, ssh and fileinfo by
//! `flow_id`.
//!
//! Both write a connection when it has ended, and the others while it goes on, so these mostly come first: they wait
//! here for it, and go when it comes. It then has what they tell of its content (KDD-99's content features as far as logs
//! tell them, all of them estimates), the name that was asked for, what alerts and notices were called, and the number of
//! records. What the connection tells itself counts more. A record that comes behind its connection changes nothing: that
//! document has been written.
//!
//! Memory: [`MOST`] connections are waited for, 12 MiB, 100 MiB where each has several alerts. Of more the one that was
//! heard of least recently is forgotten.

mod kind;
mod note;
mod related;

use std::hash::{BuildHasher, Hash};

use lru::LruCache;
use rustc_hash::FxBuildHasher;

use super::connection::Connection;
use super::dialect::Dialect;
use super::slots::{self, Slots, UID};
use super::suricata::FLOW_ID;
use super::{Scalar, vpc};
use kind::Kind;
use note::Heard;
pub use related::Related;

slots::slots! { vpc::END;
    /// ssh: whether somebody got in.
    AUTH_SUCCESS: "auth_success" | "zeek.ssh.auth.success";
    /// ssh: how often it was tried.
    AUTH_ATTEMPTS: "auth_attempts" | "zeek.ssh.auth.attempts";
    /// http: the request's verb.
    METHOD: "method" | "http.http_method" | "event.http.http_method" | "http.request.method";
    /// http: what was asked for.
    URI: "uri" | "http.url" | "event.http.url" | "url.original";
    /// http: the answer.
    STATUS: "status_code" | "http.status" | "event.http.status" | "http.response.status_code";
    /// http: whose credentials were shown.
    USERNAME: "username";
    /// http: the host that was asked, in Zeek's records.
    HOST: "host";
    /// http: the same, in Suricata's.
    ASKED_HOST: "http.hostname" | "event.http.hostname";
    /// ftp: what was to be done.
    COMMAND: "command" | "ftp.command" | "event.ftp.command" | "zeek.ftp.command";
    /// ftp: to what.
    ARGUMENT: "arg" | "ftp.command_data" | "event.ftp.command_data" | "zeek.ftp.arg";
    /// ftp: the answer.
    REPLY: "reply_code" | "ftp.completion_code" | "event.ftp.completion_code" | "zeek.ftp.reply.code";
    /// ftp: the answer's words.
    REPLY_TEXT: "reply_msg" | "ftp.reply" | "event.ftp.reply" | "zeek.ftp.reply.msg";
    /// ftp: who.
    USER: "user" | "zeek.ftp.user";
    /// weird: what.
    NAME: "name" | "zeek.weird.name";
    /// notice: what.
    NOTE: "note" | "zeek.notice.note";
    /// anomaly: what.
    ANOMALY: "anomaly.event" | "event.anomaly.event" | "suricata.eve.anomaly.event";
    /// alert: what.
    SIGNATURE: "alert.signature" | "event.alert.signature" | "suricata.eve.alert.signature";
    /// dns: the question.
    QUERY: "query" | "dns.rrname" | "event.dns.rrname";
    /// ssl: the name of the server that was asked for.
    SERVER_NAME: "server_name" | "event.tls.sni";
    /// ssl: how it is encrypted.
    CIPHER: "cipher";
    /// files: of which connections.
    CONN_UIDS: "conn_uids";
    /// files: which.
    FUID: "fuid";
    /// files: what it is, by its content or, in Suricata's records without that, by what its sender called it.
    FILE_TYPE: "mime_type" | "zeek.files.mime_type" | "file.mime_type" | "fileinfo.magic" | "event.fileinfo.magic" | "http.http_content_type" | "event.http.http_content_type";
    /// Zeek's identity of a connection, as Elastic's and Security Onion's pipelines leave it.
    SESSION: "zeek.session_id" | "log.id.uid";
}

/// Connections that are waited for.
const MOST: usize = 65_536;
/// Connections of one file that are told of it.
const MOST_OF_FILE: usize = 8;

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
        let Some(kind) = Kind::of(slots, body, dialect) else { return };
        let heard = Heard { slots, body, dialect };
        if kind == Kind::File && slots.at(CONN_UIDS).is_there() {
            for uid in slots.at(CONN_UIDS).values(body).take(MOST_OF_FILE) {
                if let Scalar::Str(uid) = uid {
                    heard.note(kind, self.of(hash(&*uid)));
                }
            }
        } else if let Some(key) = key(slots, body) {
            heard.note(kind, self.of(key));
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

    fn of(&mut self, key: u64) -> &mut Related {
        if self.waiting.len() >= MOST && !self.waiting.contains(&key) {
            self.waiting.pop_lru();
        }
        self.waiting.get_or_insert_mut(key, Related::default)
    }
}

/// The identity of a connection.
fn key(slots: &Slots, body: &str) -> Option<u64> {
    let uid = [UID, SESSION].into_iter().find_map(|slot| slots.at(slot).plain(body));
    uid.map(hash).or_else(|| slots.at(FLOW_ID).count(body).map(hash))
}

fn hash(of: impl Hash) -> u64 {
    FxBuildHasher.hash_one(of)
}

#[cfg(test)]
mod tests {
    use super::super::connection::Content;
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
    fn the_types_of_files_are_told_once_each_to_every_connection_that_carried_them() {
        let mut normaliser = Normaliser::new(&[]);
        for kind in ["text/html", "application/x-dosexec", "text/html"] {
            let body = format!(r#"{{"ts":1.5,"fuid":"F1","conn_uids":["C1","C2"],"mime_type":"{kind}"}}"#);
            assert_eq!(read(&mut normaliser, &body), None);
        }
        for uid in ["C1", "C2"] {
            let conn = format!(r#"{{{ID},"proto":"tcp","conn_state":"SF"}}"#).replace("C1", uid);
            let view = normaliser.read(conn.as_bytes()).expect("valid");
            assert_eq!(view.related.carried().collect::<Vec<_>>(), ["text/html", "application/x-dosexec"], "{uid}");
            assert_eq!(view.related.counts().collect::<Vec<_>>(), [("file", 3)]);
        }
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
