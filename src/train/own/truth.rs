//! Labels that stand in a table of their own: found for a connection by a field that both have, or by who talked to whom
//! and when.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use csv::{ReaderBuilder, StringRecord, Trim};
use schemars::JsonSchema;
use serde::Deserialize;

use super::OwnError;
use super::source::{csv_fault, unknown_column};
use crate::config::DurationText;
use crate::event::EventTime;
use crate::normalise::file::open;
use crate::normalise::{Address, Connection, Endpoint, Transport};

/// Where labels stand that events do not have themselves, as it is written.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TruthSpec {
    /// A CSV file with a header; a relative path begins at the folder of the spec.
    pub file: PathBuf,
    /// `flow`: by the columns source_ip, source_port, destination_ip, destination_port, transport and, where several
    /// connections have these in common, start. Anything else is the path of a field of events (such as `uid`) and the
    /// name of the column that holds its values.
    #[schemars(extend("minLength" = 1))]
    pub by: String,
    /// How far the start of a connection may be from what the table says.
    #[serde(default = "within")]
    pub within: DurationText,
    /// The label of connections that the table does not name; without it such a connection is a fault.
    #[serde(default)]
    pub otherwise: Option<String>,
}

fn within() -> DurationText {
    DurationText(std::time::Duration::from_secs(1))
}

impl TruthSpec {
    /// Whether labels are found by addresses, ports and times.
    pub fn by_flow(&self) -> bool {
        self.by == "flow"
    }
}

/// Who talked to whom, whoever began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Tuple {
    transport: Transport,
    ends: [(u128, u16); 2],
}

impl Tuple {
    fn new(transport: Transport, mut ends: [(u128, u16); 2]) -> Self {
        ends.sort_unstable();
        Self { transport, ends }
    }
}

/// When a connection of the table began, in microseconds, where that is told, and its label.
type Labelled = (Option<i64>, Arc<str>);

/// The table.
pub struct Truth {
    spec: TruthSpec,
    by_field: HashMap<Box<str>, Arc<str>>,
    by_flow: HashMap<Tuple, Vec<Labelled>>,
    rows: u64,
    found: u64,
}

/// The columns that labels are found by.
const COLUMNS: [&str; 5] = ["source_ip", "source_port", "destination_ip", "destination_port", "transport"];

impl Truth {
    /// Reads the table, whose labels stand in `label`; a relative path begins at `folder`.
    ///
    /// # Errors
    /// When it cannot be read, lacks a column, or a row says nothing that can be found.
    pub fn read(spec: &TruthSpec, label: &str, folder: &Path) -> Result<Self, OwnError> {
        let file = folder.join(&spec.file);
        let reader = open(&file).map_err(|source| OwnError::Read { file: file.clone(), source })?;
        let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(reader);
        let header = reader.headers().map_err(|fault| csv_fault(&file, fault))?.clone();
        let place = |column: &str| {
            let found = header.iter().position(|known| known == column);
            found.ok_or_else(|| unknown_column(&file, column, &header))
        };
        let keys: Vec<usize> = match spec.by_flow() {
            true => COLUMNS.iter().map(|column| place(column)).collect::<Result<_, _>>()?,
            false => vec![place(&spec.by)?],
        };
        let (label, start) = (place(label)?, place("start").ok().filter(|_| spec.by_flow()));
        let (by_field, by_flow) = (HashMap::new(), HashMap::new());
        let mut truth = Self { spec: spec.clone(), by_field, by_flow, rows: 0, found: 0 };
        let mut record = StringRecord::new();
        while reader.read_record(&mut record).map_err(|fault| csv_fault(&file, fault))? {
            let line = record.position().map_or(0, csv::Position::line);
            let cell = |place: &usize| record.get(*place).unwrap_or_default();
            let start = start.as_ref().map(cell).filter(|text| !text.is_empty());
            let cells: Vec<&str> = keys.iter().map(cell).collect();
            let taken = truth.row(&cells, start, cell(&label));
            taken.ok_or_else(|| OwnError::Truth { file: file.clone(), line })?;
        }
        Ok(truth)
    }

    /// Takes a row; none where a port or the start is none.
    fn row(&mut self, keys: &[&str], start: Option<&str>, label: &str) -> Option<()> {
        match keys {
            [source, source_port, destination, destination_port, transport] => {
                let end = |address: &str, port: &str| Some((Address::of(address).key(), port.parse().ok()?));
                let ends = [end(source, source_port)?, end(destination, destination_port)?];
                let tuple = Tuple::new(Transport::of(transport), ends);
                let start = start.map(|text| moment(text).ok_or(())).transpose().ok()?;
                self.by_flow.entry(tuple).or_default().push((start, label.into()));
            }
            [key, ..] => drop(self.by_field.insert((*key).into(), label.into())),
            [] => return None,
        }
        self.rows += 1;
        Some(())
    }

    /// The label of a connection, whose field has this value, where labels are found by one.
    pub fn label(&mut self, field: Option<&str>, connection: Option<&Connection<'_>>) -> Option<Arc<str>> {
        let known = match connection {
            Some(connection) if self.spec.by_flow() => self.of_flow(connection).cloned(),
            _ => field.and_then(|value| self.by_field.get(value)).cloned(),
        };
        self.found += u64::from(known.is_some());
        known.or_else(|| self.spec.otherwise.as_deref().map(Into::into))
    }

    fn of_flow(&self, connection: &Connection<'_>) -> Option<&Arc<str>> {
        let end = |end: &Endpoint<'_>| Some((end.address.key(), end.port?));
        let ends = [end(&connection.source)?, end(&connection.destination)?];
        let rows = self.by_flow.get(&Tuple::new(connection.transport, ends))?;
        let within = self.spec.within.0.as_micros();
        let far = |start: Option<i64>| match start.zip(connection.start) {
            Some((told, own)) => u128::from(told.abs_diff(own.micros())),
            None => 0,
        };
        let nearest = rows.iter().min_by_key(|(start, _)| far(*start))?;
        (far(nearest.0) <= within).then_some(&nearest.1)
    }

    /// How many rows there are, and for how many connections one of them was found.
    pub fn counts(&self) -> (u64, u64) {
        (self.rows, self.found)
    }
}

/// A time as microseconds: of RFC 3339, or seconds since 1970.
fn moment(text: &str) -> Option<i64> {
    let time = EventTime::parse_rfc3339(text).or_else(|| EventTime::from_seconds(text.parse().ok()?))?;
    Some(time.micros())
}
