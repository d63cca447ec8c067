//! The Numenta Anomaly Benchmark over a folder with `data/CATEGORY/FILE.csv` and `labels/combined_windows.json`.

mod scoring;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::files::{Series, open, plain_date, read};
use super::{Judge, SeriesError, files_in, judged, share};
use scoring::{Best, Row, optimise, rows};

const WANTED: &str = "data/CATEGORY/FILE.csv and labels/combined_windows.json";

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NabReport {
    /// What judged.
    pub detector: String,
    /// Score of the standard profile.
    pub standard: f64,
    /// Score of the profile that minds false positives.
    #[serde(rename = "reward_low_FP_rate")]
    pub low_false_positives: f64,
    /// Score of the profile that minds false negatives.
    #[serde(rename = "reward_low_FN_rate")]
    pub low_false_negatives: f64,
    /// Files read.
    pub files: usize,
    /// Labelled windows.
    pub windows: usize,
    /// Windows with an alarm, at the threshold of the standard profile, as all that follows.
    pub windows_found: usize,
    /// Alarm rows outside of windows.
    pub false_positive_points: usize,
    /// Alarm rows in windows.
    pub true_positive_points: usize,
    /// Share of the alarm rows that lie in windows; a tenth of all rows do.
    pub precision: f64,
    /// Alarm rows per 1,000 scored rows.
    pub alarms_per_1000: f64,
    /// The thresholds of the three profiles, each the best on these very labels, as the benchmark has it; none where
    /// never to say an alarm is best.
    pub thresholds: [Option<f64>; 3],
    /// Standard scores of alarms that do not look at the data, and of alarms at every record of the range.
    pub baselines: super::kpi::Baselines,
}

/// Who is measured.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// A judge, here and now.
    Judge(Judge),
    /// Scores in files `CATEGORY/NAME_FILE.csv` of a folder called NAME, in a column `anomaly_score`.
    Published(&'a Path),
}

/// Evaluates a folder; `progress` is told how many files are done.
///
/// # Errors
/// When a file cannot be read or understood, or there is none.
pub fn evaluate(folder: &Path, source: Source<'_>, progress: &mut dyn FnMut(usize)) -> Result<NabReport, SeriesError> {
    let labels = labels(folder)?;
    let files = data_files(folder)?;
    let mut all: [Vec<Row>; 3] = Default::default();
    let mut windows = 0;
    for (done, (category, file)) in files.iter().enumerate() {
        let series = read(file)?;
        let key = format!("{category}/{}", plain_name(file));
        let own = windows_of(&series, labels.get(&key), &key, folder)?;
        let scores = match source {
            Source::Judge(judge) => alarms(&series, judge),
            Source::Published(scores) => published(scores, category, file, series.points.len())?,
        };
        let baselines = [alarms(&series, Judge::Periodic), alarms(&series, Judge::RangeRecord)];
        for (all, scores) in all.iter_mut().zip([scores].into_iter().chain(baselines)) {
            all.extend(rows(&scores, &own, windows));
        }
        windows += own.len();
        progress(done + 1);
    }
    let scored = all[0].len();
    let [best, periodic, range] = all.map(|rows| optimise(rows, windows));
    let baselines = super::kpi::Baselines { periodic: periodic[0].score, range_record: range[0].score };
    Ok(NabReport::new(name(source), &best, [files.len(), windows, scored], baselines))
}

impl NabReport {
    fn new(detector: String, best: &[Best; 3], counts: [usize; 3], baselines: super::kpi::Baselines) -> Self {
        let [standard, few_wrong, few_missed] = best;
        let [files, windows, scored] = counts;
        let alarms = standard.right_rows + standard.wrong_rows;
        Self {
            detector,
            standard: standard.score,
            low_false_positives: few_wrong.score,
            low_false_negatives: few_missed.score,
            files,
            windows,
            windows_found: standard.windows_found,
            false_positive_points: standard.wrong_rows,
            true_positive_points: standard.right_rows,
            precision: share(standard.right_rows, alarms),
            alarms_per_1000: 1000.0 * share(alarms, scored),
            thresholds: best.map(|best| best.threshold.is_finite().then_some(best.threshold)),
            baselines,
        }
    }
}

