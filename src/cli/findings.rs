//! What `oversight judge` found: counted by class and by source from the annotated documents themselves, so that it
//! says what they say. Memory is bounded: a class has one example, and of sources only so many are told apart.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;
use serde::Serialize;
use serde_json::json;

use crate::normalise::{Dialect, FieldId, Normaliser, Rules, Scalar, View};

/// Sources that are told apart; what comes from further ones is counted together.
const MOST_SOURCES: usize = 65_536;
/// Unreadable lines that are told one by one.
const MOST_LINES: usize = 5;

/// What is read from a document, in the order of [`Field`].
const FIELDS: [&str; 14] = [
    "source.ip",
    "source.address",
    "source.port",
    "destination.ip",
    "destination.address",
    "destination.port",
    "network.transport",
    "event.start",
    "event.end",
    "@timestamp",
    "oversight.classification.label",
    "oversight.classification.category",
    "oversight.classification.probability",
    "oversight.features.dialect",
];

/// A place in [`FIELDS`].
#[derive(Clone, Copy)]
enum Field {
    SourceIp,
    SourceAddress,
    SourcePort,
    DestinationIp,
    DestinationAddress,
    DestinationPort,
    Transport,
    Start,
    End,
    Timestamp,
    Label,
    Category,
    Probability,
    Dialect,
}

/// What was found so far.
pub struct Findings {
    reader: Normaliser,
    /// Files that were read.
    pub files: u64,
    counts: Counts,
    classes: BTreeMap<String, Class>,
    dialects: BTreeMap<&'static str, Share>,
    sources: FxHashMap<String, Source>,
    told: Vec<Unreadable>,
}

/// Events of all files.
#[derive(Debug, Default, Serialize)]
struct Counts {
    events: u64,
    connections: u64,
    attacks: u64,
    unreadable: u64,
    /// Attacks from sources that are not told apart any more.
    elsewhere: u64,
}

/// What was found of one class.
#[derive(Debug, Serialize)]
struct Class {
    category: String,
    count: u64,
    #[serde(skip)]
    sum: f64,
    example: Example,
}

/// The connection of a class that is surest.
#[derive(Debug, Default, Serialize)]
struct Example {
    probability: f64,
    source: String,
    destination: String,
    transport: String,
    start: String,
    end: String,
}

/// What was found of one dialect.
#[derive(Debug, Default, Serialize)]
struct Share {
    events: u64,
    connections: u64,
}

/// What was found of one source.
#[derive(Debug, Default, Serialize)]
struct Source {
    connections: u64,
    attacks: u64,
    classes: BTreeMap<String, u64>,
}

/// A line that is no event.
#[derive(Debug, Serialize)]
struct Unreadable {
    file: PathBuf,
    line: u64,
    problem: String,
}

impl Findings {
    /// Nothing yet; `rules` are those that the events are judged by.
    pub fn new(rules: &Rules) -> Self {
        Self {
            reader: Normaliser::with_rules(&FIELDS.map(str::to_owned), rules),
            files: 0,
            counts: Counts::default(),
            classes: BTreeMap::new(),
            dialects: BTreeMap::new(),
            sources: FxHashMap::default(),
            told: Vec::new(),
        }
    }

    /// Counts the document of an event whose connection another one tells of as well.
    pub fn event(&mut self, bytes: &[u8]) {
        // what the pipeline wrote is an event; if it were none, it would have no verdict
        if let Ok(view) = self.reader.read(bytes) {
            self.counts.events += 1;
            Self::share(&mut self.dialects, &view).events += 1;
        }
    }

