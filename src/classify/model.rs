//! A model that has been loaded and checked, and the classifiers that run it.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::alike::Alike;
use super::calibrate::softmax;
use super::card::{CARD_FILE, Card, DecisionRule, SCRIPT_FILE, WEIGHTS_FILE};
use super::choice::{CALM, Choice};
use super::counterfactual::{self, Answer, Case};
use super::decide::LeastCost;
use super::drift::Bins;
use super::encode::{Encoding, Missing};
use super::explain::{Attribution, Question, attribute, speaking_for, strongest, told};
use super::network::{Network, Scratch};
use super::novelty::{Novelty, OpenSet, belief_in_unlike};
use super::script::Script;
use super::typical::Typical;
use super::{
    CHUNK, Classifier, ClassifyError, Explain, Fault, LoadError, ModelSource, check, conformal, decide, weights,
};
use crate::event::Probability;
use crate::event::annotated::{Classification, Condition, ModelInfo, Verdict};
use crate::features::symbols::Symbol;
use crate::features::{Matrix, Row, Rows, Space};

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
            include_bytes!("../../models/kdd99/card.json"),
            include_bytes!("../../models/kdd99/weights.safetensors"),
        ),
        ModelSource::Builtin(name) if name == "flow" => LoadedModel::from_files(
            Path::new("builtin:flow"),
            include_bytes!("../../models/flow/card.json"),
            include_bytes!("../../models/flow/weights.safetensors"),
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
        let normal = self.card.labels.iter().map(|label| label.category == "normal").collect();
        Box::new(Judge {
            // of its own, so that workers do not fight for one reference count
            info: Arc::new(ModelInfo::clone(&self.info)),
            encoding: self.encoding.clone(),
            novelty: self.novelty.clone(),
            temperature: self.card.calibration.temperature,
            baseline: Arc::clone(&self.baseline),
            typical: Arc::clone(&self.typical),
            normal,
            withheld: self.withheld(),
            marks: decide::marks(&self.card.labels, self.space()),
            thresholds: conformal::thresholds(&self.card),
            open_set: OpenSet::new(self.card.open_set.as_ref()),
            least_cost: (self.rule == DecisionRule::LeastCost).then(|| LeastCost::new(&self.card)),
            explain,
            choice: Choice::default(),
            alike: Alike::default(),
            network: self.network(),
            scratch: Scratch::default(),
            asking: Scratch::default(),
        })
    }

    /// The groups that some class needs, each with whether a class does.
    fn withheld(&self) -> Vec<(usize, Vec<bool>)> {
        let groups = self.space().groups().iter().map(|group| self.card.needing(&group.name)).enumerate();
        groups.filter(|(_, needing)| needing.contains(&true)).collect()
    }
}

/// Runs the network for one worker.
struct Judge {
    info: Arc<ModelInfo>,
    encoding: Encoding,
    novelty: Novelty,
    temperature: f32,
    baseline: Arc<[f32]>,
    typical: Arc<Typical>,
    /// By class.
    normal: Vec<bool>,
    /// Groups of features, and by class whether it is told only where one of them is known.
    withheld: Vec<(usize, Vec<bool>)>,
    /// Features that mark classes, see [`decide::marks`].
    marks: Vec<(usize, usize)>,
    /// By class: from which probability on it is not excluded.
    thresholds: Vec<f32>,
    open_set: OpenSet,
    /// None where the most probable class is decided on.
    least_cost: Option<LeastCost>,
    explain: Explain,
    choice: Choice,
    alike: Alike,
    network: Network,
    scratch: Scratch,
    /// In its place while the network is asked for a counterfactual.
    asking: Scratch,
}

impl Classifier for Judge {
    fn space(&self) -> &Arc<Space> {
        self.encoding.space()
    }

    fn classify(&mut self, batch: &Matrix, out: &mut Vec<Classification>) -> Result<(), ClassifyError> {
        let (found, needed) = (batch.shape(), self.space().shape());
        if found != needed {
            return Err(ClassifyError::Shape { found, needed });
        }
        let before = out.len();
        out.reserve(batch.len());
        self.alike.clear();
        let judged = chunks(batch).try_for_each(|chunk| self.judge(batch.rows(chunk), true, out));
        let judged = judged.and_then(|()| self.explain(batch, &mut out[before..]));
        judged.map_err(|fault| {
            out.truncate(before);
            ClassifyError::Network(fault.to_string())
        })
    }

