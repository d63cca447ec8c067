//! Rows as they would be had all gone faster or slower: more or fewer connections beside this one, waits shorter or longer. What tools do
//! is the same at any speed, and the captures of a few runs have few speeds.

use rand_chacha::ChaCha8Rng;

use super::unlike::gaussian;
use crate::features::flow::{Paced, paced};
use crate::features::{Sample, Space};

/// The numbers of a row that depend on pace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paces(Vec<(usize, Paced)>);

impl Paces {
    /// Of the measured features of a space.
    pub fn of(space: &Space) -> Self {
        let paced = |(place, feature): (usize, &usize)| {
            let feature = &space.features()[*feature];
            feature.field.is_none().then(|| paced(&feature.name)).flatten().map(|paced| (place, paced))
        };
        Self(space.numbers().iter().enumerate().filter_map(paced).collect())
    }

    /// The row at a pace drawn at random, whose logarithm has this standard deviation.
    pub fn at_another(&self, features: &mut Sample, deviation: f64, random: &mut ChaCha8Rng) {
        self.change(features, (deviation as f32 * gaussian(random)).exp());
    }

    fn change(&self, features: &mut Sample, factor: f32) {
        for (place, paced) in &self.0 {
            let value = &mut features.numeric[*place];
            // the lesser of NaN and a number would be the number
            if value.is_nan() {
                continue;
            }
            *value = match paced {
                // up to 1 it is the connection itself, which stays
                Paced::Count => value.min(1.0) + (*value - 1.0).max(0.0) * factor,
                Paced::Sum => *value * factor,
                Paced::Wait => *value / factor,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{Feature, Kind};

    #[test]
    fn twice_the_pace_is_twice_the_company_and_half_the_waits() {
        let names = ["flow_originator_connections_2m", "flow_pair_bytes_1h", "flow_pair_interval", "flow_bytes_out"];
        let feature = |name: &&str| Feature { name: (*name).to_owned(), field: None, group: None, kind: Kind::Number };
        let space = Space::new(names.iter().map(feature).collect(), 0).expect("sound");
        let mut row = Sample::missing(space.shape());
        Paces::of(&space).change(&mut row, 2.0);
        assert!(row.numeric.iter().all(|value| value.is_nan()), "{row:?}");
        row.numeric.copy_from_slice(&[11.0, 300.0, 5.0, 70.0]);
        Paces::of(&space).change(&mut row, 2.0);
        assert_eq!(&row.numeric[..], [21.0, 600.0, 2.5, 70.0]);
        row.numeric[0] = 1.0;
        Paces::of(&space).change(&mut row, 2.0);
        assert_eq!(row.numeric[0], 1.0, "nothing goes on beside it");
    }
}
