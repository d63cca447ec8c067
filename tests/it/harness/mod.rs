//! What the tests stand on: oversight as a process, real engines, real data.

pub mod data;
pub mod oversight;
pub mod swallow;
