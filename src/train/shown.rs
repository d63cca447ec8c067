//! Rows as they are shown in one step of training: with features missing or unknown at random, so that a network learns
//! to judge by whatever is known of an event.

use rand::Rng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;

use super::Settings;
use crate::features::symbols::Symbol;
use crate::features::{CONTENT_GROUP, Group, Sample, Shape, Space};

/// Chance that a symbol is shown as unknown, so that the input for it learns something.
const UNKNOWN_SHARE: f64 = 0.01;
/// Where single features are masked, at most so many.
const MOST_SINGLE: usize = 8;

/// The row as it is shown in one step. Of the groups that sources lack, the largest is masked, and sometimes others too.
pub fn masked(features: &Sample, space: &Space, settings: &Settings, random: &mut ChaCha8Rng) -> Sample {
    let mut shown = features.clone();
    let Shape { numbers, symbols } = space.shape();
    if space.group(CONTENT_GROUP).is_none() {
        // what one source tells another does not, whatever else it tells
        let hidden = space.groups().iter().filter(|_| random.random_bool(settings.mask_group));
        hidden.for_each(|group| mask_group(&mut shown, group));
    }
    let mut groups: Vec<&Group> = space.groups().iter().filter(|_| space.group(CONTENT_GROUP).is_some()).collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.numbers.len() + group.symbols.len()));
    if let Some((largest, others)) = groups.split_first()
        && random.random_bool(settings.mask_content)
    {
        mask_group(&mut shown, largest);
        others.iter().filter(|_| random.random_bool(0.5)).for_each(|group| mask_group(&mut shown, group));
    }
    if random.random_bool(settings.mask_single) {
        let many = random.random_range(1..=MOST_SINGLE.min(numbers + symbols));
        let places = sample(random, numbers + symbols, many);
        places.into_iter().for_each(|place| mask(&mut shown, place, Symbol::MISSING));
    }
    if random.random_bool(settings.mask_half) {
        for place in 0..numbers + symbols {
            if random.random_bool(0.5) {
                mask(&mut shown, place, Symbol::MISSING);
            }
        }
    }
    for place in numbers..numbers + symbols {
        if random.random_bool(UNKNOWN_SHARE) {
            mask(&mut shown, place, Symbol::UNKNOWN);
        }
    }
    shown
}

fn mask_group(shown: &mut Sample, group: &Group) {
    group.numbers.iter().for_each(|place| shown.numeric[*place] = f32::NAN);
    group.symbols.iter().for_each(|place| shown.symbols[*place] = Symbol::MISSING);
}

/// Masks the number at `place`, or the symbol behind the numbers.
fn mask(shown: &mut Sample, place: usize, symbol: Symbol) {
    match place.checked_sub(shown.numeric.len()) {
        None => shown.numeric[place] = f32::NAN,
        Some(place) => shown.symbols[place] = symbol,
    }
}
