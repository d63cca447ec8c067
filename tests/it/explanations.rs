//! Explanations of real detections by the model that ships: what they name matters, and what they promise holds.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use oversight::classify::typical::Typical;
use oversight::classify::{self, Classifier, Explain, LoadedModel, ModelSource, check, counterfactual, values};
use oversight::event::annotated::{Classification, Contribution, FeatureValue};
use oversight::features::{Matrix, NAMES, Row, Sample, Space};
use oversight::normalise::kdd::parse_line;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::harness::data;

/// Detections that are looked at, of each label at most so many.
const OF_A_LABEL: usize = 60;
const EVERY: usize = 23;

/// What all tests look at, explained once.
static DETECTIONS: OnceLock<Vec<Detection>> = OnceLock::new();

/// A detection with its explanation.
#[derive(Clone)]
struct Detection {
    features: Sample,
    verdict: Classification,
}

struct Bench {
    judge: Box<dyn Classifier>,
    typical: Typical,
    space: Arc<Space>,
    detections: Vec<Detection>,
}

impl Bench {
    /// Detections among the real records; none where there are no records.
    fn new() -> Option<Self> {
        let file = data::shared("kdd99/kddcup.data_10_percent.gz")?;
        let model = classify::load(&ModelSource::Builtin("kdd99".to_owned())).expect("sound");
        let mut judge = model.classifier_with(Explain::NEVER);
        let detections = DETECTIONS.get_or_init(|| detections(&model, judge.as_mut(), &file)).clone();
        let typical = check::typical(model.card(), model.space()).expect("checked when it was loaded");
        Some(Self { judge, typical, space: Arc::clone(model.space()), detections })
    }

    /// Logarithm of the odds of a class against all others.
    fn odds(&mut self, features: &Sample, class: u16) -> f64 {
        self.judge.classify(&one(features.row()), &mut Vec::new()).expect("runs");
        let probabilities = self.judge.probabilities(0);
        let own = f64::from(probabilities[usize::from(class)]);
        let others: f64 = probabilities.iter().map(|one| f64::from(*one)).sum::<f64>() - own;
        (own.max(1e-9) / others.max(1e-9)).ln()
    }

    fn is_normal(&mut self, features: &Sample) -> bool {
        !judged(self.judge.as_mut(), features).verdict.is_alarm()
    }

    /// The event with these features as they usually are.
    fn without(&self, features: &Sample, removed: &[usize]) -> Sample {
        let mut changed = features.clone();
        for feature in removed {
            values::set(*feature, &self.typical.normal(*feature), &self.space, &mut changed);
        }
        changed
    }

    fn value(&self, feature: usize, features: &Sample) -> FeatureValue {
        values::value_of(feature, &self.space, features.row())
    }
}

fn detections(model: &LoadedModel, judge: &mut dyn Classifier, file: &Path) -> Vec<Detection> {
    let mut explaining = model.classifier_with(Explain { per_batch: 1, ..Explain::default() });
    let mut of_label = vec![0; model.info().labels.len()];
    let mut found: Vec<Detection> = Vec::new();
    for line in data::lines(file).step_by(EVERY) {
        let features = Sample::from(parse_line(&line).expect("a record").features);
        let verdict = judged(judge, &features);
        let seen = &mut of_label[usize::from(verdict.label)];
        let repeated = || found.iter().any(|known| known.features == features);
        if verdict.verdict.is_alarm() && *seen < OF_A_LABEL && !repeated() {
            *seen += 1;
            let verdict = judged(explaining.as_mut(), &features);
            found.push(Detection { features, verdict });
        }
    }
    found
}

fn judged(judge: &mut dyn Classifier, features: &Sample) -> Classification {
    let mut verdicts = Vec::new();
    judge.classify(&one(features.row()), &mut verdicts).expect("runs");
    verdicts.remove(0)
}

fn one(row: Row<'_>) -> Matrix {
    let mut matrix = Matrix::new(oversight::features::MEASURED);
    matrix.push(row);
    matrix
}

#[test]
fn removing_what_an_explanation_names_changes_the_verdict_more_than_removing_other_features() {
    let Some(mut bench) = Bench::new() else { return };
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let (mut named_sum, mut other_sum, mut wins, mut compared) = (0.0, 0.0, 0, 0);
    for detection in std::mem::take(&mut bench.detections) {
        let Detection { features, verdict } = &detection;
        let unusual = |feature: &usize| bench.value(*feature, features) != bench.typical.normal(*feature);
        let known = |feature: &usize| bench.value(*feature, features) != FeatureValue::Missing;
        let speaks = verdict.explanation.iter().filter(|share| share.contribution > 0.0);
        let mut named: Vec<usize> = speaks.map(|share| usize::from(share.feature)).filter(unusual).collect();
        // only others that are unusual too: to remove what is as usual changes nothing by itself
        let mut others: Vec<usize> =
            (0..NAMES.len()).filter(known).filter(unusual).filter(|feature| !named.contains(feature)).collect();
        others.shuffle(&mut random);
        let count = named.len().min(others.len());
        if count == 0 {
            continue;
        }
        named.truncate(count);
        others.truncate(count);
        let before = bench.odds(features, verdict.label);
        let drop_named = before - {
            let changed = bench.without(features, &named);
            bench.odds(&changed, verdict.label)
        };
        let drop_other = before - {
            let changed = bench.without(features, &others);
            bench.odds(&changed, verdict.label)
        };
        named_sum += drop_named;
        other_sum += drop_other;
        wins += usize::from(drop_named > drop_other);
        compared += 1;
    }
    let (named, other) = (named_sum / f64::from(compared), other_sum / f64::from(compared));
    println!("{compared} detections: named {named:.2}, others {other:.2}; named more in {wins}");
    assert!(compared >= 300, "{compared} detections are too few");
    assert!(named > 2.0 * other.max(0.0), "named change the odds by {named:.2}, others by {other:.2}");
    assert!(wins as f64 > 0.8 * f64::from(compared), "{wins} of {compared}");
}

