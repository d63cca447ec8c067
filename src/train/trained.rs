//! A network fitted to data, with all that was fitted to the validation part after it.

use std::sync::Arc;

use super::dataset::{Dataset, FREQUENT_FROM, Part, Row, name_of};
use super::fit::{fit, network_of};
use super::measure::{Belief, Classes, Outputs, View, set_figures};
use super::{LIMIT, Progress, Settings, TrainError, steady, typical};
use crate::classify::calibrate::fit_temperature;
use crate::classify::card::{
    Calibration, Card, ClassCounts, ConformalCard, EncodingCard, FORMAT, LeftOut, NoveltyCard, NumericCard,
    OpenSetCard, Quality, Schema, Training, WeightsCard,
};
use crate::classify::check::{self, FEWEST_CLASSES, needed_tensors};
use crate::classify::conformal;
use crate::classify::drift;
use crate::classify::encode::{Curve, Encoding};
use crate::classify::network::Network;
use crate::classify::novelty::{self, OpenSet};
use crate::classify::ranking::Ranking;
use crate::classify::weights::Weights;
use crate::event::annotated::Verdict;

/// Deviations are taken to be at least this: a feature that hardly varies in training must not drown the others.
const LEAST_DEVIATION: f64 = 0.05;

/// A fitted network and what is needed to judge by it.
pub struct Trained {
    /// All tensors of its file.
    pub weights: Weights,
    encoding_card: EncodingCard,
    encoding: Encoding,
    network: Network,
    temperature: f32,
    novelty: NoveltyCard,
    open_set: OpenSetCard,
    conformal: ConformalCard,
}

impl Trained {
    /// Fits to the training part, then to the validation part.
    ///
    /// # Errors
    /// When there is too little data, or training goes astray.
    pub fn on(dataset: &Dataset, settings: &Settings, progress: &mut dyn FnMut(Progress)) -> Result<Self, TrainError> {
        enough(dataset)?;
        let encoding_card = encoding_card(dataset);
        let encoding = encoding_of(dataset, &encoding_card);
        let weights = fit(dataset, &encoding, settings, progress)?;
        let sizes = network_of(settings, &encoding, dataset.labels.len());
        let network = Network::new(&sizes, &encoding, &weights)?;
        let needs_content = dataset.needs_content();
        let outputs =
            |rows: &[&Row], view| Outputs::of(&network, &encoding, rows.iter().copied(), view, &needs_content);
        let rows: Vec<&Row> = dataset.part(Part::Validation).collect();
        // what cannot be told without content says nothing about how sure the rest is
        let tellable: Vec<&Row> = rows.iter().filter(|row| !needs_content[usize::from(row.label)]).copied().collect();
        let rows_in = |view| if view == View::Whole { &rows } else { &tellable };
        let views = View::all(&dataset.space).iter().map(|view| outputs(rows_in(*view), *view));
        let views: Vec<Outputs> = views.collect::<Result<_, _>>()?;
        let both = views.iter().cloned().reduce(Outputs::and).expect("the whole is always seen");
        let temperature = steady(fit_temperature(&both.logits, both.width, &both.labels).into()) as f32;
        let energies: Vec<f32> = both.beliefs(temperature).map(|belief| belief.energy).collect();
        let own: Vec<(u16, f32)> =
            both.rows(temperature).map(|(label, belief)| (label, belief.probabilities[usize::from(label)])).collect();
        let normal = Normal::of(dataset);
        let attack: Vec<Vec<f32>> = views.iter().map(|view| normal.belief_in_attack(view, temperature)).collect();
        let unlike: Vec<f32> =
            both.rows(temperature).filter(|(label, _)| !normal.is(*label)).map(|(_, belief)| belief.unknown).collect();
        let about = &dataset.about;
        let groups: Vec<usize> = (0..dataset.labels.len()).map(|class| about.groups[about.category(class)]).collect();
        Ok(Self {
            novelty: novelty::fit(&energies),
            open_set: novelty::fit_open_set(&attack, &unlike, settings.false_alarms),
            conformal: conformal::fit(&own, &groups, settings.coverage),
            weights,
            encoding_card,
            encoding,
            network,
            temperature,
        })
    }

