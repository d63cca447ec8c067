//! Messages whose text is JSON: Suricata's EVE by syslog, `@cee:` (lumberjack), programs that log objects.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::super::json::{Bounds, object_end};

/// The object that a message is, byte for byte; none where it is a text.
pub(super) fn object<'a>(text: &'a str, bounds: &Bounds) -> Option<&'a str> {
    let text = text.trim();
    let text = text.strip_prefix("@cee:").map_or(text, str::trim_start);
    if !text.starts_with('{') {
        return None;
    }
    (object_end(text.as_bytes(), 0, bounds) == Ok(text.len())).then_some(text)
}

/// Which of the keys that a header would bring an object has itself.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Own {
    /// `@timestamp`, or Zeek's `ts`.
    pub time: bool,
    /// `log`, whatever it is.
    pub log: bool,
    /// `log.syslog` or something below, written with dots.
    pub syslog: bool,
    /// `tags`
    pub tags: bool,
}

impl Own {
    /// Of an object that [`object`] let through.
    pub fn of(object: &str) -> Self {
        serde_json::from_str(object).unwrap_or(Self { time: true, log: true, syslog: true, tags: true })
    }
}

impl<'de> Deserialize<'de> for Own {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OwnVisitor)
    }
}

struct OwnVisitor;

impl<'de> Visitor<'de> for OwnVisitor {
    type Value = Own;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Own, A::Error> {
        let mut own = Own::default();
        while let Some(key) = map.next_key()? {
            match key {
                Key::Time => own.time = true,
                Key::Log => own.log = true,
                Key::Syslog => own.syslog = true,
                Key::Tags => own.tags = true,
                Key::Other => {}
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(own)
    }
}

enum Key {
    Time,
    Log,
    Syslog,
    Tags,
    Other,
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_identifier(KeyVisitor)
    }
}

struct KeyVisitor;

impl Visitor<'_> for KeyVisitor {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Key, E> {
        Ok(match key {
            "@timestamp" | "ts" => Key::Time,
            "log" => Key::Log,
            "tags" => Key::Tags,
            dotted if dotted.starts_with("log.syslog") || dotted.starts_with("log.source") => Key::Syslog,
            _ => Key::Other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { depth: 4, fields: 10, length: 1000 };

    #[test]
    fn only_a_whole_object_within_its_bounds_is_one() {
        assert_eq!(object(r#" {"a":1} "#, &BOUNDS), Some(r#"{"a":1}"#));
        assert_eq!(object(r#"@cee: {"a":1}"#, &BOUNDS), Some(r#"{"a":1}"#));
        for text in ["", "text", "[1]", r#"{"a":1} and more"#, r#"{"a":"#, r#"{"a":[[[[1]]]]}"#, "@cee:"] {
            assert_eq!(object(text, &BOUNDS), None, "{text}");
        }
    }

    #[test]
    fn what_an_object_has_itself_is_seen() {
        let own = |text: &str| Own::of(text);
        assert_eq!(own("{}"), Own::default());
        assert_eq!(own(r#"{"a":{"log":1},"log.level":"info"}"#), Own::default());
        assert_eq!(own(r#"{"ts":1,"log":{"level":"x"}}"#), Own { time: true, log: true, ..Own::default() });
        assert_eq!(own(r#"{"l\u006fg":1}"#), Own { log: true, ..Own::default() }, "escapes are undone");
        assert_eq!(own(r#"{"log.syslog.priority":1}"#), Own { syslog: true, ..Own::default() });
    }
}
