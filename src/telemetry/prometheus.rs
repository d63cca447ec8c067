//! The catalogue as Prometheus text, format version 0.0.4.
//!
//! Source: prometheus.io/docs/instrumenting/exposition_formats, "Text format details".

use std::fmt::Write;
use std::time::Duration;

use super::catalogue::{ALL, Metric};
use super::metric::{BOUNDS_MICROS, Reading, Sample};
use super::process;

/// The `Content-Type` of what [`render`] gives.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Every metric of the catalogue as it stands now.
pub fn render() -> String {
    process::measure();
    let mut out = String::with_capacity(16 * 1024);
    for metric in ALL {
        write_metric(&mut out, *metric).expect("writing to a string does not fail");
    }
    out
}

fn write_metric(out: &mut String, metric: Metric) -> std::fmt::Result {
    let (name, help) = (metric.about().name, metric.about().help);
    writeln!(out, "# HELP {name} {help}")?;
    match metric {
        Metric::Counter(counter) => writeln!(out, "# TYPE {name} counter\n{name} {}", counter.value()),
        Metric::Gauge(gauge) => writeln!(out, "# TYPE {name} gauge\n{name} {}", gauge.value()),
        Metric::Histogram(histogram) => {
            writeln!(out, "# TYPE {name} histogram")?;
            write_histogram(out, name, &histogram.reading())
        }
        Metric::Counters(counters) => write_family(out, name, "counter", &counters.samples()),
        Metric::Gauges(gauges) => write_family(out, name, "gauge", &gauges.samples()),
    }
}

fn write_family(out: &mut String, name: &str, kind: &str, samples: &[Sample]) -> std::fmt::Result {
    writeln!(out, "# TYPE {name} {kind}")?;
    for Sample { labels, value } in samples {
        let label = |(label, text): &(&str, String)| format!("{label}=\"{}\"", escaped(text));
        let labels: Vec<String> = labels.iter().map(label).collect();
        writeln!(out, "{name}{{{}}} {value}", labels.join(","))?;
    }
    Ok(())
}

