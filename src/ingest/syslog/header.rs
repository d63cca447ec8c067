//! What stands before the text of a message: RFC 5424, or what passes for RFC 3164.

use syslog_loose::{Message, ProcId, Protocol, Variant};

use super::year::year;
use crate::config::TimeZone;
use crate::event::{EventTime, ReceivedTime};

/// A message taken apart; it borrows from the line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header<'a> {
    /// Facility and severity, 0 to 191.
    pub priority: Option<u8>,
    /// 1 in RFC 5424; none in RFC 3164.
    pub version: Option<u32>,
    /// When it was written.
    pub time: Option<EventTime>,
    pub host: Option<&'a str>,
    pub application: Option<&'a str>,
    pub process: Option<Process<'a>>,
    pub message_id: Option<&'a str>,
    pub data: Vec<syslog_loose::StructuredElement<&'a str>>,
    /// What is left.
    pub text: &'a str,
}

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Process<'a> {
    Number(i32),
    Name(&'a str),
}

impl<'a> Header<'a> {
    /// Reads a line; none where it has no header that could be understood.
    pub fn read(line: &'a str, zone: TimeZone, received: ReceivedTime) -> Option<Self> {
        let year_of = |(month, day, ..): (u32, u32, u32, u32, u32)| year(month, day, received);
        let message = match zone {
            TimeZone::Local => syslog_loose::parse_message_with_year_exact(line, year_of, Variant::Either),
            TimeZone::Offset(_) => {
                let utc = default_of(|message| message.timestamp).timezone();
                syslog_loose::parse_message_with_year_exact_tz(line, year_of, Some(utc), Variant::Either)
            }
        };
        let message = message.ok()?;
        let time = message.timestamp.map(|time| time.timestamp_micros()).and_then(|micros| {
            let ahead = match zone {
                TimeZone::Offset(seconds) if is_wall_clock(line, &message.protocol) => i64::from(seconds) * 1_000_000,
                _ => 0,
            };
            EventTime::from_micros(micros - ahead)
        });
        let facility = message.facility.map(|facility| facility as u8);
        let severity = message.severity.map(|severity| severity as u8);
        Some(Self {
            priority: facility.zip(severity).map(|(facility, severity)| facility * 8 + severity),
            version: match message.protocol {
                Protocol::RFC5424(version) => Some(version),
                Protocol::RFC3164 => None,
            },
            time,
            host: message.hostname,
            application: message.appname,
            process: message.procid.map(|process| match process {
                ProcId::PID(number) => Process::Number(number),
                ProcId::Name(name) => Process::Name(name),
            }),
            message_id: message.msgid,
            data: message.structured_data,
            // RFC 5424 lets UTF-8 begin with a mark
            text: message.msg.strip_prefix('\u{feff}').unwrap_or(message.msg),
        })
    }
}

/// The default of a type that is found in a message, and that we have no other name for.
fn default_of<T: Default>(_: fn(Message<&'static str>) -> Option<T>) -> T {
    T::default()
}

/// Whether the time of the line says no time zone: its month is a word.
fn is_wall_clock(line: &str, protocol: &Protocol) -> bool {
    let behind = line.trim_start().split_once('>').map_or(line, |(_, rest)| rest);
    *protocol == Protocol::RFC3164 && behind.trim_start().starts_with(|first: char| first.is_ascii_alphabetic())
}

/// The priority of a line whose header is not understood otherwise.
pub(super) fn priority(line: &str) -> Option<u8> {
    let (digits, _) = line.strip_prefix('<')?.split_once('>')?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|priority| plain && *priority <= 191)
}

/// The names of the facilities, by code.
const FACILITIES: [&str; 24] = [
    "kernel",
    "user-level",
    "mail",
    "system",
    "security/authorization",
    "syslogd",
    "line printer",
    "network news",
    "UUCP",
    "clock",
    "security/authorization",
    "FTP",
    "NTP",
    "log audit",
    "log alert",
    "clock",
    "local0",
    "local1",
    "local2",
    "local3",
    "local4",
    "local5",
    "local6",
    "local7",
];

/// The names of the severities, by code.
const SEVERITIES: [&str; 8] =
    ["Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug"];

/// Code and name of the facility in a priority, as the Elastic stack names it.
pub(super) fn facility(priority: u8) -> (u8, &'static str) {
    let code = priority / 8;
    (code, FACILITIES.get(usize::from(code)).copied().unwrap_or("unknown"))
}

/// Code and name of the severity in a priority.
pub(super) fn severity(priority: u8) -> (u8, &'static str) {
    (priority % 8, SEVERITIES[usize::from(priority % 8)])
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW_YEAR: &str = "2027-01-01T00:00:10Z";

    fn read(line: &str, zone: TimeZone) -> Option<Header<'_>> {
        let now = EventTime::parse_rfc3339(NEW_YEAR).unwrap();
        Header::read(line, zone, ReceivedTime::from_micros(now.micros()))
    }

    fn time(line: &str, zone: TimeZone) -> String {
        read(line, zone).unwrap().time.unwrap().to_string()
    }

    #[test]
    fn both_rfcs_are_read() {
        let line = "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog 8710 ID47 [ex@32473 iut=\"3\"] \u{feff}An event";
        let header = read(line, TimeZone::UTC).unwrap();
        assert_eq!((header.priority, header.version), (Some(165), Some(1)));
        assert_eq!((header.host, header.application), (Some("mymachine.example.com"), Some("evntslog")));
        assert_eq!((header.process, header.message_id), (Some(Process::Number(8710)), Some("ID47")));
        assert_eq!((header.data[0].id, header.text), ("ex@32473", "An event"));

        let line = "<34>Oct 11 22:14:15 mymachine su[99]: 'su root' failed for lonvick on /dev/pts/8";
        let header = read(line, TimeZone::UTC).unwrap();
        assert_eq!((header.priority, header.version), (Some(34), None));
        assert_eq!((header.host, header.application), (Some("mymachine"), Some("su")));
        assert_eq!(header.text, "'su root' failed for lonvick on /dev/pts/8");
        assert_eq!(read("what is this", TimeZone::UTC), None);
        assert_eq!(priority("<13>what is this"), Some(13));
        for bad in ["<192>x", "<>x", "<+3>x", "13>x", "<13"] {
            assert_eq!(priority(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_time_without_year_and_zone_gets_the_nearest_year_and_the_set_zone() {
        let line = "<13>Dec 31 23:59:59 host app: text";
        assert_eq!(time(line, TimeZone::UTC), "2026-12-31T23:59:59.000Z");
        assert_eq!(time(line, TimeZone::Offset(2 * 3600)), "2026-12-31T21:59:59.000Z");
        assert_eq!(time("<13>Jan  1 01:00:00 host app: text", TimeZone::Offset(3600)), "2027-01-01T00:00:00.000Z");
        assert_eq!(time("<13>Dec 31 2025 23:59:59 host app: text", TimeZone::Offset(3600)), "2025-12-31T22:59:59.000Z");
    }

    #[test]
    fn a_time_that_says_its_zone_keeps_it() {
        for line in
            ["<13>2026-12-31T23:59:59+01:00 host app: text", "<13>1 2026-12-31T23:59:59+01:00 host app - - - text"]
        {
            assert_eq!(time(line, TimeZone::Offset(7200)), "2026-12-31T22:59:59.000Z", "{line}");
        }
    }
}