    /// How rows come out whose classes training has not seen.
    ///
    /// # Errors
    /// When libtorch reports a fault.
    pub fn judge_left_out(
        &self,
        left_out: &[(String, Vec<Row>)],
        dataset: &Dataset,
    ) -> Result<Vec<LeftOut>, TrainError> {
        let needs_content = dataset.needs_content();
        let outputs = |rows: &[&Row]| {
            Outputs::of(&self.network, &self.encoding, rows.iter().copied(), View::Whole, &needs_content)
        };
        let normal = Normal::of(dataset);
        let seen = outputs(&dataset.part(Part::Test).collect::<Vec<_>>())?;
        let seen_attack = normal.belief_in_attack(&seen, self.temperature);
        let seen_unlike: Vec<f32> = seen.beliefs(self.temperature).map(|belief| -belief.energy).collect();
        let open_set = OpenSet::new(Some(&self.open_set));
        let mut found = Vec::new();
        for (label, rows) in left_out {
            let beliefs: Vec<Belief> = outputs(&rows.iter().collect::<Vec<_>>())?.beliefs(self.temperature).collect();
            let verdicts: Vec<Verdict> = beliefs
                .iter()
                .map(|belief| {
                    let class = belief.most_probable() as u16;
                    open_set.verdict(normal.is(class), normal.of_belief(belief), belief.unknown)
                })
                .collect();
            let share = |verdict: Verdict| {
                verdicts.iter().filter(|found| **found == verdict).count() as f64 / rows.len() as f64
            };
            let attack: Vec<f32> = beliefs.iter().map(|belief| normal.attack(belief)).collect();
            let unlike: Vec<f32> = beliefs.iter().map(|belief| -belief.energy).collect();
            found.push(LeftOut {
                label: label.clone(),
                rows: rows.len() as u64,
                called_normal: share(Verdict::Normal),
                called_unknown: share(Verdict::Unknown),
                alarm_auc: steady(Ranking::of(&attack, &seen_attack).area().unwrap_or_default()),
                novelty_auc: steady(Ranking::of(&unlike, &seen_unlike).area().unwrap_or_default()),
            });
        }
        Ok(found)
    }

    /// The card of the model, with its quality on the test part.
    ///
    /// # Errors
    /// When libtorch reports a fault.
    pub fn card(
        &self,
        settings: &Settings,
        dataset: &Dataset,
        never_seen: Vec<LeftOut>,
        file: &[u8],
    ) -> Result<Card, TrainError> {
        let needs_content = dataset.needs_content();
        let test = |view| Outputs::of(&self.network, &self.encoding, dataset.part(Part::Test), view, &needs_content);
        let whole = test(View::Whole)?;
        let frequent = dataset.frequent();
        let classes = Classes { names: &dataset.labels, frequent: &frequent, about: &dataset.about };
        let figures = |view| test(view).map(|outputs| outputs.figures(classes, self.temperature));
        let partial = View::all(&dataset.space).get(1).map(|view| figures(*view)).transpose()?;
        let sizes = network_of(settings, &self.encoding, dataset.labels.len());
        let training_rows = dataset.part(Part::Training).map(|row| (row.features.row(), row.count));
        Ok(Card {
            format: FORMAT,
            name: settings.name.clone(),
            version: settings.version.clone(),
            description: dataset.about.description.clone(),
            schema: Schema::of(&dataset.space),
            encoding: self.encoding_card.clone(),
            typical: typical::of_training(dataset),
            weights: WeightsCard { blake3: blake3::hash(file).to_hex().to_string(), tensors: needed_tensors(&sizes) },
            network: sizes,
            labels: dataset.about.classes.clone(),
            calibration: Calibration { temperature: self.temperature },
            conformal: Some(self.conformal.clone()),
            novelty: self.novelty.clone(),
            open_set: Some(self.open_set.clone()),
            decision: dataset.about.decision.clone(),
            training: Some(training(settings, dataset)),
            quality: Some(Quality {
                whole: whole.figures(classes, self.temperature),
                content_missing: partial,
                frequent_from: FREQUENT_FROM,
                sets: Some(set_figures(&whole, &dataset.about, &self.conformal, self.temperature)),
                never_seen,
            }),
            drift: Some(drift::measure(&dataset.space, training_rows)),
        })
    }
}

/// Which classes are no attack.
struct Normal(Vec<bool>);

impl Normal {
    fn of(dataset: &Dataset) -> Self {
        Self(dataset.labels.iter().map(|name| name == "normal").collect())
    }

