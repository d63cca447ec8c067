//! oversight as a process of its own, that can be killed and started again with the same data.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A running `oversight serve` on a port of its own; killed when dropped.
pub struct Oversight {
    child: Child,
    settings: Vec<(String, String)>,
    data: PathBuf,
    /// Where it listens on 127.0.0.1; stays the same after a restart.
    pub port: u16,
}

impl Oversight {
    /// Starts one that keeps its data in `data`; settings are environment variables without their `OVERSIGHT_`.
    pub fn start(data: &Path, settings: &[(&str, &str)]) -> Self {
        Self::start_in(data, settings, &[])
    }

    /// The same, with variables of the environment that are not oversight's.
    pub fn start_in(data: &Path, settings: &[(&str, &str)], environment: &[(&str, &str)]) -> Self {
        let named = settings.iter().map(|(name, value)| (format!("OVERSIGHT_{name}"), (*value).to_owned()));
        let others = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let settings: Vec<(String, String)> = named.chain(others).collect();
        let (child, port) = spawn(data, &settings, 0);
        Self { child, settings, data: data.to_owned(), port }
    }

    /// SIGKILL, at once.
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it can be waited for");
    }

    /// Starts it again on the same port with the same data.
    pub fn start_again(&mut self) {
        (self.child, self.port) = spawn(&self.data, &self.settings, self.port);
    }

    /// The names of its threads.
    pub fn threads(&self) -> Vec<String> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        // a thread may end meanwhile
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
        names.map(|name| name.trim().to_owned()).collect()
    }

    /// Any signal, such as `STOP`.
    pub fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        let sent = kill.arg(format!("-{name}")).arg(self.child.id().to_string()).status().expect("there is a kill");
        assert!(sent.success());
    }

    /// SIGTERM, and what it exits with.
    pub fn stop(&mut self) -> std::process::ExitStatus {
        self.signal("TERM");
        self.child.wait().expect("it can be waited for")
    }

    /// Another command of the program on the same data and settings, run to its end.
    pub fn command(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oversight"));
        command.args(arguments).env("OVERSIGHT_DATA_DIR", &self.data);
        command.env("OVERSIGHT_LISTEN", format!("127.0.0.1:{}", self.port));
        command.envs(self.settings.iter().map(|(name, value)| (name, value))).output().expect("it starts")
    }

    /// The address of a path on it.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// GET, as JSON.
    pub async fn get(&self, path: &str) -> Value {
        client().get(self.url(path)).send().await.expect("it answers").json().await.expect("JSON")
    }

    /// POST of a body as it stands; status and answer.
    pub async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
        let sent = client().post(self.url(path)).header("content-type", "application/json").body(body).send().await;
        let answer = sent.expect("it answers");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    /// One number of `/metrics`.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = client().get(self.url("/metrics")).send().await.expect("it answers").text().await.expect("text");
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no metric {name} in:\n{text}")).trim().parse().expect("a number")
    }

    /// Waits until every accepted event is settled; gives up after two minutes in which none was.
    pub async fn drained(&self) {
        let (mut least, mut since) = (f64::INFINITY, Instant::now());
        loop {
            let waiting = self.metric("oversight_events_waiting").await;
            if waiting == 0.0 {
                return;
            }
            if waiting < least {
                (least, since) = (waiting, Instant::now());
            }
            assert!(
                since.elapsed() < Duration::from_secs(120),
                "{waiting} events wait, and none was settled for two minutes"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Oversight {
    fn drop(&mut self) {
        // it may have ended already
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client that uses no proxy.
pub fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a client without special settings")
}

/// The program with these arguments, run to its end in an empty folder.
pub fn run(arguments: &[&str]) -> Output {
    run_with(&[], arguments)
}

/// The same with settings: environment variables without their `OVERSIGHT_`.
pub fn run_with(settings: &[(&str, &str)], arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a temporary folder");
    Command::new(env!("CARGO_BIN_EXE_oversight"))
        .args(arguments)
        .envs(settings.iter().map(|(name, value)| (format!("OVERSIGHT_{name}"), value)))
        .current_dir(folder.path())
        .output()
        .expect("it starts")
}

fn spawn(data: &Path, settings: &[(String, String)], port: u16) -> (Child, u16) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_oversight"))
        .arg("serve")
        .env("OVERSIGHT_DATA_DIR", data)
        .env("OVERSIGHT_LISTEN", format!("127.0.0.1:{port}"))
        // a test counts its own documents; one that is about these asks for them
        .env("OVERSIGHT_STORE_ELASTICSEARCH_HEALTH_EVERY", "0s")
        .envs(settings.iter().map(|(name, value)| (name, value)))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary is built");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let port = lines
        .find_map(|line| {
            line.expect("text").rsplit_once("127.0.0.1:")?.1.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        })
        .expect("it says where it listens");
    std::thread::spawn(move || lines.for_each(drop));
    (child, port)
}
