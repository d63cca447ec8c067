//! The dashboards: the objects are whole, the charts can be asked of real engines, and all of them show something.
//!
//! Neither Kibana nor OpenSearch Dashboards is at hand where these tests run. What they check of an import is checked
//! here against the forms of 7.10, which both products bring forward; the searches behind the charts are real.

mod charts;
mod kuery;
mod objects;

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use oversight::clock::Clock;
use oversight::simulate::{Settings, Traffic};
use serde_json::{Value, json};

use self::charts::Chart;
use self::objects::{Object, all, mapped, repository};
use crate::elasticsearch::on_both;
use crate::harness::engines::{self, Engine};
use crate::harness::oversight::Oversight;
use crate::harness::skip;

const DASHBOARDS: [&str; 6] = ["overview", "attacks", "anomalies", "entity", "health", "model"];

#[test]
fn the_file_is_what_the_definitions_give() {
    let built = Command::new("python3").arg(repository("kibana/build.py")).arg("--check").output();
    let Ok(built) = built else { return skip("there is no python3") };
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
}

#[test]
fn every_object_has_what_its_type_needs_and_refers_to_what_is_there() {
    let objects = all();
    for object in objects.values() {
        assert!(object.id.starts_with("oversight-"), "{}", object.id);
        let needed: &[&str] = match object.kind.as_str() {
            "index-pattern" => &["title", "timeFieldName", "fields", "fieldFormatMap"],
            "search" => &["title", "columns", "sort", "kibanaSavedObjectMeta"],
            "visualization" => &["title", "visState", "uiStateJSON", "kibanaSavedObjectMeta"],
            "dashboard" => {
                &["title", "panelsJSON", "optionsJSON", "timeRestore", "timeFrom", "timeTo", "kibanaSavedObjectMeta"]
            }
            kind => panic!("{}: a {kind} is not among what both products import", object.id),
        };
        for name in needed {
            assert!(object.attributes.contains_key(*name), "{} has no {name}", object.id);
        }
        for place in object.references.values() {
            assert!(objects.contains_key(place), "{} refers to {place:?}, which is not there", object.id);
        }
        if matches!(object.kind.as_str(), "search" | "visualization") {
            let text = object.kind == "visualization" && Chart::read(object).is_none();
            assert_eq!(object.pattern().is_none(), text, "{}", object.id);
        }
    }
    for name in DASHBOARDS {
        assert!(objects.contains_key(&("dashboard".to_owned(), format!("oversight-{name}"))), "{name}");
    }
}

#[test]
fn panels_lie_beside_each_other_and_every_chart_is_on_a_dashboard() {
    let objects = all();
    let mut shown = BTreeSet::new();
    for board in objects.values().filter(|object| object.kind == "dashboard") {
        let mut taken = BTreeSet::new();
        for panel in board.json("panelsJSON").as_array().expect("panels") {
            let reference = &board.references[panel["panelRefName"].as_str().expect("a reference")];
            shown.insert(reference.clone());
            let size = |name: &str| panel["gridData"][name].as_u64().expect("a number");
            assert!(size("x") + size("w") <= 48 && size("h") > 0, "{}: {panel}", board.id);
            for x in size("x")..size("x") + size("w") {
                for y in size("y")..size("y") + size("h") {
                    assert!(taken.insert((x, y)), "{}: {panel} lies on another", board.id);
                }
            }
        }
    }
    let unseen = objects
        .keys()
        .find(|(kind, _)| kind == "visualization" || kind == "search")
        .filter(|key| !shown.contains(*key));
    assert_eq!(unseen, None);
}

#[test]
fn every_link_leads_to_a_dashboard_that_is_there() {
    let objects = all();
    let mut links = 0;
    for object in objects.values() {
        let text = Value::Object(object.attributes.clone()).to_string();
        for part in text.split("#/view/").skip(1) {
            let id: String = part.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
            assert!(objects.contains_key(&("dashboard".to_owned(), id.clone())), "{} leads to {id}", object.id);
            links += 1;
        }
    }
    assert!(links > 30, "only {links} links");
}

