//! Queries find what a plain look at the documents finds.

use std::net::IpAddr;

use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::store::embedded::words::words;

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-3..4_i64).prop_map(Value::from),
        (-6..7_i64).prop_map(|n| json!(n as f64 / 2.0)),
        Just(json!(u64::MAX)),
        any::<bool>().prop_map(Value::from),
        "[ab]{0,3}".prop_map(Value::from),
        prop_oneof![Just("1"), Just("-2.5"), Just("true"), Just("A b"), Just("10.0.0.7")].prop_map(Value::from),
        (0..4).prop_map(|n| json!(format!("2026-11-22T0{n}:00:00.00{n}Z"))),
        Just(Value::Null),
    ]
}

fn field() -> impl Strategy<Value = Value> {
    prop_oneof![3 => scalar(), 1 => proptest::collection::vec(scalar(), 0..3).prop_map(Value::from)]
}

fn document() -> impl Strategy<Value = Value> {
    let words =
        proptest::collection::vec(prop_oneof![Just("failed"), Just("Password"), Just("for"), Just("root")], 0..4);
    let address =
        prop_oneof![Just(json!("10.0.0.7")), Just(json!("10.1.0.7")), Just(json!("fe80::1")), Just(json!("none"))];
    (field(), field(), field(), proptest::option::of(words), proptest::option::of(address), 0..24_i64).prop_map(
        |(x, y, z, words, address, hour)| {
            let mut document = json!({"x": x, "o": {"y": y}, "o.z": z});
            document["@timestamp"] = json!(format!("2026-11-22T{hour:02}:30:00.250Z"));
            if let Some(words) = words {
                document["message"] = words.join(" ").into();
            }
            if let Some(address) = address {
                document["source"] = json!({ "ip": address });
            }
            document
        },
    )
}

fn name() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("x"), Just("o.y"), Just("o.z"), Just("none")]
}

fn query() -> impl Strategy<Value = Value> {
    let plain = scalar().prop_filter("a value", |value| !value.is_null());
    let bound = || prop_oneof![(-4..5_i64).prop_map(Value::from), (-8..9_i64).prop_map(|n| json!(n as f64 / 4.0))];
    let text_bound = || "[ab]{1,2}".prop_map(Value::from);
    let (low, high) = (prop_oneof![Just("gt"), Just("gte")], prop_oneof![Just("lt"), Just("lte")]);
    let networks =
        prop_oneof![Just("10.0.0.0/16"), Just("10.0.0.0/8"), Just("fe80::/10"), Just("10.0.0.7"), Just("none")];
    let leaf = prop_oneof![
        (name(), plain).prop_map(|(name, value)| json!({"term": {name: value}})),
        (name(), low.clone(), bound(), high.clone(), bound())
            .prop_map(|(name, low, from, high, to)| json!({"range": {name: {low: from, high: to}}})),
        (name(), low, text_bound()).prop_map(|(name, low, from)| json!({"range": {name: {low: from}}})),
        (name(), high, text_bound()).prop_map(|(name, high, to)| json!({"range": {name: {high: to}}})),
        (0..24_i64, 0..24_i64).prop_map(|(from, to)| json!({"range": {"@timestamp": {
            "gte": format!("2026-11-22T{from:02}:30"), "lt": format!("2026-11-22T{to:02}:30:00.250Z"),
        }}})),
        prop_oneof![name(), Just("o"), Just("message"), Just("source"), Just("source.ip")]
            .prop_map(|name| json!({"exists": {"field": name}})),
        (name(), "[ab]{0,2}").prop_map(|(name, text)| json!({"prefix": {name: text}})),
        (name(), "[ab*?]{1,3}").prop_map(|(name, text)| json!({"wildcard": {name: {"value": text}}})),
        networks.prop_map(|network| json!({"term": {"source.ip": network}})),
        proptest::collection::vec(prop_oneof![Just("failed"), Just("PASSWORD"), Just("root"), Just("absent")], 1..3)
            .prop_map(|words| json!({"match_phrase": {"message": words.join(" ")}})),
        Just(json!({"match_all": {}})),
    ];
    leaf.prop_recursive(2, 10, 3, |inner| {
        let list = || proptest::collection::vec(inner.clone(), 0..3);
        (list(), list(), list(), list(), proptest::option::of(0..3_usize)).prop_map(
            |(must, filter, should, must_not, minimum)| {
                let mut group = json!({"must": must, "filter": filter, "should": should, "must_not": must_not});
                if let Some(minimum) = minimum {
                    group["minimum_should_match"] = minimum.into();
                }
                json!({ "bool": group })
            },
        )
    })
}

