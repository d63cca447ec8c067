//! From a message to an event: a JSON object with ECS names, written straight into the batch.
//!
//! Nothing is lost: a line that nobody understands is an event with the line as its `message` and a tag. A message whose
//! text is a JSON object *is* that object, with what the header says added where the object does not say it itself.

use std::net::SocketAddr;

use super::super::json::Bounds;
use super::framing::Frame;
use super::header::{Header, Process, facility, priority, severity};
use super::payload::{Own, object};
use crate::config::TimeZone;
use crate::event::ReceivedTime;
use crate::event::json::{write_display, write_integer, write_string};
use crate::telemetry::catalogue::{SYSLOG_CUT, SYSLOG_MESSAGES, SYSLOG_UNPARSED};

/// The version of ECS that the names are taken from.
const ECS_VERSION: &str = "9.0.0";
const UNPARSED: &str = "syslog_unparsed";
const CUT: &str = "syslog_cut";

/// How messages become events.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// Of times that do not say theirs.
    pub zone: TimeZone,
    /// Whether the line itself is kept as `event.original`.
    pub keep_original: bool,
    /// For messages that are JSON.
    pub bounds: Bounds,
}

impl Reading {
    /// Appends the event that a message is.
    pub fn write(&self, out: &mut Vec<u8>, frame: Frame<'_>, peer: SocketAddr, received: ReceivedTime) {
        let line = String::from_utf8_lossy(frame.text);
        let header = Header::read(&line, self.zone, received);
        let text = header.as_ref().map_or(&*line, |header| header.text);
        SYSLOG_MESSAGES.add(1);
        SYSLOG_CUT.add(u64::from(frame.cut));
        let found = Found { header: header.as_ref(), line: &line, peer, cut: frame.cut };
        match object(text, &self.bounds) {
            Some(object) => found.write_into_object(out, object),
            None => {
                SYSLOG_UNPARSED.add(u64::from(header.is_none()));
                found.write_event(out, text, self.keep_original);
            }
        }
    }
}

/// What is known of one message.
struct Found<'a> {
    header: Option<&'a Header<'a>>,
    line: &'a str,
    peer: SocketAddr,
    cut: bool,
}

