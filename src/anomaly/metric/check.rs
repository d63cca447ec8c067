//! The check of one declaration: everything doubtful in it is a fault.

use std::sync::Arc;

use super::{Fault, Metric};
use crate::anomaly::declare::{Direction, Gap, Method, MetricDeclaration};
use crate::anomaly::fields::hash_bytes;
use crate::anomaly::maintenance::Maintenance;
use crate::anomaly::zone::Zone;
use crate::config::Networks;

/// The largest number of fields that name an entity, `by` not counted.
const MOST_OVER: usize = 3;

/// A declaration that is checked, and what all of them share.
pub(super) struct Check<'a> {
    pub place: usize,
    pub declaration: &'a MetricDeclaration,
    pub paths: &'a mut Vec<String>,
    pub networks: &'a mut Vec<(usize, Networks)>,
    pub faults: &'a mut Vec<Fault>,
}

impl Check<'_> {
    pub(super) fn metric(&mut self) -> Metric {
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

    /// The number of a path, which is new or was used before.
    pub(super) fn path(&mut self, key: &'static str, path: &str) -> usize {
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

    pub(super) fn fault(&mut self, key: &'static str, found: &impl ToString, wanted: &str) {
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
