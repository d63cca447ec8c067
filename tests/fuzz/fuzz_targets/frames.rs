//! A spool file in which bytes were changed.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oversight::spool::fuzzing::frames(data));