#[test]
fn every_field_that_a_dashboard_uses_is_in_the_templates() {
    let objects = all();
    for object in objects.values() {
        let mut fields = BTreeSet::new();
        let pattern = match object.kind.as_str() {
            "index-pattern" => {
                fields.extend(object.json("fieldFormatMap").as_object().expect("formats").keys().cloned());
                object.id.clone()
            }
            "dashboard" => {
                fields.extend(kuery::fields(&object.query()));
                "oversight-events".to_owned()
            }
            _ => {
                let Some(pattern) = object.pattern() else { continue };
                fields.extend(kuery::fields(&object.query()));
                if object.kind == "search" {
                    let words = object.attributes["columns"].as_array().expect("columns").iter();
                    let words = words.chain([&object.attributes["sort"][0][0]]);
                    fields.extend(words.map(|word| word.as_str().expect("a field").to_owned()));
                } else {
                    fields.extend(Chart::read(object).expect("it has a pattern").fields());
                }
                pattern.to_owned()
            }
        };
        let known = mapped(pattern.strip_prefix("oversight-").expect("ours"));
        let unknown: Vec<_> = fields.difference(&known).collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", object.id);
    }
}

on_both! {
    every_panel_is_answered_and_shows_something
}

/// All panels of all dashboards, and the saved searches, over three hours of traffic that went through oversight.
async fn every_panel_is_answered_and_shows_something(kind: engines::Kind) {
    let Some(engine) = engines::shared(kind) else { return };
    let engine = engine.read().await;
    let folder = tempfile::tempdir().expect("a folder");
    let url = engine.url();
    let settings = [
        ("STORE_ELASTICSEARCH_URL", url.as_str()),
        ("STORE_ELASTICSEARCH_INDEX_PREFIX", "boards"),
        // Zeek and Suricata have names of their own for addresses
        ("NORMALISE_ECS_FIELDS", "true"),
        // three hours are too short for high scores
        ("ANOMALY_THRESHOLD", "40"),
        // what oversight tells of itself, with a shadow to compare
        ("STORE_ELASTICSEARCH_HEALTH_EVERY", "1s"),
        ("CLASSIFY_SHADOW", "builtin:kdd99"),
        ("STORE_ELASTICSEARCH_THREAT_INDEX", "boards-old"),
    ];
    let oversight = Oversight::start(folder.path(), &settings);
    for events in traffic().chunks(500) {
        let (status, answer) = oversight.post("/", format!("[{}]", events.join(","))).await;
        assert_eq!(status, 200, "{answer}");
    }
    oversight.drained().await;
    told_of_itself(&engine).await;
    shows_in_older_dashboards(&engine).await;

    let objects = all();
    let (mut asked, mut gaps) = (0, Vec::new());
    for board in objects.values().filter(|object| object.kind == "dashboard") {
        for place in board.references.values() {
            let panel = &objects[place];
            let Some((indices, body, chart)) = question(panel, board) else { continue };
            let (status, answer) = engine.ask("POST", &format!("/{indices}/_search"), &body).await;
            assert_eq!(status, 200, "{}: {body} {answer}", panel.id);
            asked += 1;
            let gap = match chart {
                Some(chart) => chart.gap(&answer),
                None => (answer["hits"]["total"]["value"] == 0).then(|| "nothing is found".to_owned()),
            };
            gaps.extend(gap.map(|gap| format!("{} on {}: {gap}", panel.id, board.id)));
        }
    }
    eprintln!("{asked} panels asked");
    assert!(gaps.is_empty(), "{}", gaps.join("\n"));
    assert!(asked > 50, "only {asked} panels were asked");
}

