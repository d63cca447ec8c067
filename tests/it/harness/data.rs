//! The real data that tests use, which is not part of the repository.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

/// A file or folder of the shared data; none, said loudly, where it is absent.
pub fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("OVERSIGHT_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let place = root.join("data").join(path);
    if place.exists() {
        return Some(place);
    }
    super::skip(&format!(
        "{} is not there; set OVERSIGHT_SHARED to the folder that holds data/{path}",
        place.display()
    ));
    None
}

/// The lines of a file that may be gzipped.
pub fn lines(path: &Path) -> impl Iterator<Item = String> + use<> {
    let file = std::fs::File::open(path).expect("it exists");
    let reader: Box<dyn Read> = if path.extension().is_some_and(|ending| ending == "gz") {
        Box::new(flate2::read::MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    };
    BufReader::new(reader).lines().map(|line| line.expect("text"))
}

/// The first `count` KDD records as a file in `folder`.
pub fn kdd_records(folder: &Path, count: usize) -> Option<PathBuf> {
    let source = shared("kdd99/kddcup.data_10_percent.gz")?;
    let target = folder.join("records.csv");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&target).expect("a writable folder"));
    for line in lines(&source).take(count) {
        writeln!(file, "{line}").expect("room on the disk");
    }
    file.flush().expect("room on the disk");
    Some(target)
}
