//! Which kind of record tells about a connection, by what it says it is or by what only that log has.

use super::{AUTH_ATTEMPTS, CIPHER, FUID, NAME, NOTE, QUERY, REPLY, SESSION, STATUS};
use crate::normalise::dialect::Dialect;
use crate::normalise::ecs::DATASET;
use crate::normalise::slots::{STREAM, Slots};
use crate::normalise::suricata::EVENT_TYPE;

/// The kinds of records, in the order of [`KINDS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A signature matched.
    Alert,
    /// Something that no protocol allows.
    Anomaly,
    /// A question for a name.
    Dns,
    /// A file that was seen.
    File,
    /// A command of FTP.
    Ftp,
    /// A request of HTTP.
    Http,
    /// A script of the sensor noticed something.
    Notice,
    /// A session of SSH.
    Ssh,
    /// A greeting of TLS.
    Tls,
    /// Something that no protocol allows, in Zeek's words.
    Weird,
}

/// The names of the kinds.
pub const KINDS: [&str; 10] = ["alert", "anomaly", "dns", "file", "ftp", "http", "notice", "ssh", "tls", "weird"];

impl Kind {
    /// What the record in the slots is, where it is one that tells about a connection.
    pub fn of(slots: &Slots, body: &str, dialect: Dialect) -> Option<Self> {
        match dialect {
            Dialect::Zeek => of_zeek(slots, body),
            Dialect::Suricata => of_eve(slots, body),
            Dialect::ZeekEcs | Dialect::SecurityOnion | Dialect::Ecs => of_dataset(slots, body),
            Dialect::Kdd | Dialect::NetFlow | Dialect::Argus | Dialect::Vpc | Dialect::Mapped | Dialect::Other => None,
        }
    }

    /// The kind of Zeek's log of this name.
    fn of_log(name: &str) -> Option<Self> {
        Some(match name {
            "dns" => Self::Dns,
            "files" => Self::File,
            "ftp" => Self::Ftp,
            "http" => Self::Http,
            "notice" => Self::Notice,
            "ssh" => Self::Ssh,
            "ssl" => Self::Tls,
            "weird" => Self::Weird,
            _ => return None,
        })
    }
}

fn of_zeek(slots: &Slots, body: &str) -> Option<Kind> {
    if let Some(log) = slots.at(STREAM).plain(body) {
        return Kind::of_log(log);
    }
    // by what only that log has
    let marks = [
        (NOTE, Kind::Notice),
        (AUTH_ATTEMPTS, Kind::Ssh),
        (REPLY, Kind::Ftp),
        (STATUS, Kind::Http),
        (QUERY, Kind::Dns),
        (CIPHER, Kind::Tls),
        (FUID, Kind::File),
        (NAME, Kind::Weird),
    ];
    marks.into_iter().find(|(slot, _)| slots.at(*slot).is_there()).map(|(_, kind)| kind)
}

fn of_eve(slots: &Slots, body: &str) -> Option<Kind> {
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

/// Zeek's records as Elastic's and Security Onion's pipelines leave them: `zeek.dns`, or only `dns`.
fn of_dataset(slots: &Slots, body: &str) -> Option<Kind> {
    if !slots.at(SESSION).is_there() {
        return None;
    }
    let dataset = slots.at(DATASET).plain(body)?;
    Kind::of_log(dataset.strip_prefix("zeek.").unwrap_or(dataset))
}
