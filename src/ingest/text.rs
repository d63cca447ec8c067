//! Bodies that are no JSON by intent: a form becomes an object of strings, a text an object with one `message`.

use bytes::Bytes;

use super::json::{Fault, Flaw};

/// `a=1&b=x+y` → `{"a":"1","b":"x y"}`; a key that comes again gets an array of all its values, in order.
pub(super) fn from_pairs(body: &[u8]) -> Result<Bytes, Fault> {
    let mut fields: Vec<(String, Vec<String>)> = Vec::new();
    let mut at = 0;
    for pair in body.trim_ascii_end().split(|&byte| byte == b'&') {
        let split = memchr::memchr(b'=', pair).unwrap_or(pair.len());
        let (key, value) = (&pair[..split], pair.get(split + 1..).unwrap_or_default());
        let flawed = |_| Fault { at, flaw: Flaw::Utf8 };
        let key = String::from_utf8(decoded(key)).map_err(flawed)?;
        let value = String::from_utf8(decoded(value)).map_err(flawed)?;
        at += pair.len() + 1;
        if pair.is_empty() {
            continue;
        }
        // forms are short; the bound on fields is checked by the caller on the result
        if let Some((_, values)) = fields.iter_mut().find(|(known, _)| *known == key) {
            values.push(value);
        } else if fields.len() < MOST_FIELDS as usize {
            fields.push((key, vec![value]));
        } else {
            return Err(Fault { at, flaw: Flaw::TooManyFields(MOST_FIELDS) });
        }
    }
    Ok(written(&fields))
}

/// Fields of a form at most: each new one is compared with all before it.
const MOST_FIELDS: u32 = 1000;

fn written(fields: &[(String, Vec<String>)]) -> Bytes {
    let mut out = b"{".to_vec();
    for (place, (key, values)) in fields.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        quote(key, &mut out);
        out.push(b':');
        match values.as_slice() {
            [value] => quote(value, &mut out),
            values => serde_json::to_writer(&mut out, values).expect("strings are written to memory"),
        }
    }
    out.push(b'}');
    Bytes::from(out)
}

/// Any UTF-8 text → `{"message":"…"}`.
pub(super) fn from_text(body: &[u8]) -> Result<Bytes, Fault> {
    let text = std::str::from_utf8(body).map_err(|error| Fault { at: error.valid_up_to(), flaw: Flaw::Utf8 })?;
    let mut out = Vec::with_capacity(text.len() + 16);
    out.extend_from_slice(b"{\"message\":");
    quote(text, &mut out);
    out.push(b'}');
    Ok(Bytes::from(out))
}

fn quote(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("a string is written to memory");
}

/// `+` is a space, `%41` is a byte; a `%` that is followed by anything else stays one.
pub(crate) fn decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        match (byte, behind.split_first_chunk::<2>()) {
            (b'%', Some(([high, low], behind))) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.push(digit(*high) << 4 | digit(*low));
                rest = behind;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(byte),
        }
    }
    out
}

fn digit(hex: u8) -> u8 {
    match hex {
        b'0'..=b'9' => hex - b'0',
        letter => (letter | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn a_form_is_decoded_and_keeps_every_value() {
        let json = from_pairs(b"a=%C3%A4+b&empty=&bare&a=2&&p=100%&q=%4g\r\n").unwrap();
        assert_eq!(
            std::str::from_utf8(&json).unwrap(),
            r#"{"a":["ä b","2"],"empty":"","bare":"","p":"100%","q":"%4g"}"#
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_a_flaw_at_their_place() {
        assert_eq!(from_pairs(b"a=1&b=%ff").unwrap_err(), Fault { at: 4, flaw: Flaw::Utf8 });
        assert_eq!(from_text(b"ab\xff").unwrap_err(), Fault { at: 2, flaw: Flaw::Utf8 });
    }

    #[test]
    fn a_form_of_very_many_fields_is_refused() {
        let body: String = (0..=MOST_FIELDS).map(|n| format!("k{n}=1&")).collect();
        assert_eq!(from_pairs(body.as_bytes()).unwrap_err().flaw, Flaw::TooManyFields(1000));
    }

    proptest! {
        #[test]
        fn a_message_is_the_text_that_came(text in any::<String>()) {
            let json: serde_json::Value = serde_json::from_slice(&from_text(text.as_bytes()).unwrap()).unwrap();
            prop_assert_eq!(json, serde_json::json!({ "message": text }));
        }
    }
}
