//! A feature space: the features that a model looks at, in order, and where an event has each of them.
//!
//! A checked [`Space`] always holds: names differ, the words of a symbol are sorted and differ, and a feature without
//! a field is one that this program measures, of the same kind.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::symbols::{FLAGS, MOST_WORDS, PROTOCOLS, SERVICES};
use super::{CONTENT, NAMES, NUMERIC, PACKET, Shape, flow, name_of_numeric};

/// The group of the features that only a look into the payload tells, so that connection logs lack them all.
pub const CONTENT_GROUP: &str = "content";

/// The group of the features that only a look at each packet tells.
const PACKET_GROUP: &str = "packet";

/// Most features of a space.
pub const MOST_FEATURES: usize = 4096;

/// Something that a model looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// Its name.
    pub name: String,
    /// The path of the event's field that it is read from; without one it is measured by this program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Features of one group come from one kind of source, and may be missing together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// What its values are.
    pub kind: Kind,
}

/// What the values of a feature are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Numbers.
    Number,
    /// Symbols of this vocabulary, which is sorted.
    Symbol(Vec<Arc<str>>),
}

/// Why features make no space.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpaceFault {
    /// There are none, or too many.
    #[error("{0} features; there must be 1 to {MOST_FEATURES}")]
    Count(usize),
    /// A name is empty or there twice.
    #[error("the name of feature {place} ('{name}') is empty or stands there twice")]
    Name {
        /// Counted from 1.
        place: usize,
        /// The name.
        name: String,
    },
    /// A vocabulary is not sorted, or has a word twice, or none, or too many.
    #[error("the words of '{name}' must be 1 to {MOST_WORDS}, sorted, each once")]
    Words {
        /// The feature.
        name: String,
    },
    /// Without a field, and not measured here either.
    #[error(
        "'{name}' is no {kind} that this program measures; give the field of the event that holds it, or use a version \
         that measures it"
    )]
    NotMeasured {
        /// The feature.
        name: String,
        /// `number` or `symbol`.
        kind: &'static str,
    },
    /// More features must be known than there are.
    #[error("{least} features must be known, and there are {features}")]
    Least {
        /// What is asked for.
        least: usize,
        /// What there is.
        features: usize,
    },
}

/// Features that may be missing together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its numbers, as places among the numbers of a row.
    pub numbers: Vec<usize>,
    /// Its symbols, as places among the symbols of a row.
    pub symbols: Vec<usize>,
}

/// A checked feature space. Rows of it hold its numbers in order, and its symbols in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Space {
    features: Vec<Feature>,
    least_known: usize,
    missing: Vec<String>,
    /// Of each number of a row its feature.
    numbers: Vec<usize>,
    /// Of each symbol of a row its feature.
    symbols: Vec<usize>,
    groups: Vec<Group>,
}

impl Space {
    /// A space of these features; an event of which fewer than `least_known` are known is not one to judge.
    ///
    /// # Errors
    /// With the first fault.
    pub fn new(features: Vec<Feature>, least_known: usize) -> Result<Self, SpaceFault> {
        check(&features)?;
        if least_known > features.len() {
            return Err(SpaceFault::Least { least: least_known, features: features.len() });
        }
        let places = |numbers: bool| {
            let wanted = features.iter().enumerate().filter(move |(_, one)| (one.kind == Kind::Number) == numbers);
            wanted.map(|(place, _)| place).collect::<Vec<_>>()
        };
        let (numbers, symbols) = (places(true), places(false));
        let groups = groups(&features, &numbers, &symbols);
        Ok(Self { features, least_known, missing: Vec::new(), numbers, symbols, groups })
    }

    /// The same, where these texts in fields mean that nothing is known, beside the empty one.
    #[must_use]
    pub fn with_missing(self, missing: Vec<String>) -> Self {
        Self { missing, ..self }
    }

    /// The 41 features of KDD-99 with their vocabularies.
    pub fn kdd99() -> Self {
        let words = |words: &[&str]| Kind::Symbol(words.iter().map(|word| Arc::from(*word)).collect());
        let feature = |(place, name): (usize, &&str)| Feature {
            name: (*name).to_owned(),
            field: None,
            group: match place.checked_sub(3) {
                Some(numeric) if CONTENT.contains(&numeric) => Some(CONTENT_GROUP.to_owned()),
                Some(numeric) if PACKET.contains(&numeric) => Some(PACKET_GROUP.to_owned()),
                _ => None,
            },
            kind: match place {
                1 => words(PROTOCOLS),
                2 => words(SERVICES),
                3 => words(FLAGS),
                _ => Kind::Number,
            },
        };
        Self::new(NAMES.iter().enumerate().map(feature).collect(), 0).expect("what is measured is a space")
    }

    /// The features in order.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// An event of which fewer features are known is not one to judge.
    pub fn least_known(&self) -> usize {
        self.least_known
    }

    /// Texts in fields that mean that nothing is known, beside the empty one.
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Whether this text in a field means that nothing is known.
    pub fn is_missing(&self, text: &str) -> bool {
        text.is_empty() || self.missing.iter().any(|missing| missing == text)
    }

    /// How many numbers and symbols a row has.
    pub fn shape(&self) -> Shape {
        Shape { numbers: self.numbers.len(), symbols: self.symbols.len() }
    }

