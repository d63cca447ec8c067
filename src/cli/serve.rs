//! `oversight serve` and `oversight setup`.

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::{self, Accounts, configuration};
use crate::clock::Clock;
use crate::config::Config;
use crate::setup;

use super::runtime;

/// Installs index templates.
#[derive(Debug, Args)]
pub struct SetupOptions {
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// Serves until SIGTERM or SIGINT.
pub fn serve(configuration: &Config) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        // the signals are caught before anything is taken
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let running = app::start(configuration, Clock::system()).await?;
        println!("oversight {} listens on http://{}", env!("CARGO_PKG_VERSION"), running.address());
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("ending");
        let accounts = running.stop().await;
        let Accounts { recovered, received, redriven, stored, repeated, refused, lost, waiting } = accounts;
        tracing::info!(recovered, received, redriven, stored, repeated, refused, lost, waiting, "ended");
        if accounts.difference() != 0 {
            tracing::warn!(
                difference = accounts.difference(),
                "the accounts do not add up: something was still under way"
            );
        }
        Ok(())
    })
}

/// Installs index templates, or says what would be installed.
pub fn setup(configuration: &Config, options: &SetupOptions) -> anyhow::Result<()> {
    let settings = configuration::elasticsearch(configuration)?;
    let report = runtime()?
        .block_on(async { if options.dry_run { setup::plan(settings).await } else { setup::apply(settings).await } })?;
    print!("{report}");
    Ok(())
}
