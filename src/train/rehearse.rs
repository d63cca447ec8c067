//! What will be met and was never seen, rehearsed: models are trained without some attacks, and judge those.
//!
//! Each attack of the data is left out once, several at a time, as tests of tomorrow do not bring one new attack alone.
//! Nothing of these models goes into the one that is written but the figures in its card.

use super::dataset::{About, Dataset};
use super::trained::Trained;
use super::{Progress, Settings, TrainError};
use crate::classify::card::LeftOut;

/// How many times models are trained.
const ROUNDS: usize = 6;

/// Trains without each attack once, and says how each came out, by name.
///
/// # Errors
/// As training.
pub fn rehearse(
    dataset: &Dataset,
    settings: &Settings,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<LeftOut>, TrainError> {
    let mut found = Vec::new();
    let rounds = rounds(&dataset.about);
    for (place, classes) in rounds.iter().enumerate() {
        progress(Progress::Rehearsal { round: place + 1, of: rounds.len(), without: classes.join(", ") });
        let mut rest = dataset.clone();
        let left_out = rest.leave_out(classes);
        let trained = Trained::on(&rest, settings, progress)?;
        found.extend(trained.ready.judge_left_out(&left_out, &rest)?);
    }
    found.sort_by(|a, b| a.label.cmp(&b.label));
    Ok(found)
}

/// The attacks dealt out, so that those of one category fall into different rounds where they can.
fn rounds(about: &About) -> Vec<Vec<String>> {
    let is_attack = |class: &usize| about.classes[*class].category != "normal";
    let mut attacks: Vec<usize> = (0..about.classes.len()).filter(is_attack).collect();
    attacks.sort_by_key(|class| about.category(*class));
    let mut rounds = vec![Vec::new(); ROUNDS];
    for (place, class) in attacks.into_iter().enumerate() {
        rounds[place % ROUNDS].push(about.classes[class].name.clone());
    }
    rounds.retain(|round| !round.is_empty());
    rounds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::labels::category_of;

    #[test]
    fn each_attack_is_left_out_once_and_never_all_of_a_category() {
        let names = ["back", "ipsweep", "land", "neptune", "normal", "phf", "pod", "satan", "smurf", "spy", "teardrop"];
        let labels = names.map(str::to_owned);
        let rounds = rounds(&About::kdd99(&labels));
        let mut all: Vec<&String> = rounds.iter().flatten().collect();
        all.sort();
        assert_eq!(all, labels.iter().filter(|name| *name != "normal").collect::<Vec<_>>());
        for round in &rounds {
            let of = |category| round.iter().filter(|name| category_of(name) == Some(category)).count();
            assert!(of("dos") <= 1 && of("probe") <= 1 && of("r2l") <= 1, "{round:?}");
        }
    }
}
