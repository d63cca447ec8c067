//! Labelled captures that are learned from together, and how each tells its labels: by rules over what a record says, the first that
//! fits.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::features::word_of;
use crate::normalise::{Address, Connection, FieldId, Record, View};

/// A capture: connections of one place and time, and what they are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaptureSpec {
    /// Its name.
    #[schemars(extend("minLength" = 1))]
    pub name: String,
    /// Its files, one behind the other: below the folder of `--data`, or beside the spec.
    pub files: Vec<PathBuf>,
    /// Captures of one group are left out together, such as those of one place; each is a group of its own without this key.
    #[serde(default)]
    pub group: Option<String>,
    /// Which class a connection is of: the first rule that fits counts.
    pub rules: Vec<RuleSpec>,
}

/// What a connection must have to be of a class.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleSpec {
    /// Of each field the texts of which it must have one; `*` at the end stands for whatever follows. Beside the fields of the record
    /// there are `source.ip`, `destination.ip`, `destination.port` and `network.transport` of every connection.
    #[serde(default)]
    pub when: BTreeMap<String, Vec<String>>,
    /// The class.
    #[schemars(extend("minLength" = 1))]
    pub is: String,
}

impl CaptureSpec {
    /// What is left out together with it.
    pub fn group(&self) -> &str {
        self.group.as_deref().unwrap_or(&self.name)
    }

    /// Where its files lie: below `data`, else beside the spec.
    pub fn paths(&self, data: &Path, beside: &Path) -> Vec<PathBuf> {
        let below = |file: &PathBuf| Some(data.join(file)).filter(|path| path.is_file());
        self.files.iter().map(|file| below(file).unwrap_or_else(|| beside.join(file))).collect()
    }

    /// The rules over the fields of records; `field` gives each path its number.
    pub fn compile<'s>(&'s self, mut field: impl FnMut(&str) -> FieldId) -> Vec<Rule<'s>> {
        let mut condition = |(path, texts): (&'s String, &'s Vec<String>)| (Part::of(path, &mut field), texts.as_slice());
        let rule = |rule: &'s RuleSpec| Rule { when: rule.when.iter().map(&mut condition).collect(), is: &rule.is };
        self.rules.iter().map(rule).collect()
    }
}

/// A rule over the fields of records.
pub struct Rule<'s> {
    when: Vec<(Part, &'s [String])>,
    is: &'s str,
}

/// What a condition looks at.
enum Part {
    Source,
    Destination,
    Port,
    Transport,
    Field(FieldId),
}

impl Part {
    fn of(path: &str, field: &mut impl FnMut(&str) -> FieldId) -> Self {
        match path {
            "source.ip" => Self::Source,
            "destination.ip" => Self::Destination,
            "destination.port" => Self::Port,
            "network.transport" => Self::Transport,
            path => Self::Field(field(path)),
        }
    }

    /// Puts what an event has there into `out`; nothing where it has nothing.
    fn text(&self, view: &View<'_>, connection: Option<&Connection<'_>>, out: &mut String) {
        let found = match self {
            Self::Source => connection.map(|one| told(one.source.address)),
            Self::Destination => connection.map(|one| told(one.destination.address)),
            Self::Port => connection.and_then(|one| one.destination.port).map(|port| port.to_string()),
            Self::Transport => connection.and_then(|one| one.transport.name()).map(str::to_owned),
            Self::Field(field) => {
                let mut text = String::new();
                view.field(*field).map(|value| word_of(&value, &mut text).to_owned())
            }
        };
        out.clear();
        out.push_str(found.as_deref().unwrap_or_default());
    }
}

fn told(address: Address<'_>) -> String {
    match address {
        Address::Ip(ip) => ip.to_string(),
        Address::Name(name) => name.to_owned(),
    }
}

/// The class of a connection by the first rule that fits.
pub fn class_of<'s>(rules: &[Rule<'s>], view: &View<'_>) -> Option<&'s str> {
    let connection = match &view.record {
        Record::Connection(connection) => Some(connection),
        Record::Kdd(_) | Record::Other => None,
    };
    let mut text = String::new();
    let mut holds = |(part, texts): &(Part, &[String])| {
        part.text(view, connection, &mut text);
        texts.iter().any(|wanted| fits(wanted, &text))
    };
    rules.iter().find(|rule| rule.when.iter().all(&mut holds)).map(|rule| rule.is)
}

/// Whether a text is the wanted one, or begins as it does where that ends in `*`.
fn fits(wanted: &str, text: &str) -> bool {
    wanted.strip_suffix('*').map_or(wanted == text, |beginning| text.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalise::Normaliser;

    #[test]
    fn the_first_rule_that_fits_counts_and_looks_at_fields_and_ends() {
        let rule = |when: &[(&str, &[&str])], is: &str| RuleSpec {
            when: when
                .iter()
                .map(|(field, texts)| ((*field).to_owned(), texts.iter().map(|text| (*text).to_owned()).collect()))
                .collect(),
            is: is.to_owned(),
        };
        let capture = CaptureSpec {
            name: "one".to_owned(),
            files: Vec::new(),
            group: None,
            rules: vec![
                rule(&[("detailed-label", &["C&C*"])], "beacon"),
                rule(&[("source.ip", &["10.0.0.9"]), ("destination.port", &["22", "23"])], "guess"),
                rule(&[("network.transport", &["tcp"])], "normal"),
            ],
        };
        let mut paths = Vec::new();
        let rules = capture.compile(|path| {
            paths.push(path.to_owned());
            FieldId(u32::try_from(paths.len() - 1).expect("few"))
        });
        let mut normaliser = Normaliser::new(&paths);
        let mut class = |from: &str, port: u16, proto: &str, label: &str| {
            let event = format!(
                r#"{{"ts":1,"uid":"C","id.orig_h":"{from}","id.orig_p":4,"id.resp_h":"10.0.0.1","id.resp_p":{port},"proto":"{proto}","conn_state":"SF","detailed-label":"{label}"}}"#
            );
            let view = normaliser.read(event.as_bytes()).expect("an event");
            let class = class_of(&rules, &view).map(str::to_owned);
            normaliser.recycle(view);
            class
        };
        assert_eq!(class("10.0.0.9", 22, "tcp", "C&C-Torii").as_deref(), Some("beacon"));
        assert_eq!(class("10.0.0.9", 23, "tcp", "").as_deref(), Some("guess"));
        assert_eq!(class("10.0.0.9", 80, "tcp", "C").as_deref(), Some("normal"));
        assert_eq!(class("10.0.0.8", 22, "udp", ""), None);
    }
}
