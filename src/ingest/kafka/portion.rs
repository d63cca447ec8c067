//! What was read of each partition and waits for the spool.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;

use super::super::format::{Form, Split, Unreadable, split};
use super::super::gathering::Gathering;
use super::super::json::Bounds;
use crate::clock::Clock;
use crate::event::ReceivedTime;
use crate::spool::{DeadLetter, NewBatch, Origin};

/// Where a message stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub offset: i64,
}

/// What was read of all partitions.
pub(super) struct Portions {
    /// Few: a member has some partitions, and looks for one in the order in which they came.
    portions: Vec<Portion>,
    bytes: usize,
    bounds: Bounds,
    most: usize,
    clock: Clock,
}

/// What was read of one partition, in order.
#[derive(Debug)]
pub(super) struct Portion {
    pub topic: String,
    pub partition: i32,
    /// The offset behind the last message.
    pub next: i64,
    pub letters: Vec<DeadLetter>,
    gathering: Gathering,
}

impl Portion {
    /// The events as a batch; none where there are none. What stays has the dead letters and the offset.
    pub fn batch(&mut self, received: ReceivedTime) -> Option<NewBatch> {
        let gathering = std::mem::take(&mut self.gathering);
        let source = format!("kafka {}/{}", self.topic, self.partition).into();
        (!gathering.is_empty()).then(|| gathering.into_batch(source, received))
    }
}

impl Portions {
    /// For messages of at most `most` events within `bounds`.
    pub fn new(bounds: Bounds, most: usize, clock: Clock) -> Self {
        Self { portions: Vec::new(), bytes: 0, bounds, most, clock }
    }

    /// Bytes of what waits.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.portions.is_empty()
    }

    /// The time.
    pub fn now(&self) -> ReceivedTime {
        self.clock.now()
    }

    /// Everything that waits.
    pub fn take(&mut self) -> Vec<Portion> {
        self.bytes = 0;
        std::mem::take(&mut self.portions)
    }

    /// Lets go of what waits of one partition.
    pub fn forget(&mut self, topic: &str, partition: i32) {
        self.portions.retain(|portion| portion.partition != partition || portion.topic != topic);
        if self.portions.is_empty() {
            self.bytes = 0;
        }
    }

    /// Takes a message; `time` is the one it has in Kafka, in milliseconds.
    pub fn add(&mut self, place: Place<'_>, time: Option<i64>, value: &[u8]) {
        let (bounds, most) = (self.bounds, self.most);
        let received = self.clock.now();
        let portion = self.portion(place);
        portion.next = place.offset + 1;
        let split = split(Bytes::copy_from_slice(value), Form::Json, &bounds, most);
        match split {
            Ok(split) => portion.take(split, place, time, value, received),
            // a tombstone
            Err(Unreadable::Empty) => {}
            Err(Unreadable::TooMany) => {
                portion.bury(place, received, format!("it holds more than {most} events (http.max_events)"), value);
            }
            Err(Unreadable::Broken(fault)) => {
                portion.bury(place, received, format!("{}, at byte {}", fault.flaw, fault.at), value);
            }
        }
        self.bytes += value.len();
    }

    fn portion(&mut self, place: Place<'_>) -> &mut Portion {
        let known =
            self.portions.iter().position(|known| known.partition == place.partition && known.topic == place.topic);
        let at = known.unwrap_or_else(|| {
            self.portions.push(Portion {
                topic: place.topic.to_owned(),
                partition: place.partition,
                next: place.offset,
                letters: Vec::new(),
                gathering: Gathering::default(),
            });
            self.portions.len() - 1
        });
        &mut self.portions[at]
    }
}

impl Portion {
    fn take(&mut self, split: Split, place: Place<'_>, time: Option<i64>, value: &[u8], received: ReceivedTime) {
        let id = id(place, time, value);
        for (number, member) in split.members.iter().enumerate() {
            let id = if number == 0 { id.clone() } else { format!("{id}-{number}") };
            let event = &split.body[member.range.start as usize..member.range.end as usize];
            self.gathering.add(Some(id.into()), |out| out.extend_from_slice(event));
        }
        for bad in split.refused {
            let reason = format!("{}, at byte {} of the message", bad.fault.flaw, bad.fault.at);
            self.bury(place, received, reason, &split.body[bad.range]);
        }
    }

