//! The ECS fields of a connection that its event lacks: who talked to whom, when, and the Community ID by which other
//! tools know it.

use std::net::IpAddr;
use std::ops::Range;

use crate::normalise::{Address, Connection, Endpoint, Record, Related, Told, Transport, View, community_id};

use super::document::Flow;
use crate::event::json::{write_display, write_integer};

/// Which of them documents are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowFields {
    /// `network.community_id`.
    pub community_id: bool,
    /// `source.ip`, `source.port`, `destination.ip`, `destination.port`, `network.transport`, `event.start`, `event.end`.
    pub tuple: bool,
}

impl FlowFields {
    /// For documents that somebody reads who does not know the event's words.
    pub const ALL: Self = Self { community_id: true, tuple: true };
}

/// The members that were put together for the events of a batch.
#[derive(Debug, Default)]
pub struct FlowTexts(Vec<u8>);

/// Where the members for one event lie.
#[derive(Debug, Clone, Default)]
pub struct FlowPlaces {
    source: Range<usize>,
    destination: Range<usize>,
    network: Range<usize>,
    event: Range<usize>,
    related: Range<usize>,
}

impl FlowTexts {
    /// Begins another batch.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Puts together what the event of `view` lacks.
    pub fn put(&mut self, view: &View<'_>, fields: FlowFields) -> FlowPlaces {
        let Record::Connection(connection) = &view.record else { return FlowPlaces::default() };
        let told = &view.layout.told;
        let mut places = FlowPlaces::default();
        if fields.tuple {
            places.source = self.list(|out| endpoint(out, &connection.source, told.source_ip, told.source_port));
            places.destination =
                self.list(|out| endpoint(out, &connection.destination, told.destination_ip, told.destination_port));
            places.event = self.list(|out| times(out, connection, told));
        }
        places.related = self.list(|out| {
            related(out, &view.related);
        });
        places.network = self.list(|out| network(out, view, connection, fields));
        places
    }

    /// The members of an event.
    pub fn at(&self, places: &FlowPlaces) -> Flow<'_> {
        let text = |place: &Range<usize>| &self.0[place.clone()];
        Flow {
            source: text(&places.source),
            destination: text(&places.destination),
            network: text(&places.network),
            event: text(&places.event),
            related: text(&places.related),
        }
    }

    /// What `write` wrote, without the comma that ends each member.
    fn list(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Range<usize> {
        let start = self.0.len();
        write(&mut self.0);
        start..self.0.len() - usize::from(self.0[start..].ends_with(b","))
    }
}

/// Appends a member whose value is a text that stands between quotes as it is, and a comma.
#[inline(always)]
fn text(out: &mut Vec<u8>, key: &str, value: &str) {
    member(out, key, |out| {
        out.push(b'"');
        out.extend_from_slice(value.as_bytes());
        out.push(b'"');
    });
}

/// Appends a member whose value is a number, and a comma.
#[inline(always)]
fn number(out: &mut Vec<u8>, key: &str, value: u64) {
    member(out, key, |out| write_integer(out, value));
}

// with the key known where it is called, its copy is a move or two
#[inline(always)]
fn member(out: &mut Vec<u8>, key: &str, value: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
    value(out);
    out.push(b',');
}

/// How many records of each kind told about the connection, the name that was asked for, what alerts and notices
/// were called, and the types of files; texts stand between quotes as they came.
fn related(out: &mut Vec<u8>, related: &Related) {
    related.counts().for_each(|(kind, count)| number(out, kind, count.into()));
    if let Some(name) = related.asked() {
        text(out, "asked", name);
    }
    for (key, texts) in [("said", related.said().collect::<Vec<_>>()), ("file_types", related.carried().collect())] {
        if !texts.is_empty() {
            member(out, key, |out| {
                out.extend_from_slice(b"[\"");
                out.extend_from_slice(texts.join("\",\"").as_bytes());
                out.extend_from_slice(b"\"]");
            });
        }
    }
}

fn endpoint(out: &mut Vec<u8>, endpoint: &Endpoint<'_>, has_ip: bool, has_port: bool) {
    match endpoint.address {
        _ if has_ip => {}
        Address::Ip(address) => member(out, "ip", |out| {
            out.push(b'"');
            write_address(out, address);
            out.push(b'"');
        }),
        // it stands between quotes as it came, escapes and all
        Address::Name(name) => text(out, "address", name),
    }
    if let Some(port) = endpoint.port.filter(|_| !has_port) {
        number(out, "port", port.into());
    }
}