    /// What was found of the dialect that the document's event spoke.
    fn share<'d>(dialects: &'d mut BTreeMap<&'static str, Share>, view: &View<'_>) -> &'d mut Share {
        // the document may look like ECS, which the event did not
        let dialect = text(view, Field::Dialect).and_then(|name| Dialect::of(&name)).unwrap_or(view.dialect);
        dialects.entry(dialect.name()).or_default()
    }

    /// Counts an annotated document; tells whether it has a verdict.
    pub fn document(&mut self, bytes: &[u8]) -> bool {
        let Ok(view) = self.reader.read(bytes) else { return false };
        let share = Self::share(&mut self.dialects, &view);
        self.counts.events += 1;
        share.events += 1;
        let Some(label) = text(&view, Field::Label) else { return false };
        self.counts.connections += 1;
        share.connections += 1;
        let category = text(&view, Field::Category).unwrap_or_default();
        let attack = category != "normal";
        self.counts.attacks += u64::from(attack);
        let example = Example::of(&view);
        let source = first(&view, [Field::SourceIp, Field::SourceAddress]);
        let class = self.classes.entry(label.clone()).or_insert_with(|| Class {
            category,
            count: 0,
            sum: 0.0,
            example: Example::default(),
        });
        class.count += 1;
        class.sum += example.probability;
        if class.count == 1 || example.probability > class.example.probability {
            class.example = example;
        }
        self.source(source.unwrap_or_else(|| "unknown".to_owned()), label, attack);
        true
    }

    fn source(&mut self, source: String, label: String, attack: bool) {
        if self.sources.len() >= MOST_SOURCES && !self.sources.contains_key(&source) {
            self.counts.elsewhere += u64::from(attack);
            return;
        }
        let source = self.sources.entry(source).or_default();
        source.connections += 1;
        source.attacks += u64::from(attack);
        if attack {
            *source.classes.entry(label).or_default() += 1;
        }
    }

    /// Notes a line that is no event.
    pub fn unreadable(&mut self, file: &Path, line: u64, problem: &str) {
        self.counts.unreadable += 1;
        if self.told.len() < MOST_LINES {
            self.told.push(Unreadable { file: file.to_owned(), line, problem: problem.to_owned() });
        }
    }

    /// How it stands, in few words.
    pub fn note(&self) -> String {
        format!("{} events, {} attacks", self.counts.events, self.counts.attacks)
    }

    /// Tells on standard error what could not be read.
    pub fn warn(&self) {
        for Unreadable { file, line, problem } in &self.told {
            eprintln!("{}, line {line}: {problem}", file.display());
        }
        if self.counts.unreadable > self.told.len() as u64 {
            eprintln!("{} lines could not be read; those are the first", self.counts.unreadable);
        }
    }

    /// Everything for programs, with the `top` sources of most attacks.
    pub fn json(&self, top: usize) -> serde_json::Value {
        let sources: Vec<_> = self.worst(top).into_iter().map(|(address, source)| {
            json!({"source": address, "connections": source.connections, "attacks": source.attacks, "classes": source.classes})
        }).collect();
        json!({
            "files": self.files, "events": self.counts.events, "connections": self.counts.connections,
            "attacks": self.counts.attacks, "unreadable": self.counts.unreadable, "unreadable_lines": self.told,
            "dialects": self.dialects, "classes": self.classes, "sources": sources,
            "attacks_of_further_sources": self.counts.elsewhere,
        })
    }

    /// Everything for people, with the `top` sources of most attacks.
    pub fn text(&self, top: usize) -> String {
        let mut out = String::new();
        self.write_text(&mut out, top).expect("writing to a string does not fail");
        out
    }

    fn write_text(&self, out: &mut String, top: usize) -> std::fmt::Result {
        let Counts { events, connections, attacks, unreadable, .. } = self.counts;
        let files = if self.files == 1 { "1 file".to_owned() } else { format!("{} files", self.files) };
        writeln!(out, "{events} events in {files}: {connections} connections judged, {attacks} of them attacks")?;
        for (dialect, share) in &self.dialects {
            writeln!(out, "  {dialect}: {} events, {} connections", share.events, share.connections)?;
        }
        if unreadable > 0 {
            writeln!(out, "  {unreadable} lines could not be read")?;
        }
        if connections == 0 {
            return Ok(());
        }
        writeln!(out, "\n{:<19} {:<19} {:>9} {:>11}  surest example", "class", "category", "count", "probability")?;
        let mut classes: Vec<_> = self.classes.iter().collect();
        classes.sort_by_key(|(_, class)| (class.category == "normal", std::cmp::Reverse(class.count)));
        for (label, class) in classes {
            let mean = class.sum / class.count as f64;
            writeln!(out, "{label:<19} {:<19} {:>9} {mean:>11.3}  {}", class.category, class.count, class.example)?;
        }
        let worst = self.worst(top);
        if !worst.is_empty() {
            writeln!(out, "\n{:<40} {:>9} {:>11}  classes", "source", "attacks", "connections")?;
        }
        for (address, source) in worst {
            let mut classes: Vec<_> = source.classes.iter().collect();
            classes.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            let classes: Vec<_> = classes.into_iter().map(|(label, count)| format!("{label} {count}")).collect();
            writeln!(out, "{address:<40} {:>9} {:>11}  {}", source.attacks, source.connections, classes.join(", "))?;
        }
        Ok(())
    }

    /// The `top` sources with most attacks, and at least one.
    fn worst(&self, top: usize) -> Vec<(&str, &Source)> {
        let mut sources: Vec<_> = self.sources.iter().filter(|(_, source)| source.attacks > 0).collect();
        sources.sort_by(|(a, one), (b, other)| other.attacks.cmp(&one.attacks).then(a.cmp(b)));
        sources.into_iter().take(top).map(|(address, source)| (address.as_str(), source)).collect()
    }
}

