//! What a metric would have said of the past: its buckets with what was expected of them, alarms a day, and what another declaration would
//! have said in its place.

pub mod text;

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::anomaly::{AnomalyRecord, Expected, Side};
use crate::event::EventTime;

/// One closed bucket of one entity.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// When it began.
    pub start: EventTime,
    /// What was counted.
    pub actual: f64,
    /// What was expected, and the bounds.
    pub expected: f64,
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
    /// Severity, 0 to 100.
    pub score: f32,
    /// In words.
    pub reason: String,
}

/// One entity.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its values, joined by `, `; empty for a metric without entities.
    pub entity: String,
    /// In the order of time.
    pub buckets: Vec<Bucket>,
    /// What is expected of the time behind the last one.
    pub forecast: Vec<Expected>,
}

/// An alarm.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alarm {
    /// When the bucket began.
    pub start: String,
    /// Whose it was.
    pub entity: String,
    /// Severity, 0 to 100.
    pub score: f32,
    /// Above or below what was expected.
    pub side: &'static str,
    /// In words.
    pub reason: String,
}

/// What one declaration would have said.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// The metric.
    pub metric: String,
    /// Which detector judged.
    pub detector: String,
    /// The severity from which on a bucket is an alarm.
    pub threshold: f64,
    /// Entities.
    pub entities: usize,
    /// Buckets that were closed.
    pub buckets: usize,
    /// From the first bucket to the last, in days; at least one.
    pub days: f64,
    /// Alarms a day, over all entities.
    pub alarms_per_day: f64,
    /// Records in which late events corrected what was told.
    pub corrections: usize,
    /// Alarms by day, over all entities.
    pub by_day: BTreeMap<String, usize>,
    /// The alarms, in the order of time.
    pub alarms: Vec<Alarm>,
    /// Buckets by entity: those with the strongest alarms first. Not in JSON, which would be as large as the data.
    #[serde(skip)]
    pub lines: Vec<Line>,
}

/// What another run has that this one has not, and the other way round.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Alarms that both raise.
    pub both: usize,
    /// Alarms that only the other raises.
    pub gained: Vec<Alarm>,
    /// Alarms that only this one raises.
    pub lost: Vec<Alarm>,
}

/// The report: a run, and where another one was asked for, that and what sets them apart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BacktestReport {
    /// What was read.
    pub data: String,
    /// The run.
    pub run: Run,
    /// The other run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<Run>,
    /// What sets it apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
}

const DAY: f64 = 86_400_000_000.0;

impl Run {
    /// Of one record for each closed bucket, alarms or not; `forecast` says what is expected behind the last of an entity.
    pub fn new(
        metric: &str,
        detector: &str,
        threshold: f64,
        records: &[AnomalyRecord],
        forecast: impl Fn(&AnomalyRecord) -> Vec<Expected>,
    ) -> Self {
        let (corrections, records): (Vec<_>, Vec<_>) = records.iter().partition(|record| record.correction.is_some());
        let mut lines: HashMap<String, (Line, &AnomalyRecord)> = HashMap::new();
        for record in &records {
            let entity = entity(record);
            let line = || (Line { entity: entity.clone(), buckets: Vec::new(), forecast: Vec::new() }, *record);
            let (line, last) = lines.entry(entity.clone()).or_insert_with(line);
            line.buckets.push(bucket(record));
            *last = record;
        }
        let mut lines: Vec<Line> =
            lines.into_values().map(|(line, last)| Line { forecast: forecast(last), ..line }).collect();
        lines.iter_mut().for_each(|line| line.buckets.sort_by_key(|bucket| bucket.start.micros()));
        lines.sort_by(|one, other| worst(other).total_cmp(&worst(one)).then_with(|| one.entity.cmp(&other.entity)));
        let mut told: Vec<&&AnomalyRecord> =
            records.iter().filter(|record| f64::from(record.score) >= threshold && record.score > 0.0).collect();
        told.sort_by_key(|record| record.start.micros());
        let mut by_day = BTreeMap::new();
        told.iter().for_each(|record| *by_day.entry(record.start.to_string()[..10].to_owned()).or_insert(0) += 1);
        let times = || records.iter().map(|record| record.start.micros());
        let days = times().max().zip(times().min()).map_or(1.0, |(last, first)| ((last - first) as f64 / DAY).max(1.0));
        Self {
            metric: metric.to_owned(),
            detector: detector.to_owned(),
            threshold,
            entities: lines.len(),
            buckets: records.len(),
            days,
            alarms_per_day: told.len() as f64 / days,
            corrections: corrections.len(),
            by_day,
            alarms: told.into_iter().map(|record| alarm(record)).collect(),
            lines,
        }
    }

    /// What `other` would have said in the place of this one.
    pub fn compared_with(&self, other: &Self) -> Comparison {
        let without = |ours: &Self, theirs: &Self| -> Vec<Alarm> {
            let known: std::collections::HashSet<_> =
                theirs.alarms.iter().map(|alarm| (&alarm.start, &alarm.entity)).collect();
            ours.alarms.iter().filter(|alarm| !known.contains(&(&alarm.start, &alarm.entity))).cloned().collect()
        };
        let (gained, lost) = (without(other, self), without(self, other));
        Comparison { both: self.alarms.len() - lost.len(), gained, lost }
    }
}

fn worst(line: &Line) -> f32 {
    line.buckets.iter().map(|bucket| bucket.score).fold(0.0, f32::max)
}

fn entity(record: &AnomalyRecord) -> String {
    record.entity.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(", ")
}

fn bucket(record: &AnomalyRecord) -> Bucket {
    Bucket {
        start: record.start,
        actual: record.actual,
        expected: record.typical,
        lower: record.lower,
        upper: record.upper,
        score: record.score,
        reason: record.reason.clone(),
    }
}

fn alarm(record: &AnomalyRecord) -> Alarm {
    let side = match record.side {
        Side::High => "high",
        Side::Low => "low",
        Side::Usual => "none",
    };
    Alarm {
        start: record.start.to_string(),
        entity: entity(record),
        score: record.score,
        side,
        reason: record.reason.clone(),
    }
}
