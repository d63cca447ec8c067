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

/// Unpacks the files of a gzipped tape archive whose names begin with `start` into `folder`; their paths, sorted.
pub fn unpacked(archive: &Path, start: &str, folder: &Path) -> Vec<PathBuf> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(archive).expect("it exists");
    flate2::read::MultiGzDecoder::new(file).read_to_end(&mut bytes).expect("a whole archive");
    let (mut rest, mut paths) = (&bytes[..], Vec::new());
    // a header of 512 bytes, then the file, filled up to 512
    while rest.len() > 512 && rest[0] != 0 {
        let text = |range: std::ops::Range<usize>| String::from_utf8_lossy(&rest[range]).into_owned();
        let (name, size) = (text(0..100), text(124..136));
        let (name, size) = (name.trim_end_matches('\0'), size.trim_matches(['\0', ' ']));
        let size = usize::from_str_radix(size, 8).expect("an octal size");
        let name = name.rsplit('/').next().unwrap_or_default();
        if name.starts_with(start) && size > 0 {
            let path = folder.join(name);
            std::fs::write(&path, &rest[512..512 + size]).expect("a writable folder");
            paths.push(path);
        }
        rest = &rest[512 + size.next_multiple_of(512)..];
    }
    paths.sort();
    paths
}
