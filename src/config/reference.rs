//! The reference of all keys, rendered from the schema, which is generated from the types.

use std::fmt::Write;

use serde_json::Value;

use super::schema::{Leaf, Schema, allowed, choices, kind, plain};

/// The reference as Markdown: one table a section.
pub fn markdown(schema: &Schema) -> String {
    let mut out = String::from(HEAD);
    let leaves = schema.leaves();
    let mut section: &[String] = &["".to_owned()];
    for leaf in leaves.iter().filter(|leaf| !leaf.alternative) {
        let (_, parents) = leaf.path.split_last().expect("a key has a name");
        if parents != section {
            section = parents;
            write_head(&mut out, schema, parents);
        }
        write_row(&mut out, schema, leaf);
    }
    out
}

const HEAD: &str = "# Configuration reference

One YAML file, every key optional; rendered by `oversight config reference` from the types in `src/config/raw.rs`.
An environment variable wins over the file: the key's path in capitals, joined by `_`, after `OVERSIGHT_`
(`http.max_body` is `OVERSIGHT_HTTP_MAX_BODY`). Lists are given there with commas. A secret is a text, `{file: PATH}`
or `{env: NAME}` (in the environment `…_FILE` and `…_ENV`). Durations are written `5s`, `2m`, `1h30m`; sizes `64MiB`,
`1GB`. Paths are relative to the folder that oversight is started in.
";

fn write_head(out: &mut String, schema: &Schema, parents: &[String]) {
    let title = if parents.is_empty() { "top level".to_owned() } else { format!("`{}`", parents.join(".")) };
    let about = section(schema, parents).and_then(|section| section["description"].as_str()).unwrap_or_default();
    let about = if parents.is_empty() { "" } else { about };
    write!(out, "\n## {title}\n\n{about}{}", if about.is_empty() { "" } else { "\n\n" })
        .expect("writing to a string does not fail");
    out.push_str("| key | default | allowed | meaning |\n| --- | --- | --- | --- |\n");
}

fn write_row(out: &mut String, schema: &Schema, leaf: &Leaf) {
    let name = leaf.path.last().expect("a key has a name");
    let default = match default(schema, leaf) {
        Some(Value::Null) | None => "none".to_owned(),
        Some(value) => format!("`{}`", plain(value)),
    };
    let about = leaf.schema["description"].as_str().unwrap_or_default().replace('\n', " ");
    writeln!(out, "| `{name}` | {default} | {} | {about} |", takes(schema, &leaf.schema))
        .expect("writing to a string does not fail");
}

/// What a key takes, over all alternatives of its schema.
fn takes(schema: &Schema, of: &Value) -> String {
    if kind(of) == Some("secret") {
        return allowed(of);
    }
    let options = schema.alternatives(of);
    if options.iter().any(|option| kind(option) == Some("secret")) {
        return "a text, `{file: PATH}` or `{env: NAME}`".to_owned();
    }
    let named: Vec<String> =
        options.iter().flat_map(|option| choices(option)).map(|name| format!("`{name}`")).collect();
    if !named.is_empty() {
        return named.join(", ");
    }
    let mut words: Vec<String> = options.iter().map(|option| allowed(option)).collect();
    words.dedup();
    words.join(", or ")
}

/// The default, which stands in the schema of the struct around the key, or of one further out.
fn default<'a>(schema: &'a Schema, leaf: &Leaf) -> Option<&'a Value> {
    (0..leaf.path.len()).rev().find_map(|depth| {
        let (parents, rest) = leaf.path.split_at(depth);
        let (first, below) = rest.split_first()?;
        let declared = section(schema, parents)?.get("properties")?.get(first)?.get("default")?;
        below.iter().try_fold(declared, |value, key| value.get(key))
    })
}

fn section<'a>(schema: &'a Schema, parents: &[String]) -> Option<&'a Value> {
    parents.iter().try_fold(schema.json(), |section, key| section.get("properties")?.get(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_names_every_key_with_its_default() {
        let schema = Schema::generate();
        let text = markdown(&schema);
        for leaf in schema.leaves().iter().filter(|leaf| !leaf.alternative) {
            assert!(text.contains(&format!("| `{}` |", leaf.path.last().unwrap())), "{:?}", leaf.path);
        }
        assert!(text.contains("| `max_body` | `64MiB` | a size such as 64MiB or 1GB, from 1KiB to 2GiB |"), "{text}");
        assert!(text.contains("| `level` | `info` | `error`, `warn`, `info`, `debug`, `trace` |"), "{text}");
        assert!(text.contains("| `url` | none |"), "{text}");
        assert!(text.contains("## `store.elasticsearch`\n\nElasticsearch or OpenSearch.\n"), "{text}");
    }

    #[test]
    fn no_row_breaks_its_table() {
        let text = markdown(&Schema::generate());
        for line in text.lines().filter(|line| line.starts_with('|')) {
            assert_eq!(line.matches('|').count(), 5, "{line}");
        }
    }
}
