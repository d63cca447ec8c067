//! The memory of sequences alone: has the series moved like this before?
//!
//! It is a plain nearest-neighbour memory, bounded and in one pass. It is in the place of a hierarchical temporal memory, and does not
//! claim to be one: no spatial pooler, no cells that predict.

use super::alarms::{Alarms, REMEMBERED};
use super::memory::Memory;
use super::recent::Recent;
use super::{Detector, Judgement, Point, Reason, usable};
use crate::anomaly::codec::{Damaged, Reader, Writer};

/// Shapes remembered.
const MEMORY: usize = 256;
/// Deviations from the nearest shape that are nothing special.
const USUAL: f64 = 3.0;

/// The detector.
#[derive(Debug, Clone, PartialEq)]
pub struct Shapes {
    memory: Memory,
    recent: Recent,
    alarms: Alarms<f32, REMEMBERED>,
}

impl Shapes {
    /// Nothing learnt.
    pub fn new() -> Self {
        Self { memory: Memory::new(MEMORY), recent: Recent::new(), alarms: Alarms::new() }
    }

    /// Reads back what was saved.
    ///
    /// # Errors
    /// When the bytes end too early or hold what cannot be.
    pub fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(Self { memory: Memory::load(MEMORY, input)?, recent: Recent::load(input)?, alarms: Alarms::load(input)? })
    }
}

impl Default for Shapes {
    fn default() -> Self {
        Self::new()
    }
}

impl Detector for Shapes {
    fn observe(&mut self, point: Point) -> Judgement {
        let Some(value) = usable(point.value) else { return Judgement::NOTHING };
        self.recent.push(value);
        let raw = self.memory.observe(&self.recent);
        Judgement { raw, alarm: self.alarms.observe((raw - USUAL).max(0.0)), reason: Reason::Shape }
    }

    fn save(&self, out: &mut Writer) {
        self.memory.save(out);
        self.recent.save(out);
        self.alarms.save(out);
    }
}
