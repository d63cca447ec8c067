//! Metrics after the check: fields have numbers, spans are times, and nothing is doubtful any more.

use std::fmt;
use std::sync::Arc;

use super::declare::{ConditionDeclaration, Direction, Function, Gap, Literal, Method, MetricDeclaration};
use super::fields::{Fields, MISSING, Reading, Value, hash_bytes, mix};
use super::joint::{self, Member};
use super::maintenance::Maintenance;
use super::network::Networks;
use super::render::{bytes_in_words, number_in_words};
use super::zone::Zone;

/// The largest number of metrics.
const MOST_METRICS: usize = 1000;
/// The largest number of different `in_network` conditions: they have a bit each.
const MOST_NETWORKS: usize = u32::BITS as usize;
/// The largest number of fields that name an entity, `by` not counted.
const MOST_OVER: usize = 3;

/// Checked metrics, and the field paths they read.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    pub(super) list: Vec<Metric>,
    pub(super) paths: Vec<String>,
    /// The number of an address field, and networks that conditions on it name.
    networks: Vec<(usize, Networks)>,
}

impl Metrics {
    /// Checks declarations.
    ///
    /// # Errors
    /// All faults at once, in the order of the declarations.
    pub fn check(declared: &[MetricDeclaration]) -> Result<Self, Vec<Fault>> {
        let mut checked = Self::default();
        let mut faults = Vec::new();
        if declared.len() > MOST_METRICS {
            let found = declared.len().to_string();
            let wanted = format!("at most {MOST_METRICS} metrics");
            faults.push(Fault { place: MOST_METRICS, name: String::new(), key: "metrics", found, wanted });
        }
        for (place, declaration) in declared.iter().enumerate() {
            let (paths, networks) = (&mut checked.paths, &mut checked.networks);
            let mut check = Check { place, declaration, paths, networks, faults: &mut faults };
            let metric = check.metric();
            if declared[..place].iter().any(|earlier| earlier.name == declaration.name) {
                check.fault("name", &declaration.name, "a name that no earlier metric has");
            }
            checked.list.push(metric);
        }
        joint::link(&mut checked.list, declared, &mut faults);
        if faults.is_empty() { Ok(checked) } else { Err(faults) }
    }

    /// Tells for each address in which of the networks it lies that conditions name.
    pub(super) fn locate(&self, fields: &impl Fields, readings: &mut [Reading]) {
        for (bit, (field, networks)) in self.networks.iter().enumerate() {
            let address = match fields.field(*field) {
                Some(Value::Text(text)) => text.parse().ok(),
                _ => None,
            };
            if address.is_some_and(|address| networks.contain(address)) {
                readings[*field].networks |= 1 << bit;
            }
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

/// What is wrong with a declaration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    /// Place of the metric in the list, from 0.
    pub place: usize,
    /// Its name, which may be what is wrong.
    pub name: String,
    /// The key below the metric.
    pub key: &'static str,
    /// What stands there.
    pub found: String,
    /// What is allowed.
    pub wanted: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "metrics[{}] ({}): {} is '{}', wanted {}", self.place, self.name, self.key, self.found, self.wanted)
    }
}

/// One checked metric.
#[derive(Debug, Clone)]
pub(super) struct Metric {
    pub name: String,
    pub title: String,
    pub conditions: Vec<Condition>,
    /// Names and numbers of the fields of the entity, `by` last.
    pub entity: Vec<(String, usize)>,
    pub has_by: bool,
    pub function: Function,
    pub field: Option<(String, usize)>,
    /// Microseconds.
    pub span: i64,
    /// Microseconds.
    pub lateness: i64,
    pub peak: Option<String>,
    pub dip: Option<String>,
    pub direction: Direction,
    pub minimum_deviation: f64,
    pub gap: Gap,
    pub detector: Method,
    /// How long closed buckets wait for late events, in microseconds; none where only those wait that gave a record.
    pub corrections: Option<i64>,
    pub maintenance: Vec<Maintenance>,
    /// Whose clock it goes by; none for UTC.
    pub zone: Option<Arc<Zone>>,
    /// The metrics that it looks at together, in place of events.
    pub members: Vec<Member>,
    /// The places of those that look at it, and as which of their members.
    pub feeds: Vec<(usize, usize)>,
    /// Changes with the declaration; state that was learnt under another one is not used.
    pub digest: u64,
}

