//! From a body to what is to be kept of it, and to what its sender is to be told once it is kept.

use bytes::Bytes;

use super::answer::{Answer, MOST_ERRORS, MemberError};
use super::body::Body;
use super::error::Refusal;
use super::format::{Form, Refused, Split, Unreadable, split};
use super::json::Fault;
use super::settings::HttpSettings;
use crate::event::ReceivedTime;
use crate::spool::{DeadLetter, Digest, Member, Origin};

/// What is to be kept of one body.
#[derive(Debug)]
pub(super) struct Intake {
    /// Of the body, whatever becomes of it.
    pub digest: Digest,
    /// When it had come in.
    pub received: ReceivedTime,
    /// Who sent it.
    pub source: Box<str>,
    /// The bytes that the members are ranges of.
    pub body: Bytes,
    /// For the spool.
    pub members: Vec<Member>,
    /// For the dead letters: the bad members, or the whole body.
    pub letters: Vec<DeadLetter>,
}

impl Intake {
    /// Nothing has to be kept.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && self.letters.is_empty()
    }
}

/// Sorts a body into good and bad. The answer holds once the intake is kept.
///
/// An error is a body of which nothing is kept.
pub(super) fn understand(
    body: Body,
    form: Form,
    source: Box<str>,
    received: ReceivedTime,
    settings: &HttpSettings,
) -> Result<(Intake, Result<Answer, Refusal>), Refusal> {
    match body {
        Body::Garbled { raw, coding, reason } => {
            let refusal = Refusal::Undecodable { coding: coding.name(), reason };
            Ok(dead(raw, GARBLED, source, received, refusal))
        }
        Body::Decoded(body) => match split(body.clone(), form, &settings.bounds(), settings.max_events) {
            Ok(split) => Ok(alive(&body, split, form, source, received)),
            Err(Unreadable::Empty) => Err(Refusal::Empty),
            Err(Unreadable::TooMany) => Err(Refusal::TooMany(settings.max_events)),
            Err(Unreadable::Broken(fault)) => {
                let refusal = unreadable(&body, fault);
                Ok(dead(body, form as u8, source, received, refusal))
            }
        },
    }
}

/// Stands where a form would for a body that could not be decoded.
pub(super) const GARBLED: u8 = 255;

/// With the line that the fault is in.
pub(super) fn unreadable(body: &[u8], fault: Fault) -> Refusal {
    let at = fault.at.min(body.len());
    let line = 1 + memchr::memchr_iter(b'\n', &body[..at]).count();
    Refusal::Unreadable { flaw: fault.flaw, at, line }
}

fn alive(
    body: &Bytes,
    split: Split,
    form: Form,
    source: Box<str>,
    received: ReceivedTime,
) -> (Intake, Result<Answer, Refusal>) {
    let digest = digest(body, &[form as u8]);
    let Split { body, members, refused } = split;
    let errors = refused.iter().take(MOST_ERRORS).map(told).collect();
    let answer = Answer { accepted: members.len(), refused: refused.len(), repeated: 0, errors };
    let letters = refused
        .into_iter()
        .map(|bad| DeadLetter {
            at: received,
            reason: format!("{}, at byte {} of the body", bad.fault.flaw, bad.fault.at),
            source: source.to_string(),
            raw: body.slice(bad.range),
            origin: Origin::unread(form as u8),
        })
        .collect();
    (Intake { digest, received, source, body, members, letters }, Ok(answer))
}

fn told(bad: &Refused) -> MemberError {
    MemberError { position: bad.position, offset: bad.fault.at, reason: bad.fault.flaw.to_string() }
}

/// Nothing but a dead letter.
pub(super) fn dead(
    body: Bytes,
    class: u8,
    source: Box<str>,
    received: ReceivedTime,
    refusal: Refusal,
) -> (Intake, Result<Answer, Refusal>) {
    let letter = DeadLetter {
        at: received,
        reason: refusal.to_string(),
        source: source.to_string(),
        raw: body.clone(),
        origin: Origin::unread(class),
    };
    let digest = digest(&body, &[class]);
    (Intake { digest, received, source, body, members: Vec::new(), letters: vec![letter] }, Err(refusal))
}

/// The first 128 bits of blake3 over the class and the body: the same bytes read in another way are another body.
/// No class may be the beginning of another one.
pub(super) fn digest(body: &[u8], class: &[u8]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(class);
    hasher.update(body);
    let hash = hasher.finalize();
    Digest(*hash.as_bytes().first_chunk::<16>().expect("a hash has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn understood(body: &str, form: Form) -> (Intake, Result<Answer, Refusal>) {
        let body = Body::Decoded(Bytes::copy_from_slice(body.as_bytes()));
        understand(body, form, "test".into(), ReceivedTime::from_micros(1), &HttpSettings::default()).unwrap()
    }

    #[test]
    fn good_members_and_bad_ones_go_their_ways() {
        let (intake, answer) = understood(r#"[{"a":1},{"b":},{"c":3}]"#, Form::Json);
        assert_eq!(intake.members.len(), 2);
        assert_eq!(intake.letters[0].raw, r#"{"b":}"#);
        assert_eq!(intake.letters[0].reason, "'}' stands where a value belongs, at byte 14 of the body");
        let reason = "'}' stands where a value belongs".to_owned();
        let errors = vec![MemberError { position: 1, offset: 14, reason }];
        assert_eq!(answer, Ok(Answer { accepted: 2, refused: 1, repeated: 0, errors }));
    }

    #[test]
    fn an_unreadable_body_is_one_dead_letter_and_says_where() {
        let (intake, answer) = understood("[{\"a\":1},\n{\"b\":", Form::Json);
        assert!(intake.members.is_empty());
        assert_eq!(intake.letters[0].raw, "[{\"a\":1},\n{\"b\":");
        assert_eq!(answer, Err(Refusal::Unreadable { flaw: super::super::json::Flaw::BreaksOff, at: 15, line: 2 }));
    }

    #[test]
    fn an_answer_tells_of_the_first_bad_members_and_counts_all() {
        let (intake, answer) = understood(&format!("[{}]", vec!["1"; 50].join(",")), Form::Json);
        let answer = answer.unwrap();
        assert_eq!((intake.letters.len(), answer.refused, answer.errors.len()), (50, 50, MOST_ERRORS));
    }

    #[test]
    fn the_same_bytes_have_the_same_digest_unless_they_are_read_in_another_way() {
        let digest = |body: &str, form| understood(body, form).0.digest;
        assert_eq!(digest(r#"{"a":1}"#, Form::Json), digest(r#"{"a":1}"#, Form::Json));
        assert_ne!(digest(r#"{"a":1}"#, Form::Json), digest(r#"{"a":2}"#, Form::Json));
        assert_ne!(digest(r#"{"a":1}"#, Form::Json), digest(r#"{"a":1}"#, Form::Text));
    }
}
