//! The reference of fields, as a page: what stands in the documents that oversight writes, by the templates and by
//! `kibana/fields.json`, which says what each means.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::store::Kind;
use crate::store::elasticsearch::fields;

/// A field, or all that begin with what stands before a `*`, and what it means.
const MEANINGS: &str = include_str!("../../kibana/fields.json");

const HEAD: &str = "# Fields

What stands in the documents that oversight writes; rendered by `oversight manual fields` from `kibana/templates` and
`kibana/fields.json`. An event keeps what it brought, byte for byte; what is listed here is added, and never overwrites.
";

/// The page, in Markdown.
pub fn reference() -> String {
    let meanings = meanings();
    let mut page = HEAD.to_owned();
    for (kind, title) in [
        (None, "All documents"),
        (Some(Kind::Event), "Events: `oversight-events-…`"),
        (Some(Kind::Anomaly), "Anomalies: `oversight-anomalies-…`"),
        (Some(Kind::Health), "How it goes: `oversight-health-…`"),
        (Some(Kind::Threat), "Detections for older dashboards: `threat-…`, by `store.elasticsearch.threat_index`"),
    ] {
        let fields: Vec<(String, String)> =
            fields().into_iter().filter(|field| field.0 == kind).map(|(_, name, of)| (name, of)).collect();
        let (told, others): (Vec<_>, Vec<_>) = fields.iter().partition(|(name, _)| meaning(&meanings, name).is_some());
        writeln!(page, "\n## {title}\n\n| field | type | meaning |\n| --- | --- | --- |").expect("a string takes all");
        for (name, of) in told {
            let meaning = meaning(&meanings, name).expect("it was sorted by that");
            writeln!(page, "| `{name}` | {of} | {meaning} |").expect("a string takes all");
        }
        if !others.is_empty() {
            let others: Vec<String> = others.iter().map(|(name, of)| format!("`{name}` ({of})")).collect();
            writeln!(page, "\nOf the sources' own fields these have a type: {}.", others.join(", "))
                .expect("a string takes all");
        }
    }
    page
}

fn meanings() -> BTreeMap<String, String> {
    serde_json::from_str(MEANINGS).expect("the file holds texts by field")
}

/// By its own name, else by the longest beginning that is told.
fn meaning<'a>(meanings: &'a BTreeMap<String, String>, field: &str) -> Option<&'a str> {
    let beginnings = meanings.iter().filter(|(name, _)| {
        name.as_str() == field || name.strip_suffix('*').is_some_and(|beginning| field.starts_with(beginning))
    });
    beginnings.max_by_key(|(name, _)| (name.as_str() == field, name.len())).map(|(_, meaning)| meaning.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_oversight_writes_has_a_meaning_and_every_meaning_a_field() {
        let meanings = meanings();
        let all = fields();
        for (kind, name, _) in &all {
            let ours =
                name.starts_with("oversight.") || matches!(kind, Some(Kind::Health | Kind::Threat | Kind::Anomaly));
            assert!(!ours || meaning(&meanings, name).is_some(), "{kind:?}: {name}");
        }
        for name in meanings.keys() {
            let used =
                |field: &str| field == name || name.strip_suffix('*').is_some_and(|start| field.starts_with(start));
            assert!(all.iter().any(|(_, field, _)| used(field)), "{name}");
        }
    }
}