    fn bury(&mut self, place: Place<'_>, at: ReceivedTime, reason: String, raw: &[u8]) {
        let source = format!("kafka {}/{}@{}", place.topic, place.partition, place.offset);
        let (raw, origin) = (Bytes::copy_from_slice(raw), Origin::unread(Form::Json as u8));
        self.letters.push(DeadLetter { at, reason, source, raw, origin });
    }
}

/// Names the first event of a message: the same whenever the message is read, and another for any other message. Place
/// alone would not do: offsets begin again in a topic that was deleted and made anew.
fn id(place: Place<'_>, time: Option<i64>, value: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(place.topic.len() as u64).to_le_bytes());
    hasher.update(place.topic.as_bytes());
    hasher.update(&place.partition.to_le_bytes());
    hasher.update(&place.offset.to_le_bytes());
    hasher.update(&time.unwrap_or(-1).to_le_bytes());
    hasher.update(value);
    URL_SAFE_NO_PAD.encode(&hasher.finalize().as_bytes()[..16])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn portions() -> Portions {
        Portions::new(Bounds { depth: 8, fields: 100, length: 1000 }, 10, Clock::system())
    }

    fn place(partition: i32, offset: i64) -> Place<'static> {
        Place { topic: "events", partition, offset }
    }

    #[test]
    fn a_message_is_an_object_an_array_or_lines_and_its_bad_members_are_told_with_their_place() {
        let mut waiting = portions();
        waiting.add(place(3, 7), Some(1), br#"{"a":1}"#);
        waiting.add(place(3, 8), Some(1), br#"[{"b":1},17,{"c":1}]"#);
        waiting.add(place(3, 9), Some(1), b"{\"d\":1}\n{\"e\":1}\n");
        waiting.add(place(3, 10), Some(1), b"");
        waiting.add(place(3, 11), Some(1), b"nonsense");
        let [mut portion] = <[Portion; 1]>::try_from(waiting.take()).unwrap();
        assert_eq!(portion.next, 12);
        let batch = portion.batch(ReceivedTime::from_micros(1)).unwrap();
        assert_eq!(&*batch.source, "kafka events/3");
        assert_eq!(batch.members.len(), 5);
        assert!(batch.members[2].id.as_ref().unwrap().ends_with("-1"));
        let told: Vec<(&str, &str)> =
            portion.letters.iter().map(|letter| (letter.source.as_str(), letter.reason.as_str())).collect();
        assert_eq!(
            told,
            [
                ("kafka events/3@8", "an event is a JSON object, and this is none, at byte 9 of the message"),
                ("kafka events/3@11", "no JSON object or array begins here, at byte 0"),
            ]
        );
    }

    #[test]
    fn an_id_is_the_same_for_the_same_message_and_for_no_other() {
        let one = id(place(1, 2), Some(3), b"{}");
        assert_eq!(one, id(place(1, 2), Some(3), b"{}"));
        let others = [
            id(place(2, 2), Some(3), b"{}"),
            id(place(1, 3), Some(3), b"{}"),
            id(place(1, 2), Some(4), b"{}"),
            id(place(1, 2), None, b"{}"),
            id(place(1, 2), Some(3), b"{ }"),
            id(Place { topic: "event", partition: 1, offset: 2 }, Some(3), b"{}"),
        ];
        assert_eq!(BTreeSet::from(others).len(), 6);
        assert_eq!(one.len(), 22);
    }

    #[test]
    fn what_waits_of_a_partition_that_is_taken_away_is_let_go() {
        let mut waiting = portions();
        waiting.add(place(1, 1), None, b"{}");
        waiting.add(place(2, 1), None, b"{}");
        waiting.forget("events", 1);
        waiting.forget("other", 2);
        let left = waiting.take();
        assert_eq!((left.len(), left[0].partition), (1, 2));
    }
}