fn write_address(out: &mut Vec<u8>, address: IpAddr) {
    let IpAddr::V4(address) = address else { return write_display(out, address) };
    let (mut text, mut end) = ([b'.'; 16], 0);
    for octet in address.octets() {
        for (least, unit) in [(100, 100), (10, 10), (0, 1)] {
            if octet >= least {
                text[end] = b'0' + octet / unit % 10;
                end += 1;
            }
        }
        end += 1;
    }
    // all of it and then cut off: a copy of just so many bytes is a call
    let end = out.len() + end - 1;
    out.extend_from_slice(&text);
    out.truncate(end);
}

fn times(out: &mut Vec<u8>, connection: &Connection<'_>, told: &Told) {
    for (key, time, has) in [("start", connection.start, told.start), ("end", connection.end(), told.end)] {
        if let Some(time) = time.filter(|_| !has) {
            text(out, key, &time.text());
        }
    }
}

fn network(out: &mut Vec<u8>, view: &View<'_>, connection: &Connection<'_>, fields: FlowFields) {
    let told = &view.layout.told;
    if fields.community_id && !told.community_id {
        match view.community_id {
            Some(own) => text(out, "community_id", own),
            None => {
                if let Some(id) = community_id(connection) {
                    text(out, "community_id", id.as_str());
                }
            }
        }
    }
    if fields.tuple && !told.transport {
        match (connection.transport, connection.transport.name()) {
            (Transport::Icmp, _) if connection.source.address.is_v6() => text(out, "transport", "ipv6-icmp"),
            (_, Some(name)) => text(out, "transport", name),
            (_, None) => {
                if let Some(of_ip) = connection.number {
                    member(out, "iana_number", |out| write_display(out, format_args!("\"{of_ip}\"")));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalise::Normaliser;

    fn put(body: &str, fields: FlowFields) -> [String; 4] {
        let mut normaliser = Normaliser::new(&[]);
        let mut texts = FlowTexts::default();
        let view = normaliser.read(body.as_bytes()).unwrap();
        let places = texts.put(&view, fields);
        let Flow { source, destination, network, event, .. } = texts.at(&places);
        [source, destination, network, event].map(|text| String::from_utf8(text.to_vec()).expect("UTF-8"))
    }

    const ZEEK: &str = r#"{"ts":1.5,"uid":"C","id.orig_h":"128.232.110.120","id.orig_p":34855,"id.resp_h":"66.35.250.204","id.resp_p":80,"proto":"tcp","conn_state":"SF","duration":2.25"#;

    #[test]
    fn what_a_zeek_record_says_in_its_own_words_is_said_in_those_of_ecs() {
        let expected = [
            r#""ip":"128.232.110.120","port":34855"#,
            r#""ip":"66.35.250.204","port":80"#,
            r#""community_id":"1:LQU9qZlK+B5F3KDmev6m5PMibrg=","transport":"tcp""#,
            r#""start":"1970-01-01T00:00:01.500Z","end":"1970-01-01T00:00:03.750Z""#,
        ];
        assert_eq!(put(&format!("{ZEEK}}}"), FlowFields::ALL), expected);
        let serving = put(&format!("{ZEEK}}}"), FlowFields { community_id: true, tuple: false });
        assert_eq!(serving, ["", "", r#""community_id":"1:LQU9qZlK+B5F3KDmev6m5PMibrg=""#, ""]);
    }

    #[test]
    fn addresses_are_written_as_the_standard_library_writes_them() {
        for address in ["0.0.0.0", "1.20.100.9", "255.255.255.255", "10.0.99.200", "::1", "2001:db8::ff"] {
            let mut out = b"x".to_vec();
            write_address(&mut out, address.parse().expect("an address"));
            assert_eq!(String::from_utf8(out).expect("text"), format!("x{address}"));
        }
    }

    #[test]
    fn what_the_event_says_itself_is_not_said_again() {
        let body = format!(
            r#"{ZEEK},"community_id":"1:own","source":{{"ip":"x"}},"network.transport":"tcp","event":{{"end":1}}}}"#
        );
        let expected = [
            r#""port":34855"#,
            r#""ip":"66.35.250.204","port":80"#,
            r#""community_id":"1:own""#,
            r#""start":"1970-01-01T00:00:01.500Z""#,
        ];
        assert_eq!(put(&body, FlowFields::ALL), expected);
        assert_eq!(put("{}", FlowFields::ALL), ["", "", "", ""].map(str::to_owned));
    }
}
