//! KDD rows, each distinct one once, in three parts.
//!
//! A row is its 41 features as text, so rows that are equal in all columns are one. A row belongs as a whole, with all its
//! repetitions and labels, to one part. Within each class the rows are ordered by a seeded hash of their text, and the head
//! of that order is the test part, what follows the validation part, the rest the training part: so rare classes
//! have rows in each part.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::TrainError;
use crate::classify::card::{AlsoCard, Decision, DecisionRule, LabelCard};
use crate::classify::encode::Curve;
use crate::classify::labels::{CATEGORIES, COSTS, category_of, label_of};
use crate::classify::quality::category_names;
use crate::features::{NUMERIC, Sample, Space};
use crate::normalise::file::open;
use crate::normalise::kdd::parse_line;

/// The files that are looked for in a folder, the first that is there counts.
pub const FILES: [&str; 3] = ["kddcup.data_10_percent.gz", "KDDTrain+.txt.gz", "KDDTrain+_20Percent.txt.gz"];

/// A class counts as frequent from this many distinct rows in the file on.
pub const FREQUENT_FROM: u64 = 20;

/// What a row is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Weights are fitted to it.
    Training,
    /// The temperature, the thresholds and the ranks of novelty are fitted to it.
    Validation,
    /// Quality is measured on it, and nothing else is done with it.
    Test,
}

impl Part {
    /// Share of the test part.
    pub const TEST: f64 = 0.2;
    /// Share of the validation part.
    pub const VALIDATION: f64 = 0.15;
}

/// A distinct row with one of its labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its features.
    pub features: Sample,
    /// Its label: place in [`Dataset::labels`].
    pub label: u16,
    /// How often it occurs with this label.
    pub count: u64,
    /// What it is used for.
    pub part: Part,
    /// The capture it is of: place in [`Dataset::captures`]; 0 where there are none.
    pub capture: u16,
}

/// A capture that rows are of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// Its name.
    pub name: String,
    /// Captures of one group are never on both sides.
    pub group: String,
}

/// A file, read and split.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// The features of its rows.
    pub space: Arc<Space>,
    /// What the card of a model says of it.
    pub about: About,
    /// The file.
    pub file: PathBuf,
    /// BLAKE3 of its decompressed content.
    pub blake3: String,
    /// The second file, where there is one.
    pub also: Option<AlsoCard>,
    /// Lines of the first.
    pub records: u64,
    /// Names of the classes, sorted.
    pub labels: Vec<String>,
    /// The rows in the order of their first occurrence.
    pub rows: Vec<Row>,
    /// The captures that they are of; empty where there is only one file.
    pub captures: Vec<Capture>,
}

/// What the card of a model says of the data it learned from.
#[derive(Debug, Clone, PartialEq)]
pub struct About {
    /// What such a model is for.
    pub description: String,
    /// How the parts were made, in words.
    pub split: String,
    /// How each number is bent, in the order of a row.
    pub curves: Vec<Curve>,
    /// The classes, in the order of [`Dataset::labels`].
    pub classes: Vec<LabelCard>,
    /// Categories, their costs, and what least cost assumes of them.
    pub decision: Decision,
    /// By category, in the order of the decision: its group in conformal prediction.
    pub groups: Vec<usize>,
}

/// What least cost assumes of the categories of KDD-99, chosen with attacks left out: how many times its share in training each
/// has, and what the belief in an unknown attack counts for in each (docs/classification.md).
const ASSUMED: [f64; CATEGORIES.len()] = [1.0, 3.0, 1.0, 3.0, 3.0];
const UNKNOWN_COUNTS: [f64; CATEGORIES.len()] = [0.0, 0.03, 0.12, 0.03, 0.12];

/// The group of each of them in conformal prediction: u2r has too few rows to stand alone.
const GROUPS: [usize; CATEGORIES.len()] = [0, 1, 2, 3, 3];

impl About {
    /// The category of a class, as a place in the decision.
    pub fn category(&self, class: usize) -> usize {
        let categories = &self.decision.categories;
        categories.iter().position(|known| *known == self.classes[class].category).unwrap_or_default()
    }

    /// What it costs to take a class for another.
    pub fn cost(&self, actual: usize, predicted: usize) -> f64 {
        self.decision.costs[self.category(actual)][self.category(predicted)]
    }