impl Found<'_> {
    /// The event of a text.
    fn write_event(&self, out: &mut Vec<u8>, text: &str, keep_original: bool) {
        out.extend_from_slice(b"{\"message\":");
        write_string(out, text);
        self.write_time(out);
        if let Some(host) = self.header.and_then(|header| header.host) {
            for start in [&b",\"host\":{\"hostname\":"[..], b",\"name\":"] {
                out.extend_from_slice(start);
                write_string(out, host);
            }
            out.push(b'}');
        }
        self.write_process(out);
        out.push(b',');
        self.write_log(out);
        if keep_original {
            out.extend_from_slice(b",\"event\":{\"original\":");
            write_string(out, self.line);
            out.push(b'}');
        }
        out.extend_from_slice(b",\"ecs\":{\"version\":");
        write_string(out, ECS_VERSION);
        out.push(b'}');
        self.write_tags(out, self.header.is_none());
        out.push(b'}');
    }

    /// The object as it came, and before its last brace what it does not say itself.
    fn write_into_object(&self, out: &mut Vec<u8>, object: &str) {
        let own = Own::of(object);
        let inner = object.strip_suffix('}').expect("an object ends with a brace");
        out.extend_from_slice(inner.as_bytes());
        let first = out.len();
        if !own.time {
            self.write_time(out);
        }
        if !own.log && !own.syslog {
            out.push(b',');
            self.write_log(out);
        }
        if !own.tags {
            self.write_tags(out, false);
        }
        // the comma before the first addition, where there is nothing before it
        if inner.trim_ascii_end() == "{" && out.get(first) == Some(&b',') {
            out.remove(first);
        }
        out.push(b'}');
    }

    fn write_time(&self, out: &mut Vec<u8>) {
        if let Some(time) = self.header.and_then(|header| header.time) {
            write_display(out, format_args!(",\"@timestamp\":\"{time}\""));
        }
    }

    fn write_process(&self, out: &mut Vec<u8>) {
        let Some(header) = self.header else { return };
        let number = match header.process {
            Some(Process::Number(number)) => u64::try_from(number).ok(),
            _ => None,
        };
        if header.application.is_none() && number.is_none() {
            return;
        }
        out.extend_from_slice(b",\"process\":{");
        if let Some(name) = header.application {
            out.extend_from_slice(b"\"name\":");
            write_string(out, name);
        }
        if let Some(number) = number {
            out.extend_from_slice(if header.application.is_some() { b",\"pid\":" } else { b"\"pid\":" });
            write_integer(out, number);
        }
        out.push(b'}');
    }

    /// `"log":{…}`
    fn write_log(&self, out: &mut Vec<u8>) {
        write_display(out, format_args!("\"log\":{{\"source\":{{\"address\":\"{}\"}}", self.peer));
        let start = out.len();
        if let Some(priority) = self.header.map_or_else(|| priority(self.line), |header| header.priority) {
            let (facility, severity) = (facility(priority), severity(priority));
            write_display(
                out,
                format_args!(
                    ",\"priority\":{priority},\"facility\":{{\"code\":{},\"name\":\"{}\"}},\"severity\":{{\"code\":{},\"name\":\"{}\"}}",
                    facility.0, facility.1, severity.0, severity.1
                ),
            );
        }
        if let Some(header) = self.header {
            write_header(out, header);
        }
        if out.len() > start {
            // the first member's comma becomes the way into the object
            out.splice(start..=start, b",\"syslog\":{".iter().copied());
            out.push(b'}');
        }
        out.push(b'}');
    }

    fn write_tags(&self, out: &mut Vec<u8>, unparsed: bool) {
        match (unparsed, self.cut) {
            (false, false) => {}
            (true, true) => write_display(out, format_args!(",\"tags\":[\"{UNPARSED}\",\"{CUT}\"]")),
            (true, false) => write_display(out, format_args!(",\"tags\":[\"{UNPARSED}\"]")),
            (false, true) => write_display(out, format_args!(",\"tags\":[\"{CUT}\"]")),
        }
    }
}

