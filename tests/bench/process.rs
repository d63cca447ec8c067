//! oversight as a process of its own, and what the kernel says of it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running `oversight serve`; killed when dropped.
pub struct Oversight {
    child: Child,
    /// Where it listens on 127.0.0.1.
    pub port: u16,
}

impl Oversight {
    /// Starts one with a fresh data folder and these settings, given as environment variables.
    pub fn start(data: &Path, settings: &[(&str, String)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oversight"));
        command.arg("serve").env("OVERSIGHT_LISTEN", "127.0.0.1:0").env("OVERSIGHT_DATA_DIR", data);
        for (name, value) in settings {
            command.env(name, value);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().expect("the binary is built");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let port = lines
            .find_map(|line| {
                let line = line.expect("text");
                line.rsplit_once("127.0.0.1:")?.1.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
            })
            .expect("it says where it listens");
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, port }
    }

    /// CPU time of the process so far, user and system.
    pub fn cpu(&self) -> Duration {
        cpu_of(&format!("/proc/{}/stat", self.child.id()))
    }

    /// Largest resident memory so far, bytes.
    pub fn peak_resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux");
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("a number") * 1024
    }
}

/// CPU time of this process so far.
pub fn own_cpu() -> Duration {
    cpu_of("/proc/self/stat")
}

/// CPU time of the calling thread so far.
pub fn thread_cpu() -> Duration {
    cpu_of("/proc/thread-self/stat")
}

/// User and system time in a `stat` file of Linux, where a tick is 10 ms.
fn cpu_of(stat: &str) -> Duration {
    let text = std::fs::read_to_string(stat).expect("it runs");
    let fields: Vec<&str> = text.rsplit_once(") ").expect("a stat line").1.split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>().expect("utime") + fields[12].parse::<u64>().expect("stime");
    Duration::from_millis(ticks * 10)
}

impl Drop for Oversight {
    fn drop(&mut self) {
        // nothing to do about a failure: the process is gone already then
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
