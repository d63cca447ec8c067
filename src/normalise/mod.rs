//! 3 UNDERSTAND: which dialect an event speaks, and what it says.

pub mod kdd;
