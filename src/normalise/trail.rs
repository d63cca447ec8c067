//! Which key comes next: most likely one of the two that came here lately.
//!
//! A shipper writes the keys of its records in the same order again and again. So what was found behind a key is noted, and compared with what
//! stands there the next time, quotes, colon and all: a comparison of two words instead of a search for the key's end and for
//! its entry. What is guessed has been compared to its last byte, so a wrong guess costs time only.

/// No entry.
const NONE: u32 = u32::MAX;

/// Where in an object a reader is: at the beginning of one of a node, or behind a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step(Place);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Beginning(u32),
    Behind(u32),
    Nowhere,
}

impl Step {
    /// Behind a key that nothing is known of.
    pub const NOWHERE: Self = Self(Place::Nowhere);

    /// At the beginning of an object of this node.
    pub fn beginning(node: u32) -> Self {
        Self(Place::Beginning(node))
    }

    /// Behind the key of this entry.
    pub fn behind(entry: u32) -> Self {
        Self(Place::Behind(entry))
    }
}

/// What came where.
#[derive(Debug)]
pub struct Trail {
    /// Of each entry.
    keys: Vec<Quoted>,
    /// What came first in the objects of each node.
    beginnings: Vec<Guesses>,
    /// What came behind each entry.
    behind: Vec<Guesses>,
}

/// Entries, the likelier one first.
type Guesses = [u32; 2];

/// A key as it stands in JSON: `"key":`.
#[derive(Debug)]
struct Quoted {
    /// The first eight bytes; of a shorter text those that `mask` keeps.
    first: u64,
    mask: u64,
    /// The last eight bytes, of a text of more than eight.
    last: u64,
    text: Box<[u8]>,
}

impl Trail {
    /// Without entries, for so many nodes.
    pub fn new(nodes: usize) -> Self {
        Self { keys: Vec::new(), beginnings: vec![[NONE; 2]; nodes], behind: Vec::new() }
    }

    /// Makes room for the next entry, of this key.
    pub fn add(&mut self, key: &str) {
        self.keys.push(Quoted::new(key));
        self.behind.push([NONE; 2]);
    }

    /// Forgets all entries behind the first so many, and all guesses.
    pub fn forget(&mut self, from: usize) {
        self.keys.truncate(from);
        self.behind.truncate(from);
        self.behind.fill([NONE; 2]);
        self.beginnings.fill([NONE; 2]);
    }

    /// The entry whose key stands at `at`, and where it ends behind its colon, if it came here lately.
    #[inline]
    pub fn guess(&mut self, from: Step, bytes: &[u8], at: usize) -> Option<(u32, usize)> {
        let guesses = match from.0 {
            Place::Beginning(node) => self.beginnings.get_mut(node as usize),
            Place::Behind(entry) => self.behind.get_mut(entry as usize),
            Place::Nowhere => None,
        }?;
        let stands = |entry: u32| {
            let key = self.keys.get(entry as usize)?;
            key.stands_at(bytes, at).then_some((entry, at + key.text.len()))
        };
        stands(guesses[0]).or_else(|| {
            let second = stands(guesses[1])?;
            guesses.swap(0, 1);
            Some(second)
        })
    }

    /// An entry's key has come here.
    pub fn note(&mut self, from: Step, entry: u32) {
        let guesses = match from.0 {
            Place::Beginning(node) => self.beginnings.get_mut(node as usize),
            Place::Behind(entry) => self.behind.get_mut(entry as usize),
            Place::Nowhere => None,
        };
        if let Some(guesses) = guesses {
            *guesses = [entry, guesses[0]];
        }
    }
}

impl Quoted {
    fn new(key: &str) -> Self {
        let text: Box<[u8]> = format!("\"{key}\":").into_bytes().into();
        let mut first = [0; 8];
        let short = text.len().min(8);
        first[..short].copy_from_slice(&text[..short]);
        let last = text.last_chunk().copied().unwrap_or_default();
        let mask = u64::MAX >> (64 - 8 * short);
        Self { first: u64::from_le_bytes(first), mask, last: u64::from_le_bytes(last), text }
    }

    /// Whether it stands at `at`. No where fewer than eight bytes are left: that is found the long way.
    #[inline]
    fn stands_at(&self, bytes: &[u8], at: usize) -> bool {
        let length = self.text.len();
        let Some((start, rest)) = bytes.get(at..).and_then(|rest| Some((rest.first_chunk::<8>()?, rest))) else {
            return false;
        };
        if u64::from_le_bytes(*start) & self.mask != self.first {
            return false;
        }
        if length <= 8 {
            return true;
        }
        let Some(end) = rest.get(..length).and_then(|text| text.last_chunk::<8>()) else { return false };
        u64::from_le_bytes(*end) == self.last && (length <= 16 || rest[8..length - 8] == self.text[8..length - 8])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;

    fn trail(keys: &[&str]) -> Trail {
        let mut trail = Trail::new(1);
        keys.iter().for_each(|key| trail.add(key));
        trail
    }

    #[test]
    fn the_two_that_came_lately_are_guessed() {
        let mut trail = trail(&["ts", "conn_state", "destination.address.of.it"]);
        let from = Step::beginning(0);
        let body = "{\"ts\":1,   \"conn_state\":2,\"destination.address.of.it\":3        }";
        let at = [0, 1, 2].map(|number: usize| body.match_indices(['{', ',']).nth(number).expect("there").0 + 1);
        let (ts, state, long) = (at[0], at[1] + 3, at[2]);
        let all =
            |trail: &mut Trail| [ts, state, long].map(|at| trail.guess(from, body.as_bytes(), at).map(|guess| guess.0));
        assert_eq!(all(&mut trail), [None; 3]);
        trail.note(from, 2);
        assert_eq!(all(&mut trail), [None, None, Some(2)]);
        trail.note(from, 0);
        assert_eq!(all(&mut trail), [Some(0), None, Some(2)]);
        trail.note(from, 1);
        assert_eq!(all(&mut trail), [None, Some(1), Some(2)], "the one that was met last stays");
        assert_eq!(trail.guess(from, body.as_bytes(), ts), None, "and no other");
        assert_eq!(trail.guess(Step::behind(0), body.as_bytes(), state), None);
        assert_eq!(trail.guess(Step::NOWHERE, body.as_bytes(), state), None);
        assert_eq!(trail.guess(from, body.as_bytes(), body.len() + 1), None);
        let (_, behind) = trail.guess(from, body.as_bytes(), long).expect("it stands there");
        assert_eq!(&body[behind..behind + 1], "3");
    }

    proptest! {
        #[test]
        fn what_is_guessed_stands_there(key in "[a-c.]{0,24}", there in "[a-c.]{0,24}", rest in ".{0,12}", dense in 0..3_usize) {
            // most pairs of texts differ at once: every third one is the key, or the key with a letter more
            let there = match dense { 0 => there, 1 => key.clone(), _ => format!("{key}a") };
            let body = format!("{{\"{there}\":{rest}");
            let mut trail = trail(&[&key]);
            trail.note(Step::beginning(0), 0);
            let guess = trail.guess(Step::beginning(0), body.as_bytes(), 1);
            let room = body.len() > 8.max(key.len() + 3);
            prop_assert_eq!(guess, (there == key && room).then_some((0, 1 + key.len() + 3)));
        }
    }
}
