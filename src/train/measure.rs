//! What a network does on a part of the data, in two views: whole, and without the content features.

use std::collections::{BTreeMap, BTreeSet};

use super::dataset::{About, Row};
use super::{TrainError, steady};
use crate::classify::calibrate::{reliability, softmax};
use crate::classify::card::{ConformalCard, Figures, LabelCard, Scores, SetFigures};
use crate::classify::conformal::not_excluded;
use crate::classify::decide::{most_probable, withhold};
use crate::classify::encode::Encoding;
use crate::classify::network::{Network, Scratch};
use crate::classify::novelty::belief_in_unlike;
use crate::classify::quality::Confusion;
use crate::classify::reliability::CurvePoint;
use crate::features::symbols::Symbol;
use crate::features::{CONTENT_GROUP, Matrix, Row as Values, Sample, Space};

/// Rows run at once.
const CHUNK: usize = 1024;

/// What is seen of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// All that is known.
    Whole,
    /// All but the content features.
    ContentMissing,
}

impl View {
    /// Those that differ in this space.
    pub fn all(space: &Space) -> &'static [Self] {
        let all = &[Self::Whole, Self::ContentMissing];
        if space.group(CONTENT_GROUP).is_some() { all } else { &all[..1] }
    }

    /// Appends what is seen of this row of `space`.
    pub fn push(self, space: &Space, row: Values<'_>, seen: &mut Matrix) {
        let mut shown = Sample::from(row);
        if let Some(content) = space.group(CONTENT_GROUP).filter(|_| self == Self::ContentMissing) {
            content.numbers.iter().for_each(|place| shown.numeric[*place] = f32::NAN);
            content.symbols.iter().for_each(|place| shown.symbols[*place] = Symbol::MISSING);
        }
        seen.push(shown.row());
    }
}

/// Outputs of a network for rows, with what belongs to them.
#[derive(Debug, Clone, PartialEq)]
pub struct Outputs {
    /// Those of the classes, row by row.
    pub logits: Vec<f32>,
    /// Classes.
    pub width: usize,
    /// The logit of each row for being like none of the classes; empty where the network has no such output.
    pub unlike: Vec<f32>,
    /// Class of each row.
    pub labels: Vec<u16>,
    /// How often each row occurs.
    pub counts: Vec<u64>,
}

/// What is believed of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Belief {
    /// Of the classes; they sum to 1.
    pub probabilities: Vec<f32>,
    /// That it is like none of them.
    pub unknown: f32,
    /// Free energy of the classes less the logit of none: what novelty is the rank of.
    pub energy: f32,
}

impl Belief {
    /// The class that is most probable.
    pub fn most_probable(&self) -> usize {
        most_probable(&self.probabilities)
    }
}

/// What the conformal sets of these rows are like.
pub fn set_figures(outputs: &Outputs, about: &About, card: &ConformalCard, temperature: f32) -> SetFigures {
    let (mut size, mut counts) = (0, BTreeMap::<&str, (u64, u64)>::new());
    for (label, belief) in outputs.rows(temperature) {
        let set = not_excluded(&belief.probabilities, &card.thresholds, belief.most_probable());
        let count = counts.entry(about.classes[usize::from(label)].category.as_str()).or_default();
        *count = (count.0 + u64::from(set.labels().contains(&label)), count.1 + 1);
        size += set.labels().len();
    }
    let share = |(held, all): &(u64, u64)| *held as f64 / (*all).max(1) as f64;
    let all = counts.values().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
    SetFigures {
        covered: share(&all),
        covered_by_category: counts.iter().map(|(name, count)| ((*name).to_owned(), share(count))).collect(),
        mean_size: size as f64 / all.1.max(1) as f64,
    }
}

/// Names that figures need.
#[derive(Debug, Clone, Copy)]
pub struct Classes<'a> {
    /// All classes in the order of the outputs.
    pub names: &'a [String],
    /// Those with enough rows to be counted in the macro mean.
    pub frequent: &'a BTreeSet<String>,
    /// Their categories, and what these cost.
    pub about: &'a About,
}

