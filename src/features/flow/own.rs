//! What a connection is by itself: bytes, packets, rates, and how it ended.

use crate::features::symbols::FLAGS;
use crate::normalise::{Connection, Transport};

/// The shortest duration that rates are taken over, in seconds: one packet has none.
const SHORTEST: f32 = 0.001;

/// Whether nothing came of the connection: nobody answered, or somebody declined.
pub fn has_failed(connection: &Connection<'_>) -> bool {
    let flag = connection.symbols.flag.word(FLAGS);
    let unanswered = connection.transport != Transport::Tcp && connection.destination.packets == Some(0);
    matches!(flag, "S0" | "SH" | "REJ" | "RSTOS0") || unanswered
}

/// Writes the features in their order.
pub fn fill(connection: &Connection<'_>, out: &mut [f32]) {
    let number = |count: Option<u64>| count.map_or(f32::NAN, |count| count as f32);
    let (source, destination) = (&connection.source, &connection.destination);
    let duration = connection.duration.map_or(f32::NAN, |seconds| seconds as f32);
    let bytes = [number(source.bytes), number(destination.bytes)];
    let packets = [number(source.packets), number(destination.packets)];
    // the maximum of a number and NaN would be the number
    let rate = |count: f32| if duration.is_nan() { f32::NAN } else { count / duration.max(SHORTEST) };
    let [finished, open, unanswered, rejected, reset] = endings(connection);
    out.copy_from_slice(&[
        duration,
        bytes[0],
        bytes[1],
        packets[0],
        packets[1],
        rate(bytes[0]),
        rate(bytes[1]),
        rate(packets[0]),
        rate(packets[1]),
        per(bytes[0], packets[0]),
        per(bytes[1], packets[1]),
        share(bytes),
        share(packets),
        finished,
        open,
        unanswered,
        rejected,
        reset,
    ]);
}

/// A mean; of nothing it is 0.
fn per(sum: f32, count: f32) -> f32 {
    if count == 0.0 { 0.0 } else { sum / count }
}

/// The first one's share; a half where there is nothing to share.
fn share([first, second]: [f32; 2]) -> f32 {
    let both = first + second;
    if both == 0.0 { 0.5 } else { first / both }
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It was answered and ended.
    Finished,
    /// It was answered and did not end on both sides.
    Open,
    /// Nobody answered.
    Unanswered,
    /// The responder declined.
    Rejected,
    /// A side broke it off.
    Reset,
    /// Something else.
    Other,
}

/// How it ended; none where the state is not known.
pub fn ending(connection: &Connection<'_>) -> Option<Ending> {
    let place = connection.symbols.flag.place()?;
    // KDD-99 calls all of UDP and ICMP finished
    if connection.transport != Transport::Tcp {
        return Some(if has_failed(connection) { Ending::Unanswered } else { Ending::Finished });
    }
    Some(match FLAGS[place] {
        "SF" => Ending::Finished,
        "S1" | "S2" | "S3" => Ending::Open,
        "S0" | "SH" => Ending::Unanswered,
        "REJ" => Ending::Rejected,
        "RSTO" | "RSTR" | "RSTOS0" => Ending::Reset,
        _ => Ending::Other,
    })
}

/// One of: finished, left open, unanswered, rejected, reset; or none. Missing where the state is not known.
fn endings(connection: &Connection<'_>) -> [f32; 5] {
    let Some(ending) = ending(connection) else { return [f32::NAN; 5] };
    let five = [Ending::Finished, Ending::Open, Ending::Unanswered, Ending::Rejected, Ending::Reset];
    five.map(|one| f32::from(u8::from(one == ending)))
}
