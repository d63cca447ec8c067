//! An HTTP body, in every form: JSON, lines, a form, text.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oversight::ingest::fuzzing::body(data));
