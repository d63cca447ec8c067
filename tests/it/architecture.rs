//! The rooms use only the rooms that the crate documentation allows them, and heavy crates stay behind their doors.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const SHARED: [&str; 5] = ["event", "clock", "files", "config", "telemetry"];

/// A crate, and where it may be named.
const DOORS: [(&str, &[&str]); 9] = [
    ("tch::", &["classify/", "train/"]),
    ("elasticsearch::", &["store/elasticsearch/"]),
    ("tantivy::", &["store/embedded/"]),
    ("warp::", &["ingest/", "api/", "app/", "ui/"]),
    ("rdkafka::", &["ingest/kafka/", "store/kafka/"]),
    ("syslog_loose::", &["ingest/syslog/"]),
    ("safetensors::", &["classify/", "train/"]),
    ("hdf5_reader::", &["classify/import/"]),
    ("plotters::", &["evaluate/page/"]),
];

#[test]
fn rooms_use_only_the_rooms_they_are_allowed() {
    let allowed = table();
    let mut broken = Vec::new();
    for (path, text) in sources() {
        let Some(room) = room_of(&path) else { continue };
        let Some(mine) = allowed.get(room.as_str()) else { continue };
        for used in crate_paths(&text) {
            let fine = used == room || SHARED.contains(&used.as_str()) || mine.contains(used.as_str());
            if !fine {
                broken.push(format!("{}: {room} uses {used}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "not in the table of src/lib.rs:\n{}", broken.join("\n"));
}

#[test]
fn heavy_crates_stay_behind_their_doors() {
    let mut broken = Vec::new();
    for (path, text) in sources() {
        for (name, places) in DOORS {
            let shown = path.to_string_lossy().into_owned();
            let named = text.lines().any(|line| {
                let code = line.split("//").next().unwrap_or_default();
                code.match_indices(name).any(|(at, _)| {
                    !code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == ':')
                })
            });
            if named && !places.iter().any(|place| shown.starts_with(place)) {
                broken.push(format!("{shown} names {name}"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_metric_of_the_catalogue_is_measured_somewhere() {
    let sources = sources();
    let is_catalogue = |path: &Path| path == Path::new("telemetry/catalogue.rs");
    let (_, catalogue) = sources.iter().find(|(path, _)| is_catalogue(path)).expect("there is a catalogue");
    let names = catalogue.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        ["Counter", "Counters", "Gauge", "Gauges", "Histogram"].contains(&words.next()?).then(|| words.next()).flatten()
    });
    let unused: Vec<&str> = names
        .filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        .filter(|name| !sources.iter().any(|(path, text)| !is_catalogue(path) && text.contains(&format!("{name}."))))
        .collect();
    assert!(unused.is_empty(), "shown, and never anything but zero: {unused:?}");
}

fn source_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The rows `//! | room | may use |` of the crate documentation.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let text = std::fs::read_to_string(source_folder().join("lib.rs")).expect("there is a lib.rs");
    let mut rows = BTreeMap::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("//! | ")) {
        let Some((rooms, used)) = line.trim_end_matches(" |").split_once(" | ") else { continue };
        if rooms == "room" || rooms.starts_with('-') || used == "all" {
            continue;
        }
        for room in rooms.split(", ") {
            rows.insert(room.to_owned(), used.split(", ").map(str::to_owned).collect());
        }
    }
    for room in ["access", "spool", "telemetry", "config", "event", "store", "ui"] {
        rows.entry(room.to_owned()).or_default();
    }
    assert!(rows.len() > 10, "the table was not found");
    rows
}

fn sources() -> Vec<(PathBuf, String)> {
    let root = source_folder();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") && !only_for_tests(&path) {
                let text = std::fs::read_to_string(&path).expect("a source file");
                found.push((path.strip_prefix(&root).expect("below the root").to_owned(), text));
            }
        }
    }
    found
}

/// Whether the file's `mod` line stands under a `cfg` for tests.
fn only_for_tests(path: &Path) -> bool {
    let stem = path.file_stem().expect("a file").to_string_lossy();
    let parent = std::fs::read_to_string(path.with_file_name("mod.rs")).unwrap_or_default();
    let lines: Vec<&str> = parent.lines().collect();
    lines.windows(2).any(|pair| {
        pair[0].starts_with("#[cfg(")
            && pair[0].contains("test")
            && pair[1].trim_start_matches("pub(crate) ") == format!("mod {stem};")
    })
}

fn room_of(path: &Path) -> Option<String> {
    let mut parts = path.components();
    let first = parts.next()?.as_os_str().to_string_lossy().into_owned();
    parts.next().map(|_| first)
}

/// The first word of every `crate::` path outside tests and comments, groups included.
fn crate_paths(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let code: String =
        code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join(" ");
    let mut used = BTreeSet::new();
    for (place, _) in code.match_indices("crate::") {
        let rest = &code[place + "crate::".len()..];
        let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        if let Some(group) = rest.strip_prefix('{') {
            let inside = group.split('}').next().unwrap_or_default();
            used.extend(inside.split(',').map(|part| word(part.trim())));
        } else {
            used.insert(word(rest));
        }
    }
    used.retain(|room| !room.is_empty());
    used
}