impl Metric {
    /// Whether the event at hand counts.
    #[inline]
    pub(super) fn admits(&self, readings: &[Reading]) -> bool {
        !self.is_joint() && self.conditions.iter().all(|condition| condition.holds(readings[condition.field]))
    }

    /// The key of the event's series; none where a field of the entity is missing.
    #[inline]
    pub(super) fn key(&self, readings: &[Reading]) -> Option<u64> {
        self.entity.iter().try_fold(self.digest, |key, (_, field)| {
            let hash = readings[*field].hash;
            (hash != MISSING).then(|| mix(key, hash))
        })
    }

    /// Whether high values can be anomalous.
    pub(super) fn high(&self) -> bool {
        self.direction != Direction::Low
    }

    /// Whether low values can be anomalous.
    pub(super) fn low(&self) -> bool {
        self.direction != Direction::High
    }

    /// Whether its values are counts of bytes, for words.
    pub(super) fn in_bytes(&self) -> bool {
        let field = self.field.as_ref().map_or("", |(path, _)| path.as_str());
        let keeps_unit = matches!(
            self.function,
            Function::Sum | Function::Mean | Function::Max | Function::Min | Function::Increase
        );
        keeps_unit && field.ends_with("bytes")
    }

    /// A value of it as a person reads it.
    pub(super) fn in_words(&self, value: f64) -> String {
        match self.function {
            Function::Joint => format!("{} bits", number_in_words(value)),
            _ if self.in_bytes() => bytes_in_words(value),
            _ => number_in_words(value),
        }
    }
}

/// A checked condition.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    field: usize,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    Exists(bool),
    /// Hashes of the values, sorted.
    OneOf(Vec<u64>),
    Within(f64, f64),
    /// This bit of [`Reading::networks`].
    InNetwork(u32),
}

impl Condition {
    fn holds(&self, reading: Reading) -> bool {
        match &self.test {
            Test::Exists(wanted) => (reading.hash != MISSING) == *wanted,
            Test::OneOf(hashes) => hashes.binary_search(&reading.hash).is_ok(),
            Test::InNetwork(bit) => reading.networks & bit != 0,
            // false for NaN, so for what is no number
            Test::Within(low, high) => reading.number >= *low && reading.number <= *high,
        }
    }
}

struct Check<'a> {
    place: usize,
    declaration: &'a MetricDeclaration,
    paths: &'a mut Vec<String>,
    networks: &'a mut Vec<(usize, Networks)>,
    faults: &'a mut Vec<Fault>,
}