fn name(source: Source<'_>) -> String {
    match source {
        Source::Judge(judge) => judge.name().to_owned(),
        Source::Published(folder) => folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    }
}

fn alarms(series: &Series, judge: Judge) -> Vec<f64> {
    judged(series, judge).iter().map(|judgement| judgement.alarm).collect()
}

/// First and last date of each window, by file.
type Labels = BTreeMap<String, Vec<(String, String)>>;

fn labels_file(folder: &Path) -> PathBuf {
    folder.join("labels").join("combined_windows.json")
}

fn labels(folder: &Path) -> Result<Labels, SeriesError> {
    let file = labels_file(folder);
    let text = std::fs::read(&file).map_err(|source| SeriesError::Read { path: file.clone(), source })?;
    serde_json::from_slice(&text).map_err(|error| SeriesError::Labels { file, fault: error.to_string() })
}

/// Categories and files, in the order of their names.
fn data_files(folder: &Path) -> Result<Vec<(String, PathBuf)>, SeriesError> {
    let data = folder.join("data");
    let failed = |source| SeriesError::Read { path: data.clone(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&data).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.path().is_dir() {
            let category = entry.file_name().to_string_lossy().into_owned();
            found.extend(files_in(&entry.path(), WANTED)?.into_iter().map(|file| (category.clone(), file)));
        }
    }
    found.sort();
    if found.is_empty() { Err(SeriesError::Nothing { folder: data, wanted: WANTED }) } else { Ok(found) }
}

/// The file's name as labels have it.
fn plain_name(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.strip_suffix(".gz").unwrap_or(&name).to_owned()
}

/// First and last row of each window.
fn windows_of(
    series: &Series,
    labels: Option<&Vec<(String, String)>>,
    key: &str,
    folder: &Path,
) -> Result<Vec<(usize, usize)>, SeriesError> {
    let fault = |fault| SeriesError::Labels { file: labels_file(folder), fault };
    let row = |date: &String| {
        let found = series.dates.iter().position(|known| known == plain_date(date));
        found.ok_or_else(|| fault(format!("{key} has no row of {date}")))
    };
    let labels = labels.ok_or_else(|| fault(format!("it does not name {key}")))?;
    labels.iter().map(|(first, last)| Ok((row(first)?, row(last)?))).collect()
}

/// The scores that somebody published for a file.
fn published(folder: &Path, category: &str, file: &Path, wanted: usize) -> Result<Vec<f64>, SeriesError> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let plain = folder.join(category).join(format!("{name}_{}", plain_name(file)));
    let packed = plain.with_extension("csv.gz");
    let path = if packed.exists() { packed } else { plain };
    let row = |row, fault| SeriesError::Row { file: path.clone(), row, fault, wanted: "anomaly_score" };
    let mut reader = csv::Reader::from_reader(open(&path)?);
    let header = reader.headers().map_err(|error| row(0, error.to_string()))?;
    let column = header.iter().position(|column| column == "anomaly_score");
    let column = column.ok_or_else(|| row(0, "no column is called anomaly_score".to_owned()))?;
    let mut scores = Vec::with_capacity(wanted);
    for (at, record) in reader.records().enumerate() {
        let record = record.map_err(|error| row(at + 1, error.to_string()))?;
        let text = record.get(column).unwrap_or_default();
        scores.push(text.parse().map_err(|_| row(at + 1, format!("'{text}' is no number")))?);
    }
    if scores.len() == wanted {
        Ok(scores)
    } else {
        Err(SeriesError::OtherLength { file: path, found: scores.len(), wanted })
    }
}
