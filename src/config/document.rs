//! Other YAML files that people write, such as what to learn from: read with the same care as the configuration.

use std::path::Path;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::fault::{Fault, Faults, Place};
use super::schema::Schema;
use super::{read_file, tree, walk};

/// Reads the YAML file `path` as a `T`, whose schema says what is allowed.
///
/// # Errors
/// With every fault there is: unknown keys, wrong types, values out of range, each with its line.
pub fn document<T: JsonSchema + DeserializeOwned>(path: &Path) -> Result<T, Faults> {
    let text = read_file(path).map_err(|fault| Faults::new(Some(path), vec![fault]))?;
    let mut faults = Vec::new();
    let root = tree::parse(&text, &mut faults);
    let values = walk::read(&Schema::of::<T>(), &root, &mut faults);
    if !faults.is_empty() {
        return Err(Faults::new(Some(path), faults));
    }
    serde_json::from_value(values).map_err(|error| {
        // the schema says less than the type somewhere; the type wins
        let fault = Fault { place: Place::File, key: String::new(), problem: error.to_string() };
        Faults::new(Some(path), vec![fault])
    })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Pair {
        left: u8,
        #[serde(default)]
        right: Vec<String>,
    }

    fn read(text: &str) -> Result<Pair, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        document(file.path()).map_err(|faults| faults.to_string())
    }

    #[test]
    fn a_file_of_its_own_form_is_read_and_every_fault_told_with_its_line() {
        assert_eq!(read("left: 3\nright: [a]\n"), Ok(Pair { left: 3, right: vec!["a".to_owned()] }));
        let fault = read("lefty: 3\nright: {a: 1}\n").unwrap_err();
        let faults: Vec<&str> = fault.lines().collect();
        assert_eq!(faults.len(), 3, "{fault}");
        assert!(fault.contains(":1: lefty: unknown key; did you mean left?"), "{fault}");
        assert!(
            fault.contains("the key left is missing") && fault.contains(":2: right: a map is not a list"),
            "{fault}"
        );
        assert!(read("").unwrap_err().contains("the key left is missing"));
    }
}
