//! The UCR anomaly archive: each series has one anomaly, behind a part without any.
//!
//! The most unusual point (of the highest raw score, alarms or not) behind the training part has to lie within 100 points of
//! the labelled ones, or within as many as are labelled. The points have no times.

use std::path::Path;

use serde::Serialize;

use super::files::{Series, read};
use super::{Judge, SeriesError, files_in, judged, share};

/// Points that an answer may always lie beside the anomaly.
const SLACK: usize = 100;
const WANTED: &str = "one CSV file per series, value,label, with _trainN in its name";

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UcrReport {
    /// What judged.
    pub detector: &'static str,
    /// Share of the series whose anomaly was found.
    pub accuracy: f64,
    /// Series.
    pub series: usize,
    /// Anomalies found.
    pub found: usize,
    /// Share that a point drawn by chance would find.
    pub chance: f64,
}

/// Evaluates a folder of series; `progress` is told how many are done.
///
/// # Errors
/// When a file cannot be read or understood, or there is none.
pub fn evaluate(folder: &Path, judge: Judge, progress: &mut dyn FnMut(usize)) -> Result<UcrReport, SeriesError> {
    let files = files_in(folder, WANTED)?;
    let (mut found, mut chance) = (0, 0.0);
    for (done, file) in files.iter().enumerate() {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let series = read(file)?;
        let train = train_points(&name).filter(|train| *train < series.points.len());
        let (Some(train), Some((from, to))) = (train, target(&series)) else {
            return Err(SeriesError::Nothing { folder: file.clone(), wanted: WANTED });
        };
        let raw: Vec<f64> = judged(&series, judge).iter().map(|judgement| judgement.raw).collect();
        found += usize::from((from..to).contains(&most_unusual(&raw, train)));
        chance += share(to.min(raw.len()).saturating_sub(from.max(train)), raw.len() - train);
        progress(done + 1);
    }
    let series = files.len();
    Ok(UcrReport {
        detector: judge.name(),
        accuracy: share(found, series),
        series,
        found,
        chance: chance / series as f64,
    })
}

/// The number behind `_train` in a name.
fn train_points(name: &str) -> Option<usize> {
    let (_, rest) = name.split_once("_train")?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    rest[..digits].parse().ok()
}

/// Where an answer is right: from its first point to behind its last.
fn target(series: &Series) -> Option<(usize, usize)> {
    let segments = series.segments();
    let ((start, _), (_, end)) = (segments.first()?, segments.last()?);
    let slack = (end - start).max(SLACK);
    Some((start.saturating_sub(slack), end + slack))
}

/// The first point of the highest raw score from `train` on.
fn most_unusual(raw: &[f64], train: usize) -> usize {
    (train..raw.len()).fold(train, |most, at| if raw[at] > raw[most] { at } else { most })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_training_part_is_read_from_the_name_and_left_out() {
        assert_eq!(train_points("DISTORTEDECG1_train10000.csv.gz"), Some(10_000));
        assert_eq!(train_points("ECG1.csv"), None);
        assert_eq!(most_unusual(&[9.0, 1.0, 3.0, 3.0], 1), 2);
    }
}
