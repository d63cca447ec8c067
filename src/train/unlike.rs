//! Made-up rows that are like none of the classes, from which a network learns where its knowledge ends.
//!
//! Such a row is a real one in which some features have the values of other rows, so that each value is one that occurs
//! and only their company is strange; in some, numbers are moved besides. That is outlier exposure (Hendrycks, Mazeika and
//! Dietterich, 2019) without data from elsewhere. A row in which nothing came out noticeably different is thrown away.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::dataset::Row;
use crate::classify::encode::Encoding;
use crate::features::Sample;

/// Largest share of the features that come from the second row; each made-up row draws its own up to this.
const MOST_FOREIGN: f32 = 0.3;
/// Chance that a third row gives features too, half as many.
const THIRD_SHARE: f64 = 0.5;
/// Chance that numbers are moved, chance of each then, and how far: a standard deviation in scaled units.
const MOVED_SHARE: f64 = 0.3;
const MOVED_EACH: f64 = 0.15;
const MOVED_BY: f32 = 2.0;
/// Differences of scaled inputs up to this do not make a row another.
const LEAST_CHANGE: f32 = 0.3;

/// A made-up row.
#[derive(Debug, Clone)]
pub struct Unlike {
    /// Its features.
    pub features: Sample,
    /// What is added to its scaled numbers, in their order.
    pub moved: Vec<f32>,
}

/// Makes one from a row and two donors; none where it came out as the row itself.
pub fn unlike(row: &Row, donors: [&Row; 2], encoding: &Encoding, random: &mut ChaCha8Rng) -> Option<Unlike> {
    let mut features = row.features.clone();
    let share = random.random_range(0.0..MOST_FOREIGN);
    take_over(&mut features, &donors[0].features, share, random);
    let one = random.random_range(0..features.numeric.len() + features.symbols.len());
    take_one(&mut features, &donors[0].features, one);
    if random.random_bool(THIRD_SHARE) {
        take_over(&mut features, &donors[1].features, share / 2.0, random);
    }
    let mut moved = vec![0.0; features.numeric.len()];
    if random.random_bool(MOVED_SHARE) {
        for by in &mut moved {
            if random.random_bool(MOVED_EACH) {
                *by = MOVED_BY * gaussian(random);
            }
        }
    }
    let made = Unlike { features, moved };
    differs(row, &made, encoding).then_some(made)
}

fn take_over(features: &mut Sample, donor: &Sample, share: f32, random: &mut ChaCha8Rng) {
    for place in 0..features.numeric.len() + features.symbols.len() {
        if random.random_bool(f64::from(share)) {
            take_one(features, donor, place);
        }
    }
}

/// Takes the number at `place`, or the symbol behind the numbers.
fn take_one(features: &mut Sample, donor: &Sample, place: usize) {
    match place.checked_sub(features.numeric.len()) {
        None => features.numeric[place] = donor.numeric[place],
        Some(place) => features.symbols[place] = donor.symbols[place],
    }
}

fn differs(row: &Row, made: &Unlike, encoding: &Encoding) -> bool {
    let (mut before, mut after) = (vec![0f32; encoding.inputs()], vec![0f32; encoding.inputs()]);
    encoding.dense(row.features.row(), &mut before);
    encoding.dense(made.features.row(), &mut after);
    after.iter_mut().zip(&made.moved).for_each(|(input, by)| *input += by);
    before.iter().zip(&after).any(|(before, after)| (before - after).abs() > LEAST_CHANGE)
}

/// A normally distributed number, by the method of Box and Muller.
pub fn gaussian(random: &mut ChaCha8Rng) -> f32 {
    let (radius, angle) =
        (random.random_range(f32::MIN_POSITIVE..1.0), random.random_range(0.0..std::f32::consts::TAU));
    (-2.0 * radius.ln()).sqrt() * angle.cos()
}
