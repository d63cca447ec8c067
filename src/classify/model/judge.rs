//! Verdicts of one worker: the network runs, what its outputs mean is decided, and detections are explained.

use std::ops::Range;
use std::sync::Arc;

use super::super::alike::Alike;
use super::super::calibrate::softmax;
use super::super::card::DecisionRule;
use super::super::choice::{CALM, Choice};
use super::super::counterfactual::{self, Answer, Case};
use super::super::decide::{self, LeastCost};
use super::super::encode::{Encoding, Missing};
use super::super::explain::{Attribution, Question, attribute, speaking_for, strongest, told};
use super::super::network::{Network, Scratch};
use super::super::novelty::{Novelty, OpenSet, belief_in_unlike};
use super::super::typical::Typical;
use super::super::{CHUNK, Classifier, ClassifyError, Explain, conformal};
use super::LoadedModel;
use crate::event::Probability;
use crate::event::annotated::{Classification, Condition, ModelInfo, Verdict};
use crate::features::symbols::Symbol;
use crate::features::{Matrix, Row, Rows, Space};

/// Runs the network for one worker.
pub(super) struct Judge {
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
    /// Judges by this model, on its weights.
    pub fn new(model: &LoadedModel, explain: Explain) -> Self {
        let normal = model.card.labels.iter().map(|label| label.category == "normal").collect();
        Self {
            // of its own, so that workers do not fight for one reference count
            info: Arc::new(ModelInfo::clone(&model.info)),
            encoding: model.encoding.clone(),
            novelty: model.novelty.clone(),
            temperature: model.card.calibration.temperature,
            baseline: Arc::clone(&model.baseline),
            typical: Arc::clone(&model.typical),
            normal,
            withheld: withheld(model),
            marks: decide::marks(&model.card.labels, model.space()),
            thresholds: conformal::thresholds(&model.card),
            open_set: OpenSet::new(model.card.open_set.as_ref()),
            least_cost: (model.rule == DecisionRule::LeastCost).then(|| LeastCost::new(&model.card)),
            explain,
            choice: Choice::default(),
            alike: Alike::default(),
            network: model.network(),
            scratch: Scratch::default(),
            asking: Scratch::default(),
        }
    }

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
            excused: None,
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

/// The groups that some class needs, each with whether a class does.
fn withheld(model: &LoadedModel) -> Vec<(usize, Vec<bool>)> {
    let groups = model.space().groups().iter().map(|group| model.card.needing(&group.name)).enumerate();
    groups.filter(|(_, needing)| needing.contains(&true)).collect()
}
