//! Declarations checked: all faults at once, and what follows from what is not said.

use super::*;

fn declared(json: &str) -> MetricDeclaration {
    serde_json::from_str(json).expect("readable")
}

#[test]
fn all_faults_are_told_at_once() {
    let bad = declared(
        r#"{"name":"a b","function":"sum","bucket_span":"5x","lateness":"2d","over":["a","b","c","a..b"],
            "where":[{"field":"x"}],"minimum_deviation":-1,"dip":"gone","direction":"high"}"#,
    );
    let faults = Metrics::check(&[bad.clone(), bad]).expect_err("faults");
    let keys: Vec<&str> = faults.iter().filter(|fault| fault.place == 0).map(|fault| fault.key).collect();
    for key in ["name", "field", "bucket_span", "lateness", "over", "where", "minimum_deviation", "dip"] {
        assert!(keys.contains(&key), "{key} missing in {keys:?}");
    }
    assert!(faults.iter().any(|fault| fault.place == 1 && fault.wanted.contains("earlier")));
    let unit = faults.iter().find(|fault| fault.key == "bucket_span").expect("told");
    assert_eq!(unit.to_string(), "metrics[0] (a b): bucket_span is '5x', wanted 1s to 1d, written such as 30s, 5m, 1h");
}

#[test]
fn unknown_keys_are_refused() {
    assert!(serde_json::from_str::<MetricDeclaration>(r#"{"name":"a","ovr":["x"]}"#).is_err());
}

#[test]
fn what_is_not_said_follows_from_what_is() {
    let metrics =
        Metrics::check(&[declared(r#"{"name":"a","dip":"off"}"#), declared(r#"{"name":"b","bucket_span":"5m"}"#)])
            .expect("fine");
    assert_eq!((metrics.list[0].direction, metrics.list[0].gap), (Direction::Low, Gap::Zero));
    assert_eq!((metrics.list[1].direction, metrics.list[1].gap), (Direction::High, Gap::Unknown));
    assert_eq!((metrics.list[0].lateness, metrics.list[1].lateness), (60_000_000, 120_000_000));
}

#[test]
fn an_address_is_held_against_the_networks_that_conditions_name() {
    struct Address(&'static str);
    impl Fields for Address {
        fn field(&self, id: usize) -> Option<Value<'_>> {
            (id == 0).then(|| Value::Text(self.0.into()))
        }
    }
    let on = |name: &str, networks: &str| {
        declared(&format!(r#"{{"name":"{name}","where":[{{"field":"to","in_network":[{networks}]}}]}}"#))
    };
    let metrics = Metrics::check(&[on("out", r#""public""#), on("lab", r#""10.9.0.0/16""#), on("also", r#""public""#)]);
    let metrics = metrics.expect("fine");
    let admitted = |address: &'static str| {
        let mut readings = [Reading::of(Some(Value::Text(address.into())))];
        metrics.locate(&Address(address), &mut readings);
        [0, 1, 2].map(|metric: usize| metrics.list[metric].admits(&readings))
    };
    assert_eq!(admitted("203.0.113.7"), [true, false, true]);
    assert_eq!(admitted("10.9.1.1"), [false, true, false]);
    assert_eq!(admitted("host.example"), [false; 3]);
    let faults = Metrics::check(&[on("wrong", r#""inside""#)]).unwrap_err();
    assert!(faults[0].to_string().contains("inside"), "{}", faults[0]);
}

#[test]
fn conditions_hold_as_they_read() {
    let metrics = Metrics::check(&[declared(
        r#"{"name":"a","where":[{"field":"p","one_of":[22,"ssh"]},{"field":"n","at_least":3},{"field":"q","exists":false}]}"#,
    )])
    .expect("fine");
    let holds = |p: Value<'_>, n: f64, q: Option<Value<'_>>| {
        let readings = [Reading::of(Some(p)), Reading::of(Some(Value::Number(n))), Reading::of(q)];
        metrics.list[0].admits(&readings)
    };
    assert!(holds(Value::Text("22".into()), 3.0, None));
    assert!(holds(Value::Text("ssh".into()), 3.0, None));
    assert!(!holds(Value::Text("ftp".into()), 3.0, None));
    assert!(!holds(Value::Number(22.0), 2.9, None));
    assert!(!holds(Value::Number(22.0), f64::NAN, None));
    assert!(!holds(Value::Number(22.0), 3.0, Some(Value::Flag(false))));
}
