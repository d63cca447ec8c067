//! What is shipped beside the program: pipelines for what sends events, images, compose files. Each is read by its own
//! program where this machine has it, and otherwise by a small reader here that knows its form.

mod compose;
mod dockerfile;
mod logstash;
mod logstash_text;
mod shippers;
mod yaml;

use std::path::{Path, PathBuf};

/// A file of the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Its text.
fn text(path: &str) -> String {
    std::fs::read_to_string(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
