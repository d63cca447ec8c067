//! Why nothing can be learned from a file of one's own.

use std::io;
use std::path::PathBuf;

use crate::config::{Faults, SizeText};
use crate::features::SpaceFault;
use crate::normalise::Unreadable;
use crate::normalise::records::SourceError;

/// What is wrong with a spec or its data.
#[derive(Debug, thiserror::Error)]
pub enum OwnError {
    /// The spec has faults.
    #[error(transparent)]
    Faults(#[from] Faults),
    /// Something in the spec cannot be.
    #[error("{}: {key}: {what}", file.display())]
    Spec {
        /// The spec.
        file: PathBuf,
        /// The key.
        key: String,
        /// What is wrong with it.
        what: String,
    },
    /// The features make no space.
    #[error("{}: features: {fault}", file.display())]
    Space {
        /// The spec.
        file: PathBuf,
        /// What is wrong with them.
        fault: SpaceFault,
    },
    /// The data cannot be read.
    #[error("{}: cannot be read ({source}); give a CSV file with a header, or NDJSON, plain or gzip", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is no row in the file.
    #[error("{}: holds no row", file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },
    /// The header lacks a column.
    #[error("{}: has no column '{column}'{}; its columns are {known}", file.display(), near.as_ref().map(|near| format!(" (did you mean '{near}'?)")).unwrap_or_default())]
    Column {
        /// The file.
        file: PathBuf,
        /// What the spec asks for.
        column: String,
        /// What is most like it.
        near: Option<String>,
        /// The header.
        known: String,
    },
    /// No event has a field.
    #[error("{}: none of its {records} events has the field '{field}'", file.display())]
    Field {
        /// The file.
        file: PathBuf,
        /// What the spec asks for.
        field: String,
        /// Events read.
        records: u64,
    },
    /// A row has more or fewer columns than the header.
    #[error("{}, line {line}: {found} columns, the header has {expected}", file.display())]
    Width {
        /// The file.
        file: PathBuf,
        /// Counted from 1.
        line: u64,
        /// Columns of the row.
        found: u64,
        /// Columns of the header.
        expected: u64,
    },
    /// A line is not CSV.
    #[error("{}, line {line}: {what}", file.display())]
    Csv {
        /// The file.
        file: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// A line is not one JSON object.
    #[error("{}, line {line}: {source}", file.display())]
    Json {
        /// The file.
        file: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        source: Unreadable,
    },
    /// A value is no number.
    #[error("{}, line {line}: '{value}' is no number for '{feature}'; where it means \"not known\", list it under missing in the spec", file.display())]
    Number {
        /// The file.
        file: PathBuf,
        /// Counted from 1.
        line: u64,
        /// The feature.
        feature: String,
        /// What stands there.
        value: String,
    },
    /// A row has no label.
    #[error("{}, line {line}: has no label in '{column}'", file.display())]
    Label {
        /// The file.
        file: PathBuf,
        /// Counted from 1.
        line: u64,
        /// Where it must stand.
        column: String,
    },
    /// A file of events cannot be read, or a line of it.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A connection has no label.
    #[error("{}, line {line}: this connection has no label '{column}'; name the field that has it, or under truth a table and with otherwise the label of connections that the table does not name", file.display())]
    Unlabelled {
        /// The file.
        file: PathBuf,
        /// Counted from 1; of a capture the connection.
        line: u64,
        /// Where it must stand.
        column: String,
    },
    /// A row of a table of labels cannot be found again.
    #[error("{}, line {line}: has no ports (0 to 65535), or a start that is neither a number of seconds nor a time of RFC 3339", file.display())]
    Truth {
        /// The table.
        file: PathBuf,
        /// Counted from 1.
        line: u64,
    },
    /// A table of labels belongs to other connections.
    #[error("{}: none of its {records} connections is among the {rows} rows of truth; is it the right table, and do both tell times in the same zone?", file.display())]
    NoTruth {
        /// The file.
        file: PathBuf,
        /// Rows of the table.
        rows: u64,
        /// Connections.
        records: u64,
    },
    /// There is nothing to measure.
    #[error("{}: holds no connection; `oversight doctor --sample` tells what is in it", file.display())]
    NoConnection {
        /// The file.
        file: PathBuf,
    },
    /// A row has nothing to split by.
    #[error("{}, line {line}: '{column}', which the split goes by, {what}", file.display())]
    SplitKey {
        /// The file.
        file: PathBuf,
        /// Counted from 1.
        line: u64,
        /// The column or field.
        column: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A symbol has more words than can be told apart.
    #[error("{}, line {line}: '{feature}' has more than {most} different words; such a feature tells rows apart and teaches nothing: leave it out, or make it a number", file.display())]
    Words {
        /// The file.
        file: PathBuf,
        /// Counted from 1.
        line: u64,
        /// The feature.
        feature: String,
        /// The most there may be.
        most: usize,
    },
    /// More labels than a model has classes.
    #[error("{}, line {line}: '{label}' is label {count}, and a model has at most {most}; is '{column}' the right column?", file.display(), count = most + 1)]
    Labels {
        /// The file.
        file: PathBuf,
        /// Counted from 1.
        line: u64,
        /// The label that is too many.
        label: String,
        /// The most there may be.
        most: usize,
        /// Where labels stand.
        column: String,
    },
    /// A feature never changes.
    #[error("{}: in the training part {}; a feature that never changes teaches nothing: leave it out of the spec", file.display(), features.join(", "))]
    Constant {
        /// The file.
        file: PathBuf,
        /// Each with its value.
        features: Vec<String>,
    },
    /// A class has too few rows.
    #[error("{}: class '{class}' has {rows} distinct {}, at least {least} are needed, one for each part: find more, give its rows another label, or list it under ignore in the spec", file.display(), if *rows == 1 { "row" } else { "rows" })]
    TooFew {
        /// The file.
        file: PathBuf,
        /// The class.
        class: String,
        /// Its distinct rows.
        rows: u64,
        /// The fewest there may be.
        least: u64,
    },
    /// A class has no row in the training part.
    #[error("{}: no row of class '{class}' falls into the training part; split by rows, or list it under ignore in the spec", file.display())]
    NotInTraining {
        /// The file.
        file: PathBuf,
        /// The class.
        class: String,
    },
    /// The rows would not fit into memory.
    #[error("{}: its {rows} rows would take about {} of memory, {} may be used; raise --memory, or learn from a part of the rows: --sample {share}", file.display(), SizeText(*needed), SizeText(*limit))]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// Rows, as estimated from the head of the file.
        rows: u64,
        /// Bytes they would take.
        needed: u64,
        /// Bytes that may be used.
        limit: u64,
        /// A share of the rows that fits.
        share: f64,
    },
}
