//! Secrets: given as text, as a file that holds it, or as an environment variable that holds it.
//!
//! Neither a source nor a secret is ever printed: `Debug` and `Serialize` show `***` in place of the text.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, Serializer};

/// What stands in place of a secret wherever the configuration is shown.
pub const MASK: &str = "***";

/// Where a secret comes from.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum SecretSource {
    /// The secret itself.
    Text(String),
    /// What a file holds, without line ends after it.
    File {
        /// The file.
        file: PathBuf,
    },
    /// What an environment variable holds.
    Env {
        /// The variable's name.
        env: String,
    },
}

/// A secret. It is compared and used, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret in the open, for the one place that sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl SecretSource {
    /// Fetches the secret; `variable` looks up the environment.
    ///
    /// # Errors
    /// In words, when the file cannot be read, the variable is not set, or nothing is in it.
    pub fn fetch(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Secret, String> {
        let text = match self {
            Self::Text(text) => text.clone(),
            Self::File { file } => std::fs::read_to_string(file)
                .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
                .map_err(|error| format!("cannot read the secret from {}: {error}", file.display()))?,
            Self::Env { env } => {
                variable(env).ok_or_else(|| format!("the environment variable {env} that should hold it is not set"))?
            }
        };
        if text.is_empty() { Err("the secret is empty; leave the key out".to_owned()) } else { Ok(Secret(text)) }
    }
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str(MASK),
            Self::File { file } => write!(f, "{{file: {}}}", file.display()),
            Self::Env { env } => write!(f, "{{env: {env}}}"),
        }
    }
}

impl Serialize for SecretSource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(_) => serializer.serialize_str(MASK),
            Self::File { file } => serializer.collect_map([("file", file.display().to_string())]),
            Self::Env { env } => serializer.collect_map([("env", env)]),
        }
    }
}

impl JsonSchema for SecretSource {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kind": "secret",
            "anyOf": [
                { "type": "string", "x-kind": "secret" },
                {
                    "type": "object",
                    "properties": {
                        "file": { "type": "string", "minLength": 1, "description": "A file that holds it." },
                        "env": { "type": "string", "minLength": 1, "description": "An environment variable that holds it." },
                    },
                    "additionalProperties": false,
                    "minProperties": 1,
                    "maxProperties": 1,
                },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_form_of_printing_shows_a_secret() {
        let source = SecretSource::Text("hunter2".to_owned());
        let secret = source.fetch(|_| None).unwrap();
        let printed = format!("{source:?} {secret:?} {}", serde_json::to_string(&source).unwrap());
        assert!(!printed.contains("hunter2"), "{printed}");
        assert_eq!(secret.reveal(), "hunter2");
    }

    #[test]
    fn a_secret_comes_from_a_file_without_its_line_end_or_from_a_variable() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "geheim \r\n").unwrap();
        assert_eq!(SecretSource::File { file }.fetch(|_| None).unwrap().reveal(), "geheim ");
        let source = SecretSource::Env { env: "PASSWORD".to_owned() };
        let found = source.fetch(|name| (name == "PASSWORD").then(|| "x".to_owned())).unwrap();
        assert_eq!(found.reveal(), "x");
    }

    #[test]
    fn a_missing_source_is_said_with_its_name() {
        let file = SecretSource::File { file: "/nowhere/secret".into() };
        assert!(file.fetch(|_| None).unwrap_err().contains("/nowhere/secret"));
        let variable = SecretSource::Env { env: "ABSENT".to_owned() };
        assert!(variable.fetch(|_| None).unwrap_err().contains("ABSENT"));
        assert!(SecretSource::Text(String::new()).fetch(|_| None).is_err());
    }
}
