//! A plugin that gives Elasticsearch, as built for integration tests, the keys, users and roles of the whole one.
//!
//! It is compiled when a test needs it, against the engine's own jars.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::provision::run;

const SOURCE: &str = include_str!("TestShim.java");
const DESCRIPTOR: &str = "description=what the build for integration tests lacks\nversion=1\nname=oversight-test-shim\n\
    classname=oversight.tests.TestShim\njava.version=21\nelasticsearch.version=9.2.0\n";

/// Puts it into the Elasticsearch in `home`, which has to be a copy of its own.
pub fn install(java: &Path, home: &Path) {
    let folder = home.join("plugins/oversight-test-shim");
    let classes = home.join("shim-classes");
    fs::create_dir_all(&folder).expect("a folder");
    fs::create_dir_all(&classes).expect("a folder");
    fs::write(classes.join("TestShim.java"), SOURCE).expect("a file");
    let mut compiler = Command::new(java.join("bin/javac"));
    compiler.args(["--release", "21", "-proc:none", "-nowarn", "-cp"]).arg(home.join("lib").join("*"));
    run(compiler.arg("-d").arg(&classes).arg(classes.join("TestShim.java")));
    let mut archiver = Command::new(java.join("bin/jar"));
    run(archiver.arg("cf").arg(folder.join("oversight-test-shim.jar")).arg("-C").arg(&classes).arg("oversight"));
    fs::write(folder.join("plugin-descriptor.properties"), DESCRIPTOR).expect("a file");
}
