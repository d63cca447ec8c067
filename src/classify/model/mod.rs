//! A model that has been loaded and checked, and the classifiers that run it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::card::{CARD_FILE, Card, DecisionRule, SCRIPT_FILE, WEIGHTS_FILE};
use super::drift::Bins;
use super::encode::Encoding;
use super::network::Network;
use super::novelty::Novelty;
use super::script::Script;
use super::typical::Typical;
use super::{Classifier, Explain, Fault, LoadError, ModelSource, check, weights};
use crate::event::annotated::ModelInfo;
use crate::features::Space;
use judge::Judge;

mod judge;

pub use super::network::init_runtime;

/// A model ready to judge.
#[derive(Debug)]
pub struct LoadedModel {
    card: Card,
    info: Arc<ModelInfo>,
    bins: Option<Arc<Bins>>,
    encoding: Encoding,
    novelty: Novelty,
    baseline: Arc<[f32]>,
    rule: DecisionRule,
    typical: Arc<Typical>,
    /// Only locked to make a classifier: libtorch's handles may move between threads, but not be used by two.
    network: Mutex<Network>,
}

/// Loads and checks a model.
///
/// # Errors
/// When a file cannot be read, or anything in it is not as the card says or as this program needs.
pub fn load(source: &ModelSource) -> Result<LoadedModel, LoadError> {
    match source {
        ModelSource::Builtin(name) if name == "kdd99" => LoadedModel::from_files(
            Path::new("builtin:kdd99"),
            include_bytes!("../../../models/kdd99/card.json"),
            include_bytes!("../../../models/kdd99/weights.safetensors"),
        ),
        ModelSource::Builtin(name) if name == "flow" => LoadedModel::from_files(
            Path::new("builtin:flow"),
            include_bytes!("../../../models/flow/card.json"),
            include_bytes!("../../../models/flow/weights.safetensors"),
        ),
        ModelSource::Builtin(name) => Err(LoadError::UnknownBuiltin { name: name.clone() }),
        ModelSource::Folder(folder) => {
            let content = |name: &str| {
                let file = folder.join(name);
                std::fs::read(&file).map_err(|source| LoadError::Read { file, source })
            };
            let (card, weights) = (content(CARD_FILE)?, content(WEIGHTS_FILE)?);
            let script = if folder.join(SCRIPT_FILE).exists() { content(SCRIPT_FILE)? } else { Vec::new() };
            LoadedModel::with_script(folder, &card, &weights, &script)
        }
    }
}

impl LoadedModel {
    /// Makes a model of the content of its two files; `folder` is only named in errors.
    ///
    /// # Errors
    /// As [`load`].
    pub fn from_files(folder: &Path, card: &[u8], weight_file: &[u8]) -> Result<Self, LoadError> {
        Self::with_script(folder, card, weight_file, &[])
    }

    /// Makes a model of the content of its three files, of which the third matters where the card has a script.
    ///
    /// # Errors
    /// As [`load`].
    pub fn with_script(folder: &Path, card: &[u8], weight_file: &[u8], script: &[u8]) -> Result<Self, LoadError> {
        let refused = |name: &str| {
            let file: PathBuf = folder.join(name);
            move |fault: Fault| LoadError::Refused { file, fault }
        };
        let hash = blake3::hash(card).to_hex();
        let (card, encoding) = check::read(card).map_err(refused(CARD_FILE))?;
        let typical = check::typical(&card, encoding.space()).map_err(refused(CARD_FILE))?;
        let weights = weights::read(weight_file, &card).map_err(refused(WEIGHTS_FILE))?;
        let script = Script::load(&card.network, script).map_err(refused(SCRIPT_FILE))?;
        let network = Network::new(&card.network, &encoding, &weights);
        let network = network.map_err(|fault| LoadError::Network(fault.to_string()))?.before(script);
        Ok(Self {
            info: Arc::new(card.info(&hash)),
            bins: card.drift.as_ref().map(|drift| Arc::new(Bins::new(drift, encoding.space()))),
            encoding,
            novelty: Novelty::new(&card.novelty),
            baseline: weights["baseline"].values.as_slice().into(),
            typical: Arc::new(typical),
            network: Mutex::new(network),
            rule: card.decision.rule,
            card,
        })
    }

