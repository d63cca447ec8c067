//! Environment variables over the file: `OVERSIGHT_HTTP_MAX_BODY=1MiB` sets `http.max_body`.
//!
//! A list is given with commas, or as YAML in brackets. An empty variable counts as not set.

use std::collections::BTreeMap;

use super::fault::{Fault, Place};
use super::schema::{Leaf, Schema, VARIABLE_PREFIX, has_type};
use super::tree::{Data, Node, parse};
use super::walk::nearest;

/// Variables with our prefix that are no keys: the file itself, what commands send along to a running oversight, and what
/// tests and scripts of this repository use.
const OTHERS: [&str; 6] = [
    "OVERSIGHT_CONFIG",
    "OVERSIGHT_REQUEST_HEADER",
    "OVERSIGHT_CACHE",
    "OVERSIGHT_SHARED",
    "OVERSIGHT_REQUIRE_ALL",
    "OVERSIGHT_ENGINES_OFFLINE",
];

/// What the names of further such variables begin with: the build's, and those that Kubernetes sets in every
/// container beside a service called `oversight`.
const OTHER_PREFIXES: [&str; 3] = ["OVERSIGHT_LIBTORCH_", "OVERSIGHT_SERVICE_", "OVERSIGHT_PORT"];

fn is_no_key(name: &str) -> bool {
    OTHERS.contains(&name) || OTHER_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Puts the values of `variables` into the tree, over what the file says.
pub fn apply(schema: &Schema, root: &mut Node, variables: &BTreeMap<String, String>, faults: &mut Vec<Fault>) {
    let leaves = schema.leaves();
    for (name, text) in variables.iter().filter(|(name, _)| name.starts_with(VARIABLE_PREFIX)) {
        if is_no_key(name) || text.is_empty() {
            continue;
        }
        if let Some(leaf) = leaves.iter().find(|leaf| leaf.variable == *name) {
            let node = value(schema, leaf, name, text, faults);
            put(root, leaf, &leaf.path, node, faults);
        }
    }
    // secrets may come from variables of any name; which ones, stands in the tree by now
    let mut named = Vec::new();
    collect_secret_names(root, &mut named);
    for name in variables.keys().filter(|name| name.starts_with(VARIABLE_PREFIX)) {
        let known = leaves.iter().any(|leaf| leaf.variable == *name);
        if known || is_no_key(name) || named.contains(&name.as_str()) {
            continue;
        }
        // the common beginning would make every name look alike
        let known = leaves.iter().filter_map(|leaf| leaf.variable.strip_prefix(VARIABLE_PREFIX));
        let problem = match nearest(&name[VARIABLE_PREFIX.len()..], known) {
            Some(near) => format!("unknown variable; did you mean {VARIABLE_PREFIX}{near}?"),
            None => "unknown variable; 'oversight config reference' lists all".to_owned(),
        };
        faults.push(Fault { place: Place::Variable(name.clone()), key: String::new(), problem });
    }
}

fn value(schema: &Schema, leaf: &Leaf, name: &str, text: &str, faults: &mut Vec<Fault>) -> Node {
    let place = Place::Variable(name.to_owned());
    let options = schema.alternatives(&leaf.schema);
    let list = options.iter().find(|option| has_type(option, "array"));
    let one = options.iter().any(|option| has_type(option, "string"));
    let data = match list {
        Some(_) if text.trim_start().starts_with(['[', '-']) => {
            let mut found = Vec::new();
            let mut node = parse(text, &mut found);
            faults.extend(found.into_iter().map(|fault| Fault { place: place.clone(), ..fault }));
            settle_place(&mut node, &place);
            return node;
        }
        Some(_) if text.contains(',') || !one => {
            let item = |part: &str| Node { place: place.clone(), data: Data::Scalar(part.trim().to_owned()) };
            Data::List(text.split(',').map(item).collect())
        }
        _ => Data::Scalar(text.to_owned()),
    };
    Node { place, data }
}

/// The whole value comes from the variable, so all of it is told as being there.
fn settle_place(node: &mut Node, place: &Place) {
    node.place = place.clone();
    match &mut node.data {
        Data::List(items) => items.iter_mut().for_each(|item| settle_place(item, place)),
        Data::Map(entries) => entries.iter_mut().for_each(|(_, below)| settle_place(below, place)),
        Data::Null | Data::Scalar(_) | Data::Quoted(_) => {}
    }
}

fn put(root: &mut Node, leaf: &Leaf, path: &[String], value: Node, faults: &mut Vec<Fault>) {
    let Some((key, rest)) = path.split_first() else {
        *root = value;
        return;
    };
    let choosing = rest.is_empty() && leaf.alternative;
    if choosing && let Place::Variable(other) = &root.place {
        let problem = format!("given together with {other}; give only one of them");
        faults.push(Fault { place: value.place, key: String::new(), problem });
        return;
    }
    if root.data == Data::Null || choosing {
        root.data = Data::Map(Vec::new());
    }
    if choosing {
        root.place = value.place.clone();
    }
    // anything but a map here is wrong in the file, and told when the tree is held against the schema
    let Data::Map(entries) = &mut root.data else { return };
    let at = entries.iter().position(|(name, _)| name == key).unwrap_or_else(|| {
        entries.push((key.clone(), Node { place: Place::Default, data: Data::Null }));
        entries.len() - 1
    });
    put(&mut entries[at].1, leaf, rest, value, faults);
}

/// The names in every `{env: NAME}`.
fn collect_secret_names<'a>(node: &'a Node, names: &mut Vec<&'a str>) {
    match &node.data {
        Data::Map(entries) => {
            for (key, below) in entries {
                match &below.data {
                    Data::Scalar(name) | Data::Quoted(name) if key == "env" => names.push(name),
                    _ => collect_secret_names(below, names),
                }
            }
        }
        Data::List(items) => items.iter().for_each(|item| collect_secret_names(item, names)),
        Data::Null | Data::Scalar(_) | Data::Quoted(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubernetes_and_the_build_set_is_no_key_and_hides_none() {
        let leaves = Schema::generate().leaves();
        assert!(leaves.iter().all(|leaf| !is_no_key(&leaf.variable)));
        for name in ["OVERSIGHT_SERVICE_HOST", "OVERSIGHT_PORT_9292_TCP_ADDR", "OVERSIGHT_PORT", "OVERSIGHT_LIBTORCH_X"]
        {
            assert!(is_no_key(name), "{name}");
        }
    }
}
