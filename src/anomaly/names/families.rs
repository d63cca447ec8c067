//! Ways in which malware makes names up, after published descriptions and in code of our own: what the model is trained on.
//!
//! Not names of real campaigns: seeds are random, and only the shape is theirs (which letters, how many, by what
//! arithmetic). Sources: D. Plohmann and others, "A comprehensive measurement study of domain generating malware"
//! (2016), which sorts them into arithmetic, hash, wordlist and permutation; P. Porras and others on Conficker (2009);
//! S. Schiavoni and others, "Phoenix: DGA-based botnet tracking and intelligence" (2014).

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha1::{Digest, Sha1};

/// A way to make names up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// 5 to 11 letters, each as likely as any other.
    Conficker,
    /// 12 to 15 letters a to y, by shifts and sums of a date.
    Cryptolocker,
    /// 8 to 19 letters a to y, by the generator of Park and Miller.
    Ramnit,
    /// 5 to 18 letters a to y, by rotations.
    Locky,
    /// 32 hexadecimal digits of a digest.
    Bamital,
    /// A letter and 33 hexadecimal digits.
    Dyre,
    /// 20 to 28 letters and digits of a digest.
    Newgoz,
    /// 12 letters and digits.
    Qadars,
    /// Consonants and vowels in turn, 6 to 11 of them.
    Simda,
    /// Syllables, 6 to 13 letters.
    Pykspa,
    /// Two words.
    Suppobox,
    /// Two or three words, and sometimes a hyphen or digits.
    Matsnu,
}

const CONSONANTS: &[u8] = b"bcdfghjklmnpqrstvwxz";
const VOWELS: &[u8] = b"aeiouy";

/// Words of everyday.
const WORDS: [&str; 144] = [
    "above",
    "action",
    "advance",
    "afraid",
    "against",
    "airplane",
    "almost",
    "alone",
    "already",
    "although",
    "always",
    "amount",
    "anger",
    "animal",
    "another",
    "answer",
    "appear",
    "apple",
    "around",
    "arrive",
    "article",
    "attempt",
    "banker",
    "basket",
    "battle",
    "beauty",
    "because",
    "become",
    "before",
    "begin",
    "behind",
    "believe",
    "belong",
    "beside",
    "better",
    "between",
    "beyond",
    "bicycle",
    "board",
    "borrow",
    "bottle",
    "bottom",
    "branch",
    "bread",
    "bridge",
    "bright",
    "bring",
    "broken",
    "brother",
    "brought",
    "building",
    "built",
    "business",
    "butter",
    "captain",
    "carry",
    "castle",
    "catch",
    "cause",
    "center",
    "certain",
    "chance",
    "change",
    "chief",
    "child",
    "choose",
    "church",
    "circle",
    "class",
    "clean",
    "clear",
    "close",
    "cloth",
    "clothe",
    "coffee",
    "college",
    "color",
    "company",
    "complete",
    "condition",
    "consider",
    "contain",
    "continue",
    "control",
    "cotton",
    "country",
    "course",
    "cover",
    "cross",
    "crowd",
    "daughter",
    "death",
    "decide",
    "degree",
    "deliver",
    "demand",
    "desire",
    "destroy",
    "device",
    "differ",
    "dinner",
    "direct",
    "discover",
    "distance",
    "divide",
    "doctor",
    "dollar",
    "double",
    "doubt",
    "dream",
    "dress",
    "drink",
    "drive",
    "during",
    "early",
    "earth",
    "effect",
    "effort",
    "either",
    "electric",
    "electricity",
    "empty",
    "enemy",
    "english",
    "enough",
    "escape",
    "evening",
    "event",
    "every",
    "except",
    "expect",
    "experience",
    "explain",
    "family",
    "famous",
    "father",
    "favor",
    "fellow",
    "field",
    "figure",
    "finger",
    "finish",
    "flower",
    "follow",
];

impl Family {
    /// All of them, those of words last.
    pub const ALL: [Self; 12] = [
        Self::Conficker,
        Self::Cryptolocker,
        Self::Ramnit,
        Self::Locky,
        Self::Bamital,
        Self::Dyre,
        Self::Newgoz,
        Self::Qadars,
        Self::Simda,
        Self::Pykspa,
        Self::Suppobox,
        Self::Matsnu,
    ];

