//! One batch from the spool to documents: normalise → features → anomaly → classify → document, as calls in a row.
//!
//! All scratch space lives here and is used again, so that an event costs no allocation beyond its share of the
//! batch's document bytes.

use std::ops::Range;
use std::sync::Arc;

use crate::anomaly::patterns::Finding;
use crate::anomaly::{AnomalyRecord, Engine, Touched};
use crate::classify::{Classifiers, Explain, Follower, Slot};
use crate::config::Networks;
use crate::event::annotated::{Classification, Verdict};
use crate::event::id::SpoolId;
use crate::event::{EventId, EventTime, ReceivedTime, SeqNo};
use crate::features::flow::{FlowSettings, FlowWindows};
use crate::features::{self, Windows};
use crate::ingest::enrich::Enriched;
use crate::models::Watch;
use crate::normalise::{Layout, Normaliser, Rules};
use crate::spool::{Member, StoredBatch};
use crate::store::writer::Refusal;
use crate::store::{Batch, Kind};
use crate::telemetry::catalogue;

use super::census::{Census, LiveCensus};
use super::document::{self, Annotation, Target};
use super::excused::Excused;
use super::fields::MetricFields;
use super::flow::{FlowFields, FlowPlaces, FlowTexts};
use super::judging::{Writers, count, run, told};
use super::output::Output;
use super::quality::{Quality, QualityWriter};
use super::rows::{Places, Rows};
use super::threats::Threats;

/// How a pipeline judges.
pub struct Parts {
    /// The models; none leaves events unjudged.
    pub slot: Option<Arc<Slot>>,
    /// Which verdicts are explained.
    pub explain: Explain,
    /// Counts what the models are shown, and runs the shadow; none leaves both undone.
    pub watch: Option<Watch>,
    /// The metrics; none measures nothing.
    pub engine: Option<Engine>,
    /// The spool that events come from: part of their ids.
    pub spool: SpoolId,
    /// What is known of events beside what they say.
    pub rules: Rules,
    /// What documents are told of their connections.
    pub flow: FlowFields,
    /// Where it is told how good features are; none tells nobody.
    pub census: Option<Arc<LiveCensus>>,
    /// Whether detections are also told in the four fields of older dashboards.
    pub threats: bool,
    /// Hosts whose connections are told as no attacks.
    pub excused: Networks,
    /// Below this, events were settled before this start: they are only counted, not written again.
    pub settled_below: SeqNo,
}

/// Turns what the spool holds into documents. One worker owns it.
pub struct Pipeline {
    normaliser: Normaliser,
    rules: Rules,
    windows: Windows,
    /// None where no model looks at flow features: they are not measured then.
    flow_windows: Option<FlowWindows>,
    follower: Option<Follower>,
    /// Rows for the follower's models.
    rows: Option<Rows>,
    /// Whether a model looks at what compares connections with each other in KDD-99's way; else it is not measured.
    traffic: bool,
    watch: Option<Watch>,
    writers: Writers,
    engine: Option<Engine>,
    spool: SpoolId,
    settled_below: SeqNo,
    flow: FlowFields,
    quality: QualityWriter,
    census: Option<Arc<LiveCensus>>,
    /// None where they are told nowhere.
    threats: Option<Threats>,
    /// None where no host is excused.
    excused: Option<Excused>,
    scratch: Scratch,
}

/// Documents of a batch, and what could not be made into one.
pub struct Annotated {
    /// To be written.
    pub batch: Batch,
    /// Bytes that are no event after all.
    pub unreadable: Vec<Refusal>,
}

#[derive(Default)]
struct Scratch {
    prepared: Vec<Prepared>,
    verdicts: Vec<Classification>,
    second: Vec<Classification>,
    shadow: Vec<Classification>,
    touched: Touched,
    metrics: String,
    flows: FlowTexts,
    census: Census,
    /// Bytes that were added to an event of the batch before, in the mean.
    added: usize,
}

/// Bytes for an event beyond what the batch before took, so that a batch that is told more of does not move.
const ROOM: usize = 256;

/// An event between the first pass and the second.
struct Prepared {
    batch: usize,
    member: usize,
    layout: Layout,
    time: EventTime,
    rows: Places,
    quality: Option<Quality>,
    /// Of an event that tells of one side of a connection: which connection.
    pair: Option<u64>,
    flow: FlowPlaces,
    /// Who it was and with whom, for older dashboards.
    who: Range<usize>,
    metrics: Range<usize>,
    score: f32,
}

