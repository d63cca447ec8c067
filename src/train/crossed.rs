//! What a model does on captures that it has not seen: each row is judged by a network that has learned nothing of its group of
//! captures.
//!
//! A split of rows flatters where captures differ: rows of one capture are alike, and a network that has learned some of them knows the
//! others. So temperature, thresholds and figures of a model that learns from several captures come from these outputs.

use super::dataset::{Dataset, Row};
use super::fitted::Fitted;
use super::measure::{Outputs, View};
use super::{Progress, Settings, TrainError};

/// Outputs for all rows, each of a network without its group.
#[derive(Debug, Clone, PartialEq)]
pub struct Crossed {
    /// The outputs.
    pub outputs: Outputs,
    /// For each of them the capture, as a place in [`Dataset::captures`].
    pub captures: Vec<u16>,
}

/// Fits a network for each round, without its groups, and lets it judge their rows.
///
/// # Errors
/// As training.
pub fn crossed(
    dataset: &Dataset,
    settings: &Settings,
    progress: &mut dyn FnMut(Progress),
) -> Result<Crossed, TrainError> {
    let rounds = rounds(dataset, settings.rounds);
    let (mut all, mut captures) = (None::<Outputs>, Vec::new());
    for (place, groups) in rounds.iter().enumerate() {
        progress(Progress::Rehearsal { round: place + 1, of: rounds.len(), without: groups.join(", ") });
        let is_out = |row: &&Row| groups.contains(&dataset.captures[usize::from(row.capture)].group.as_str());
        let kept = dataset.rows.iter().filter(|row| !is_out(row)).cloned().collect();
        let out: Vec<&Row> = dataset.rows.iter().filter(is_out).collect();
        let Fitted { encoding, network, .. } = Fitted::to(&dataset.with_rows(kept), settings, progress)?;
        let classes = &dataset.about.classes;
        let outputs = Outputs::of(&network, &encoding, out.iter().copied(), View::Whole, classes)?;
        captures.extend(out.iter().map(|row| row.capture));
        all = Some(match all {
            Some(before) => before.and(outputs),
            None => outputs,
        });
    }
    let lacking = || TrainError::TooLittle { file: dataset.file.clone(), what: "no rows to judge".to_owned() };
    Ok(Crossed { outputs: all.ok_or_else(lacking)?, captures })
}

/// The groups, dealt out one after the other to so many rounds; a round for each where no number is given.
fn rounds(dataset: &Dataset, count: Option<usize>) -> Vec<Vec<&str>> {
    let mut groups: Vec<&str> = Vec::new();
    for row in &dataset.rows {
        let group = dataset.captures[usize::from(row.capture)].group.as_str();
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    let count = count.unwrap_or(groups.len()).clamp(1, groups.len().max(1));
    let mut rounds = vec![Vec::new(); count];
    for (place, group) in groups.into_iter().enumerate() {
        rounds[place % count].push(group);
    }
    rounds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::dataset::Capture;

    #[test]
    fn every_group_is_out_once_and_captures_of_one_are_out_together() {
        let capture = |name: &str, group: &str| Capture { name: name.to_owned(), group: group.to_owned() };
        let captures = vec![capture("a", "a"), capture("b", "bc"), capture("c", "bc"), capture("d", "d")];
        let dataset = Dataset::of_captures(captures);
        assert_eq!(rounds(&dataset, None), [vec!["a"], vec!["bc"], vec!["d"]]);
        assert_eq!(rounds(&dataset, Some(2)), [vec!["a", "d"], vec!["bc"]]);
        assert_eq!(rounds(&dataset, Some(9)).len(), 3);
    }
}
