//! What a request shows of its sender: the `Authorization` header in each of its forms.
//!
//! - `ApiKey base64(id:key)`, as Elasticsearch's clients send it; `ApiKey KEY` and `Bearer KEY` with the key alone;
//! - `Basic base64(name:password)`, where a key's name and the key will do as well.

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// A longer header is no credential of ours.
const LONGEST: usize = 4096;

/// Senders differ in whether they pad.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Credentials as they were sent, unchecked. There is no way to print one.
#[derive(PartialEq, Eq)]
pub enum Presented {
    /// A key, with its name where the sender gave one.
    Key {
        /// The name.
        id: Option<String>,
        /// The key.
        key: String,
    },
    /// A name and a password, or a key's name and the key.
    Password {
        /// The name.
        name: String,
        /// The password.
        password: String,
    },
}

/// The header cannot be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl Presented {
    /// What `headers` show; none where there is no such header.
    pub fn of(headers: &HeaderMap) -> Result<Option<Self>, Malformed> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Ok(None) };
        // two of them: whoever stands in between may have looked at the other one
        if values.next().is_some() || value.len() > LONGEST {
            return Err(Malformed);
        }
        let (scheme, rest) = value.to_str().map_err(|_| Malformed)?.split_once(' ').ok_or(Malformed)?;
        let rest = rest.trim();
        if rest.is_empty() {
            return Err(Malformed);
        }
        match scheme.to_ascii_lowercase().as_str() {
            "apikey" => Ok(Some(match pair(rest) {
                Some((id, key)) => Self::Key { id: Some(id), key },
                None => Self::Key { id: None, key: rest.to_owned() },
            })),
            "bearer" => Ok(Some(Self::Key { id: None, key: rest.to_owned() })),
            "basic" => {
                let (name, password) = pair(rest).ok_or(Malformed)?;
                Ok(Some(Self::Password { name, password }))
            }
            _ => Err(Malformed),
        }
    }
}

/// The two texts of `base64(first:second)`.
fn pair(encoded: &str) -> Option<(String, String)> {
    let plain = String::from_utf8(BASE64.decode(encoded).ok()?).ok()?;
    let (first, second) = plain.split_once(':')?;
    Some((first.to_owned(), second.to_owned()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(value: &str) -> Result<Option<Presented>, Malformed> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        Presented::of(&headers)
    }

    fn key(id: Option<&str>, key: &str) -> Presented {
        Presented::Key { id: id.map(str::to_owned), key: key.to_owned() }
    }

    #[test]
    fn every_form_is_understood() {
        let pair = BASE64.encode("logstash:secret:with:colons");
        let named = key(Some("logstash"), "secret:with:colons");
        assert!(of(&format!("ApiKey {pair}")) == Ok(Some(named)));
        assert!(of("ApiKey ov_secret-_") == Ok(Some(key(None, "ov_secret-_"))));
        assert!(of("bearer  ov_secret") == Ok(Some(key(None, "ov_secret"))));
        let expected = Presented::Password { name: "logstash".to_owned(), password: "secret:with:colons".to_owned() };
        // without padding, as some write it
        assert!(of(&format!("Basic {}", pair.trim_end_matches('='))) == Ok(Some(expected)));
        assert!(Presented::of(&HeaderMap::new()) == Ok(None));
    }

    #[test]
    fn what_is_no_credential_is_told_apart_from_none() {
        for value in
            ["", "Basic", "Basic ", "Basic !!", "Basic YQ==", "Digest x", &format!("Bearer {}", "x".repeat(5000))]
        {
            assert!(of(value) == Err(Malformed), "{value}");
        }
        let mut twice = HeaderMap::new();
        twice.append(AUTHORIZATION, HeaderValue::from_static("Bearer a"));
        twice.append(AUTHORIZATION, HeaderValue::from_static("Bearer b"));
        assert!(Presented::of(&twice) == Err(Malformed));
    }
}
