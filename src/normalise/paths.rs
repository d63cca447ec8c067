//! Which keys of an event matter: a table that leads from a key, in the object where it stands, to a slot.
//!
//! The path `source.geo.name` may come as `{"source":{"geo":{"name":…}}}`, as `{"source.geo.name":…}`, or mixed
//! (`{"source":{"geo.name":…}}`): each proper prefix of a wanted path is a node, and the table holds every way from
//! a node to a slot or to a deeper node. It is built once and then only read, so keys that a sender makes up can
//! cost a lookup, never growth.

use rustc_hash::FxHashMap;

/// The node of the event itself.
pub const ROOT: u32 = 0;
/// No slot, no node.
pub const NONE: u32 = u32::MAX;

/// What a key leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Where its value is to be put down, or [`NONE`].
    pub slot: u32,
    /// The node of the object that is its value, or [`NONE`] where nothing within matters.
    pub node: u32,
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
                let nothing = Target { slot: NONE, node: NONE };
                let target = self.entries.entry((node, path[from..end].to_owned())).or_insert(nothing);
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
        let size = (self.entries.len() * 4).next_power_of_two().max(16);
        let mut tags = vec![EMPTY; size].into_boxed_slice();
        let mut entries = Vec::with_capacity(self.entries.len());
        for ((node, key), target) in self.entries {
            let (low, high) = words(key.as_bytes(), 0, key.len());
            let hash = hash(node, low, high, key.len());
            let mut place = hash as usize & (size - 1);
            while tags[place] != EMPTY {
                place = (place + 1) & (size - 1);
            }
            let index = u32::try_from(entries.len()).expect("fewer than 4 G ways");
            tags[place] = Tag { check: check(hash), index };
            entries.push(Entry { low, high, node, target, key: key.into_boxed_str() });
        }
        Paths { tags, entries: entries.into_boxed_slice() }
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

/// The finished table; at most a quarter of it is in use.
#[derive(Debug)]
pub struct Paths {
    tags: Box<[Tag]>,
    entries: Box<[Entry]>,
}

impl Paths {
    /// Where the key `bytes[start..end]` leads to within the object of `node`.
    #[inline]
    pub fn find(&self, node: u32, bytes: &[u8], start: usize, end: usize) -> Option<Target> {
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
                    return Some(entry.target);
                }
            }
            place += 1;
        }
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
    use super::*;

    fn find(paths: &Paths, node: u32, key: &str) -> Option<Target> {
        let alone = paths.find(node, key.as_bytes(), 0, key.len());
        let among = format!("{{\"{key}\":1234567890");
        assert_eq!(paths.find(node, among.as_bytes(), 2, 2 + key.len()), alone, "{key}");
        alone
    }

    #[test]
    fn a_path_is_found_nested_dotted_and_mixed() {
        let mut collector = Collector::default();
        collector.add("source.geo.country_name_of_the_place", 7);
        let paths = collector.finish();
        let slot = |target: Option<Target>| target.map(|target| target.slot);
        assert_eq!(slot(find(&paths, ROOT, "source.geo.country_name_of_the_place")), Some(7));
        let source = find(&paths, ROOT, "source").expect("a prefix").node;
        let geo = find(&paths, source, "geo").expect("a prefix").node;
        assert_eq!(find(&paths, ROOT, "source.geo").expect("a prefix").node, geo);
        assert_eq!(slot(find(&paths, source, "geo.country_name_of_the_place")), Some(7));
        assert_eq!(slot(find(&paths, geo, "country_name_of_the_place")), Some(7));
        assert_eq!(find(&paths, geo, "country_name_of_his_place"), None);
        assert_eq!(find(&paths, ROOT, "geo"), None);
    }

    #[test]
    fn a_path_that_is_a_prefix_of_another_keeps_both_meanings() {
        let mut collector = Collector::default();
        assert_eq!(collector.add("a.b", 1), 1);
        assert_eq!(collector.add("a", 2), 2);
        assert_eq!(collector.add("a", 3), 2, "the same path has one slot");
        let paths = collector.finish();
        let target = find(&paths, ROOT, "a").expect("wanted");
        assert_eq!(target.slot, 2);
        assert_eq!(find(&paths, target.node, "b").map(|target| target.slot), Some(1));
    }

    #[test]
    fn odd_paths_do_no_harm() {
        let mut collector = Collector::default();
        for (slot, path) in ["", ".", "a..b", ".a", "a.", "12345678", "123456789012345678"].into_iter().enumerate() {
            collector.add(path, slot as u32);
        }
        let paths = collector.finish();
        assert_eq!(find(&paths, ROOT, "a..b").map(|target| target.slot), Some(2));
        assert_eq!(find(&paths, ROOT, "123456789012345678").map(|target| target.slot), Some(6));
        assert_eq!(find(&paths, ROOT, "1234567890ab345678"), None);
    }
}
