//! Durations and sizes as people write them: `5s`, `1h30m`, `64MiB`, `1GB`.
//!
//! What [`DurationText`] and [`SizeText`] write, they read back as the same value.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A duration in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DurationText(pub Duration);

/// A number of bytes in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SizeText(pub u64);

/// Units of time with their length in microseconds, longest first.
const TIME_UNITS: [(&str, u64); 6] =
    [("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000), ("us", 1)];

/// Units of size with their bytes, largest first.
const SIZE_UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

/// A text that is no duration.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a duration: write whole numbers with units d, h, m, s, ms or us, such as 5s, 2m or 1h30m")]
pub struct NoDuration;

/// A text that is no size.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a size: write a whole number with a unit B, KB, MB, GB, TB, KiB, MiB, GiB or TiB, such as 64MiB")]
pub struct NoSize;

impl FromStr for DurationText {
    type Err = NoDuration;

    fn from_str(text: &str) -> Result<Self, NoDuration> {
        let mut rest = text.trim();
        let mut micros: u64 = 0;
        if rest.is_empty() {
            return Err(NoDuration);
        }
        while !rest.is_empty() {
            let (number, after) = leading_number(rest).ok_or(NoDuration)?;
            let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
            let unit = TIME_UNITS.iter().find(|(name, _)| *name == &after[..end]).ok_or(NoDuration)?;
            let part = number.checked_mul(unit.1).ok_or(NoDuration)?;
            micros = micros.checked_add(part).ok_or(NoDuration)?;
            rest = after[end..].trim_start();
        }
        Ok(Self(Duration::from_micros(micros)))
    }
}

impl FromStr for SizeText {
    type Err = NoSize;

    fn from_str(text: &str) -> Result<Self, NoSize> {
        let (number, after) = leading_number(text.trim()).ok_or(NoSize)?;
        let unit = after.trim_start();
        let bytes = match unit {
            "" => 1,
            _ => SIZE_UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or(NoSize)?.1,
        };
        number.checked_mul(bytes).map(Self).ok_or(NoSize)
    }
}

/// The digits that `text` starts with, as a number, and what follows them.
fn leading_number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

impl fmt::Display for DurationText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut micros = u64::try_from(self.0.as_micros()).unwrap_or(u64::MAX);
        if micros == 0 {
            return f.write_str("0s");
        }
        for (unit, length) in TIME_UNITS {
            if micros >= length {
                write!(f, "{}{unit}", micros / length)?;
                micros %= length;
            }
        }
        Ok(())
    }
}

impl fmt::Display for SizeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, bytes): &&(&str, u64)| self.0 >= *bytes && self.0.is_multiple_of(*bytes);
        match SIZE_UNITS.iter().find(fits) {
            Some((unit, bytes)) => write!(f, "{}{unit}", self.0 / bytes),
            None => f.write_str("0B"),
        }
    }
}

impl Serialize for DurationText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for SizeText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DurationText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for SizeText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for DurationText {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "x-kind": "duration", "pattern": "^( *[0-9]+(d|h|m|s|ms|us))+ *$" })
    }
}

impl JsonSchema for SizeText {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"], "x-kind": "size", "pattern": "^[0-9]+ *([KMGTkmgt]?[Ii]?[Bb])?$" })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;

    #[test]
    fn durations_and_sizes_are_read_as_people_write_them() {
        let seconds = |text: &str| text.parse::<DurationText>().map(|found| found.0.as_secs_f64());
        assert_eq!(seconds("5s"), Ok(5.0));
        assert_eq!(seconds("1h30m"), Ok(5400.0));
        assert_eq!(seconds("1d 500ms"), Ok(86_400.5));
        let bytes = |text: &str| text.parse::<SizeText>().map(|found| found.0);
        assert_eq!(
            (bytes("64MiB"), bytes("1GB"), bytes("1 kb"), bytes("17")),
            (Ok(64 << 20), Ok(1_000_000_000), Ok(1000), Ok(17))
        );
    }

    #[test]
    fn what_has_no_unit_or_a_wrong_one_is_refused() {
        for text in ["", "5", "s", "5 parsecs", "-1s", "1.5h", "99999999999999999999s", "99999999999999d"] {
            assert_eq!(text.parse::<DurationText>(), Err(NoDuration), "{text}");
        }
        for text in ["", "MiB", "64M", "-1B", "1.5GB", "99999999999TB"] {
            assert_eq!(text.parse::<SizeText>(), Err(NoSize), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_duration_reads_back_what_it_writes(micros in any::<u64>()) {
            let written = DurationText(Duration::from_micros(micros));
            assert_eq!(written.to_string().parse(), Ok(written));
        }

        #[test]
        fn a_size_reads_back_what_it_writes(bytes in any::<u64>()) {
            assert_eq!(SizeText(bytes).to_string().parse(), Ok(SizeText(bytes)));
        }
    }
}
