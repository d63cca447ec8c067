//! Time zones, as far as they can be written in a configuration.

use std::fmt;
use std::str::FromStr;

/// The time zone of clocks that do not say which they go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeZone {
    /// Seconds east of UTC.
    Offset(i32),
    /// This machine's, summer time included (the environment variable `TZ` sets it).
    Local,
}

impl TimeZone {
    /// UTC.
    pub const UTC: Self = Self::Offset(0);
}

/// A text that names no time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a time zone is utc, local or an offset such as +02:00")]
pub struct NoTimeZone;

impl FromStr for TimeZone {
    type Err = NoTimeZone;

    fn from_str(text: &str) -> Result<Self, NoTimeZone> {
        match text {
            "utc" | "UTC" | "Z" => return Ok(Self::UTC),
            "local" => return Ok(Self::Local),
            _ => {}
        }
        let (sign, rest) = match text.split_at_checked(1) {
            Some(("+", rest)) => (1, rest),
            Some(("-", rest)) => (-1, rest),
            _ => return Err(NoTimeZone),
        };
        let (hours, minutes) = rest.split_once(':').ok_or(NoTimeZone)?;
        let number = |digits: &str, most: i32| {
            let plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|number| plain && (0..=most).contains(number)).ok_or(NoTimeZone)
        };
        Ok(Self::Offset(sign * (number(hours, 14)? * 3600 + number(minutes, 59)? * 60)))
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("local"),
            Self::Offset(0) => f.write_str("utc"),
            Self::Offset(seconds) => {
                let (sign, minutes) = (if *seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
                write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_read_back() {
        for text in ["utc", "local", "+02:00", "-03:30", "+14:00"] {
            assert_eq!(text.parse::<TimeZone>().unwrap().to_string(), text);
        }
        for bad in ["", "CET", "+2", "+02:60", "+15:00", "02:00", "+-2:00", "+é2:00"] {
            assert_eq!(bad.parse::<TimeZone>(), Err(NoTimeZone), "{bad}");
        }
    }
}
