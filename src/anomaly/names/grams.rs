//! What the model of names looks at: groups of two to four letters in a row, and a few measures of the whole label.

use super::super::fields::mix;

/// Places that groups of letters are spread over.
pub(super) const PLACES: usize = 8_192;
/// Measures of the whole.
pub(super) const MEASURES: usize = 7;
/// The longest label there can be.
const LONGEST: usize = 63;

/// A label as the model sees it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Grams {
    /// The place of each group.
    pub places: Vec<u16>,
    /// Length, digits, vowels, different letters, longest run without a vowel, hyphens, letters a to f and digits: as
    /// shares or parts of usual ones.
    pub measures: [f32; MEASURES],
}

impl Grams {
    /// Of a label; upper case counts as lower case.
    pub(super) fn of(label: &str) -> Self {
        let mut letters = [0; LONGEST + 2];
        letters[0] = b'^';
        let mut length = 0;
        for byte in label.bytes().take(LONGEST) {
            length += 1;
            letters[length] = byte.to_ascii_lowercase();
        }
        letters[length + 1] = b'$';
        let framed = &letters[..length + 2];
        let mut places = Vec::with_capacity(3 * framed.len());
        for size in 2..=4 {
            places.extend(framed.windows(size).map(place));
        }
        Self { places, measures: measures(&letters[1..=length]) }
    }
}

fn place(group: &[u8]) -> u16 {
    let word = group.iter().fold(1_u64, |word, byte| word << 8 | u64::from(*byte));
    (mix(word, 0x6e61_6d65) % PLACES as u64) as u16
}

fn measures(label: &[u8]) -> [f32; MEASURES] {
    let length = label.len().max(1) as f32;
    let share = |is: fn(&u8) -> bool| label.iter().filter(|byte| is(byte)).count() as f32 / length;
    let mut different = [false; 256];
    label.iter().for_each(|byte| different[usize::from(*byte)] = true);
    let runs = label.split(|byte| is_vowel(byte) || !byte.is_ascii_alphabetic());
    let longest = runs.map(<[u8]>::len).max().unwrap_or(0);
    [
        length / 16.0,
        share(u8::is_ascii_digit),
        share(is_vowel),
        different.iter().filter(|seen| **seen).count() as f32 / length,
        longest as f32 / 8.0,
        share(|byte| *byte == b'-'),
        share(u8::is_ascii_hexdigit),
    ]
}

fn is_vowel(byte: &u8) -> bool {
    matches!(byte, b'a' | b'e' | b'i' | b'o' | b'u' | b'y')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_has_its_groups_and_measures_whatever_it_is() {
        let grams = Grams::of("Abc");
        assert_eq!(grams, Grams::of("abc"));
        assert_eq!(grams.places.len(), 4 + 3 + 2);
        assert_eq!(grams.measures[1..3], [0.0, 1.0 / 3.0]);
        for odd in ["", "é", &"x".repeat(300)] {
            assert!(Grams::of(odd).measures.iter().all(|measure| measure.is_finite()), "{odd}");
        }
    }
}
