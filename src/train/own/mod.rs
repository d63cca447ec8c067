//! Learns from a file of one's own: any CSV or NDJSON with a label, or connections in any form that `oversight replay`
//! takes, and a [`Spec`] that says what to look at.
//!
//! What always holds of the data that comes out: equal rows are one row and lie in one part; words are those of the
//! training part; every feature changes in it; every class has rows in it; nothing bad in the file was passed over.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

mod budget;
mod capture;
mod error;
mod feature;
mod labelled;
mod rows;
mod source;
mod spec;
mod table;
mod traffic;
mod training;
mod truth;

pub use error::OwnError;
pub use labelled::{Labelled, labelled};
pub use rows::write as write_rows;
pub use spec::Spec;

use super::Settings;
use super::dataset::{About, Capture, Dataset, Part, Row, parts_of};
use crate::classify::card::{Decision, DecisionRule, LabelCard};
use crate::classify::declare::NORMAL;
use crate::features::symbols::Symbol;
use crate::features::{Sample, Space};
use feature::{FeatureSpec, KindSpec};
use spec::SplitBy;
use table::{NO_WORD, Raw, Table, hash};

/// A word that occurs in fewer distinct training rows is unknown to the model.
const LEAST_ROWS: usize = 2;
/// What a measured word is called that the vocabulary of KDD-99 does not have.
const UNKNOWN: &str = "unknown";
/// Distinct rows that a class needs where rows are dealt out: one for each part.
const LEAST_OF_CLASS: u64 = 3;

/// How a file of one's own is read.
#[derive(Debug, Clone, PartialEq)]
pub struct Own {
    /// What to look at.
    pub spec: Spec,
    /// The share of the rows that is read, 0 to 1: chosen by the seed.
    pub sample: f64,
    /// Bytes of memory that the rows may take; half of what is left where none is given.
    pub memory: Option<u64>,
}

/// Reads and splits a file.
///
/// # Errors
/// With the first thing in it that cannot be learned from.
pub fn read(own: &Own, settings: &Settings) -> Result<Dataset, OwnError> {
    let (spec, file) = (&own.spec, settings.data.as_path());
    let mut table = Table::new(file, spec, settings.seed);
    let content = fill(own, settings, &mut table)?;
    if table.rows.is_empty() {
        return Err(OwnError::Empty { file: file.to_owned() });
    }
    let parts = parts(&table, spec);
    every_class_has_rows(file, spec, &table, &parts)?;
    let own = &Own { spec: those_that_change(spec, &mut table, &parts), ..own.clone() };
    let spec = &own.spec;
    every_feature_changes(file, spec, &table, &parts)?;
    let words = vocabularies(&table, &parts, spec);
    let space =
        Space::new(spec.features(words), spec.least_known()).map(|space| space.with_missing(spec.missing.clone()));
    let space = space.map_err(|fault| OwnError::Space { file: spec.file.clone(), fault })?;
    Ok(dataset(own, settings, content, table, &parts, space))
}

/// Takes all records: those of the file, or of each capture below the folder.
fn fill(own: &Own, settings: &Settings, table: &mut Table<'_>) -> Result<source::Content, OwnError> {
    let (spec, data) = (&own.spec, settings.data.as_path());
    let beside = spec.file.parent().unwrap_or_else(|| Path::new("."));
    let captures = || spec.captures.iter().map(|capture| (capture, capture.paths(data, beside)));
    let files = match spec.captures.is_empty() {
        true => vec![data.to_owned()],
        false => captures().flat_map(|(_, files)| files).collect(),
    };
    budget::check(&files, spec, own.sample, own.memory.unwrap_or_else(budget::available))?;
    let most = (own.sample.clamp(0.0, 1.0) * u64::MAX as f64) as u64;
    let take = |table: &mut Table<'_>, record: source::Record<'_>| {
        let drawn = hash(settings.seed, &record.line.to_le_bytes()) as u64;
        if drawn <= most { table.add(&record) } else { Ok(()) }
    };
    if spec.captures.is_empty() {
        return source::each(data, spec, &mut |record| take(table, record));
    }
    let (mut records, mut hasher) = (0, blake3::Hasher::new());
    for (number, (capture, files)) in (0..).zip(captures()) {
        table.capture = number;
        let content = traffic::of_capture(&files, spec, capture, &mut |record| take(table, record))?;
        hasher.update(content.blake3.as_bytes());
        records += content.records;
    }
    Ok(source::Content { records, blake3: hasher.finalize().to_hex().to_string() })
}

