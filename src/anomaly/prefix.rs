//! Of every function under every detector: output on a prefix is the prefix of the output, and a restored engine goes on to the digit.
//!
//! The table is made of what the schemas of declarations list, so that a function or a detector that is new is in it.

use std::collections::BTreeMap;

use super::declare::{Function, Method};
use super::fields::Value;
use super::harness::{Feed, Noise, TestEvent, every, settings, text};
use super::record::AnomalyRecord;

/// Buckets of a minute: longer than any detector needs before it says something.
const MINUTES: u32 = 330;
/// Metrics that others look at; their declarations name the fields of events first, in this order: number, word, list, who.
const MEMBERS: &str = r#"{"name":"counted","over":["who"],"where":[{"field":"number","exists":true},{"field":"word","exists":true},
  {"field":"list","exists":true}]},{"name":"summed","over":["who"],"function":"sum","field":"number"}"#;

/// Each function under each detector, as the functions' names and the detectors' say.
fn table() -> Vec<(String, String)> {
    let mut table = Vec::new();
    for function in every::<Function>() {
        for method in every::<Method>() {
            let name = format!("{}.{}", function.name(), method.name());
            let reads = match function {
                Function::Count | Function::UnusualTime => String::new(),
                Function::Joint => r#","of":["counted","summed"]"#.to_owned(),
                Function::Sum | Function::Mean | Function::Max | Function::Min | Function::Increase => {
                    r#","field":"number""#.to_owned()
                }
                Function::ListChanges => r#","field":"list""#.to_owned(),
                Function::Distinct
                | Function::FirstSeen
                | Function::Growth
                | Function::Rare
                | Function::Entropy
                | Function::Information => r#","field":"word""#.to_owned(),
            };
            let declared = format!(
                r#"{{"name":"{name}","over":["who"],"function":"{}","detector":"{}","direction":"both","gap":"unknown","lateness":"0s"{reads}}}"#,
                function.name(),
                method.name(),
            );
            table.push((name, declared));
        }
    }
    table
}

fn events() -> Vec<TestEvent> {
    let mut noise = Noise::new(12);
    let mut events = Vec::new();
    for minute in 0..MINUTES {
        let is_odd = minute % 90 == 89;
        for who in 0..2 {
            for event in 0..if is_odd { 9 } else { 2 + noise.below(2) } {
                let number = if is_odd { 9e4 } else { 100.0 + 5.0 * noise.normal() };
                let word = format!("word {}", noise.below(if is_odd { 100_000 } else { 6 }));
                let list: Vec<String> = (0..4).map(|_| noise.below(5).to_string()).collect();
                let at = f64::from(minute) * 60.0 + f64::from(event * 6 + who);
                let values = [Value::Number(number), text(&word), text(&list.join(" ")), text(&format!("host {who}"))];
                events.push(TestEvent::new(at, &values));
            }
        }
    }
    events
}

/// Of each function under each detector the record that is told most strongly.
pub(super) fn strongest() -> Vec<AnomalyRecord> {
    let declared: Vec<String> = table().into_iter().map(|(_, declared)| declared).collect();
    let mut settings = settings(&format!("[{MEMBERS},{}]", declared.join(",")));
    settings.record_from = 0.0;
    let mut feed = Feed::new(settings);
    events().iter().for_each(|event| drop(feed.observe(event)));
    let mut strongest = BTreeMap::<String, AnomalyRecord>::new();
    for record in feed.finish() {
        let known = strongest.get(&record.metric).map_or(-1.0, |known| known.score);
        if record.score > known {
            strongest.insert(record.metric.clone(), record);
        }
    }
    strongest.into_values().collect()
}

#[test]
fn every_function_under_every_detector_says_of_a_prefix_what_it_says_of_the_whole() {
    let table = table();
    assert!(table.len() >= 15 * 7, "{}", table.len());
    let declared: Vec<&str> = table.iter().map(|(_, declared)| declared.as_str()).collect();
    let mut settings = settings(&format!("[{MEMBERS},{}]", declared.join(",")));
    // every bucket that closes gives a record, so that all can be seen
    settings.record_from = 0.0;
    let events = events();
    let run = |feed: &mut Feed, events: &[TestEvent]| -> (Vec<String>, Vec<AnomalyRecord>) {
        let told = events.iter().map(|event| feed.observe(event)).collect();
        (told, feed.drain().to_vec())
    };
    let mut whole = Feed::new(settings.clone());
    let (told, records) = run(&mut whole, &events);
    for (name, _) in &table {
        let of_it = records.iter().filter(|record| record.metric == *name).count();
        assert!(of_it > 400, "{name}: {of_it} buckets");
    }
    for cut in [7, events.len() * 3 / 4] {
        let mut part = Feed::new(settings.clone());
        let (prefix, recorded) = run(&mut part, &events[..cut]);
        assert!(told[..cut] == prefix, "what events are told, at {cut}");
        let differs = records.iter().zip(&recorded).find(|(one, other)| one != other);
        assert!(recorded.len() <= records.len() && differs.is_none(), "at {cut}: {differs:?}");
        if cut > 100 {
            // and the same once more through a snapshot
            let mut restored = Feed::new(settings.clone());
            restored.engine.restore(&part.engine.snapshot()).expect("whole");
            let (rest, behind) = run(&mut restored, &events[cut..]);
            assert!(told[cut..] == rest, "what events are told behind a restart");
            let differs = records[recorded.len()..].iter().zip(&behind).find(|(one, other)| one != other);
            assert!(recorded.len() + behind.len() == records.len() && differs.is_none(), "{differs:?}");
        }
    }
}
