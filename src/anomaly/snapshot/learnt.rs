//! What a metric has learnt over all its series, as bytes and back.

use crate::anomaly::codec::{Damaged, Reader, Writer};
use crate::anomaly::detector::Population;
use crate::anomaly::judge::{MetricState, Slice};
use crate::anomaly::series::CLOSED;
use crate::anomaly::tail::Tail;

/// What a metric has learnt.
pub(super) struct LoadedMetric {
    tails: [[Tail; 2]; 2],
    population: Population,
    slices: Vec<Slice>,
}

impl LoadedMetric {
    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let mut tails = [[Tail::NEW, Tail::NEW], [Tail::NEW, Tail::NEW]];
        for tail in tails.iter_mut().flatten() {
            *tail = Tail::load(input)?;
        }
        let population = Population::load(input)?;
        let mut slices: Vec<Slice> = Vec::new();
        for _ in 0..input.count(12)? {
            let index = input.i64()?;
            let after = slices.last().map_or(CLOSED, |slice| slice.index);
            if index <= after {
                return Err(Damaged);
            }
            let count = input.count(4)?;
            slices.push(Slice { index, slots: (0..count).map(|_| input.u32()).collect::<Result<_, _>>()? });
        }
        Ok(Self { tails, population, slices })
    }
}

impl MetricState {
    pub(super) fn save(&self, out: &mut Writer) {
        out.text(&self.metric.name);
        out.u64(self.metric.digest);
        self.tails.iter().flatten().for_each(|tail| tail.save(out));
        self.population.save(out);
        out.u32(self.slices.len() as u32);
        for slice in &self.slices {
            out.i64(slice.index);
            out.u32(slice.slots.len() as u32);
            slice.slots.iter().for_each(|slot| out.u32(*slot));
        }
    }

    pub(super) fn take_over(&mut self, loaded: LoadedMetric) {
        self.tails = loaded.tails;
        self.population = loaded.population;
        self.slices = loaded.slices.into();
    }
}
