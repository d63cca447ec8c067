//! The audit log: who failed to authenticate, and what administrators did. One line of JSON each, in ECS' fields.
//!
//! `<data_dir>/audit.log`, readable by its owner only. What always holds:
//!
//! - It is bounded: at [`Trail`]'s size a new file begins, and the oldest goes.
//! - Failures of one address for one reason are one line at first, and one more a minute that counts the others, so that
//!   nobody can fill the disk, nor hide what others do.
//! - Requests never wait for it: a thread of its own writes. What it cannot keep up with is counted, and said in the log.
//! - No credential is in it, and no event.

mod aggregate;
mod line;
mod trail;

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Origin;
use crate::clock::Clock;
use crate::telemetry::catalogue::AUDIT_LINES_LOST;

use aggregate::Aggregate;
use line::Line;
use trail::Trail;

/// Lines that may wait for the thread.
const WAITING: usize = 4096;
/// How often failures that were counted are looked at.
const TICK: Duration = Duration::from_secs(1);

/// What somebody did who may.
#[derive(Debug, Clone)]
pub enum Act {
    /// It started to listen there.
    Started {
        /// The address.
        address: String,
    },
    /// It was told to stop.
    Stopping,
    /// The configuration was read again.
    Reloaded {
        /// The keys that need a restart to count.
        unapplied: Vec<String>,
    },
    /// The configuration was read again, and is wrong; the old one stays.
    NotReloaded,
    /// Another model judges, or is compared with the one that does.
    Models {
        /// `model_activated`, `shadow_started`, `shadow_stopped` or `shadow_changed`.
        action: &'static str,
        /// Which are in place now, and what asked for it.
        message: String,
    },
    /// A request that only administrators may make.
    Administered {
        /// Whose it was.
        name: Arc<str>,
        /// Where it came from.
        address: IpAddr,
        /// Method and path.
        request: Box<str>,
    },
    /// A session began on the page.
    LoggedIn {
        /// Whose.
        name: Arc<str>,
        /// Where they are.
        address: IpAddr,
    },
    /// A command changed what is kept, while no oversight ran on it.
    ByHand {
        /// The account of the system that it ran under, where that has a name.
        user: Option<String>,
        /// The command.
        command: &'static str,
    },
}

/// Why a request was not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// It showed none.
    NoCredentials,
    /// They are not valid.
    WrongCredentials,
    /// They are valid and do not suffice.
    RoleTooSmall,
    /// A page of another site has caused it.
    Elsewhere,
    /// They were not looked at: too many wrong ones before.
    NotLookedAt,
    /// The connection's handshake failed.
    Handshake,
}

#[derive(Debug)]
enum Entry {
    Act(Act),
    Failure(Origin, Failure),
    End,
}

/// Writes down what is told; cheap to clone.
#[derive(Debug, Clone)]
pub struct Audit(Option<SyncSender<Entry>>);

/// The thread that writes.
pub struct Writing {
    thread: JoinHandle<()>,
    end: SyncSender<Entry>,
}

impl Audit {
    /// Into `audit.log` in this folder.
    ///
    /// # Errors
    /// When the file cannot be written, or the system gives no thread.
    pub fn open(folder: &Path, clock: Clock) -> io::Result<(Self, Writing)> {
        let trail = Trail::open(folder)?;
        let (sender, receiver) = sync_channel(WAITING);
        let thread = std::thread::Builder::new().name("audit".to_owned());
        let thread = thread.spawn(move || Writer { trail, failures: Aggregate::default(), clock }.run(&receiver))?;
        Ok((Self(Some(sender.clone())), Writing { thread, end: sender }))
    }

    /// Nowhere: for a server that nobody has to authenticate to.
    pub fn none() -> Self {
        Self(None)
    }

    /// Writes this down.
    pub fn tell(&self, act: Act) {
        self.send(Entry::Act(act));
    }