/// The values below a path.
fn values<'a>(value: &'a Value, path: &str, at: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let below = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                values(value, path, &below, found);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|value| values(value, path, at, found)),
        Value::Null => {}
        leaf if at == path || at.starts_with(&format!("{path}.")) => found.push(leaf),
        _ => {}
    }
}

fn is_date(text: &str) -> bool {
    text.starts_with("2026-")
}

fn equals(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::String(value), Value::String(wanted)) => value == wanted,
        (Value::Number(value), Value::Number(wanted)) => value.as_f64() == wanted.as_f64(),
        (Value::Bool(value), Value::Bool(wanted)) => value == wanted,
        (Value::Number(value), Value::String(wanted)) => wanted.parse().ok() == value.as_f64(),
        (Value::Bool(value), Value::String(wanted)) => wanted.parse() == Ok(*value),
        _ => false,
    }
}

fn within(value: &Value, bounds: &Value) -> bool {
    let bounds = bounds.as_object().expect("bounds");
    bounds.iter().all(|(operator, bound)| {
        let order = match (value, bound) {
            (Value::Number(value), Value::Number(bound)) => value.as_f64().partial_cmp(&bound.as_f64()),
            (Value::String(value), Value::String(bound)) if !is_date(value) => Some(value.cmp(bound)),
            _ => return false,
        };
        order.is_some_and(|order| match operator.as_str() {
            "gt" => order.is_gt(),
            "gte" => order.is_ge(),
            "lt" => order.is_lt(),
            _ => order.is_le(),
        })
    })
}

fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|skip| glob(rest, &text[skip..])),
        Some((b'?', rest)) => !text.is_empty() && glob(rest, &text[1..]),
        Some((wanted, rest)) => text.first() == Some(wanted) && glob(rest, &text[1..]),
    }
}

fn in_network(address: &str, network: &str) -> bool {
    let Some((base, length)) = network.split_once('/') else { return address == network };
    match (address.parse(), base.parse()) {
        (Ok(IpAddr::V4(address)), Ok(IpAddr::V4(base))) => {
            let shift = 32 - length.parse::<u32>().expect("a length");
            u32::from(address) >> shift == u32::from(base) >> shift
        }
        (Ok(IpAddr::V6(address)), Ok(IpAddr::V6(base))) => {
            let shift = 128 - length.parse::<u32>().expect("a length");
            u128::from(address) >> shift == u128::from(base) >> shift
        }
        _ => false,
    }
}

