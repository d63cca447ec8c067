//! Real engines: Elasticsearch and OpenSearch as processes of this machine, each with ports and data of its own.
//!
//! `scripts/engines.sh` provides them; where it cannot, the tests that need one are skipped, loudly. An engine dies
//! with the test process, however that ends: a guard process waits for the end of a pipe that only we hold.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::RwLock;

use super::provision::{self, Installed, UNPRIVILEGED, is_root, run};
use super::{shim, skip};

const BOOT: Duration = Duration::from_secs(300);
/// An engine lives for seconds here: the compiler that optimises for days would cost more than it saves.
const JVM: &str = "-Xms512m -Xmx512m -XX:TieredStopAtLevel=1";
/// The password of every user of [`Variant::Secured`], made with `elasticsearch-users useradd`.
pub const PASSWORD: &str = "writer-password";
const PASSWORD_HASH: &str = "$2a$10$2Z0m/h5OG4EIWDVPbhXOH.CfZATHagUXtXA0ifP2HNXP.Ck3FcQOu";
const ROLES: &str = "
writer:
  cluster: [ 'monitor', 'manage_index_templates' ]
  indices: [ { names: [ 'secured-*' ], privileges: [ 'create_doc', 'create_index', 'auto_configure', 'read', 'view_index_metadata' ] } ]
narrow:
  indices: [ { names: [ 'narrow-events-*' ], privileges: [ 'create_doc', 'create_index', 'auto_configure' ] } ]
admin:
  cluster: [ 'all' ]
  indices: [ { names: [ '*' ], privileges: [ 'all' ] } ]
";

/// Which engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 9.2.0, without modules.
    Elasticsearch,
    /// 3.8.0.
    OpenSearch,
}

/// How it is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// Everybody may do everything.
    Open,
    /// Elasticsearch with the users `writer`, `narrow` and `admin`, whose password is [`PASSWORD`], over TLS.
    Secured,
    /// The same, with keys, users and roles that are made while it runs.
    Whole,
}

impl Kind {
    fn program(self) -> &'static str {
        match self {
            Self::Elasticsearch => "elasticsearch",
            Self::OpenSearch => "opensearch",
        }
    }

    fn variable(self, name: &str) -> String {
        match self {
            Self::Elasticsearch => format!("ES_{name}"),
            Self::OpenSearch => format!("OPENSEARCH_{name}"),
        }
    }
}

/// An engine: running, or stopped with its data kept.
pub struct Engine {
    kind: Kind,
    variant: Variant,
    java: PathBuf,
    home: PathBuf,
    folder: TempDir,
    port: u16,
    transport_port: u16,
    launcher: Option<Child>,
    guard: Child,
}

/// The one open engine of this kind that tests share; whoever stops it takes the lock for writing.
/// None, and said so, where this machine has no engines.
pub fn shared(kind: Kind) -> Option<&'static RwLock<Engine>> {
    static ELASTICSEARCH: OnceLock<Option<RwLock<Engine>>> = OnceLock::new();
    static OPENSEARCH: OnceLock<Option<RwLock<Engine>>> = OnceLock::new();
    let place = match kind {
        Kind::Elasticsearch => &ELASTICSEARCH,
        Kind::OpenSearch => &OPENSEARCH,
    };
    let engine = place.get_or_init(|| start(kind, Variant::Open).map(RwLock::new));
    if engine.is_none() {
        skip("no engine on this machine (see above)");
    }
    engine.as_ref()
}

/// Starts an engine; none, and said so, where this machine has none.
pub fn start(kind: Kind, variant: Variant) -> Option<Engine> {
    match provision::installed() {
        Err(reason) => {
            skip(reason);
            None
        }
        Ok(installed) => {
            let mut engine = Engine::prepare(kind, variant, installed);
            engine.start_again();
            Some(engine)
        }
    }
}

impl Engine {
    /// `http://127.0.0.1:PORT`, or `https://localhost:PORT` where it is secured.
    pub fn url(&self) -> String {
        match self.variant {
            Variant::Open => format!("http://127.0.0.1:{}", self.port),
            Variant::Secured | Variant::Whole => format!("https://localhost:{}", self.port),
        }
    }

    /// The certificate of the authority that signed a secured engine's.
    pub fn authority(&self) -> String {
        fs::read_to_string(self.folder.path().join("config/certs/ca.pem")).expect("a secured engine has one")
    }

