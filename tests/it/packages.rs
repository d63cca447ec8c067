//! What a package brings: its list of files, the unit, manual pages and completions.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::oversight::run;
use crate::harness::skip;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text(path: &str) -> String {
    std::fs::read_to_string(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Source, target and mode of each file of the Debian package.
fn assets() -> Vec<[String; 3]> {
    let manifest = text("Cargo.toml");
    let list = manifest.split("assets = [").nth(1).expect("the package lists its files");
    let rows = list.lines().map(str::trim).take_while(|line| *line != "]").filter(|line| line.starts_with("[\""));
    rows.map(|row| {
        let mut words = row.split('"').skip(1).step_by(2).map(str::to_owned);
        std::array::from_fn(|_| words.next().expect("source, target and mode"))
    })
    .collect()
}

#[test]
fn every_file_of_the_package_is_there_or_made_by_its_script() {
    let script = text("scripts/deb.sh");
    let assets = assets();
    assert!(assets.len() > 10);
    for [source, target, mode] in assets {
        assert!(!target.starts_with('/') && ["644", "755"].contains(&mode.as_str()), "{source}");
        let first = source.split('*').next().unwrap().trim_end_matches('/').to_owned();
        let made = first.starts_with("target/package") && script.contains(first.trim_end_matches("/man"));
        let built = first == "target/release/oversight" || first.starts_with(".libtorch");
        assert!(made || built || repository(&first).exists(), "{source} is neither there nor made");
    }
    let unit = text("packaging/oversight.service");
    assert!(unit.contains("ExecStart=/usr/bin/oversight --config /etc/oversight/oversight.yml serve"));
}

#[test]
fn the_configuration_of_the_package_is_taken_as_it_is_and_with_its_example() {
    let folder = tempfile::tempdir().unwrap();
    let shipped = text("packaging/oversight.yml");
    for name in ["engine-ca.pem", "engine.key"] {
        std::fs::write(folder.path().join(name), "a-secret-of-more-than-thirty-two-characters").unwrap();
    }
    let example = shipped.replace("/run/credentials/oversight.service", folder.path().to_str().unwrap());
    let example: String = example
        .lines()
        .map(|line| {
            line.strip_prefix('#')
                .filter(|rest| !rest.starts_with(' ') || rest.starts_with("  "))
                .unwrap_or(line)
                .to_owned()
                + "\n"
        })
        .collect();
    assert!(example.contains("\nstore:\n"), "{example}");
    for text in [shipped, example] {
        let file = folder.path().join("oversight.yml");
        std::fs::write(&file, text).unwrap();
        let done = run(&["--config", file.to_str().unwrap(), "config", "show"]);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let Ok(there) = Command::new("systemd-analyze").arg("--version").output() else {
        return skip("there is no systemd-analyze");
    };
    assert!(there.status.success());
    let folder = tempfile::tempdir().unwrap();
    for name in ["oversight.service", "oversight.socket"] {
        // the program is not installed where this runs
        let unit = text(&format!("packaging/{name}")).replace("/usr/bin/oversight", env!("CARGO_BIN_EXE_oversight"));
        std::fs::write(folder.path().join(name), unit).unwrap();
    }
    let mut command = Command::new("systemd-analyze");
    command.args(["verify", "--man=no", "--recursive-errors=no"]);
    let done =
        command.arg(folder.path().join("oversight.service")).arg(folder.path().join("oversight.socket")).output();
    let said = String::from_utf8(done.unwrap().stderr).unwrap();
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("oversight")).collect();
    assert!(ours.is_empty(), "{said}");
}

#[test]
fn there_is_a_manual_page_for_every_command_and_groff_can_set_it() {
    let folder = tempfile::tempdir().unwrap();
    let made = run(&["manual", "man", "--into", folder.path().to_str().unwrap()]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let pages: Vec<PathBuf> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    for name in ["oversight.1", "oversight-serve.1", "oversight-setup.1", "oversight-config-reference.1"] {
        assert!(folder.path().join(name).is_file(), "{name} is not among {pages:?}");
    }
    assert!(!folder.path().join("oversight-manual.1").exists(), "what is hidden has no page");
    let setup = std::fs::read_to_string(folder.path().join("oversight-setup.1")).unwrap();
    assert!(setup.contains("Make the engine ready"), "{setup}");
    for page in pages {
        let Ok(set) = Command::new("groff").args(["-man", "-Kutf8", "-Tutf8", "-ww", "-z"]).arg(&page).output() else {
            return skip("there is no groff");
        };
        assert!(
            set.status.success() && set.stderr.is_empty(),
            "{}: {}",
            page.display(),
            String::from_utf8_lossy(&set.stderr)
        );
    }
}

#[test]
fn shells_complete_every_command() {
    for (shell, word) in [("bash", "complete -F"), ("zsh", "#compdef oversight"), ("fish", "complete -c oversight")] {
        let done = run(&["manual", "completions", shell]);
        let script = String::from_utf8(done.stdout).unwrap();
        assert!(done.status.success() && script.contains(word) && script.contains("dashboards-user"), "{shell}");
        if shell == "bash" {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("oversight.bash");
            std::fs::write(&file, script).unwrap();
            let ask = "source \"$0\"; COMP_WORDS=(oversight se); COMP_CWORD=1; _oversight oversight se oversight; echo \"${COMPREPLY[@]}\"";
            let done = Command::new("bash").args(["-c", ask]).arg(&file).output().unwrap();
            let said = String::from_utf8_lossy(&done.stdout).into_owned();
            assert!(
                said.contains("serve") && said.contains("setup"),
                "{said} {}",
                String::from_utf8_lossy(&done.stderr)
            );
        }
    }
}
