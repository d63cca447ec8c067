//! Where engines come from, and what they need beside their program: a place they can reach, certificates.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// `nobody`: engines refuse to run as root.
pub const UNPRIVILEGED: u32 = 65_534;

/// Where things lie, as `scripts/engines.sh` says.
pub struct Installed {
    /// A JDK of at least 21.
    pub java: PathBuf,
    /// The unpacked Elasticsearch.
    pub elasticsearch: PathBuf,
    /// The unpacked OpenSearch.
    pub opensearch: PathBuf,
    /// The folder with the jars of a Kafka broker.
    pub kafka: PathBuf,
}

/// Where the engines lie; why there are none, otherwise.
pub fn installed() -> Result<&'static Installed, &'static str> {
    static INSTALLED: OnceLock<Result<Installed, String>> = OnceLock::new();
    INSTALLED.get_or_init(find).as_ref().map_err(String::as_str)
}

fn find() -> Result<Installed, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/engines.sh");
    let output = Command::new(&script).output().map_err(|error| format!("{}: {error}", script.display()))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let place = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map(PathBuf::from).ok_or_else(|| format!("scripts/engines.sh does not say where {name} is"))
    };
    Ok(Installed {
        java: place("java")?,
        elasticsearch: place("elasticsearch")?,
        opensearch: place("opensearch")?,
        kafka: place("kafka")?,
    })
}

/// The engine's program folder, or a copy by hard links where its place is closed to the user it will run as.
pub fn reachable(original: &Path, folder: &Path) -> PathBuf {
    let open = |path: &Path| fs::metadata(path).is_ok_and(|metadata| metadata.mode() & 0o005 == 0o005);
    if !is_root() || original.ancestors().all(open) {
        return original.to_owned();
    }
    copied(original, folder)
}

/// A copy of the engine's program folder, by hard links where that works; what is put into it stays there.
pub fn copied(original: &Path, folder: &Path) -> PathBuf {
    let copy = folder.join("home");
    let linked = Command::new("cp").arg("-al").arg(original).arg(&copy).stderr(Stdio::null()).status();
    if !linked.is_ok_and(|status| status.success()) {
        let _ = fs::remove_dir_all(&copy);
        run(Command::new("cp").arg("-a").arg(original).arg(&copy));
    }
    copy
}

/// An authority, and a certificate for localhost signed by it, with the JDK's own tool.
pub fn make_certificates(java: &Path, folder: &Path) {
    let keytool = |arguments: &str| {
        let mut command = Command::new(java.join("bin/keytool"));
        run(command.current_dir(folder).args(arguments.split(' ')).args(["-storepass", "changeit"]));
    };
    keytool("-genkeypair -alias ca -dname CN=oversight-tests -keyalg EC -ext bc:c -validity 30 -keystore ca.p12");
    keytool("-genkeypair -alias node -dname CN=localhost -keyalg EC -validity 30 -keystore node.p12");
    keytool("-certreq -alias node -keystore node.p12 -file node.csr");
    keytool(
        "-gencert -alias ca -keystore ca.p12 -infile node.csr -outfile node.pem -rfc -validity 30 -ext san=dns:localhost,ip:127.0.0.1",
    );
    keytool("-exportcert -alias ca -keystore ca.p12 -rfc -file ca.pem");
    keytool("-importcert -alias ca -file ca.pem -keystore node.p12 -noprompt");
    keytool("-importcert -alias node -file node.pem -keystore node.p12");
}

/// Whether we are root; engines refuse to be.
pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// Runs a command to its end.
///
/// # Panics
/// Where it fails, with what it said.
pub fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
