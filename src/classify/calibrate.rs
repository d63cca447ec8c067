//! Logits → calibrated probabilities: a softmax with one temperature, fitted on the validation part.
//!
//! Source: Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks" (2017).

use super::rapid::exp_of_negative;
use super::reliability::Reliability;

/// Temperatures that fitting looks through, as powers of two.
const COLDEST: f64 = -4.0;
const HOTTEST: f64 = 4.0;

/// Turns one row of logits into probabilities, in place, and gives the free energy of the row:
/// temperature · ln Σ exp(logit / temperature), which is large where the network has seen much like it.
///
/// The probabilities are finite and sum to 1; where a logit is not finite they are all equal.
pub fn softmax(logits: &mut [f32], temperature: f32) -> f32 {
    // no early end, so that it becomes vector instructions
    if !logits.iter().fold(true, |all, logit| all & logit.is_finite()) {
        let equal = 1.0 / logits.len() as f32;
        logits.fill(equal);
        return f32::NEG_INFINITY;
    }
    let largest = logits.iter().copied().fold(f32::MIN, |largest, logit| if logit > largest { logit } else { largest });
    let colder = 1.0 / temperature;
    logits.iter_mut().for_each(|logit| *logit = exp_of_negative((*logit - largest) * colder));
    let sum: f32 = logits.iter().sum();
    let share = 1.0 / sum;
    logits.iter_mut().for_each(|value| *value *= share);
    largest + temperature * sum.ln()
}

/// The temperature with the least mean negative log-likelihood on `logits` (rows of `width`) of these labels.
///
/// The likelihood is unimodal in the temperature; found by golden-section search over its logarithm.
pub fn fit_temperature(logits: &[f32], width: usize, labels: &[u16]) -> f32 {
    let loss = |power: f64| negative_log_likelihood(logits, width, labels, power.exp2() as f32);
    let golden = (5f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (COLDEST, HOTTEST);
    while high - low > 1e-3 {
        let (left, right) = (high - golden * (high - low), low + golden * (high - low));
        if loss(left) < loss(right) { high = right } else { low = left }
    }
    ((low + high) / 2.0).exp2() as f32
}

/// Mean negative log-likelihood in nats.
pub fn negative_log_likelihood(logits: &[f32], width: usize, labels: &[u16], temperature: f32) -> f64 {
    let mut row = vec![0.0; width];
    let loss = |(values, label): (&[f32], &u16)| {
        row.copy_from_slice(values);
        let own = f64::from(row[usize::from(*label)] / temperature);
        f64::from(softmax(&mut row, temperature) / temperature) - own
    };
    logits.chunks_exact(width).zip(labels).map(loss).sum::<f64>() / labels.len().max(1) as f64
}

/// How often the most probable class is right, by how probable it is said to be.
pub fn reliability(logits: &[f32], width: usize, labels: &[u16], temperature: f32) -> Reliability {
    let mut said = Reliability::default();
    let mut row = vec![0.0; width];
    for (values, label) in logits.chunks_exact(width).zip(labels) {
        row.copy_from_slice(values);
        softmax(&mut row, temperature);
        let best = super::decide::most_probable(&row);
        said.add(f64::from(row[best]), best == usize::from(*label));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_sum_to_one_and_keep_the_order_of_the_logits() {
        let mut row = [2.0, -1.0, 80.0, 79.0];
        let energy = softmax(&mut row, 2.0);
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!(row[2] > row[3] && row[3] > row[0] && row[0] > row[1]);
        assert!((energy - (80.0 + 2.0 * (1.0 + (-0.5f32).exp()).ln())).abs() < 1e-4);
    }

    #[test]
    fn logits_that_are_not_finite_give_equal_probabilities() {
        for logits in [[f32::NAN, 1.0], [f32::INFINITY, 1.0], [f32::NEG_INFINITY; 2]] {
            let mut row = logits;
            assert_eq!(softmax(&mut row, 1.0), f32::NEG_INFINITY, "{logits:?}");
            assert_eq!(row, [0.5, 0.5], "{logits:?}");
        }
    }

    #[test]
    fn the_fitted_temperature_undoes_a_scaling_of_the_logits() {
        // 3 of 4 rows right at odds of 3 to 1 are calibrated; ten times the logits need ten times the temperature
        let logit = 3f32.ln() * 10.0;
        let logits = [logit, 0.0].repeat(4);
        let temperature = fit_temperature(&logits, 2, &[0, 0, 0, 1]);
        assert!((temperature - 10.0).abs() < 0.05, "{temperature}");
        assert!(reliability(&logits, 2, &[0, 0, 0, 1], temperature).error() < 1e-3);
        assert!(reliability(&logits, 2, &[0, 0, 0, 1], 1.0).error() > 0.24);
    }
}
