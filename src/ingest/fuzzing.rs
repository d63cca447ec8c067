//! Ways in for `tests/fuzz`: each takes any bytes and panics where something does not hold that always must.
//!
//! It is part of the library, hidden from its documentation, because the readers it leads to are not public and should
//! not become so for the fuzzer's sake.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;
use serde::de::IgnoredAny;

use super::format::{Form, split};
use super::json::Bounds;
use super::syslog::Framing;
use super::syslog::fuzzing::{Frames, event, frames};

pub use super::elastic::fuzzing::bulk;

pub(super) const BOUNDS: Bounds = Bounds { depth: 64, fields: 1000, length: 1 << 20 };

/// A body, read in the way that the first byte says: every good member is an object to a strict parser, in order, and
/// every range lies within the body.
pub fn body(data: &[u8]) {
    let Some((form, body)) = data.split_first() else { return };
    let form = [Form::Json, Form::Lines, Form::Pairs, Form::Text][usize::from(form % 4)];
    let Ok(split) = split(Bytes::copy_from_slice(body), form, &BOUNDS, 1000) else { return };
    let mut before = 0;
    for member in &split.members {
        assert!(before <= member.range.start, "members come in order");
        before = member.range.end;
        let event = &split.body[member.range.start as usize..member.range.end as usize];
        assert_object(event);
    }
    for refused in &split.refused {
        assert!(refused.range.end <= split.body.len() && refused.fault.at <= split.body.len());
    }
}

/// A form: what comes out is one object of strings and lists of strings.
pub fn form(data: &[u8]) {
    let Ok(split) = split(Bytes::copy_from_slice(data), Form::Pairs, &BOUNDS, 1000) else { return };
    for member in &split.members {
        assert!(member.range.end as usize <= split.body.len());
    }
}

/// A TCP stream of syslog messages, torn where the first bytes say: the messages are the same wherever it is torn, and
/// each becomes one JSON object.
pub fn syslog(data: &[u8]) {
    let Some(([most, tear], stream)) = data.split_first_chunk() else { return };
    let (most, tear) = (usize::from(*most) + 1, usize::from(*tear).min(stream.len()));
    let whole: Frames = frames(Framing::Auto, &[stream], most);
    assert_eq!(frames(Framing::Auto, &[&stream[..tear], &stream[tear..]], most), whole);
    let peer = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 514);
    for (text, cut) in &whole {
        assert!(text.len() <= most);
        let event = event(text, *cut, peer);
        assert_object(&event);
    }
}

/// An object to a strict parser; lone surrogates are JSON, and serde_json does not take them.
pub(super) fn assert_object(event: &[u8]) {
    assert!(event.starts_with(b"{") && event.ends_with(b"}"));
    let read = serde_json::from_slice::<IgnoredAny>(event);
    assert!(read.is_ok() || event.windows(2).any(|pair| pair == b"\\u"), "{read:?}");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_break_what_always_holds(data in prop::collection::vec(any::<u8>(), 0..300)) {
            body(&data);
            form(&data);
            bulk(&data);
            syslog(&data);
        }
    }
}