    /// Of a KDD file with these labels, which it may have.
    pub fn kdd99(labels: &[String]) -> Self {
        let known = |name: &String| LabelCard::from(label_of(name).expect("reading takes only known labels"));
        Self {
            description: "tells the attacks of the KDD Cup 1999 data from each other and from normal connections"
                .to_owned(),
            split: "per class by a seeded hash of the 41 features: 20 % of the distinct rows test, 15 % validation, \
                    the rest training; equal rows lie in one part"
                .to_owned(),
            curves: (0..NUMERIC).map(Curve::of).collect(),
            classes: labels.iter().map(known).collect(),
            decision: Decision {
                rule: DecisionRule::MostProbable,
                categories: category_names(),
                costs: COSTS.map(|row| row.to_vec()).to_vec(),
                weights: ASSUMED.to_vec(),
                unknown: UNKNOWN_COUNTS.to_vec(),
            },
            groups: GROUPS.to_vec(),
        }
    }
}

impl Dataset {
    /// Reads and splits a file, or one of [`FILES`] in a folder; a second one gives the rows that the first lacks, each once.
    ///
    /// # Errors
    /// When one cannot be read, or a line is not a labelled KDD record.
    pub fn read(path: &Path, also: Option<&Path>, seed: u64) -> Result<Self, TrainError> {
        let file = file_at(path);
        let mut table = Table { seed, ..Table::default() };
        let (blake3, records) = lines_of(&file, |line| table.add(line))?;
        let also = match also {
            None => None,
            Some(path) => {
                let (file, before) = (file_at(path), table.rows.len());
                let known = table.digests();
                let (blake3, _) = lines_of(&file, |line| table.add_unless(line, &known))?;
                Some(AlsoCard { data: name_of(&file), blake3, distinct: (table.rows.len() - before) as u64 })
            }
        };
        Ok(table.split(file, blake3, also, records))
    }

    /// The classes with enough distinct rows in the whole file to be measured.
    pub fn frequent(&self) -> BTreeSet<String> {
        let mut rows = vec![0u64; self.labels.len()];
        self.rows.iter().for_each(|row| rows[usize::from(row.label)] += 1);
        let names = self.labels.iter().zip(rows).filter(|(_, rows)| *rows >= FREQUENT_FROM);
        names.map(|(name, _)| name.clone()).collect()
    }

    /// For each class whether it is told only where content features are known.
    pub fn needs_content(&self) -> Vec<bool> {
        self.about.classes.iter().map(|class| class.needs.is_some()).collect()
    }

    /// Takes the rows of these classes out and gives them back by class.
    pub fn leave_out(&mut self, classes: &[String]) -> Vec<(String, Vec<Row>)> {
        let names = std::mem::take(&mut self.labels);
        let is_gone = |row: &Row| classes.contains(&names[usize::from(row.label)]);
        let (gone, kept): (Vec<Row>, Vec<Row>) = std::mem::take(&mut self.rows).into_iter().partition(is_gone);
        self.labels = names.iter().filter(|name| !classes.contains(name)).cloned().collect();
        self.about.classes.retain(|class| !classes.contains(&class.name));
        let place = |row: &Row| self.labels.binary_search(&names[usize::from(row.label)]).expect("kept");
        let renamed = |row: Row| Row { label: u16::try_from(place(&row)).expect("few labels"), ..row };
        self.rows = kept.into_iter().map(renamed).collect();
        let of_class = |(number, name): (usize, &String)| {
            let rows: Vec<Row> = gone.iter().filter(|row| usize::from(row.label) == number).cloned().collect();
            (!rows.is_empty()).then(|| (name.clone(), rows))
        };
        names.iter().enumerate().filter_map(of_class).collect()
    }

    /// The same with other rows.
    pub fn with_rows(&self, rows: Vec<Row>) -> Self {
        Self {
            space: Arc::clone(&self.space),
            about: self.about.clone(),
            file: self.file.clone(),
            blake3: self.blake3.clone(),
            also: self.also.clone(),
            records: self.records,
            labels: self.labels.clone(),
            rows,
            captures: self.captures.clone(),
        }
    }

    /// The rows of a part.
    pub fn part(&self, part: Part) -> impl Iterator<Item = &Row> + Clone {
        self.rows.iter().filter(move |row| row.part == part)
    }
}

#[cfg(test)]
impl Dataset {
    /// One row of nothing for each of these captures.
    pub fn of_captures(captures: Vec<Capture>) -> Self {
        let labels = vec!["normal".to_owned()];
        let row = |capture| Row {
            features: Sample::missing(Space::kdd99().shape()),
            label: 0,
            count: 1,
            part: Part::Training,
            capture,
        };
        Self {
            space: Arc::new(Space::kdd99()),
            about: About::kdd99(&labels),
            file: PathBuf::new(),
            blake3: String::new(),
            also: None,
            records: captures.len() as u64,
            labels,
            rows: (0..).take(captures.len()).map(row).collect(),
            captures,
        }
    }
}

