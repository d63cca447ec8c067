//! A bulk body, as Elasticsearch takes it.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oversight::ingest::fuzzing::bulk(data));
