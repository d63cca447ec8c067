//! The bulk helpers of the Python clients. They repeat what is answered 429 when they are asked to, and leave the rest
//! to whoever calls them: so the script sends a chunk again that has failed, as one has to.

use std::process::{Command, Stdio};

use super::found::client;
use super::ordeal::{Ordeal, Outcome};
use super::process::Shipper;

const SCRIPT: &str = include_str!("bulk.py");

#[tokio::test(flavor = "multi_thread")]
async fn elasticsearch_py_8_loses_and_doubles_nothing() {
    through("elasticsearch", "8", "elasticsearch==8.19.3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn elasticsearch_py_9_loses_and_doubles_nothing() {
    through("elasticsearch", "9", "elasticsearch==9.5.1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn opensearch_py_loses_and_doubles_nothing() {
    through("opensearchpy", "opensearch", "opensearch-py==3.2.0").await;
}

async fn through(module: &str, name: &str, package: &str) {
    let Some(python) = client(&["python", name, package]) else { return };
    let (ordeal, folder) = (Ordeal::prepare(), tempfile::tempdir().unwrap());
    let mut command = Command::new(python);
    command.arg("-c").arg(SCRIPT).arg(module).arg(ordeal.oversight.url("")).stdin(Stdio::piped());
    let mut shipper = Shipper::start(&mut command, folder.path());
    let feed = shipper.input();
    let outcome = ordeal.run(feed).await;
    let log = std::fs::read_to_string(folder.path().join("shipper.log")).unwrap_or_default();
    assert_eq!(outcome, Outcome { lost: 0, doubled: 0 }, "{log}");
}