/// The plain answer to a query.
fn holds(query: &Value, document: &Value) -> bool {
    let (kind, body) = query.as_object().and_then(|members| members.iter().next()).expect("a query");
    let first = || body.as_object().and_then(|members| members.iter().next()).expect("a field");
    let any = |path: &str, test: &dyn Fn(&Value) -> bool| {
        let mut found = Vec::new();
        values(document, path, "", &mut found);
        found.into_iter().any(test)
    };
    let text = |test: &dyn Fn(&str) -> bool| {
        let (name, wanted) = first();
        let wanted = wanted.get("value").unwrap_or(wanted).as_str().expect("text").to_owned();
        any(name, &|value| value.as_str().is_some_and(|value| !is_date(value) && test(&format!("{wanted}\n{value}"))))
    };
    match kind.as_str() {
        "match_all" => true,
        "term" if first().0 == "source.ip" => {
            any("source.ip", &|value| in_network(value.as_str().expect("text"), first().1.as_str().expect("text")))
        }
        "term" => any(first().0, &|value| equals(value, first().1)),
        "range" if first().0 == "@timestamp" => {
            let time = document["@timestamp"].as_str().expect("text");
            let bounds = first().1;
            time >= bounds["gte"].as_str().expect("text") && time < bounds["lt"].as_str().expect("text")
        }
        "range" => any(first().0, &|value| within(value, first().1)),
        "exists" => any(body["field"].as_str().expect("a name"), &|_| true),
        "prefix" => text(&|both| both.split_once('\n').is_some_and(|(wanted, value)| value.starts_with(wanted))),
        "wildcard" => {
            text(&|both| both.split_once('\n').is_some_and(|(wanted, value)| glob(wanted.as_bytes(), value.as_bytes())))
        }
        "match_phrase" => {
            let wanted = words(body["message"].as_str().expect("text"));
            any("message", &|value| {
                words(value.as_str().expect("text")).windows(wanted.len()).any(|window| window == wanted)
            })
        }
        "bool" => {
            let list = |name: &str| body[name].as_array().expect("a list").clone();
            let (must, filter, should, must_not) = (list("must"), list("filter"), list("should"), list("must_not"));
            let free = must.is_empty() && filter.is_empty() && !should.is_empty();
            let needed = body["minimum_should_match"].as_u64().unwrap_or(u64::from(free));
            let count = should.iter().filter(|query| holds(query, document)).count() as u64;
            must.iter().chain(&filter).all(|query| holds(query, document))
                && !must_not.iter().any(|query| holds(query, document))
                && count >= needed
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_query_finds_what_a_plain_look_finds() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let documents = proptest::collection::vec(document(), 1..40);
    let queries = proptest::collection::vec(query(), 40..60);
    let mut runner = TestRunner::new(Config { cases: 24, max_shrink_iters: 200, ..Config::default() });
    let result = runner.run(&(documents, 0..40_usize, queries), |(documents, split, queries)| {
        runtime.block_on(async {
            let folder = tempfile::tempdir().expect("a folder");
            let store = open(folder.path()).await;
            // two segments, so that a path may have different column types in them
            let split = split.min(documents.len());
            fill(&store, 0, &documents[..split]).await;
            fill(&store, split as u64, &documents[split..]).await;
            for query in &queries {
                let answer = ask(&store, json!({"query": query, "size": 100, "_source": false})).await;
                let answer = answer.unwrap_or_else(|error| panic!("{query}: {error}"));
                let hits = answer["hits"]["hits"].as_array().expect("hits");
                let mut found: Vec<_> = hits.iter().map(|hit| hit["_id"].as_str().expect("an id").to_owned()).collect();
                found.sort_unstable();
                let expected = (0..).zip(&documents).filter(|(_, document)| holds(query, document));
                let mut expected: Vec<_> = expected.map(|(number, _)| place(number).to_string()).collect();
                expected.sort_unstable();
                proptest::prop_assert_eq!(found, expected, "{} over {:?}", query, documents);
            }
            Ok(())
        })
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

async fn sample(folder: &Path) -> EmbeddedStore {
    let store = open(folder).await;
    let documents = [
        json!({"@timestamp": "2026-11-22T09:00:00Z", "message": "Failed password for root from 10.0.0.1",
            "source": {"ip": "10.0.0.1"}, "user": {"name": "root"}, "bytes": 100, "ratio": 0.5}),
        json!({"@timestamp": "2026-11-22T10:00:00Z", "message": "Accepted password for alice",
            "source": {"ip": "192.168.1.5"}, "user": {"name": "alice"}, "bytes": 5000, "ratio": 2}),
        json!({"@timestamp": "2026-11-22T11:50:00Z", "message": "GET /admin/login.php",
            "id.orig_h": "fe80::1", "url": {"path": "/admin/login.php"}, "bytes": 70.5, "tags": ["web", "admin panel"]}),
    ];
    fill(&store, 1, &documents).await;
    store
}

#[tokio::test]
async fn the_search_box_understands_what_it_says_it_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = sample(folder.path()).await;
    for (text, expected) in [
        ("password", 2),
        ("failed OR alice", 2),
        ("password AND NOT alice", 1),
        ("password -alice", 1),
        ("+password alice", 2),
        ("\"password for root\"", 1),
        ("\"for password\"", 0),
        ("10.0.0.1", 1),
        ("login.php", 1),
        ("adm*", 1),
        ("\"admin panel\"", 1),
        ("message:pass*", 2),
        ("message:\"password for\"", 2),
        ("user.name:root", 1),
        ("user.name.keyword:(root OR alice)", 2),
        ("user.name:r?ot", 1),
        ("user.name:*", 2),
        ("_exists_:user", 2),
        ("NOT _exists_:user.name", 1),
        ("bytes:[70.5 TO 100]", 2),
        ("bytes:{70.5 TO 100]", 1),
        ("bytes:>100 ratio:<1", 2),
        ("bytes:>=100 AND ratio:2.0", 1),
        ("source.ip:10.0.0.0/8", 1),
        ("source.ip:[10.0.0.0 TO 192.168.255.255]", 2),
        ("source.ip:fe80::1", 1),
        ("id.orig_h:\"fe80::1\"", 1),
        ("@timestamp:[2026-11-22T10 TO 2026-11-22T10]", 1),
        ("@timestamp:>now-15m", 1),
        ("@timestamp:[* TO now-1h}", 2),
        ("tags:\"admin panel\"", 1),
        ("url.path:\"/admin/login.php\"", 1),
        ("url.path:\\/admin*", 1),
        ("*:*", 3),
        ("*", 3),
        ("absent:1 OR message:accepted", 1),
    ] {
        assert_eq!(total(&store, json!({"query_string": {"query": text}})).await, expected, "{text}");
    }
    let both = json!({"query_string": {"query": "password alice", "default_operator": "AND"}});
    assert_eq!(total(&store, both).await, 1);
    let fields = json!({"query_string": {"query": "root", "fields": ["user.name", "message^2"]}});
    assert_eq!(total(&store, fields).await, 1);
}

#[tokio::test]
async fn the_query_dsl_reaches_words_and_case() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = sample(folder.path()).await;
    for (query, expected) in [
        (json!({"match": {"message": "alice failed"}}), 2),
        (json!({"match": {"message": {"query": "password alice", "operator": "and"}}}), 1),
        (json!({"multi_match": {"query": "admin panel", "type": "phrase", "fields": ["*"]}}), 1),
        (json!({"term": {"user.name": {"value": "ROOT", "case_insensitive": true}}}), 1),
        (json!({"terms": {"user.name": ["root", "bob", "alice"]}}), 2),
        (json!({"terms": {"source.ip": ["10.0.0.0/8", "192.168.1.5"]}}), 2),
        (json!({"constant_score": {"filter": {"range": {"@timestamp": {"gte": "now-2h", "lte": "now"}}}}}), 2),
        (json!({"range": {"@timestamp": {"gte": 1_795_341_600_000_i64}}}), 2),
        (json!({"ids": {"values": [place(2).to_string(), "unknown"]}}), 1),
        (json!({"match_none": {}}), 0),
    ] {
        assert_eq!(total(&store, query.clone()).await, expected, "{query}");
    }
}

#[tokio::test]
async fn hits_are_sorted_paged_and_cut_to_what_was_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = sample(folder.path()).await;
    let yesterday = batch_of(
        &texts(&[json!({"@timestamp": "2026-11-21T08:00:00Z", "bytes": 60, "user.name": "zoe"})]),
        9,
        day("2026.11.21"),
        false,
    );
    assert_eq!(store.write(&yesterday).await, [Outcome::Stored]);
    let order = |answer: &Value, path: &str| -> Vec<Value> {
        answer["hits"]["hits"]
            .as_array()
            .expect("hits")
            .iter()
            .map(|hit| hit.pointer(path).cloned().unwrap_or_default())
            .collect()
    };
    let newest = ask(&store, json!({"size": 2, "from": 1, "_source": ["bytes"]})).await.expect("answered");
    assert_eq!(order(&newest, "/_source"), [json!({"bytes": 5000}), json!({"bytes": 100})]);
    assert_eq!(newest["hits"]["total"], json!({"value": 4, "relation": "eq"}));
    let bytes = ask(&store, json!({"sort": [{"bytes": {"order": "asc"}}]})).await.expect("answered");
    assert_eq!(order(&bytes, "/sort/0"), [json!(60), json!(70.5), json!(100.0), json!(5000.0)]);
    let names = ask(&store, json!({"sort": [{"user.name": "desc"}, "@timestamp"]})).await.expect("answered");
    assert_eq!(order(&names, "/sort/0"), [json!("zoe"), json!("root"), json!("alice"), Value::Null]);
    assert_eq!(order(&names, "/sort/1")[0], json!(1_795_248_000_000_i64));
    let query = json!({"match": {"message": "password root"}});
    let scored = ask(&store, json!({"query": query, "sort": "_score"})).await.expect("answered");
    assert_eq!(order(&scored, "/_source/user/name"), [json!("root"), json!("alice")]);
    assert!(scored["hits"]["max_score"].as_f64() > Some(0.0));
    let part = json!({"includes": ["user.*", "tags"], "excludes": ["user.name"]});
    let part = ask(&store, json!({"query": {"term": {"tags": "web"}}, "_source": part})).await.expect("answered");
    assert_eq!(order(&part, "/_source"), [json!({"tags": ["web", "admin panel"]})]);
}

#[tokio::test]
async fn a_document_with_the_time_of_another_day_is_found_by_its_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    fill(&store, 1, &[json!({"@timestamp": "2020-01-01T00:00:00Z"}), json!({"no": "time"})]).await;
    let on = |day: &str| json!({"range": {"@timestamp": {"gte": day, "lte": day}}});
    assert_eq!(total(&store, on("2020-01-01")).await, 1);
    assert_eq!(total(&store, on("2026-11-22")).await, 1);
    drop(store);
    let store = open(folder.path()).await;
    assert_eq!(total(&store, on("2020-01-01")).await, 1);
}

#[tokio::test]
async fn days_outside_the_time_range_are_skipped() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = sample(folder.path()).await;
    let batch = batch_of(&texts(&[json!({"@timestamp": "2026-11-20T08:00:00Z"})]), 9, day("2026.11.20"), false);
    assert_eq!(store.write(&batch).await, [Outcome::Stored]);
    let query = json!({"query": {"range": {"@timestamp": {"lt": "2026-11-21"}}}});
    let answer = ask(&store, query).await.expect("answered");
    assert_eq!(answer["_shards"], json!({"total": 2, "successful": 2, "skipped": 1, "failed": 0}));
    assert_eq!(answer["hits"]["total"]["value"], 1);
}