    fn probabilities(&self, event: usize) -> &[f32] {
        &self.scratch.logits[event * self.network.outputs()..][..self.normal.len()]
    }
}

impl Judge {
    /// Judges some rows; `may_explain` where their verdicts may be explained afterwards.
    fn judge(
        &mut self,
        chunk: Rows<'_>,
        may_explain: bool,
        out: &mut Vec<Classification>,
    ) -> Result<(), tch::TchError> {
        let mut scratch = std::mem::take(&mut self.scratch);
        self.network.forward(&self.encoding, chunk, &mut scratch)?;
        let (words, padded) = (self.encoding.missing_words(), self.encoding.padded());
        let outputs = scratch.logits.chunks_exact_mut(self.network.outputs());
        for (place, (row, outputs)) in chunk.iter().zip(outputs).enumerate() {
            let missing = Missing(&scratch.missing[place * words..][..words]);
            for (group, needing) in &self.withheld {
                if self.encoding.lacks(*group, missing, row.symbols) {
                    decide::withhold(outputs, needing);
                }
            }
            decide::withhold_unmarked(outputs, row.numeric, &self.marks);
            let verdict = self.verdict(outputs, known(missing, row));
            if may_explain {
                let numbers = &scratch.numbers[place * padded..][..padded];
                self.alike.note((verdict.verdict, verdict.label), numbers, missing, row.symbols);
            }
            out.push(verdict);
        }
        self.scratch = scratch;
        Ok(())
    }

    /// The verdict for a row of outputs, which become probabilities.
    fn verdict(&self, row: &mut [f32], features_known: u16) -> Classification {
        let (classes, unlike) = row.split_at_mut(self.normal.len());
        let energy = softmax(classes, self.temperature);
        let unlike = unlike.first().copied();
        let unknown = unlike.map_or(0.0, |unlike| belief_in_unlike(unlike, energy, self.temperature));
        let top = decide::top(classes);
        let best = usize::from(top[0].0);
        let normal = classes.iter().zip(&self.normal).filter(|(_, normal)| **normal).map(|(share, _)| share).sum();
        let label = match &self.least_cost {
            Some(rule) => rule.class(classes, unknown),
            None if self.open_set.is_calm(normal, unknown) => self.most_probable_normal(classes).unwrap_or(best),
            None => best,
        };
        Classification {
            model: Arc::clone(&self.info),
            verdict: self.open_set.verdict(self.normal[label], normal, unknown),
            label: u16::try_from(label).expect("a class is a u16"),
            probability: Probability::saturating(classes[label]),
            top,
            set: conformal::not_excluded(classes, &self.thresholds, label),
            unknown: Probability::saturating(unknown),
            novelty: self.novelty.of_energy(energy - unlike.unwrap_or_default()),
            features_known,
            explanation: Vec::new(),
            counterfactual: Vec::new(),
        }
    }

    /// The most probable class that is no attack.
    fn most_probable_normal(&self, classes: &[f32]) -> Option<usize> {
        let normal = (0..classes.len()).filter(|class| self.normal[*class]);
        normal.max_by(|one, other| classes[*one].total_cmp(&classes[*other]))
    }

    /// Explains the verdicts that [`Choice`] takes and some of kinds not met before, and tells the other detections what is known of
    /// those [alike](super::alike).
    fn explain(&mut self, batch: &Matrix, verdicts: &mut [Classification]) -> Result<(), tch::TchError> {
        let kinds = verdicts.iter().map(|verdict| (verdict.verdict, verdict.label));
        let mut chosen = self.choice.of(self.explain, kinds);
        let searched = chosen.len();
        self.alike.choose_new(&mut chosen, self.explain.per_batch.saturating_sub(searched));
        if !chosen.is_empty() {
            self.explain_chosen(batch, verdicts, &chosen, searched)?;
        }
        for (place, verdict) in verdicts.iter_mut().enumerate().filter(|(_, verdict)| verdict.explanation.is_empty()) {
            if let Some(named) = self.alike.of(place) {
                let (space, row) = (self.encoding.space(), batch.row(place));
                verdict.explanation = told(named.iter().copied(), space, row, &self.typical);
            }
        }
        Ok(())
    }

