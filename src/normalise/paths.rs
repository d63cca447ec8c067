//! Which keys of an event matter: a table that leads from a key, in the object where it stands, to a slot.
//!
//! The path `source.geo.name` may come as `{"source":{"geo":{"name":…}}}`, as `{"source.geo.name":…}`, or mixed
//! (`{"source":{"geo.name":…}}`): each proper prefix of a wanted path is a node, and the table holds every way from
//! a node to a slot or to a deeper node. Keys that nobody wants are learned, so that they can be
//! [guessed](super::trail) like the others; keys that a sender makes up cost a lookup and are forgotten again, never growth.

use rustc_hash::FxHashMap;

use super::trail::{Step, Trail};

/// The node of the event itself.
pub const ROOT: u32 = 0;
/// No slot, no node.
pub const NONE: u32 = u32::MAX;
/// Keys that nobody wants and that are kept in mind.
const MOST_LEARNED: usize = 512;
/// Longer ones are not.
const LONGEST_LEARNED: usize = 64;
/// So many others must have come before those are forgotten: a sender that makes up keys costs lookups, hardly more.
const PATIENCE: usize = 64 * MOST_LEARNED;

/// What a key leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Where its value is to be put down, or [`NONE`].
    pub slot: u32,
    /// The node of the object that is its value, or [`NONE`] where nothing within matters.
    pub node: u32,
}

impl Target {
    /// Nobody wants it.
    pub const NOTHING: Self = Self { slot: NONE, node: NONE };
}

/// The table while it is collected.
#[derive(Debug, Default)]
pub struct Collector {
    nodes: FxHashMap<String, u32>,
    entries: FxHashMap<(u32, String), Target>,
}

impl Collector {
    /// Leads `path` to `slot`, or to the slot it has already; gives that slot.
    pub fn add(&mut self, path: &str, slot: u32) -> u32 {
        let slot = match self.entries.get(&(ROOT, path.to_owned())) {
            Some(target) if target.slot != NONE => target.slot,
            _ => slot,
        };
        let dots: Vec<usize> = path.match_indices('.').map(|(at, _)| at).collect();
        let ends = || dots.iter().copied().chain([path.len()]);
        for (from, prefix) in dots.iter().map(|&at| (at + 1, &path[..at])).chain([(0, "")]) {
            let node = self.node(prefix);
            for end in ends().filter(|&end| end >= from) {
                let below = if end == path.len() { NONE } else { self.node(&path[..end]) };
                let target = self.entries.entry((node, path[from..end].to_owned())).or_insert(Target::NOTHING);
                if below == NONE { target.slot = slot } else { target.node = below }
            }
        }
        slot
    }

    fn node(&mut self, prefix: &str) -> u32 {
        if prefix.is_empty() {
            return ROOT;
        }
        let next = u32::try_from(self.nodes.len() + 1).expect("fewer than 4 G paths");
        *self.nodes.entry(prefix.to_owned()).or_insert(next)
    }

    /// The finished table.
    pub fn finish(self) -> Paths {
        let size = ((self.entries.len() + MOST_LEARNED) * 4).next_power_of_two();
        let mut paths = Paths {
            tags: vec![EMPTY; size].into_boxed_slice(),
            wanted: self.entries.len(),
            refused: 0,
            entries: Vec::with_capacity(self.entries.len() + MOST_LEARNED),
            trail: Trail::new(self.nodes.len() + 1),
        };
        for ((node, key), target) in self.entries {
            let (low, high) = words(key.as_bytes(), 0, key.len());
            paths.add(Entry { low, high, node, target, key: key.into_boxed_str() });
        }
        paths
    }
}

/// One place of the table: part of the hash, so that a wrong key seldom gets to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tag {
    check: u32,
    index: u32,
}

const EMPTY: Tag = Tag { check: 0, index: u32::MAX };

fn check(hash: u64) -> u32 {
    (hash >> 32) as u32
}

#[derive(Debug, Clone)]
struct Entry {
    low: u64,
    high: u64,
    node: u32,
    target: Target,
    key: Box<str>,
}

impl Entry {
    fn hash(&self) -> u64 {
        hash(self.node, self.low, self.high, self.key.len())
    }
}

/// The finished table; at most a quarter of it is in use.
#[derive(Debug)]
pub struct Paths {
    tags: Box<[Tag]>,
    /// First those of wanted paths, then what was learned.
    entries: Vec<Entry>,
    wanted: usize,
    /// How many keys were not learned, for lack of room.
    refused: usize,
    /// What came behind which of the entries.
    trail: Trail,
}