    fn is(&self, class: u16) -> bool {
        self.0[usize::from(class)]
    }

    /// The probability of being normal among the classes.
    fn of_belief(&self, belief: &Belief) -> f32 {
        belief.probabilities.iter().zip(&self.0).filter(|(_, normal)| **normal).map(|(share, _)| share).sum()
    }

    /// The belief in an attack, known or not.
    fn attack(&self, belief: &Belief) -> f32 {
        1.0 - (1.0 - belief.unknown) * self.of_belief(belief)
    }

    /// The same for all rows of normal classes.
    fn belief_in_attack(&self, outputs: &Outputs, temperature: f32) -> Vec<f32> {
        let normal = outputs.rows(temperature).filter(|(label, _)| self.is(*label));
        normal.map(|(_, belief)| self.attack(&belief)).collect()
    }
}

fn enough(dataset: &Dataset) -> Result<(), TrainError> {
    let lacking = |what: String| Err(TrainError::TooLittle { file: dataset.file.clone(), what });
    if dataset.labels.len() < FEWEST_CLASSES {
        return lacking(format!("{} classes, at least {FEWEST_CLASSES} are needed", dataset.labels.len()));
    }
    if !dataset.labels.iter().any(|name| name == "normal") {
        return lacking("no normal rows".to_owned());
    }
    for part in [Part::Training, Part::Validation, Part::Test] {
        if dataset.part(part).next().is_none() {
            return lacking(format!("too few distinct rows ({}) for three parts", dataset.rows.len()));
        }
    }
    Ok(())
}

/// Means and deviations of the bent numbers over the distinct training rows.
fn encoding_card(dataset: &Dataset) -> EncodingCard {
    let numeric = |(place, (feature, curve)): (usize, (&usize, &Curve))| {
        let known = || dataset.part(Part::Training).map(|row| row.features.numeric[place]).filter(|v| v.is_finite());
        let values = || known().map(|value| f64::from(curve.bend(value)));
        let count = values().count().max(1) as f64;
        let mean = values().sum::<f64>() / count;
        let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        NumericCard {
            feature: dataset.space.features()[*feature].name.clone(),
            curve: *curve,
            mean: mean as f32,
            deviation: variance.sqrt().max(LEAST_DEVIATION) as f32,
        }
    };
    EncodingCard {
        limit: LIMIT,
        numeric: dataset.space.numbers().iter().zip(&dataset.about.curves).enumerate().map(numeric).collect(),
        meaning: "inputs: the scaled numbers (0 where missing), a flag for each that is 1 where it is missing, then \
                  one-hot symbols, each with two more places: unknown and missing"
            .to_owned(),
    }
}

fn encoding_of(dataset: &Dataset, card: &EncodingCard) -> Encoding {
    check::encoding(Arc::clone(&dataset.space), card).expect("measured on rows of this space")
}

fn training(settings: &Settings, dataset: &Dataset) -> Training {
    let counts = |(place, label): (usize, &String)| {
        let rows = || dataset.rows.iter().filter(|row| usize::from(row.label) == place);
        let in_part = |part| rows().filter(|row| row.part == part).count() as u64;
        ClassCounts {
            label: label.clone(),
            records: rows().map(|row| row.count).sum(),
            distinct: rows().count() as u64,
            training: in_part(Part::Training),
            validation: in_part(Part::Validation),
            test: in_part(Part::Test),
        }
    };
    Training {
        data: name_of(&dataset.file),
        blake3: dataset.blake3.clone(),
        also: dataset.also.clone(),
        records: dataset.records,
        distinct: dataset.rows.len() as u64,
        split: dataset.about.split.clone(),
        seed: settings.seed,
        settings: [
            ("batch", settings.batch as f64),
            ("rate", settings.rate),
            ("decay", settings.decay),
            ("threads", f64::from(settings.threads)),
            ("class_power", settings.class_power),
            ("repeat_power", settings.repeat_power),
            ("mask_content", settings.mask_content),
            ("mask_single", settings.mask_single),
            ("members", f64::from(settings.members)),
            ("made_up", settings.made_up),
            ("false_alarms", settings.false_alarms),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into(),
        epochs: settings.epochs,
        best_epoch: settings.epochs,
        classes: dataset.labels.iter().enumerate().map(counts).collect(),
    }
}