    /// Explains the verdicts at these places; for the first `searched` of them it is also looked for what would have made them normal.
    fn explain_chosen(
        &mut self,
        batch: &Matrix,
        verdicts: &mut [Classification],
        chosen: &[usize],
        searched: usize,
    ) -> Result<(), tch::TchError> {
        let question = |place: &usize| Question { row: batch.row(*place), class: self.spoken_of(&verdicts[*place]) };
        let questions: Vec<Question<'_>> = chosen.iter().map(question).collect();
        let steps = self.explain.steps.max(1);
        let found = attribute(&self.network, &self.encoding, &self.baseline, &questions, steps)?;
        for (number, (place, attribution)) in chosen.iter().zip(found).enumerate() {
            let (verdict, row) = (&mut verdicts[*place], batch.row(*place));
            verdict.explanation = strongest(&attribution, self.encoding.space(), row, &self.typical);
            self.alike.learn(*place, &verdict.explanation);
            if number < searched && self.explain.counterfactuals && verdict.verdict.is_alarm() {
                verdict.counterfactual = self.counterfactual(row, &attribution, batch.len() <= CALM)?;
            }
        }
        Ok(())
    }

    /// The output that an explanation speaks of: that of the class, and of something unknown that of being unlike all
    /// classes, where the network has one.
    fn spoken_of(&self, verdict: &Classification) -> u16 {
        let classes = self.normal.len();
        let unlike = verdict.verdict == Verdict::Unknown && self.network.outputs() > classes;
        if unlike { u16::try_from(classes).expect("a class is a u16") } else { verdict.label }
    }

    /// The verdict on an event of the last chunk, and how far it is from normal.
    fn answer(&self, event: usize, verdict: &Classification) -> Answer {
        let shares = self.probabilities(event).iter().zip(&self.normal);
        let normal: f32 = shares.filter(|(_, normal)| **normal).map(|(share, _)| share).sum();
        let logarithm = |share: f32| share.max(f32::MIN_POSITIVE).ln();
        Answer {
            normal: !verdict.verdict.is_alarm(),
            belief: logarithm(normal) + logarithm(1.0 - verdict.unknown.value()),
        }
    }

    fn counterfactual(
        &mut self,
        row: Row<'_>,
        attribution: &Attribution,
        thorough: bool,
    ) -> Result<Vec<Condition>, tch::TchError> {
        let space = Arc::clone(self.encoding.space());
        let case = Case { row, space: &space, strongest: speaking_for(attribution), thorough };
        let typical = Arc::clone(&self.typical);
        // what was found out about the batch stays where it is
        std::mem::swap(&mut self.scratch, &mut self.asking);
        let found = counterfactual::search(&case, &typical, self);
        std::mem::swap(&mut self.scratch, &mut self.asking);
        found
    }
}

impl counterfactual::Judge for Judge {
    type Error = tch::TchError;

    fn ask(&mut self, events: &Matrix) -> Result<Vec<Answer>, tch::TchError> {
        let (mut answers, mut verdicts) = (Vec::with_capacity(events.len()), Vec::with_capacity(events.len()));
        for chunk in chunks(events) {
            verdicts.clear();
            self.judge(events.rows(chunk), false, &mut verdicts)?;
            answers.extend(verdicts.iter().enumerate().map(|(event, verdict)| self.answer(event, verdict)));
        }
        Ok(answers)
    }
}

/// Ranges of at most [`CHUNK`] rows, which together are all.
fn chunks(batch: &Matrix) -> impl Iterator<Item = Range<usize>> + use<> {
    let rows = batch.len();
    (0..rows).step_by(CHUNK).map(move |from| from..rows.min(from + CHUNK))
}

/// How many features of a row are known.
fn known(missing: Missing<'_>, row: Row<'_>) -> u16 {
    let words = row.symbols.iter().filter(|symbol| **symbol != Symbol::MISSING).count();
    u16::try_from(row.numeric.len() - missing.count() + words).expect("a space has no more features")
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::event::annotated::Verdict;
    use crate::features::FeatureVector;

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
