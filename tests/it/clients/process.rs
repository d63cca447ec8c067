//! A shipper as a process of its own.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// A running shipper; killed when dropped.
pub struct Shipper(Child);

impl Shipper {
    /// Starts it; what it says goes to a file in `folder`.
    pub fn start(command: &mut Command, folder: &Path) -> Self {
        let log = std::fs::File::create(folder.join("shipper.log")).expect("a writable folder");
        let errors = log.try_clone().expect("a file can be cloned");
        Self(command.stdout(log).stderr(errors).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    /// The end of a pipe to its standard input, which has to have been asked for.
    pub fn input(&mut self) -> std::process::ChildStdin {
        self.0.stdin.take().expect("its standard input is a pipe")
    }

    /// Connects to a port that it listens on.
    pub fn connect(&mut self, port: u16, folder: &Path) -> TcpStream {
        let since = Instant::now();
        loop {
            if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) {
                return stream;
            }
            let ended = self.0.try_wait().expect("it can be asked for").is_some();
            if ended || since.elapsed() > Duration::from_secs(20) {
                let log = std::fs::read_to_string(folder.join("shipper.log")).unwrap_or_default();
                panic!("the shipper does not listen on {port}: {log}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Shipper {
    fn drop(&mut self) {
        // it may have ended already
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port of 127.0.0.1 that nobody has now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("it is bound").port()
}
