//! A file of records of any dialect, a mapped source among them: whatever is in it, every line is an event or is told, and
//! what is measured of connections makes sense.
#![no_main]

use std::io::Cursor;
use std::path::Path;

use oversight::event::ReceivedTime;
use oversight::features::flow::{FlowSettings, FlowWindows};
use oversight::features::{Settings, Windows};
use oversight::normalise::records::{self, Format};
use oversight::normalise::{Bytes, Condition, Dialect, DialectRule, MappedField, Mapping, Normaliser, Rules, Unit};

fn rules() -> Rules {
    let when = |field: &str, value: &str| Condition { field: field.to_owned(), value: value.to_owned() };
    let fields = [
        (MappedField::SourceIp, "s"),
        (MappedField::DestinationIp, "d"),
        (MappedField::SourcePort, "sp"),
        (MappedField::DestinationPort, "dp"),
        (MappedField::Transport, "p"),
        (MappedField::SourceBytes, "sb"),
        (MappedField::DestinationPackets, "dk"),
        (MappedField::SourceFlags, "sf"),
        (MappedField::State, "st"),
        (MappedField::Start, "b"),
        (MappedField::End, "e"),
        (MappedField::Duration, "du"),
    ];
    let mapping = Mapping {
        when: Some(when("m", "x")),
        fields: fields.into_iter().map(|(field, path)| (field, path.to_owned())).collect(),
        bytes: Bytes::Ip,
        duration: Unit::Milliseconds,
        one_way: false,
    };
    let always = DialectRule { when: when("t", "z"), dialect: Dialect::Zeek };
    Rules { always: None, dialects: vec![always], mappings: vec![mapping] }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let epoch = ReceivedTime::from_micros(0).as_event_time();
    let reader = Box::new(Cursor::new(data.to_owned()));
    let Ok(mut events) = records::of_reader(reader, Path::new("fuzz"), Format::Auto, epoch) else { return };
    let mut normaliser = Normaliser::with_rules(&["source.ip".into()], &rules());
    let (mut windows, mut flows) = (Windows::new(&Settings::default()), FlowWindows::new(&FlowSettings::default()));
    while let Some(event) = events.next() {
        let Ok(event) = event else { continue };
        let view = normaliser.read(event.as_bytes()).expect("events of files are objects");
        let time = view.started().or(view.time).unwrap_or(epoch);
        if let Some(features) = windows.measure(&view.record, time) {
            assert!(features.numeric.iter().all(|value| value.is_nan() || *value >= 0.0), "{event} {features:?}");
        }
        if let Some(features) = flows.measure(&view.record, time) {
            assert!(features.0.iter().all(|value| !value.is_infinite()), "{event} {features:?}");
        }
        normaliser.recycle(view);
    }
});