/// The name of a file, as a card tells it.
pub fn name_of(file: &Path) -> String {
    file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The path itself, or the data file in the folder that it is.
fn file_at(path: &Path) -> PathBuf {
    if !path.is_dir() {
        return path.to_owned();
    }
    let there = FILES.iter().map(|name| path.join(name)).find(|file| file.is_file());
    there.unwrap_or_else(|| path.join(FILES[0]))
}

/// Gives each line to `take`; BLAKE3 of all of them, and how many there are.
fn lines_of(file: &Path, mut take: impl FnMut(&str) -> Result<(), LineFault>) -> Result<(String, u64), TrainError> {
    let failed = |source| TrainError::Read { file: file.to_owned(), source };
    let mut reader = open(file).map_err(failed)?;
    let (mut text, mut hasher, mut line) = (String::new(), blake3::Hasher::new(), 0);
    while reader.read_line(&mut text).map_err(failed)? > 0 {
        hasher.update(text.as_bytes());
        line += 1;
        take(text.trim_end()).map_err(|fault| fault.at(file, line))?;
        text.clear();
    }
    Ok((hasher.finalize().to_hex().to_string(), line))
}

/// A fault of a line whose number is not known yet.
enum LineFault {
    Record(crate::normalise::kdd::LineError),
    Label(String),
}

impl LineFault {
    fn at(self, file: &Path, line: u64) -> TrainError {
        let file = file.to_owned();
        match self {
            Self::Record(source) => TrainError::Line { file, line, source },
            Self::Label(label) => TrainError::Label { file, line, label },
        }
    }
}

/// The rows while the file is being read.
#[derive(Default)]
struct Table {
    seed: u64,
    /// Place in `rows` of a row, by the hash of its text, and label.
    places: FxHashMap<(u128, u16), usize>,
    rows: Vec<(u128, Row)>,
    names: Vec<String>,
}

impl Table {
    fn add(&mut self, line: &str) -> Result<(), LineFault> {
        let record = parse_line(line).map_err(LineFault::Record)?;
        let name = record.label.unwrap_or_default();
        let label = self.label(name).ok_or_else(|| LineFault::Label(name.to_owned()))?;
        let digest = self.digest(line);
        let place = *self.places.entry((digest, label)).or_insert(self.rows.len());
        if place == self.rows.len() {
            let row = Row { features: record.features.into(), label, count: 0, part: Part::Training, capture: 0 };
            self.rows.push((digest, row));
        }
        self.rows[place].1.count += 1;
        Ok(())
    }

    /// The rows so far, whatever their labels.
    fn digests(&self) -> HashSet<u128> {
        self.rows.iter().map(|(digest, _)| *digest).collect()
    }

    /// Adds a row that is not among `known`; repetitions do not count, as such files hold each row once.
    fn add_unless(&mut self, line: &str, known: &HashSet<u128>) -> Result<(), LineFault> {
        if known.contains(&self.digest(line)) { Ok(()) } else { self.add(line) }
    }

    fn label(&mut self, name: &str) -> Option<u16> {
        if let Some(place) = self.names.iter().position(|known| known == name) {
            return u16::try_from(place).ok();
        }
        category_of(name)?;
        self.names.push(name.to_owned());
        u16::try_from(self.names.len() - 1).ok()
    }

    /// A seeded hash of the 41 columns; 128 bits, so that two rows that differ are never taken for one.
    fn digest(&self, line: &str) -> u128 {
        let columns = line.match_indices(',').nth(40).map_or(line, |(end, _)| &line[..end]);
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.seed.to_le_bytes()).update(columns.as_bytes());
        u128::from_le_bytes(hasher.finalize().as_bytes()[..16].try_into().expect("32 bytes"))
    }

    fn split(self, file: PathBuf, blake3: String, also: Option<AlsoCard>, records: u64) -> Dataset {
        let mut labels = self.names.clone();
        labels.sort();
        let place = |label: u16| labels.binary_search(&self.names[usize::from(label)]).expect("sorted from the names");
        let renamed = |row: &Row| Row { label: u16::try_from(place(row.label)).expect("few labels"), ..row.clone() };
        let parts = self.parts();
        let rows = self.rows.iter().map(|(digest, row)| Row { part: parts[digest], ..renamed(row) }).collect();
        let about = About::kdd99(&labels);
        Dataset { space: Arc::new(Space::kdd99()), about, file, blake3, also, records, labels, rows, captures: Vec::new() }
    }

    fn parts(&self) -> HashMap<u128, Part> {
        parts_of(self.names.len(), self.rows.iter().map(|(digest, row)| (*digest, row.label)))
    }
}

