//! Metrics of services with labelled stretches (AIOPS challenge 2018, WSD).
//!
//! One pass over each whole series. One threshold for all of them: the one with the best F1 on the rows whose `part` is
//! `train`, or on the first half where no column says. The figures are those of the other rows. A stretch is found if an
//! alarm falls within its first eight points; every alarm point outside of all stretches is one that is false; the first 150
//! points of a series are not scored.

use std::path::Path;

use serde::Serialize;

use super::events::{Quality, Strength, best_threshold};
use super::files::{Series, read};
use super::{Judge, SeriesError, files_in, judged};

/// Points of a stretch in which it has to be found.
const DELAY: usize = 8;
/// Points at the beginning that are not scored.
const UNSCORED: usize = 150;
const WANTED: &str = "one CSV file per series: timestamp,value,label and perhaps part";

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KpiReport {
    /// What judged.
    pub detector: &'static str,
    /// Series read.
    pub series: usize,
    /// Points that were scored for the figures.
    pub points: usize,
    /// The threshold that was chosen on the training rows.
    pub threshold: f64,
    /// On the other rows, with that threshold.
    #[serde(flatten)]
    pub quality: Quality,
    /// Alarm points per 1,000 points, right ones included.
    pub alarms_per_1000: f64,
    /// On the training rows.
    pub train: Quality,
    /// F1 of an alarm every 600 points and of one at every record of the range.
    pub baselines: Baselines,
    /// How strong an alarm is that so few of the unlabelled points have, training rows and others together.
    pub strengths: Vec<Quantile>,
}

/// A strength of alarms, and how seldom one is as strong.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quantile {
    /// −log10 of the share of points.
    pub evidence: f64,
    /// The strength.
    pub strength: f64,
}

/// What gaming gets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Baselines {
    /// F1 of alarms that do not look at the data.
    pub periodic: f64,
    /// F1 of alarms where the value leaves its range so far.
    pub range_record: f64,
}

/// What one judge said, by part.
#[derive(Debug, Default)]
struct Part {
    strengths: Vec<Strength>,
    events: usize,
    points: usize,
    /// Of the points, those that are labelled.
    labelled: usize,
}

/// Evaluates a folder of series; `progress` is told how many are done.
///
/// # Errors
/// When a file cannot be read or understood, or there is none.
pub fn evaluate(folder: &Path, judge: Judge, progress: &mut dyn FnMut(usize)) -> Result<KpiReport, SeriesError> {
    let files = files_in(folder, WANTED)?;
    let judges = [judge, Judge::Periodic, Judge::RangeRecord];
    let mut parts: [[Part; 2]; 3] = Default::default();
    for (done, file) in files.iter().enumerate() {
        let series = read(file)?;
        for (parts, judge) in parts.iter_mut().zip(judges) {
            let alarms: Vec<f64> = judged(&series, judge).iter().map(|judgement| judgement.alarm).collect();
            take(&series, &alarms, parts);
        }
        progress(done + 1);
    }
    let [(threshold, train, quality), (_, _, periodic), (_, _, range)] = parts.each_mut().map(scored);
    let points = parts[0][1].points;
    let alarms = parts[0][1].strengths.iter().filter(|(strength, _)| *strength >= threshold).count();
    Ok(KpiReport {
        detector: judge.name(),
        series: files.len(),
        points,
        threshold,
        quality,
        alarms_per_1000: 1000.0 * super::share(alarms, points),
        train,
        baselines: Baselines { periodic: periodic.f1, range_record: range.f1 },
        strengths: strengths(&parts[0]),
    })
}

/// How strong the alarms of unlabelled points are.
fn strengths(parts: &[Part; 2]) -> Vec<Quantile> {
    let points: usize = parts.iter().map(|part| part.points - part.labelled).sum();
    let all = parts.iter().flat_map(|part| &part.strengths);
    let mut strengths: Vec<f64> = all.filter(|(_, is_right)| !is_right).map(|(strength, _)| *strength).collect();
    strengths.sort_by(|one, other| other.total_cmp(one));
    let at = |evidence: f64| {
        let place = (points as f64 * 10_f64.powf(-evidence)) as usize;
        Quantile { evidence, strength: strengths.get(place).copied().unwrap_or(0.0) }
    };
    [2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5].map(at).to_vec()
}

/// Adds what was said of a series to the training part (first) and the other.
fn take(series: &Series, alarms: &[f64], parts: &mut [Part; 2]) {
    let half = series.points.len() / 2;
    let part = |at: usize| match &series.train {
        Some(train) => usize::from(!train[at]),
        None => usize::from(at >= half),
    };
    for (start, end) in series.segments().into_iter().filter(|(start, _)| *start >= UNSCORED) {
        let part = &mut parts[part(start)];
        part.events += 1;
        let strongest = alarms[start..end.min(start + DELAY)].iter().copied().fold(0.0, f64::max);
        if strongest > 0.0 {
            part.strengths.push((strongest, true));
        }
    }
    for (at, alarm) in alarms.iter().enumerate().skip(UNSCORED) {
        let part = &mut parts[part(at)];
        part.points += 1;
        part.labelled += usize::from(series.labels[at]);
        if *alarm > 0.0 && !series.labels[at] {
            part.strengths.push((*alarm, false));
        }
    }
}

/// The threshold, and the quality on the training part and the other.
fn scored([train, rest]: &mut [Part; 2]) -> (f64, Quality, Quality) {
    let threshold = best_threshold(&mut train.strengths, train.events);
    let train = Quality::at(threshold, &train.strengths, train.events);
    (threshold, train, Quality::at(threshold, &rest.strengths, rest.events))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anomaly::points::Point;

    #[test]
    fn a_stretch_is_found_within_eight_points_and_false_points_count_one_by_one() {
        let points = vec![Point { value: 0.0, seconds: 0 }; 400];
        let labels = (0..400).map(|at| (200..220).contains(&at) || (300..320).contains(&at)).collect();
        let train = Some(vec![false; 400]);
        let series = Series { points, timed: true, dates: Vec::new(), labels, train };
        let mut alarms = vec![0.0; 400];
        for at in [10, 207, 308, 350, 351] {
            alarms[at] = 1.0;
        }
        let mut parts = <[Part; 2]>::default();
        take(&series, &alarms, &mut parts);
        let quality = Quality::at(1.0, &parts[1].strengths, parts[1].events);
        assert_eq!((quality.found, quality.false_points, quality.events), (1, 2, 2));
        assert_eq!((parts[1].points, parts[1].labelled), (250, 40));
        // of 210 unlabelled points two have an alarm, both as strong
        let strengths = strengths(&parts).iter().map(|at| at.strength).collect::<Vec<_>>();
        assert_eq!(strengths, [1.0; 7]);
    }
}
