//! Writes into the audit log what a command changes while no oversight runs.

use anyhow::Context;

use crate::access::audit::{Act, Audit};
use crate::clock::Clock;
use crate::config::Config;

/// Writes down that `command` is run, before anything is done, as for requests.
pub fn write_down(configuration: &Config, command: &'static str) -> anyhow::Result<()> {
    let folder = &configuration.data_dir;
    let opened = Audit::open(folder, Clock::system());
    let (audit, writing) = opened.with_context(|| format!("{}/audit.log cannot be written", folder.display()))?;
    let user = std::env::var("SUDO_USER").or_else(|_| std::env::var("USER")).ok();
    audit.tell(Act::ByHand { user, command });
    writing.finish();
    Ok(())
}
