//! Tests of reading as a whole: made-up events here, real ones in `real`.

mod dialects;
mod real;

use std::borrow::Cow;

use proptest::prelude::{Just, Strategy, any, prop, prop_assert_eq, prop_oneof, proptest};
use serde_json::{Value, json};

use super::{FieldId, Form, Normaliser, Reason, Record, Scalar, Transport};
use crate::event::EventTime;
use crate::features::symbols::{FLAGS, PROTOCOLS, SERVICES};

fn normaliser(paths: &[&str]) -> Normaliser {
    Normaliser::new(&paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>())
}

/// The value of `path` in `body`.
fn field<'a>(path: &str, body: &'a str) -> Option<Scalar<'a>> {
    normaliser(&[path]).read(body.as_bytes()).expect("valid").field(FieldId(0))
}

fn text(text: &str) -> Option<Scalar<'_>> {
    Some(Scalar::Str(Cow::Borrowed(text)))
}

/// A Zeek connection with `changes` made to it (`null` takes a name away).
fn zeek(changes: &Value) -> Value {
    let mut event = json!({
        "ts": 1664462456.755299, "uid": "C5xhsO3uGtOfyrBlHh", "id.orig_h": "172.16.1.11", "id.orig_p": 40042,
        "id.resp_h": "8.8.8.8", "id.resp_p": 80, "proto": "tcp", "service": "http", "duration": 12.9, "orig_bytes": 100,
        "resp_bytes": 2000, "conn_state": "SF", "history": "Dd", "orig_pkts": 4, "orig_ip_bytes": 260, "resp_pkts": 5,
        "resp_ip_bytes": 2200,
    });
    let members = event.as_object_mut().expect("an object");
    for (name, value) in changes.as_object().expect("an object") {
        members.insert(name.clone(), value.clone());
    }
    members.retain(|_, value| !value.is_null());
    event
}

