//! Which cells of the active columns are active, and which are predicted next.
//!
//! A column has six cells, which stand for the same input in different sequences. A cell is predicted when one of its segments sees enough of the
//! cells it is connected to. Of an active column with predicted cells only those are active; one that nobody has predicted is active as a
//! whole, and the cell whose segment came nearest, or has fewest, learns to be predicted. Synapses grow where they were right and fade where
//! they were not; of more segments than there may be, the one that was not used for longest makes room.

use super::super::levels::dice;
use super::pooler::COLUMNS;
use crate::anomaly::codec::{Damaged, Reader, Writer};

/// Cells of a column.
const CELLS: usize = 6;
const WORDS: usize = COLUMNS * CELLS / 64;
/// The most segments, and the most synapses of one.
const SEGMENTS: usize = 1024;
const SYNAPSES: usize = 10;
/// Connected synapses with active cells that make a segment active; any synapses with such that make it the nearest.
const ACTIVATION: u8 = 7;
const NEAREST: u8 = 4;
/// From this permanence on a synapse is connected; that of a new one; and by how much it changes.
const CONNECTED: u8 = 128;
const FIRST: u8 = 80;
const GROWTH: u8 = 26;
const DECAY: u8 = 12;
/// How much synapses fade of a segment that has foretold what did not come.
const PUNISHMENT: u8 = 1;

/// Synapses of one cell that tell together that it will be active.
#[derive(Debug, Clone, PartialEq)]
struct Segment {
    cell: u16,
    used: u32,
    /// The cells they come from, and permanences.
    synapses: Vec<(u16, u8)>,
}

/// The cells of one series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Temporal {
    segments: Vec<Segment>,
    /// Active cells, a bit each.
    active: Vec<u64>,
    /// Of each active column the cell that learns.
    winners: Vec<u16>,
    steps: u32,
}

/// What segments say of one active column.
#[derive(Debug, Clone, Default)]
struct Answer {
    column: u16,
    predicted_by: Vec<usize>,
    /// Synapses with active cells, and the segment.
    nearest: Option<(u8, usize)>,
    segments_of: [u8; CELLS],
}

impl Temporal {
    pub(super) fn new() -> Self {
        Self { segments: Vec::new(), active: vec![0; WORDS], winners: Vec::new(), steps: 0 }
    }

    /// The share of these columns that was not predicted; then learns.
    pub(super) fn step(&mut self, columns: &[u16]) -> f64 {
        self.steps = self.steps.saturating_add(1);
        let answers = self.answers(columns);
        let (mut active, mut winners, mut unforeseen) = (vec![0; WORDS], Vec::with_capacity(columns.len()), 0);
        for answer in &answers {
            if answer.predicted_by.is_empty() {
                unforeseen += 1;
                (0..CELLS).for_each(|cell| set(&mut active, answer.column * CELLS as u16 + cell as u16));
                winners.push(self.burst(answer));
                continue;
            }
            for segment in &answer.predicted_by {
                let cell = self.segments[*segment].cell;
                set(&mut active, cell);
                if !winners.contains(&cell) {
                    winners.push(cell);
                }
                self.learn(*segment);
            }
        }
        (self.active, self.winners) = (active, winners);
        f64::from(unforeseen) / columns.len().max(1) as f64
    }

    /// What all segments say of the active columns, by the cells that were active before; those that have foretold others fade.
    fn answers(&mut self, columns: &[u16]) -> Vec<Answer> {
        let mut answers: Vec<Answer> =
            columns.iter().map(|column| Answer { column: *column, ..Answer::default() }).collect();
        let mut places = [u8::MAX; COLUMNS];
        columns.iter().enumerate().for_each(|(place, column)| places[usize::from(*column)] = place as u8);
        for (number, segment) in self.segments.iter_mut().enumerate() {
            let (column, cell) = (usize::from(segment.cell) / CELLS, usize::from(segment.cell) % CELLS);
            let (mut any, mut connected) = (0, 0);
            for (from, permanence) in &segment.synapses {
                let is_active = u8::from(is_set(&self.active, *from));
                any += is_active;
                connected += is_active & u8::from(*permanence >= CONNECTED);
            }
            match answers.get_mut(usize::from(places[column])) {
                Some(answer) => {
                    answer.segments_of[cell] = answer.segments_of[cell].saturating_add(1);
                    if any >= NEAREST {
                        // it is about to learn, and must not make room for another before
                        segment.used = self.steps;
                    }
                    if connected >= ACTIVATION {
                        answer.predicted_by.push(number);
                    }
                    if any >= NEAREST && answer.nearest.is_none_or(|(most, _)| any > most) {
                        answer.nearest = Some((any, number));
                    }
                }
                None if any >= NEAREST => {
                    let synapses = segment.synapses.iter_mut().filter(|(from, _)| is_set(&self.active, *from));
                    synapses.for_each(|(_, permanence)| *permanence = permanence.saturating_sub(PUNISHMENT));
                }
                None => {}
            }
        }
        answers
    }