#[test]
fn an_event_that_fulfils_its_counterfactual_is_judged_normal() {
    let Some(mut bench) = Bench::new() else { return };
    let detections = std::mem::take(&mut bench.detections);
    let mut found = [0; counterfactual::MOST + 1];
    for Detection { features, verdict } in &detections {
        let conditions = &verdict.counterfactual;
        found[conditions.len()] += 1;
        if conditions.is_empty() {
            continue;
        }
        let mut changed = features.clone();
        for condition in conditions {
            values::set(usize::from(condition.feature), &condition.value, &bench.space, &mut changed);
            if let (FeatureValue::Number(value), Some(range)) =
                (&condition.value, bench.typical.range(usize::from(condition.feature)))
            {
                assert!((range.seen.least..=range.seen.most).contains(value), "{condition:?} was never seen");
            }
        }
        assert!(bench.is_normal(&changed), "{conditions:?} does not make it normal");
    }
    let [none, of_features @ ..] = found;
    println!(
        "{} detections: none for {none}, a counterfactual of one, two … features for {of_features:?}",
        detections.len()
    );
    assert!(2 * none <= detections.len(), "{none} of {} have no counterfactual", detections.len());
}

#[test]
fn a_counterfactual_names_no_feature_that_it_does_not_need() {
    let Some(mut bench) = Bench::new() else { return };
    let detections = std::mem::take(&mut bench.detections);
    let (mut named, mut idle) = (0, 0);
    for Detection { features, verdict } in detections.iter().filter(|one| one.verdict.counterfactual.len() > 1) {
        for left_out in &verdict.counterfactual {
            let mut changed = features.clone();
            for condition in verdict.counterfactual.iter().filter(|condition| *condition != left_out) {
                values::set(usize::from(condition.feature), &condition.value, &bench.space, &mut changed);
            }
            named += 1;
            idle += usize::from(bench.is_normal(&changed));
        }
    }
    println!("{named} conditions beside others, {idle} of them idle");
    assert_eq!(idle, 0, "of {named}");
}

/// Events of a flood: more than wait while each detection is explained by itself.
const FLOOD: usize = 1_000;

#[test]
fn nearly_every_detection_of_a_flood_is_told_what_it_would_be_told_by_itself() {
    let Some(file) = data::shared("kdd99/kddcup.data_10_percent.gz") else { return };
    let model = classify::load(&ModelSource::Builtin("kdd99".to_owned())).expect("sound");
    let explain = Explain { counterfactuals: false, ..Explain::default() };
    let (mut in_flood, mut alone) = (model.classifier_with(explain), model.classifier_with(explain));
    let rows: Vec<Sample> = data::lines(&file)
        .step_by(EVERY)
        .take(20 * FLOOD)
        .map(|line| Sample::from(parse_line(&line).expect("a record").features))
        .collect();
    let (mut detections, mut told, mut compared, mut same_first, mut shared) = (0, 0, 0, 0, 0);
    for batch in rows.chunks(FLOOD) {
        let mut matrix = Matrix::new(oversight::features::MEASURED);
        batch.iter().for_each(|row| matrix.push(row.row()));
        let mut verdicts = Vec::new();
        in_flood.classify(&matrix, &mut verdicts).expect("runs");
        for (row, verdict) in batch.iter().zip(&verdicts).filter(|(_, verdict)| verdict.verdict.is_alarm()) {
            detections += 1;
            let Some(first) = verdict.explanation.first() else { continue };
            told += 1;
            if told % 20 == 0 {
                let own = judged(alone.as_mut(), row).explanation;
                let names = |of: &[_]| of.iter().map(|one: &Contribution| one.feature).collect::<Vec<_>>();
                compared += 1;
                same_first += usize::from(own.first().is_some_and(|own| own.feature == first.feature));
                shared += names(&own).iter().filter(|feature| names(&verdict.explanation).contains(feature)).count();
            }
        }
    }
    println!(
        "{told} of {detections} detections explained; of {compared} compared the first feature is the same for {same_first}, and \
         {shared} of {} features are",
        5 * compared
    );
    assert!(detections > 10_000 && told * 100 >= detections * 98, "{told} of {detections}");
    assert!(same_first * 100 >= compared * 85, "{same_first} of {compared}");
    assert!(shared * 100 >= 5 * compared * 95, "{shared} of {}", 5 * compared);
}
