//! What a verdict rests on: which dialect the event spoke, and what of that which its model looks at it could not tell or only
//! estimate. Events of one source nearly always lack the same, so each pattern is written down once and then copied.

use std::fmt::Write;

use rustc_hash::FxHashMap;

use crate::features::flow::told::{FACTS, same_of_kdd, untold};
use crate::features::symbols::Symbol;
use crate::features::{FeatureVector, NAMES, TRAFFIC, name_of_numeric};
use crate::normalise::{Dialect, Record, Sides, View};

/// Patterns that are kept written down. A sender that makes up more of them has them written anew each time.
const MOST_PATTERNS: usize = 1024;

/// How good an event's features are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Quality {
    /// Whose words the event uses.
    pub dialect: Dialect,
    /// Features of KDD-99 that it cannot tell: bits in the order of [`NAMES`].
    pub missing: u64,
    /// Features of KDD-99 that are estimates.
    pub approximated: u64,
    /// Of a connection the [`FACTS`] that it does not tell, as bits; none of anything else.
    pub untold: Option<u8>,
    /// How much of the connection was told.
    pub sides: Sides,
    /// Whether the model that judges it looks at flow features, and so at the facts and not at KDD-99.
    pub by_flow: bool,
}

impl Quality {
    /// Of an event and what was measured of it, with or without its company: what compares a connection with others is counted here
    /// and told by none.
    pub fn of(view: &View<'_>, vector: &FeatureVector) -> Self {
        let (own, approximated, untold, sides) = match &view.record {
            Record::Connection(connection) => {
                (OWN, connection.approximated.places(), Some(untold(connection)), connection.sides)
            }
            Record::Kdd(_) | Record::Other => (u64::MAX, 0, None, Sides::Whole),
        };
        let missing = missing(vector) & own;
        Self { dialect: view.dialect, missing, approximated: approximated & !missing, untold, sides, by_flow: false }
    }

    /// The names of what its model looks at that is estimated, and of what is missing.
    fn lists(&self) -> [Vec<&'static str>; 2] {
        let Some(untold) = self.untold.filter(|_| self.by_flow) else {
            return [self.approximated, self.missing].map(|bits| names(bits).collect());
        };
        [self.estimated_facts() & !untold, untold].map(|bits| facts(bits).collect())
    }

    /// The [`FACTS`] that are estimates, as bits.
    pub fn estimated_facts(&self) -> u8 {
        let estimated = |fact: &usize| same_of_kdd(*fact).is_some_and(|place| self.approximated >> place & 1 == 1);
        (0..FACTS.len()).filter(estimated).fold(0, |bits, fact| bits | 1 << fact)
    }
}

/// The features of KDD-99 that a connection tells by itself, as bits.
const OWN: u64 = (1 << name_of_numeric(TRAFFIC)) - 1;

/// The features that `vector` does not have.
fn missing(vector: &FeatureVector) -> u64 {
    let symbols = [vector.symbols.protocol, vector.symbols.service, vector.symbols.flag];
    let words = (1..).zip(symbols).filter(|(_, symbol)| *symbol == Symbol::MISSING).map(|(place, _)| place);
    let numbers = vector.numeric.iter().enumerate().filter(|(_, value)| value.is_nan());
    words.chain(numbers.map(|(index, _)| name_of_numeric(index))).fold(0, |bits, place| bits | 1 << place)
}

/// The names of the facts whose bits are set.
fn facts(bits: u8) -> impl Iterator<Item = &'static str> {
    FACTS.into_iter().enumerate().filter(move |(place, _)| bits >> place & 1 == 1).map(|(_, name)| name)
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
    for (key, list) in ["approximated", "missing"].into_iter().zip(quality.lists()) {
        if !list.is_empty() {
            write!(out, ",\"{key}\":[\"{}\"]", list.join("\",\"")).expect("writing to a string does not fail");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ReceivedTime;
    use crate::features::{Settings, Windows};
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

    /// Of a connection of Zeek's that tells all but its payload.
    fn seen() -> Quality {
        Quality {
            dialect: Dialect::Zeek,
            missing: 0b11 << 7,
            approximated: 0,
            untold: Some(0),
            sides: Sides::Whole,
            by_flow: false,
        }
    }

    #[test]
    fn of_a_live_connection_what_its_model_does_not_look_at_is_not_told() {
        assert_eq!(write(seen()), r#""dialect":"zeek","missing":["wrong_fragment","urgent"]"#);
        let flow = Quality { by_flow: true, ..seen() };
        assert_eq!(write(flow), r#""dialect":"zeek""#);
        let flow = Quality { approximated: 0b11 << 4, untold: Some(0b1010_0100), ..flow };
        assert_eq!(
            write(flow),
            r#""dialect":"zeek","approximated":["bytes_out"],"missing":["bytes_in","ending","name"]"#
        );
    }

    #[test]
    fn company_is_counted_here_and_never_missing_of_a_connection() {
        let body = br#"{"uid":"C1","id.orig_h":"10.0.0.1","id.orig_p":1,"id.resp_h":"10.0.0.2","id.resp_p":80,"proto":"tcp","conn_state":"SF"}"#;
        let mut normaliser = Normaliser::new(&[]);
        let view = normaliser.read(body).unwrap();
        let mut windows = Windows::new(&Settings::default());
        let alone = Quality::of(&view, &windows.alone(&view.record).unwrap());
        let time = view.time.unwrap_or(ReceivedTime::from_micros(0).as_event_time());
        assert_eq!(alone, Quality::of(&view, &windows.measure(&view.record, time).unwrap()));
        assert!(names(alone.missing).any(|name| name == "hot") && !names(alone.missing).any(|name| name == "count"));
    }

    #[test]
    fn patterns_that_somebody_makes_up_do_not_fill_the_memory() {
        let mut writer = QualityWriter::default();
        for missing in 0..10_000 {
            let quality = Quality { missing, ..seen() };
            writer.prepare(quality);
            assert!(writer.text(quality).is_some());
        }
        assert!(writer.texts.len() <= MOST_PATTERNS);
    }
}
