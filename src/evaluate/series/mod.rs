//! How well a detector of points does on labelled series: the Numenta Anomaly Benchmark, the AIOPS and WSD collections of
//! service metrics, and the UCR archive.
//!
//! Every series is read once from front to back, and the detector is told values and times alone: no labels, no length, no
//! range. One configuration and one threshold count for all series of a collection. Beside each figure stands what
//! gaming gets: alarms that do not look at the data at all, or only at its range.

mod events;
mod files;
pub mod kpi;
pub mod nab;
pub mod text;
pub mod ucr;

use std::io;
use std::path::{Path, PathBuf};

use crate::anomaly::points::{Detector, Judgement, Kind, Point};

use files::Series;

/// Why a collection cannot be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum SeriesError {
    /// A file or folder cannot be read.
    #[error("{}: cannot be read ({source})", path.display())]
    Read {
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A row cannot be understood.
    #[error("{}: row {row}: {fault}; rows are {wanted}", file.display())]
    Row {
        /// The file.
        file: PathBuf,
        /// The row, from 1, the header not counted.
        row: usize,
        /// What is wrong.
        fault: String,
        /// The columns.
        wanted: &'static str,
    },
    /// The labels cannot be understood.
    #[error("{}: {fault}; it maps each file below data/ to its windows, [[first, last], …]", file.display())]
    Labels {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        fault: String,
    },
    /// There is nothing to judge.
    #[error("{}: no series in it; wanted is {wanted}", folder.display())]
    Nothing {
        /// The folder.
        folder: PathBuf,
        /// What it should hold.
        wanted: &'static str,
    },
    /// Scores that were given do not fit the data.
    #[error("{}: {found} scores for {wanted} rows", file.display())]
    OtherLength {
        /// The file of scores.
        file: PathBuf,
        /// Scores in it.
        found: usize,
        /// Rows of the data.
        wanted: usize,
    },
}

/// What judges the points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judge {
    /// A detector.
    Detector(Kind),
    /// Says an alarm every 600 points and reads nothing: what gaming a score gets.
    Periodic,
    /// Says an alarm where the value leaves the range so far by a twentieth of it: the other way to game.
    RangeRecord,
}

impl Judge {
    /// As it is written in commands and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Detector(kind) => kind.name(),
            Self::Periodic => "periodic",
            Self::RangeRecord => "range-record",
        }
    }

    /// One that has seen nothing.
    fn start(self, timed: bool) -> Judging {
        match self {
            Self::Detector(kind) => Judging::Detector(kind.start(timed)),
            Self::Periodic => Judging::Periodic(0),
            Self::RangeRecord => Judging::RangeRecord(None),
        }
    }
}

/// A judge at work on one series.
enum Judging {
    Detector(Box<dyn Detector>),
    /// Points so far.
    Periodic(u64),
    /// The range so far.
    RangeRecord(Option<(f64, f64)>),
}

/// Points between two alarms of [`Judge::Periodic`].
const PERIOD: u64 = 600;

impl Judging {
    fn observe(&mut self, point: Point) -> Judgement {
        let said = |strength: f64| Judgement { raw: strength, alarm: strength, ..Judgement::NOTHING };
        match self {
            Self::Detector(detector) => detector.observe(point),
            Self::Periodic(seen) => {
                *seen += 1;
                if *seen % PERIOD == 0 { said(1.0) } else { Judgement::NOTHING }
            }
            Self::RangeRecord(range) => {
                let value = point.value;
                let (low, high) = range.unwrap_or((value, value));
                *range = Some((low.min(value), high.max(value)));
                let margin = (high - low) / 20.0;
                if value > high + margin || value < low - margin { said(1.0) } else { Judgement::NOTHING }
            }
        }
    }
}

/// What a judge says of every point of a series.
fn judged(series: &Series, judge: Judge) -> Vec<Judgement> {
    let mut judging = judge.start(series.timed);
    series.points.iter().map(|point| judging.observe(*point)).collect()
}

/// The points of a file of values, with times where it has any.
///
/// # Errors
/// When it cannot be read or understood.
pub fn points(path: &Path) -> Result<Vec<Point>, SeriesError> {
    files::read(path).map(|series| series.points)
}

/// The series files below a folder, in the order of their names.
fn files_in(folder: &Path, wanted: &'static str) -> Result<Vec<PathBuf>, SeriesError> {
    let failed = |source| SeriesError::Read { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".csv") || name.ends_with(".csv.gz") {
            found.push(path);
        }
    }
    found.sort();
    if found.is_empty() { Err(SeriesError::Nothing { folder: folder.to_owned(), wanted }) } else { Ok(found) }
}

/// A share, rounded to what is worth reading; 0 of nothing.
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
