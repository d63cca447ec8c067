//! `oversight check`: what would fail at start, all of it, without starting.

use std::fmt::Display;
use std::net::TcpListener;

use anyhow::bail;
use serde_json::json;

use crate::access::audit::Audit;
use crate::access::tls::{Tls, TlsError};
use crate::app::configuration;
use crate::clock::Clock;
use crate::config::Config;
use crate::models::Keeper;

use super::{Output, runtime};

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    fault: Option<String>,
    /// It would not fail, and is not as it was asked to be.
    note: Option<String>,
}

impl Finding {
    fn of<T, E: Display>(what: &'static str, result: Result<T, E>) -> Self {
        Self { what, fault: result.err().map(|fault| fault.to_string()), note: None }
    }
}

/// Looks at everything that a start needs; an error if anything would fail. (The configuration has been read by now.)
pub fn check(configuration: &Config, output: Output) -> anyhow::Result<()> {
    let findings = [
        Finding::of("limits", configuration::http(configuration).map_err(joined)),
        Finding::of("metrics", configuration::engine(configuration)),
        Finding::of("certificate", certificate(configuration)),
        Finding::of("data folder", writable(configuration)),
        Finding::of(
            "address",
            TcpListener::bind(configuration.listen).map_err(|fault| format!("{}: {fault}", configuration.listen)),
        ),
        model(configuration),
        Finding::of("store", store(configuration)),
    ];
    match output {
        Output::Json => {
            let shown: Vec<_> = findings
                .iter()
                .map(|found| json!({"what": found.what, "fault": found.fault, "note": found.note}))
                .collect();
            println!("{}", json!({"findings": shown}));
        }
        Output::Text => {
            for Finding { what, fault, note } in &findings {
                let note = note.as_ref().map(|note| format!("ok, but {note}"));
                println!("{what:<12} {}", fault.as_ref().or(note.as_ref()).map_or("ok", String::as_str));
            }
        }
    }
    let failed = findings.iter().filter(|found| found.fault.is_some()).count();
    if failed > 0 {
        bail!("{failed} of {} would fail", findings.len());
    }
    Ok(())
}

/// The models that would judge, as a start would choose them.
fn model(configuration: &Config) -> Finding {
    let opened = Keeper::open(&configuration::models(configuration), Audit::none(), Clock::system());
    let note = opened.as_ref().ok().and_then(|models| models.standing().notice);
    Finding { note, ..Finding::of("model", opened) }
}

fn joined(faults: Vec<impl Display>) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn certificate(configuration: &Config) -> Result<(), TlsError> {
    configuration.tls.as_ref().map_or(Ok(()), |tls| Tls::load(tls, Clock::system().now()).map(drop))
}

fn writable(configuration: &Config) -> Result<(), String> {
    let folder = &configuration.data_dir;
    let probe = folder.join(".check");
    let tried = std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&probe, ""))
        .and_then(|()| std::fs::remove_file(&probe));
    tried.map_err(|fault| format!("{}: {fault}", folder.display()))
}

fn store(configuration: &Config) -> Result<(), String> {
    let store = configuration::store(configuration, &Clock::system()).map_err(|fault| fault.to_string())?;
    let runtime = runtime().map_err(|fault| fault.to_string())?;
    runtime.block_on(store.prepare()).map_err(|fault| fault.to_string())
}
