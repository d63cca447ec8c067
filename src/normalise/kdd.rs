//! KDD-99 records: the comma-separated lines of the KDD Cup 1999 files, and JSON objects with the same names.

use super::canonical::Canonical;
use super::connection::{Approximated, Connection, Content};
use super::scalar::{Captured, Scalar};
use super::slots::{KDD, KDD_WITHIN, Slots};
use crate::features::symbols::{FLAGS, PROTOCOLS, SERVICES, Symbol, Symbols};
use crate::features::{FeatureVector, NAMES};

/// A line of a KDD or NSL-KDD file.
#[derive(Debug, Clone, PartialEq)]
pub struct KddLine<'a> {
    /// Its 41 features.
    pub features: FeatureVector,
    /// Its label without the trailing dot, where it has one.
    pub label: Option<&'a str>,
}

/// Why a line is not a KDD record.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LineError {
    /// Too few or too many columns.
    #[error("{found} columns, where a KDD record has 41, 42 with its label, or 43 (NSL-KDD, with a difficulty)")]
    Columns {
        /// How many there are.
        found: usize,
    },
    /// A number cannot be read.
    #[error("column {column} ({name}): '{text}' is not a number")]
    Number {
        /// Counted from 1.
        column: usize,
        /// The feature.
        name: &'static str,
        /// What stands there.
        text: String,
    },
}

/// Reads one line: 41 features, then perhaps the label, then perhaps NSL-KDD's difficulty, which is dropped.
///
/// # Errors
/// When the number of columns is wrong or a number cannot be read.
pub fn parse_line(line: &str) -> Result<KddLine<'_>, LineError> {
    let columns = line.trim_end_matches(['\r', '\n']).split(',').count();
    if !(41..=43).contains(&columns) {
        return Err(LineError::Columns { found: columns });
    }
    let mut features = FeatureVector::MISSING;
    let mut words = ["", "", ""];
    let mut numeric = 0;
    let mut label = None;
    for (place, text) in line.split(',').map(str::trim).enumerate() {
        match place {
            1..=3 => words[place - 1] = text,
            0..=40 => {
                features.numeric[numeric] = text.parse().map_err(|_| LineError::Number {
                    column: place + 1,
                    name: NAMES[place],
                    text: text.to_owned(),
                })?;
                numeric += 1;
            }
            41 => label = Some(text.trim_end_matches('.')),
            _ => {}
        }
    }
    features.symbols = Symbols {
        protocol: Symbol::of(PROTOCOLS, words[0]),
        service: Symbol::of(SERVICES, words[1]),
        flag: Symbol::of(FLAGS, words[2]),
    };
    Ok(KddLine { features, label })
}

/// Places in [`NAMES`] that tell a record from other events: `protocol_type`, `service`, `flag`, `src_bytes`, `dst_bytes`.
const NEEDED: [u32; 5] = [1, 2, 3, 4, 5];

/// KDD features that a record has and that cannot be used: no number, negative, a rate above 1, or a symbol that is
/// no text. They are missing in its [`FeatureVector`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unusable(u64);

impl Unusable {
    /// Their names, in the order of [`NAMES`].
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.into_iter().enumerate().filter(move |(place, _)| self.0 >> place & 1 == 1).map(|(_, name)| name)
    }

    /// How many there are.
    pub fn count(self) -> u32 {
        self.0.count_ones()
    }
}

/// A KDD record among the slots: which 41 slots hold it.
pub fn record(slots: &Slots) -> Option<u32> {
    [KDD_WITHIN, KDD].into_iter().find(|base| NEEDED.into_iter().all(|place| slots.is_named(base + place)))
}

/// The features in the 41 slots from `base` on; what is absent or unusable is missing.
pub fn features(slots: &Slots, base: u32, body: &str) -> (FeatureVector, Unusable) {
    let mut features = FeatureVector::MISSING;
    let mut unusable = Unusable::default();
    for (numeric, value) in features.numeric.iter_mut().enumerate() {
        let place = crate::features::name_of_numeric(numeric);
        let captured = slots.at(base + u32::try_from(place).expect("below 41"));
        match captured.number(body).filter(|number| in_range(place, *number)) {
            Some(number) => *value = number as f32,
            None => unusable.0 |= u64::from(captured.is_there()) << place,
        }
    }
    let mut symbol = |place: u32, vocabulary| {
        let captured = slots.at(base + place);
        match captured.scalar(body) {
            Some(Scalar::Str(word)) => Symbol::of(vocabulary, &word),
            _ => {
                unusable.0 |= u64::from(captured.is_there()) << place;
                Symbol::MISSING
            }
        }
    };
    features.symbols = Symbols { protocol: symbol(1, PROTOCOLS), service: symbol(2, SERVICES), flag: symbol(3, FLAGS) };
    (features, unusable)
}

