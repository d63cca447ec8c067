//! For the tests of this room: small model folders.

use std::path::{Path, PathBuf};

use crate::classify::card::{CARD_FILE, Card, WEIGHTS_FILE};
use crate::classify::drift::measure;
use crate::classify::{sample, weights};
use crate::features::Space;

/// Writes the sample model under another name and version into a folder of its own in `place`, with the distribution of
/// the sample vectors in its card.
pub(super) fn write_model(place: &Path, name: &str, version: &str) -> PathBuf {
    write_changed(place, name, version, |_| {})
}

/// The same after `change` was made to the card.
pub(super) fn write_changed(place: &Path, name: &str, version: &str, change: impl FnOnce(&mut Card)) -> PathBuf {
    let folder = place.join(format!("source-{}-{version}", name.replace('/', "_")));
    std::fs::create_dir_all(&folder).unwrap();
    let mut card = sample::card();
    (card.name, card.version) = (name.to_owned(), version.to_owned());
    let rows = sample::rows();
    card.drift = Some(measure(&Space::kdd99(), (0..rows.len()).map(|place| (rows.row(place), 1))));
    change(&mut card);
    std::fs::write(folder.join(CARD_FILE), card.to_json()).unwrap();
    std::fs::write(folder.join(WEIGHTS_FILE), weights::write(&sample::weights())).unwrap();
    folder
}