/// The part of each row. Of captures all are learned from: what is fitted after the weights is fitted to networks that each lack
/// some of them ([`crossed`](super::crossed)).
fn parts(table: &Table<'_>, spec: &Spec) -> HashMap<u128, Part> {
    if !spec.captures.is_empty() {
        return by_key(table, |_| Part::Training);
    }
    let keys = || table.rows.iter().map(|row| row.key);
    match spec.split.by {
        SplitBy::Rows => parts_of(table.labels.len(), table.rows.iter().map(|row| (row.digest, row.label))),
        SplitBy::Time => {
            let mut times: Vec<u128> = keys().collect();
            times.sort_unstable();
            let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
            let (first, second) = (at(1.0 - Part::VALIDATION - Part::TEST), at(1.0 - Part::TEST));
            by_key(table, |time| match time {
                time if time <= first => Part::Training,
                time if time <= second => Part::Validation,
                _ => Part::Test,
            })
        }
        // the key is a seeded hash of the group's name, so that its place among all hashes is a fair draw
        SplitBy::Group => by_key(table, |group| match group as f64 / u128::MAX as f64 {
            place if place < Part::TEST => Part::Test,
            place if place < Part::TEST + Part::VALIDATION => Part::Validation,
            _ => Part::Training,
        }),
    }
}

/// A row that lies in several groups or has several labels goes with its first occurrence.
fn by_key(table: &Table<'_>, part: impl Fn(u128) -> Part) -> HashMap<u128, Part> {
    let mut parts = HashMap::with_capacity(table.rows.len());
    for row in &table.rows {
        parts.entry(row.digest).or_insert_with(|| part(row.key));
    }
    parts
}

fn every_class_has_rows(
    file: &Path,
    spec: &Spec,
    table: &Table<'_>,
    parts: &HashMap<u128, Part>,
) -> Result<(), OwnError> {
    for (place, class) in table.labels.iter().enumerate() {
        let rows = || table.rows.iter().filter(|row| usize::from(row.label) == place);
        let (file, class) = (file.to_owned(), class.clone());
        let count = rows().count() as u64;
        if count < LEAST_OF_CLASS {
            return Err(OwnError::TooFew { file, class, rows: count, least: LEAST_OF_CLASS });
        }
        if spec.split.by != SplitBy::Rows && !rows().any(|row| parts[&row.digest] == Part::Training) {
            return Err(OwnError::NotInTraining { file, class });
        }
    }
    Ok(())
}

fn every_feature_changes(
    file: &Path,
    spec: &Spec,
    table: &Table<'_>,
    parts: &HashMap<u128, Part>,
) -> Result<(), OwnError> {
    let constant: Vec<String> = constants(spec, table, parts)
        .map(|Constant { feature, value, .. }| match value {
            Some(value) => format!("'{}' is always '{value}'", feature.name),
            None => format!("'{}' is always missing", feature.name),
        })
        .collect();
    if constant.is_empty() { Ok(()) } else { Err(OwnError::Constant { file: file.to_owned(), features: constant }) }
}

/// A feature that has only one value in the training part.
struct Constant<'s> {
    feature: &'s FeatureSpec,
    /// Among the features of its kind.
    place: usize,
    /// None where it is always missing.
    value: Option<String>,
}

fn constants<'s>(spec: &'s Spec, table: &Table<'_>, parts: &HashMap<u128, Part>) -> impl Iterator<Item = Constant<'s>> {
    let training = || table.rows.iter().filter(|row| parts[&row.digest] == Part::Training);
    let (mut numbers, mut symbols) = (0.., 0..);
    spec.features.iter().filter_map(move |feature| {
        let (place, only) = match feature.kind {
            KindSpec::Number => {
                let place: usize = numbers.next()?;
                let only = only_one(training().map(|row| row.numeric[place]).filter(|value| !value.is_nan()));
                (place, only.map(|value| value.map(|value| value.to_string())))
            }
            KindSpec::Symbol => {
                let place: usize = symbols.next()?;
                let only = only_one(training().map(|row| row.words[place]).filter(|word| *word != NO_WORD));
                (place, only.map(|word| word.map(|word| table.words[place].texts[word as usize].to_string())))
            }
        };
        only.map(|value| Constant { feature, place, value })
    })
}

/// The spec without those features of groups that never change, which the rows lose as well. What somebody named
/// stays, for it is a mistake that wants to be told.
fn those_that_change(spec: &Spec, table: &mut Table<'_>, parts: &HashMap<u128, Part>) -> Spec {
    let gone: Vec<Constant<'_>> = constants(spec, table, parts).filter(|constant| constant.feature.of_group).collect();
    let places = |kind: KindSpec| -> Vec<usize> {
        gone.iter().filter(|constant| constant.feature.kind == kind).map(|constant| constant.place).collect()
    };
    let (numbers, symbols) = (places(KindSpec::Number), places(KindSpec::Symbol));
    let mut spec = spec.clone();
    spec.features.retain(|feature| gone.iter().all(|constant| constant.feature != feature));
    table.without(&numbers, &symbols);
    spec
}

/// None where values differ; otherwise the only one, where there is one.
fn only_one<T: PartialEq>(mut values: impl Iterator<Item = T>) -> Option<Option<T>> {
    let Some(first) = values.next() else { return Some(None) };
    values.all(|value| value == first).then_some(Some(first))
}