    /// Name, version, hash, classes and features.
    pub fn info(&self) -> Arc<ModelInfo> {
        Arc::clone(&self.info)
    }

    /// Bins of what it learned from, to compare what it is shown with; none where its card has no distribution.
    pub fn bins(&self) -> Option<Arc<Bins>> {
        self.bins.clone()
    }

    /// Everything that is known of the model.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The same model, deciding by another rule than its card says.
    #[must_use]
    pub fn deciding(mut self, rule: DecisionRule) -> Self {
        self.rule = rule;
        self
    }

    /// The same model with the threshold of its card that costs at most so many false alarms among 10,000 normal connections, or its
    /// strictest one; as it is where it has no choice.
    #[must_use]
    pub fn allowing(mut self, false_alarms: f64) -> Self {
        if let Some(open_set) = &mut self.card.open_set {
            let allowed = open_set.points.iter().rev().find(|point| point.false_alarms <= false_alarms);
            if let Some(point) = allowed.or(open_set.points.first()) {
                open_set.normal_up_to = point.normal_up_to;
            }
        }
        self
    }

    /// The features it looks at.
    pub fn space(&self) -> &Arc<Space> {
        self.encoding.space()
    }

    /// How its rows become inputs.
    pub fn encoding(&self) -> &Encoding {
        &self.encoding
    }

    /// Its network, for one worker, on the shared weights.
    pub fn network(&self) -> Network {
        self.network.lock().unwrap_or_else(PoisonError::into_inner).share()
    }

    /// A classifier for one worker, on the shared weights, explaining what [`Explain::default`] says.
    pub fn classifier(&self) -> Box<dyn Classifier> {
        self.classifier_with(Explain::default())
    }

