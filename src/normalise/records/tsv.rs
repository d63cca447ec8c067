//! Zeek's tab-separated logs: header lines with names and types, values with `\xNN` escapes; as the JSON that Zeek's
//! own JSON writer makes of them (unset fields are left out), with `_path` and `@timestamp` as its streaming writer adds
//! them.
//!
//! A value that is not of its type stays a text, so a broken clock loses a time and not a record. A record with fewer
//! or more values than there are fields, as a torn last line is, is refused. A new `#fields` counts from there on, with
//! its own `#types`; without types every value is a text.
//!
//! Source: Zeek, `src/threading/formatters/Ascii.cc` and `Log.cc`.

use std::fmt::Write;

use serde_json::Value;

/// What the header lines say.
#[derive(Debug, Clone)]
pub struct Header {
    separator: String,
    set_separator: String,
    empty: String,
    unset: String,
    fields: Vec<String>,
    types: Vec<String>,
    path: Option<String>,
}

impl Default for Header {
    fn default() -> Self {
        Self {
            separator: "\t".to_owned(),
            set_separator: ",".to_owned(),
            empty: "(empty)".to_owned(),
            unset: "-".to_owned(),
            fields: Vec::new(),
            types: Vec::new(),
            path: None,
        }
    }
}

impl Header {
    /// Takes one line that begins with `#`; comments that are no part of a header change nothing.
    pub fn read(&mut self, line: &str) {
        if let Some(separator) = line.strip_prefix("#separator ") {
            self.separator =
                Some(unescape(separator)).filter(|text| !text.is_empty()).unwrap_or_else(|| "\t".to_owned());
            return;
        }
        let Some((name, rest)) = line.split_once(self.separator.as_str()) else { return };
        let words = || rest.split(self.separator.as_str()).map(str::to_owned).collect();
        match name {
            "#set_separator" => self.set_separator = unescape(rest),
            "#empty_field" => self.empty = rest.to_owned(),
            "#unset_field" => self.unset = rest.to_owned(),
            "#path" => self.path = Some(rest.to_owned()),
            "#fields" => (self.fields, self.types) = (words(), Vec::new()),
            "#types" => self.types = words(),
            _ => {}
        }
    }

    /// Whether records can be read by it.
    pub fn is_complete(&self) -> bool {
        !self.fields.is_empty()
    }

    fn kind(&self, place: usize) -> &str {
        self.types.get(place).map_or("string", String::as_str)
    }
}

/// The record in a line as a JSON object.
pub fn event(header: &Header, line: &str) -> Result<String, String> {
    let values: Vec<&str> = line.split(header.separator.as_str()).collect();
    if values.len() != header.fields.len() {
        return Err(format!("{} values, where the header names {} fields", values.len(), header.fields.len()));
    }
    let mut out = String::with_capacity(512);
    let mut member = |name: &str, value: &str| {
        out.push(if out.is_empty() { '{' } else { ',' });
        write!(out, "{}:{value}", Value::from(name)).expect("writing to a string does not fail");
    };
    if let Some(path) = header.path.as_ref().filter(|_| !header.fields.iter().any(|name| name == "_path")) {
        member("_path", &Value::from(path.as_str()).to_string());
    }
    for (place, (name, text)) in header.fields.iter().zip(values).enumerate() {
        if text == header.unset {
            continue;
        }
        if name == "ts"
            && let Some(time) = super::lines::moment(text)
        {
            member("@timestamp", &format!("\"{time}\""));
        }
        let typed = value(header, header.kind(place), text);
        member(name, &typed.unwrap_or_else(|| Value::from(unescape(text)).to_string()));
    }
    out.push_str(if out.is_empty() { "{}" } else { "}" });
    Ok(out)
}

