//! `oversight serve`.

use std::path::Path;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use crate::app::reload::Reloader;
use crate::app::service::{self, Watchdog};
use crate::app::{self, Accounts, Running};
use crate::clock::Clock;
use crate::config::Config;

use super::runtime;

/// Serves until SIGTERM or SIGINT; SIGHUP reads the configuration in `file` again.
pub fn serve(configuration: Config, file: Option<&Path>) -> anyhow::Result<()> {
    let runtime = runtime()?;
    let ended = runtime.block_on(until_told_to_stop(configuration, file));
    // a disk that does not answer holds threads for ever, and the end does not wait for those
    runtime.shutdown_background();
    ended
}

async fn until_told_to_stop(configuration: Config, file: Option<&Path>) -> anyhow::Result<()> {
    // the signals are caught before anything is taken
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut hang_up = signal(SignalKind::hangup())?;
    let clock = Clock::system();
    let running = app::start(&configuration, clock.clone()).await?;
    let scheme = if configuration.tls.is_some() { "https" } else { "http" };
    println!("oversight {} listens on {scheme}://{}", env!("CARGO_PKG_VERSION"), running.address());
    let stop_within = configuration.stop_within;
    let reloader = Reloader::new(&running, configuration, file.map(Path::to_owned), clock);
    let mut watchdog = Watchdog::new();
    service::ready();
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => reload(&reloader),
            () = watchdog.due() => if running.is_whole() { watchdog.beat() },
        }
    }
    tracing::info!("ending");
    service::stopping();
    stop(running, stop_within).await;
    Ok(())
}

fn reload(reloader: &Reloader) {
    service::reloading();
    // reads files, which is slow at worst; other threads go on
    match tokio::task::block_in_place(|| reloader.reload()) {
        Ok(unapplied) if unapplied.is_empty() => tracing::info!("the configuration was read again"),
        Ok(unapplied) => tracing::warn!(
            keys = unapplied.join(", "),
            "the configuration was read again; these keys have changed, and that needs a restart"
        ),
        Err(fault) => tracing::error!("the configuration was read again and is not used, the old one stays:\n{fault}"),
    }
    service::ready();
}

async fn stop(running: Running, within: Duration) {
    let Ok(accounts) = timeout(within, running.stop()).await else {
        tracing::warn!(
            ?within,
            "ended before everything was done (stop_within); what was answered 200 is in the spool for the next start"
        );
        return;
    };
    let Accounts { recovered, received, redriven, stored, repeated, refused, lost, waiting } = accounts;
    tracing::info!(recovered, received, redriven, stored, repeated, refused, lost, waiting, "ended");
    if accounts.difference() != 0 {
        tracing::warn!(difference = accounts.difference(), "the accounts do not add up: something was still under way");
    }
}
