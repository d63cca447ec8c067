//! Random schedules against a model: appends, settlements, faults, stops, power cuts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};

use super::{append_all, batch, bodies, drain, numbers, open};
use crate::event::SeqNo;
use crate::spool::failing::FailingFiles;
use crate::spool::{AppendError, Opened, StoredBatch};

#[derive(Debug, Clone)]
enum Action {
    /// Batches of so many members, at the same time.
    Append(Vec<usize>),
    Read,
    /// Members of batches that were delivered: every n-th from the k-th on.
    Settle(usize, usize),
    SettleAll,
    Room(Option<u64>),
    ShortWrites(Option<usize>),
    FailSyncs(u32),
    FailCuts(u32),
    FailCreates(u32),
    DieAfter(u64),
    Reopen(Stop),
}

#[derive(Debug, Clone)]
enum Stop {
    Close,
    /// kill -9
    Kill,
    /// What was not synced is cut at this share (of 255).
    PowerCut(u8),
    /// What was not synced is zeros from this share on.
    Zeros(u8),
}

fn action() -> impl Strategy<Value = Action> {
    let stop = prop_oneof![
        Just(Stop::Close),
        Just(Stop::Kill),
        any::<u8>().prop_map(Stop::PowerCut),
        any::<u8>().prop_map(Stop::Zeros)
    ];
    prop_oneof![
        8 => vec(1_usize..12, 1..6).prop_map(Action::Append),
        3 => Just(Action::Read),
        3 => (0_usize..20, 1_usize..4).prop_map(|(from, step)| Action::Settle(from, step)),
        1 => Just(Action::SettleAll),
        1 => option::of(0_u64..3000).prop_map(Action::Room),
        1 => option::of(1_usize..300).prop_map(Action::ShortWrites),
        1 => (0_u32..3).prop_map(Action::FailSyncs),
        1 => (0_u32..3).prop_map(Action::FailCuts),
        1 => (0_u32..3).prop_map(Action::FailCreates),
        1 => (0_u64..12).prop_map(Action::DieAfter),
        3 => stop.prop_map(Action::Reopen),
    ]
}

/// Id of the spool and number of the event.
type Place = (u64, u64);

/// What the outside knows.
#[derive(Default)]
struct Model {
    tags: u64,
    /// Answered Ok, or seen after a restart: first number and members, by tag.
    safe: BTreeMap<u64, (Place, usize)>,
    /// Answered with a disk error; by tag, with members.
    perhaps: BTreeMap<u64, usize>,
    /// Of these, those of this run.
    failed_now: BTreeSet<u64>,
    settled: BTreeSet<Place>,
    /// Who had a number.
    names: BTreeMap<Place, u64>,
}

struct Run {
    files: FailingFiles,
    opened: Opened,
    delivered: Vec<StoredBatch>,
}

fn tag_of(batch: &StoredBatch) -> u64 {
    batch.source.strip_prefix("source ").and_then(|tag| tag.parse().ok()).expect("a source of ours")
}

fn places((spool, first): Place, members: usize) -> impl Iterator<Item = Place> {
    (first..first + members as u64).map(move |number| (spool, number))
}

impl Model {
    fn name(&mut self, first: Place, members: usize, tag: u64) {
        for place in places(first, members) {
            let before = self.names.insert(place, tag);
            assert!(before.is_none_or(|before| before == tag), "{place:?} was given to {before:?} and {tag}");
        }
    }

    fn append(&mut self, run: &Run, sizes: &[usize]) {
        let batches: Vec<_> = sizes.iter().zip(self.tags..).map(|(size, tag)| batch(tag, *size)).collect();
        let answers = append_all(&run.opened.spool, &batches);
        for ((answer, size), tag) in answers.into_iter().zip(sizes).zip(self.tags..) {
            match answer {
                Ok(appended) => {
                    assert_eq!(appended.count, *size as u64);
                    let first = (run.opened.spool.id().0, appended.first.0);
                    self.name(first, *size, tag);
                    self.safe.insert(tag, (first, *size));
                }
                Err(AppendError::Disk { .. }) => {
                    self.perhaps.insert(tag, *size);
                    self.failed_now.insert(tag);
                }
                // leaves no trace
                Err(AppendError::Full { .. } | AppendError::Closed) => {}
                Err(error) => panic!("{error}"),
            }
        }
        self.tags += sizes.len() as u64;
    }

