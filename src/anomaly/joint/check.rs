//! Whether metrics can be looked at together, and who gives whom its values.

use super::Member;
use super::plane::MOST;
use crate::anomaly::declare::{Function, MetricDeclaration};
use crate::anomaly::fields::mix;
use crate::anomaly::metric::{Fault, Metric};

/// Ties metrics that look at others to them, once all are checked.
pub(in crate::anomaly) fn link(list: &mut [Metric], declared: &[MetricDeclaration], faults: &mut Vec<Fault>) {
    for (place, declaration) in declared.iter().enumerate() {
        let mut fault = |key: &'static str, found: String, wanted: &str| {
            faults.push(Fault { place, name: declaration.name.clone(), key, found, wanted: wanted.to_owned() });
        };
        if declaration.function != Function::Joint {
            if !declaration.of.is_empty() {
                fault("of", declaration.of.join(", "), "nothing, because only 'joint' looks at other metrics");
            }
            continue;
        }
        if !declaration.conditions.is_empty() {
            fault(
                "where",
                declaration.conditions[0].field.clone(),
                "nothing, because the metrics in 'of' say which events count",
            );
        }
        if !(2..=MOST).contains(&declaration.of.len()) {
            fault("of", declaration.of.join(", "), "the names of two to six metrics");
            continue;
        }
        if place >= list.len() {
            continue;
        }
        let (before, rest) = list.split_at_mut(place);
        for (number, name) in declaration.of.iter().enumerate() {
            if declaration.of[..number].contains(name) {
                fault("of", name.clone(), "each metric once");
            }
            match before.iter_mut().find(|metric| metric.name == *name) {
                None => fault("of", name.clone(), "the name of a metric that is declared before this one"),
                Some(member) => {
                    if let Some(wanted) = differs(member, &rest[0]) {
                        fault("of", name.clone(), wanted);
                    }
                    tie(member, place, number, &mut rest[0]);
                }
            }
        }
    }
}

/// What keeps two metrics from being looked at together.
fn differs(member: &Metric, joint: &Metric) -> Option<&'static str> {
    let paths = |metric: &Metric| metric.entity.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    if member.function == Function::Joint {
        Some("a metric that counts events")
    } else if member.span != joint.span {
        Some("a metric with the same bucket_span as this one")
    } else if paths(member) != paths(joint) {
        Some("a metric with the same 'over' and 'by' as this one")
    } else {
        None
    }
}

/// Lets a metric give its values to another.
fn tie(member: &mut Metric, place: usize, number: usize, joint: &mut Metric) {
    member.feeds.push((place, number));
    joint.members.push(Member {
        name: member.name.clone(),
        title: member.title.clone(),
        in_bytes: member.in_bytes(),
        is_zero_without_events: member.function.is_zero_without_events(),
    });
    // it can only close when all of them have, and what is not judged of one is not judged of all
    joint.lateness = joint.lateness.max(member.lateness);
    joint.maintenance.extend(member.maintenance.iter().copied());
    // what was learnt of a member as it was declared before is of no use
    joint.digest = mix(joint.digest, member.digest);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anomaly::metric::Metrics;

    fn check(declared: &str) -> Result<Metrics, Vec<String>> {
        let declared: Vec<MetricDeclaration> = serde_json::from_str(declared).expect("readable");
        Metrics::check(&declared).map_err(|faults| faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_joint_metric_takes_on_what_its_members_need() {
        let metrics = check(
            r#"[{"name":"a","over":["h"],"lateness":"5m","corrections":"1h"},{"name":"b","over":["h"],"function":"mean","field":"x"},
                {"name":"both","over":["h"],"function":"joint","of":["a","b"]}]"#,
        )
        .expect("fine");
        let joint = &metrics.list[2];
        assert_eq!(joint.lateness, 300_000_000);
        assert_eq!(joint.members.iter().map(|member| member.is_zero_without_events).collect::<Vec<_>>(), [true, false]);
        assert_eq!(
            (metrics.list[0].feeds.as_slice(), metrics.list[1].feeds.as_slice()),
            (&[(2, 0)][..], &[(2, 1)][..])
        );
    }

    #[test]
    fn what_cannot_be_looked_at_together_is_told() {
        let joint = |of: &str, more: &str| format!(r#"{{"name":"j","over":["h"],"function":"joint","of":{of}{more}}}"#);
        let (a, b) = (r#"{"name":"a","over":["h"]}"#, r#"{"name":"b","over":["h"],"bucket_span":"5m"}"#);
        let c = r#"{"name":"c","over":["other"]}"#;
        for (declared, wanted) in [
            (format!("[{a},{}]", joint(r#"["a"]"#, "")), "two to six"),
            (format!("[{a},{b},{}]", joint(r#"["a","b"]"#, "")), "bucket_span"),
            (format!("[{a},{c},{}]", joint(r#"["a","c"]"#, "")), "'over' and 'by'"),
            (format!("[{a},{}]", joint(r#"["a","a"]"#, "")), "each metric once"),
            (format!("[{},{a}]", joint(r#"["a","b"]"#, "")), "declared before"),
            (format!("[{a},{c},{}]", joint(r#"["a","c"]"#, r#","where":[{"field":"x","exists":true}]"#)), "where"),
            (format!("[{a},{c},{}]", joint(r#"["a","c"]"#, r#","gap":"zero""#)), "no joint"),
            (r#"[{"name":"a","of":["b"]}]"#.to_owned(), "only 'joint'"),
        ] {
            let faults = check(&declared).expect_err("a fault");
            assert!(faults.iter().any(|fault| fault.contains(wanted)), "{wanted}: {faults:?}");
        }
    }
}
