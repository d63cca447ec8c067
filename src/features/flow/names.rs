//! The flow features: name, unit and meaning of each, in order.

use std::ops::Range;

/// What a feature is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Described {
    /// Its name.
    pub name: &'static str,
    /// The unit of its values.
    pub unit: &'static str,
    /// What it tells.
    pub meaning: &'static str,
}

const fn feature(name: &'static str, unit: &'static str, meaning: &'static str) -> Described {
    Described { name, unit, meaning }
}

/// Features of the connection by itself.
pub const OWN: Range<usize> = 0..OWN_FEATURES.len();
/// Features of its history.
pub const HISTORY: Range<usize> = after(OWN, HISTORY_FEATURES.len());
/// Features of its pair.
pub const PAIR: Range<usize> = after(HISTORY, PAIR_FEATURES.len());
/// Features of the windows, one behind the other.
pub const WINDOWS: Range<usize> = after(PAIR, 3 * OF_WINDOW);
/// Features of the name that was asked for.
pub const NAME: Range<usize> = after(WINDOWS, NAME_FEATURES.len());
/// Features of each window.
pub const OF_WINDOW: usize = 16;

/// What may be missing together of the feature of this name, as sources tell it or do not: Zeek's history, bytes of either side,
/// packets, how it ended, the name that was asked for. None for what every source tells, or what is made of that.
pub fn group_of(name: &str) -> Option<&'static str> {
    let place = super::place(name)?;
    match place {
        place if HISTORY.contains(&place) => Some("history"),
        place if NAME.contains(&place) => Some("name"),
        place if FEATURES[place].name.contains("bytes") => Some("bytes"),
        place if OWN.contains(&place) && name.contains("packet") => Some("packets"),
        place if OWN.contains(&place) && FEATURES[place].unit == "0 or 1" => Some("ending"),
        _ => None,
    }
}

/// Whether the feature of this name is told of every connection: a count of those beside it.
pub fn is_always_told(name: &str) -> bool {
    super::place(name).is_some_and(|place| WINDOWS.contains(&place) && FEATURES[place].unit != "bytes")
}

/// What becomes of a feature where all that a host does is done at another pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paced {
    /// A count that the connection itself is in: what comes beside it changes.
    Count,
    /// A sum.
    Sum,
    /// A time between connections.
    Wait,
}

/// What becomes of the feature of this name at another pace; none where it stays.
pub fn paced(name: &str) -> Option<Paced> {
    let place = super::place(name)?;
    match FEATURES[place].unit {
        _ if name == PAIR_FEATURES[0].name || name == PAIR_FEATURES[1].name => Some(Paced::Wait),
        "0 to 1" => None,
        "bytes" if WINDOWS.contains(&place) => Some(Paced::Sum),
        _ if WINDOWS.contains(&place) => Some(Paced::Count),
        _ => None,
    }
}

const fn after(before: Range<usize>, count: usize) -> Range<usize> {
    before.end..before.end + count
}

const OWN_FEATURES: [Described; 18] = [
    feature("flow_duration", "s", "from the first packet to the last"),
    feature("flow_bytes_out", "bytes", "payload of the originator"),
    feature("flow_bytes_in", "bytes", "payload of the responder"),
    feature("flow_packets_out", "packets", "of the originator"),
    feature("flow_packets_in", "packets", "of the responder"),
    feature(
        "flow_bytes_out_rate",
        "bytes/s",
        "payload of the originator over the duration, which counts as 1 ms at least",
    ),
    feature("flow_bytes_in_rate", "bytes/s", "the same of the responder"),
    feature("flow_packets_out_rate", "packets/s", "packets of the originator over the duration"),
    feature("flow_packets_in_rate", "packets/s", "the same of the responder"),
    feature("flow_packet_bytes_out", "bytes", "mean payload of the originator's packets"),
    feature("flow_packet_bytes_in", "bytes", "mean payload of the responder's packets"),
    feature("flow_bytes_share", "0 to 1", "the originator's share of the payload; 0.5 where there is none"),
    feature("flow_packets_share", "0 to 1", "the originator's share of the packets"),
    feature("flow_finished", "0 or 1", "it was answered and ended (SF; UDP and ICMP: it was answered)"),
    feature("flow_open", "0 or 1", "it was answered and did not end on both sides (S1, S2, S3)"),
    feature("flow_unanswered", "0 or 1", "nobody answered (S0, SH; UDP and ICMP: no packet came back)"),
    feature("flow_rejected", "0 or 1", "the responder declined (REJ)"),
    feature("flow_reset", "0 or 1", "a side broke it off (RSTO, RSTR, RSTOS0)"),
];

