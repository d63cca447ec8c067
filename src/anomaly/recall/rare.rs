//! How rare a value is in what a series has had: its information, −log2 of its share, in bits.

use super::super::codec::{Damaged, Reader, Writer};

/// So many values are counted; then the half that was met least is forgotten, and rare again.
const MOST: usize = 512;
/// Counts are halved when there are so many, so that what was usual long ago becomes rare.
const FADE_AT: u32 = 1 << 17;

/// How often which value was met.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::anomaly) struct Rare {
    /// Hash and count, sorted by hash.
    values: Vec<(u64, u32)>,
    total: u32,
}

impl Rare {
    /// The bits that such a value says; then learns it. What was never met counts as half a time, so a series that is new cannot say many.
    pub(super) fn meet(&mut self, hash: u64) -> f64 {
        let place = self.values.binary_search_by_key(&hash, |(known, _)| *known);
        let count = place.map_or(0.5, |place| f64::from(self.values[place].1));
        let bits = ((f64::from(self.total) + 1.0) / count).log2().max(0.0);
        self.total += 1;
        match place {
            Ok(place) => self.values[place].1 += 1,
            Err(_) => self.remember(hash),
        }
        if self.total >= FADE_AT {
            self.fade();
        }
        bits
    }

    fn remember(&mut self, hash: u64) {
        if self.values.len() >= MOST {
            let mut counts: Vec<u32> = self.values.iter().map(|(_, count)| *count).collect();
            let (_, middle, _) = counts.select_nth_unstable(MOST / 2);
            let middle = *middle;
            let mut kept = 0;
            self.values.retain(|(_, count)| {
                let stays = *count > middle && kept < MOST / 2;
                kept += usize::from(stays);
                stays
            });
        }
        let place = self.values.partition_point(|(known, _)| *known < hash);
        self.values.insert(place, (hash, 1));
    }

    fn fade(&mut self) {
        self.values.iter_mut().for_each(|(_, count)| *count /= 2);
        self.values.retain(|(_, count)| *count > 0);
        self.total /= 2;
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.u32(self.total);
        out.u32(self.values.len() as u32);
        for (hash, count) in &self.values {
            out.u64(*hash);
            out.u32(*count);
        }
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let total = input.u32()?;
        let count = input.count(12)?;
        let values = (0..count).map(|_| Ok((input.u64()?, input.u32()?))).collect::<Result<Vec<_>, Damaged>>()?;
        let is_whole = values.iter().all(|(_, count)| (1..=FADE_AT).contains(count)) && total <= FADE_AT;
        let is_sorted = values.is_sorted_by(|one, next| one.0 < next.0);
        if count > MOST || !is_sorted || !is_whole { Err(Damaged) } else { Ok(Self { values, total }) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::harness::{Feed, Noise, TestEvent, settings, text};
    use super::*;

    #[test]
    fn what_was_never_met_says_most_and_what_comes_always_nothing() {
        let mut rare = Rare::default();
        (0..4_095).for_each(|_| {
            rare.meet(1);
        });
        assert_eq!(rare.meet(1), (4_096_f64 / 4_095.0).log2());
        assert!(rare.meet(2) > 12.9 && rare.meet(2) < 12.1);
    }

    #[test]
    fn a_process_that_a_host_never_ran_is_told() {
        let declared =
            r#"[{"name":"processes","over":["host"],"function":"rare","field":"process","bucket_span":"5m"}]"#;
        let mut feed = Feed::new(settings(declared));
        let mut noise = Noise::new(3);
        for minute in 0..2_000 {
            let at = f64::from(minute) * 60.0;
            let process = format!("usual {}", noise.below(12));
            feed.observe(&TestEvent::new(at, &[text("host"), text(&process)]));
            if minute == 1_500 {
                feed.observe(&TestEvent::new(at, &[text("host"), text("mimikatz")]));
            }
        }
        let found: Vec<i64> = feed.finish().iter().map(|record| record.start.seconds()).collect();
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
