//! A form: `a=1&b=2`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oversight::ingest::fuzzing::form(data));
