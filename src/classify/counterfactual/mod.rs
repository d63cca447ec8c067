//! What would have had to be otherwise for a verdict to be normal: the smallest change that was found, of as few features as do.
//!
//! A change moves features towards values that training has seen; the network is asked at some points of each
//! way, and then between the last point that is no longer normal and the first that is. One of the strongest features is tried, then
//! two of them, then [`grow`] looks for more of all features. What is claimed was asked: the event with
//! these values is normal, and a claim of "at most" or "at least" holds at every point that was asked beyond. Where a
//! point beyond is an attack again, only the value itself is claimed. It is a statement about the model, not about the world: a
//! real event with these values would have had others too.

use super::typical::Typical;
use super::values::{set, value_of};
use crate::event::annotated::{Condition, FeatureValue, Relation};
use crate::features::{Matrix, Row, Sample, Space};

mod grow;
mod turn;
mod way;

use grow::grow;
use turn::best;
use way::{Step, Way, ways_of};

/// Features that are tried alone, the strongest first.
const TRIED: usize = 6;
/// Features that are tried in pairs.
const PAIRED: usize = 5;

pub use grow::MOST;

/// An attack, and the features that speak for its verdict, the strongest first.
#[derive(Debug, Clone)]
pub struct Case<'a> {
    /// The event.
    pub row: Row<'a>,
    /// The space that it is of.
    pub space: &'a Space,
    /// Places of features in that space.
    pub strongest: Vec<usize>,
    /// Whether it is also looked for changes of more than two features, which takes some ten times as long.
    pub thorough: bool,
}

impl Case<'_> {
    fn value(&self, feature: usize) -> FeatureValue {
        value_of(feature, self.space, self.row)
    }

    fn matrix(&self, events: impl Iterator<Item = Sample>) -> Matrix {
        let mut matrix = Matrix::new(self.space.shape());
        events.for_each(|event| matrix.push(event.row()));
        matrix
    }
}

/// What a model says of an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    /// Whether the verdict is normal.
    pub normal: bool,
    /// The logarithm of the belief that it is: what raises it leads to normal.
    pub belief: f32,
}

/// Says of each event whether its verdict is normal.
pub trait Judge {
    /// Why it could not.
    type Error;

    /// One answer for each event.
    ///
    /// # Errors
    /// When the network cannot be run.
    fn ask(&mut self, events: &Matrix) -> Result<Vec<Answer>, Self::Error>;
}

/// The conditions under which the case would have been normal; none where no change of at most [`MOST`] features was found.
///
/// # Errors
/// When the network cannot be run.
pub fn search<J: Judge>(case: &Case<'_>, typical: &Typical, judge: &mut J) -> Result<Vec<Condition>, J::Error> {
    let features = || case.strongest.iter().copied();
    let single: Vec<Way> = features().take(TRIED).flat_map(|feature| ways_of(feature, case, typical)).collect();
    let found = best(case, &single, judge)?;
    if !found.is_empty() {
        return Ok(found);
    }
    let towards: Vec<Step> =
        features().filter_map(|feature| Step::towards_normal(feature, case, typical)).take(PAIRED).collect();
    let pairs =
        towards.iter().enumerate().flat_map(|(place, one)| towards[place + 1..].iter().map(move |two| (one, two)));
    let pairs: Vec<Way> = pairs.map(|(one, two)| Way { steps: vec![one.clone(), two.clone()] }).collect();
    let found = best(case, &pairs, judge)?;
    if !found.is_empty() || !case.thorough {
        return Ok(found);
    }
    match grow(case, typical, judge)? {
        Some(way) => {
            let found = best(case, &[way], judge)?;
            needed(case, found, judge)
        }
        None => Ok(Vec::new()),
    }
}

/// Leaves out conditions without which the event is normal all the same: what is needed at the end of a way need not be so where
/// the verdict turns. Those that remain promise only their values then.
fn needed<J: Judge>(
    case: &Case<'_>,
    mut conditions: Vec<Condition>,
    judge: &mut J,
) -> Result<Vec<Condition>, J::Error> {
    while conditions.len() > 1 {
        let without = |gone: usize| {
            let mut changed = Sample::from(case.row);
            for (_, kept) in conditions.iter().enumerate().filter(|(place, _)| *place != gone) {
                set(usize::from(kept.feature), &kept.value, case.space, &mut changed);
            }
            changed
        };
        let events = case.matrix((0..conditions.len()).map(without));
        let Some(idle) = judge.ask(&events)?.iter().position(|answer| answer.normal) else { break };
        conditions.remove(idle);
        conditions.iter_mut().for_each(|condition| condition.relation = Relation::Equal);
    }
    Ok(conditions)
}

#[cfg(test)]
mod tests;
