//! 4 MEASURE: what a classifier looks at.
//!
//! A model states its own [`Space`] of features; a [`Gatherer`] fills rows of it for each event, from the 41 KDD-99
//! features that are measured here and from the event's own fields.
//!
//! Names and order of the measured ones are those of the KDD Cup 1999 task description. A feature that a source cannot tell is
//! missing (NaN, [`Symbol::MISSING`](symbols::Symbol::MISSING)), never zero. [`Windows`] measures those that compare a
//! connection with the ones before it.

use std::ops::Range;

#[cfg(test)]
mod endings;
pub mod flow;
mod gather;
mod hosts;
mod latest;
mod matrix;
mod meter;
mod rate;
#[cfg(test)]
mod reference;
mod space;
mod steady;
pub mod symbols;
mod window;

pub use gather::{Gatherer, number_of, word_of};
pub use matrix::{MEASURED, Matrix, Row, Rows, Sample, Shape};
pub use meter::{Measured, Meter};
pub use space::{CONTENT_GROUP, Feature, Group, Kind, MOST_FEATURES, Space, SpaceFault};
pub use window::{Settings, Windows};

use symbols::Symbols;

/// The content features (columns 10 to 22 of the KDD files) as places in [`FeatureVector::numeric`]: what only
/// a look into the payload tells, so that connection logs lack them all.
pub const CONTENT: Range<usize> = 6..19;

/// wrong_fragment and urgent as places in [`FeatureVector::numeric`], which connection logs lack too.
pub const PACKET: Range<usize> = 4..6;

/// Where those features begin in [`FeatureVector::numeric`] that compare a connection with others.
pub const TRAFFIC: usize = CONTENT.end;

/// How many features are numbers.
pub const NUMERIC: usize = 38;

/// The 41 features in the order of the KDD files; the symbolic ones stand at places 1, 2 and 3.
pub const NAMES: [&str; 41] = [
    "duration",
    "protocol_type",
    "service",
    "flag",
    "src_bytes",
    "dst_bytes",
    "land",
    "wrong_fragment",
    "urgent",
    "hot",
    "num_failed_logins",
    "logged_in",
    "num_compromised",
    "root_shell",
    "su_attempted",
    "num_root",
    "num_file_creations",
    "num_shells",
    "num_access_files",
    "num_outbound_cmds",
    "is_host_login",
    "is_guest_login",
    "count",
    "srv_count",
    "serror_rate",
    "srv_serror_rate",
    "rerror_rate",
    "srv_rerror_rate",
    "same_srv_rate",
    "diff_srv_rate",
    "srv_diff_host_rate",
    "dst_host_count",
    "dst_host_srv_count",
    "dst_host_same_srv_rate",
    "dst_host_diff_srv_rate",
    "dst_host_same_src_port_rate",
    "dst_host_srv_diff_host_rate",
    "dst_host_serror_rate",
    "dst_host_srv_serror_rate",
    "dst_host_rerror_rate",
    "dst_host_srv_rerror_rate",
];

/// The numeric feature at place `index` of [`FeatureVector::numeric`], as its place in [`NAMES`].
pub const fn name_of_numeric(index: usize) -> usize {
    if index == 0 { 0 } else { index + 3 }
}

/// The 41 features of one connection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FeatureVector {
    /// The numeric ones in the order of [`NAMES`], the symbolic ones left out: duration, src_bytes, dst_bytes, …;
    /// in the units of KDD-99 (seconds, bytes, counts, rates 0 to 1); NaN where missing.
    pub numeric: [f32; NUMERIC],
    /// `protocol_type`, `service`, `flag`.
    pub symbols: Symbols,
}

impl FeatureVector {
    /// A vector in which nothing is known.
    pub const MISSING: Self = Self { numeric: [f32::NAN; NUMERIC], symbols: Symbols::MISSING };

    /// How many of the 41 features are known.
    pub fn known(&self) -> u16 {
        let symbols = [self.symbols.protocol, self.symbols.service, self.symbols.flag];
        let numbers = self.numeric.iter().filter(|value| !value.is_nan()).count();
        let words = symbols.iter().filter(|symbol| **symbol != symbols::Symbol::MISSING).count();
        u16::try_from(numbers + words).expect("at most 41")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_features_are_columns_10_to_22() {
        assert_eq!(name_of_numeric(CONTENT.start) + 1, 10);
        assert_eq!(name_of_numeric(CONTENT.end - 1) + 1, 22);
        assert_eq!(PACKET.map(|place| NAMES[name_of_numeric(place)]).collect::<Vec<_>>(), ["wrong_fragment", "urgent"]);
    }

    #[test]
    fn numeric_places_skip_the_three_symbols() {
        assert_eq!(NAMES[name_of_numeric(0)], "duration");
        assert_eq!(NAMES[name_of_numeric(1)], "src_bytes");
        assert_eq!(NAMES[name_of_numeric(NUMERIC - 1)], "dst_host_srv_rerror_rate");
    }
}
