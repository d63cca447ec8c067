//! The rows of a file of one's own while it is being read: each distinct one once, its words by number.

use std::path::Path;

use rustc_hash::FxHashMap;

use super::OwnError;
use super::feature::{FeatureSpec, KindSpec};
use super::source::Record;
use super::spec::{Spec, SplitBy};
use crate::event::EventTime;
use crate::features::{number_of, word_of};
use crate::normalise::Scalar;

/// Most different words of a symbol that are kept apart while reading.
const MOST_WORDS: usize = 50_000;
/// Most classes.
pub const MOST_CLASSES: usize = 1000;
/// The number of a word that is not there.
pub const NO_WORD: u32 = u32::MAX;

/// Numbers and words of a row.
type Values = (Box<[f32]>, Box<[u32]>);

/// A distinct row with one of its labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Raw {
    /// Its numbers; NaN where missing.
    pub numeric: Box<[f32]>,
    /// Its words, as places in [`Words::texts`]; [`NO_WORD`] where missing.
    pub words: Box<[u32]>,
    /// Its label: place in [`Table::labels`].
    pub label: u16,
    /// How often it occurs with this label.
    pub count: u64,
    /// A seeded hash of its values.
    pub digest: u128,
    /// What the split goes by, so that it can be compared: of several the least.
    pub key: u128,
    /// The capture it is of, by its place in the spec; 0 where there are none.
    pub capture: u16,
}

/// The words of a symbol, numbered as they come.
#[derive(Debug, Default)]
pub struct Words {
    places: FxHashMap<Box<str>, u32>,
    /// The words by number.
    pub texts: Vec<Box<str>>,
}

/// What has been read.
pub struct Table<'a> {
    file: &'a Path,
    spec: &'a Spec,
    seed: u64,
    places: FxHashMap<(u128, u16, u16), usize>,
    /// The capture that is being read.
    pub capture: u16,
    text: String,
    /// The distinct rows in the order of their first occurrence.
    pub rows: Vec<Raw>,
    /// For each symbol its words.
    pub words: Vec<Words>,
    /// Names of the classes in the order of their first occurrence.
    pub labels: Vec<String>,
}

impl<'a> Table<'a> {
    /// For rows of `file`, which is only named in errors.
    pub fn new(file: &'a Path, spec: &'a Spec, seed: u64) -> Self {
        let symbols = spec.features.iter().filter(|feature| feature.kind == KindSpec::Symbol).count();
        Self {
            file,
            spec,
            seed,
            places: FxHashMap::default(),
            capture: 0,
            text: String::new(),
            rows: Vec::new(),
            words: (0..symbols).map(|_| Words::default()).collect(),
            labels: Vec::new(),
        }
    }

    /// Takes these numbers and words out of all rows, by their places.
    pub fn without(&mut self, numbers: &[usize], words: &[usize]) {
        fn kept<T: Copy>(values: &[T], gone: &[usize]) -> Box<[T]> {
            values.iter().enumerate().filter(|(place, _)| !gone.contains(place)).map(|(_, value)| *value).collect()
        }
        for row in &mut self.rows {
            row.numeric = kept(&row.numeric, numbers);
            row.words = kept(&row.words, words);
        }
        let mut place = 0..;
        self.words.retain(|_| !words.contains(&place.next().expect("endless")));
    }

    /// Takes a record.
    ///
    /// # Errors
    /// When its label or a value cannot be used.
    pub fn add(&mut self, record: &Record<'_>) -> Result<(), OwnError> {
        let Some(label) = self.label(record)? else { return Ok(()) };
        let key = self.key(record)?;
        let (numeric, words) = self.values(record)?;
        let digest = self.digest(&numeric, &words);
        let place = *self.places.entry((digest, label, self.capture)).or_insert(self.rows.len());
        if place == self.rows.len() {
            self.rows.push(Raw { numeric, words, label, count: 0, digest, key, capture: self.capture });
        }
        let row = &mut self.rows[place];
        row.count += 1;
        if self.spec.split.by == SplitBy::Time {
            row.key = row.key.min(key);
        }
        Ok(())
    }

    /// The class of a record; none where such records are passed over.
    fn label(&mut self, record: &Record<'_>) -> Result<Option<u16>, OwnError> {
        let (file, column, line) = (|| self.file.to_owned(), || self.spec.label.clone(), record.line);
        let text = label_of(record, self.file, self.spec, &mut self.text)?;
        let Some(class) = self.spec.class_of(text) else { return Ok(None) };
        if let Some(place) = self.labels.iter().position(|known| known == class) {
            return Ok(u16::try_from(place).ok());
        }
        if self.labels.len() == MOST_CLASSES {
            let label = class.to_owned();
            return Err(OwnError::Labels { file: file(), line, label, most: MOST_CLASSES, column: column() });
        }
        self.labels.push(class.to_owned());
        Ok(u16::try_from(self.labels.len() - 1).ok())
    }

    /// What the split goes by.
    fn key(&mut self, record: &Record<'_>) -> Result<u128, OwnError> {
        let (by, column) = (self.spec.split.by, self.spec.split.column.clone().unwrap_or_default());
        let wrong = |what| OwnError::SplitKey { file: self.file.to_owned(), line: record.line, column, what };
        match (by, &record.key) {
            (SplitBy::Rows, _) => Ok(0),
            (_, None) => Err(wrong("is not there")),
            (SplitBy::Group, Some(value)) => Ok(hash(self.seed, word_of(value, &mut self.text).as_bytes())),
            (SplitBy::Time, Some(value)) => {
                let time = time_of(value).ok_or_else(|| wrong("is neither a number nor a time of RFC 3339"))?;
                Ok(u128::from(sortable(time)))
            }
        }
    }

