//! The three things that oversight reads in a certificate: from when until when it is valid, and the common name of its
//! subject. What rests on it (signatures, chains, purposes) is rustls' work and is done before.
//!
//! X.509 is a tree of DER elements, each a tag, a length and that many bytes; here it is walked down to those three.

use time::{Date, Month, PrimitiveDateTime, Time};

use crate::event::EventTime;

const INTEGER: u8 = 0x02;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const T61_STRING: u8 = 0x14;
const IA5_STRING: u8 = 0x16;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// The version, which old certificates leave out.
const EXPLICIT_0: u8 = 0xa0;
/// 2.5.4.3
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Not valid before.
    pub from: EventTime,
    /// Not valid after.
    pub until: EventTime,
    /// Of the subject; the last one where there are several, which is the most special.
    pub common_name: Option<String>,
}

impl About {
    /// Reads a certificate; none where it is not one.
    pub fn of(certificate: &[u8]) -> Option<Self> {
        let mut whole = Reader(certificate).within(SEQUENCE)?;
        let mut signed = whole.within(SEQUENCE)?;
        if signed.is_next(EXPLICIT_0) {
            signed.next()?;
        }
        signed.within(INTEGER)?;
        // the algorithm of the signature, and who signed it
        signed.within(SEQUENCE)?;
        signed.within(SEQUENCE)?;
        let mut valid = signed.within(SEQUENCE)?;
        let (from, until) = (moment(valid.next()?)?, moment(valid.next()?)?);
        let common_name = common_name(signed.within(SEQUENCE)?)?;
        Some(Self { from, until, common_name })
    }
}

/// `None` where the subject is damaged, `Some(None)` where it has no such name.
fn common_name(mut subject: Reader<'_>) -> Option<Option<String>> {
    let mut found = None;
    while !subject.0.is_empty() {
        let mut attributes = subject.within(SET)?;
        while !attributes.0.is_empty() {
            let mut attribute = attributes.within(SEQUENCE)?;
            if attribute.within(OBJECT_IDENTIFIER)?.0 == COMMON_NAME {
                let (tag, bytes) = attribute.next()?;
                if matches!(tag, UTF8_STRING | PRINTABLE_STRING | T61_STRING | IA5_STRING) {
                    found = Some(std::str::from_utf8(bytes).ok()?.to_owned());
                }
            }
        }
    }
    Some(found)
}

/// `YYMMDDHHMMSSZ` (1950 to 2049) or `YYYYMMDDHHMMSSZ`.
fn moment((tag, text): (u8, &[u8])) -> Option<EventTime> {
    let digits = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let short: i32 = digits[..2].parse().ok()?;
            (if short < 50 { 2000 + short } else { 1900 + short }, &digits[2..])
        }
        (GENERALIZED_TIME, 14) => (digits[..4].parse().ok()?, &digits[4..]),
        _ => return None,
    };
    let part = |at: usize| rest[at..at + 2].parse::<u8>().ok();
    let date = Date::from_calendar_date(year, Month::try_from(part(0)?).ok()?, part(2)?).ok()?;
    let time = Time::from_hms(part(4)?, part(6)?, part(8)?).ok()?;
    let seconds = PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp();
    EventTime::from_micros(seconds.checked_mul(1_000_000)?)
}

/// The rest of some DER.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The next element: its tag and what is in it.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let mut length = usize::from(first);
        if first & 0x80 != 0 {
            let bytes = usize::from(first & 0x7f);
            // a certificate is shorter than 16 MiB
            if !(1..=3).contains(&bytes) || rest.len() < bytes {
                return None;
            }
            length = rest[..bytes].iter().fold(0, |length, &byte| length << 8 | usize::from(byte));
            rest = &rest[bytes..];
        }
        let (inside, after) = rest.split_at_checked(length)?;
        self.0 = after;
        Some((tag, inside))
    }

    fn is_next(&self, tag: u8) -> bool {
        self.0.first() == Some(&tag)
    }

    /// What is in the next element, if it has this tag.
    fn within(&mut self, tag: u8) -> Option<Self> {
        let (found, inside) = self.next()?;
        (found == tag).then_some(Self(inside))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};
    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

    use super::*;

    fn made() -> Vec<u8> {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::OrganizationName, "Beispiel");
        params.distinguished_name.push(DnType::CommonName, "shipper-1");
        params.not_before = date_time_ymd(2024, 2, 29);
        params.not_after = date_time_ymd(2051, 1, 2);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn times_and_common_name_are_read_in_both_notations() {
        let about = About::of(&made()).unwrap();
        assert_eq!(about.common_name.as_deref(), Some("shipper-1"));
        let days = |moment: EventTime| moment.day().to_string();
        assert_eq!((days(about.from), days(about.until)), ("2024.02.29".to_owned(), "2051.01.02".to_owned()));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(garbage: Vec<u8>, at in any::<proptest::sample::Index>(), byte: u8) {
            let _ = About::of(&garbage);
            let mut damaged = made();
            let at = at.index(damaged.len());
            damaged[at] = byte;
            let _ = About::of(&damaged);
            let _ = About::of(&damaged[..at]);
        }
    }
}
