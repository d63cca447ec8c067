//! Fills rows of a model's feature space from one event: what is measured (the 41 features of KDD-99 and the flow
//! features), and what stands in its fields.

use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;

use super::flow::{self, FlowVector};
use super::space::{Kind, Space, number_measured, symbol_measured};
use super::symbols::Symbol;
use super::{FeatureVector, Matrix, TRAFFIC};
use crate::normalise::{FieldId, Scalar, View};

/// Fills rows of one space. Each worker owns one.
#[derive(Debug)]
pub struct Gatherer {
    space: Arc<Space>,
    fields: Vec<String>,
    numbers: Vec<Numbers>,
    symbols: Vec<Word>,
    /// The space is that of the measured features, so rows are copied as they are.
    as_measured: bool,
    row: Row,
    text: String,
}

/// Room for the row that is being filled.
#[derive(Debug, Default)]
struct Row {
    numeric: Vec<f32>,
    symbols: Vec<Symbol>,
}

/// Where numbers that stand beside each other come from.
#[derive(Debug)]
enum Numbers {
    /// Their places among the measured ones.
    Measured(Range<usize>),
    /// Their places among the flow features.
    Flow(Range<usize>),
    Field(FieldId),
}

/// Where a symbol comes from.
#[derive(Debug)]
enum Word {
    /// The place among the measured ones, and what each word of theirs is in this space.
    Measured(usize, Vec<Symbol>),
    Field(FieldId),
}

impl Numbers {
    /// Adds the measured or flow feature of this name; what follows on the last ones is copied together with them.
    fn add_to(numbers: &mut Vec<Self>, name: &str) {
        let measured = number_measured(name);
        let place = measured.or_else(|| flow::place(name)).expect("a checked space");
        match (numbers.last_mut(), measured) {
            (Some(Self::Measured(places)), Some(_)) | (Some(Self::Flow(places)), None) if places.end == place => {
                places.end += 1;
            }
            (_, Some(_)) => numbers.push(Self::Measured(place..place + 1)),
            (_, None) => numbers.push(Self::Flow(place..place + 1)),
        }
    }
}

impl Gatherer {
    /// For rows of `space`; its fields are asked for behind `fields_before` others in [`Normaliser::new`].
    ///
    /// [`Normaliser::new`]: crate::normalise::Normaliser::new
    pub fn new(space: Arc<Space>, fields_before: usize) -> Self {
        let mut fields: Vec<String> = Vec::new();
        let mut field = |path: &String| {
            fields.push(path.clone());
            FieldId(u32::try_from(fields_before + fields.len() - 1).expect("few fields"))
        };
        let (mut numbers, mut symbols) = (Vec::new(), Vec::new());
        for feature in space.features() {
            match (&feature.kind, &feature.field) {
                (Kind::Number, Some(path)) => numbers.push(Numbers::Field(field(path))),
                (Kind::Symbol(_), Some(path)) => symbols.push(Word::Field(field(path))),
                (Kind::Number, None) => Numbers::add_to(&mut numbers, &feature.name),
                (Kind::Symbol(words), None) => {
                    let (place, theirs) = symbol_measured(&feature.name).expect("a checked space");
                    let ours = theirs.iter().map(|word| Symbol::of(words, word)).collect();
                    symbols.push(Word::Measured(place, ours));
                }
            }
        }
        let as_measured = *space == Space::kdd99();
        Self { space, fields, numbers, symbols, as_measured, row: Row::default(), text: String::new() }
    }

    /// The space of the rows.
    pub fn space(&self) -> &Arc<Space> {
        &self.space
    }

    /// The paths of the fields it reads, in the order in which it asks for them.
    pub fn fields(&self) -> &[String] {
        &self.fields
    }

    /// Whether rows hold flow features.
    pub fn wants_flow(&self) -> bool {
        self.numbers.iter().any(|number| matches!(number, Numbers::Flow(_)))
    }

    /// Whether rows hold features of KDD-99 that compare a connection with others.
    pub fn wants_traffic(&self) -> bool {
        self.numbers.iter().any(|number| matches!(number, Numbers::Measured(places) if places.end > TRAFFIC))
    }

    /// Whether each connection has enough for a row, whatever its source tells: as many flow features as a row needs tell of its company.
    pub fn takes_every_connection(&self) -> bool {
        let names = self.space.features().iter().map(|feature| feature.name.as_str());
        names.filter(|name| flow::is_always_told(name)).count() >= self.space.least_known()
    }

