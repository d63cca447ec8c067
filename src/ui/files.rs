//! The files of the page, made ready for being sent: once, when the program starts.

use std::collections::HashMap;
use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::HeaderValue;

include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// A file as the build has put it into this program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Embedded {
    /// Below `/ui/`.
    pub path: &'static str,
    /// What is in it.
    pub bytes: &'static [u8],
}

/// A file that can be sent.
pub(super) struct File {
    /// As it is.
    pub plain: Bytes,
    /// Packed, where that makes it smaller.
    pub gzip: Option<Bytes>,
    /// Digest of what is in it, between quotes.
    pub tag: HeaderValue,
    /// What it is.
    pub content_type: &'static str,
    /// Its name changes with what is in it.
    pub immutable: bool,
}

/// All files by their path.
pub(super) struct Files(HashMap<&'static str, File>);

impl Files {
    /// Of what is in the binary.
    pub fn new(embedded: &[Embedded]) -> Self {
        Self(embedded.iter().map(|file| (file.path, File::new(file))).collect())
    }

    /// The file of a path below the page's own.
    pub fn find(&self, path: &str) -> Option<&File> {
        self.0.get(path)
    }
}

impl File {
    fn new(file: &Embedded) -> Self {
        let digest = blake3::hash(file.bytes).to_hex();
        Self {
            plain: Bytes::from_static(file.bytes),
            gzip: packed(file.bytes),
            tag: HeaderValue::try_from(format!("\"{}\"", &digest[..32])).expect("digits between quotes"),
            content_type: content_type(file.path),
            // the page's build puts only such files there
            immutable: file.path.starts_with("assets/"),
        }
    }
}

fn packed(bytes: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).ok()?;
    let packed = encoder.finish().ok()?;
    (packed.len() < bytes.len()).then(|| Bytes::from(packed))
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