    fn values(&mut self, record: &Record<'_>) -> Result<Values, OwnError> {
        let (mut numeric, mut words) = (Vec::new(), Vec::new());
        for (feature, value) in self.spec.features.iter().zip(&record.values) {
            let at = (self.file, record.line);
            match (feature.kind, value_of(value.as_ref(), feature, self.spec, at, &mut self.text)?) {
                (KindSpec::Number, Value::Number(number)) => numeric.push(number),
                (KindSpec::Number, _) => numeric.push(f32::NAN),
                (KindSpec::Symbol, Value::Word(text)) => {
                    let number = self.words[words.len()].number(text);
                    let (file, line, feature, most) =
                        (|| self.file.to_owned(), record.line, feature.name.clone(), MOST_WORDS);
                    words.push(number.ok_or_else(|| OwnError::Words { file: file(), line, feature, most })?);
                }
                (KindSpec::Symbol, _) => words.push(NO_WORD),
            }
        }
        Ok((numeric.into(), words.into()))
    }

    /// A seeded hash of the values; 128 bits, so that two rows that differ are never taken for one.
    fn digest(&self, numeric: &[f32], words: &[u32]) -> u128 {
        let mut bytes = Vec::with_capacity(4 * (numeric.len() + words.len()));
        // every missing number is the same one, whatever its bits
        let bits = |value: &f32| if value.is_nan() { u32::MAX } else { value.to_bits() };
        numeric.iter().for_each(|value| bytes.extend(bits(value).to_le_bytes()));
        words.iter().for_each(|word| bytes.extend(word.to_le_bytes()));
        hash(self.seed, &bytes)
    }
}

impl Words {
    /// The number of a word; none where there are too many.
    fn number(&mut self, text: &str) -> Option<u32> {
        if let Some(number) = self.places.get(text) {
            return Some(*number);
        }
        let number = u32::try_from(self.texts.len()).ok().filter(|_| self.texts.len() < MOST_WORDS)?;
        self.texts.push(text.into());
        self.places.insert(text.into(), number);
        Some(number)
    }
}

/// What stands in a record for a feature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// Nothing that is known.
    Missing,
    /// Of a number.
    Number(f32),
    /// Of a symbol.
    Word(&'a str),
}

/// The value of a feature; `at` is the file and the line, and `text` is room for words that are not text.
pub fn value_of<'a>(
    value: Option<&'a Scalar<'_>>,
    feature: &FeatureSpec,
    spec: &Spec,
    at: (&Path, u64),
    text: &'a mut String,
) -> Result<Value<'a>, OwnError> {
    let is_missing = |value: &&Scalar<'_>| matches!(value, Scalar::Str(text) if spec.is_missing(text.trim()));
    let Some(value) = value.filter(|value| !is_missing(value)) else { return Ok(Value::Missing) };
    if feature.kind == KindSpec::Symbol {
        return Ok(Value::Word(word_of(value, text)));
    }
    match number_of(value) {
        number if number.is_finite() => Ok(Value::Number(number)),
        _ => {
            let (file, feature, value) = (at.0.to_owned(), feature.name.clone(), word_of(value, text).to_owned());
            Err(OwnError::Number { file, line: at.1, feature, value })
        }
    }
}

/// The text of a record's label.
pub fn label_of<'a>(
    record: &'a Record<'_>,
    file: &Path,
    spec: &Spec,
    text: &'a mut String,
) -> Result<&'a str, OwnError> {
    match record.label.as_ref().map(|label| word_of(label, text)).unwrap_or_default() {
        "" => Err(OwnError::Label { file: file.to_owned(), line: record.line, column: spec.label.clone() }),
        label => Ok(label),
    }
}

/// A seeded hash.
pub fn hash(seed: u64, bytes: &[u8]) -> u128 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes()).update(bytes);
    u128::from_le_bytes(hasher.finalize().as_bytes()[..16].try_into().expect("32 bytes"))
}

/// A time as a number: as it is written, or microseconds of one of RFC 3339.
fn time_of(value: &Scalar<'_>) -> Option<f64> {
    match value {
        Scalar::Number(number) => Some(*number),
        Scalar::Str(text) => {
            let moment = || EventTime::parse_rfc3339(text.trim()).map(|time| time.micros() as f64);
            text.trim().parse().ok().filter(|number: &f64| number.is_finite()).or_else(moment)
        }
        Scalar::Bool(_) => None,
    }
}

/// Bits that are ordered as the numbers are.
fn sortable(number: f64) -> u64 {
    let bits = number.to_bits();
    if number.is_sign_negative() { !bits } else { bits | 1 << 63 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_ordered_as_numbers_and_times_are() {
        let numbers = [-1e9, -2.0, 0.0, 0.5, 1.7e15];
        assert!(numbers.map(sortable).is_sorted());
        let time = |text: &'static str| time_of(&Scalar::Str(text.into()));
        assert!(time("2024-01-01T00:00:00Z") < time("2024-01-01T00:00:01Z"));
        assert_eq!((time("17.5"), time("yesterday"), time("NaN")), (Some(17.5), None, None));
    }
}
