//! What to learn from a file of one's own: which columns or fields, which label, which split. A YAML file, read like
//! the configuration: unknown keys are refused, and every fault is told with its line.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::OwnError;
use super::capture::CaptureSpec;
use super::feature::{CurveSpec, FeatureSpec, KindSpec, MeasuredGroup};
use super::training::TrainingSpec;
use super::truth::TruthSpec;
use crate::classify::card::LabelCard;
use crate::classify::declare::{LabelSpec, NORMAL};
use crate::classify::encode::Curve;
use crate::config;
use crate::features::flow;
use crate::features::{Feature, Kind, MOST_FEATURES};

/// A spec as it is written.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The file it was read from.
    #[serde(skip)]
    #[schemars(skip)]
    pub file: PathBuf,
    /// Name of the model.
    #[schemars(extend("minLength" = 1))]
    pub name: String,
    /// What the model is for, in a sentence.
    #[serde(default)]
    pub description: String,
    /// The column, or the path of the field, that holds a row's label.
    #[schemars(extend("minLength" = 1))]
    pub label: String,
    /// The labels of rows that are no attack; the model calls them all `normal`.
    pub normal: Vec<String>,
    /// Labels whose rows are passed over.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// Texts that stand for "not known", beside the empty one, such as `-` or `NaN`.
    #[serde(default)]
    pub missing: Vec<String>,
    /// What stands between the columns of a CSV file.
    #[serde(default)]
    pub delimiter: Delimiter,
    /// What the model looks at, in order.
    #[serde(default)]
    pub features: Vec<FeatureSpec>,
    /// Groups of features that this program measures of connections; behind those above, as far as they change in the
    /// training part.
    #[serde(default)]
    pub measured: Vec<MeasuredGroup>,
    /// Where the labels stand, if events do not have them themselves.
    #[serde(default)]
    pub truth: Option<TruthSpec>,
    /// Labelled captures below a folder that are learned from together; none for a single file.
    #[serde(default)]
    pub captures: Vec<CaptureSpec>,
    /// What is known of labels: category, risk, ATT&CK.
    #[serde(default)]
    pub labels: BTreeMap<String, LabelSpec>,
    /// How the parts for training, validation and test are made.
    #[serde(default)]
    pub split: Split,
    /// How networks learn.
    #[serde(default)]
    pub training: TrainingSpec,
    /// An event is judged where at least so many features are known; half of them without this key.
    #[serde(default)]
    pub least_known: Option<usize>,
    /// Most words of a symbol that the model knows one by one; rarer ones are unknown to it.
    #[serde(default = "most_words")]
    #[schemars(range(min = 1, max = 10_000))]
    pub most_words: usize,
}

/// What stands between columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Delimiter {
    /// `,`
    #[default]
    Comma,
    /// `;`
    Semicolon,
    /// A tab.
    Tab,
}

impl Delimiter {
    /// The byte.
    pub fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
        }
    }
}

/// How the parts are made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// What must not lie on both sides.
    #[serde(default)]
    pub by: SplitBy,
    /// The column or field that `time` and `group` go by.
    #[serde(default)]
    pub column: Option<String>,
}

/// What must not lie on both sides of a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SplitBy {
    /// Equal rows; per class a seeded choice.
    #[default]
    Rows,
    /// The future: the first 65 % of the rows in time are learned from, the last 20 % are the test.
    Time,
    /// Rows of one group, such as a host or a session.
    Group,
}

fn most_words() -> usize {
    500
}

impl Spec {
    /// Reads and checks a spec.
    ///
    /// # Errors
    /// With every fault of the file, or the first thing in it that cannot be.
    pub fn load(file: &Path) -> Result<Self, OwnError> {
        let spec: Self = config::document(file)?;
        let mut spec = Self { file: file.to_owned(), ..spec };
        let groups: Vec<FeatureSpec> = spec.measured.iter().flat_map(|group| group.features()).collect();
        spec.features.extend(groups);
        spec.check()?;
        Ok(spec)
    }

    fn check(&self) -> Result<(), OwnError> {
        let demand = |holds: bool, key: &str, what: String| {
            let file = self.file.clone();
            if holds { Ok(()) } else { Err(OwnError::Spec { file, key: key.to_owned(), what }) }
        };
        let count = self.features.len();
        demand((1..=MOST_FEATURES).contains(&count), "features", format!("{count}, must be 1 to {MOST_FEATURES}"))?;
        demand(!self.normal.is_empty(), "normal", "name the label of rows that are no attack".to_owned())?;
        let mut names = BTreeSet::new();
        for feature in &self.features {
            demand(names.insert(&feature.name), "features", format!("'{}' stands there twice", feature.name))?;
            if feature.measured {
                let what = format!("'{}' is no {} that this program measures", feature.name, feature.kind.name());
                demand(feature.is_measured(), "features", what)?;
                continue;
            }
            let of_label = feature.source() == self.label;
            demand(!of_label, "features", format!("'{}' is the label; it would give the answer away", feature.name))?;
        }
        // connections have times of their own
        let timed = self.split.by == SplitBy::Time && self.of_connections();
        let column = self.split.column.is_some() || timed;
        demand(column || self.split.by == SplitBy::Rows, "split.column", "must say what to split by".to_owned())?;
        let twice =
            |(place, one): &(usize, &CaptureSpec)| self.captures[..*place].iter().any(|other| other.name == one.name);
        if let Some((_, capture)) = self.captures.iter().enumerate().find(twice) {
            demand(false, "captures", format!("'{}' stands there twice", capture.name))?;
        }
        let least = self.least_known.unwrap_or(0);
        demand(least <= count, "least_known", format!("{least}, and there are {count} features"))?;
        let normal = |label: &&String| self.normal.contains(label) || label.as_str() == NORMAL;
        match self.labels.keys().find(normal) {
            Some(label) => demand(false, "labels", format!("'{label}' is normal, of which all is known")),
            None => Ok(()),
        }
    }

