//! Why a class was decided on: integrated gradients of its logit, summed per feature.
//!
//! Source: Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks" (2017). The path leads from the mean encoding of the
//! normal training rows to the event; what is missing in the event is missing along the whole path and so contributes
//! nothing. The contributions sum to logit(event) − logit(baseline), up to the error of the midpoint rule.

use tch::TchError;

use super::encode::Encoding;
use super::network::Network;
use super::typical::Typical;
use super::values::value_of;
use crate::event::annotated::Contribution;
use crate::features::symbols::Symbol;
use crate::features::{Row, Space};

/// How many contributions an explanation names.
pub const NAMED: usize = 5;

/// Contribution of each feature to a logit, in the order of the model's features.
pub type Attribution = Vec<f32>;

/// What is to be explained: an event and the class decided on.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The event.
    pub row: Row<'a>,
    /// The class.
    pub class: u16,
}

/// Answers all questions in one run of `steps` points for each; `baseline` has a number for each input.
///
/// # Errors
/// When libtorch reports a fault.
pub fn attribute(
    network: &Network,
    encoding: &Encoding,
    baseline: &[f32],
    questions: &[Question<'_>],
    steps: usize,
) -> Result<Vec<Attribution>, TchError> {
    let (mut points, mut classes) = (Vec::new(), Vec::with_capacity(questions.len() * steps));
    let mut ways = Vec::with_capacity(questions.len());
    for question in questions {
        let (start, way) = path(encoding, baseline, question.row);
        // the first layer is linear, so its sums too move along a straight path: only they are run
        let (from, slope) = (network.first_sums(&start), network.first_sums(&way));
        for step in 0..steps {
            let part = (step as f32 + 0.5) / steps as f32;
            points.extend(from.iter().zip(&slope).map(|(from, slope)| from + part * slope));
            classes.push(i64::from(question.class));
        }
        ways.push(way);
    }
    let gradients = network.gradients_at_first(&points, &classes)?;
    let of_question = gradients.chunks_exact(gradients.len() / questions.len().max(1)).zip(&ways);
    Ok(of_question.map(|(rows, way)| per_feature(network, encoding, rows, way, steps)).collect())
}

/// The strongest contributions, by size, as a person reads them.
pub fn strongest(attribution: &Attribution, space: &Space, row: Row<'_>, typical: &Typical) -> Vec<Contribution> {
    let mut order: Vec<usize> = (0..attribution.len()).filter(|feature| attribution[*feature] != 0.0).collect();
    order.sort_by(|a, b| attribution[*b].abs().total_cmp(&attribution[*a].abs()));
    let number = |feature| u16::try_from(feature).expect("a space has no more features");
    let named = order.into_iter().take(NAMED).map(|feature| (number(feature), attribution[feature]));
    told(named, space, row, typical)
}

/// Features and their contributions, with the values of an event.
pub fn told(
    named: impl Iterator<Item = (u16, f32)>,
    space: &Space,
    row: Row<'_>,
    typical: &Typical,
) -> Vec<Contribution> {
    let contribution = |(feature, contribution): (u16, f32)| {
        let place = usize::from(feature);
        Contribution { feature, value: value_of(place, space, row), typical: typical.normal(place), contribution }
    };
    named.map(contribution).collect()
}

/// The features that speak for the class, the strongest first.
pub fn speaking_for(attribution: &Attribution) -> Vec<usize> {
    let mut features: Vec<usize> = (0..attribution.len()).filter(|feature| attribution[*feature] > 0.0).collect();
    features.sort_by(|a, b| attribution[*b].total_cmp(&attribution[*a]));
    features
}

/// Where the path starts, and the way from there to the event.
fn path(encoding: &Encoding, baseline: &[f32], row: Row<'_>) -> (Vec<f32>, Vec<f32>) {
    let mut start = baseline.to_vec();
    let mut end = vec![0.0; encoding.inputs()];
    encoding.dense(row, &mut end);
    let numbers = encoding.numbers();
    for place in 0..numbers {
        if end[numbers + place] != 0.0 {
            (start[place], start[numbers + place]) = (end[place], end[numbers + place]);
        }
    }
    for (group, symbol) in encoding.symbols().iter().zip(row.symbols) {
        if *symbol == Symbol::MISSING {
            start[group.inputs()].copy_from_slice(&end[group.inputs()]);
        }
    }
    let way = end.iter().zip(&start).map(|(to, from)| to - from).collect();
    (start, way)
}

/// The mean gradient along the path times the way, summed over the inputs of each feature.
fn per_feature(network: &Network, encoding: &Encoding, at_first: &[f32], way: &[f32], steps: usize) -> Attribution {
    let mut mean = vec![0.0; at_first.len() / steps];
    for row in at_first.chunks_exact(mean.len()) {
        mean.iter_mut().zip(row).for_each(|(mean, gradient)| *mean += gradient / steps as f32);
    }
    let mut attribution = vec![0.0; encoding.space().features().len()];
    for (input, way) in way.iter().enumerate().filter(|(_, way)| **way != 0.0) {
        attribution[encoding.feature_of(input)] += network.gradient_at_input(input, &mean) * way;
    }
    attribution
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::event::annotated::FeatureValue;
    use crate::features::{NAMES, Sample};

    #[test]
    fn contributions_sum_to_the_difference_of_the_logits() {
        let network = sample::network();
        let (encoding, baseline, rows) = (sample::encoding(), sample::baseline(), sample::rows());
        for row in rows.rows(0..rows.len()).iter() {
            for class in 0..4u16 {
                let question = Question { row, class };
                let found = attribute(&network, &encoding, &baseline, &[question], 4096).expect("runs");
                let (start, way) = path(&encoding, &baseline, row);
                let end: Vec<f32> = start.iter().zip(&way).map(|(from, way)| from + way).collect();
                let logit = |inputs: &[f32]| sample::logits(inputs)[usize::from(class)];
                let (sum, difference) = (found[0].iter().sum::<f32>(), logit(&end) - logit(&start));
                let tolerance = 1e-3 + 0.005 * difference.abs();
                assert!((sum - difference).abs() < tolerance, "class {class}: {sum}, logits differ by {difference}");
            }
        }
    }

    /// The mean gradient at `steps` points of the path times the way, by automatic differentiation at all inputs.
    fn by_autograd(row: Row<'_>, class: u16, steps: usize) -> Attribution {
        let (encoding, network) = (sample::encoding(), sample::network());
        let (start, way) = path(&encoding, &sample::baseline(), row);
        let point = |step: usize| {
            let part = (step as f32 + 0.5) / steps as f32;
            start.iter().zip(&way).map(move |(from, way)| from + part * way)
        };
        let points: Vec<f32> = (0..steps).flat_map(point).collect();
        let (_, gradients) = network.by_autograd(&points, &vec![i64::from(class); steps]);
        let mut attribution = vec![0.0; NAMES.len()];
        for gradients in gradients.chunks_exact(encoding.inputs()) {
            for (input, gradient) in gradients.iter().enumerate() {
                attribution[encoding.feature_of(input)] += gradient * way[input] / steps as f32;
            }
        }
        attribution
    }

    #[test]
    fn attributions_are_those_of_automatic_differentiation_and_complete() {
        let (network, encoding, baseline) = (sample::network(), sample::encoding(), sample::baseline());
        let rows = sample::rows();
        for row in rows.rows(0..rows.len()).iter() {
            for class in 0..4u16 {
                let question = Question { row, class };
                let found = &attribute(&network, &encoding, &baseline, &[question], 2048).expect("runs")[0];
                let expected = by_autograd(row, class, 2048);
                for (feature, (found, expected)) in found.iter().zip(expected).enumerate() {
                    assert!((found - expected).abs() < 1e-3, "{}: {found} and {expected}", NAMES[feature]);
                }
                let (start, way) = path(&encoding, &baseline, row);
                let end: Vec<f32> = start.iter().zip(&way).map(|(from, way)| from + way).collect();
                let logit = |inputs: &[f32]| network.by_autograd(inputs, &[i64::from(class)]).0[0];
                let (sum, difference) = (found.iter().sum::<f32>(), logit(&end) - logit(&start));
                let tolerance = 0.01 + 0.01 * difference.abs();
                assert!((sum - difference).abs() < tolerance, "{sum}, logits differ by {difference}");
            }
        }
    }

    #[test]
    fn what_is_missing_contributes_nothing() {
        let mut features = Sample::from(sample::vectors()[0]);
        features.numeric[1] = f32::NAN;
        features.symbols[1] = Symbol::MISSING;
        let question = Question { row: features.row(), class: 1 };
        let found =
            attribute(&sample::network(), &sample::encoding(), &sample::baseline(), &[question], 16).expect("runs");
        assert_eq!((found[0][4], found[0][2]), (0.0, 0.0), "src_bytes and service");
        assert_ne!(found[0][5], 0.0, "dst_bytes is there");
    }

    #[test]
    fn the_strongest_come_first_with_the_values_of_the_event() {
        let mut attribution = vec![0.0; NAMES.len()];
        (attribution[2], attribution[4], attribution[5]) = (-3.0, 1.0, 2.0);
        let named = strongest(&attribution, &Space::kdd99(), sample::rows().row(0), &Typical::default());
        let features: Vec<&str> = named.iter().map(|one| NAMES[usize::from(one.feature)]).collect();
        assert_eq!(features, ["service", "dst_bytes", "src_bytes"]);
        assert_eq!(named[0].value, FeatureValue::Symbol("http".into()));
        assert_eq!((&named[2].value, &named[2].typical), (&FeatureValue::Number(181.0), &FeatureValue::Missing));
        assert_eq!(speaking_for(&attribution), [5, 4], "what speaks against is no reason");
    }
}
