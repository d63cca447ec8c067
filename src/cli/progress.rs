//! Progress on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows how far a piece of work is, on standard error.
pub struct Progress {
    bar: ProgressBar,
    plain: Option<Plain>,
    what: String,
}

struct Plain {
    last: Instant,
    total: Option<u64>,
}

impl Progress {
    /// For work called `what` of `total` units, or an unknown number.
    pub fn new(what: &str, total: Option<u64>) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(total, target).with_prefix(what.to_owned());
        let shape = if total.is_some() {
            "{prefix} [{bar:30}] {human_pos}/{human_len} {per_sec} {msg} eta {eta}"
        } else {
            "{prefix} {spinner} {human_pos} {per_sec} {msg}"
        };
        bar.set_style(ProgressStyle::with_template(shape).expect("a fixed template").progress_chars("=> "));
        let plain = (!terminal).then(|| Plain { last: Instant::now(), total });
        Self { bar, plain, what: what.to_owned() }
    }

    /// So much is done; `note` says what else is worth knowing.
    pub fn set(&mut self, done: u64, note: &str) {
        self.bar.set_position(done);
        self.bar.set_message(note.to_owned());
        if let Some(plain) = &mut self.plain
            && plain.last.elapsed() >= LINE_EVERY
        {
            plain.last = Instant::now();
            let of = plain.total.map(|total| format!(" of {total}")).unwrap_or_default();
            eprintln!("{}: {done}{of} {note}", self.what);
        }
    }

    /// A line of its own, above the bar.
    pub fn say(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }

    /// The work is done.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