/// The members of `log.syslog` beside the priority, each with a comma before it.
fn write_header(out: &mut Vec<u8>, header: &Header<'_>) {
    if let Some(version) = header.version {
        write_display(out, format_args!(",\"version\":\"{version}\""));
    }
    let texts = [
        (&b",\"hostname\":"[..], header.host),
        (b",\"appname\":", header.application),
        (b",\"msgid\":", header.message_id),
    ];
    for (start, text) in texts {
        if let Some(text) = text {
            out.extend_from_slice(start);
            write_string(out, text);
        }
    }
    match header.process {
        Some(Process::Number(number)) => write_display(out, format_args!(",\"procid\":\"{number}\"")),
        Some(Process::Name(name)) => {
            out.extend_from_slice(b",\"procid\":");
            write_string(out, name);
        }
        None => {}
    }
    for (place, element) in header.data.iter().enumerate() {
        out.extend_from_slice(if place == 0 { b",\"structured_data\":{" } else { b"," });
        write_string(out, element.id);
        out.extend_from_slice(b":{");
        for (place, (name, value)) in element.params().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            write_string(out, name);
            out.push(b':');
            write_string(out, &value);
        }
        out.push(b'}');
    }
    if !header.data.is_empty() {
        out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};
    use serde_json::{Value, json};

    use super::*;
    use crate::event::EventTime;

    const READING: Reading = Reading {
        zone: TimeZone::UTC,
        keep_original: true,
        bounds: Bounds { depth: 64, fields: 1000, length: 10_000 },
    };

    fn written(line: &[u8], cut: bool) -> Value {
        let now = EventTime::parse_rfc3339("2026-11-22T10:00:00Z").unwrap();
        let mut out = Vec::new();
        let peer = "192.0.2.1:514".parse().unwrap();
        READING.write(&mut out, Frame { text: line, cut }, peer, ReceivedTime::from_micros(now.micros()));
        serde_json::from_slice(&out).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&out)))
    }

    #[test]
    fn a_message_of_rfc_5424_is_an_event_in_ecs() {
        let line = r#"<165>1 2026-11-22T09:59:59.5Z web.example.org app 8710 ID47 [ex@32473 iut="3" say="\"x\""][two] disk "full""#;
        let syslog = json!({
            "priority": 165, "facility": {"code": 20, "name": "local4"}, "severity": {"code": 5, "name": "Notice"},
            "version": "1", "hostname": "web.example.org", "appname": "app", "msgid": "ID47", "procid": "8710",
            "structured_data": {"ex@32473": {"iut": "3", "say": "\"x\""}, "two": {}},
        });
        assert_eq!(
            written(line.as_bytes(), false),
            json!({
                "@timestamp": "2026-11-22T09:59:59.500Z", "message": "disk \"full\"",
                "host": {"hostname": "web.example.org", "name": "web.example.org"},
                "process": {"name": "app", "pid": 8710}, "event": {"original": line}, "ecs": {"version": ECS_VERSION},
                "log": {"source": {"address": "192.0.2.1:514"}, "syslog": syslog},
            })
        );
    }

    #[test]
    fn a_line_that_nobody_understands_is_an_event_all_the_same() {
        let event = written(b"\xffwhat \x01is this", false);
        assert_eq!(event["message"], "\u{fffd}what \u{1}is this");
        assert_eq!(event["tags"], json!([UNPARSED]));
        assert_eq!(event["log"], json!({"source": {"address": "192.0.2.1:514"}}));
        let event = written(b"<13>no header", true);
        assert_eq!(event["message"], "<13>no header");
        assert_eq!(event["log"]["syslog"]["priority"], 13);
        assert_eq!(event["tags"], json!([UNPARSED, CUT]));
    }

    #[test]
    fn a_message_that_is_json_is_that_object_and_says_what_it_says() {
        let eve =
            r#"{"timestamp":"2026-11-22T09:59:58.000000+0000","event_type":"alert","src_ip":"10.0.0.1","n":1.50}"#;
        let event = written(format!("<142>Nov 22 09:59:59 sensor suricata[1]: {eve}").as_bytes(), false);
        assert_eq!(event["src_ip"], "10.0.0.1");
        assert_eq!(event["@timestamp"], "2026-11-22T09:59:59.000Z");
        assert_eq!(event["log"]["syslog"]["appname"], "suricata");
        assert_eq!(event.get("message"), None);

        let own = r#"{"@timestamp":"2020-01-01T00:00:00Z","log":"mine","tags":["x"]}"#;
        let event = written(format!("<142>Nov 22 09:59:59 host app: @cee: {own}").as_bytes(), true);
        assert_eq!(event, serde_json::from_str::<Value>(own).unwrap());
        let event = written(b"<142>Nov 22 09:59:59 host app: {}", false);
        assert_eq!(event["log"]["syslog"]["hostname"], "host");
        assert_eq!(written(br#"{"no":"header"}"#, false)["log"], json!({"source": {"address": "192.0.2.1:514"}}));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_one_json_object(line in prop::collection::vec(any::<u8>(), 0..200), cut: bool) {
            assert!(written(&line, cut).is_object());
        }

        #[test]
        fn whatever_comes_behind_a_header_is_one_json_object(line in "<[0-9]{1,4}>1? ?(2026-11-22T10:00:00Z|Nov 22 10:00:00|-) [a-z\"\\\\:\\[\\]=@ {}]{0,60}") {
            assert!(written(line.as_bytes(), false).is_object());
        }
    }
}
