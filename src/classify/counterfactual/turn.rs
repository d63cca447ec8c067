//! Where on a way the verdict turns normal, and what may be claimed of it.

use super::way::{Step, Way};
use super::{Case, Judge};
use crate::event::annotated::{Condition, Relation};
use crate::features::Matrix;

/// Points between two of the first that are asked then, and again between two of those.
const FINE: usize = 7;
/// Ways that are looked at more closely.
const CLOSER: usize = 3;
/// Up to so many features all corners of what is claimed are asked; of more, those where one is near or far alone.
const ALL_CORNERS: usize = 4;

/// A way with the part of it after which the verdict is normal.
#[derive(Debug, Clone, Copy)]
struct Turn<'a> {
    way: &'a Way,
    /// The verdict is no longer normal here (or this is the event itself), …
    attack: f32,
    /// … and normal here, …
    normal: f32,
    /// … as it is at all points asked beyond.
    stays: bool,
}

/// The conditions of the way with the smallest change; none where no way leads to normal.
pub fn best<J: Judge>(case: &Case<'_>, ways: &[Way], judge: &mut J) -> Result<Vec<Condition>, J::Error> {
    let mut turns = coarse(case, ways, judge)?;
    turns.sort_by(|a, b| a.way.distance(a.normal).total_cmp(&b.way.distance(b.normal)));
    turns.truncate(CLOSER);
    for _ in 0..2 {
        closer(case, &mut turns, judge)?;
    }
    turns.sort_by(|a, b| a.way.distance(a.normal).total_cmp(&b.way.distance(b.normal)));
    turns.first().map_or(Ok(Vec::new()), |turn| claim(case, turn, judge))
}

/// Where each way turns normal first, of those that do.
fn coarse<'w, J: Judge>(case: &Case<'_>, ways: &'w [Way], judge: &mut J) -> Result<Vec<Turn<'w>>, J::Error> {
    let part = |point: usize, of: usize| point as f32 / of as f32;
    let asked = ways.iter().flat_map(|way| (1..=way.points()).map(move |point| (way, part(point, way.points()))));
    let events = case.matrix(asked.map(|(way, part)| way.at(part, case)));
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let answers = normal(judge, &events)?;
    let (mut turns, mut rest) = (Vec::new(), answers.as_slice());
    for way in ways {
        let (answers, others) = rest.split_at(way.points());
        rest = others;
        if let Some(first) = answers.iter().position(|normal| *normal) {
            turns.push(Turn {
                way,
                attack: part(first, way.points()),
                normal: part(first + 1, way.points()),
                stays: answers[first..].iter().all(|normal| *normal),
            });
        }
    }
    Ok(turns)
}

/// Narrows each turn down to one of the parts between points that are asked anew.
fn closer<J: Judge>(case: &Case<'_>, turns: &mut [Turn<'_>], judge: &mut J) -> Result<(), J::Error> {
    let part =
        |turn: &Turn<'_>, point: usize| turn.attack + (turn.normal - turn.attack) * point as f32 / (FINE + 1) as f32;
    let event = |turn: &Turn<'_>, point| turn.way.at(part(turn, point), case);
    let moving = turns.iter().filter(|turn| turn.way.points() > 1);
    let events = case.matrix(moving.flat_map(|turn| (1..=FINE).map(move |point| event(turn, point))));
    if events.is_empty() {
        return Ok(());
    }
    let answers = normal(judge, &events)?;
    let moving = turns.iter_mut().filter(|turn| turn.way.points() > 1);
    for (turn, answers) in moving.zip(answers.chunks_exact(FINE)) {
        let first = answers.iter().position(|normal| *normal);
        turn.stays &= first.is_none_or(|first| answers[first..].iter().all(|normal| *normal));
        let (attack, normal) = match first {
            Some(first) => (part(turn, first), part(turn, first + 1)),
            None => (part(turn, FINE), turn.normal),
        };
        (turn.attack, turn.normal) = (attack, normal);
    }
    Ok(())
}

/// What may be said of a turn, asked once more with the values that are said.
fn claim<J: Judge>(case: &Case<'_>, turn: &Turn<'_>, judge: &mut J) -> Result<Vec<Condition>, J::Error> {
    let steps = &turn.way.steps;
    // "at most … and at most …" claims what lies beyond each value too: at the ends of some ways, or of all
    let corner = |far: u32| {
        let value = |step: &Step| {
            let place = steps.iter().position(|other| other.feature == step.feature).unwrap_or_default();
            if far >> place & 1 == 1 { step.value(1.0) } else { step.rounded(turn.normal) }
        };
        turn.way.with(case, value)
    };
    let answers = normal(judge, &case.matrix(corners(steps.len()).into_iter().map(corner)))?;
    let stays = turn.stays && answers.iter().all(|normal| *normal);
    let condition = |step: &Step| Condition {
        feature: u16::try_from(step.feature).expect("features are few"),
        relation: if stays { step.relation() } else { Relation::Equal },
        value: if answers[0] { step.rounded(turn.normal) } else { step.value(turn.normal) },
    };
    Ok(steps.iter().map(condition).collect())
}

/// The corners that are asked, a bit for each feature that is at the end of its way; the first has none.
fn corners(features: usize) -> Vec<u32> {
    let all = (1 << features) - 1;
    if features <= ALL_CORNERS {
        return (0..all).collect();
    }
    let alone = (0..features).flat_map(|feature| [1 << feature, all ^ 1 << feature]);
    std::iter::once(0).chain(alone).collect()
}

fn normal<J: Judge>(judge: &mut J, events: &Matrix) -> Result<Vec<bool>, J::Error> {
    Ok(judge.ask(events)?.iter().map(|answer| answer.normal).collect())
}