impl Check<'_> {
    fn metric(&mut self) -> Metric {
        let declared = self.declaration;
        self.name();
        let span = self.duration("bucket_span", &declared.bucket_span, 1).unwrap_or(60_000_000);
        let zone = self.zone();
        let lateness = declared.lateness.as_ref().and_then(|text| self.duration("lateness", text, 0));
        let direction = declared.direction.unwrap_or(match (&declared.peak, &declared.dip) {
            (Some(_), Some(_)) => Direction::Both,
            (None, Some(_)) => Direction::Low,
            (_, None) => Direction::High,
        });
        self.meaning("peak", declared.peak.as_deref(), direction != Direction::Low);
        self.meaning("dip", declared.dip.as_deref(), direction != Direction::High);
        if !(declared.minimum_deviation >= 0.0 && declared.minimum_deviation.is_finite()) {
            self.fault("minimum_deviation", &declared.minimum_deviation, "a number from 0 up");
        }
        Metric {
            name: declared.name.clone(),
            title: declared.title.clone().unwrap_or_else(|| declared.name.replace('_', " ")),
            conditions: declared.conditions.iter().map(|condition| self.condition(condition)).collect(),
            entity: self.entity(),
            has_by: declared.by.is_some(),
            function: declared.function,
            field: self.field(),
            span,
            lateness: lateness.unwrap_or(span.min(120_000_000)),
            peak: declared.peak.clone(),
            dip: declared.dip.clone(),
            direction,
            minimum_deviation: declared.minimum_deviation,
            gap: self.gap(direction),
            detector: self.detector(),
            corrections: declared.corrections.as_ref().and_then(|text| self.duration("corrections", text, 0)),
            maintenance: self.maintenance(zone.as_deref()),
            zone,
            members: Vec::new(),
            feeds: Vec::new(),
            digest: digest(declared),
        }
    }

    fn detector(&mut self) -> Method {
        let method = self.declaration.detector;
        if method == Method::Population && self.declaration.over.is_empty() && self.declaration.by.is_none() {
            self.fault(
                "detector",
                &"population",
                "'over' or 'by' as well, because without entities there are no others",
            );
        }
        method
    }

    fn zone(&mut self) -> Option<Arc<Zone>> {
        let text = self.declaration.zone.as_deref().filter(|text| *text != "UTC")?;
        let read = Zone::read(text);
        if let Err(fault) = &read {
            self.fault("zone", &text, &fault.to_string());
        }
        read.ok().map(Arc::new)
    }

    fn maintenance(&mut self, zone: Option<&Zone>) -> Vec<Maintenance> {
        let declared = self.declaration;
        let mut read = Vec::new();
        for time in &declared.maintenance {
            match Maintenance::check(time, zone) {
                Ok(checked) => read.push(checked),
                Err(wanted) => self.fault("maintenance", &format!("{} to {}", time.from, time.to), wanted),
            }
        }
        read
    }

    fn name(&mut self) {
        let name = &self.declaration.name;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if name.is_empty() || name.len() > 100 || !name.bytes().all(plain) {
            self.fault("name", name, "1 to 100 letters, digits, '_', '-' and '.'");
        }
    }

    fn meaning(&mut self, key: &'static str, meaning: Option<&str>, judged: bool) {
        match meaning {
            Some("") => self.fault(key, &"", "a word such as port_scan"),
            Some(word) if !judged => self.fault(key, &word, "no meaning on a side that 'direction' leaves out"),
            _ => {}
        }
    }

    fn entity(&mut self) -> Vec<(String, usize)> {
        let declared = self.declaration;
        if declared.over.len() > MOST_OVER {
            self.fault("over", &declared.over.join(", "), "at most 3 fields");
        }
        let all: Vec<&String> = declared.over.iter().chain(&declared.by).collect();
        for (place, path) in all.iter().enumerate() {
            if all[..place].contains(path) {
                self.fault("over", path, "each field once, 'by' included");
            }
        }
        all.into_iter().map(|path| (path.clone(), self.path("over", path))).collect()
    }

    fn field(&mut self) -> Option<(String, usize)> {
        match (self.declaration.function, &self.declaration.field) {
            (function, None) if !function.reads_a_field() => None,
            (function, Some(field)) if !function.reads_a_field() => {
                self.fault("field", field, &format!("nothing, because '{}' reads no field", function.name()));
                None
            }
            (_, Some(field)) => Some((field.clone(), self.path("field", field))),
            (function, None) => {
                let wanted = format!("a field path, because '{}' reads one", function.name());
                self.fault("field", &"", &wanted);
                None
            }
        }
    }

    fn gap(&mut self, direction: Direction) -> Gap {
        let declared = self.declaration;
        let empty_is_zero = declared.function.is_zero_without_events();
        match declared.gap {
            Some(Gap::Zero) if !empty_is_zero => {
                let wanted = format!("unknown, because no events have no {}", declared.function.name());
                self.fault("gap", &"zero", &wanted);
                Gap::Unknown
            }
            Some(gap) => gap,
            None if empty_is_zero && direction != Direction::High => Gap::Zero,
            None => Gap::Unknown,
        }
    }

    fn condition(&mut self, declared: &ConditionDeclaration) -> Condition {
        let range = declared.at_least.is_some() || declared.at_most.is_some();
        let kinds = [
            declared.equals.is_some(),
            !declared.one_of.is_empty(),
            declared.exists.is_some(),
            !declared.in_network.is_empty(),
            range,
        ];
        if kinds.iter().filter(|given| **given).count() != 1 {
            let wanted = "exactly one of equals, one_of, exists, in_network, at_least with at_most";
            self.fault("where", &declared.field, wanted);
        }
        let field = self.path("where", &declared.field);
        let literals = declared.equals.iter().chain(&declared.one_of);
        let test = if let Some(wanted) = declared.exists {
            Test::Exists(wanted)
        } else if !declared.in_network.is_empty() {
            Test::InNetwork(self.network(field, &declared.in_network))
        } else if range {
            let (low, high) =
                (declared.at_least.unwrap_or(f64::NEG_INFINITY), declared.at_most.unwrap_or(f64::INFINITY));
            if low.is_nan() || high.is_nan() || low > high {
                self.fault("where", &format!("{low} to {high}"), "at_least not above at_most");
            }
            Test::Within(low, high)
        } else {
            let mut hashes: Vec<u64> = literals.map(hash_of_literal).collect();
            hashes.sort_unstable();
            Test::OneOf(hashes)
        };
        Condition { field, test }
    }

    /// The bit of these networks of a field, which are new or were named before.
    fn network(&mut self, field: usize, texts: &[String]) -> u32 {
        let networks = match Networks::parse(texts) {
            Ok(networks) => (field, networks),
            Err(text) => {
                self.fault(
                    "where",
                    &text,
                    "a block such as 10.0.0.0/8, private, public, loopback, link_local or multicast",
                );
                return 0;
            }
        };
        let known = self.networks.iter().position(|other| *other == networks);
        let place = known.unwrap_or(self.networks.len());
        if known.is_none() {
            self.networks.push(networks);
        }
        if place >= MOST_NETWORKS {
            self.fault("where", &texts.join(", "), "at most 32 different in_network conditions over all metrics");
            return 0;
        }
        1 << place
    }

    /// The number of a path, which is new or was used before.
    fn path(&mut self, key: &'static str, path: &str) -> usize {
        let fine = !path.is_empty() && path.len() <= 200 && path.split('.').all(|name| !name.is_empty());
        if !fine {
            self.fault(key, &path, "names joined by '.', such as source.ip");
        }
        if let Some(known) = self.paths.iter().position(|other| other == path) {
            return known;
        }
        self.paths.push(path.to_owned());
        self.paths.len() - 1
    }

    /// Microseconds; a fault where `text` is no duration from `least` seconds to a day.
    fn duration(&mut self, key: &'static str, text: &str, least: i64) -> Option<i64> {
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let unit = match &text[split..] {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => 0,
        };
        let seconds = text[..split].parse::<i64>().ok().and_then(|number| number.checked_mul(unit));
        let fine = seconds.filter(|seconds| unit > 0 && (least..=86_400).contains(seconds));
        if fine.is_none() {
            self.fault(key, &text, &format!("{least}s to 1d, written such as 30s, 5m, 1h"));
        }
        fine.map(|seconds| seconds * 1_000_000)
    }

    fn fault(&mut self, key: &'static str, found: &impl ToString, wanted: &str) {
        let (place, name) = (self.place, self.declaration.name.clone());
        self.faults.push(Fault { place, name, key, found: found.to_string(), wanted: wanted.to_owned() });
    }
}

