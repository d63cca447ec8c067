//! A feature of a spec: where its values come from, and what they are.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::classify::encode::Curve;
use crate::features::flow::{self, FEATURES};
use crate::features::{NAMES, NUMERIC, name_of_numeric};

/// A feature as it is written.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeatureSpec {
    /// Its name, for explanations.
    #[schemars(extend("minLength" = 1))]
    pub name: String,
    /// The path of the field in events, such as `http.response.bytes`; its name without this key.
    #[serde(default)]
    pub field: Option<String>,
    /// The column of a CSV file that holds it; the field's path without this key.
    #[serde(default)]
    pub column: Option<String>,
    /// What its values are.
    pub kind: KindSpec,
    /// How a number is bent before it is scaled: `log1p` for counts, bytes and durations, which spread over orders of
    /// magnitude.
    #[serde(default)]
    pub curve: CurveSpec,
    /// Whether this program measures it of connections: one of the 41 of KDD-99 or a flow feature, by its name.
    #[serde(default)]
    pub measured: bool,
    /// Whether a group brought it.
    #[serde(skip)]
    #[schemars(skip)]
    pub of_group: bool,
}

/// Features that this program measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MeasuredGroup {
    /// The flow features.
    Flow,
    /// The 41 of KDD-99.
    Kdd99,
}

impl MeasuredGroup {
    /// Its features.
    pub fn features(self) -> Vec<FeatureSpec> {
        let feature = |name: &str, kind, curve| FeatureSpec {
            name: name.to_owned(),
            field: None,
            column: None,
            kind,
            curve,
            measured: true,
            of_group: true,
        };
        match self {
            Self::Flow => {
                let bent = |unit| if spreads(unit) { CurveSpec::Log1p } else { CurveSpec::Linear };
                FEATURES.iter().map(|known| feature(known.name, KindSpec::Number, bent(known.unit))).collect()
            }
            Self::Kdd99 => {
                let numbers = (0..NUMERIC).map(|place| {
                    let bent = if Curve::of(place) == Curve::Log1p { CurveSpec::Log1p } else { CurveSpec::Linear };
                    feature(NAMES[name_of_numeric(place)], KindSpec::Number, bent)
                });
                let words = NAMES[1..4].iter().map(|name| feature(name, KindSpec::Symbol, CurveSpec::Linear));
                numbers.chain(words).collect()
            }
        }
    }
}

/// Whether values of this unit spread over orders of magnitude.
fn spreads(unit: &str) -> bool {
    !matches!(unit, "0 to 1" | "0 or 1" | "bits" | "characters" | "labels")
}

/// What the values of a feature are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KindSpec {
    /// Numbers.
    Number,
    /// Words.
    Symbol,
}

/// How a number is bent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CurveSpec {
    /// Not at all.
    #[default]
    Linear,
    /// ln(1 + x).
    Log1p,
}

impl KindSpec {
    /// Its name in a spec.
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Symbol => "symbol",
        }
    }
}

impl FeatureSpec {
    /// Whether this program measures something of this name and kind.
    pub fn is_measured(&self) -> bool {
        let word = NAMES[1..4].contains(&self.name.as_str());
        match self.kind {
            KindSpec::Symbol => word,
            KindSpec::Number => !word && (NAMES.contains(&self.name.as_str()) || flow::place(&self.name).is_some()),
        }
    }

    /// The path of the field in events.
    pub fn path(&self) -> &str {
        self.field.as_deref().unwrap_or(&self.name)
    }

    /// The column of a CSV file.
    pub fn source(&self) -> &str {
        self.column.as_deref().unwrap_or_else(|| self.path())
    }
}
