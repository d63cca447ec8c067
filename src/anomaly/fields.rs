//! What metrics read from an event: the values of declared field paths, each taken once an event and kept as a hash.
//!
//! Metrics never compare texts: a path's value becomes 64 bits (and a number, where it is one), and filters, entities
//! and distinct counts work on those. The text itself is asked for again only when a series is seen for the first time.

use std::borrow::Cow;

use super::patterns::Call;

/// The values of an event, by the place of their path in [`Engine::paths`](super::Engine::paths).
pub trait Fields {
    /// The value at path `id`; none where the event has no such field or it is not a scalar.
    fn field(&self, id: usize) -> Option<Value<'_>>;

    /// Gives `take` all values at path `id`, where it is a list; else the single one.
    fn each(&self, id: usize, take: &mut dyn FnMut(Value<'_>)) {
        if let Some(value) = self.field(id) {
            take(value);
        }
    }

    /// The JSON of the list at path `id`, where it is one.
    fn list(&self, _id: usize) -> Option<&str> {
        None
    }

    /// The connection that the event tells of, if it does.
    fn call(&self) -> Option<Call<'_>> {
        None
    }
}

/// The value of one field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// A string, unescaped.
    Text(Cow<'a, str>),
    /// A number.
    Number(f64),
    /// `true` or `false`.
    Flag(bool),
}

impl Value<'_> {
    /// Appends the value as a person reads it; whole numbers without a point.
    pub(super) fn write_to(&self, out: &mut String) {
        match self {
            Self::Text(text) => out.push_str(text),
            Self::Number(number) => super::render::write_number(out, *number),
            Self::Flag(flag) => out.push_str(if *flag { "true" } else { "false" }),
        }
    }
}

/// One field of the event at hand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// Hash of the value; [`MISSING`] where there is none.
    pub hash: u64,
    /// The value as a number; NaN where it is none.
    pub number: f64,
    /// In which of the networks that conditions name the address lies, a bit each; 0 for what is no address.
    pub networks: u32,
}

/// The hash of no value.
pub(super) const MISSING: u64 = 0;

impl Reading {
    /// Nothing there.
    pub(super) const NONE: Self = Self { hash: MISSING, number: f64::NAN, networks: 0 };

    /// A number and the same number written as a text (`22` and `"22"`) have the same hash: sources differ in that.
    pub(super) fn of(value: Option<Value<'_>>) -> Self {
        match value {
            None => Self::NONE,
            Some(Value::Number(number)) => Self::number(number),
            Some(Value::Flag(flag)) => {
                let hash = hash_bytes(if flag { b"true" } else { b"false" });
                Self { hash, number: f64::from(u8::from(flag)), networks: 0 }
            }
            Some(Value::Text(text)) => match whole_number(&text) {
                Some(number) => Self::number(number as f64),
                None => Self { hash: hash_bytes(text.as_bytes()), number: f64::NAN, networks: 0 },
            },
        }
    }

    fn number(number: f64) -> Self {
        // -0 and 0 are one number
        Self { hash: nonzero(mix((number + 0.0).to_bits(), 0x6e75_6d62_6572)), number, networks: 0 }
    }
}

/// A text of 1 to 15 digits without a leading zero, so that `007` stays a text.
fn whole_number(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let plain = !bytes.is_empty() && bytes.len() <= 15 && (bytes[0] != b'0' || bytes.len() == 1);
    if !plain {
        return None;
    }
    bytes.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0')))
}

/// Folded multiplication of two 64-bit words: the step of wyhash (Wang Yi, public domain).
#[inline]
pub(super) fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ 0x9e37_79b9_7f4a_7c15) * u128::from(b ^ 0xe703_7ed1_a0b4_28db);
    (product as u64) ^ ((product >> 64) as u64)
}

/// A 64-bit hash, never [`MISSING`]. It is the same in every run, because snapshots keep it.
#[inline]
pub(super) fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut chunks = bytes.chunks_exact(8);
    let mut hash = mix(bytes.len() as u64, 0x7465_7874);
    for chunk in &mut chunks {
        hash = mix(hash, u64::from_le_bytes(chunk.try_into().expect("chunks have 8 bytes")));
    }
    let mut last = [0; 8];
    last[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
    nonzero(mix(hash, u64::from_le_bytes(last)))
}

fn nonzero(hash: u64) -> u64 {
    if hash == MISSING { 1 } else { hash }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(value: Value<'_>) -> u64 {
        Reading::of(Some(value)).hash
    }

    #[test]
    fn a_port_is_the_same_entity_as_number_and_as_text() {
        assert_eq!(hash(Value::Number(22.0)), hash(Value::Text("22".into())));
        assert_ne!(hash(Value::Number(22.0)), hash(Value::Text("022".into())));
        assert_ne!(hash(Value::Number(22.0)), hash(Value::Number(23.0)));
    }

    #[test]
    fn many_texts_have_as_many_hashes() {
        let mut seen: Vec<u64> =
            (0..200_000).map(|n| hash(Value::Text(format!("10.{}.{}", n / 251, n % 251).into()))).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 200_000);
    }
}
