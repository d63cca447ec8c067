//! Which part of a document comes back with a hit: `_source` of a search body.

use serde_json::{Map, Value};

use super::pattern::Pattern;
use super::query::{bad, known};
use crate::store::SearchError;

/// Which part of a document comes back.
pub(super) enum Source {
    All,
    Nothing,
    Some { includes: Vec<Vec<String>>, excludes: Vec<Vec<String>> },
}

impl Source {
    /// As `_source` of a search body says it.
    ///
    /// # Errors
    /// Where it cannot be understood.
    pub(super) fn read(value: Option<&Value>) -> Result<Self, SearchError> {
        let patterns = |value: Option<&Value>| -> Result<Vec<Vec<String>>, SearchError> {
            let list = match value {
                None | Some(Value::Null) => Vec::new(),
                Some(Value::Array(list)) => list.clone(),
                Some(one) => vec![one.clone()],
            };
            let path = |path: &Value| path.as_str().map(|path| path.split('.').map(str::to_owned).collect());
            list.iter().map(path).collect::<Option<_>>().ok_or_else(|| bad("_source: a path is no string"))
        };
        match value {
            None | Some(Value::Null | Value::Bool(true)) => Ok(Self::All),
            Some(Value::Bool(false)) => Ok(Self::Nothing),
            Some(Value::Object(options)) => {
                known(options, "_source", &["includes", "include", "excludes", "exclude"])?;
                let includes = patterns(options.get("includes").or_else(|| options.get("include")))?;
                let excludes = patterns(options.get("excludes").or_else(|| options.get("exclude")))?;
                Ok(Self::Some { includes, excludes })
            }
            paths => Ok(Self::Some { includes: patterns(paths)?, excludes: Vec::new() }),
        }
    }

    /// The part of a stored document; none where nothing is wanted.
    pub(super) fn of(&self, document: &str) -> Option<Value> {
        match self {
            Self::Nothing => None,
            Self::All => Some(as_value(document)),
            Self::Some { includes, excludes } => {
                let kept = pick(&as_value(document), &mut Vec::new(), includes, excludes);
                Some(kept.unwrap_or_else(|| Value::Object(Map::new())))
            }
        }
    }
}

/// The document as a tree; one that no tree can hold (too deep, numbers out of range) comes as the text it is.
fn as_value(source: &str) -> Value {
    serde_json::from_str(source).unwrap_or_else(|_| source.into())
}

/// What of `value` the patterns leave; none where nothing.
fn pick(value: &Value, path: &mut Vec<String>, includes: &[Vec<String>], excludes: &[Vec<String>]) -> Option<Value> {
    let covers = |pattern: &Vec<String>| {
        pattern.len() <= path.len() && pattern.iter().zip(path.iter()).all(|(part, name)| fits(part, name))
    };
    if excludes.iter().any(covers) {
        return None;
    }
    let included = includes.is_empty() || includes.iter().any(covers);
    match value {
        Value::Object(members) => {
            let mut kept = Map::new();
            for (name, value) in members {
                let depth = path.len();
                path.extend(name.split('.').map(str::to_owned));
                let picked = pick(value, path, includes, excludes);
                path.truncate(depth);
                kept.extend(picked.map(|value| (name.clone(), value)));
            }
            (included || !kept.is_empty()).then_some(Value::Object(kept))
        }
        Value::Array(elements) => {
            let kept: Vec<_> = elements.iter().filter_map(|value| pick(value, path, includes, excludes)).collect();
            (included || !kept.is_empty()).then_some(Value::Array(kept))
        }
        leaf => included.then(|| leaf.clone()),
    }
}

fn fits(part: &str, name: &str) -> bool {
    part == name || (part.contains('*') && Pattern::new(part, false).matches(name))
}