const HISTORY_FEATURES: [Described; 8] = [
    feature("flow_has_data_out", "0 or 1", "the originator sent payload"),
    feature("flow_has_data_in", "0 or 1", "the responder sent payload"),
    feature("flow_has_repeats", "0 or 1", "payload was sent again"),
    feature("flow_has_gaps", "0 or 1", "the sensor missed payload"),
    feature("flow_has_zero_window", "0 or 1", "a side said that it can take nothing"),
    feature("flow_has_odd_packets", "0 or 1", "contradicting flags, or wrong checksums"),
    feature("flow_was_turned", "0 or 1", "the first packet seen was one of the responder"),
    feature("flow_is_midway", "0 or 1", "its beginning was not seen"),
];

const PAIR_FEATURES: [Described; 11] = [
    feature("flow_pair_interval", "s", "since the originator last called this service of the responder"),
    feature("flow_pair_mean_interval", "s", "mean of such intervals, the last 8 or so"),
    feature(
        "flow_pair_regularity",
        "0 to 1",
        "how alike they are: 1 less their mean distance from the mean, over the mean",
    ),
    feature("flow_pair_bytes_regularity", "0 to 1", "the same of the originator's payload"),
    feature("flow_pair_bytes_in_regularity", "0 to 1", "the same of the responder's payload"),
    feature("flow_pair_duration_regularity", "0 to 1", "the same of the durations"),
    feature("flow_pair_mean_bytes_out", "bytes", "payload of the originator, mean of the last 8 or so of the pair"),
    feature("flow_pair_mean_bytes_in", "bytes", "the same of the responder"),
    feature("flow_pair_mean_duration", "s", "duration, mean of the last 8 or so of the pair"),
    feature("flow_pair_failed", "0 to 1", "share of the last 8 or so of the pair that nobody took"),
    feature("flow_pair_same_ending", "0 to 1", "share of the 8 or so before it that ended as it did"),
];

const NAME_FEATURES: [Described; 5] = [
    feature(
        "flow_name_length",
        "characters",
        "of the name that was asked for (DNS question, TLS server name, HTTP host)",
    ),
    feature("flow_name_entropy", "bits", "of its characters but the dots"),
    feature("flow_name_digits", "0 to 1", "share of digits in it"),
    feature("flow_name_labels", "labels", "parts between its dots"),
    feature("flow_name_longest_label", "characters", "of the longest of them"),
];