    /// Writes this down, or counts it.
    pub fn fail(&self, origin: Origin, failure: Failure) {
        self.send(Entry::Failure(origin, failure));
    }

    fn send(&self, entry: Entry) {
        let Some(sender) = &self.0 else { return };
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = sender.try_send(entry) {
            AUDIT_LINES_LOST.add(1);
        }
    }
}

impl Writing {
    /// Waits until everything is written that was told before; what is told later is lost. On a disk that does not
    /// answer this takes for ever.
    pub fn finish(self) {
        // the thread is gone only when it has ended early, which the join tells
        let _ = self.end.send(Entry::End);
        if self.thread.join().is_err() {
            tracing::error!("the audit log's thread ended early; see the message above");
        }
    }
}

struct Writer {
    trail: Trail,
    failures: Aggregate,
    clock: Clock,
}

impl Writer {
    fn run(mut self, entries: &Receiver<Entry>) {
        let mut looked = self.clock.monotonic();
        loop {
            match entries.recv_timeout(TICK) {
                Ok(Entry::Act(act)) => self.act(&act),
                Ok(Entry::Failure(origin, failure)) => {
                    if self.failures.note(origin, failure, self.clock.monotonic()) {
                        self.failure(&Some(origin), failure, 1);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Entry::End) | Err(RecvTimeoutError::Disconnected) => break,
            }
            let now = self.clock.monotonic();
            if now.saturating_sub(looked) >= TICK {
                looked = now;
                for counted in self.failures.due(now) {
                    self.failure(&counted.origin, counted.failure, counted.count);
                }
            }
        }
        for counted in self.failures.rest() {
            self.failure(&counted.origin, counted.failure, counted.count);
        }
    }

    fn act(&mut self, act: &Act) {
        let line = Line::of_act(act);
        // whatever else is an act is said in the log by whoever does it
        if let Act::Administered { name, address, request } = act {
            tracing::info!(user = %name, %address, %request, "an administrator asks");
        }
        self.write(&line);
    }

    fn failure(&mut self, origin: &Option<Origin>, failure: Failure, count: u64) {
        let line = Line::of_failure(*origin, failure, count);
        tracing::warn!(action = line.action(), address = line.address(), count, "{}", line.message());
        self.write(&line);
    }

    fn write(&mut self, line: &Line) {
        if let Err(error) = self.trail.write(&line.to_json(self.clock.now())) {
            AUDIT_LINES_LOST.add(1);
            tracing::error!(%error, "a line of the audit log could not be written");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::event::ReceivedTime;

    #[test]
    fn a_storm_of_failures_is_two_lines_and_acts_are_all_there() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual(ReceivedTime::from_micros(1_790_000_000_000_000));
        let (audit, writing) = Audit::open(folder.path(), clock).unwrap();
        let origin = Origin::of([192, 0, 2, 7].into());
        audit.tell(Act::Started { address: "127.0.0.1:9292".to_owned() });
        for _ in 0..1_000 {
            audit.fail(origin, Failure::WrongCredentials);
        }
        audit.tell(Act::Administered {
            name: "ops".into(),
            address: [192, 0, 2, 8].into(),
            request: "POST /v1/anything".into(),
        });
        audit.tell(Act::Stopping);
        writing.finish();
        let text = std::fs::read_to_string(folder.path().join("audit.log")).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let actions: Vec<&str> = lines.iter().map(|line| line["event"]["action"].as_str().unwrap()).collect();
        assert_eq!(
            actions,
            ["started", "wrong_credentials", "administered", "stopping", "wrong_credentials"],
            "{text}"
        );
        assert_eq!((&lines[4]["oversight"]["count"], &lines[4]["source"]["ip"]), (&999.into(), &"192.0.2.7".into()));
        assert_eq!((&lines[2]["user"]["name"], &lines[2]["message"]), (&"ops".into(), &"POST /v1/anything".into()));
        assert_eq!(lines[0]["@timestamp"], "2026-09-21T14:13:20.000Z");
    }
}
