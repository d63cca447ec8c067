//! The tables of spool frames and of dead letters.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oversight::spool::fuzzing::tables(data));