/// The text of a label as the format wants it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn write_histogram(out: &mut String, name: &str, reading: &Reading) -> std::fmt::Result {
    let mut below = 0;
    for (bound, count) in BOUNDS_MICROS.iter().zip(reading.buckets) {
        below += count;
        let seconds = Duration::from_micros(*bound).as_secs_f64();
        writeln!(out, "{name}_bucket{{le=\"{seconds}\"}} {below}")?;
    }
    let count = reading.count();
    writeln!(out, "{name}_bucket{{le=\"+Inf\"}} {count}")?;
    writeln!(out, "{name}_sum {}\n{name}_count {count}", reading.total.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::telemetry::catalogue::{CLASSIFY_SECONDS, DETECTIONS, STORE_UP};

    /// One metric family as a scraper reads it: its type, and its samples in order.
    #[derive(Debug, Default)]
    struct Family {
        kind: String,
        samples: Vec<(String, Option<String>, f64)>,
    }

    /// Whether the text between the braces is `name="text"`, joined by commas, with nothing unescaped in it.
    fn are_labels(mut text: &str) -> bool {
        loop {
            let Some((name, rest)) = text.split_once("=\"") else { return false };
            let mut escape = false;
            let end = rest.find(|c: char| {
                let ends = c == '"' && !escape;
                escape = c == '\\' && !escape;
                ends
            });
            let Some(end) = end.filter(|_| is_name(name)) else { return false };
            match rest[end + 1..].strip_prefix(',') {
                Some(next) => text = next,
                None => return end + 1 == rest.len(),
            }
        }
    }

    fn is_name(text: &str) -> bool {
        !text.is_empty()
            && !text.starts_with(|c: char| c.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
    }

    /// Reads the text format strictly: HELP, then TYPE, then samples of that family only; no family twice.
    fn parse(text: &str) -> Result<BTreeMap<String, Family>, String> {
        let mut families: BTreeMap<String, Family> = BTreeMap::new();
        let (mut helped, mut current) = (String::new(), String::new());
        if !text.ends_with('\n') {
            return Err("no line feed at the end".to_owned());
        }
        for line in text.lines() {
            let fault = |what: &str| Err(format!("{what}: {line}"));
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let Some((name, help)) = rest.split_once(' ') else { return fault("no help") };
                if !is_name(name) || help.is_empty() || families.contains_key(name) {
                    return fault("bad or repeated HELP");
                }
                helped = name.to_owned();
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let Some((name, kind)) = rest.split_once(' ') else { return fault("no type") };
                if name != helped || !["counter", "gauge", "histogram"].contains(&kind) {
                    return fault("bad TYPE");
                }
                current = name.to_owned();
                families.insert(current.clone(), Family { kind: kind.to_owned(), samples: Vec::new() });
            } else {
                let Some((series, value)) = line.rsplit_once(' ') else { return fault("no value") };
                let (name, label) = match series.split_once('{') {
                    None => (series, None),
                    Some((name, rest)) => {
                        let Some(labels) = rest.strip_suffix('}') else { return fault("bad labels") };
                        let bound = labels.strip_prefix("le=\"").and_then(|rest| rest.strip_suffix('"'));
                        if name.ends_with("_bucket") != bound.is_some() || !are_labels(labels) {
                            return fault("bad label");
                        }
                        (name, Some(bound.unwrap_or(labels).to_owned()))
                    }
                };
                let Ok(value) = value.parse() else { return fault("bad value") };
                let Some(family) = families.get_mut(&current) else { return fault("sample before TYPE") };
                let Some(suffix) = name.strip_prefix(current.as_str()) else { return fault("foreign sample") };
                let allowed: &[&str] = if family.kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
                let bare = family.kind == "histogram" && suffix != "_bucket";
                if !is_name(name) || !allowed.contains(&suffix) || (bare && label.is_some()) {
                    return fault("bad sample");
                }
                family.samples.push((suffix.to_owned(), label, value));
            }
        }
        Ok(families)
    }

    fn check_histogram(name: &str, family: &Family) {
        let buckets: Vec<(f64, f64)> = family
            .samples
            .iter()
            .filter(|(suffix, _, _)| suffix == "_bucket")
            .map(|(_, label, count)| (label.as_deref().unwrap().parse().unwrap(), *count))
            .collect();
        assert!(buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{name} {buckets:?}");
        assert_eq!(buckets.last().unwrap().0, f64::INFINITY, "{name}");
        let count = family.samples.iter().find(|(suffix, _, _)| suffix == "_count").unwrap().2;
        assert_eq!(buckets.last().unwrap().1, count, "{name}");
    }

    #[test]
    fn a_strict_reader_understands_the_whole_catalogue() {
        DETECTIONS.add(2);
        STORE_UP.set(1);
        CLASSIFY_SECONDS.observe(Duration::from_millis(3));
        let families = parse(&render()).unwrap();
        assert_eq!(families.len(), ALL.len());
        for metric in ALL {
            let name = metric.about().name;
            let family = &families[name];
            match metric {
                Metric::Histogram(_) => check_histogram(name, family),
                Metric::Counter(_) | Metric::Gauge(_) => assert_eq!(family.samples.len(), 1, "{name}"),
                Metric::Counters(_) | Metric::Gauges(_) => {
                    assert!(family.samples.iter().all(|sample| sample.1.is_some()), "{name}");
                }
            }
        }

        assert!(families["oversight_detections_total"].samples[0].2 >= 2.0);
        assert!(families["oversight_classify_seconds"].samples.iter().any(|sample| sample.2 >= 0.003));
        #[cfg(target_os = "linux")]
        assert!(families["oversight_process_resident_bytes"].samples[0].2 > 1e5);
    }

    #[test]
    fn whatever_stands_in_a_label_the_samples_of_a_family_stay_apart() {
        let odd = |value| Sample { labels: vec![("a", "x \"y\\z\"\n, {d}".to_owned()), ("b", String::new())], value };
        let mut text = "# HELP f x\n".to_owned();
        write_family(&mut text, "f", "gauge", &[odd(0.25), odd(1.5)]).unwrap();
        let families = parse(&text).unwrap();
        assert_eq!(families["f"].samples.iter().map(|sample| sample.2).collect::<Vec<_>>(), [0.25, 1.5], "{text}");
    }

    #[test]
    fn the_strict_reader_refuses_what_a_scraper_would() {
        let label = |labels: &str| format!("# HELP a x\n# TYPE a gauge\na{{{labels}}} 1\n");
        for bad in ["b=\"x", "b=\"x\"y\"", "=\"x\"", "b=\"x\",", "b=x"] {
            assert!(parse(&label(bad)).is_err(), "{bad}");
        }
        assert!(parse(&label("b=\"x\\\"\",c=\"\"")).is_ok());
        for bad in ["a 1\n", "# HELP a x\n# TYPE a counter\nb 1\n", "# HELP a x\n# TYPE a counter\na 1", "# TYPE a x\n"]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
