//! The engine's whole state as bytes, and back.
//!
//! Version 2 has, behind the series, their detectors of points and the values they have had; version 3 has detectors of points in another
//! form, all that functions remember, buckets that wait for late events, the files of series that were set aside, and the state of
//! the patterns; version 4 detectors of points of several kinds, and in buckets that wait; version 5 fewer counts of metrics together, which begin
//! anew where an older one is read. From 1 and 2 detectors of points and patterns begin anew as well.
//!
//! Magic (8 bytes), format version (u32), then the state, then CRC-32C (u32) over everything before it; numbers are
//! little-endian. The state is tied to the position of the last event observed. What was learnt by a metric whose
//! declaration has changed since is left out, and named.

mod learnt;

use learnt::LoadedMetric;

use super::aside::Aside;
use super::codec::{Damaged, Reader, Writer};
use super::corrections::Corrections;
use super::engine::{Counters, Engine, Front};
use super::points::{Own, old};
use super::recall::Recall;
use super::series::{NOWHERE, Series};
use crate::event::SeqNo;

const MAGIC: &[u8; 8] = b"OVANOMLY";
/// Version of the format written here.
const VERSION: u32 = 5;
/// The first version with detectors of points and values that were had.
const WITH_POINTS_AND_KNOWN: u32 = 2;
/// The first version with what stands in [`Engine::save_later`], with patterns, and with detectors of points as they are now.
const WITH_CORRECTIONS_AND_ASIDE: u32 = 3;
/// The first version with detectors of points of several kinds.
const WITH_KINDS: u32 = 4;
/// Magic, version and checksum.
const FRAME: usize = 16;

/// Why a snapshot cannot be used; the engine is then as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// It is no snapshot, or not a whole one.
    #[error("the snapshot of the metrics is damaged or cut short; without it they are learnt anew")]
    Damaged,
    /// It was written by a newer program.
    #[error(
        "the snapshot of the metrics has format version {found}, this program reads up to {VERSION}; use the newer program, or remove it to learn anew"
    )]
    Newer {
        /// Its version.
        found: u32,
    },
}

impl From<Damaged> for SnapshotError {
    fn from(_: Damaged) -> Self {
        Self::Damaged
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The last event that is counted in.
    pub position: SeqNo,
    /// Names of metrics whose state was left out, because they are declared differently now or no longer.
    pub dropped: Vec<String>,
}

impl Engine {
    /// The state after the last event observed. Records that [`Engine::advance`] has not given out yet are not in it. Series that are set
    /// aside are made to last on their disk, and only named in it.
    pub fn snapshot(&mut self) -> Vec<u8> {
        let mut out = Writer::default();
        out.bytes(MAGIC);
        out.u32(VERSION);
        self.save(&mut out);
        let mut bytes = out.finish();
        let checksum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Takes over the state of a snapshot; what this engine has learnt is given up.
    ///
    /// # Errors
    /// When the bytes are damaged or of a newer format; the engine is then unchanged.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<Restored, SnapshotError> {
        if bytes.len() < FRAME || !bytes.starts_with(MAGIC) {
            return Err(SnapshotError::Damaged);
        }
        let (whole, checksum) = bytes.split_at(bytes.len() - 4);
        let mut input = Reader::new(&whole[MAGIC.len()..]);
        let found = input.u32()?;
        // said before the checksum is looked at: a newer format may have another
        if found > VERSION {
            return Err(SnapshotError::Newer { found });
        }
        if crc32c::crc32c(whole).to_le_bytes() != checksum {
            return Err(SnapshotError::Damaged);
        }
        let mut engine = Self::new(self.settings.clone());
        let dropped = engine.load(&mut input, found)?;
        let position = engine.position;
        *self = engine;
        Ok(Restored { position, dropped })
    }

    fn save(&mut self, out: &mut Writer) {
        out.u64(self.position.0);
        let Front { at, ahead, ahead_from, .. } = self.front;
        out.i64(at);
        out.u32(ahead);
        out.i64(ahead_from);
        let Counters { buckets, records, evicted, late, ahead, repeated, .. } = self.counters;
        [buckets, records, evicted, late, ahead, repeated].into_iter().for_each(|count| out.u64(count));
        out.u64(self.table.hand as u64);
        out.u32(self.metrics.len() as u32);
        self.metrics.iter().for_each(|state| state.save(out));
        out.u32(self.table.len() as u32);
        self.table.iter().for_each(|series| series.save(&self.buckets, out));
        self.save_beside(out, |series| series.own.as_deref(), Own::save);
        self.save_beside(out, |series| series.recall.as_deref(), Recall::save);
        self.save_later(out);
        self.patterns.save(out);
    }

    fn save_later(&mut self, out: &mut Writer) {
        let Counters { corrected, set_aside, taken_back, .. } = self.counters;
        [corrected, set_aside, taken_back].into_iter().for_each(|count| out.u64(count));
        self.table.iter().for_each(|series| series.save_later(out));
        self.corrections.save(out);
        match &mut self.aside {
            Some(aside) => aside.save(out),
            None => out.u32(0),
        }
    }

    /// What only some series have, each with the place of its series.
    fn save_beside<T>(&self, out: &mut Writer, of: impl Fn(&Series) -> Option<&T>, save: impl Fn(&T, &mut Writer)) {
        let with = || (0_u32..).zip(self.table.iter()).filter_map(|(slot, series)| Some((slot, of(series)?)));
        out.u32(with().count() as u32);
        for (slot, state) in with() {
            out.u32(slot);
            save(state, out);
        }
    }