impl Paths {
    /// Where the key that stands at `at` of an object of `node`, with its quotes and colon, leads to, and what is behind the colon; none
    /// where it is not one of those that lately came behind `from`, and [`Self::find`] is to be asked.
    #[inline]
    pub fn guess(&mut self, from: Step, node: u32, body: &str, at: usize) -> Option<(Step, Target, usize)> {
        let (place, behind) = self.trail.guess(from, body.as_bytes(), at)?;
        let entry = &self.entries[place as usize];
        // a step from before others were forgotten may have been noted behind a key of another object
        (entry.node == node).then_some((Step::behind(place), entry.target, behind))
    }

    /// Where the key `body[start..end]`, which came behind `from` in the object of `node`, leads to. No step where it will not be known again.
    pub fn find(&mut self, from: Step, node: u32, body: &str, start: usize, end: usize) -> (Step, Target) {
        let found = self.look_up(node, body.as_bytes(), start, end).or_else(|| self.learn(node, &body[start..end]));
        let Some(entry) = found else { return (Step::NOWHERE, Target::NOTHING) };
        self.trail.note(from, entry);
        (Step::behind(entry), self.entries[entry as usize].target)
    }

    /// Where `key`, of which nothing is kept in mind, leads to within the object of `node`.
    pub fn find_once(&self, node: u32, key: &str) -> Target {
        let found = self.look_up(node, key.as_bytes(), 0, key.len());
        found.map_or(Target::NOTHING, |entry| self.entries[entry as usize].target)
    }

    #[inline]
    fn look_up(&self, node: u32, bytes: &[u8], start: usize, end: usize) -> Option<u32> {
        let (low, high) = words(bytes, start, end);
        let length = end - start;
        let hash = hash(node, low, high, length);
        let mask = self.tags.len() - 1;
        let mut place = hash as usize & mask;
        loop {
            let tag = self.tags[place & mask];
            if tag == EMPTY {
                return None;
            }
            if tag.check == check(hash) {
                let entry = &self.entries[tag.index as usize];
                if entry.low == low
                    && entry.high == high
                    && entry.node == node
                    && entry.key.len() == length
                    && (length <= 16 || entry.key.as_bytes() == &bytes[start..end])
                {
                    return Some(tag.index);
                }
            }
            place += 1;
        }
    }

    /// Keeps a key in mind that leads nowhere; all others of its like are forgotten when too many have come.
    fn learn(&mut self, node: u32, key: &str) -> Option<u32> {
        if key.len() > LONGEST_LEARNED {
            return None;
        }
        if self.entries.len() == self.wanted + MOST_LEARNED {
            self.refused += 1;
            if self.refused < PATIENCE {
                return None;
            }
            self.forget();
        }
        let (low, high) = words(key.as_bytes(), 0, key.len());
        Some(self.add(Entry { low, high, node, target: Target::NOTHING, key: key.into() }))
    }

    fn forget(&mut self) {
        self.refused = 0;
        self.entries.truncate(self.wanted);
        self.trail.forget(self.wanted);
        self.tags.fill(EMPTY);
        for index in 0..self.entries.len() {
            self.place(index);
        }
    }

    fn add(&mut self, entry: Entry) -> u32 {
        self.trail.add(&entry.key);
        self.entries.push(entry);
        self.place(self.entries.len() - 1)
    }

    /// Gives an entry its place in the table.
    fn place(&mut self, index: usize) -> u32 {
        let (hash, mask) = (self.entries[index].hash(), self.tags.len() - 1);
        let mut place = hash as usize & mask;
        while self.tags[place] != EMPTY {
            place = (place + 1) & mask;
        }
        let index = u32::try_from(index).expect("fewer than 4 G ways");
        self.tags[place] = Tag { check: check(hash), index };
        index
    }
}

/// The first and the last eight bytes of `bytes[start..end]`, which is all of a key of up to 16; a shorter key than
/// eight is filled up with zeros, and its second word is zero.
#[inline]
fn words(bytes: &[u8], start: usize, end: usize) -> (u64, u64) {
    let length = end - start;
    if length >= 8 {
        return (word(bytes, start), word(bytes, end - 8));
    }
    let low = match bytes.get(start..start + 8) {
        // what stands behind the key is masked off; this saves a copy of odd length
        Some(chunk) => u64::from_le_bytes(chunk.try_into().expect("eight bytes")) & !(u64::MAX << (length * 8)),
        None => {
            let mut short = [0; 8];
            short[..length].copy_from_slice(&bytes[start..end]);
            u64::from_le_bytes(short)
        }
    };
    (low, 0)
}

#[inline]
fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

#[inline]
fn hash(node: u32, low: u64, high: u64, length: usize) -> u64 {
    let mixed = low.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ high.wrapping_mul(0xc2b2_ae3d_27d4_eb4f).rotate_left(31)
        ^ ((length as u64) << 32 | u64::from(node)).wrapping_mul(0x1656_67b1_9e37_79f9);
    let spread = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    spread ^ (spread >> 32)
}

#[cfg(test)]
mod tests {
    use rustc_hash::FxHashSet;

    use super::*;