impl Pipeline {
    /// A pipeline of these parts.
    pub fn new(parts: Parts) -> Self {
        let mut pipeline = Self {
            normaliser: Normaliser::with_rules(&[], &parts.rules),
            rules: parts.rules,
            windows: Windows::new(&features::Settings::default()),
            flow_windows: None,
            follower: parts.slot.map(|slot| Follower::new(slot, parts.explain)),
            rows: None,
            traffic: false,
            watch: parts.watch,
            writers: Writers::default(),
            engine: parts.engine,
            spool: parts.spool,
            settled_below: parts.settled_below,
            flow: parts.flow,
            quality: QualityWriter::default(),
            census: parts.census,
            threats: parts.threats.then(Threats::default),
            excused: Some(parts.excused).filter(|hosts| *hosts != Networks::NONE).map(Excused::new),
            scratch: Scratch::default(),
        };
        pipeline.look_at_what_models_need();
        pipeline
    }

    /// Annotates the events of these batches.
    pub fn annotate(&mut self, stored: &[StoredBatch], now: ReceivedTime) -> Annotated {
        let mut unreadable = Vec::new();
        self.begin();
        for (place, batch) in stored.iter().enumerate() {
            self.prepare(place, batch, &mut unreadable);
        }
        if let Some(census) = &self.census {
            census.take(&mut self.scratch.census);
        }
        self.judge();
        let mut out = Output::with_room_for(stored, self.scratch.added + ROOM);
        for prepared in &self.scratch.prepared {
            let batch = &stored[prepared.batch];
            self.write_event(&mut out, prepared, batch, &batch.members[prepared.member]);
        }
        self.scratch.added = out.added(stored);
        if let Some(last) = stored.last() {
            let lag = (now - last.received).as_secs();
            catalogue::EVENT_LAG_SECONDS.set(i64::try_from(lag).unwrap_or(i64::MAX));
        }
        self.close_buckets(&mut out, now);
        Annotated { batch: out.finish(), unreadable }
    }

    /// Annotates one body for an answer. What the metrics make of it is told with the events it belongs to; buckets
    /// that end are let go, for there is nobody to write a record for.
    pub fn enrich(&mut self, batch: &StoredBatch, now: ReceivedTime) -> Enriched {
        let mut unreadable = Vec::new();
        self.begin();
        self.prepare(0, batch, &mut unreadable);
        self.judge();
        let mut out = Output::with_room_for(std::slice::from_ref(batch), self.scratch.added + ROOM);
        let mut documents: Vec<_> = batch.members.iter().map(|_| Err(String::new())).collect();
        for prepared in &self.scratch.prepared {
            self.write_event(&mut out, prepared, batch, &batch.members[prepared.member]);
            documents[prepared.member] =
                Ok(out.documents.last().map(|written| written.source.clone()).unwrap_or_default());
        }
        for refusal in unreadable {
            let member = refusal.sequence.map_or(0, |sequence| sequence.0 - batch.first.0);
            documents[usize::try_from(member).unwrap_or_default()] = Err(refusal.reason);
        }
        if let Some(engine) = &mut self.engine {
            engine.advance(now);
            engine.take_findings();
        }
        Enriched { bytes: out.bytes.into(), documents }
    }

    /// Of the body that was annotated last: which members tell of one side of a connection, and of which connection. The later
    /// one of two with the same number tells of all of it.
    pub fn pairs(&self) -> impl Iterator<Item = (usize, u64)> {
        self.scratch.prepared.iter().filter_map(|prepared| Some((prepared.member, prepared.pair?)))
    }

    /// What the passing of time alone brings: buckets that end although no event comes.
    pub fn idle(&mut self, now: ReceivedTime) -> Batch {
        if let Some(watch) = &mut self.watch {
            watch.tick();
        }
        // else what waited last would look like waiting still
        catalogue::EVENT_LAG_SECONDS.set(0);
        let mut out = Output::default();
        self.close_buckets(&mut out, now);
        out.finish()
    }

    /// The `most` strongest entities of each pattern that no single event shows.
    pub fn ranked(&self, most: usize) -> Vec<Finding> {
        self.engine.as_ref().map(|engine| engine.ranked(most)).unwrap_or_default()
    }

    /// The engine's state, as of the last event that was annotated.
    pub fn snapshot(&mut self) -> Option<Vec<u8>> {
        self.engine.as_mut().map(Engine::snapshot)
    }

    /// The last event that the metrics have counted; none where nothing is counted.
    pub fn counted_to(&self) -> Option<SeqNo> {
        self.engine.as_ref().map(Engine::position)
    }

    /// A batch is judged by the models of its beginning, whatever is exchanged meanwhile.
    fn begin(&mut self) {
        self.scratch.clear();
        self.threats.iter_mut().for_each(Threats::clear);
        self.excused.iter_mut().for_each(Excused::clear);
        if self.follower.as_mut().is_some_and(Follower::follow) {
            self.look_at_what_models_need();
        }
        self.rows.iter_mut().for_each(Rows::clear);
    }

