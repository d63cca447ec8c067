//! A network fitted to data, with all that was fitted to the validation part after it.

use super::crossed::crossed;
use super::dataset::{Dataset, Part, Row, name_of};
use super::fitted::Fitted;
use super::ready::Ready;
use super::{Progress, Settings, TrainError, typical};
use crate::classify::card::{
    Calibration, Card, ClassCounts, EncodingCard, FORMAT, LeftOut, NetworkCard, Schema, Training, WeightsCard,
};
use crate::classify::check::{FEWEST_CLASSES, needed_tensors};
use crate::classify::drift;
use crate::classify::weights::Weights;

/// A fitted network and what is needed to judge by it.
pub struct Trained {
    /// All tensors of its file.
    pub weights: Weights,
    /// With what was fitted to the validation part.
    pub ready: Ready,
    encoding_card: EncodingCard,
    sizes: NetworkCard,
}

impl Trained {
    /// Fits to the training part, then to the validation part, or to the rows of captures as networks without them judge these.
    ///
    /// # Errors
    /// When there is too little data, or training goes astray.
    pub fn on(dataset: &Dataset, settings: &Settings, progress: &mut dyn FnMut(Progress)) -> Result<Self, TrainError> {
        enough(dataset)?;
        let crossed = match dataset.captures.is_empty() {
            true => None,
            false => Some(crossed(dataset, settings, progress)?),
        };
        let Fitted { weights, encoding_card, encoding, sizes, network } = Fitted::to(dataset, settings, progress)?;
        let ready = Ready::fitted_to(dataset, encoding, network, crossed, settings)?;
        Ok(Self { weights, encoding_card, sizes, ready })
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
        let training_rows = dataset.part(Part::Training).map(|row| (row.features.row(), row.count));
        Ok(Card {
            format: FORMAT,
            name: settings.name.clone(),
            version: settings.version.clone(),
            description: dataset.about.description.clone(),
            schema: Schema::of(&dataset.space),
            encoding: self.encoding_card.clone(),
            typical: typical::of_training(dataset),
            weights: WeightsCard {
                blake3: blake3::hash(file).to_hex().to_string(),
                tensors: needed_tensors(&self.sizes),
            },
            network: self.sizes.clone(),
            labels: dataset.about.classes.clone(),
            calibration: Calibration { temperature: self.ready.temperature },
            conformal: Some(self.ready.conformal.clone()),
            novelty: self.ready.novelty.clone(),
            open_set: Some(self.ready.open_set.clone()),
            decision: dataset.about.decision.clone(),
            training: Some(training(settings, dataset)),
            quality: Some(self.ready.quality(dataset, never_seen)?),
            drift: Some(drift::measure(&dataset.space, training_rows)),
        })
    }
}

/// Whether there is something to fit, to calibrate by and to measure on.
///
/// # Errors
/// When there is not.
pub fn enough(dataset: &Dataset) -> Result<(), TrainError> {
    let lacking = |what: String| Err(TrainError::TooLittle { file: dataset.file.clone(), what });
    if dataset.labels.len() < FEWEST_CLASSES {
        return lacking(format!("{} classes, at least {FEWEST_CLASSES} are needed", dataset.labels.len()));
    }
    let normal = |row: &Row| dataset.about.classes[usize::from(row.label)].category == "normal";
    if !dataset.rows.iter().any(normal) {
        return lacking("no normal rows".to_owned());
    }
    let parts = if dataset.captures.is_empty() { &[Part::Training, Part::Validation, Part::Test][..] } else { &[] };
    for part in parts.iter().copied() {
        if dataset.part(part).next().is_none() {
            return lacking(format!("too few distinct rows ({}) for three parts", dataset.rows.len()));
        }
    }
    Ok(())
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
            ("mask_group", settings.mask_group),
            ("mask_single", settings.mask_single),
            ("members", f64::from(settings.members)),
            ("mask_half", settings.mask_half),
            ("made_up", settings.made_up),
            ("noise", settings.noise),
            ("pace", settings.pace),
            ("smoothing", settings.smoothing),
            ("mix", settings.mix),
            ("adversary", settings.adversary),
            ("false_alarms", settings.false_alarms),
        ]
        .into_iter()
        .chain(settings.student.iter().map(|student| ("student_epochs", f64::from(student.epochs))))
        .map(|(name, value)| (name.to_owned(), value))
        .collect(),
        epochs: settings.epochs,
        best_epoch: settings.epochs,
        classes: dataset.labels.iter().enumerate().map(counts).collect(),
    }
}