impl Outputs {
    /// Runs rows as they are seen in `view`; classes that need content are withheld where it is not seen. What marks a class is not
    /// looked at: figures say what the network has learnt.
    ///
    /// # Errors
    /// When libtorch reports a fault.
    pub fn of<'a>(
        network: &Network,
        encoding: &Encoding,
        rows: impl Iterator<Item = &'a Row>,
        view: View,
        labels: &[LabelCard],
    ) -> Result<Self, TrainError> {
        let rows: Vec<&Row> = rows.collect();
        let space = encoding.space();
        let (mut scratch, mut seen) = (Scratch::default(), Matrix::new(space.shape()));
        let width = labels.len();
        let needs_content: Vec<bool> = labels.iter().map(|label| label.needs.is_some()).collect();
        let (mut logits, mut unlike) = (Vec::with_capacity(rows.len() * width), Vec::with_capacity(rows.len()));
        for chunk in rows.chunks(CHUNK) {
            seen.clear();
            chunk.iter().for_each(|row| view.push(space, row.features.row(), &mut seen));
            network.forward(encoding, seen.rows(0..chunk.len()), &mut scratch)?;
            for outputs in scratch.logits.chunks_exact(network.outputs()) {
                logits.extend_from_slice(&outputs[..width]);
                unlike.extend(outputs.get(width));
            }
        }
        if view == View::ContentMissing {
            logits.chunks_exact_mut(width).for_each(|row| withhold(row, &needs_content));
        }
        let labels = rows.iter().map(|row| row.label).collect();
        let counts = rows.iter().map(|row| row.count).collect();
        Ok(Self { logits, width, unlike, labels, counts })
    }

    /// These and other outputs of the same network.
    pub fn and(mut self, other: Self) -> Self {
        self.logits.extend(other.logits);
        self.unlike.extend(other.unlike);
        self.labels.extend(other.labels);
        self.counts.extend(other.counts);
        self
    }

    /// What is believed of each row at this temperature.
    pub fn beliefs(&self, temperature: f32) -> impl Iterator<Item = Belief> {
        self.logits.chunks_exact(self.width).enumerate().map(move |(place, row)| {
            let mut probabilities = row.to_vec();
            let energy = softmax(&mut probabilities, temperature);
            let unlike = self.unlike.get(place).copied();
            let unknown = unlike.map_or(0.0, |unlike| belief_in_unlike(unlike, energy, temperature));
            Belief { probabilities, unknown, energy: energy - unlike.unwrap_or_default() }
        })
    }

    /// The same with the label of each row.
    pub fn rows(&self, temperature: f32) -> impl Iterator<Item = (u16, Belief)> {
        self.labels.iter().copied().zip(self.beliefs(temperature))
    }

    /// The figures of a card.
    pub fn figures(&self, classes: Classes<'_>, temperature: f32) -> Figures {
        let said = |temperature| reliability(&self.logits, self.width, &self.labels, temperature);
        let cooled = said(temperature);
        let point = |point: CurvePoint| CurvePoint { confidence: steady(point.confidence), ..point };
        Figures {
            distinct: self.scores(classes, |_| 1),
            weighted: self.scores(classes, |row| self.counts[row]),
            calibration_error_before: steady(said(1.0).error()),
            calibration_error_after: steady(cooled.error()),
            confusion: self.confusion(classes, |_| 1).by_name(),
            calibration: cooled.curve().into_iter().map(point).collect(),
        }
    }

    /// Counts of actual × decided class, each row as often as `weight` says.
    pub fn confusion(&self, classes: Classes<'_>, weight: impl Fn(usize) -> u64) -> Confusion {
        let mut confusion = Confusion::new(classes.names.iter().cloned());
        for (row, logits) in self.logits.chunks_exact(self.width).enumerate() {
            confusion.add(usize::from(self.labels[row]), most_probable(logits), weight(row));
        }
        confusion
    }

    fn scores(&self, classes: Classes<'_>, weight: impl Fn(usize) -> u64) -> Scores {
        let confusion = self.confusion(classes, &weight);
        Scores {
            records: confusion.records(),
            accuracy: confusion.accuracy(),
            macro_f1_frequent: confusion.macro_f1(|name| classes.frequent.contains(name)),
            macro_f1_all: confusion.macro_f1(|_| true),
            false_alarms: confusion.false_alarms(),
            cost: self.cost(classes.about, weight),
            per_class: confusion.per_class(),
        }
    }
}

