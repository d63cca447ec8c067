//! The log on stderr: sentences with fields, as text for people or JSON for programs.
//!
//! No event content is logged at info or above; nothing per event above debug.

use std::io::IsTerminal;
use std::sync::OnceLock;

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// From which importance on lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Level {
    /// Somebody must act.
    Error,
    /// Something is not as it should be.
    Warn,
    /// What happens, a few lines a minute.
    #[default]
    Info,
    /// For finding faults; may say something for every event.
    Debug,
    /// Everything, also of the libraries below.
    Trace,
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people; in colours on a terminal, unless `NO_COLOR` is set.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What to write and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settings {
    /// From which importance on.
    pub level: Level,
    /// In which form.
    pub format: Format,
}

/// The log was started before in this process.
#[derive(Debug, thiserror::Error)]
#[error("the log is started already")]
pub struct AlreadyStarted;

/// Changes the level of a log.
type Switch = Box<dyn Fn(Level) + Send + Sync>;

/// That of the log that was started.
static SWITCH: OnceLock<Switch> = OnceLock::new();

/// Starts the log on stderr, for the whole process, once.
///
/// # Errors
/// When it was started before.
pub fn start(settings: Settings) -> Result<(), AlreadyStarted> {
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let (subscriber, switch) = build(settings, colours, std::io::stderr);
    tracing::subscriber::set_global_default(subscriber).map_err(|_| AlreadyStarted)?;
    SWITCH.set(switch).map_err(|_| AlreadyStarted)
}

/// From now on lines of this level are written; nothing happens where the log was not started.
pub fn change_level(level: Level) {
    if let Some(switch) = SWITCH.get() {
        switch(level);
    }
}

/// A log into `writer`, for a program that draws on the terminal itself, and for tests.
pub fn subscriber<W>(settings: Settings, colours: bool, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    build(settings, colours, writer).0
}

fn build<W>(settings: Settings, colours: bool, writer: W) -> (Box<dyn Subscriber + Send + Sync>, Switch)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // a change fails only when the log is gone, and then nobody misses it
    let builder = tracing_subscriber::fmt().with_writer(writer).with_ansi(colours);
    match settings.format {
        Format::Text => {
            let builder = builder.with_target(false).with_env_filter(filter(settings.level)).with_filter_reloading();
            let handle = builder.reload_handle();
            (Box::new(builder.finish()), Box::new(move |level| drop(handle.reload(filter(level)))))
        }
        Format::Json => {
            let builder = builder.json().flatten_event(true).with_ansi(false);
            let builder = builder.with_env_filter(filter(settings.level)).with_filter_reloading();
            let handle = builder.reload_handle();
            (Box::new(builder.finish()), Box::new(move |level| drop(handle.reload(filter(level)))))
        }
    }
}

/// Our own lines from `level` on; those of the libraries below only where they warn, or at trace.
fn filter(level: Level) -> EnvFilter {
    let directives = match level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "warn,oversight=info",
        Level::Debug => "warn,oversight=debug",
        Level::Trace => "debug,oversight=trace",
    };
    EnvFilter::new(directives)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(settings: Settings) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        tracing::subscriber::with_default(subscriber(settings, false, move || writer.clone()), || {
            tracing::info!(events = 7, "the spool is open");
            tracing::debug!("a detail");
            tracing::info!(target: "hyper", "a library talks");
        });
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn at_info_our_sentences_are_written_and_details_and_libraries_are_not() {
        let text = logged(Settings { level: Level::Info, format: Format::Text });
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("INFO the spool is open events=7"), "{text}");
    }

    #[test]
    fn the_level_of_a_running_log_can_be_changed() {
        let kept = Kept::default();
        let writer = kept.clone();
        let (subscriber, switch) = build(Settings::default(), false, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            for level in [Level::Debug, Level::Warn] {
                switch(level);
                tracing::info!(?level, "seen at debug");
                tracing::debug!(?level, "seen at debug too");
            }
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert_eq!((text.lines().count(), text.matches("Warn").count()), (2, 0), "{text}");
    }

    #[test]
    fn as_json_every_line_is_one_object() {
        let text = logged(Settings { level: Level::Debug, format: Format::Json });
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!((&lines[0]["message"], &lines[0]["events"]), (&"the spool is open".into(), &7.into()));
    }
}
