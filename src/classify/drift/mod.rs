//! How far what a model is shown lies from what it learned from, feature by feature.
//!
//! Training measures the shares of its records in bins ([`measure()`]): for a number ten bins of about equal share (fewer
//! where values repeat), for a symbol its most frequent words; missing is a bin of its own. [`Bins`] puts vectors into
//! the same bins, and [`stability_index`] compares: Σ (now − then) · ln(now / then), zero where both are alike.
//!
//! By convention less than [`NOTABLE`] is no change, and from [`LARGE`] on a model should not be trusted without a look.
//! Source: Lewis, "An Introduction to Credit Scoring" (1994); Siddiqi, "Credit Risk Scorecards" (2006). Of n records
//! that come from the same distribution it is about (bins − 1) / n in the mean (Yurdakul and Naranjo, "Statistical
//! properties of the population stability index", 2020), which is why [`ENOUGH`] records are waited for.

mod bins;
mod card;
mod measure;
#[cfg(test)]
mod samples;

pub use bins::{Bins, FeatureDrift, stability_index};
pub(super) use card::check;
pub use card::{Distribution, DriftCard};
pub use measure::measure;

/// From here on a feature has changed somewhat.
pub const NOTABLE: f64 = 0.1;
/// From here on it is another distribution.
pub const LARGE: f64 = 0.25;
/// Records of which an index says something: with twelve bins chance alone makes about 0.02 of them.
pub const ENOUGH: u64 = 500;

/// The bin of a known value: as many edges lie below it.
fn bin_of(edges: &[f32], value: f32) -> usize {
    // no early end: a handful of comparisons at once is faster than a search among nine
    edges.iter().fold(0_u32, |below, edge| below.wrapping_add(u32::from(*edge < value))) as usize
}
