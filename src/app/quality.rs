//! What a verdict rests on: which dialect the event spoke, and which of the 41 features it could not tell or only
//! estimate. Events of one source nearly always lack the same, so each pattern is written down once and then copied.

use std::fmt::Write;

use rustc_hash::FxHashMap;

use crate::features::symbols::Symbol;
use crate::features::{FeatureVector, NAMES, name_of_numeric};
use crate::normalise::{Dialect, Record, Sides, View};

/// Patterns that are kept written down. A sender that makes up more of them has them written anew each time.
const MOST_PATTERNS: usize = 1024;

/// How good an event's features are: bits in the order of [`NAMES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Quality {
    /// Whose words the event uses.
    pub dialect: Dialect,
    /// Features that it cannot tell.
    pub missing: u64,
    /// Features that are estimates.
    pub approximated: u64,
    /// How much of the connection was told.
    pub sides: Sides,
}

impl Quality {
    /// Of an event and what was measured of it.
    pub fn of(view: &View<'_>, vector: &FeatureVector) -> Self {
        let (approximated, sides) = match &view.record {
            Record::Connection(connection) => (connection.approximated.places(), connection.sides),
            Record::Kdd(_) | Record::Other => (0, Sides::Whole),
        };
        let missing = missing(vector);
        Self { dialect: view.dialect, missing, approximated: approximated & !missing, sides }
    }
}

/// The features that `vector` does not have.
fn missing(vector: &FeatureVector) -> u64 {
    let symbols = [vector.symbols.protocol, vector.symbols.service, vector.symbols.flag];
    let words = (1..).zip(symbols).filter(|(_, symbol)| *symbol == Symbol::MISSING).map(|(place, _)| place);
    let numbers = vector.numeric.iter().enumerate().filter(|(_, value)| value.is_nan());
    words.chain(numbers.map(|(index, _)| name_of_numeric(index))).fold(0, |bits, place| bits | 1 << place)
}

/// The names of the features whose bits are set.
pub fn names(bits: u64) -> impl Iterator<Item = &'static str> {
    NAMES.into_iter().enumerate().filter(move |(place, _)| bits >> place & 1 == 1).map(|(_, name)| name)
}

/// Writes the members of `oversight.features`.
#[derive(Debug, Default)]
pub struct QualityWriter {
    texts: FxHashMap<Quality, Box<str>>,
}

impl QualityWriter {
    /// Writes a pattern down, unless it is.
    pub fn prepare(&mut self, quality: Quality) {
        if !self.texts.contains_key(&quality) {
            if self.texts.len() >= MOST_PATTERNS {
                self.texts.clear();
            }
            self.texts.insert(quality, write(quality).into());
        }
    }

    /// The members for a pattern. None for one that was prepared before more others than are kept.
    pub fn text(&self, quality: Quality) -> Option<&str> {
        self.texts.get(&quality).map(AsRef::as_ref)
    }
}

fn write(quality: Quality) -> String {
    let mut out = format!("\"dialect\":\"{}\"", quality.dialect.name());
    match quality.sides {
        Sides::Whole => {}
        Sides::First => out.push_str(",\"sides\":1"),
        Sides::Second => out.push_str(",\"sides\":2"),
    }
    for (key, bits) in [("approximated", quality.approximated), ("missing", quality.missing)] {
        if bits != 0 {
            let list: Vec<&str> = names(bits).collect();
            write!(out, ",\"{key}\":[\"{}\"]", list.join("\",\"")).expect("writing to a string does not fail");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalise::Normaliser;

    #[test]
    fn what_an_event_lacks_is_told_by_name() {
        let body = br#"{"protocol_type":"tcp","service":"http","flag":null,"src_bytes":1,"dst_bytes":-2,"duration":3}"#;
        let mut normaliser = Normaliser::new(&[]);
        let view = normaliser.read(body).unwrap();
        let Record::Kdd(vector) = view.record else { panic!("a record of KDD-99") };
        let quality = Quality::of(&view, &vector);
        let mut writer = QualityWriter::default();
        writer.prepare(quality);
        let text = writer.text(quality).unwrap();
        assert!(text.starts_with(r#""dialect":"kdd","missing":["flag","dst_bytes","land","#), "{text}");
        assert_eq!(names(quality.missing).count(), 37);
    }

    #[test]
    fn patterns_that_somebody_makes_up_do_not_fill_the_memory() {
        let mut writer = QualityWriter::default();
        for missing in 0..10_000 {
            let quality = Quality { dialect: Dialect::Zeek, missing, approximated: 0, sides: Sides::Whole };
            writer.prepare(quality);
            assert!(writer.text(quality).is_some());
        }
        assert!(writer.texts.len() <= MOST_PATTERNS);
    }
}
