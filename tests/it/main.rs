//! The one integration binary: a sentence per module.

mod architecture;
mod cli;
mod delivery;
mod faults;
mod harness;
mod zeek;
