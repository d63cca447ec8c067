//! What integration tests stand on: real engines where this machine has them, and a scripted one for faults.

pub mod engines;
mod provision;
pub mod scripted;

/// Says loudly that a test proves nothing on this machine; where `OVERSIGHT_REQUIRE_ALL` is set, that is a failure.
pub fn skip(reason: &str) {
    assert!(std::env::var_os("OVERSIGHT_REQUIRE_ALL").is_none(), "nothing may be skipped here, but: {reason}");
    eprintln!("SKIPPED: {reason}");
}