macro_rules! of_window {
    ($length:literal, $words:literal) => {
        [
            feature(
                concat!("flow_originator_connections_", $length),
                "connections",
                concat!("opened by the originator, ", $words),
            ),
            feature(concat!("flow_originator_failed_", $length), "0 to 1", "share of them that nobody took"),
            feature(
                concat!("flow_originator_bytes_", $length),
                "bytes",
                concat!("payload that it sent in them, ", $words),
            ),
            feature(
                concat!("flow_originator_hosts_", $length),
                "hosts",
                concat!("different ones that it called within ", $words),
            ),
            feature(
                concat!("flow_originator_services_", $length),
                "ports",
                concat!("different ones that it called within ", $words),
            ),
            feature(
                concat!("flow_responder_connections_", $length),
                "connections",
                concat!("to the responder, ", $words),
            ),
            feature(concat!("flow_responder_failed_", $length), "0 to 1", "share of them that it did not take"),
            feature(
                concat!("flow_responder_bytes_", $length),
                "bytes",
                concat!("payload that was sent to it, ", $words),
            ),
            feature(
                concat!("flow_responder_hosts_", $length),
                "hosts",
                concat!("different ones that called it within ", $words),
            ),
            feature(
                concat!("flow_responder_services_", $length),
                "ports",
                concat!("different ones of it that were called within ", $words),
            ),
            feature(
                concat!("flow_pair_connections_", $length),
                "connections",
                concat!("of the originator to this service of the responder, ", $words),
            ),
            feature(
                concat!("flow_pair_bytes_", $length),
                "bytes",
                concat!("payload that the originator sent in them, ", $words),
            ),
            feature(
                concat!("flow_pair_ports_", $length),
                "ports",
                concat!("different ones of the responder that the originator called within ", $words),
            ),
            feature(
                concat!("flow_service_connections_", $length),
                "connections",
                concat!("of the originator to this service, of whichever host, ", $words),
            ),
            feature(concat!("flow_service_failed_", $length), "0 to 1", "share of them that nobody took"),
            feature(
                concat!("flow_service_hosts_", $length),
                "hosts",
                concat!("different ones of which the originator called this service within ", $words),
            ),
        ]
    };
}

const WINDOW_FEATURES: [[Described; OF_WINDOW]; 3] =
    [of_window!("10s", "10 s"), of_window!("2m", "2 min"), of_window!("1h", "1 h")];

/// All flow features, in order.
pub const FEATURES: [Described; NAME.end] = {
    let mut all = [OWN_FEATURES[0]; NAME.end];
    let mut place = 0;
    while place < NAME.end {
        all[place] = if place < OWN.end {
            OWN_FEATURES[place]
        } else if place < HISTORY.end {
            HISTORY_FEATURES[place - HISTORY.start]
        } else if place < PAIR.end {
            PAIR_FEATURES[place - PAIR.start]
        } else if place < WINDOWS.end {
            let within = place - WINDOWS.start;
            WINDOW_FEATURES[within / OF_WINDOW][within % OF_WINDOW]
        } else {
            NAME_FEATURES[place - NAME.start]
        };
        place += 1;
    }
    all
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_differ_and_are_told_from_those_of_kdd() {
        let names: BTreeSet<_> = FEATURES.iter().map(|feature| feature.name).collect();
        assert_eq!(names.len(), FEATURES.len());
        assert!(names.iter().all(|name| name.starts_with("flow_")));
        assert_eq!(FEATURES[WINDOWS.start + OF_WINDOW].name, "flow_originator_connections_2m");
    }

    #[test]
    fn what_one_source_lacks_is_missing_together() {
        let group = |name| group_of(name).unwrap_or("always there");
        assert_eq!(
            ["flow_bytes_out_rate", "flow_responder_bytes_1h", "flow_pair_mean_bytes_in"].map(group),
            ["bytes"; 3]
        );
        assert_eq!(
            ["flow_packets_in", "flow_finished", "flow_was_turned", "flow_name_digits", "flow_originator_hosts_1h"]
                .map(group),
            ["packets", "ending", "history", "name", "always there"]
        );
    }

    #[test]
    fn pace_changes_counts_sums_and_waits_and_no_share() {
        assert_eq!(paced("flow_service_hosts_2m"), Some(Paced::Count));
        assert_eq!(paced("flow_pair_bytes_10s"), Some(Paced::Sum));
        assert_eq!(paced("flow_pair_mean_interval"), Some(Paced::Wait));
        for name in ["flow_service_failed_1h", "flow_pair_regularity", "flow_bytes_out", "flow_pair_mean_bytes_out"] {
            assert_eq!(paced(name), None, "{name}");
        }
    }

    #[test]
    fn the_page_about_features_has_each_of_them() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/features.md")).expect("the page");
        for Described { name, unit, meaning } in FEATURES {
            let row = format!("| `{name}` | {unit} | {meaning} |");
            assert!(page.contains(&row), "not in docs/features.md:\n{row}");
        }
    }
}