    /// Sends a request as an administrator; the status and the answer as JSON, null where it is none.
    pub async fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let mut client = reqwest::Client::builder().no_proxy().timeout(BOOT);
        if self.variant != Variant::Open {
            let authority = reqwest::Certificate::from_pem(self.authority().as_bytes()).expect("a certificate");
            client = client.add_root_certificate(authority);
        }
        let method = method.parse().expect("a method");
        let mut request = client.build().expect("a client").request(method, format!("{}{path}", self.url()));
        if self.variant != Variant::Open {
            request = request.basic_auth("admin", Some(PASSWORD));
        }
        if !body.is_null() {
            request = request.json(body);
        }
        let answer = request.send().await.expect("the engine answers");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    /// Stops it as an operator would, and waits until it is gone.
    pub fn stop(&mut self) {
        self.end("-TERM");
    }

    /// Kills it with SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        self.end("-KILL");
    }

    /// Starts it, on the same ports and data as before, and waits until it takes requests.
    pub fn start_again(&mut self) {
        assert!(self.launcher.is_none(), "it runs already");
        let folder = self.folder.path();
        let log = fs::File::create(folder.join("logs/out.log")).expect("a log");
        let mut command = Command::new(self.home.join("bin").join(self.kind.program()));
        command
            .env(self.kind.variable("JAVA_HOME"), &self.java)
            .env(self.kind.variable("PATH_CONF"), folder.join("config"))
            .env(self.kind.variable("JAVA_OPTS"), JVM)
            .env(self.kind.variable("TMPDIR"), folder.join("tmp"))
            .env("HOME", folder)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .process_group(0);
        if is_root() {
            command.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
        }
        let launcher = command.spawn().expect("the engine's start script can be run");
        self.tell_guard(&launcher.id().to_string());
        self.launcher = Some(launcher);
        self.wait_until_ready();
    }

    fn prepare(kind: Kind, variant: Variant, installed: &Installed) -> Self {
        let folder = tempfile::Builder::new().prefix("oversight-engine.").tempdir().expect("a temporary folder");
        let original = match kind {
            Kind::Elasticsearch => &installed.elasticsearch,
            Kind::OpenSearch => &installed.opensearch,
        };
        let home = match variant {
            Variant::Whole => provision::copied(original, folder.path()),
            Variant::Open | Variant::Secured => provision::reachable(original, folder.path()),
        };
        if variant == Variant::Whole {
            shim::install(&installed.java, &home);
        }
        for name in ["data", "logs", "tmp"] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        run(Command::new("cp").arg("-r").arg(original.join("config")).arg(folder.path().join("config")));
        // held until both are known, so that they differ
        let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
        let [port, transport_port] = listeners.each_ref().map(|listener| listener.local_addr().expect("bound").port());
        drop(listeners);
        let guard = start_guard(folder.path());
        let java = installed.java.clone();
        let engine = Self { kind, variant, java, home, folder, port, transport_port, launcher: None, guard };
        engine.configure();
        engine
    }

    fn configure(&self) {
        let folder = self.folder.path();
        let config = folder.join("config");
        let mut settings = format!(
            "cluster.name: oversight-tests\ndiscovery.type: single-node\nnetwork.host: 127.0.0.1\nhttp.port: {}\ntransport.port: {}\npath.data: {data}/data\npath.logs: {data}/logs\n",
            self.port,
            self.transport_port,
            data = folder.display(),
        );
        // a developer's full disk is no reason to fail
        settings.push_str("cluster.routing.allocation.disk.threshold_enabled: false\n");
        match (self.kind, self.variant) {
            (Kind::OpenSearch, _) => {}
            (Kind::Elasticsearch, Variant::Open) => settings.push_str("xpack.security.enabled: false\n"),
            (Kind::Elasticsearch, Variant::Secured | Variant::Whole) => {
                settings.push_str(&self.secure(&config));
            }
        }
        fs::write(config.join(format!("{}.yml", self.kind.program())), settings).expect("settings");
        let options = config.join("jvm.options");
        let text = fs::read_to_string(&options).expect("the engine's JVM options");
        // OpenSearch would log into its program folder, which may not be ours to write
        let kept: Vec<&str> = text.lines().filter(|line| !line.contains("gc.log")).collect();
        fs::write(&options, kept.join("\n")).expect("JVM options");
        if is_root() {
            run(Command::new("chown")
                .arg("-R")
                .arg(UNPRIVILEGED.to_string())
                .args(["config", "data", "logs", "tmp"].map(|name| folder.join(name))));
            fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("its folder can be opened to it");
        }
    }

    /// Users, roles and certificates; the settings that refer to them.
    fn secure(&self, config: &Path) -> String {
        let users = ["writer", "narrow", "admin"];
        let list = |line: &dyn Fn(&str) -> String| users.map(line).join("\n") + "\n";
        fs::write(config.join("users"), list(&|user| format!("{user}:{PASSWORD_HASH}"))).expect("users");
        fs::write(config.join("users_roles"), list(&|user| format!("{user}:{user}"))).expect("roles of users");
        fs::write(config.join("roles.yml"), ROLES).expect("roles");
        let certificates = config.join("certs");
        fs::create_dir(&certificates).expect("a folder");
        provision::make_certificates(&self.java, &certificates);
        format!(
            "xpack.security.enabled: true\nxpack.security.transport.ssl.enabled: false\nxpack.security.http.ssl.enabled: true\nxpack.security.http.ssl.keystore.path: {path}\nxpack.security.http.ssl.keystore.type: PKCS12\nxpack.security.http.ssl.keystore.password: changeit\n",
            path = certificates.join("node.p12").display(),
        )
    }

    fn wait_until_ready(&mut self) {
        let started = Instant::now();
        while !self.is_ready() {
            let launcher = self.launcher.as_mut().expect("it was started");
            let ended = launcher.try_wait().expect("a child can be asked");
            if ended.is_some() || started.elapsed() > BOOT {
                let log = fs::read_to_string(self.folder.path().join("logs/out.log")).unwrap_or_default();
                let tail: Vec<&str> = log.lines().rev().take(20).collect();
                let tail: Vec<&str> = tail.into_iter().rev().collect();
                panic!("{:?} did not start within {BOOT:?}: {ended:?}\n{}", self.kind, tail.join("\n"));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn is_ready(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        if self.variant != Variant::Open {
            // it listens only once it is ready
            return true;
        }
        let _ = stream.set_read_timeout(Some(Duration::from_secs(20)));
        let request = "GET /_cluster/health?wait_for_status=yellow&timeout=10s HTTP/1.0\r\nhost: x\r\n\r\n";
        let mut answer = [0; 12];
        stream.write_all(request.as_bytes()).is_ok()
            && stream.read_exact(&mut answer).is_ok()
            && answer.ends_with(b" 200")
    }

    fn end(&mut self, signal: &str) {
        let Some(mut launcher) = self.launcher.take() else { return };
        let group = format!("-{}", launcher.id());
        let signalled = |signal: &str| {
            let kill = Command::new("kill").args([signal, "--", &group]).stderr(Stdio::null()).status();
            kill.is_ok_and(|status| status.success())
        };
        signalled(signal);
        let _ = launcher.wait();
        while signalled("-0") {
            std::thread::sleep(Duration::from_millis(50));
        }
        self.tell_guard("");
    }

    fn tell_guard(&mut self, group: &str) {
        let pipe = self.guard.stdin.as_mut().expect("it was made with one");
        writeln!(pipe, "{group}").expect("the guard listens");
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.kill();
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// A process that outlives us by moments: it kills the group it was told last when we are gone, and removes the folder.
pub(super) fn start_guard(folder: &Path) -> Child {
    let mut command = Command::new("sh");
    command.args(["-c", GUARD]).arg(folder).stdin(Stdio::piped()).process_group(0);
    command.spawn().expect("a shell")
}

/// Reads process groups until the pipe ends, then kills the last one and removes the folder. (`kill -KILL -- -1` is
/// not understood by every shell, `kill -s KILL` is.)
const GUARD: &str = r#"
trap '' INT HUP TERM
group=
while read -r line; do group=$line; done
if [ -n "$group" ]; then
  kill -s KILL -- "-$group" 2>/dev/null
  while kill -s 0 -- "-$group" 2>/dev/null; do sleep 0.1; done
fi
rm -rf -- "$0"
"#;

/// Without this, a test run that is broken off would leave engines behind that eat the machine.
#[test]
fn what_a_guard_watches_dies_with_the_pipe_and_its_folder_goes() {
    use std::os::unix::process::ExitStatusExt;
    let folder = tempfile::tempdir().expect("a temporary folder").keep();
    let mut watched = Command::new("sleep").arg("1000").process_group(0).spawn().expect("sleep");
    let mut guard = start_guard(&folder);
    let mut pipe = guard.stdin.take().expect("it was made with one");
    writeln!(pipe, "{}", watched.id()).expect("the guard listens");
    drop(pipe);
    // the killed process stays in its group until it is waited for
    assert_eq!(watched.wait().expect("a child").signal(), Some(9));
    assert!(guard.wait().expect("a child").success());
    assert!(!folder.exists(), "{}", folder.display());
}
