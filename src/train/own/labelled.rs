//! The labelled rows of a file of one's own, one by one, as a model that exists sees them: to measure it, not to learn.
//!
//! Unlike in training, what a row lacks or has wrong is a fault of that row and ends nothing.

use std::path::Path;

use super::OwnError;
use super::feature::{FeatureSpec, KindSpec};
use super::source::{self, Record};
use super::spec::Spec;
use super::table::{Value, label_of, value_of};
use crate::classify::values::set;
use crate::event::annotated::FeatureValue;
use crate::features::{Kind, Sample, Space};

/// A row with its label.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled {
    /// Its features, in the model's space.
    pub features: Sample,
    /// Its class.
    pub label: String,
    /// The category of the class, by the spec.
    pub category: String,
}

/// Gives each row of `file`, read as `spec` says, with its line to `take`; those that the spec passes over are passed over. Gives how
/// many records there are.
///
/// # Errors
/// When the file cannot be read as a whole, or the spec does not name what a model of `space` looks at.
pub fn labelled(
    file: &Path,
    spec: &Spec,
    space: &Space,
    take: &mut dyn FnMut(u64, Result<Labelled, OwnError>),
) -> Result<u64, OwnError> {
    let places = places(spec, space)?;
    let mut text = String::new();
    let content = source::each(file, spec, &mut |record| {
        if let Some(row) = row(&record, file, spec, (space, &places), &mut text).transpose() {
            take(record.line, row);
        }
        Ok(())
    })?;
    Ok(content.records)
}

/// Where each feature of the spec stands in the space; none for those that the model does not look at.
fn places(spec: &Spec, space: &Space) -> Result<Vec<Option<usize>>, OwnError> {
    for feature in space.features() {
        let is_number = matches!(feature.kind, Kind::Number);
        let fits = |known: &&FeatureSpec| known.name == feature.name && (known.kind == KindSpec::Number) == is_number;
        if !spec.features.iter().any(|known| fits(&known)) {
            let kind = if is_number { "number" } else { "symbol" };
            let what = format!("the model looks at '{}', a {kind}, which stands not there", feature.name);
            return Err(OwnError::Spec { file: spec.file.clone(), key: "features".to_owned(), what });
        }
    }
    let place = |known: &FeatureSpec| space.features().iter().position(|feature| feature.name == known.name);
    Ok(spec.features.iter().map(place).collect())
}

/// The row of a record; none where the spec passes over it.
fn row(
    record: &Record<'_>,
    file: &Path,
    spec: &Spec,
    (space, places): (&Space, &[Option<usize>]),
    text: &mut String,
) -> Result<Option<Labelled>, OwnError> {
    let Some(label) = spec.class_of(label_of(record, file, spec, text)?).map(str::to_owned) else { return Ok(None) };
    let mut features = Sample::missing(space.shape());
    for ((feature, value), place) in spec.features.iter().zip(&record.values).zip(places) {
        let Some(place) = place else { continue };
        let value = match value_of(value.as_ref(), feature, spec, (file, record.line), text)? {
            Value::Missing => FeatureValue::Missing,
            Value::Number(number) => FeatureValue::Number(number),
            Value::Word(word) => FeatureValue::Symbol(word.into()),
        };
        set(*place, &value, space, &mut features);
    }
    Ok(Some(Labelled { features, category: spec.label_card(&label).category, label }))
}
