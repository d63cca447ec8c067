//! Where two JSON values differ, place by place: what is there against what it should be.
//!
//! Engines rewrite what they are given: settings become texts, lists of words lose their order, defaults are written
//! out. None of that is a difference here.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

/// One place where what is there is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The names above it, joined by dots.
    pub place: String,
    /// What is there; none where nothing is.
    pub found: Option<String>,
    /// What should be; none where nothing should.
    pub wanted: Option<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        write!(f, "{}: {}, ours: {}", self.place, word(&self.found), word(&self.wanted))
    }
}

/// Every place of `wanted` that is otherwise in `found`, and those beyond it of which `counts` says that they count:
/// what an engine adds by itself does not.
pub fn differences(found: &Value, wanted: &Value, counts: impl Fn(&str) -> bool) -> Vec<Change> {
    let (mut there, mut ours) = (BTreeMap::new(), BTreeMap::new());
    leaves(found, "", &mut there);
    leaves(wanted, "", &mut ours);
    let changed = ours.iter().filter(|(place, value)| there.get(*place) != Some(value));
    let changed = changed.map(|(place, value)| Change {
        place: place.clone(),
        found: there.get(place).cloned(),
        wanted: Some(value.clone()),
    });
    let added = there.iter().filter(|(place, _)| counts(place) && !ours.contains_key(*place));
    let added = added.map(|(place, value)| Change { place: place.clone(), found: Some(value.clone()), wanted: None });
    changed.chain(added).collect()
}

/// Every value that holds no others, as text, by the names above it; a list of words is one value.
fn leaves(value: &Value, path: &str, out: &mut BTreeMap<String, String>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Object(entries) => entries.iter().for_each(|(name, value)| leaves(value, &below(name), out)),
        Value::Array(items) if items.iter().any(Value::is_object) => {
            items.iter().enumerate().for_each(|(place, value)| leaves(value, &below(&place.to_string()), out));
        }
        Value::Array(items) => {
            let mut words: Vec<String> = items.iter().map(plain).collect();
            words.sort();
            out.insert(path.to_owned(), words.join(", "));
        }
        other => drop(out.insert(path.to_owned(), plain(other))),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_engines_own_form_is_no_difference_and_every_other_place_is_told() {
        let ours = json!({"a": {"limit": 4, "words": ["x", "y"]}, "list": [{"b": true}], "gone": 1});
        let same = json!({"a": {"limit": "4", "words": ["y", "x"], "own": 7}, "list": [{"b": "true"}], "gone": 1});
        assert_eq!(differences(&same, &ours, |_| false), []);
        let other = json!({"a": {"limit": 5, "words": ["x"], "theirs": 7}, "list": [{"b": true}]});
        let told: Vec<String> =
            differences(&other, &ours, |place| place.starts_with("a.")).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            ["a.limit: 5, ours: 4", "a.words: x, ours: x, y", "gone: nothing, ours: 1", "a.theirs: 7, ours: nothing"]
        );
    }
}