/// The part of each row, given by its seeded hash and its class. One with several classes goes with the first of them.
pub fn parts_of(classes: usize, rows: impl Iterator<Item = (u128, u16)>) -> HashMap<u128, Part> {
    let mut of_class: Vec<Vec<u128>> = vec![Vec::new(); classes];
    let mut parts = HashMap::new();
    for (digest, class) in rows {
        if parts.insert(digest, Part::Training).is_none() {
            of_class[usize::from(class)].push(digest);
        }
    }
    for digests in &mut of_class {
        digests.sort_unstable();
        let (test, validation) = sizes(digests.len());
        for (place, digest) in digests.iter().enumerate().take(test + validation) {
            parts.insert(*digest, if place < test { Part::Test } else { Part::Validation });
        }
    }
    parts
}

/// Rows of the test and validation parts of a class: at least one each once there are two and three rows.
fn sizes(rows: usize) -> (usize, usize) {
    let share = |part: f64, least: usize| ((rows as f64 * part).round() as usize).max(usize::from(rows >= least));
    (share(Part::TEST, 2), share(Part::VALIDATION, 3))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// `rows` distinct rows, each `times` times, labelled by `label`.
    fn lines(rows: usize, times: usize, label: &str) -> String {
        let line = |bytes: usize| {
            let head = format!("0,tcp,http,SF,{bytes},5450");
            let tail = "0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,8,8,0,0,0,0,1,0,0,9,9,1,0,0.11,0,0,0,0,0";
            format!("{head},{tail},{label}.\n").repeat(times)
        };
        (0..rows).map(line).collect()
    }

    fn read(content: &str, seed: u64) -> Result<Dataset, TrainError> {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(content.as_bytes()).expect("written");
        Dataset::read(file.path(), None, seed)
    }

    #[test]
    fn equal_rows_are_one_row_and_lie_in_one_part() {
        // the same features as normal and as back: two labels of one row
        let dataset = read(&(lines(50, 3, "normal") + &lines(10, 2, "back")), 1).expect("valid");
        assert_eq!((dataset.records, dataset.rows.len()), (170, 60));
        assert_eq!(dataset.labels, ["back", "normal"]);
        let mut parts: HashMap<u32, HashSet<Part>> = HashMap::new();
        for row in &dataset.rows {
            assert_eq!(row.count, if row.label == 1 { 3 } else { 2 });
            parts.entry(row.features.numeric[1] as u32).or_default().insert(row.part);
        }
        assert!(parts.values().all(|parts| parts.len() == 1), "{parts:?}");
        assert_eq!(dataset.part(Part::Test).filter(|row| row.label == 1).count(), 10);
    }

    #[test]
    fn the_seed_decides_the_split() {
        let content = lines(60, 1, "normal");
        assert_eq!(read(&content, 1).expect("valid").rows, read(&content, 1).expect("valid").rows);
        assert_ne!(read(&content, 1).expect("valid").rows, read(&content, 2).expect("valid").rows);
    }

    #[test]
    fn rare_classes_have_rows_in_each_part_where_they_can() {
        assert_eq!([1, 2, 3, 4, 20].map(sizes), [(0, 0), (1, 0), (1, 1), (1, 1), (4, 3)]);
    }

    #[test]
    fn a_second_file_gives_what_the_first_lacks_each_once() {
        let mut files = [(); 2].map(|()| tempfile::NamedTempFile::new().expect("a file"));
        files[0].write_all(lines(20, 2, "normal").as_bytes()).expect("written");
        // 20 rows under another label than the first file has for them, and 10 more
        let difficulty = lines(30, 1, "back").replace("back.", "back,21");
        files[1].write_all(difficulty.as_bytes()).expect("written");
        let dataset = Dataset::read(files[0].path(), Some(files[1].path()), 1).expect("valid");
        assert_eq!((dataset.records, dataset.rows.len()), (40, 30));
        assert_eq!(dataset.also.as_ref().expect("told").distinct, 10);
        assert_eq!(dataset.rows.iter().filter(|row| row.label == 0).map(|row| row.count).sum::<u64>(), 10);
    }

    #[test]
    fn a_wrong_line_is_named() {
        let fault = read(&(lines(2, 1, "normal") + "1,2\n"), 1).expect_err("refused").to_string();
        assert!(fault.contains("line 3: 2 columns"), "{fault}");
        let fault = read(&lines(1, 1, "heartbleed"), 1).expect_err("refused").to_string();
        assert!(fault.contains("line 1: 'heartbleed' is no label"), "{fault}");
    }
}
