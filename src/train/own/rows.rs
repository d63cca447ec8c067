//! The rows that would be learned from, as a table: for a look at them with other tools.

use std::io::Write;

use super::super::dataset::{Dataset, Row};
use crate::features::Space;
use crate::features::symbols::Symbol;

/// Writes one line of CSV for each distinct row: capture, its group, class, how often it occurs, and every feature in order; empty
/// where missing.
///
/// # Errors
/// When `out` cannot be written.
pub fn write(dataset: &Dataset, out: impl Write) -> Result<(), csv::Error> {
    let mut out = csv::Writer::from_writer(out);
    let names = dataset.space.features().iter().map(|feature| feature.name.as_str());
    out.write_record(["capture", "group", "class", "count"].into_iter().chain(names))?;
    for row in &dataset.rows {
        let capture = dataset.captures.get(usize::from(row.capture));
        let told = capture.map_or(["", ""], |capture| [&capture.name, &capture.group]).map(str::to_owned);
        let class = dataset.labels[usize::from(row.label)].clone();
        let values = (0..dataset.space.features().len()).map(|feature| text(row, &dataset.space, feature));
        out.write_record(told.into_iter().chain([class, row.count.to_string()]).chain(values))?;
    }
    Ok(out.flush()?)
}

fn text(row: &Row, space: &Space, feature: usize) -> String {
    if let Ok(place) = space.numbers().binary_search(&feature) {
        let value = row.features.numeric[place];
        return if value.is_finite() { value.to_string() } else { String::new() };
    }
    let place = space.symbols().binary_search(&feature).expect("a number or a symbol");
    match row.features.symbols[place] {
        Symbol::MISSING => String::new(),
        symbol => symbol.word(space.words(place)).to_owned(),
    }
}
