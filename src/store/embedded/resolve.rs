//! From a segment's own numbers to the values they stand for.

use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};
use tantivy::columnar::MonotonicallyMappableToU64;

use super::aggregate::{Bucket, Key, Kind, Node, State, merge};
use super::columns::OpenColumn;
use super::count::{LocalKey, MISSING, Opened, plain_key};

/// States with the values in place of the segment's own numbers.
///
/// # Errors
/// When the strings of the segment cannot be read.
pub(super) fn resolve_all(
    nodes: &[Node],
    opened: &[Opened],
    states: Vec<State<LocalKey>>,
) -> tantivy::Result<Vec<State<Key>>> {
    let all = nodes.iter().zip(opened).zip(states);
    all.map(|((node, opened), state)| resolve(node, opened, state)).collect()
}

fn resolve(node: &Node, opened: &Opened, state: State<LocalKey>) -> tantivy::Result<State<Key>> {
    Ok(match state {
        State::Numbers(numbers) => State::Numbers(numbers),
        State::Quantiles(quantiles) => State::Quantiles(quantiles),
        State::Distinct(mut distinct, texts) => {
            let names = Names::look_up(opened, texts.into_iter())?;
            for name in names.0.into_values() {
                distinct.add(&Key::Text(name));
            }
            State::Distinct(distinct, FxHashSet::default())
        }
        State::Buckets(buckets) => {
            let terms = matches!(node.kind, Kind::Terms { .. });
            let ordinals = buckets.keys().filter(|(number, _)| terms && *number != MISSING);
            let mut names = Names::look_up(opened, ordinals.map(|(number, value)| (*number, *value as u64)))?;
            let mut resolved = FxHashMap::with_capacity_and_hasher(buckets.len(), FxBuildHasher);
            for (local, bucket) in buckets {
                let key = if terms { term_key(node, opened, &mut names, local) } else { position_key(node, local) };
                let subs = resolve_all(&node.subs, &opened.subs, bucket.subs)?;
                let bucket = Bucket { count: bucket.count, subs };
                // 5 and 5.0 of two columns, or two moments of one millisecond, are one term
                match resolved.get_mut(&key) {
                    None => {
                        resolved.insert(key, bucket);
                    }
                    Some(Bucket { count, subs }) => {
                        *count += bucket.count;
                        merge(subs, bucket.subs);
                    }
                }
            }
            State::Buckets(resolved)
        }
    })
}

/// The key of a bucket; each string is asked for once, and given away.
fn term_key(node: &Node, opened: &Opened, names: &mut Names, (number, value): LocalKey) -> Key {
    if number == MISSING {
        let Kind::Terms { missing: Some(missing), .. } = &node.kind else { unreachable!("only terms make it") };
        return missing.clone();
    }
    match &opened.columns[usize::from(number)] {
        OpenColumn::Plain(kind, _) => plain_key(*kind, value as u64),
        OpenColumn::Address(_) => Key::Address(value),
        OpenColumn::Text(_) => Key::Text(names.0.remove(&(number, value as u64)).unwrap_or_default()),
    }
}

fn position_key(node: &Node, (_, value): LocalKey) -> Key {
    match node.kind {
        Kind::DateHistogram { .. } | Kind::Histogram { .. } => Key::Integer(i64::from_u64(value as u64).into()),
        _ => Key::Integer(value as i128),
    }
}

/// Strings of a segment by column and ordinal.
struct Names(FxHashMap<(u8, u64), Box<str>>);

impl Names {
    fn look_up(opened: &Opened, ordinals: impl Iterator<Item = (u8, u64)>) -> tantivy::Result<Self> {
        let mut wanted: Vec<_> = ordinals.filter(|(number, _)| opened.is_text(*number)).collect();
        wanted.sort_unstable();
        let mut names = FxHashMap::with_capacity_and_hasher(wanted.len(), FxBuildHasher);
        for part in wanted.chunk_by(|left, right| left.0 == right.0) {
            let number = part[0].0;
            let OpenColumn::Text(column) = &opened.columns[usize::from(number)] else { continue };
            let ordinals: Vec<u64> = part.iter().map(|(_, ordinal)| *ordinal).collect();
            let mut next = ordinals.iter();
            column.dictionary().sorted_ords_to_term_cb(&ordinals, |bytes| {
                if let Some(ordinal) = next.next() {
                    names.insert((number, *ordinal), String::from_utf8_lossy(bytes).into());
                }
            })?;
        }
        Ok(Self(names))
    }
}

impl Opened {
    fn is_text(&self, number: u8) -> bool {
        matches!(self.columns.get(usize::from(number)), Some(OpenColumn::Text(_)))
    }
}
