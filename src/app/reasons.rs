//! Writes why a verdict was given: contributions and counterfactual as JSON, and both as a sentence.

use std::fmt::Write;

use crate::event::annotated::{Classification, Condition, Contribution, FeatureValue, ModelInfo, Relation, Verdict};
use crate::event::json::{write_number, write_string};

/// Values and contributions are written with four decimals.
const DECIMALS: u32 = 4;

/// Features that the sentence names as reasons.
const NAMED: usize = 3;

/// Conditions that the sentence names: more are no longer a reason that a person can hold. They are only counted there.
const HELD: usize = 6;

/// Appends the members `explanation`, `reason` and `counterfactual` of `oversight.classification`, each with a comma before
/// it, as far as there is something to say.
pub fn write(out: &mut Vec<u8>, model: &ModelInfo, verdict: &Classification) {
    if !verdict.explanation.is_empty() {
        write_explanation(out, model, &verdict.explanation);
        out.extend_from_slice(br#","reason":"#);
        write_string(out, &sentence(model, verdict));
    }
    if !verdict.counterfactual.is_empty() {
        write_counterfactual(out, model, &verdict.counterfactual);
    }
}

/// "neptune, because serror_rate is 1 (usually 0) and flag is S0 (usually SF); normal if serror_rate ≤ 0.31".
fn sentence(model: &ModelInfo, verdict: &Classification) -> String {
    let label = &model.labels[usize::from(verdict.label)].name;
    let mut text = if verdict.verdict == Verdict::Unknown { "unknown".to_owned() } else { label.clone() };
    let reasons = verdict.explanation.iter().filter(|share| share.contribution > 0.0).take(NAMED);
    let reasons: Vec<String> = reasons.map(|share| reason(model, share)).collect();
    if !reasons.is_empty() {
        text.push_str(", because ");
        text.push_str(&listed(&reasons));
    }
    if !verdict.counterfactual.is_empty() {
        text.push_str("; ");
        text.push_str(&otherwise(model, &verdict.counterfactual, HELD));
    }
    text
}

fn reason(model: &ModelInfo, share: &Contribution) -> String {
    let mut text = format!("{} is {}", name(model, share.feature), rounded(&share.value));
    match &share.typical {
        FeatureValue::Missing => {}
        typical if rounded(typical) == rounded(&share.value) => text.push_str(" (as usual)"),
        typical => write!(text, " (usually {})", rounded(typical)).expect("a string takes all"),
    }
    text
}

/// "normal if serror_rate ≤ 0.31 and count ≤ 12"; of more than `most` conditions the last are "3 more".
fn otherwise(model: &ModelInfo, conditions: &[Condition], most: usize) -> String {
    let condition = |condition: &Condition| {
        let relation = match condition.relation {
            Relation::AtMost => "≤",
            Relation::AtLeast => "≥",
            Relation::Equal => "=",
        };
        format!("{} {relation} {}", name(model, condition.feature), words(&condition.value))
    };
    let named = if conditions.len() > most { &conditions[..most - 1] } else { conditions };
    let mut parts: Vec<String> = named.iter().map(condition).collect();
    if named.len() < conditions.len() {
        parts.push(format!("{} more", conditions.len() - named.len()));
    }
    format!("normal if {}", listed(&parts))
}

/// "a", "a and b", "a, b and c".
fn listed(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn write_explanation(out: &mut Vec<u8>, model: &ModelInfo, explanation: &[Contribution]) {
    out.extend_from_slice(br#","explanation":["#);
    for (place, share) in explanation.iter().enumerate() {
        out.extend_from_slice(if place > 0 { br#",{"feature":"# } else { br#"{"feature":"# });
        write_string(out, name(model, share.feature));
        out.extend_from_slice(br#","value":"#);
        write_value(out, &share.value);
        if share.typical != FeatureValue::Missing {
            out.extend_from_slice(br#","typical":"#);
            write_value(out, &share.typical);
        }
        out.extend_from_slice(br#","contribution":"#);
        write_number(out, f64::from(share.contribution), DECIMALS);
        out.push(b'}');
    }
    out.push(b']');
}

fn write_counterfactual(out: &mut Vec<u8>, model: &ModelInfo, conditions: &[Condition]) {
    out.extend_from_slice(br#","counterfactual":{"text":"#);
    write_string(out, &otherwise(model, conditions, conditions.len()));
    out.extend_from_slice(br#","changes":["#);
    for (place, condition) in conditions.iter().enumerate() {
        out.extend_from_slice(if place > 0 { br#",{"feature":"# } else { br#"{"feature":"# });
        write_string(out, name(model, condition.feature));
        out.extend_from_slice(br#","operator":""#);
        out.extend_from_slice(condition.relation.operator().as_bytes());
        out.extend_from_slice(br#"","value":"#);
        write_value(out, &condition.value);
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
}

fn name(model: &ModelInfo, feature: u16) -> &str {
    &model.features[usize::from(feature)]
}

fn write_value(out: &mut Vec<u8>, value: &FeatureValue) {
    match value {
        FeatureValue::Number(number) => write_number(out, f64::from(*number), DECIMALS),
        FeatureValue::Symbol(word) => write_string(out, word),
        FeatureValue::Missing => write_string(out, "missing"),
    }
}

/// The value as it stands in a condition, which has to hold as it is written.
fn words(value: &FeatureValue) -> String {
    with_decimals(value, DECIMALS)
}

/// The value as it stands in a reason, with as many digits as a person holds: 20557, 206.6, 4.902.
fn rounded(value: &FeatureValue) -> String {
    let decimals = match value {
        FeatureValue::Number(number) if number.abs() >= 1000.0 => 0,
        FeatureValue::Number(number) if number.abs() >= 100.0 => 1,
        FeatureValue::Number(number) if number.abs() >= 10.0 => 2,
        _ => DECIMALS,
    };
    with_decimals(value, decimals)
}

fn with_decimals(value: &FeatureValue, decimals: u32) -> String {
    match value {
        FeatureValue::Number(number) => {
            let mut out = Vec::new();
            write_number(&mut out, f64::from(*number), decimals);
            String::from_utf8_lossy(&out).into_owned()
        }
        FeatureValue::Symbol(word) => word.to_string(),
        FeatureValue::Missing => "missing".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> ModelInfo {
        let features = ["serror_rate", "flag", "count \"x\""].map(str::to_owned).to_vec();
        ModelInfo { name: "m".to_owned(), version: "1".to_owned(), hash: String::new(), labels: Vec::new(), features }
    }

    fn share(feature: u16, value: FeatureValue, typical: FeatureValue) -> Contribution {
        Contribution { feature, value, typical, contribution: 1.0 }
    }

    #[test]
    fn a_reason_sets_the_value_beside_the_usual_one() {
        let number = |value| FeatureValue::Number(value);
        assert_eq!(reason(&model(), &share(0, number(1.0), number(0.0))), "serror_rate is 1 (usually 0)");
        assert_eq!(reason(&model(), &share(0, number(0.5), number(0.5))), "serror_rate is 0.5 (as usual)");
        assert_eq!(reason(&model(), &share(1, FeatureValue::Symbol("S0".into()), FeatureValue::Missing)), "flag is S0");
    }

    #[test]
    fn reasons_have_few_digits_and_conditions_those_that_they_need() {
        let number = |value| FeatureValue::Number(value);
        let said = reason(&model(), &share(0, number(20556.545), number(120.0005)));
        assert_eq!(said, "serror_rate is 20557 (usually 120)");
        assert_eq!(
            [0.99671, 4.9021, 48.126, 206.58].map(|value| rounded(&number(value))),
            ["0.9967", "4.9021", "48.13", "206.6"]
        );
        let condition = Condition { feature: 0, relation: Relation::AtMost, value: number(1234.5) };
        assert_eq!(otherwise(&model(), &[condition], HELD), "normal if serror_rate ≤ 1234.5");
    }

    #[test]
    fn conditions_are_said_together_and_names_are_escaped() {
        let conditions = [
            Condition { feature: 0, relation: Relation::AtMost, value: FeatureValue::Number(0.31) },
            Condition { feature: 2, relation: Relation::AtLeast, value: FeatureValue::Number(12.0) },
        ];
        assert_eq!(otherwise(&model(), &conditions, HELD), "normal if serror_rate ≤ 0.31 and count \"x\" ≥ 12");
        let mut out = br#"{"a":0"#.to_vec();
        write_counterfactual(&mut out, &model(), &conditions);
        out.push(b'}');
        let json: serde_json::Value = serde_json::from_slice(&out).expect("valid JSON");
        assert_eq!(json["counterfactual"]["changes"][1]["operator"], ">=");
        assert_eq!(json["counterfactual"]["changes"][1]["feature"], "count \"x\"");
    }

    #[test]
    fn of_many_conditions_the_sentence_only_counts_the_last() {
        let condition = |place: u16| Condition {
            feature: 0,
            relation: Relation::Equal,
            value: FeatureValue::Number(f32::from(place)),
        };
        let conditions: Vec<Condition> = (1..=8).map(condition).collect();
        let text = otherwise(&model(), &conditions, HELD);
        assert!(text.ends_with("serror_rate = 5 and 3 more"), "{text}");
        assert!(otherwise(&model(), &conditions, 8).ends_with("and serror_rate = 8"));
        assert!(otherwise(&model(), &conditions[..6], HELD).ends_with("and serror_rate = 6"));
    }

    #[test]
    fn three_reasons_read_as_a_list() {
        let parts = ["a", "b", "c"].map(str::to_owned);
        assert_eq!([listed(&parts[..1]), listed(&parts[..2]), listed(&parts)], ["a", "a and b", "a, b and c"]);
    }
}