#[tokio::test]
async fn a_wrong_search_says_which_part() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    for (body, word) in [
        (json!({"highlight": {}}), "highlight"),
        (json!({"size": 20_000}), "10000"),
        (json!({"sort": "message"}), "message"),
        (json!({"query": {"more_like_this": {}}}), "more_like_this"),
        (json!([]), "object"),
    ] {
        let error = ask(&store, body.clone()).await.expect_err("wrong");
        assert!(matches!(&error, SearchError::Bad(reason) if reason.contains(word)), "{body}: {error}");
    }
}

#[tokio::test]
async fn days_that_can_hold_none_of_the_youngest_are_counted_all_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    let of_day = |day: u64| {
        (0..4).map(move |hour| json!({"@timestamp": format!("2026-11-{day}T0{hour}:00:00Z"), "n": day * 10 + hour}))
    };
    for (place, date) in [20_u64, 21, 22].into_iter().enumerate() {
        let documents: Vec<Value> = of_day(date).collect();
        let batch = batch_of(&texts(&documents), place as u64 * 10, day(&format!("2026.11.{date}")), false);
        assert!(store.write(&batch).await.iter().all(|outcome| *outcome == Outcome::Stored));
    }
    let youngest = async |body: Value| {
        let found = ask(&store, body).await.expect("answered");
        let hits = found["hits"]["hits"].as_array().expect("hits").iter();
        let numbers: Vec<u64> = hits.map(|hit| hit["_source"]["n"].as_u64().expect("a number")).collect();
        (numbers, found["hits"]["total"]["value"].as_u64().expect("a number"))
    };
    assert_eq!(youngest(json!({"size": 3})).await, (vec![223, 222, 221], 12));
    assert_eq!(youngest(json!({"size": 3, "from": 3})).await, (vec![220, 213, 212], 12));
    let some = json!({"size": 1, "query": {"range": {"n": {"lt": 222}}}});
    assert_eq!(youngest(some).await, (vec![221], 10));
    let oldest = json!({"size": 2, "sort": [{"@timestamp": "asc"}]});
    assert_eq!(youngest(oldest).await, (vec![200, 201], 12));
    // one that lies in the index of another day is found all the same
    let stray = [json!({"@timestamp": "2026-11-22T09:00:00Z", "n": 9})];
    let batch = batch_of(&texts(&stray), 90, day("2026.11.20"), false);
    assert_eq!(store.write(&batch).await, [Outcome::Stored]);
    assert_eq!(youngest(json!({"size": 1})).await, (vec![9], 13));
}