    /// Reads the fields of events that the metrics and the models need.
    fn look_at_what_models_need(&mut self) {
        let mut paths = self.engine.as_ref().map(Engine::paths).unwrap_or_default();
        self.rows = self.follower.as_ref().map(|follower| {
            let models = follower.models();
            let shadow = models.shadow.as_ref().filter(|_| self.watch.is_some());
            let second = follower.second().map(|second| (second.model.space(), second.all));
            Rows::new(models.active.space(), second, shadow.map(|shadow| shadow.space()), paths.len())
        });
        self.traffic = self.rows.as_ref().is_some_and(Rows::want_traffic);
        if !self.rows.as_ref().is_some_and(Rows::want_flow) {
            self.flow_windows = None;
        } else if self.flow_windows.is_none() {
            self.flow_windows = Some(FlowWindows::new(&FlowSettings::default()));
        }
        paths.extend(self.rows.iter().flat_map(Rows::fields).cloned());
        if let Some(threats) = &mut self.threats {
            threats.read_user_at(paths.len());
            paths.push(Threats::USER.to_owned());
        }
        self.normaliser = Normaliser::with_rules(&paths, &self.rules);
    }

    /// First pass: reads each event, measures it and counts it.
    fn prepare(&mut self, place: usize, batch: &StoredBatch, unreadable: &mut Vec<Refusal>) {
        for (number, member) in batch.members.iter().enumerate() {
            let sequence = batch.first.plus(number as u64);
            let raw = member.range.start as usize..member.range.end as usize;
            let view = match self.normaliser.read(&batch.body[raw.clone()]) {
                Ok(view) => view,
                Err(fault) => {
                    // what was settled before this start has its dead letter already
                    if sequence >= self.settled_below {
                        let document = batch.body.slice(raw);
                        unreadable.push(Refusal { sequence: Some(sequence), reason: fault.to_string(), document });
                    }
                    continue;
                }
            };
            let time = view.time.unwrap_or_else(|| batch.received.as_event_time());
            let scratch = &mut self.scratch;
            let start = scratch.metrics.len();
            let mut score = 0.0;
            if let Some(engine) = &mut self.engine {
                engine.observe(&MetricFields(&view), time, batch.received, sequence, &mut scratch.touched);
                scratch.metrics.push_str(scratch.touched.metrics_json());
                score = scratch.touched.score();
            }
            let begun = view.started().unwrap_or(time);
            let measured = match &self.rows {
                None => None,
                Some(_) if self.traffic => self.windows.measure(&view.record, begun),
                Some(_) => self.windows.alone(&view.record),
            };
            let flow = self.flow_windows.as_mut().and_then(|windows| windows.measure(&view.record, begun));
            if sequence >= self.settled_below {
                let gathered = self.rows.as_mut().map(|rows| {
                    let places = rows.gather(measured.as_ref(), flow.as_ref(), &view);
                    (places, rows.look_at_flow(places))
                });
                let (places, by_flow) = gathered.unwrap_or_default();
                self.excused.iter_mut().for_each(|excused| excused.note(&view.record, places));
                let quality = measured.map(|vector| Quality { by_flow, ..Quality::of(&view, &vector) });
                quality.into_iter().for_each(|quality| self.quality.prepare(quality));
                if self.census.is_some() {
                    scratch.census.add(view.dialect, quality);
                }
                scratch.prepared.push(Prepared {
                    batch: place,
                    member: number,
                    layout: view.layout,
                    time,
                    rows: places,
                    quality,
                    pair: view.pair,
                    flow: scratch.flows.put(&view, self.flow),
                    who: self.threats.as_mut().map(|threats| threats.put(&view)).unwrap_or_default(),
                    metrics: start..scratch.metrics.len(),
                    score,
                });
            }
            self.normaliser.recycle(view);
        }
    }

    /// Second pass: the network judges all of them together.
    fn judge(&mut self) {
        self.run_models();
        let Scratch { verdicts, second, .. } = &mut self.scratch;
        if let Some(excused) = &self.excused {
            excused.of_active(verdicts);
            excused.of_second(second);
        }
        count(verdicts);
        count(second);
    }