/// Puts the content features that a connection's event brings below `kdd` into the connection: whoever assembled it from
/// packets has seen them. Those of fragments and urgent packets are as KDD-99 counts them, the others an estimate.
pub fn content(slots: &Slots, body: &str, connection: &mut Connection<'_>) {
    let first = u32::try_from(Content::FIRST).expect("7");
    for (slot, value) in (KDD_WITHIN + first..).zip(&mut connection.content.0) {
        let captured = slots.at(slot);
        if !captured.is_there() {
            continue;
        }
        let place = (slot - KDD_WITHIN) as usize;
        if let Some(number) = captured.number(body).filter(|number| in_range(place, *number)) {
            *value = number as f32;
            if !matches!(place, 7 | 8) {
                connection.approximated.add(Approximated::at(place));
            }
        }
    }
}

/// Rates lie within 0 and 1; sizes, counts and durations are not negative and within what f32 holds.
fn in_range(place: usize, value: f64) -> bool {
    let most = if is_rate(place) { 1.0 } else { f64::from(f32::MAX) };
    (0.0..=most).contains(&value)
}

fn is_rate(place: usize) -> bool {
    matches!(place, 24..=30 | 33..=40)
}

/// An ECS field, from the record in the 41 slots from `base` on.
pub fn canonical(field: Canonical, features: &FeatureVector, slots: &Slots, base: u32) -> Captured {
    let number = |value: f32| if value.is_nan() { Captured::Absent } else { Captured::Number(f64::from(value)) };
    let [duration, sent, received] = [0, 1, 2].map(|numeric: usize| features.numeric[numeric]);
    match field {
        Canonical::Transport => slots.at(base + 1),
        Canonical::Protocol => slots.at(base + 2),
        Canonical::State => slots.at(base + 3),
        Canonical::SourceBytes => number(sent),
        Canonical::DestinationBytes => number(received),
        Canonical::Bytes if sent.is_nan() => number(received),
        Canonical::Bytes if received.is_nan() => number(sent),
        Canonical::Bytes => Captured::Number(f64::from(sent) + f64::from(received)),
        Canonical::Duration if duration.is_nan() => Captured::Absent,
        Canonical::Duration => Captured::Number(f64::from(duration) * 1e9),
        Canonical::SourceAddress
        | Canonical::SourcePort
        | Canonical::DestinationAddress
        | Canonical::DestinationPort => Captured::Absent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "0,tcp,http,SF,181,5450,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,8,8,0.00,0.00,0.00,0.00,1.00,0.00,0.00,9,9,1.00,0.00,0.11,0.00,0.00,0.00,0.00,0.00,normal.";

    #[test]
    fn a_line_gives_41_features_and_its_label_without_the_dot() {
        let line = parse_line(LINE).expect("valid");
        assert_eq!(line.label, Some("normal"));
        assert_eq!(line.features.known(), 41);
        assert_eq!(line.features.numeric[1..3], [181.0, 5450.0]);
        assert_eq!(line.features.symbols.service, Symbol::of(SERVICES, "http"));
    }

    #[test]
    fn rates_are_the_features_whose_names_say_so() {
        for (place, name) in NAMES.into_iter().enumerate() {
            assert_eq!(is_rate(place), name.ends_with("_rate"), "{name}");
        }
    }

    #[test]
    fn a_wrong_line_is_refused_with_its_column() {
        assert_eq!(parse_line("1,2"), Err(LineError::Columns { found: 2 }));
        let broken = LINE.replacen("181", "x81", 1);
        assert_eq!(
            parse_line(&broken),
            Err(LineError::Number { column: 5, name: "src_bytes", text: "x81".to_owned() })
        );
    }
}
