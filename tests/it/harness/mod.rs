//! What the tests stand on: oversight as a process, real engines where this machine has them, a scripted one for
//! faults, real data.

pub mod accounts;
pub mod certificates;
pub mod cutter;
pub mod data;
pub mod disk;
pub mod engines;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod oversight;
mod provision;
pub mod scripted;
mod shim;
pub mod shipper;
pub mod swallow;
pub mod watched;

/// Says loudly that a test proves nothing on this machine; where `OVERSIGHT_REQUIRE_ALL` is set, that is a failure.
pub fn skip(reason: &str) {
    assert!(std::env::var_os("OVERSIGHT_REQUIRE_ALL").is_none(), "nothing may be skipped here, but: {reason}");
    eprintln!("SKIPPED: {reason}");
}
