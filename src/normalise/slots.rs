//! Where values are put down while a body is read: a slot for each path that the dialects know, then one for each
//! path that somebody asked for.

use super::paths::{Collector, Paths};
use super::scalar::Captured;
use super::{argus, ecs, joins, netflow, suricata, vpc};
use crate::features::NAMES;

/// The slots of one dialect, counted up from a first one, and the paths that lead to them; several spellings may
/// share a slot.
macro_rules! slots {
    ($first:expr; $( $(#[$meaning:meta])* $name:ident: $($path:literal)|+; )+) => {
        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "the names are those of the constants")]
        #[repr(u32)]
        enum Place { $($name,)+ END }
        $( $(#[$meaning])* pub const $name: u32 = $first + Place::$name as u32; )+
        /// The first slot behind those of this dialect.
        pub const END: u32 = $first + Place::END as u32;
        /// What leads to the slots.
        pub const PATHS: &[(&str, u32)] = &[ $( $( ($path, $name), )+ )+ ];
    };
}
pub(super) use slots;

/// The KDD names at the top level: 41 slots from here, in their order.
pub const KDD: u32 = 0;
/// The KDD names within a `kdd` object: 41 slots from here.
pub const KDD_WITHIN: u32 = 41;
/// Zeek's `duration`, which is also the first KDD name.
pub const DURATION: u32 = KDD;
/// Zeek's `service`, which is also the third KDD name.
pub const SERVICE: u32 = KDD + 2;

/// `@timestamp`.
pub const TIMESTAMP: u32 = 82;
/// `ts`, Zeek's time.
pub const TS: u32 = 83;
/// `event`.
pub const EVENT: u32 = 84;
/// `threat`.
pub const THREAT: u32 = 85;
/// `oversight`.
pub const OVERSIGHT: u32 = 86;
/// `event.risk_score`.
pub const RISK_SCORE: u32 = 87;
/// The log a Zeek record belongs to.
pub const STREAM: u32 = 88;
/// Zeek's identity of a connection.
pub const UID: u32 = 89;
/// The originator's address.
pub const ORIG_H: u32 = 90;
/// The originator's port, or the ICMP type.
pub const ORIG_P: u32 = 91;
/// The responder's address.
pub const RESP_H: u32 = 92;
/// The responder's port, or the ICMP code.
pub const RESP_P: u32 = 93;
/// `tcp`, `udp`, `icmp`.
pub const PROTO: u32 = 94;
/// Payload bytes of the originator.
pub const ORIG_BYTES: u32 = 95;
/// Payload bytes of the responder.
pub const RESP_BYTES: u32 = 96;
/// How the connection ended.
pub const CONN_STATE: u32 = 97;
/// Packets of the originator.
pub const ORIG_PKTS: u32 = 98;
/// Packets of the responder.
pub const RESP_PKTS: u32 = 99;
/// Bytes of the originator, IP headers included.
pub const ORIG_IP_BYTES: u32 = 100;
/// Bytes of the responder, IP headers included.
pub const RESP_IP_BYTES: u32 = 101;
/// Zeek's number of the protocol above IP.
pub const IP_PROTO: u32 = 102;
/// `source`.
pub const SOURCE: u32 = 103;
/// `destination`.
pub const DESTINATION: u32 = 104;
/// `network`.
pub const NETWORK: u32 = 105;
/// `network.community_id`.
pub const COMMUNITY_ID: u32 = 106;
/// `community_id`, as Zeek and Suricata write it.
pub const OWN_COMMUNITY_ID: u32 = 107;
/// What happened in a connection, in Zeek's letters.
pub const HISTORY: u32 = 108;
/// The name that somebody asked for.
pub const ASKED: u32 = 109;
/// The first slot of the dialects that number their own.
pub const FIRST_DIALECT: u32 = 110;
/// A slot that no path leads to: always empty.
pub const UNUSED: u32 = joins::END;
/// The first slot of a path that was asked for.
pub const FIRST_OWN: u32 = UNUSED + 1;

/// The paths of the dialects that number their own slots.
pub const PATHS_OF_DIALECTS: [&[(&str, u32)]; 6] =
    [ecs::PATHS, suricata::PATHS, netflow::PATHS, argus::PATHS, vpc::PATHS, joins::PATHS];

/// The paths of the dialects but KDD; several spellings share a slot.
const BUILT_IN: &[(&str, u32)] = &[
    ("@timestamp", TIMESTAMP),
    ("ts", TS),
    ("event", EVENT),
    ("threat", THREAT),
    ("oversight", OVERSIGHT),
    ("event.risk_score", RISK_SCORE),
    ("_path", STREAM),
    ("@stream", STREAM),
    ("uid", UID),
    ("id.orig_h", ORIG_H),
    ("id_orig_h", ORIG_H),
    ("id.orig_p", ORIG_P),
    ("id_orig_p", ORIG_P),
    ("id.resp_h", RESP_H),
    ("id_resp_h", RESP_H),
    ("id.resp_p", RESP_P),
    ("id_resp_p", RESP_P),
    ("proto", PROTO),
    ("orig_bytes", ORIG_BYTES),
    ("resp_bytes", RESP_BYTES),
    ("conn_state", CONN_STATE),
    ("orig_pkts", ORIG_PKTS),
    ("resp_pkts", RESP_PKTS),
    ("orig_ip_bytes", ORIG_IP_BYTES),
    ("resp_ip_bytes", RESP_IP_BYTES),
    ("ip_proto", IP_PROTO),
    ("source", SOURCE),
    ("destination", DESTINATION),
    ("network", NETWORK),
    ("network.community_id", COMMUNITY_ID),
    ("community_id", OWN_COMMUNITY_ID),
    ("history", HISTORY),
    ("zeek.connection.history", HISTORY),
    ("connection.history", HISTORY),
    ("tls.client.server_name", ASKED),
    ("tls.sni", ASKED),
    ("dns.question.name", ASKED),
    ("url.domain", ASKED),
];

/// The slots' contents for one event.
#[derive(Debug)]
pub struct Slots {
    /// Which event: a cell with another stamp is left over from an earlier one and counts as empty.
    stamp: u32,
    cells: Vec<(u32, Captured)>,
}

impl Slots {
    /// The table that leads to the slots, the slots, and the slot of each of `wanted`, in order.
    pub fn lay_out(wanted: &[String]) -> (Paths, Self, Vec<u32>) {
        let mut collector = Collector::default();
        for (place, name) in (0..).zip(NAMES) {
            collector.add(name, KDD + place);
            collector.add(&format!("kdd.{name}"), KDD_WITHIN + place);
        }
        for (path, slot) in PATHS_OF_DIALECTS.into_iter().chain([BUILT_IN]).flatten() {
            collector.add(path, *slot);
        }
        let own: Vec<u32> = (FIRST_OWN..).zip(wanted).map(|(slot, path)| collector.add(path, slot)).collect();
        let cells = vec![(0, Captured::Absent); FIRST_OWN as usize + wanted.len()];
        (collector.finish(), Self { stamp: 0, cells }, own)
    }

    /// Empties all slots.
    pub fn clear(&mut self) {
        self.stamp = self.stamp.wrapping_add(1);
        if self.stamp == 0 {
            self.cells.fill((0, Captured::Absent));
            self.stamp = 1;
        }
    }

    /// Puts `captured` down; what was there goes.
    #[inline]
    pub fn put(&mut self, slot: u32, captured: Captured) {
        self.cells[slot as usize] = (self.stamp, captured);
    }

    /// What lies in `slot`.
    #[inline]
    pub fn at(&self, slot: u32) -> Captured {
        let (stamp, captured) = self.cells[slot as usize];
        if stamp == self.stamp { captured } else { Captured::Absent }
    }

    /// Whether the event had the path of `slot`, be it with `null`.
    #[inline]
    pub fn is_named(&self, slot: u32) -> bool {
        self.cells[slot as usize].0 == self.stamp
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_paths_have_the_slots_that_their_names_say() {
        let wanted = ["service".to_owned(), "host.name".to_owned(), "id.orig_h".to_owned(), "host.name".to_owned()];
        let (_, slots, own) = Slots::lay_out(&wanted);
        assert_eq!(own, [SERVICE, FIRST_OWN + 1, ORIG_H, FIRST_OWN + 1]);
        assert_eq!(slots.cells.len(), FIRST_OWN as usize + 4);
        assert_eq!(NAMES[(SERVICE - KDD) as usize], "service");
        assert_eq!(NAMES[(DURATION - KDD) as usize], "duration");
    }

    #[test]
    fn nothing_is_left_over_from_an_earlier_event_even_after_four_billion() {
        let (_, mut slots, _) = Slots::lay_out(&[]);
        slots.clear();
        slots.put(UID, Captured::Bool(true));
        assert_eq!(slots.at(UID), Captured::Bool(true));
        slots.stamp = u32::MAX;
        slots.clear();
        assert_eq!((slots.at(UID), slots.is_named(UID)), (Captured::Absent, false));
    }
}