/// Changes with what is measured, and not with how long late events are waited for or when nothing is judged.
fn digest(declared: &MetricDeclaration) -> u64 {
    let zone = declared.zone.clone().filter(|zone| zone != "UTC");
    let measured = MetricDeclaration { corrections: None, maintenance: Vec::new(), zone, ..declared.clone() };
    hash_bytes(&serde_json::to_vec(&measured).expect("a declaration has only string keys"))
}

fn hash_of_literal(literal: &Literal) -> u64 {
    let value = match literal {
        Literal::Flag(flag) => Value::Flag(*flag),
        Literal::Number(number) => Value::Number(*number),
        Literal::Text(text) => Value::Text(text.as_str().into()),
    };
    Reading::of(Some(value)).hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(json: &str) -> MetricDeclaration {
        serde_json::from_str(json).expect("readable")
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let bad = declared(
            r#"{"name":"a b","function":"sum","bucket_span":"5x","lateness":"2d","over":["a","b","c","a..b"],
                "where":[{"field":"x"}],"minimum_deviation":-1,"dip":"gone","direction":"high"}"#,
        );
        let faults = Metrics::check(&[bad.clone(), bad]).expect_err("faults");
        let keys: Vec<&str> = faults.iter().filter(|fault| fault.place == 0).map(|fault| fault.key).collect();
        for key in ["name", "field", "bucket_span", "lateness", "over", "where", "minimum_deviation", "dip"] {
            assert!(keys.contains(&key), "{key} missing in {keys:?}");
        }
        assert!(faults.iter().any(|fault| fault.place == 1 && fault.wanted.contains("earlier")));
        let unit = faults.iter().find(|fault| fault.key == "bucket_span").expect("told");
        assert_eq!(
            unit.to_string(),
            "metrics[0] (a b): bucket_span is '5x', wanted 1s to 1d, written such as 30s, 5m, 1h"
        );
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(serde_json::from_str::<MetricDeclaration>(r#"{"name":"a","ovr":["x"]}"#).is_err());
    }

    #[test]
    fn what_is_not_said_follows_from_what_is() {
        let metrics =
            Metrics::check(&[declared(r#"{"name":"a","dip":"off"}"#), declared(r#"{"name":"b","bucket_span":"5m"}"#)])
                .expect("fine");
        assert_eq!((metrics.list[0].direction, metrics.list[0].gap), (Direction::Low, Gap::Zero));
        assert_eq!((metrics.list[1].direction, metrics.list[1].gap), (Direction::High, Gap::Unknown));
        assert_eq!((metrics.list[0].lateness, metrics.list[1].lateness), (60_000_000, 120_000_000));
    }

    #[test]
    fn an_address_is_held_against_the_networks_that_conditions_name() {
        struct Address(&'static str);
        impl Fields for Address {
            fn field(&self, id: usize) -> Option<Value<'_>> {
                (id == 0).then(|| Value::Text(self.0.into()))
            }
        }
        let on = |name: &str, networks: &str| {
            declared(&format!(r#"{{"name":"{name}","where":[{{"field":"to","in_network":[{networks}]}}]}}"#))
        };
        let metrics =
            Metrics::check(&[on("out", r#""public""#), on("lab", r#""10.9.0.0/16""#), on("also", r#""public""#)]);
        let metrics = metrics.expect("fine");
        let admitted = |address: &'static str| {
            let mut readings = [Reading::of(Some(Value::Text(address.into())))];
            metrics.locate(&Address(address), &mut readings);
            [0, 1, 2].map(|metric: usize| metrics.list[metric].admits(&readings))
        };
        assert_eq!(admitted("203.0.113.7"), [true, false, true]);
        assert_eq!(admitted("10.9.1.1"), [false, true, false]);
        assert_eq!(admitted("host.example"), [false; 3]);
        let faults = Metrics::check(&[on("wrong", r#""inside""#)]).unwrap_err();
        assert!(faults[0].to_string().contains("inside"), "{}", faults[0]);
    }

    #[test]
    fn conditions_hold_as_they_read() {
        let metrics = Metrics::check(&[declared(
            r#"{"name":"a","where":[{"field":"p","one_of":[22,"ssh"]},{"field":"n","at_least":3},{"field":"q","exists":false}]}"#,
        )])
        .expect("fine");
        let holds = |p: Value<'_>, n: f64, q: Option<Value<'_>>| {
            let readings = [Reading::of(Some(p)), Reading::of(Some(Value::Number(n))), Reading::of(q)];
            metrics.list[0].admits(&readings)
        };
        assert!(holds(Value::Text("22".into()), 3.0, None));
        assert!(holds(Value::Text("ssh".into()), 3.0, None));
        assert!(!holds(Value::Text("ftp".into()), 3.0, None));
        assert!(!holds(Value::Number(22.0), 2.9, None));
        assert!(!holds(Value::Number(22.0), f64::NAN, None));
        assert!(!holds(Value::Number(22.0), 3.0, Some(Value::Flag(false))));
    }
}
