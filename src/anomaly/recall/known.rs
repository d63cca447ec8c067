//! Which values a series has had before, in bounded memory: the [`MOST`] met last.

use super::super::codec::{Damaged, Reader, Writer};

/// So many values are remembered, 16 bytes each; then those not met for longest are forgotten, and new again.
const MOST: usize = 1024;

/// Hashes of values, and when each was last met.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::anomaly) struct Known {
    /// Sorted by hash.
    values: Vec<(u64, u64)>,
    /// Values met so far.
    met: u64,
}

impl Known {
    /// Meets a value; true if it is the first time.
    pub(super) fn meet(&mut self, hash: u64) -> bool {
        self.met += 1;
        match self.values.binary_search_by_key(&hash, |(known, _)| *known) {
            Ok(place) => {
                self.values[place].1 = self.met;
                false
            }
            Err(_) => {
                self.remember(hash);
                true
            }
        }
    }

    fn remember(&mut self, hash: u64) {
        if self.values.len() >= MOST {
            // half of them at once, so that a flood of new values does not look for the oldest each time
            let mut times: Vec<u64> = self.values.iter().map(|(_, at)| *at).collect();
            let (_, middle, _) = times.select_nth_unstable(MOST / 2);
            let middle = *middle;
            self.values.retain(|(_, at)| *at > middle);
        }
        let place = self.values.partition_point(|(known, _)| *known < hash);
        self.values.insert(place, (hash, self.met));
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.u64(self.met);
        out.u32(self.values.len() as u32);
        for (hash, at) in &self.values {
            out.u64(*hash);
            out.u64(*at);
        }
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let met = input.u64()?;
        let count = input.count(16)?;
        let values = (0..count).map(|_| Ok((input.u64()?, input.u64()?))).collect::<Result<Vec<_>, Damaged>>()?;
        let is_sorted = values.is_sorted_by(|one, next| one.0 < next.0);
        if count > MOST || !is_sorted { Err(Damaged) } else { Ok(Self { values, met }) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::fields::mix;
    use super::super::super::harness::{Feed, TestEvent, settings, text};
    use super::*;

    #[test]
    fn a_value_is_new_once_unless_it_was_not_met_for_long() {
        let mut known = Known::default();
        assert!(known.meet(7) && !known.meet(7));
        for value in 0..100_000 {
            known.meet(mix(1, value));
            known.meet(7);
        }
        assert!(known.values.len() <= MOST);
        assert!(!known.meet(7) && known.meet(mix(1, 0)) && !known.meet(mix(1, 99_999)));
        let mut out = Writer::default();
        known.save(&mut out);
        assert_eq!(Known::load(&mut Reader::new(&out.finish())), Ok(known));
    }

    #[test]
    fn a_host_that_meets_many_new_ones_at_once_is_told_and_its_usual_round_is_not() {
        let declared =
            r#"[{"name":"new_peers","over":["who"],"function":"first_seen","field":"peer","peak":"spread"}]"#;
        let mut feed = Feed::new(settings(declared));
        for minute in 0..400 {
            for peer in 0..20 {
                let at = f64::from(minute) * 60.0 + f64::from(peer);
                feed.observe(&TestEvent::new(at, &[text("host"), text(&format!("peer {peer}"))]));
            }
            // a new one now and then, and at minute 300 fifty of them
            let new = if minute == 300 { 50 } else { u32::from(minute % 17 == 0) };
            for peer in 0..new {
                let at = f64::from(minute) * 60.0 + 30.0;
                feed.observe(&TestEvent::new(at, &[text("host"), text(&format!("new {minute} {peer}"))]));
            }
        }
        let found: Vec<f64> = feed.finish().iter().map(|record| record.actual).collect();
        assert_eq!(found, [50.0]);
    }
}
