//! Tables as events: lines of columns behind a line that names them, and AWS VPC flow logs, which may lack that line.
//! An empty column and `-` are nothing; a number is a number, everything else a text. Quoted columns may hold their
//! separator, and no line break.

use std::fmt::Write;

use serde_json::Value;

use super::kdd_line::is_json_number;

/// What separates columns, in the order in which they are looked for.
const SEPARATORS: [u8; 4] = [b'\t', b',', b';', b'|'];

/// The columns of a flow log of AWS VPC in its default format, version 2.
const VPC: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status";

/// A line that names fewer columns than this is taken for a text.
const FEWEST: usize = 3;

/// The columns of a table.
pub struct Columns {
    names: Vec<String>,
    separator: u8,
    /// The line that is being read names the columns.
    at_header: bool,
}

impl Columns {
    /// The table that begins with `line`, if one does.
    pub fn begin(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        let vpc = || VPC.split(' ').map(str::to_owned).collect();
        if words.contains(&"srcaddr") && words.iter().all(|word| is_name(word)) {
            let names = words.into_iter().map(str::to_owned).collect();
            return Some(Self { names, separator: b' ', at_header: true });
        }
        if words.len() == VPC.split(' ').count() && words[2].starts_with("eni-") {
            return Some(Self { names: vpc(), separator: b' ', at_header: false });
        }
        SEPARATORS.into_iter().find_map(|separator| {
            let names: Vec<String> = split(line, separator)?.iter().map(|name| name.trim().to_owned()).collect();
            let named = names.len() >= FEWEST && names.iter().all(|name| is_name(name));
            named.then_some(Self { names, separator, at_header: true })
        })
    }

    /// The event in a line; none in one that names the columns. A line of other names begins another table.
    pub fn event(&mut self, line: &str) -> Result<Option<String>, String> {
        if std::mem::take(&mut self.at_header) {
            return Ok(None);
        }
        let values = split(line, self.separator).ok_or("the columns cannot be told apart")?;
        if values.iter().zip(&self.names).all(|(value, name)| value.trim() == name) {
            return Ok(None);
        }
        if values.len() != self.names.len() {
            return Err(format!("{} columns, where the first line names {}", values.len(), self.names.len()));
        }
        let mut out = String::with_capacity(line.len() * 2);
        for (name, value) in self.names.iter().zip(&values) {
            let value = value.trim();
            if matches!(value, "" | "-") {
                continue;
            }
            out.push(if out.is_empty() { '{' } else { ',' });
            let name = Value::from(name.as_str());
            match is_json_number(value) {
                true => write!(out, "{name}:{value}"),
                false => write!(out, "{name}:{}", Value::from(value)),
            }
            .expect("writing to a string does not fail");
        }
        out.push_str(if out.is_empty() { "{}" } else { "}" });
        Ok(Some(out))
    }
}

/// Names begin with a letter and hold no blanks but single ones, as `Source IP` does.
fn is_name(text: &str) -> bool {
    let text = text.trim();
    text.len() <= 64
        && text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '@' || first == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '@' | ' ' | '/' | '(' | ')'))
}

fn split(line: &str, separator: u8) -> Option<csv::StringRecord> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(separator).from_reader(line.as_bytes());
    let mut record = csv::StringRecord::new();
    reader.read_record(&mut record).ok()?.then_some(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(lines: &[&str]) -> Vec<Result<Option<String>, String>> {
        let mut columns = Columns::begin(lines[0]).expect("a table");
        lines.iter().map(|line| columns.event(line)).collect()
    }

    #[test]
    fn columns_become_members_and_empty_ones_are_left_out() {
        let found = events(&[
            "SrcAddr,Dir,TotPkts,sTos",
            "10.0.0.1,   ->,2,",
            "\"a,b\",-,x,07",
            "1,2",
            "SrcAddr,Dir,TotPkts,sTos",
        ]);
        let told = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(found[0], Ok(None));
        assert_eq!(found[1], told(r#"{"SrcAddr":"10.0.0.1","Dir":"->","TotPkts":2}"#));
        assert_eq!(found[2], told(r#"{"SrcAddr":"a,b","TotPkts":"x","sTos":"07"}"#));
        assert!(found[3].as_ref().is_err_and(|problem| problem.contains("2 columns")), "{found:?}");
        assert_eq!(found[4], Ok(None), "the names once more");
    }

    #[test]
    fn a_vpc_flow_log_is_known_with_and_without_its_first_line() {
        let line =
            "2 123456789010 eni-1235b8ca 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK";
        let bare = events(&[line]);
        assert!(
            bare[0]
                .as_ref()
                .is_ok_and(|event| event.as_ref().is_some_and(|event| event.contains("\"srcaddr\":\"172.31.16.139\""))),
            "{bare:?}"
        );
        let named = events(&["srcaddr dstaddr protocol", "1.1.1.1 2.2.2.2 6"]);
        assert_eq!(named[1], Ok(Some(r#"{"srcaddr":"1.1.1.1","dstaddr":"2.2.2.2","protocol":6}"#.to_owned())));
    }

    #[test]
    fn prose_is_no_table() {
        for line in ["Jan 1 10:00:00 host sshd[1]: Failed password, for root, again", "0,tcp,http", "a,b", "{\"a\":1}"]
        {
            assert!(Columns::begin(line).is_none(), "{line}");
        }
    }
}
