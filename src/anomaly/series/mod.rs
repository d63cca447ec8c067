//! State per series, the open buckets of all, and the bounded table that finds a series by its key.

mod buckets;
mod running;
mod table;

pub(super) use buckets::Buckets;
pub(super) use running::{CLOSED, NOWHERE, Outlook, Running, Sample};
pub(super) use table::Table;

use super::codec::{Damaged, Reader, Writer};
use super::declare::Function;
use super::detector::Seasonal;
use super::heights::Heights;
use super::points::Own;
use super::recall::{Met, Recall};
use super::tail::Habit;

/// One series: a metric of one entity.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    pub key: u64,
    /// The open bucket that was touched last; the others hang behind it in [`Buckets`].
    pub current: Running,
    pub others: u32,
    /// Place of its metric.
    pub metric: u16,
    /// Buckets closed in a row without an event.
    pub silent: u16,
    /// Time of the newest event.
    pub touched: i64,
    /// Number of the last bucket closed.
    pub last_closed: i64,
    pub detector: Seasonal,
    pub habit: Habit,
    /// The mean of the last dozen surprises.
    pub pressure: f32,
    /// The value of the last bucket closed.
    pub last_value: f64,
    pub heights: Heights,
    /// Where the metric asks for it: made when the first bucket closes.
    pub own: Option<Box<Own>>,
    /// Where the metric's function asks for it: made with the first event.
    pub recall: Option<Box<Recall>>,
    /// The values of the entity's fields, joined by [`SEPARATOR`].
    pub entity: Box<str>,
}

/// Stands between the values of an entity, and in none of them.
pub(super) const SEPARATOR: char = '\u{1f}';

impl Series {
    pub(super) fn new(key: u64, metric: u16, entity: Box<str>) -> Self {
        Self {
            key,
            current: Running::NONE,
            others: NOWHERE,
            metric,
            silent: 0,
            touched: CLOSED,
            last_closed: CLOSED,
            detector: Seasonal::new(),
            habit: Habit::default(),
            pressure: 0.0,
            last_value: 0.0,
            heights: Heights::default(),
            own: None,
            recall: None,
            entity,
        }
    }

    /// What an event of time `at` adds to the present bucket; `list` are the hashes of its list, where the function looks at one.
    #[inline]
    pub(super) fn add(&mut self, function: Function, sample: Sample, at: i64, list: &[u64]) {
        let sample = if function.remembers() { self.remembered(function, sample, at, list) } else { sample };
        self.current.add(function, sample);
    }

    fn remembered(&mut self, function: Function, sample: Sample, at: i64, list: &[u64]) -> Sample {
        if self.recall.is_none() {
            self.recall = Recall::of(function).map(Box::new);
        }
        let Some(recall) = &mut self.recall else { return sample };
        let (hash, number) = match sample {
            Sample::Amount(number) => (0, number),
            Sample::Hash(hash) | Sample::Once(hash, _) => (hash, 0.0),
        };
        Sample::Amount(recall.meet(Met { at, hash, number }, list))
    }

    /// All of it but open buckets, for when it is set aside; [`Series::load_alone`] reads it.
    pub(super) fn save_alone(&self, out: &mut Writer) {
        self.save(&Buckets::default(), out);
        self.save_later(out);
        Own::save_option(self.own.as_deref(), out);
        out.u8(u8::from(self.recall.is_some()));
        if let Some(recall) = &self.recall {
            recall.save(out);
        }
    }

    /// Reads back what [`Series::save_alone`] wrote.
    pub(super) fn load_alone(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let mut series = Self::load(input, &mut Buckets::default())?;
        series.load_later(input)?;
        series.own = Own::load_option(input)?.map(Box::new);
        series.recall = if input.u8()? == 0 { None } else { Some(Box::new(Recall::load(input)?)) };
        if input.is_empty() { Ok(series) } else { Err(Damaged) }
    }

    /// What came with version 3 of snapshots.
    pub(super) fn save_later(&self, out: &mut Writer) {
        out.f32(self.pressure);
        out.f64(self.last_value);
        self.heights.save(out);
    }

    /// Reads back what [`Series::save_later`] wrote.
    pub(super) fn load_later(&mut self, input: &mut Reader<'_>) -> Result<(), Damaged> {
        (self.pressure, self.last_value) = (input.f32()?, input.f64()?);
        self.heights = Heights::load(input)?;
        Ok(())
    }

    pub(super) fn save(&self, buckets: &Buckets, out: &mut Writer) {
        out.u16(self.metric);
        out.u64(self.key);
        out.u16(self.silent);
        out.i64(self.touched);
        out.i64(self.last_closed);
        out.text(&self.entity);
        self.detector.save(out);
        self.habit.save(out);
        let others = buckets.behind(self.others);
        let open: Vec<&Running> =
            [&self.current].into_iter().chain(others).filter(|running| running.index != CLOSED).collect();
        out.u32(open.len() as u32);
        open.into_iter().for_each(|running| running.save(out));
    }

    pub(super) fn load(input: &mut Reader<'_>, buckets: &mut Buckets) -> Result<Self, Damaged> {
        let metric = input.u16()?;
        let mut series = Self::new(input.u64()?, metric, "".into());
        series.silent = input.u16()?;
        series.touched = input.i64()?;
        series.last_closed = input.i64()?;
        series.entity = input.text()?.into();
        series.detector = Seasonal::load(input)?;
        series.habit = Habit::load(input)?;
        for _ in 0..input.count(1)? {
            let running = Running::load(input)?;
            buckets.put(&mut series, running);
        }
        Ok(series)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_stays_small() {
        assert!(size_of::<Series>() <= 248, "{}", size_of::<Series>());
    }
}