    /// Appends the row of an event to `rows`; false, and nothing is appended, where it is not one for this space.
    ///
    /// `measured` are its measured features, where it has such, and `flow` its flow features.
    pub fn gather(
        &mut self,
        measured: Option<&FeatureVector>,
        flow: Option<&FlowVector>,
        view: Option<&View<'_>>,
        rows: &mut Matrix,
    ) -> bool {
        if self.as_measured {
            let Some(features) = measured else { return false };
            rows.push_measured(features);
            return true;
        }
        if measured.is_none() && self.fields.is_empty() {
            return false;
        }
        self.fill(measured, flow, view);
        rows.push(super::Row { numeric: &self.row.numeric, symbols: &self.row.symbols });
        let enough = rows.row(rows.len() - 1).known() >= self.space.least_known();
        if !enough {
            rows.pop();
        }
        enough
    }

    fn fill(&mut self, measured: Option<&FeatureVector>, flow: Option<&FlowVector>, view: Option<&View<'_>>) {
        let Self { space, numbers, symbols, row, text, .. } = self;
        row.numeric.clear();
        row.symbols.clear();
        let known = |value: &Scalar<'_>| !matches!(value, Scalar::Str(text) if space.is_missing(text.trim()));
        let value = |id: &FieldId| view.and_then(|view| view.field(*id)).filter(known);
        for numbers in numbers {
            match numbers {
                Numbers::Measured(places) => {
                    row.numeric.extend_from_slice(&measured.unwrap_or(&FeatureVector::MISSING).numeric[places.clone()]);
                }
                Numbers::Flow(places) => {
                    row.numeric.extend_from_slice(&flow.unwrap_or(&FlowVector::MISSING).0[places.clone()]);
                }
                Numbers::Field(id) => row.numeric.push(value(id).map_or(f32::NAN, |value| number_of(&value))),
            }
        }
        let measured = measured.map(|features| features.symbols.in_order());
        row.symbols.extend(symbols.iter().enumerate().map(|(place, word)| match word {
            Word::Measured(theirs, ours) => {
                measured.map_or(Symbol::MISSING, |symbols| translate(symbols[*theirs], ours))
            }
            Word::Field(id) => {
                value(id).map_or(Symbol::MISSING, |value| Symbol::of(space.words(place), word_of(&value, text)))
            }
        }));
    }
}

/// What a value is as a number: NaN, which is missing, where it is none.
pub fn number_of(value: &Scalar<'_>) -> f32 {
    match value {
        Scalar::Number(number) => *number as f32,
        Scalar::Bool(yes) => f32::from(u8::from(*yes)),
        Scalar::Str(text) => match text.trim() {
            "true" => 1.0,
            "false" => 0.0,
            number => number.parse().unwrap_or(f32::NAN),
        },
    }
}

/// What a value is as a word; `text` is room for those that are not text.
pub fn word_of<'a>(value: &'a Scalar<'_>, text: &'a mut String) -> &'a str {
    text.clear();
    match value {
        Scalar::Str(word) => return word.trim(),
        Scalar::Bool(yes) => text.push_str(if *yes { "true" } else { "false" }),
        // writing to a String does not fail
        Scalar::Number(number) => drop(write!(text, "{number}")),
    }
    text
}

/// A measured symbol in the vocabulary of the space.
fn translate(symbol: Symbol, ours: &[Symbol]) -> Symbol {
    symbol.place().map_or(symbol, |place| ours.get(place).copied().unwrap_or(Symbol::UNKNOWN))
}

#[cfg(test)]
mod tests {
    use super::super::symbols::{SERVICES, Symbols};
    use super::super::{Feature, MEASURED};
    use super::*;
    use crate::normalise::Normaliser;

    fn feature(name: &str, field: Option<&str>, kind: Kind) -> Feature {
        Feature { name: name.to_owned(), field: field.map(str::to_owned), group: None, kind }
    }

    fn words(words: &[&str]) -> Kind {
        Kind::Symbol(words.iter().map(|word| Arc::from(*word)).collect())
    }

    fn web() -> Arc<Space> {
        let features = vec![
            feature("bytes", Some("http.bytes"), Kind::Number),
            feature("status", Some("http.status"), words(&["200", "404"])),
            feature("method", Some("method"), words(&["GET", "POST"])),
            feature("encrypted", Some("tls"), Kind::Number),
        ];
        Arc::new(Space::new(features, 2).expect("sound").with_missing(vec!["-".to_owned()]))
    }

