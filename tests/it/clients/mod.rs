//! Real shippers against a sink that refuses, stands still and is killed: every event is stored once.

pub mod found;
mod ordeal;
pub mod process;
mod python;
mod rsyslog;
mod syslog_ng;
mod telegraf;