    /// Of each number of a row its feature, as a place in [`Self::features`].
    pub fn numbers(&self) -> &[usize] {
        &self.numbers
    }

    /// Of each symbol of a row its feature, as a place in [`Self::features`].
    pub fn symbols(&self) -> &[usize] {
        &self.symbols
    }

    /// The vocabulary of the symbol at this place of a row.
    pub fn words(&self, symbol: usize) -> &[Arc<str>] {
        match &self.features[self.symbols[symbol]].kind {
            Kind::Symbol(words) => words,
            Kind::Number => unreachable!("symbols lead to features of that kind"),
        }
    }

    /// The groups in the order of their first features.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The group of this name.
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }
}

fn check(features: &[Feature]) -> Result<(), SpaceFault> {
    if features.is_empty() || features.len() > MOST_FEATURES {
        return Err(SpaceFault::Count(features.len()));
    }
    let mut names = BTreeSet::new();
    for (place, feature) in features.iter().enumerate() {
        let name = feature.name.clone();
        if name.is_empty() || !names.insert(&feature.name) {
            return Err(SpaceFault::Name { place: place + 1, name });
        }
        let (measured, kind) = match &feature.kind {
            Kind::Number => (number_measured(&name).or(flow::place(&name)).is_some(), "number"),
            Kind::Symbol(words) => {
                let sorted = words.windows(2).all(|pair| pair[0] < pair[1]);
                if !sorted || !(1..=MOST_WORDS).contains(&words.len()) {
                    return Err(SpaceFault::Words { name });
                }
                (symbol_measured(&name).is_some(), "symbol")
            }
        };
        if feature.field.is_none() && !measured {
            return Err(SpaceFault::NotMeasured { name, kind });
        }
    }
    Ok(())
}

fn groups(features: &[Feature], numbers: &[usize], symbols: &[usize]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let within = |places: &[usize], name: &str| {
        let of_group = |feature: &usize| features[*feature].group.as_deref() == Some(name);
        places.iter().enumerate().filter(|(_, feature)| of_group(feature)).map(|(place, _)| place).collect()
    };
    for name in features.iter().filter_map(|feature| feature.group.as_deref()) {
        if groups.iter().all(|known| known.name != name) {
            let (numbers, symbols) = (within(numbers, name), within(symbols, name));
            groups.push(Group { name: name.to_owned(), numbers, symbols });
        }
    }
    groups
}

/// The place among the numbers that are measured, for one of this name.
pub(super) fn number_measured(name: &str) -> Option<usize> {
    (0..NUMERIC).find(|place| NAMES[name_of_numeric(*place)] == name)
}

/// The place among the symbols that are measured, and their vocabulary, for one of this name.
pub(super) fn symbol_measured(name: &str) -> Option<(usize, &'static [&'static str])> {
    let vocabularies = [PROTOCOLS, SERVICES, FLAGS];
    let place = NAMES[1..4].iter().position(|known| *known == name)?;
    Some((place, vocabularies[place]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(name: &str) -> Feature {
        Feature { name: name.to_owned(), field: Some(name.to_owned()), group: None, kind: Kind::Number }
    }

    fn fault(features: Vec<Feature>) -> String {
        Space::new(features, 0).expect_err("refused").to_string()
    }

    #[test]
    fn the_measured_features_are_a_space_of_38_numbers_and_3_symbols() {
        let space = Space::kdd99();
        assert_eq!(space.shape(), Shape { numbers: NUMERIC, symbols: 3 });
        assert_eq!((space.numbers()[1], space.symbols()), (4, &[1, 2, 3][..]));
        assert_eq!(space.words(0), [Arc::from("icmp"), Arc::from("tcp"), Arc::from("udp")]);
        assert_eq!(space.group(CONTENT_GROUP).expect("there").numbers, CONTENT.collect::<Vec<_>>());
        assert_eq!(space.groups()[0].numbers, PACKET.collect::<Vec<_>>());
    }

    #[test]
    fn what_is_no_space_is_refused_by_name() {
        assert_eq!(fault(vec![]), "0 features; there must be 1 to 4096");
        assert_eq!(fault(vec![number("a"), number("a")]), "the name of feature 2 ('a') is empty or stands there twice");
        let unsorted = Kind::Symbol(vec!["b".into(), "a".into()]);
        assert!(fault(vec![Feature { kind: unsorted, ..number("a") }]).contains("the words of 'a'"));
        assert!(fault(vec![Feature { field: None, ..number("a") }]).contains("'a' is no number that this program"));
        assert!(fault(vec![Feature { field: None, ..number("service") }]).contains("'service' is no number"));
        let least = Space::new(vec![number("a")], 2).expect_err("refused").to_string();
        assert_eq!(least, "2 features must be known, and there are 1");
    }

    #[test]
    fn a_group_holds_numbers_and_symbols_by_their_places_in_a_row() {
        let grouped = |feature: Feature| Feature { group: Some("web".to_owned()), ..feature };
        let symbol = Feature { kind: Kind::Symbol(vec!["x".into()]), ..grouped(number("agent")) };
        let space = Space::new(vec![number("a"), symbol, grouped(number("status"))], 1).expect("sound");
        let group = Group { name: "web".to_owned(), numbers: vec![1], symbols: vec![0] };
        assert_eq!(space.groups(), [group]);
    }
}