    /// The rows of these events.
    fn gathered(events: &[&str]) -> (Vec<bool>, Matrix) {
        let mut gatherer = Gatherer::new(web(), 1);
        let paths: Vec<String> = [&["other".to_owned()][..], gatherer.fields()].concat();
        let mut normaliser = Normaliser::new(&paths);
        let mut rows = Matrix::new(gatherer.space().shape());
        let mut taken = |event: &&str| {
            let view = normaliser.read(event.as_bytes()).expect("an event");
            gatherer.gather(None, None, Some(&view), &mut rows)
        };
        (events.iter().map(&mut taken).collect(), rows)
    }

    #[test]
    fn fields_are_read_as_numbers_and_words_whatever_they_are_written_as() {
        let (taken, rows) = gathered(&[
            r#"{"http":{"bytes":"512","status":404},"method":"GET","tls":true}"#,
            r#"{"http.bytes":7,"method":"BREW","tls":"-","http":{"status":" "}}"#,
        ]);
        assert_eq!(taken, [true, true]);
        assert_eq!(rows.row(0).numeric, [512.0, 1.0]);
        assert_eq!(rows.row(0).symbols.iter().map(|symbol| symbol.place()).collect::<Vec<_>>(), [Some(1), Some(0)]);
        assert!(rows.row(1).numeric[1].is_nan());
        assert_eq!(rows.row(1).symbols, [Symbol::MISSING, Symbol::UNKNOWN]);
    }

    #[test]
    fn an_event_that_has_too_few_of_the_features_is_none_for_the_space() {
        let (taken, rows) = gathered(&[r#"{"method":"GET"}"#, r#"{"a":1}"#, r#"{"method":"GET","tls":false}"#]);
        assert_eq!((taken, rows.len()), (vec![false, false, true], 1));
    }

    #[test]
    fn measured_features_are_found_by_name_in_another_order_and_vocabulary() {
        let features = vec![
            feature("service", None, words(&["http", "smtp"])),
            feature("src_bytes", None, Kind::Number),
            feature("duration", None, Kind::Number),
        ];
        let mut gatherer = Gatherer::new(Arc::new(Space::new(features, 0).expect("sound")), 0);
        let mut rows = Matrix::new(gatherer.space().shape());
        let mut vector = FeatureVector::MISSING;
        (vector.numeric[0], vector.numeric[1]) = (2.0, 300.0);
        for service in ["smtp", "ftp"] {
            vector.symbols = Symbols { service: Symbol::of(SERVICES, service), ..Symbols::MISSING };
            assert!(gatherer.gather(Some(&vector), None, None, &mut rows));
        }
        assert!(!gatherer.gather(None, None, None, &mut rows), "nothing was measured");
        assert_eq!(rows.row(0).numeric, [300.0, 2.0]);
        assert_eq!((rows.row(0).symbols[0].place(), rows.row(1).symbols[0]), (Some(1), Symbol::UNKNOWN));
    }

    #[test]
    fn the_measured_space_itself_takes_vectors_as_they_are() {
        let mut gatherer = Gatherer::new(Arc::new(Space::kdd99()), 0);
        let mut rows = Matrix::new(MEASURED);
        assert!(gatherer.gather(Some(&FeatureVector::MISSING), None, None, &mut rows));
        assert!(gatherer.fields().is_empty() && !gatherer.gather(None, None, None, &mut rows));
        assert_eq!(rows.len(), 1);
    }

    #[test]
    fn flow_features_are_found_by_name_beside_the_others() {
        let features = vec![
            feature("flow_originator_hosts_2m", None, Kind::Number),
            feature("src_bytes", None, Kind::Number),
            feature("extra", Some("extra"), Kind::Number),
        ];
        let space = Arc::new(Space::new(features, 0).expect("sound"));
        let mut gatherer = Gatherer::new(Arc::clone(&space), 0);
        let mut flow = FlowVector::MISSING;
        flow.0[flow::place("flow_originator_hosts_2m").expect("a feature")] = 7.0;
        let mut rows = Matrix::new(space.shape());
        assert!(gatherer.wants_flow());
        assert!(gatherer.gather(Some(&FeatureVector::MISSING), Some(&flow), None, &mut rows));
        assert_eq!(rows.row(0).numeric[0], 7.0);
        assert!(rows.row(0).numeric[1..].iter().all(|value| value.is_nan()));
        let odd = vec![feature("flow_of_nothing", None, Kind::Number)];
        assert!(Space::new(odd, 0).expect_err("no such feature").to_string().contains("flow_of_nothing"));
    }
}