/// For each symbol the words of the training part, the most frequent ones, sorted.
fn vocabularies(table: &Table<'_>, parts: &HashMap<u128, Part>, spec: &Spec) -> Vec<Vec<Arc<str>>> {
    let most = spec.most_words;
    let vocabulary = |(place, feature): (usize, &FeatureSpec)| {
        let texts = &table.words[place].texts;
        let mut counts = vec![0usize; texts.len()];
        let training = table.rows.iter().filter(|row| parts[&row.digest] == Part::Training);
        training.filter(|row| row.words[place] != NO_WORD).for_each(|row| counts[row.words[place] as usize] += 1);
        // what is measured may be a word that KDD-99 does not have, which is then unknown here as well
        let is_word = |word: &usize| !feature.measured || &*texts[*word] != UNKNOWN;
        let mut order: Vec<usize> = (0..texts.len()).filter(|word| counts[*word] > 0).filter(is_word).collect();
        order.sort_by_key(|word| std::cmp::Reverse(counts[*word]));
        // where no word comes again, all are as good as any
        let often = order.iter().filter(|word| counts[**word] >= LEAST_ROWS).count();
        order.truncate(if often > 0 { often.min(most) } else { most });
        let mut words: Vec<Arc<str>> = order.into_iter().map(|word| Arc::from(&*texts[word])).collect();
        words.sort();
        words
    };
    spec.features.iter().filter(|feature| feature.kind == KindSpec::Symbol).enumerate().map(vocabulary).collect()
}

fn dataset(
    own: &Own,
    settings: &Settings,
    content: source::Content,
    table: Table<'_>,
    parts: &HashMap<u128, Part>,
    space: Space,
) -> Dataset {
    let mut labels = table.labels.clone();
    labels.sort();
    let place: Vec<u16> = table
        .labels
        .iter()
        .map(|label| u16::try_from(labels.binary_search(label).expect("one of them")).expect("few labels"))
        .collect();
    let symbols: Vec<Vec<Symbol>> = (0..table.words.len())
        .map(|place| table.words[place].texts.iter().map(|text| Symbol::of(space.words(place), text)).collect())
        .collect();
    let sample = |row: &Raw| Sample {
        numeric: row.numeric.clone(),
        symbols: row.words.iter().zip(&symbols).map(|(word, symbols)| symbol(*word, symbols)).collect(),
    };
    let row = |row: &Raw| Row {
        features: sample(row),
        label: place[usize::from(row.label)],
        count: row.count,
        part: parts[&row.digest],
        capture: row.capture,
    };
    Dataset {
        space: Arc::new(space),
        file: settings.data.clone(),
        blake3: content.blake3,
        also: None,
        records: content.records,
        rows: table.rows.iter().map(row).collect(),
        about: about(own, &labels),
        labels,
        captures: own
            .spec
            .captures
            .iter()
            .map(|one| Capture { name: one.name.clone(), group: one.group().to_owned() })
            .collect(),
    }
}

fn symbol(word: u32, symbols: &[Symbol]) -> Symbol {
    if word == NO_WORD { Symbol::MISSING } else { symbols[word as usize] }
}

fn about(own: &Own, labels: &[String]) -> About {
    let spec = &own.spec;
    let classes: Vec<LabelCard> = labels.iter().map(|label| spec.label_card(label)).collect();
    let mut categories = vec![NORMAL.to_owned()];
    for class in &classes {
        if !categories.contains(&class.category) {
            categories.push(class.category.clone());
        }
    }
    let count = categories.len();
    let cost = |actual: usize, guess: usize| f64::from(u8::from(actual != guess));
    let costs = (0..count).map(|actual| (0..count).map(|guess| cost(actual, guess)).collect()).collect();
    let column = spec.split.column.as_deref().unwrap_or("start");
    let split = match spec.split.by {
        _ if !spec.captures.is_empty() => {
            "each row judged by a network that has learned nothing of its group of captures; the weights are of all".to_owned()
        }
        SplitBy::Rows => {
            "per class by a seeded hash of the features: 20 % of the distinct rows test, 15 % validation, the rest training"
                .to_owned()
        }
        SplitBy::Time => format!("by '{column}': the first 65 % of the distinct rows training, then 15 % validation, then test"),
        SplitBy::Group => {
            format!("by a seeded hash of '{column}': about 20 % of the groups test, 15 % validation, the rest training")
        }
    };
    let sampled = if own.sample < 1.0 { format!("; of a share of {} of the rows", own.sample) } else { String::new() };
    About {
        description: spec.description.clone(),
        split: format!("{split}; equal rows lie in one part{sampled}"),
        curves: spec.curves(),
        classes,
        decision: Decision {
            rule: DecisionRule::MostProbable,
            categories,
            costs,
            weights: Vec::new(),
            unknown: Vec::new(),
        },
        // the normal rows, and all others together: a class of one's own may have few
        groups: (0..count).map(|category| usize::from(category > 0)).collect(),
    }
}

#[cfg(test)]
mod tests;
