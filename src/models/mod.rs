//! The models that could judge, and the one that does: kept on disk, exchanged while running, and watched.
//!
//! - [`Shelf`]: models that were imported, one folder each, never changed once they lie there.
//! - [`Record`]: which model was activated, when, by whom, and which judged before it. Of the record and the
//!   configuration the later word counts: an activated model judges until `classify.model` is changed.
//! - [`Keeper`]: exchanges models while events are judged. Every event is judged by one model, the one that was in
//!   place when its batch began, and none waits for an exchange.
//! - [`Watch`] and [`Observed`]: how often a shadow model disagrees, and how far the inputs are from the training data.
//!
//! Always: what is written down was checked before, and is written before it counts; a model that cannot be used is never
//! replaced by another in silence ([`Standing::notice`]).

mod choice;
mod drift;
mod error;
mod import;
mod keeper;
mod observed;
mod record;
mod shadow;
mod shelf;
mod watch;
mod window;

pub use choice::{Configured, Judging};
pub use drift::DriftReading;
pub use error::ModelError;
pub use keeper::{Keeper, Prepared, Settings, Standing};
pub use observed::Observed;
pub use record::{Entry, Record};
pub use shadow::{Pair, ShadowReading};
pub use shelf::{Imported, Listed, Shelf};
pub use watch::Watch;

#[cfg(test)]
#[cfg(feature = "torch")]
mod samples;