/// Waits until oversight has told of drift, blind spots and its shadow.
async fn told_of_itself(engine: &Engine) {
    let wanted =
        ["oversight.health.feature.psi", "oversight.health.dialect.missing", "oversight.health.shadow.disagreement"];
    for _ in 0..1200 {
        engine.ask("POST", "/boards-*/_refresh", &Value::Null).await;
        let mut there = true;
        for field in wanted {
            let query = json!({"query": {"exists": {"field": field}}});
            let (_, found) = engine.ask("POST", "/boards-health-*/_count", &query).await;
            there &= found["count"].as_u64() > Some(0);
        }
        if there {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("oversight does not tell of all of {wanted:?}");
}

/// The pie, the bars and the table of the prototype: by type, over time, by user.
async fn shows_in_older_dashboards(engine: &Engine) {
    let body = json!({"size": 1, "track_total_hits": true, "aggs": {
        "types": {"terms": {"field": "type.keyword"}}, "users": {"terms": {"field": "userID.keyword"}},
        "times": {"date_histogram": {"field": "timestamp", "fixed_interval": "30m", "min_doc_count": 1}}}});
    let (status, found) = engine.ask("POST", "/boards-old*/_search", &body).await;
    assert_eq!(status, 200, "{found}");
    for name in ["types", "users", "times"] {
        assert!(
            found["aggregations"][name]["buckets"].as_array().is_some_and(|list| !list.is_empty()),
            "{name}: {found}"
        );
    }
    let document = found["hits"]["hits"][0]["_source"].as_object().expect("a document");
    assert_eq!(
        document.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        ["body", "timestamp", "type", "userID"].into()
    );
    let query = json!({"query": {"term": {"oversight.classification.verdict": "known"}}});
    let (_, events) = engine.ask("POST", "/boards-events-*/_count", &query).await;
    assert_eq!(found["hits"]["total"]["value"], events["count"], "one for each detection");
}

/// The indices, the search and the chart behind a panel; none for a text.
fn question(panel: &Object, board: &Object) -> Option<(String, Value, Option<Chart>)> {
    let indices = panel.pattern()?.replacen("oversight", "boards", 1) + "-*";
    let (mine, boards) = (panel.query(), board.query());
    let queries = [mine.as_str(), boards.as_str()];
    if panel.kind == "search" {
        let sort = &panel.attributes["sort"][0];
        let filter: Vec<Value> = queries.iter().map(|query| kuery::translate(query)).collect();
        let order = json!([{sort[0].as_str()?: {"order": sort[1]}}]);
        let body = json!({"size": 1, "track_total_hits": true, "query": {"bool": {"filter": filter}}, "sort": order});
        return Some((indices, body, None));
    }
    let chart = Chart::read(panel)?;
    Some((indices, chart.search(&queries), Some(chart)))
}

/// Zeek's view of an office under attack, logins as Beats write them, and flows of Suricata.
fn traffic() -> Vec<String> {
    let mut settings = Settings::ending(Clock::system().now().as_event_time());
    let end = settings.start.micros() + i64::try_from(settings.duration.as_micros()).expect("a day");
    settings.duration = Duration::from_hours(3);
    let time = |micros: i64| oversight::event::EventTime::from_micros(micros).expect("within the years");
    settings.start = time(end - 3 * 3_600_000_000);
    let mut events: Vec<String> = Traffic::new(settings).map(|event| event.json).collect();
    for number in 0..200_i64 {
        let at = time(end - number * 50_000_000).to_string();
        let (user, address) = (["alice", "bob", "carol"][number as usize % 3], format!("10.20.1.{}", 40 + number % 7));
        let login = json!({"@timestamp": at, "event": {"category": ["authentication"], "dataset": "system.auth"},
            "user": {"name": user}, "host": {"name": "web-1"}, "source": {"ip": address}, "message": "a login"});
        let flow = json!({"timestamp": at, "event_type": "flow", "flow_id": number, "src_ip": address, "src_port": 40_000,
            "dest_ip": "10.20.0.5", "dest_port": 443, "proto": "TCP", "app_proto": "tls", "host": {"name": "suricata-1"},
            "flow": {"pkts_toserver": 9, "pkts_toclient": 8, "bytes_toserver": 1_200, "bytes_toclient": 5_400, "start": at,
                     "end": at, "age": 0, "state": "closed", "reason": "timeout"},
            "tcp": {"tcp_flags": "1b", "tcp_flags_ts": "1b", "tcp_flags_tc": "1b", "state": "closed"}});
        events.extend([login.to_string(), flow.to_string()]);
    }
    events
}