    fn read(&mut self, run: &mut Run) {
        for read in drain(&mut run.opened.reader) {
            let tag = tag_of(&read);
            assert_eq!(bodies(std::slice::from_ref(&read)), [batch(tag, read.members.len()).body]);
            if let Some(last) = run.delivered.last() {
                assert!(last.first < read.first, "{} after {}", read.first, last.first);
            }
            let place = (run.opened.spool.id().0, read.first.0);
            self.name(place, read.members.len(), tag);
            if let Some((first, size)) = self.safe.get(&tag) {
                assert_eq!((*first, *size), (place, read.members.len()));
            } else {
                let size = self.perhaps.get(&tag).expect("it was answered with a disk error");
                assert_eq!(*size, read.members.len());
                assert!(read.replayed && !self.failed_now.contains(&tag), "{tag} failed in this very run");
                self.safe.insert(tag, (place, *size));
            }
            run.delivered.push(read);
        }
        for (tag, (first, size)) in &self.safe {
            let waiting = places(*first, *size).any(|place| !self.settled.contains(&place));
            let spool = run.opened.spool.id().0;
            let seen = run.delivered.iter().any(|read| (spool, read.first.0) == *first);
            assert!(seen || !waiting, "{tag} at {first:?} was not delivered");
        }
        let usage = run.opened.spool.usage();
        assert_eq!(usage.recovered + usage.appended, usage.settled + usage.lost + usage.waiting, "{usage:?}");
    }

    fn settle(&mut self, run: &Run, from: usize, step: usize) {
        let all: Vec<SeqNo> = run.delivered.iter().flat_map(numbers).collect();
        let some: Vec<SeqNo> = all.into_iter().skip(from).step_by(step).collect();
        let spool = run.opened.spool.id().0;
        self.settled.extend(some.iter().map(|number| (spool, number.0)));
        run.opened.spool.settle(&some);
    }
}

/// What a power cut may do to bytes that were not synced.
fn spoil(files: &FailingFiles, stop: &Stop) {
    for (path, range) in files.unsynced() {
        let Ok(file) = OpenOptions::new().write(true).open(&path) else { continue };
        let at = |share: u8| range.start + (range.end - range.start) * u64::from(share) / 255;
        match stop {
            Stop::PowerCut(share) => file.set_len(at(*share)).unwrap(),
            Stop::Zeros(share) => {
                let from = at(*share);
                file.write_all_at(&vec![0; (range.end - from) as usize], from).unwrap();
            }
            Stop::Close | Stop::Kill => {}
        }
    }
}

fn start(folder: &Path) -> Run {
    let files = FailingFiles::default();
    let opened = open(folder, &files).expect("the spool opens");
    assert!(opened.recovery.damage.is_empty(), "{:?}", opened.recovery);
    Run { files, opened, delivered: Vec::new() }
}

fn play(actions: Vec<Action>) {
    let folder = tempfile::tempdir().unwrap();
    let mut model = Model::default();
    let mut run = start(folder.path());
    for action in actions.into_iter().chain([Action::Reopen(Stop::Kill)]) {
        match action {
            Action::Append(sizes) => model.append(&run, &sizes),
            Action::Read => model.read(&mut run),
            Action::Settle(from, step) => model.settle(&run, from, step),
            Action::SettleAll => model.settle(&run, 0, 1),
            Action::Room(room) => run.files.limit_room(room),
            Action::ShortWrites(bytes) => run.files.limit_writes(bytes),
            Action::FailSyncs(count) => run.files.fail_syncs(count),
            Action::FailCuts(count) => run.files.fail_cuts(count),
            Action::FailCreates(count) => run.files.fail_creates(count),
            Action::DieAfter(operations) => run.files.die_after(operations),
            Action::Reopen(stop) => {
                if !matches!(stop, Stop::Close) {
                    run.files.die_after(0);
                }
                let _ = run.opened.spool.close();
                spoil(&run.files, &stop);
                model.failed_now.clear();
                drop(run);
                run = start(folder.path());
                model.read(&mut run);
            }
        }
    }
    assert_eq!(run.opened.reader.next(Duration::ZERO).unwrap(), crate::spool::Next::Idle);
    drop(run);
    fs::remove_dir_all(folder.path()).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_what_was_answered_is_delivered_until_it_is_settled(actions in vec(action(), 1..40)) {
        play(actions);
    }
}