impl Example {
    fn of(view: &View<'_>) -> Self {
        let probability = match view.field(FieldId(Field::Probability as u32)) {
            Some(Scalar::Number(number)) => number,
            _ => 0.0,
        };
        let endpoint = |address, port| {
            let address = first(view, address).unwrap_or_default();
            let colons = address.contains(':');
            match text(view, port) {
                Some(port) if colons => format!("[{address}]:{port}"),
                Some(port) => format!("{address}:{port}"),
                None => address,
            }
        };
        Self {
            probability,
            source: endpoint([Field::SourceIp, Field::SourceAddress], Field::SourcePort),
            destination: endpoint([Field::DestinationIp, Field::DestinationAddress], Field::DestinationPort),
            transport: text(view, Field::Transport).unwrap_or_default(),
            start: first(view, [Field::Start, Field::Timestamp]).unwrap_or_default(),
            end: text(view, Field::End).unwrap_or_default(),
        }
    }
}

impl std::fmt::Display for Example {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { probability, source, destination, transport, start, end } = self;
        if !source.is_empty() {
            write!(f, "{transport} {source} -> {destination}, ")?;
        }
        write!(f, "{start}")?;
        if !end.is_empty() {
            write!(f, " to {end}")?;
        }
        write!(f, " ({probability:.3})")
    }
}

/// A field as a text; whole numbers without a point.
fn text(view: &View<'_>, field: Field) -> Option<String> {
    view.field(FieldId(field as u32)).map(|value| match value {
        Scalar::Str(text) => text.into_owned(),
        Scalar::Number(number) => number.to_string(),
        Scalar::Bool(value) => value.to_string(),
    })
}

fn first(view: &View<'_>, fields: [Field; 2]) -> Option<String> {
    fields.into_iter().find_map(|field| text(view, field))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(source: &str, label: &str, category: &str, probability: f64) -> Vec<u8> {
        json!({
            "source": {"ip": source, "port": 1}, "destination": {"ip": "::1", "port": 80}, "network": {"transport": "tcp"},
            "event": {"start": "2026-11-22T10:00:00.000Z"},
            "oversight": {"classification": {"label": label, "category": category, "probability": probability}},
        })
        .to_string()
        .into_bytes()
    }

    #[test]
    fn classes_sources_and_the_surest_example_are_told() {
        let mut findings = Findings::new(&Rules::default());
        for (source, label, category, probability) in [
            ("10.0.0.1", "neptune", "dos", 0.5),
            ("10.0.0.2", "neptune", "dos", 0.9),
            ("10.0.0.2", "normal", "normal", 1.0),
            ("10.0.0.2", "satan", "probe", 0.7),
        ] {
            assert!(findings.document(&document(source, label, category, probability)));
        }
        assert!(!findings.document(b"{\"message\":\"x\"}"));
        findings.unreadable(Path::new("a.log"), 7, "torn");
        let told = findings.json(1);
        assert_eq!((&told["events"], &told["connections"], &told["attacks"]), (&json!(5), &json!(4), &json!(3)));
        assert_eq!(told["sources"][0]["source"], "10.0.0.2");
        assert_eq!(told["sources"].as_array().map(Vec::len), Some(1));
        assert_eq!(told["unreadable_lines"][0]["line"], 7);
        assert_eq!(told["classes"]["neptune"]["example"]["destination"], "[::1]:80");
        let text = findings.text(10);
        assert!(text.contains("tcp 10.0.0.2:1 -> [::1]:80, 2026-11-22T10:00:00.000Z (0.900)"), "{text}");
        assert!(text.contains("neptune 1, satan 1"), "{text}");
    }

    #[test]
    fn sources_beyond_those_that_are_told_apart_are_counted_together() {
        let mut findings = Findings::new(&Rules::default());
        for number in 0..MOST_SOURCES as u32 + 10 {
            let source = std::net::Ipv4Addr::from_bits(number).to_string();
            findings.source(source, "satan".to_owned(), true);
        }
        assert_eq!((findings.sources.len(), findings.counts.elsewhere), (MOST_SOURCES, 10));
    }
}
