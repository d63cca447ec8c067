//! The key of a document, which decides its partition: documents with the same key stay in order.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// What a document's key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Its id: even over all partitions.
    Id,
    /// The host that a connection went to, else the id: all that concerns one host in one partition.
    Destination,
}

impl Key {
    /// Of a document and its id.
    pub(super) fn of<'a>(self, source: &'a [u8], id: &'a str) -> Cow<'a, str> {
        match self {
            Self::Id => Cow::Borrowed(id),
            Self::Destination => destination(source).map_or(Cow::Borrowed(id), Cow::Owned),
        }
    }
}

/// The names that the host goes by: ECS (nested, dotted), Zeek (dotted, nested), Suricata.
#[derive(Deserialize)]
struct Hosts<'a> {
    #[serde(borrow)]
    destination: Option<&'a RawValue>,
    #[serde(borrow, rename = "destination.ip")]
    destination_ip: Option<&'a RawValue>,
    #[serde(borrow, rename = "id.resp_h")]
    responder: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    dest_ip: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Ecs {
    ip: String,
}

#[derive(Deserialize)]
struct Zeek {
    resp_h: String,
}

fn destination(source: &[u8]) -> Option<String> {
    let hosts: Hosts<'_> = serde_json::from_slice(source).ok()?;
    let plain = [hosts.destination_ip, hosts.responder, hosts.dest_ip].into_iter().flatten();
    let plain = plain.filter_map(|value| serde_json::from_str(value.get()).ok()).next();
    let ecs = || serde_json::from_str::<Ecs>(hosts.destination?.get()).ok().map(|host| host.ip);
    let zeek = || serde_json::from_str::<Zeek>(hosts.id?.get()).ok().map(|host| host.resp_h);
    plain.or_else(ecs).or_else(zeek)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_found_under_every_name_it_goes_by() {
        for source in [
            r#"{"destination":{"ip":"10.0.0.1","port":80}}"#,
            r#"{"destination.ip":"10.0.0.1"}"#,
            r#"{"a":[{}],"id.resp_h":"10.0.0.1"}"#,
            r#"{"id":{"orig_h":"1.1.1.1","resp_h":"10.0.0.1"}}"#,
            r#"{"id":17,"dest_ip":"10.0.0.1"}"#,
        ] {
            assert_eq!(Key::Destination.of(source.as_bytes(), "x"), "10.0.0.1", "{source}");
            assert_eq!(Key::Id.of(source.as_bytes(), "x"), "x");
        }
        for source in [r#"{"destination":{"port":80}}"#, r#"{"id":"x","destination":1}"#, "{}"] {
            assert_eq!(Key::Destination.of(source.as_bytes(), "x"), "x", "{source}");
        }
    }
}
