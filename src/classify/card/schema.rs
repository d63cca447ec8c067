//! What a card says of the features a model looks at, and how they become inputs.

use serde::{Deserialize, Serialize};

use super::super::encode::Curve;
use crate::features::{Feature, Kind, Space, SpaceFault};

/// The features a model looks at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// [`Schema::digest`] of what stands below.
    pub hash: String,
    /// An event of which fewer features are known is not judged.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub least_known: usize,
    /// Texts in the fields of events that mean that nothing is known, beside the empty one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// The features in order, each with its kind and where an event has it.
    pub features: Vec<Feature>,
}

/// Scaling of the numeric features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncodingCard {
    /// Scaled values are held within ± this.
    pub limit: f32,
    /// One entry per numeric feature, in order.
    pub numeric: Vec<NumericCard>,
    /// How symbols and missing values are encoded, in words.
    pub meaning: String,
}

/// Scaling of one numeric feature: (curve(x) − mean) / deviation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumericCard {
    /// Its name.
    pub feature: String,
    /// How it is bent first.
    pub curve: Curve,
    /// Mean of the bent values in the training part.
    pub mean: f32,
    /// Their standard deviation, never smaller than a floor.
    pub deviation: f32,
}

impl Schema {
    /// The schema of a model that looks at `space`.
    pub fn of(space: &Space) -> Self {
        let (missing, features) = (space.missing().to_vec(), space.features().to_vec());
        let mut schema = Self { hash: String::new(), least_known: space.least_known(), missing, features };
        schema.hash = schema.digest();
        schema
    }

    /// The space that it describes.
    ///
    /// # Errors
    /// When it is none.
    pub fn space(&self) -> Result<Space, SpaceFault> {
        Ok(Space::new(self.features.clone(), self.least_known)?.with_missing(self.missing.clone()))
    }

    /// BLAKE3 over the features, their order and their words, in hexadecimal digits.
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut put = |text: &str| {
            hasher.update(text.as_bytes());
            hasher.update(&[0]);
        };
        put(&self.least_known.to_string());
        self.missing.iter().for_each(|text| put(text));
        for feature in &self.features {
            put(&feature.name);
            put(feature.field.as_deref().unwrap_or("\u{1}"));
            put(feature.group.as_deref().unwrap_or("\u{1}"));
            match &feature.kind {
                Kind::Number => put("\u{1}"),
                Kind::Symbol(words) => words.iter().for_each(|word| put(word)),
            }
            put("\u{2}");
        }
        hasher.finalize().to_hex().to_string()
    }
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}
