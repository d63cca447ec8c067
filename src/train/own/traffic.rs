//! Connections of any file that `oversight replay` takes (Zeek, Suricata, NetFlow, captures …) as records to learn from. They
//! are read, joined and measured by the code that does so when events come in, in the order of the file.

use std::borrow::Cow;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::OwnError;
use super::capture::{self, CaptureSpec, Rule};
use super::source::{Content, Record};
use super::spec::{Spec, SplitBy};
use super::truth::Truth;
use crate::event::ReceivedTime;
use crate::features::flow::{self, FlowVector};
use crate::features::symbols::{FLAGS, PROTOCOLS, SERVICES, Symbol};
use crate::features::{FeatureVector, Measured, Meter, NAMES, name_of_numeric};
use crate::normalise::file::open;
use crate::normalise::records::{self, Format};
use crate::normalise::{FieldId, Normaliser, Record as Understood, Scalar, View};

/// Where the value of a feature comes from.
#[derive(Debug, Clone, Copy)]
enum Source {
    Field(FieldId),
    /// Place among the numbers of KDD-99.
    Number(usize),
    /// Place among its words.
    Word(usize),
    /// Place among the flow features.
    Flow(usize),
}

/// What is asked of each event.
struct Asked<'s> {
    paths: Vec<String>,
    features: Vec<Source>,
    label: FieldId,
    key: Option<FieldId>,
    /// The field that labels in a table of their own are found by.
    truth: Option<FieldId>,
    /// What a capture calls its connections.
    rules: Option<Vec<Rule<'s>>>,
}

impl<'s> Asked<'s> {
    fn of(spec: &Spec, capture: Option<&'s CaptureSpec>) -> Self {
        let mut paths: Vec<String> = Vec::new();
        let mut field = |path: &str| {
            paths.push(path.to_owned());
            FieldId(u32::try_from(paths.len() - 1).expect("few fields"))
        };
        let features = spec
            .features
            .iter()
            .map(|feature| match feature.measured {
                true => measured(&feature.name).expect("a checked spec"),
                false => Source::Field(field(feature.path())),
            })
            .collect();
        let label = field(&spec.label);
        let key = spec.split.column.as_deref().filter(|_| spec.split.by != SplitBy::Rows).map(&mut field);
        let truth = spec.truth.as_ref().filter(|truth| !truth.by_flow()).map(|truth| field(&truth.by));
        let rules = capture.map(|capture| capture.compile(&mut field));
        Self { paths, features, label, key, truth, rules }
    }
}

/// Where a measured feature of this name comes from.
fn measured(name: &str) -> Option<Source> {
    let numeric = FeatureVector::MISSING.numeric.len();
    let number = || (0..numeric).find(|place| NAMES[name_of_numeric(*place)] == name).map(Source::Number);
    let word = || NAMES[1..4].iter().position(|known| *known == name).map(Source::Word);
    number().or_else(word).or_else(|| flow::place(name).map(Source::Flow))
}

