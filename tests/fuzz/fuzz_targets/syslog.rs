//! A TCP stream of syslog messages, from its bytes to the events.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oversight::ingest::fuzzing::syslog(data));