    /// Lets the models judge, and compares their verdicts.
    fn run_models(&mut self) {
        let (Some(follower), Some(rows)) = (&mut self.follower, &self.rows) else { return };
        let Scratch { verdicts, second: others, shadow: compared, .. } = &mut self.scratch;
        let Classifiers { active, second, shadow } = follower.classifiers();
        if let (Some(second), Some(rows)) = (second, rows.second()) {
            run(second.as_mut(), rows, others, &mut self.writers.second);
        }
        run(active.as_mut(), rows.active(), verdicts, &mut self.writers.active);
        if verdicts.is_empty() {
            return;
        }
        let Some(watch) = &mut self.watch else { return };
        // a shadow that fails is counted; the events have their verdicts
        let judged = shadow.as_mut().map(|shadow| shadow.classify(rows.shadow(), compared).is_ok());
        let models = follower.models();
        watch.inputs(&models.active, rows.active());
        match judged {
            Some(true) => watch.compared(models, rows.both().map(|(one, other)| (&verdicts[one], &compared[other]))),
            Some(false) => watch.failed(models),
            None => {}
        }
        watch.tick();
    }

    fn write_event(&self, out: &mut Output, prepared: &Prepared, batch: &StoredBatch, member: &Member) {
        let sequence = batch.first.plus(prepared.member as u64);
        let id = match (&member.id, &member.redriven) {
            (Some(given), _) => EventId::named(member.index.as_deref(), given),
            (None, Some(document)) => EventId::Given(document.clone()),
            (None, None) => EventId::Place(self.spool, sequence),
        };
        let active = told(prepared.rows.active, &self.scratch.verdicts, self.writers.active.as_ref());
        let second = told(prepared.rows.second, &self.scratch.second, self.writers.second.as_ref());
        let metrics = &self.scratch.metrics[prepared.metrics.clone()];
        let annotation = Annotation {
            id: &id,
            received: batch.received,
            target: Target {
                index: member.index.as_deref(),
                pipeline: member.pipeline.as_deref(),
                id: member.id.as_deref(),
            },
            time: prepared.time,
            // what only the second model judges has its verdict in the usual place
            verdict: active.or(second),
            second: active.and(second),
            flow: self.scratch.flows.at(&prepared.flow),
            features: prepared.quality.and_then(|quality| self.quality.text(quality)),
            anomaly: (!metrics.is_empty()).then_some((prepared.score, metrics)),
        };
        let body = &batch.body[member.range.start as usize..member.range.end as usize];
        if let (Some(threats), Some((verdict, _))) = (&self.threats, annotation.verdict)
            && verdict.verdict == Verdict::Known
        {
            let start = out.bytes.len();
            threats.write(&mut out.bytes, &prepared.who, prepared.time, verdict);
            out.push(Kind::Threat, prepared.time, id.clone(), start, None, true);
        }
        let start = out.bytes.len();
        document::append(&mut out.bytes, body, &prepared.layout, &annotation);
        out.push(Kind::Event, prepared.time, id, start, Some(sequence), batch.replayed);
    }

    fn close_buckets(&mut self, out: &mut Output, now: ReceivedTime) {
        let Some(engine) = &mut self.engine else { return };
        let records: Vec<AnomalyRecord> = engine.advance(now);
        let findings = engine.take_findings();
        let counters = engine.counters();
        catalogue::METRIC_SERIES.set(i64::try_from(engine.series()).unwrap_or(i64::MAX));
        catalogue::SERIES_EVICTED.raise_to(counters.evicted);
        catalogue::SERIES_ASIDE.set(i64::try_from(engine.series_aside()).unwrap_or(i64::MAX));
        catalogue::SERIES_SET_ASIDE.raise_to(counters.set_aside);
        catalogue::SERIES_TAKEN_BACK.raise_to(counters.taken_back);
        catalogue::LATE_EVENTS.raise_to(counters.late);
        catalogue::CORRECTING_EVENTS.raise_to(counters.corrected);
        catalogue::ANOMALIES.add((records.len() + findings.len()) as u64);
        let (remembered, forgotten) = engine.remembered();
        catalogue::PATTERN_ENTITIES.set(i64::try_from(remembered).unwrap_or(i64::MAX));
        catalogue::PATTERN_ENTITIES_EVICTED.raise_to(forgotten);
        for record in &records {
            let start = out.bytes.len();
            record.to_json(&mut out.bytes);
            // it may have been written before a crash, from events that are counted again now
            out.push(Kind::Anomaly, record.start, EventId::Given(record.id().into()), start, None, true);
        }
        for finding in &findings {
            let start = out.bytes.len();
            finding.to_json(&mut out.bytes);
            out.push(Kind::Anomaly, finding.time(), EventId::Given(finding.id().into()), start, None, true);
        }
    }
}

impl Scratch {
    fn clear(&mut self) {
        self.prepared.clear();
        self.verdicts.clear();
        self.second.clear();
        self.shadow.clear();
        self.metrics.clear();
        self.flows.clear();
    }
}
