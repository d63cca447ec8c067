//! 6 SURPRISE: how anomalous each metric is that an event touches.
//!
//! A metric ([`MetricDeclaration`]) counts, sums or tells apart what events say, per entity and bucket of event time.
//! A *series* is one metric of one entity. What always holds:
//!
//! - **Time is the events'.** The front is the newest event time seen; a bucket is closed once the front lies its
//!   metric's lateness behind the bucket's end. An event for a
//!   closed bucket is counted as late and changes nothing that was told; where the bucket still waits, a record that names the first
//!   one corrects it. An
//!   event from the future moves the front only if others confirm it. Where no events come, the front follows the
//!   clock that [`Engine::advance`] is told.
//! - **Nothing depends on batches.** The same events in the same order give the same digits, whatever the batches;
//!   output on a prefix is a prefix of the output; a restored engine goes on as the saved one would have.
//! - **Bounded.** At most as many series as the settings say; long-idle ones go first, to disk where there is a folder for them, and
//!   are counted. A month without
//!   events costs no more than an hour.
//! - **Scores are probabilities.** A detector says how surprising a value is, [`tail`] what share of this metric's
//!   buckets is as surprising; severity and probability follow from that alone, so they compare between metrics. A
//!   series without history is judged by what is usual for all series of its metric.
//! - An event inside a burst is told so at once: as soon as its running bucket is above the band. Dips are only told
//!   when a bucket closes. There is one [`AnomalyRecord`] per metric, entity and bucket, made when the bucket closes.

mod aside;
mod closing;
mod codec;
mod contents;
mod corrections;
pub mod declare;
pub mod defaults;
pub mod detector;
mod distinct;
mod engine;
mod fields;
mod forecast;
#[cfg(test)]
mod harness;
mod heights;
mod joint;
mod judge;
mod level;
mod maintenance;
#[cfg(test)]
mod mapped;
mod metric;
pub mod names;
pub mod patterns;
pub mod points;
#[cfg(test)]
mod prefix;
mod reading;
mod recall;
mod record;
mod render;
pub mod season;
mod series;
mod settle;
mod snapshot;
pub mod tail;
mod tally;
mod touched;
mod zone;

pub use aside::AsideSettings;
pub use codec::{Damaged, Reader, Writer};
pub use declare::MetricDeclaration;
pub use defaults::default_metrics;
pub use detector::{Forecast, Prior, Seasonal};
pub use engine::{Counters, Engine, Settings};
pub use fields::{Fields, Value};
pub use forecast::Expected;
pub use metric::{Fault, Metrics};
pub use record::{AnomalyRecord, Contribution, Correction};
pub use snapshot::{Restored, SnapshotError};
pub use touched::{Side, Touched};
