//! oversight with a configuration file that can be changed, signals, and a log that can be read while it runs.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// For what must happen; only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running `oversight serve` with everything in one folder; killed when dropped.
pub struct Watched {
    child: Child,
    folder: PathBuf,
    /// Where it listens on 127.0.0.1.
    pub port: u16,
}

impl Watched {
    /// Starts one with this configuration, in a folder of the test's own.
    pub fn start(folder: &Path, configuration: &str) -> Self {
        Self::start_with(folder, configuration, &[])
    }

    /// The same with more environment variables, given in full.
    pub fn start_with(folder: &Path, configuration: &str, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oversight"));
        command.envs(variables.iter().copied());
        Self::run(folder, configuration, command)
    }

    /// The same with the program that `command` runs, which is given the arguments of oversight.
    pub fn run(folder: &Path, configuration: &str, mut command: Command) -> Self {
        write_configuration(folder, configuration);
        let log = std::fs::File::create(folder.join("log")).expect("a writable folder");
        let mut child = command
            .args(["--config", "oversight.yml", "serve"])
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the binary is built");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let port = lines.find_map(|line| {
            line.expect("text").rsplit_once("127.0.0.1:")?.1.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        });
        let port = port.unwrap_or_else(|| panic!("it did not start: {}", text(&folder.join("log"))));
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, folder: folder.to_owned(), port }
    }

    /// Writes another configuration; it counts after a SIGHUP.
    pub fn configure(&self, configuration: &str) {
        write_configuration(&self.folder, configuration);
    }

    /// Sends the signal of this name, such as `HUP`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.expect("there is a kill").success());
    }

    /// SIGHUP, and waits until the log says what came of it.
    pub fn reload(&self) {
        let before = self.log().matches(RELOADED).count();
        self.signal("HUP");
        self.until(|| self.log().matches(RELOADED).count() > before, "it says what came of the SIGHUP");
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        text(&self.folder.join("log"))
    }

    /// The lines of its audit log as they stand.
    pub fn audit(&self) -> String {
        text(&self.folder.join("oversight-data/audit.log"))
    }

    /// Waits until this is so.
    pub fn until(&self, is_so: impl Fn() -> bool, what: &str) {
        let started = Instant::now();
        while !is_so() {
            assert!(started.elapsed() < PATIENCE, "not so after {PATIENCE:?}: {what}; its log:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for its end; how it ended, and how long that took.
    pub fn ended(&mut self) -> (ExitStatus, Duration) {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return (status, started.elapsed());
            }
            assert!(started.elapsed() < PATIENCE, "it does not end; its log:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The address of a path on it.
    pub fn url(&self, scheme: &str, path: &str) -> String {
        format!("{scheme}://127.0.0.1:{}{path}", self.port)
    }
}

/// What every outcome of a SIGHUP is said with.
const RELOADED: &str = "the configuration was read again";

impl Drop for Watched {
    fn drop(&mut self) {
        // it may have ended already
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write_configuration(folder: &Path, configuration: &str) {
    let listen = if configuration.contains("listen:") { "" } else { "listen: 127.0.0.1:0\n" };
    let text = format!("{listen}{configuration}");
    std::fs::write(folder.join("oversight.yml"), text).expect("a writable folder");
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
