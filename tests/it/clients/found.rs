//! Where the shippers are that the tests run, as `scripts/clients.sh` says.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What the script prints for these arguments; none, said loudly, where the client is not to be had here.
pub fn client(arguments: &[&str]) -> Option<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/clients.sh");
    let done = Command::new(&script).args(arguments).output().unwrap_or_else(|error| panic!("{script:?}: {error}"));
    if done.status.success() {
        return Some(String::from_utf8_lossy(&done.stdout).trim().into());
    }
    crate::harness::skip(&format!("{arguments:?}: {}", String::from_utf8_lossy(&done.stderr).trim()));
    None
}