    fn find(paths: &mut Paths, node: u32, key: &str) -> Option<Target> {
        let alone = paths.find_once(node, key);
        let among = format!("{{\"{key}\":1234567890");
        let (_, target) = paths.find(Step::NOWHERE, node, &among, 2, 2 + key.len());
        assert_eq!(target, alone, "{key}");
        Some(alone).filter(|target| *target != Target::NOTHING)
    }

    #[test]
    fn a_path_is_found_nested_dotted_and_mixed() {
        let mut collector = Collector::default();
        collector.add("source.geo.country_name_of_the_place", 7);
        let mut paths = collector.finish();
        let slot = |target: Option<Target>| target.map(|target| target.slot);
        assert_eq!(slot(find(&mut paths, ROOT, "source.geo.country_name_of_the_place")), Some(7));
        let source = find(&mut paths, ROOT, "source").expect("a prefix").node;
        let geo = find(&mut paths, source, "geo").expect("a prefix").node;
        assert_eq!(find(&mut paths, ROOT, "source.geo").expect("a prefix").node, geo);
        assert_eq!(slot(find(&mut paths, source, "geo.country_name_of_the_place")), Some(7));
        assert_eq!(slot(find(&mut paths, geo, "country_name_of_the_place")), Some(7));
        assert_eq!(find(&mut paths, geo, "country_name_of_his_place"), None);
        assert_eq!(find(&mut paths, ROOT, "geo"), None);
    }

    #[test]
    fn a_path_that_is_a_prefix_of_another_keeps_both_meanings() {
        let mut collector = Collector::default();
        assert_eq!(collector.add("a.b", 1), 1);
        assert_eq!(collector.add("a", 2), 2);
        assert_eq!(collector.add("a", 3), 2, "the same path has one slot");
        let mut paths = collector.finish();
        let target = find(&mut paths, ROOT, "a").expect("wanted");
        assert_eq!(target.slot, 2);
        assert_eq!(find(&mut paths, target.node, "b").map(|target| target.slot), Some(1));
    }

    #[test]
    fn odd_paths_do_no_harm() {
        let mut collector = Collector::default();
        for (slot, path) in ["", ".", "a..b", ".a", "a.", "12345678", "123456789012345678"].into_iter().enumerate() {
            collector.add(path, slot as u32);
        }
        let mut paths = collector.finish();
        assert_eq!(find(&mut paths, ROOT, "a..b").map(|target| target.slot), Some(2));
        assert_eq!(find(&mut paths, ROOT, "123456789012345678").map(|target| target.slot), Some(6));
        assert_eq!(find(&mut paths, ROOT, "1234567890ab345678"), None);
    }

    #[test]
    fn keys_that_a_sender_makes_up_are_forgotten_and_the_wanted_ones_stay() {
        let mut collector = Collector::default();
        collector.add("source.ip", 3);
        let mut paths = collector.finish();
        let size = paths.tags.len();
        let mut learned = FxHashSet::default();
        for number in 0..3 * PATIENCE {
            assert_eq!(find(&mut paths, ROOT, &format!("made up {number}")), None);
            learned.insert(paths.entries.len() - paths.wanted);
        }
        assert_eq!(learned.iter().max(), Some(&MOST_LEARNED));
        assert!(learned.contains(&1), "some were forgotten, and others learned");
        assert_eq!(find(&mut paths, ROOT, "source.ip").map(|target| target.slot), Some(3));
        assert_eq!(paths.tags.len(), size);
        let before = paths.entries.len();
        assert_eq!(find(&mut paths, ROOT, &"long".repeat(LONGEST_LEARNED)), None);
        assert_eq!(paths.entries.len(), before);
    }

    #[test]
    fn a_step_from_before_keys_were_forgotten_leads_into_no_other_object() {
        let mut collector = Collector::default();
        collector.add("source.ip", 3);
        collector.add("destination.ip", 4);
        let mut paths = collector.finish();
        let [source, destination] =
            ["source", "destination"].map(|key| find(&mut paths, ROOT, key).expect("a prefix").node);
        let of = |paths: &mut Paths, from: Step, node: u32, key: &str| paths.find(from, node, key, 0, key.len());
        let (stale, _) = of(&mut paths, Step::NOWHERE, source, "geo");
        paths.forget();
        let (now, _) = of(&mut paths, Step::NOWHERE, destination, "geo");
        assert_eq!(now, stale, "it stands where the other one stood");
        let (_, target) = of(&mut paths, stale, source, "ip");
        assert_eq!(target.slot, 3);
        let body = r#"{"geo":{},"ip":"10.0.0.1"}"#;
        assert_eq!(paths.guess(now, destination, body, 10), None);
        assert_eq!(of(&mut paths, now, destination, "ip").1.slot, 4);
        assert_eq!(paths.guess(now, destination, body, 10).map(|guess| guess.1.slot), Some(4));
    }
}