    /// A classifier for one worker, on the shared weights.
    pub fn classifier_with(&self, explain: Explain) -> Box<dyn Classifier> {
        Box::new(Judge::new(self, explain))
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::event::annotated::{Classification, Verdict};
    use crate::features::{FeatureVector, Matrix};

    fn model() -> LoadedModel {
        let bytes = weights::write(&sample::weights());
        LoadedModel::from_files(Path::new("sample"), &sample::card().to_json(), &bytes).expect("sound")
    }

    fn judge(model: &LoadedModel, batch: &[FeatureVector]) -> Vec<Classification> {
        let mut out = Vec::new();
        let batch = batch.iter().copied().collect();
        model.classifier().classify(&batch, &mut out).expect("runs");
        out
    }

    #[test]
    fn a_batch_of_one_is_judged_as_in_a_batch_of_many() {
        let model = model();
        let batch: Vec<FeatureVector> = sample::vectors().into_iter().cycle().take(2500).collect();
        for (place, verdict) in judge(&model, &batch).iter().enumerate().step_by(97) {
            let alone = &judge(&model, &batch[place..=place])[0];
            assert_eq!((alone.label, alone.features_known), (verdict.label, verdict.features_known));
            assert!((alone.probability.value() - verdict.probability.value()).abs() < 1e-5);
            assert!((alone.novelty.value() - verdict.novelty.value()).abs() < 1e-4);
        }
    }

    #[test]
    fn a_single_half_open_connection_is_not_taken_for_a_known_attack() {
        let model = load(&ModelSource::Builtin("kdd99".to_owned())).expect("sound");
        for service in ["http", "private", "smtp", "ftp"] {
            let line = format!("0,tcp,{service},S0,{}1,1,1,1,0,0,1,0,0,1,1,1,0,1,0,1,1,0,0", "0,".repeat(18));
            let mut features = crate::normalise::kdd::parse_line(&line).expect("valid").features;
            let whole = judge(&model, &[features])[0].verdict;
            // the content features, as connection logs lack them
            features.numeric[6..19].fill(f32::NAN);
            assert_eq!([whole, judge(&model, &[features])[0].verdict], [Verdict::Unknown; 2], "{service}");
        }
    }

    #[test]
    fn the_rule_that_is_asked_for_decides() {
        let mut card = sample::card();
        // an attack that is missed costs nearly nothing, a false alarm much
        card.decision.costs = (0..5)
            .map(|actual| (0..5).map(|guess| if actual == 0 && guess > 0 { 1e6 } else { 1.0 }).collect())
            .collect();
        let bytes = weights::write(&sample::weights());
        let load = || LoadedModel::from_files(Path::new("sample"), &card.to_json(), &bytes).expect("sound");
        let by_cost = judge(&load().deciding(DecisionRule::LeastCost), &sample::vectors());
        let by_chance = judge(&load(), &sample::vectors());
        assert!(by_cost.iter().all(|verdict| verdict.label == 0));
        assert!(by_chance.iter().any(|verdict| verdict.label != 0));
        assert!(by_chance.iter().all(|verdict| verdict.label == verdict.top[0].0));
    }

    #[test]
    fn a_vector_of_which_nothing_is_known_gets_a_finite_verdict() {
        let verdict = &judge(&model(), &[FeatureVector::MISSING])[0];
        assert_eq!(verdict.features_known, 0);
        assert!(verdict.probability.value() >= 0.25 && verdict.probability.value() <= 1.0);
        assert!(verdict.explanation.is_empty(), "nothing is known, so nothing speaks for it");
    }

    #[test]
    fn rows_of_another_space_are_refused_and_not_misread() {
        let mut out = Vec::new();
        let rows = Matrix::new(crate::features::Shape { numbers: 2, symbols: 0 });
        let fault = model().classifier().classify(&rows, &mut out).expect_err("refused").to_string();
        assert_eq!(fault, "rows of 2 numbers and 0 symbols came to a model that looks at 38 and 3");
    }

    #[test]
    fn all_of_a_flood_is_explained_and_searched_once_a_class_and_normal_not_at_all() {
        let model = model();
        let batch: Vec<FeatureVector> = sample::vectors().into_iter().cycle().take(2000).collect();
        let verdicts = judge(&model, &batch);
        for class in 0..4 {
            let of_class = || verdicts.iter().filter(|verdict| verdict.label == class);
            let explained = of_class().filter(|verdict| !verdict.explanation.is_empty()).count();
            assert_eq!(explained, if class == 0 { 0 } else { of_class().count() }, "class {class}");
            let searched = of_class().filter(|verdict| !verdict.counterfactual.is_empty()).count();
            assert!(searched <= 1, "class {class}: {searched}");
        }
        for (place, verdict) in verdicts.iter().enumerate().step_by(97) {
            let alone = &judge(&model, &batch[place..=place])[0];
            let told = |of: &Classification| {
                of.explanation.iter().map(|one| (one.feature, one.value.clone())).collect::<Vec<_>>()
            };
            assert_eq!(told(verdict), told(alone), "equal events have equal explanations");
        }
        let mut out = Vec::new();
        let rows = batch.into_iter().collect();
        model.classifier_with(Explain::NEVER).classify(&rows, &mut out).expect("runs");
        assert!(out.iter().all(|verdict| verdict.explanation.is_empty()));
    }

    #[test]
    fn a_lying_folder_is_refused_with_its_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let source = ModelSource::Folder(folder.path().to_owned());
        let refusal = || load(&source).expect_err("refused").to_string();
        assert!(refusal().contains("card.json: cannot be read"), "{}", refusal());
        std::fs::write(folder.path().join(CARD_FILE), "{").expect("written");
        std::fs::write(folder.path().join(WEIGHTS_FILE), [0; 3]).expect("written");
        assert!(refusal().contains("card.json: is not a model card"), "{}", refusal());
        std::fs::write(folder.path().join(CARD_FILE), sample::card().to_json()).expect("written");
        assert!(refusal().contains("weights.safetensors: is not a safetensors file"), "{}", refusal());
        std::fs::write(folder.path().join(WEIGHTS_FILE), weights::write(&sample::weights())).expect("written");
        assert_eq!(load(&source).expect("sound now").info().name, "sample");
        let unknown = load(&ModelSource::Builtin("kdd98".to_owned())).expect_err("refused").to_string();
        assert!(unknown.contains("no model 'kdd98' is built in"), "{unknown}");
    }
}