/// A value as JSON text; none where it does not have its type.
fn value(header: &Header, kind: &str, text: &str) -> Option<String> {
    let inner = kind.split_once('[').and_then(|(_, inner)| inner.strip_suffix(']'));
    if let Some(inner) = inner {
        if text == header.empty {
            return Some("[]".to_owned());
        }
        let item = |part: &str| {
            if part == header.unset { Some("null".to_owned()) } else { value(header, inner, part) }
        };
        let items: Option<Vec<String>> = text.split(header.set_separator.as_str()).map(item).collect();
        return Some(format!("[{}]", items?.join(",")));
    }
    match kind {
        "bool" => match text {
            "T" => Some("true".to_owned()),
            "F" => Some("false".to_owned()),
            _ => None,
        },
        // the digits are kept: a time has more of them than some readers hold
        "time" | "interval" | "double" | "count" | "int" | "port" => {
            serde_json::from_str::<serde_json::Number>(text).ok().map(|_| text.to_owned())
        }
        _ if text == header.empty => Some("\"\"".to_owned()),
        _ => Some(Value::from(unescape(text)).to_string()),
    }
}

/// Turns `\xNN` into its byte; what is no UTF-8 then is replaced.
fn unescape(text: &str) -> String {
    if !text.contains("\\x") {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = rest.strip_prefix(b"\\x").and_then(|digits| digits.get(..2));
        let byte = escaped.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match byte {
            Some(byte) => {
                bytes.push(byte);
                rest = &rest[4..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HEADER: [&str; 8] = [
        "#separator \\x09",
        "#set_separator\t,",
        "#empty_field\t(empty)",
        "#unset_field\t-",
        "#path\tconn",
        "#open\t2026-11-22-10-00-00",
        "#fields\tts\tuid\tid.orig_p\tlocal_orig\tservice\ttunnel_parents\tduration",
        "#types\ttime\tstring\tport\tbool\tstring\tset[string]\tinterval",
    ];

    fn header() -> Header {
        let mut header = Header::default();
        HEADER.iter().for_each(|line| header.read(line));
        header
    }

    #[test]
    fn a_record_becomes_the_json_that_zeek_writes_itself() {
        let text = event(&header(), "1588205199.824370\tC\\x22\\xc3\\xa4\t53\tT\t-\ta,b\t0.5").unwrap();
        let found: Value = serde_json::from_str(&text).unwrap();
        let expected = json!({ "_path": "conn", "@timestamp": "2020-04-30T00:06:39.824Z", "ts": 1_588_205_199.824_37, "uid": "C\"ä", "id.orig_p": 53, "local_orig": true,
            "tunnel_parents": ["a", "b"], "duration": 0.5 });
        assert_eq!(found, expected);
        assert!(text.contains("1588205199.824370"), "{text}");
        let text = event(&header(), "1.0\t(empty)\t53\tF\thttp\t(empty)\t-").unwrap();
        assert!(text.contains("\"uid\":\"\"") && text.contains("\"tunnel_parents\":[]"), "{text}");
    }

    #[test]
    fn a_record_that_does_not_fit_its_header_is_refused() {
        assert!(event(&header(), "1\t2").unwrap_err().contains("2 values"));
        assert!(event(&Header::default(), "1").is_err());
    }

    #[test]
    fn a_value_that_is_not_of_its_type_stays_a_text() {
        let found: Value = serde_json::from_str(&event(&header(), "x\tC\tmany\tT\t-\t-\t-").unwrap()).unwrap();
        assert_eq!(found, json!({"_path": "conn", "ts": "x", "uid": "C", "id.orig_p": "many", "local_orig": true}));
    }

    #[test]
    fn other_fields_in_the_middle_of_a_file_count_from_there_on() {
        let mut header = header();
        header.read("#fields\tuid\torig_bytes");
        assert_eq!(event(&header, "C\t7").unwrap(), r#"{"_path":"conn","uid":"C","orig_bytes":"7"}"#);
        header.read("#types\tstring\tcount");
        assert_eq!(event(&header, "C\t7").unwrap(), r#"{"_path":"conn","uid":"C","orig_bytes":7}"#);
    }

    #[test]
    fn a_separator_may_be_several_characters() {
        let mut header = Header::default();
        for line in ["#separator ||", "#fields||uid||orig_p", "#types||string||port"] {
            header.read(line);
        }
        assert_eq!(event(&header, "C\\x7c||7").unwrap(), r#"{"uid":"C|","orig_p":7}"#);
    }

    #[test]
    fn broken_escapes_stay_as_they_are() {
        assert_eq!(unescape("a\\x4"), "a\\x4");
        assert_eq!(unescape("\\xzz\\x41"), "\\xzzA");
    }
}