    /// Those that put letters together and not words: what the model is trained on. Words are what honest names are made of,
    /// so that a model of letters which is shown such names becomes worse at all others.
    pub const OF_LETTERS: &[Self] = Self::ALL.split_at(10).0;

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Conficker => "conficker",
            Self::Cryptolocker => "cryptolocker",
            Self::Ramnit => "ramnit",
            Self::Locky => "locky",
            Self::Bamital => "bamital",
            Self::Dyre => "dyre",
            Self::Newgoz => "newgoz",
            Self::Qadars => "qadars",
            Self::Simda => "simda",
            Self::Pykspa => "pykspa",
            Self::Suppobox => "suppobox",
            Self::Matsnu => "matsnu",
        }
    }

    /// The first `count` labels of a seed.
    pub fn labels(self, seed: u64, count: usize) -> Vec<String> {
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        chance.set_stream(self as u64);
        (0..count).map(|_| self.label(&mut chance)).collect()
    }

    fn label(self, chance: &mut ChaCha8Rng) -> String {
        match self {
            Self::Conficker => {
                let length = chance.random_range(5..=11);
                (0..length).map(|_| letter(chance.random_range(0..26))).collect()
            }
            Self::Cryptolocker => cryptolocker(chance),
            Self::Ramnit => park_miller(chance),
            Self::Locky => rotations(chance),
            Self::Bamital => hexadecimal(chance)[..32].to_owned(),
            Self::Dyre => format!("{}{}", letter(chance.random_range(0..26)), &hexadecimal(chance)[..33]),
            Self::Newgoz => base36(chance),
            Self::Qadars => (0..12).map(|_| digit36(chance.random_range(0..36))).collect(),
            Self::Simda => alternating(chance),
            Self::Pykspa => syllables(chance),
            Self::Suppobox => [word(chance), word(chance)].concat(),
            Self::Matsnu => phrase(chance),
        }
    }
}

fn letter(number: u32) -> char {
    char::from(b'a' + (number % 26) as u8)
}

fn digit36(number: u8) -> char {
    char::from_digit(u32::from(number) % 36, 36).unwrap_or('0')
}

fn pick(chance: &mut ChaCha8Rng, from: &[u8]) -> char {
    char::from(from[chance.random_range(0..from.len())])
}

fn word(chance: &mut ChaCha8Rng) -> &'static str {
    WORDS[chance.random_range(0..WORDS.len())]
}

/// Shifts and sums of what stands for year, month and day.
fn cryptolocker(chance: &mut ChaCha8Rng) -> String {
    let mut date: [u32; 4] = std::array::from_fn(|_| chance.random());
    let length = 12 + date[3] % 4;
    (0..length)
        .map(|_| {
            date[0] = ((date[0] & 0xffff_fff1) << 17) ^ ((date[0] >> 11) ^ (date[0] << 6 & 0xffff_ffe0));
            date[1] = ((date[1] & 0xffff_fff8) << 13) ^ ((date[1] >> 15) ^ (date[1] << 3));
            date[2] = ((date[2] & 0xffff_fffe) << 4) ^ ((date[2] >> 23) ^ (date[2] << 19));
            letter((date[0] ^ date[1] ^ date[2]) % 25)
        })
        .collect()
}

fn park_miller(chance: &mut ChaCha8Rng) -> String {
    let mut state = u64::from(chance.random_range(1..0x7fff_ffff_u32));
    let mut next = || {
        state = state * 16_807 % 0x7fff_ffff;
        state as u32
    };
    let length = 8 + next() % 12;
    (0..length).map(|_| letter(next() % 25)).collect()
}

fn rotations(chance: &mut ChaCha8Rng) -> String {
    let mut state: u32 = chance.random();
    let length = 5 + state % 14;
    (0..length)
        .map(|place| {
            state =
                state.wrapping_mul(0xb119_24e1).rotate_right(7).wrapping_add(0x2755_6ed4).rotate_left(place) ^ place;
            letter(state % 25)
        })
        .collect()
}

fn hexadecimal(chance: &mut ChaCha8Rng) -> String {
    let digest = Sha1::digest(chance.random::<u64>().to_le_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base36(chance: &mut ChaCha8Rng) -> String {
    let digest = Sha1::digest(chance.random::<u64>().to_le_bytes());
    let length = chance.random_range(20..=28);
    digest.iter().chain(digest.iter().rev()).take(length).map(|byte| digit36(byte % 36)).collect()
}

fn alternating(chance: &mut ChaCha8Rng) -> String {
    let length = chance.random_range(6..=11);
    let first = chance.random_range(0..2_usize);
    (first..first + length).map(|place| pick(chance, [CONSONANTS, VOWELS][place % 2])).collect()
}

fn syllables(chance: &mut ChaCha8Rng) -> String {
    let length = chance.random_range(6..=13);
    let mut name = String::new();
    while name.len() < length {
        name.push(pick(chance, CONSONANTS));
        name.push(pick(chance, VOWELS));
        match chance.random_range(0..4) {
            0 => name.push(pick(chance, CONSONANTS)),
            1 => name.push(pick(chance, VOWELS)),
            _ => {}
        }
    }
    name.truncate(length);
    name
}

fn phrase(chance: &mut ChaCha8Rng) -> String {
    let mut name = word(chance).to_owned();
    for _ in 0..chance.random_range(1..=2) {
        if chance.random_bool(0.2) {
            name.push('-');
        }
        name.push_str(word(chance));
    }
    if chance.random_bool(0.15) {
        name.push_str(&chance.random_range(1..1000_u32).to_string());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_makes_labels_that_could_be_registered_and_the_same_again() {
        for family in Family::ALL {
            let labels = family.labels(1, 500);
            assert_eq!(labels, family.labels(1, 500), "{}", family.name());
            assert_ne!(labels, family.labels(2, 500));
            let may = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            assert!(labels.iter().all(|label| (5..=63).contains(&label.len()) && label.bytes().all(may)));
            let mut different = labels.clone();
            different.sort_unstable();
            different.dedup();
            assert!(different.len() > 480, "{}: {}", family.name(), different.len());
        }
    }
}
