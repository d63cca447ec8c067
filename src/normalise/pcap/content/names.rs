//! Names that are asked for before anything else: the question of a DNS message, the server's name of a TLS greeting.
//!
//! Sources: RFC 1035, section 4.1; RFC 8446, section 4.1.2; RFC 6066, section 3.

use std::borrow::Cow;

/// The longest name that is given.
const LONGEST: usize = 255;

/// The first question of a DNS message, name and type of record; none where it is no DNS message.
pub fn dns_question(message: &[u8]) -> Option<(String, u16)> {
    let header: &[u8; 12] = message.first_chunk()?;
    let questions = u16::from_be_bytes([header[4], header[5]]);
    let operation = header[2] >> 3 & 15;
    if !(1..=8).contains(&questions) || operation > 5 {
        return None;
    }
    let mut name = String::new();
    let mut rest = &message[12..];
    loop {
        let (&length, after) = rest.split_first()?;
        let label = match length {
            0 => {
                // what is cut off has type 0, which there is not
                let kind = after.first_chunk().map_or(0, |kind| u16::from_be_bytes(*kind));
                return Some((name, kind));
            }
            // a question is the first name of a message, so there is nothing that it could point to
            1..=63 => after.get(..usize::from(length))?,
            _ => return None,
        };
        if !name.is_empty() {
            name.push('.');
        }
        name.extend(label.iter().map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '?' }));
        if name.len() > LONGEST {
            return None;
        }
        rest = &after[label.len()..];
    }
}

/// A type of record in words, as Zeek has it.
pub fn record_type(kind: u16) -> Cow<'static, str> {
    let name = match kind {
        1 => "A",
        2 => "NS",
        5 => "CNAME",
        6 => "SOA",
        10 => "NULL",
        12 => "PTR",
        15 => "MX",
        16 => "TXT",
        25 => "KEY",
        28 => "AAAA",
        33 => "SRV",
        35 => "NAPTR",
        38 => "A6",
        64 => "SVCB",
        65 => "HTTPS",
        255 => "*",
        65_280..=65_534 => "PRIVATE",
        other => return format!("query-{other}").into(),
    };
    name.into()
}

/// What became of looking for a server's name.
#[derive(Debug, PartialEq, Eq)]
pub enum Greeting {
    /// It is there.
    Name(String),
    /// There is none.
    None,
    /// More bytes may tell.
    More,
}

/// The server's name in the first bytes of a TLS client.
pub fn server_name(bytes: &[u8]) -> Greeting {
    let mut cursor = Cursor(bytes);
    match cursor.greeting() {
        Some(Some(name)) => Greeting::Name(name),
        Some(None) => Greeting::None,
        None => Greeting::More,
    }
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// A field that is preceded by its length in so many bytes.
    fn field(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let length = self.take(bytes)?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        self.take(length)
    }

    /// None where bytes are missing; an inner none where there is no name.
    fn greeting(&mut self) -> Option<Option<String>> {
        let header = self.take(5)?;
        if header[0] != 22 || header[1] != 3 {
            return Some(None);
        }
        if self.take(1)? != [1] {
            return Some(None);
        }
        let mut hello = Cursor(self.field(3)?);
        Some(hello.name())
    }

    fn name(&mut self) -> Option<String> {
        self.take(2 + 32)?;
        self.field(1)?;
        self.field(2)?;
        self.field(1)?;
        let mut extensions = Cursor(self.field(2)?);
        loop {
            let kind = extensions.take(2)?;
            let body = extensions.field(2)?;
            if kind == [0, 0] {
                let mut names = Cursor(Cursor(body).field(2)?);
                let is_host = names.take(1)? == [0];
                let name = names.field(2).filter(|name| is_host && name.len() <= LONGEST)?;
                return Some(String::from_utf8_lossy(name).into_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_read_and_nonsense_is_none() {
        let message = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x03org\x00\x00\x01\x00\x01";
        assert_eq!(dns_question(message), Some(("www.example.org".to_owned(), 1)));
        for length in 0..28 {
            assert_eq!(dns_question(&message[..length]), None, "{length}");
        }
        let mut pointing = message.to_vec();
        pointing[12] = 0xc0;
        assert_eq!(dns_question(&pointing), None);
    }

    #[test]
    fn a_server_name_is_found_once_the_greeting_is_complete() {
        let name = b"\x00\x00\x00\x10\x00\x0e\x00\x00\x0bexample.org";
        let mut hello = vec![3, 3];
        hello.extend([0; 32]);
        hello.extend([0, 0, 2, 0x13, 1, 1, 0]);
        hello.extend((name.len() as u16).to_be_bytes());
        hello.extend(name);
        let mut record = vec![22, 3, 1];
        record.extend((hello.len() as u16 + 4).to_be_bytes());
        record.extend([1, 0]);
        record.extend((hello.len() as u16).to_be_bytes());
        record.extend(&hello);
        assert_eq!(server_name(&record), Greeting::Name("example.org".to_owned()));
        assert_eq!(server_name(&record[..record.len() - 1]), Greeting::More);
        assert_eq!(server_name(b"GET / HTTP/1.1"), Greeting::None);
    }
}
