//! What oversight says of itself: counted in the catalogue, told in the log.
//!
//! - [`catalogue`] declares every metric once, with name, unit and meaning. Rooms write
//!   `catalogue::EVENTS_RECEIVED.add(125)`: one relaxed atomic addition, so add a batch at a time, not an event.
//! - [`prometheus::render`] writes them all as Prometheus text, for `GET /metrics`.
//! - [`log`] starts the log on stderr, as text or as JSON.

pub mod catalogue;
pub mod log;
pub mod metric;
pub mod process;
pub mod prometheus;

pub use metric::{Counter, Gauge, Histogram};