/// What is known of a connection: words, bytes, duration, whether anything is an estimate.
type Told = (&'static str, &'static str, &'static str, Option<u64>, Option<u64>, Option<f64>, bool);

fn connection(event: &Value) -> Option<Told> {
    let body = event.to_string();
    let view = normaliser(&[]).read(body.as_bytes()).expect("valid");
    let Record::Connection(connection) = view.record else { return None };
    let symbols = connection.symbols;
    Some((
        symbols.protocol.word(PROTOCOLS),
        symbols.service.word(SERVICES),
        symbols.flag.word(FLAGS),
        connection.source.bytes,
        connection.destination.bytes,
        connection.duration,
        connection.approximated.any(),
    ))
}

#[test]
fn a_path_is_met_nested_dotted_and_mixed_and_in_escaped_keys() {
    for body in [
        r#"{"source":{"geo":{"name":"x"}}}"#,
        r#"{"source.geo.name":"x"}"#,
        r#"{"source.geo":{"name":"x"}}"#,
        " { \"source\" : { \"a\" : [ 1 , { } ] , \"geo.name\" : \"x\" } , \"z\" : null } ",
        r#"{"s\u006furce":{"g\u0065o":{"name":"\u0078"}}}"#,
        r#"{"source.geo.name":["x","y"]}"#,
    ] {
        assert_eq!(field("source.geo.name", body), text("x"), "{body}");
    }
    for body in [
        r#"{"source":{"geo":"x"}}"#,
        r#"{"name":"x"}"#,
        r#"{"source":[{"geo":{"name":"x"}}]}"#,
        r#"{"source":null}"#,
        "{}",
    ] {
        assert_eq!(field("source.geo.name", body), None, "{body}");
    }
}

#[test]
fn values_are_told_as_they_are() {
    assert_eq!(field("a", r#"{"a":"\"\\\/\b\f\n\r\t\u00e9😀"}"#), text("\"\\/\u{8}\u{c}\n\r\té😀"));
    assert_eq!(field("a", r#"{"a":-1.5e3}"#), Some(Scalar::Number(-1500.0)));
    assert_eq!(field("a", r#"{"a":false}"#), Some(Scalar::Bool(false)));
    assert_eq!(field("a", r#"{"a":1e999}"#), None);
    assert_eq!(field("a", r#"{"a":{"b":1}}"#), None);
    assert_eq!(field("a", r#"{"a":null}"#), None);
}

#[test]
fn of_a_name_that_comes_twice_the_last_one_counts() {
    assert_eq!(field("a.b", r#"{"a":{"b":1},"a.b":2}"#), Some(Scalar::Number(2.0)));
    assert_eq!(field("a.b", r#"{"a.b":2,"a":{"b":1},"a":{"b":null}}"#), None);
}

#[test]
fn nothing_is_left_over_from_the_event_before() {
    let mut normaliser = normaliser(&["a", "b"]);
    let first = normaliser.read(br#"{"a":1,"b":2,"event":{},"@timestamp":"2026-11-22T00:00:00Z"}"#).expect("valid");
    normaliser.recycle(first);
    let second = normaliser.read(br#"{"b":3}"#).expect("valid");
    assert_eq!((second.field(FieldId(0)), second.field(FieldId(1))), (None, Some(Scalar::Number(3.0))));
    assert_eq!((second.time, second.layout.timestamp, second.layout.event.form), (None, false, Form::Absent));
    assert_eq!(second.field(FieldId(2)), None, "a field that was never asked for");
}

#[test]
fn huge_and_deep_bodies_are_read_or_refused() {
    let long = "x\u{e9}".repeat(500_000);
    assert_eq!(field("a", &format!("{{\"b\":\"{long}\",\"a\":\"{long}\"}}")), text(&long));
    let nested = |depth: usize| format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(field("a", &nested(127)), Some(Scalar::Number(1.0)));
    let refused = |body: &str| normaliser(&["a.a"]).read(body.as_bytes()).expect_err("refused").reason;
    assert_eq!(refused(&nested(128)), Reason::Nested);
    assert_eq!(refused(&"{\"a\":".repeat(100_000)), Reason::Nested);
}

#[test]
fn what_is_no_object_is_refused_with_its_place() {
    for (body, place, reason) in [
        (&b""[..], 0, Reason::NoObject),
        (b" [1]", 1, Reason::NoObject),
        (b"{\"a\":1", 6, Reason::NoComma),
        (b"{\"a\":1} x", 8, Reason::Behind),
        (b"{\"a\":\xff}", 5, Reason::Encoding),
        (b"{\"a\" 1}", 5, Reason::NoColon),
        (b"{a:1}", 1, Reason::NoKey),
        (b"{\"a\":01}", 6, Reason::NoComma),
        (b"{\"a\":\"\n\"}", 6, Reason::ControlCharacter),
        (b"{\"a\":nil}", 5, Reason::NoValue),
        (b"{\"a\":\"", 6, Reason::Ends),
    ] {
        let fault = normaliser(&["a"]).read(body).expect_err("refused");
        assert_eq!((fault.place, fault.reason), (place, reason), "{}", String::from_utf8_lossy(body));
    }
    let told = normaliser(&[]).read(b"{\"a\":1").expect_err("refused").to_string();
    assert_eq!(told, "byte 6: a comma or the closing bracket was expected");
}

#[test]
fn the_time_is_that_of_the_event_else_that_of_zeek() {
    let time = |body: &str| normaliser(&[]).read(body.as_bytes()).expect("valid").time;
    let expected = EventTime::parse_rfc3339("2022-09-29T14:40:56.755Z");
    for body in [
        r#"{"@timestamp":"2022-09-29T14:40:56.755Z","ts":1}"#,
        r#"{"@timestamp":1664462456755}"#,
        r#"{"@timestamp":"1664462456755"}"#,
        r#"{"@timestamp":"yesterday","ts":1664462456.755}"#,
        r#"{"ts":"2022-09-29T14:40:56.755000Z"}"#,
        r#"{"ts":"1664462456.755"}"#,
    ] {
        assert_eq!(time(body), expected, "{body}");
    }
    for body in ["{}", r#"{"ts":true}"#, r#"{"ts":1e300}"#, r#"{"@timestamp":{"a":1}}"#, r#"{"a":{"ts":1}}"#] {
        assert_eq!(time(body), None, "{body}");
    }
}

#[test]
fn zeek_states_become_kdd_flags() {
    for (state, proto, flag, estimate) in [
        ("S0", "tcp", "S0", false),
        ("S1", "tcp", "S1", false),
        ("SF", "tcp", "SF", false),
        ("REJ", "tcp", "REJ", false),
        ("S2", "tcp", "S2", false),
        ("S3", "tcp", "S3", false),
        ("RSTO", "tcp", "RSTO", false),
        ("RSTR", "tcp", "RSTR", false),
        ("RSTOS0", "tcp", "RSTOS0", false),
        ("SH", "tcp", "SH", false),
        ("OTH", "tcp", "OTH", false),
        ("RSTRH", "tcp", "OTH", true),
        ("SHR", "tcp", "OTH", true),
        ("NEW", "tcp", "unknown", false),
        ("S0", "udp", "SF", false),
        ("SHR", "udp", "SF", false),
        ("OTH", "icmp", "SF", false),
    ] {
        let (_, _, told, .., estimated) =
            connection(&zeek(&json!({"conn_state": state, "proto": proto}))).expect("one");
        assert_eq!((told, estimated), (flag, estimate), "{state} {proto}");
    }
}

#[test]
fn zeek_bytes_are_payload_or_estimated_from_packets() {
    let told =
        |changes| connection(&zeek(&changes)).map(|(.., up, down, seconds, estimate)| (up, down, seconds, estimate));
    let none = Value::Null;
    for (changes, expected) in [
        (json!({}), (Some(100), Some(2000), Some(12.9), false)),
        (json!({"duration": none, "orig_bytes": none}), (None, Some(2000), Some(0.0), false)),
        (json!({"conn_state": "S0", "orig_bytes": none, "resp_bytes": none}), (Some(0), Some(0), Some(12.9), false)),
        (json!({"conn_state": "REJ", "orig_bytes": none, "resp_bytes": 0}), (Some(0), Some(0), Some(12.9), false)),
        (json!({"orig_bytes": "100", "resp_bytes": "-"}), (Some(100), None, Some(12.9), false)),
        (json!({"resp_bytes": none, "resp_pkts": 0}), (Some(100), Some(0), Some(12.9), false)),
        (json!({"proto": "udp", "orig_bytes": none}), (Some(260 - 4 * 28), Some(2000), Some(12.9), true)),
        (
            json!({"proto": "icmp", "id.orig_p": 8, "id.resp_p": 0}),
            (Some(260 - 4 * 20), Some(2200 - 5 * 20), Some(12.9), false),
        ),
        (
            json!({"proto": "icmp", "id.orig_p": 8, "id.resp_p": 0, "orig_ip_bytes": none, "resp_ip_bytes": none}),
            (Some(100 + 4 * 8), Some(2000 + 5 * 8), Some(12.9), true),
        ),
    ] {
        assert_eq!(told(changes.clone()), Some(expected), "{changes}");
    }
}

#[test]
fn a_zeek_connection_is_known_in_all_its_spellings_and_nothing_else_is() {
    assert!(connection(&zeek(&json!({}))).is_some());
    let ports = json!({"orig_h": "10.0.0.1", "orig_p": 1, "resp_h": "::1", "resp_p": 22});
    let without = json!({"id.orig_h": null, "id.orig_p": null, "id.resp_h": null, "id.resp_p": null});
    let mut nested = zeek(&without);
    nested["id"] = ports;
    let (protocol, service, ..) = connection(&nested).expect("nested");
    assert_eq!((protocol, service), ("tcp", "ssh"));
    let mut flattened = zeek(&without);
    for (name, value) in
        [("id_orig_h", json!("a")), ("id_orig_p", json!(1)), ("id_resp_h", json!("b")), ("id_resp_p", json!("25"))]
    {
        flattened[name] = value;
    }
    assert_eq!(connection(&flattened).expect("flattened").1, "smtp");
    for changes in [
        json!({"uid": null}),
        json!({"proto": null}),
        json!({"proto": 6}),
        json!({"id.resp_h": null}),
        json!({"_path": "dns"}),
        json!({"_path": "conn_long"}),
        // as in dns.log, which has addresses and a protocol too
        json!({"conn_state": null, "orig_pkts": null, "orig_ip_bytes": null}),
    ] {
        assert_eq!(connection(&zeek(&changes)), None, "{changes}");
    }
    assert!(connection(&zeek(&json!({"_path": "conn", "conn_state": null}))).is_some());
    let view_of = |event: &Value| {
        matches!(normaliser(&[]).read(event.to_string().as_bytes()).expect("valid").record,
        Record::Connection(one) if one.transport == Transport::Icmp)
    };
    assert!(view_of(&zeek(&json!({"proto": "icmp"}))));
}

#[test]
fn connections_answer_to_ecs_names_unless_the_event_has_them_itself() {
    let paths = [
        "source.ip",
        "source.port",
        "destination.ip",
        "destination.port",
        "network.transport",
        "network.protocol",
        "source.bytes",
        "destination.bytes",
        "network.bytes",
        "event.duration",
        "host.name",
        "id.orig_h",
        "connection.state",
    ];
    let mut normaliser = normaliser(&paths);
    let body = zeek(&json!({"destination": {"ip": "9.9.9.9"}})).to_string();
    let view = normaliser.read(body.as_bytes()).expect("valid");
    let told: Vec<_> = (0..).zip(paths).map(|(place, _)| view.field(FieldId(place))).collect();
    let number = |number| Some(Scalar::Number(number));
    let expected = [
        text("172.16.1.11"),
        number(40042.0),
        text("9.9.9.9"),
        number(80.0),
        text("tcp"),
        text("http"),
        number(100.0),
        number(2000.0),
        number(2100.0),
        number(12.9e9),
        None,
        text("172.16.1.11"),
        text("SF"),
    ];
    assert_eq!(told, expected);
    // every word of Zeek's is kept, and what is none is told by what it was understood as
    for (state, told) in [("RSTRH", "RSTRH"), ("SHR", "SHR"), ("S0", "S0")] {
        let body = zeek(&json!({"conn_state": state})).to_string();
        assert_eq!(normaliser.read(body.as_bytes()).expect("valid").field(FieldId(12)), text(told));
    }
    let record = json!({"protocol_type": "udp", "service": "domain_u", "flag": "SF", "src_bytes": 42, "dst_bytes": 43, "duration": 2});
    let body = record.to_string();
    let view = normaliser.read(body.as_bytes()).expect("valid");
    let told: Vec<_> = [4, 5, 6, 7, 8, 9, 0, 12].map(FieldId).map(|id| view.field(id)).into();
    let expected =
        [text("udp"), text("domain_u"), number(42.0), number(43.0), number(85.0), number(2e9), None, text("SF")];
    assert_eq!(told, expected);
}

#[test]
fn kdd_values_that_make_no_sense_are_missing_and_named() {
    let mut event = json!({
        "protocol_type": "tcp", "service": "gopher2", "flag": 7, "src_bytes": " 181 ", "dst_bytes": "NaN", "land": null,
        "hot": -1, "serror_rate": 1.5, "same_srv_rate": "0.5", "count": "many", "srv_count": 1e300, "urgent": [1], "label": "smurf.",
    });
    for _ in 0..2 {
        let body = event.to_string();
        let view = normaliser(&[]).read(body.as_bytes()).expect("valid");
        let Record::Kdd(features) = view.record else { panic!("a KDD record") };
        assert_eq!(features.symbols.service.word(SERVICES), "unknown");
        assert_eq!(features.symbols.flag.word(FLAGS), "missing");
        assert_eq!((features.numeric[1], features.numeric[25]), (181.0, 0.5));
        assert_eq!(features.known(), 4, "tcp, the unknown service, src_bytes, same_srv_rate");
        let names: Vec<_> = view.unusable.names().collect();
        assert_eq!(names, ["flag", "dst_bytes", "urgent", "hot", "count", "srv_count", "serror_rate"]);
        event = json!({"kdd": event, "message": "within an object it reads the same", "duration": 7});
    }
    let without = json!({"protocol_type": "tcp", "service": "http", "flag": "SF", "src_bytes": 1});
    assert_eq!(normaliser(&[]).read(without.to_string().as_bytes()).expect("valid").record, Record::Other);
}

/// JSON values, not too deep.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z\"\\\\{},\\n\u{e9}]{0,10}".prop_map(Value::from),
    ];
    let key = || prop::sample::select(vec!["event", "threat", "oversight", "a", "b", "risk_score", "a.b", "é", "x\"y"]);
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let object = prop::collection::btree_map(key().prop_map(str::to_owned), inner.clone(), 0..4);
        prop_oneof![prop::collection::vec(inner, 0..4).prop_map(Value::from), object.prop_map(|map| json!(map))]
    })
}

/// An event, with the keys that matter more often than chance has it.
fn events() -> impl Strategy<Value = Value> {
    let key = prop::sample::select(vec![
        "event",
        "threat",
        "oversight",
        "event.risk_score",
        "threat.framework",
        "oversight.x",
        "a",
        "a.b",
        "@timestamp",
        "zz\n",
    ]);
    prop::collection::btree_map(key.prop_map(str::to_owned), values(), 0..6).prop_map(|map| json!(map))
}

/// The value at a path, of the keys as they stand nested and dotted, in the order of the text.
fn look_up<'a>(value: &'a Value, path: &str, found: &mut Option<&'a Value>) {
    for (key, inner) in value.as_object().into_iter().flatten() {
        if key == path {
            *found = Some(inner);
        } else if let Some(rest) = path.strip_prefix(key.as_str()).and_then(|rest| rest.strip_prefix('.')) {
            look_up(inner, rest, found);
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_are_never_a_panic_and_read_when_they_are_an_object(
        bytes in prop::collection::vec(any::<u8>(), 0..200), pieces in prop::collection::vec("[{}\\[\\]\":,a\\\\u0-9 .]|\"a\":1|true", 0..30),
    ) {
        let mut normaliser = normaliser(&["a", "a.b", "source.ip"]);
        for body in [bytes, format!("{{{}}}", pieces.concat()).into_bytes()] {
            let theirs = serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok()
                && body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
            let ours = normaliser.read(&body);
            prop_assert_eq!(ours.is_ok(), theirs, "{}: {:?}", String::from_utf8_lossy(&body), ours);
        }
    }

    #[test]
    fn fields_are_what_a_full_parser_finds(event in events(), pretty in any::<bool>()) {
        let paths = ["a", "a.b", "event.a", "event.risk_score", "threat.a.b", "é"];
        let body = if pretty { serde_json::to_string_pretty(&event) } else { serde_json::to_string(&event) }.expect("valid");
        let mut normaliser = normaliser(&paths);
        let view = normaliser.read(body.as_bytes()).expect("valid");
        for (place, path) in (0..).zip(paths) {
            let mut found = None;
            look_up(&event, path, &mut found);
            if found.is_some_and(Value::is_array) {
                continue;
            }
            let expected = match found {
                Some(Value::String(text)) => Some(Scalar::Str(Cow::Borrowed(text))),
                Some(Value::Number(number)) => number.as_f64().map(Scalar::Number),
                Some(Value::Bool(value)) => Some(Scalar::Bool(*value)),
                _ => None,
            };
            prop_assert_eq!(view.field(FieldId(place)), expected, "{} in {}", path, body);
        }
    }

    #[test]
    fn what_was_read_before_changes_nothing(
        events in prop::collection::vec((events(), any::<bool>(), prop::option::of(any::<prop::sample::Index>())), 1..16)
    ) {
        let paths = ["a", "a.b", "event.a", "event.risk_score", "threat.a.b", "é"];
        let mut experienced = normaliser(&paths);
        for (event, pretty, cut) in &events {
            let body = if *pretty { serde_json::to_string_pretty(event) } else { serde_json::to_string(event) }.expect("valid");
            let body = &body.as_bytes()[..cut.as_ref().map_or(body.len(), |cut| cut.index(body.len()))];
            let mut fresh = normaliser(&paths);
            match (experienced.read(body), fresh.read(body)) {
                (Ok(ours), Ok(theirs)) => {
                    prop_assert_eq!((ours.layout, &ours.fields), (theirs.layout, &theirs.fields));
                    experienced.recycle(ours);
                }
                (ours, theirs) => prop_assert_eq!(ours.err(), theirs.err()),
            }
        }
    }

    #[test]
    fn what_is_spliced_in_by_the_layout_is_read_back_beside_the_rest(event in events(), pretty in any::<bool>()) {
        let body = if pretty { serde_json::to_string_pretty(&event) } else { serde_json::to_string(&event) }.expect("valid");
        let mut normaliser = normaliser(&[]);
        let layout = normaliser.read(body.as_bytes()).expect("valid").layout;
        prop_assert_eq!(layout.empty, event.as_object().is_some_and(serde_json::Map::is_empty));
        prop_assert_eq!(layout.timestamp, event.get("@timestamp").is_some());
        for (member, name, dotted) in [
            (layout.event, "event", "event.risk_score"),
            (layout.threat, "threat", "threat.framework"),
            (layout.oversight, "oversight", "oversight.x"),
        ] {
            prop_assert_eq!(member.dotted, event.get(dotted).is_some());
            let (at, comma, expected) = match (member.form, event.get(name)) {
                (Form::Object { value, empty }, Some(Value::Object(inner))) => {
                    prop_assert_eq!(empty, inner.is_empty());
                    let mut expected = event.clone();
                    expected[name]["new"] = json!(1);
                    (value.end - 1, !empty, expected)
                }
                (form, there) => {
                    prop_assert_eq!(form != Form::Absent, there.is_some());
                    let mut expected = event.clone();
                    expected["new"] = json!(1);
                    (layout.end, !layout.empty, expected)
                }
            };
            let (before, behind) = body.split_at(at as usize);
            let spliced = format!("{before}{}\"new\":1{behind}", if comma { "," } else { "" });
            prop_assert_eq!(serde_json::from_str::<Value>(&spliced).expect("valid"), expected);
        }
        let risk = event.get("event.risk_score").is_some() || event["event"].get("risk_score").is_some();
        prop_assert_eq!(layout.risk_score, risk);
    }
}
