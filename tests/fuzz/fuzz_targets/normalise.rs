//! An event, as KDD-99, Zeek or anything else: whatever it is, what was understood of it lies within it.
#![no_main]

use oversight::normalise::{FieldId, Normaliser};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut normaliser = Normaliser::new(&["source.ip".into(), "network.bytes".into(), "a.b".into()]);
    if let Ok(view) = normaliser.read(data) {
        let read = serde_json::from_slice::<serde::de::IgnoredAny>(data);
        assert!(read.is_ok() || data.windows(2).any(|pair| pair == b"\\u"), "{read:?}");
        for field in 0..3 {
            let _ = (view.field(FieldId(field)), view.values(FieldId(field)).count());
        }
        normaliser.recycle(view);
    }
});