impl Outputs {
    /// Mean cost of a row by the categories and costs of the data, each as often as `weight` says.
    fn cost(&self, about: &About, weight: impl Fn(usize) -> u64) -> f64 {
        let cost = |(row, logits): (usize, &[f32])| {
            weight(row) as f64 * about.cost(usize::from(self.labels[row]), most_probable(logits))
        };
        let sum: f64 = self.logits.chunks_exact(self.width).enumerate().map(cost).sum();
        let all: u64 = (0..self.labels.len()).map(weight).sum();
        sum / all.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::super::dataset::{Dataset, Part};
    use super::*;
    use crate::classify::{Explain, ModelSource, load};

    /// The folder of the real data, where there is one.
    fn shared() -> Option<PathBuf> {
        let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
        let folder = std::env::var_os("OVERSIGHT_SHARED").map_or(beside, PathBuf::from).join("data/kdd99");
        folder.is_dir().then_some(folder)
    }

    #[test]
    fn the_built_in_model_reaches_the_figures_of_its_card_on_its_test_part() {
        let Some(folder) = shared() else {
            println!("SKIPPED: no KDD-99 data; set OVERSIGHT_SHARED to the folder that holds data/kdd99");
            return;
        };
        let model = load(&ModelSource::Builtin("kdd99".to_owned())).expect("sound");
        let card = model.card();
        let (training, quality) = card.training.as_ref().zip(card.quality.as_ref()).expect("trained here");
        let also = training.also.as_ref().map(|_| folder.with_file_name("nsl-kdd"));
        let dataset = Dataset::read(&folder, also.as_deref(), training.seed).expect("sound");
        assert_eq!(dataset.blake3, training.blake3, "the data it was trained on");
        let frequent = dataset.frequent();
        let claims = [Some(&quality.whole), quality.content_missing.as_ref()];
        for (view, claimed) in View::all(&dataset.space).iter().zip(claims) {
            let claimed = claimed.expect("the space has content features");
            let mut rows = Matrix::new(dataset.space.shape());
            dataset.part(Part::Test).for_each(|row| view.push(&dataset.space, row.features.row(), &mut rows));
            let mut verdicts = Vec::new();
            model.classifier_with(Explain::NEVER).classify(&rows, &mut verdicts).expect("runs");
            let mut confusion = Confusion::new(dataset.labels.iter().cloned());
            for (row, verdict) in dataset.part(Part::Test).zip(&verdicts) {
                confusion.add(usize::from(row.label), usize::from(verdict.label), 1);
            }
            let macro_f1 = confusion.macro_f1(|name| frequent.contains(name));
            assert!((confusion.accuracy() - claimed.distinct.accuracy).abs() < 2e-4, "{view:?}");
            assert!((macro_f1 - claimed.distinct.macro_f1_frequent).abs() < 5e-3, "{view:?}: {macro_f1}");
            assert!(confusion.accuracy() >= if *view == View::Whole { 0.99 } else { 0.98 }, "{view:?}: {macro_f1}");
            assert!(*view != View::Whole || macro_f1 >= 0.90, "{macro_f1}");
        }
    }

    #[test]
    fn scores_count_rows_once_or_as_often_as_they_occur() {
        let outputs = Outputs {
            logits: vec![1.0, 0.0, 0.0, 1.0, 1.0, 0.0],
            width: 2,
            unlike: vec![0.0; 3],
            labels: vec![0, 1, 1],
            counts: vec![6, 3, 1],
        };
        let names = ["normal", "neptune"].map(str::to_owned);
        let frequent = names.iter().cloned().collect();
        let about = About::kdd99(&names);
        let figures = outputs.figures(Classes { names: &names, frequent: &frequent, about: &about }, 1.0);
        assert!((figures.distinct.cost - 2.0 / 3.0).abs() < 1e-12, "one of three is a flood that is missed");
        assert_eq!((figures.distinct.records, figures.weighted.records), (3, 10));
        assert!((figures.distinct.accuracy - 2.0 / 3.0).abs() < 1e-12);
        assert!((figures.weighted.accuracy - 0.9).abs() < 1e-12);
        let cells: Vec<(&str, &str, u64)> = figures
            .confusion
            .iter()
            .flat_map(|(class, row)| row.iter().map(move |(said, rows)| (&**class, &**said, *rows)))
            .collect();
        assert_eq!(cells, [("neptune", "neptune", 1), ("neptune", "normal", 1), ("normal", "normal", 1)]);
        let [point] = figures.calibration[..] else { panic!("{:?}", figures.calibration) };
        assert!((point.confidence - 0.731_059).abs() < 1e-5 && point.records == 3, "{point:?}");
        assert!((point.right - 2.0 / 3.0).abs() < 1e-12);
    }
}
