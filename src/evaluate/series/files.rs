//! Series as CSV files, plain or gzip: `value`, and where there are any `timestamp`, `label` and `part`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;
use time::PrimitiveDateTime;
use time::macros::format_description;

use super::SeriesError;
use crate::anomaly::points::Point;

const WANTED: &str = "value, or timestamp,value, and then label (0 or 1) and part (train or test), named in a header";

/// One labelled series.
#[derive(Debug)]
pub(super) struct Series {
    pub points: Vec<Point>,
    /// Whether the points' times mean something.
    pub timed: bool,
    /// The times as written, where they are dates.
    pub dates: Vec<String>,
    /// Whether a point is labelled as an anomaly.
    pub labels: Vec<bool>,
    /// Whether a point belongs to the part that thresholds may be chosen on, where the file says.
    pub train: Option<Vec<bool>>,
}

/// The column of a name.
struct Columns {
    time: Option<usize>,
    value: usize,
    label: Option<usize>,
    part: Option<usize>,
}

/// Opens a file that may be gzipped.
pub(super) fn open(path: &Path) -> Result<Box<dyn Read>, SeriesError> {
    let file = File::open(path).map_err(|source| SeriesError::Read { path: path.to_owned(), source })?;
    let is_packed = path.extension().is_some_and(|ending| ending == "gz");
    Ok(if is_packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

/// Reads a series.
pub(super) fn read(path: &Path) -> Result<Series, SeriesError> {
    let mut reader = csv::Reader::from_reader(open(path)?);
    let fault = |row, fault: String| SeriesError::Row { file: path.to_owned(), row, fault, wanted: WANTED };
    let columns = columns(reader.headers().map_err(|error| fault(0, error.to_string()))?)
        .ok_or_else(|| fault(0, "no column is called value".to_owned()))?;
    let mut series = Series {
        points: Vec::new(),
        timed: columns.time.is_some(),
        dates: Vec::new(),
        labels: Vec::new(),
        train: None,
    };
    let mut record = csv::StringRecord::new();
    let mut row = 0;
    while reader.read_record(&mut record).map_err(|error| fault(row + 1, error.to_string()))? {
        row += 1;
        series.take(&record, &columns).map_err(|said| fault(row, said))?;
    }
    Ok(series)
}

fn columns(header: &csv::StringRecord) -> Option<Columns> {
    let place = |name: &str| header.iter().position(|column| column == name);
    Some(Columns { time: place("timestamp"), value: place("value")?, label: place("label"), part: place("part") })
}

impl Series {
    fn take(&mut self, record: &csv::StringRecord, columns: &Columns) -> Result<(), String> {
        let text = |column: usize| record.get(column).unwrap_or_default().trim();
        let number = |column: usize| {
            let text = text(column);
            text.parse::<f64>().map_err(|_| format!("'{text}' is no number"))
        };
        let seconds = match columns.time {
            Some(column) => self.seconds(text(column))?,
            None => 0,
        };
        self.points.push(Point { value: number(columns.value)?, seconds });
        self.labels.push(match columns.label {
            Some(column) => number(column)? > 0.5,
            None => false,
        });
        if let Some(column) = columns.part {
            self.train.get_or_insert_default().push(text(column) == "train");
        }
        Ok(())
    }

    fn seconds(&mut self, text: &str) -> Result<i64, String> {
        if let Ok(seconds) = text.parse::<f64>() {
            return Ok(seconds as i64);
        }
        self.dates.push(plain_date(text).to_owned());
        let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
        let date = PrimitiveDateTime::parse(plain_date(text), &format);
        date.map(|date| date.assume_utc().unix_timestamp()).map_err(|_| format!("'{text}' is no time"))
    }

    /// The labelled stretches, each from its first point to behind its last.
    pub(super) fn segments(&self) -> Vec<(usize, usize)> {
        let mut found: Vec<(usize, usize)> = Vec::new();
        for at in (0..self.labels.len()).filter(|at| self.labels[*at]) {
            match found.last_mut() {
                Some((_, end)) if *end == at => *end = at + 1,
                _ => found.push((at, at + 1)),
            }
        }
        found
    }
}

/// A date without fractions of a second.
pub(super) fn plain_date(text: &str) -> &str {
    text.split_once('.').map_or(text, |(whole, _)| whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(text: &str) -> Result<Series, SeriesError> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("one.csv");
        std::fs::write(&file, text).expect("written");
        read(&file)
    }

    #[test]
    fn columns_are_found_by_name_and_segments_by_label() {
        let read = series("timestamp,value,label,part\n60,1.5,0,train\n120,2,1,train\n180,3,1,test\n240,4,0,test\n")
            .expect("four rows");
        assert_eq!(read.points[1], Point { value: 2.0, seconds: 120 });
        assert_eq!((read.segments(), read.timed), (vec![(1, 3)], true));
        assert_eq!(read.train, Some(vec![true, true, false, false]));
        let dated = series("timestamp,value\n2014-04-10 07:15:00.000000,1\n").expect("one row");
        assert_eq!((dated.points[0].seconds, dated.dates[0].as_str()), (1_397_114_100, "2014-04-10 07:15:00"));
        let bare = series("value,label\n7,1\n").expect("one row");
        assert_eq!((bare.timed, bare.segments()), (false, vec![(0, 1)]));
    }

    #[test]
    fn a_row_that_is_not_understood_is_named() {
        let said = series("timestamp,value\n60,1\n120,much\n").expect_err("no number").to_string();
        assert!(said.contains("row 2: 'much' is no number"), "{said}");
        assert!(series("time,count\n1,2\n").expect_err("no value").to_string().contains("no column is called value"));
    }
}