    /// The cell that learns of a column that nobody has predicted.
    fn burst(&mut self, answer: &Answer) -> u16 {
        if let Some((_, segment)) = answer.nearest {
            self.learn(segment);
            return self.segments[segment].cell;
        }
        let throw = dice(u64::from(self.steps) << 16 | u64::from(answer.column)) as usize;
        let least = (0..CELLS).map(|at| (throw + at) % CELLS).min_by_key(|cell| answer.segments_of[*cell]);
        let cell = answer.column * CELLS as u16 + least.unwrap_or(0) as u16;
        if !self.winners.is_empty() {
            self.grow_segment(cell);
        }
        cell
    }

    fn grow_segment(&mut self, cell: u16) {
        let synapses = self.winners.iter().take(SYNAPSES).map(|winner| (*winner, FIRST)).collect();
        let segment = Segment { cell, used: self.steps, synapses };
        if self.segments.len() < SEGMENTS {
            self.segments.push(segment);
        } else if let Some(oldest) = self.segments.iter_mut().min_by_key(|segment| segment.used) {
            *oldest = segment;
        }
    }

    /// Synapses with cells that were active grow, others fade; and new ones are made to cells that have learnt before.
    fn learn(&mut self, segment: usize) {
        let segment = &mut self.segments[segment];
        segment.used = self.steps;
        for (from, permanence) in &mut segment.synapses {
            *permanence = if is_set(&self.active, *from) {
                permanence.saturating_add(GROWTH)
            } else {
                permanence.saturating_sub(DECAY)
            };
        }
        segment.synapses.retain(|(_, permanence)| *permanence > 0);
        for winner in &self.winners {
            if segment.synapses.iter().any(|(from, _)| from == winner) {
                continue;
            }
            if segment.synapses.len() < SYNAPSES {
                segment.synapses.push((*winner, FIRST));
            } else if let Some(weakest) = segment.synapses.iter_mut().min_by_key(|(_, permanence)| *permanence)
                && weakest.1 < FIRST
            {
                *weakest = (*winner, FIRST);
            }
        }
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.u32(self.steps);
        self.active.iter().for_each(|word| out.u64(*word));
        out.u16(self.winners.len() as u16);
        self.winners.iter().for_each(|winner| out.u16(*winner));
        out.u16(self.segments.len() as u16);
        for Segment { cell, used, synapses } in &self.segments {
            out.u16(*cell);
            out.u32(*used);
            out.u8(synapses.len() as u8);
            for (from, permanence) in synapses {
                out.u16(*from);
                out.u8(*permanence);
            }
        }
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let cell = |cell: u16| if usize::from(cell) < COLUMNS * CELLS { Ok(cell) } else { Err(Damaged) };
        let mut temporal = Self::new();
        temporal.steps = input.u32()?;
        temporal.active.iter_mut().try_for_each(|word| input.u64().map(|read| *word = read))?;
        let winners = input.u16()?;
        temporal.winners = (0..winners).map(|_| cell(input.u16()?)).collect::<Result<_, _>>()?;
        let segments = usize::from(input.u16()?);
        for _ in 0..segments {
            let (of, used, count) = (cell(input.u16()?)?, input.u32()?, input.u8()?);
            let synapses =
                (0..count).map(|_| Ok((cell(input.u16()?)?, input.u8()?))).collect::<Result<Vec<_>, Damaged>>()?;
            temporal.segments.push(Segment { cell: of, used, synapses });
        }
        let is_bounded = segments <= SEGMENTS
            && usize::from(winners) <= COLUMNS * CELLS
            && temporal.segments.iter().all(|segment| segment.synapses.len() <= SYNAPSES);
        if is_bounded { Ok(temporal) } else { Err(Damaged) }
    }
}

fn is_set(bits: &[u64], cell: u16) -> bool {
    bits[usize::from(cell) / 64] >> (cell % 64) & 1 == 1
}

fn set(bits: &mut [u64], cell: u16) {
    bits[usize::from(cell) / 64] |= 1 << (cell % 64);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten columns for each letter.
    fn columns(letter: u8) -> Vec<u16> {
        let mut columns: Vec<u16> = (0..10).map(|at| (u16::from(letter - b'A') * 10 + at) % COLUMNS as u16).collect();
        columns.sort_unstable();
        columns
    }

    #[test]
    fn what_follows_depends_on_what_came_long_before() {
        let mut temporal = Temporal::new();
        let mut play = |word: &str| word.bytes().map(|letter| temporal.step(&columns(letter))).collect::<Vec<_>>();
        for _ in 0..60 {
            play("ABCDE");
            play("XBCDY");
        }
        // the middle is the same, the end is not
        assert_eq!(play("ABCDE")[4], 0.0);
        assert_eq!(play("XBCDY")[4], 0.0);
        assert_eq!(play("ABCDY")[4], 1.0);
    }

    #[test]
    fn segments_are_bounded() {
        let mut temporal = Temporal::new();
        for at in 0..3_000_u64 {
            let mut columns: Vec<u16> = (0..10).map(|bit| (dice(at << 8 | bit) % COLUMNS as u64) as u16).collect();
            columns.sort_unstable();
            columns.dedup();
            temporal.step(&columns);
        }
        assert_eq!(temporal.segments.len(), SEGMENTS);
    }
}