/// Reads all connections of `file`.
///
/// # Errors
/// With the first line that is none, a connection without a label, or what `take` gives.
pub fn each(
    file: &Path,
    spec: &Spec,
    take: &mut dyn FnMut(Record<'_>) -> Result<(), OwnError>,
) -> Result<Content, OwnError> {
    let folder = spec.file.parent().unwrap_or_else(|| Path::new("."));
    let truth = spec.truth.as_ref().map(|truth| Truth::read(truth, &spec.label, folder)).transpose()?;
    let mut reader = Reader { truth, ..Reader::new(spec, None) };
    let records = reader.file(file, take)?;
    match reader.truth.map(|truth| truth.counts()) {
        Some((rows, 0)) if records > 0 => Err(OwnError::NoTruth { file: file.to_owned(), rows, records }),
        _ => Ok(Content { records, blake3: digest(&[file.to_owned()])? }),
    }
}

/// Reads all connections of the files of a capture, one file behind the other.
///
/// # Errors
/// As [`each`].
pub fn of_capture(
    files: &[PathBuf],
    spec: &Spec,
    capture: &CaptureSpec,
    take: &mut dyn FnMut(Record<'_>) -> Result<(), OwnError>,
) -> Result<Content, OwnError> {
    let mut reader = Reader::new(spec, Some(capture));
    let mut records = 0;
    for file in files {
        records += reader.file(file, take)?;
    }
    Ok(Content { records, blake3: digest(files)? })
}

/// What has been read of connections so far.
struct Reader<'s> {
    spec: &'s Spec,
    asked: Asked<'s>,
    truth: Option<Truth>,
    normaliser: Normaliser,
    meter: Meter,
}

impl<'s> Reader<'s> {
    fn new(spec: &'s Spec, capture: Option<&'s CaptureSpec>) -> Self {
        let asked = Asked::of(spec, capture);
        Self { spec, truth: None, normaliser: Normaliser::new(&asked.paths), meter: Meter::default(), asked }
    }

    /// Gives each connection of a file to `take`; how many there were.
    fn file(
        &mut self,
        file: &Path,
        take: &mut dyn FnMut(Record<'_>) -> Result<(), OwnError>,
    ) -> Result<u64, OwnError> {
        let mut events = records::open(file, Format::Auto, ReceivedTime::from_micros(0).as_event_time())?;
        let mut records = 0;
        while let Some(event) = events.next() {
            let event = event?;
            let line = events.line();
            let unreadable = |source| OwnError::Json { file: file.to_owned(), line, source };
            let view = self.normaliser.read(event.as_bytes()).map_err(unreadable)?;
            if let Some(Measured { begun, features, flow }) = self.meter.measure(&view) {
                let values = values(&self.asked, &view, &features, flow.as_ref());
                let label = label(&self.asked, &view, self.truth.as_mut());
                let column = || self.spec.label.clone();
                let unlabelled = || OwnError::Unlabelled { file: file.to_owned(), line, column: column() };
                let key = match self.asked.key {
                    Some(key) => view.field(key),
                    None => Some(Scalar::Number(begun.micros() as f64)),
                };
                take(Record { line, values, label: Some(label.ok_or_else(unlabelled)?), key })?;
                records += 1;
            }
            self.normaliser.recycle(view);
        }
        if records == 0 { Err(OwnError::NoConnection { file: file.to_owned() }) } else { Ok(records) }
    }
}

fn values<'a>(
    asked: &Asked<'_>,
    view: &View<'a>,
    measured: &FeatureVector,
    flow: Option<&FlowVector>,
) -> Vec<Option<Scalar<'a>>> {
    let number = |value: f32| Some(Scalar::Number(f64::from(value))).filter(|_| !value.is_nan());
    let value = |source: &Source| match *source {
        Source::Field(id) => view.field(id),
        Source::Number(place) => number(measured.numeric[place]),
        Source::Flow(place) => number(flow?.0[place]),
        Source::Word(place) => {
            let symbol = measured.symbols.in_order()[place];
            let words = [PROTOCOLS, SERVICES, FLAGS][place];
            Some(Scalar::Str(Cow::Borrowed(symbol.word(words)))).filter(|_| symbol != Symbol::MISSING)
        }
    };
    asked.features.iter().map(value).collect()
}

fn label<'a>(asked: &Asked<'_>, view: &View<'a>, truth: Option<&mut Truth>) -> Option<Scalar<'a>> {
    if let Some(rules) = &asked.rules {
        return capture::class_of(rules, view).map(|class| Scalar::Str(Cow::Owned(class.to_owned())));
    }
    let Some(truth) = truth else { return view.field(asked.label) };
    let value = asked.truth.and_then(|field| view.field(field));
    let value = match &value {
        Some(Scalar::Str(text)) => Some(Cow::Borrowed(text.as_ref())),
        Some(Scalar::Number(number)) => Some(Cow::Owned(number.to_string())),
        _ => None,
    };
    let connection = match &view.record {
        Understood::Connection(connection) => Some(connection),
        Understood::Kdd(_) | Understood::Other => None,
    };
    let label = truth.label(value.as_deref(), connection)?;
    Some(Scalar::Str(Cow::Owned(label.to_string())))
}

/// BLAKE3 of the decompressed content of files, one behind the other.
fn digest(files: &[PathBuf]) -> Result<String, OwnError> {
    let (mut hasher, mut buffer) = (blake3::Hasher::new(), vec![0; 1 << 16]);
    for file in files {
        let failed = |source| OwnError::Read { file: file.to_owned(), source };
        let mut reader = open(file).map_err(failed)?;
        loop {
            match reader.read(&mut buffer).map_err(failed)? {
                0 => break,
                count => drop(hasher.update(&buffer[..count])),
            }
        }
    }
    Ok(hasher.finalize().to_hex().to_string())
}
