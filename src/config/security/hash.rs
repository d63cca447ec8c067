//! The hash of an API key, which stands in the configuration in place of the key.
//!
//! A fast hash is enough: a key is 32 random bytes, which nobody can guess. (Passwords can be guessed; theirs is slow.)

use std::fmt;
use std::str::FromStr;

/// What the text of a hash begins with.
const PREFIX: &str = "blake3:";

/// The hash of an API key. Two are compared in constant time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyHash(blake3::Hash);

/// A text that is no hash of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the hash of a key: {PREFIX} and 64 hexadecimal digits, as 'oversight key create' prints it")]
pub struct NoKeyHash;

impl KeyHash {
    /// Of this key.
    pub fn of(key: &[u8]) -> Self {
        Self(blake3::hash(key))
    }
}

impl FromStr for KeyHash {
    type Err = NoKeyHash;

    fn from_str(text: &str) -> Result<Self, NoKeyHash> {
        let digits = text.strip_prefix(PREFIX).ok_or(NoKeyHash)?;
        blake3::Hash::from_hex(digits).map(Self).map_err(|_| NoKeyHash)
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.0.to_hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_reads_back_what_it_writes_and_nothing_else() {
        let hash = KeyHash::of(b"a key");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        for text in ["", "blake3:", "blake3:00", "sha256:00", &hash.to_string()[7..], &format!("{hash}0")] {
            assert_eq!(text.parse::<KeyHash>(), Err(NoKeyHash), "{text}");
        }
    }
}