    /// Whether connections are learned from, in whichever form they come, and not rows of a table.
    pub fn of_connections(&self) -> bool {
        self.truth.is_some() || !self.captures.is_empty() || self.features.iter().any(|feature| feature.measured)
    }

    /// The class of a row with this label; none where such rows are passed over.
    pub fn class_of<'a>(&self, label: &'a str) -> Option<&'a str> {
        if self.normal.iter().any(|normal| normal == label) {
            return Some(NORMAL);
        }
        (!self.ignore.iter().any(|ignored| ignored == label)).then_some(label)
    }

    /// Whether a text stands for "not known".
    pub fn is_missing(&self, text: &str) -> bool {
        text.is_empty() || self.missing.iter().any(|missing| missing == text)
    }

    /// What is known of a class.
    pub fn label_card(&self, class: &str) -> LabelCard {
        self.labels.get(class).cloned().unwrap_or_default().card(class)
    }

    /// The features, given the words of the symbols, in order.
    pub fn features(&self, words: Vec<Vec<Arc<str>>>) -> Vec<Feature> {
        let mut words = words.into_iter();
        let feature = |feature: &FeatureSpec| Feature {
            name: feature.name.clone(),
            field: (!feature.measured).then(|| feature.path().to_owned()),
            group: feature.measured.then(|| flow::group_of(&feature.name)).flatten().map(str::to_owned),
            kind: match feature.kind {
                KindSpec::Number => Kind::Number,
                KindSpec::Symbol => Kind::Symbol(words.next().expect("words for each symbol")),
            },
        };
        self.features.iter().map(feature).collect()
    }

    /// How many features must be known.
    pub fn least_known(&self) -> usize {
        self.least_known.unwrap_or_else(|| self.features.len().div_ceil(2))
    }

    /// The curves of the numbers, in order.
    pub fn curves(&self) -> Vec<Curve> {
        let numbers = self.features.iter().filter(|feature| feature.kind == KindSpec::Number);
        let curve = |feature: &FeatureSpec| match feature.curve {
            CurveSpec::Linear => Curve::Linear,
            CurveSpec::Log1p => Curve::Log1p,
        };
        numbers.map(curve).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "name: web\nlabel: attack_type\nnormal: [benign]\nfeatures:\n  - {name: bytes, kind: number, \
                         curve: log1p, field: http.bytes}\n  - {name: method, kind: symbol, column: verb}\n";

    fn load(text: &str) -> Result<Spec, String> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        Spec::load(file.path()).map_err(|fault| fault.to_string())
    }

    #[test]
    fn a_feature_is_found_by_path_in_events_and_by_column_in_csv() {
        let spec =
            load(&format!("{SOUND}labels:\n  sqli: {{category: web, technique: {{id: T1190, name: Exploit}}}}\n"));
        let spec = spec.expect("sound");
        let found: Vec<_> = spec.features.iter().map(|feature| (feature.path(), feature.source())).collect();
        assert_eq!(found, [("http.bytes", "http.bytes"), ("method", "verb")]);
        assert_eq!((spec.curves(), spec.least_known()), (vec![Curve::Log1p], 1));
        assert_eq!((spec.class_of("benign"), spec.class_of("sqli")), (Some("normal"), Some("sqli")));
        let card = spec.label_card("sqli");
        assert_eq!((card.category.as_str(), card.risk), ("web", 73.0));
        assert_eq!(spec.label_card("normal").risk, 0.0);
    }

    #[test]
    fn each_fault_is_told_with_its_line_or_key() {
        for (text, words) in [
            ("name: x\n", "the key label is missing"),
            ("name: x\nlabel: y\nnormal: [z]\n", "features: 0, must be 1 to"),
            (&SOUND.replace("curve: log1p", "measured: true"), "'bytes' is no number that this program measures"),
            (
                &SOUND.replace("kind: symbol", "kind: word") as &str,
                ":6: features[1].kind: 'word' is not one of number, symbol",
            ),
            (&SOUND.replace("normal:", "normals:"), ":3: normals: unknown key; did you mean normal?"),
            (&SOUND.replace("[benign]", "[]"), "normal: name the label"),
            (&SOUND.replace("name: method", "name: bytes"), "features: 'bytes' stands there twice"),
            (&SOUND.replace("verb", "attack_type"), "'method' is the label"),
            (&format!("{SOUND}split: {{by: time}}\n"), "split.column: must say what"),
            (&format!("{SOUND}least_known: 3\n"), "least_known: 3, and there are 2"),
            (&format!("{SOUND}labels: {{benign: {{category: x}}}}\n"), "labels: 'benign' is normal"),
        ] {
            let fault = load(text).expect_err(text);
            assert!(fault.contains(words), "'{fault}' lacks '{words}'");
        }
    }
}
