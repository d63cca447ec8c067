//! Makes keys, and hashes of passwords.

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, SaltString};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// What a key begins with, so that a tool that looks for secrets in files can find it.
const PREFIX: &str = "ov_";
/// Random bytes in a key.
const LENGTH: usize = 32;

/// A new key: 32 random bytes as text.
pub fn new_key() -> String {
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random::<LENGTH>()))
}

/// Random bytes from the system.
pub(super) fn random<const COUNT: usize>() -> [u8; COUNT] {
    let mut bytes = [0; COUNT];
    getrandom::fill(&mut bytes).expect("Linux always has random bytes once it has started");
    bytes
}

/// The argon2id hash of a password with a salt of its own, as it stands in the configuration.
///
/// # Errors
/// When the password is longer than argon2 can take, which is 4 GiB.
pub fn hash_password(password: &str) -> Result<String, argon2::password_hash::Error> {
    let salt = SaltString::encode_b64(&random::<16>())?;
    Ok(Argon2::default().hash_password(password.as_bytes(), &salt)?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_keys_are_alike_and_no_header_breaks_one() {
        let (one, other) = (new_key(), new_key());
        assert_ne!(one, other);
        assert_eq!(one.len(), PREFIX.len() + 43);
        assert!(one.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'));
    }

    #[test]
    fn the_hash_of_a_password_is_salted_argon2id() {
        let (one, other) = (hash_password("x").unwrap(), hash_password("x").unwrap());
        assert!(one.starts_with("$argon2id$v=19$"));
        assert_ne!(one, other);
    }
}
