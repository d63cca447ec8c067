//! The part of Kibana's query language that the dashboards use: `field:value`, `field:*`, `not`, `and`, `or`.

use serde_json::{Value, json};

/// What the product would send for a query; panics at anything beyond the part above.
pub fn translate(query: &str) -> Value {
    if query.is_empty() {
        return json!({"match_all": {}});
    }
    let any: Vec<Value> = query.split(" or ").map(all_of).collect();
    json!({"bool": {"should": any, "minimum_should_match": 1}})
}

/// The fields that a query names.
pub fn fields(query: &str) -> Vec<String> {
    let parts = query.split(" or ").flat_map(|part| part.split(" and ")).filter(|part| !part.is_empty());
    parts.map(|part| term(part).1.to_owned()).collect()
}

fn all_of(query: &str) -> Value {
    let (mut must, mut not) = (Vec::new(), Vec::new());
    for part in query.split(" and ") {
        let (negated, field, value) = term(part);
        let clause = if value == "*" {
            json!({"exists": {"field": field}})
        } else {
            json!({"match_phrase": {field: value.trim_matches('"')}})
        };
        if negated { not.push(clause) } else { must.push(clause) }
    }
    json!({"bool": {"filter": must, "must_not": not}})
}

fn term(part: &str) -> (bool, &str, &str) {
    let (negated, rest) = part.strip_prefix("not ").map_or((false, part), |rest| (true, rest));
    let (field, value) = rest.split_once(':').unwrap_or_else(|| panic!("no field in {part:?}"));
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-@*\"".contains(c);
    assert!(field.chars().all(plain) && value.chars().all(plain), "this test does not know {part:?}");
    (negated, field, value)
}

#[test]
fn what_the_dashboards_ask_becomes_what_engines_understand() {
    let query = translate("a.b:* and not c:normal or d:\"x\"");
    assert_eq!(query["bool"]["should"][0]["bool"]["filter"][0]["exists"]["field"], "a.b");
    assert_eq!(query["bool"]["should"][0]["bool"]["must_not"][0]["match_phrase"]["c"], "normal");
    assert_eq!(query["bool"]["should"][1]["bool"]["filter"][0]["match_phrase"]["d"], "x");
    assert_eq!(fields("a.b:* and not c:normal or d:\"x\""), ["a.b", "c", "d"]);
}