    fn load(&mut self, input: &mut Reader<'_>, version: u32) -> Result<Vec<String>, Damaged> {
        self.position = SeqNo(input.u64()?);
        self.front.at = input.i64()?;
        self.front.ahead = input.u32()?;
        self.front.ahead_from = input.i64()?;
        let counters = &mut self.counters;
        for count in [
            &mut counters.buckets,
            &mut counters.records,
            &mut counters.evicted,
            &mut counters.late,
            &mut counters.ahead,
            &mut counters.repeated,
        ] {
            *count = input.u64()?;
        }
        let hand = input.u64()? as usize;
        let (places, dropped) = self.load_metrics(input)?;
        let slots = self.load_series(input, &places)?;
        if version >= WITH_CORRECTIONS_AND_ASIDE {
            let load = if version >= WITH_KINDS { Own::load } else { Own::load_combined };
            self.load_beside(input, &slots, load, |series, state| series.own = Some(state))?;
            self.load_beside(input, &slots, Recall::load, |series, state| series.recall = Some(state))?;
            self.load_later(input, &places, &slots, version >= WITH_KINDS)?;
            self.patterns.load(input)?;
        } else if version >= WITH_POINTS_AND_KNOWN {
            self.load_beside(input, &slots, old::skip, |_, _| ())?;
            self.load_beside(input, &slots, Recall::load_known, |series, state| series.recall = Some(state))?;
        }
        self.table.hand = if self.table.len() == 0 { 0 } else { hand % self.table.len() };
        self.move_slots(&slots)?;
        if input.is_empty() { Ok(dropped) } else { Err(Damaged) }
    }

    fn load_later(
        &mut self,
        input: &mut Reader<'_>,
        places: &[Option<u16>],
        slots: &[u32],
        with_kinds: bool,
    ) -> Result<(), Damaged> {
        let Counters { corrected, set_aside, taken_back, .. } = &mut self.counters;
        for count in [corrected, set_aside, taken_back] {
            *count = input.u64()?;
        }
        let mut left_out = Series::new(0, 0, "".into());
        for slot in slots {
            let series = if *slot == NOWHERE { &mut left_out } else { self.table.at_mut(*slot) };
            series.load_later(input)?;
        }
        self.corrections = Corrections::load(input, places, with_kinds)?;
        let named = Aside::load(input)?;
        if let Some(aside) = &mut self.aside {
            aside.reopen(&named, |key| self.table.find(key).is_some());
        }
        Ok(())
    }

    /// For each saved metric its place among the present ones; and the names of those that have none.
    fn load_metrics(&mut self, input: &mut Reader<'_>) -> Result<(Vec<Option<u16>>, Vec<String>), Damaged> {
        let (mut places, mut dropped) = (Vec::new(), Vec::new());
        for _ in 0..input.count(12)? {
            let name = input.text()?.to_owned();
            let digest = input.u64()?;
            let state = LoadedMetric::load(input)?;
            let place = self.metrics.iter().position(|now| now.metric.name == name && now.metric.digest == digest);
            match place {
                Some(place) => self.metrics[place].take_over(state),
                None => dropped.push(name),
            }
            places.push(place.map(|place| place as u16));
        }
        Ok((places, dropped))
    }

    /// For each saved series its slot now, [`NOWHERE`] if it is left out.
    fn load_series(&mut self, input: &mut Reader<'_>, places: &[Option<u16>]) -> Result<Vec<u32>, Damaged> {
        let mut slots = Vec::new();
        for _ in 0..input.count(32)? {
            let mut series = Series::load(input, &mut self.buckets)?;
            let place = *places.get(usize::from(series.metric)).ok_or(Damaged)?;
            let known = self.table.find(series.key).is_some();
            if let (Some(place), false, false) = (place, self.table.is_full(), known) {
                series.metric = place;
                slots.push(self.table.add(series));
            } else {
                while let Some(index) = self.buckets.oldest(&series) {
                    self.buckets.take(&mut series, index);
                }
                slots.push(NOWHERE);
            }
        }
        Ok(slots)
    }

    /// What [`Engine::save_beside`] has written, put into the series that are still there.
    fn load_beside<T>(
        &mut self,
        input: &mut Reader<'_>,
        slots: &[u32],
        load: impl Fn(&mut Reader<'_>) -> Result<T, Damaged>,
        put: impl Fn(&mut Series, Box<T>),
    ) -> Result<(), Damaged> {
        for _ in 0..input.count(4)? {
            let slot = *slots.get(input.u32()? as usize).ok_or(Damaged)?;
            let state = Box::new(load(input)?);
            if slot != NOWHERE {
                put(self.table.at_mut(slot), state);
            }
        }
        Ok(())
    }

    fn move_slots(&mut self, slots: &[u32]) -> Result<(), Damaged> {
        for slice in self.metrics.iter_mut().flat_map(|state| &mut state.slices) {
            for slot in &mut slice.slots {
                *slot = *slots.get(*slot as usize).ok_or(Damaged)?;
            }
            slice.slots.retain(|slot| *slot != NOWHERE);
        }
        self.find_next_close();
        Ok(())
    }
}

#[cfg(test)]
mod older;
#[cfg(test)]
mod tests;
