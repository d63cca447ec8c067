//! More than two features that together make an event normal: taken up one by one, then those left out again that are not needed.
//!
//! Where a flood shows in eight rates at once, no two of them are enough, and no single one seems to help. So each round
//! takes up the feature that raises the belief in normal most; where that leads astray, all features are taken up in their order
//! until the event is normal, and as many as possible are given back.

use super::super::typical::Typical;
use super::way::{Step, Way};
use super::{Answer, Case, Judge};

/// Most features that may have to change: an attack that differs from normal in more is far from it, and that is all there is to say.
pub const MOST: usize = 12;
/// Most features that are taken up one by one; of those that were not needed after all, some are given back.
const DEEPEST: usize = 16;

/// The end of the way that was found is normal, and would not be without any one of its features.
///
/// # Errors
/// When the network cannot be run.
pub fn grow<J: Judge>(case: &Case<'_>, typical: &Typical, judge: &mut J) -> Result<Option<Way>, J::Error> {
    let others = (0..case.space.features().len()).filter(|feature| !case.strongest.contains(feature));
    let features = case.strongest.iter().copied().chain(others);
    let steps: Vec<Step> = features.filter_map(|feature| Step::towards_normal(feature, case, typical)).collect();
    let mut search = Search { case, steps, judge };
    if let Some(taken) = search.one_by_one()?
        && let Some(way) = search.readable(taken)?
    {
        return Ok(Some(way));
    }
    match search.in_order()? {
        Some(taken) => search.readable(taken),
        None => Ok(None),
    }
}

struct Search<'a, 'c, J> {
    case: &'a Case<'c>,
    /// All features that may change, the strongest first.
    steps: Vec<Step>,
    judge: &'a mut J,
}

impl<J: Judge> Search<'_, '_, J> {
    fn way(&self, taken: &[usize]) -> Way {
        Way { steps: taken.iter().map(|step| self.steps[*step].clone()).collect() }
    }

    /// What the model says of the ends of these ways.
    fn ask(&mut self, ways: &[Vec<usize>]) -> Result<Vec<Answer>, J::Error> {
        if ways.is_empty() {
            return Ok(Vec::new());
        }
        let events = self.case.matrix(ways.iter().map(|taken| self.way(taken).at(1.0, self.case)));
        self.judge.ask(&events)
    }

    /// The features that raise the belief in normal most, one after the other, until the event is normal.
    fn one_by_one(&mut self) -> Result<Option<Vec<usize>>, J::Error> {
        let mut taken: Vec<usize> = Vec::new();
        while taken.len() < DEEPEST {
            let rest = (0..self.steps.len()).filter(|step| !taken.contains(step));
            let ways: Vec<Vec<usize>> = rest.map(|step| [taken.as_slice(), &[step]].concat()).collect();
            let answers = self.ask(&ways)?;
            let better = |a: &(Answer, _), b: &(Answer, _)| {
                a.0.normal.cmp(&b.0.normal).then_with(|| a.0.belief.total_cmp(&b.0.belief))
            };
            // of equals the strongest, which comes first
            let Some((answer, best)) = answers.into_iter().zip(ways).rev().max_by(better) else { break };
            if answer.normal {
                return Ok(Some(best));
            }
            taken = best;
        }
        Ok(None)
    }

    /// As many of the strongest as it takes; none where all of them are not enough.
    fn in_order(&mut self) -> Result<Option<Vec<usize>>, J::Error> {
        let ways: Vec<Vec<usize>> = (1..=self.steps.len()).map(|many| (0..many).collect()).collect();
        let answers = self.ask(&ways)?;
        Ok(answers.iter().zip(ways).find(|(answer, _)| answer.normal).map(|(_, way)| way))
    }

    /// The way of those features that are needed; none where they are too many.
    fn readable(&mut self, taken: Vec<usize>) -> Result<Option<Way>, J::Error> {
        let mut needed = self.needed(taken)?;
        needed.sort_unstable();
        Ok((needed.len() <= MOST).then(|| self.way(&needed)))
    }

    /// Of features that make the event normal, those without any of which it is not.
    fn needed(&mut self, mut taken: Vec<usize>) -> Result<Vec<usize>, J::Error> {
        while taken.len() > 1 {
            let without = |gone: &[usize]| taken.iter().copied().filter(|step| !gone.contains(step)).collect();
            let ways: Vec<Vec<usize>> = taken.iter().map(|step| without(&[*step])).collect();
            let answers = self.ask(&ways)?;
            let mut idle: Vec<(usize, Answer)> =
                taken.iter().copied().zip(answers).filter(|(_, answer)| answer.normal).collect();
            if idle.is_empty() {
                break;
            }
            idle.sort_by(|a, b| b.1.belief.total_cmp(&a.1.belief));
            // what is idle alone may be needed beside others that are: so as many as may go together
            let gone: Vec<usize> = idle.into_iter().map(|(step, _)| step).collect();
            let ways: Vec<Vec<usize>> = (1..=gone.len()).map(|many| without(&gone[..many])).collect();
            let together = self.ask(&ways)?.iter().take_while(|answer| answer.normal).count().max(1);
            taken = without(&gone[..together]);
        }
        Ok(taken)
    }
}
