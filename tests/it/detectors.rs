//! Detectors of points on real labelled series: golden values, the official scoring, and the commands that measure.

use std::path::Path;

use oversight::anomaly::points::{Kind, Point};
use oversight::evaluate::series::{Judge, nab};
use serde_json::Value;
use time::PrimitiveDateTime;
use time::macros::format_description;

use crate::harness::data;
use crate::harness::oversight::run;

/// The points of a file of the Numenta Anomaly Benchmark.
fn points(file: &Path) -> Vec<Point> {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    let point = |line: String| {
        let (date, value) = line.split_once(',').unwrap();
        let date = PrimitiveDateTime::parse(date, &format).unwrap();
        Point { value: value.parse().unwrap(), seconds: date.assume_utc().unix_timestamp() }
    };
    data::lines(file).skip(1).map(point).collect()
}

/// What a detector says of a file: sum of the raw scores; number and sum of its alarms; place and strength of those from 5.125 on.
fn judged(kind: Kind, file: &Path) -> (f64, usize, f64, Vec<(usize, f64)>) {
    let mut detector = kind.start(true);
    let said: Vec<_> = points(file).into_iter().map(|point| detector.observe(point)).collect();
    let alarms: Vec<(usize, f64)> =
        said.iter().enumerate().map(|(at, said)| (at, said.alarm)).filter(|(_, alarm)| *alarm > 0.0).collect();
    let strong = alarms.iter().copied().filter(|(_, alarm)| *alarm >= 5.125).collect();
    let sum = alarms.iter().map(|(_, alarm)| alarm).sum();
    (said.iter().map(|said| said.raw).sum(), alarms.len(), sum, strong)
}

fn near(found: f64, wanted: f64) -> bool {
    (found - wanted).abs() < 6e-5
}

#[test]
fn the_published_design_gives_its_golden_values_to_the_digits_given() {
    let Some(folder) = data::shared("nab/data") else { return };
    let (raw, count, sum, strong) = judged(Kind::Rh7Step, &folder.join("realTraffic/speed_7578.csv"));
    assert!(near(raw, 773.5179) && count == 17 && near(sum, 131.2981), "{raw} {count} {sum}");
    let wanted = [(276, 19.6484), (317, 28.187), (624, 14.558), (625, 16.4388), (754, 17.8714)];
    for ((at, strength), found) in wanted.into_iter().zip(strong) {
        assert!(found.0 == at && near(found.1, strength), "{found:?}, not {strength} at {at}");
    }
    let (raw, count, sum, strong) =
        judged(Kind::Rh7Step, &folder.join("artificialWithAnomaly/art_daily_flatmiddle.csv"));
    assert!(near(raw, 1269.3223) && count == 28 && near(sum, 127.4489), "{raw} {count} {sum}");
    assert!(strong.iter().any(|(at, strength)| *at == 2880 && near(*strength, 47.9671)), "{strong:?}");
    let (raw, count, _, strong) = judged(Kind::Rh7Step, &folder.join("realKnownCause/nyc_taxi.csv"));
    assert!(near(raw, 1266.9587) && count == 173, "{raw} {count}");
    assert!(strong.iter().any(|(at, strength)| *at == 5954 && near(*strength, 44.947)), "{strong:?}");
}

#[test]
fn published_scores_come_out_as_the_official_program_scores_them() {
    let Some(folder) = data::shared("nab") else { return };
    let wanted = [
        ("numenta", [72.467_685, 66.678_351, 76.709_624]),
        ("contextOSE", [75.011_986, 72.642_054, 77.785_769]),
        ("ARTime", [78.805_224, 71.576_160, 83.647_927]),
        ("windowedGaussian", [37.268_711, 23.095_344, 45.171_204]),
        ("null", [0.0; 3]),
    ];
    for (name, scores) in wanted {
        let published = folder.join("published-scores").join(name);
        let report = nab::evaluate(&folder, nab::Source::Published(&published), &mut |_| {}).unwrap();
        if report.files != 31 {
            return; // with more files the figures are others
        }
        let found = [report.standard, report.low_false_positives, report.low_false_negatives];
        let same = found.iter().zip(scores).all(|(found, wanted)| (found - wanted).abs() < 1e-6);
        assert!(same, "{name}: {found:?}, not {scores:?}");
    }
}

#[test]
fn the_default_holds_on_the_benchmark_and_gaming_is_shown_beside_it() {
    let Some(folder) = data::shared("nab") else { return };
    let report = nab::evaluate(&folder, nab::Source::Judge(Judge::Detector(Kind::default())), &mut |_| {}).unwrap();
    assert!(report.standard > 72.0 && report.low_false_positives > 60.0, "{report:?}");
    assert!(report.standard > report.baselines.range_record + 15.0 && report.baselines.periodic > 15.0);
}

fn measured(what: &str, folder: &Path, options: &[&str]) -> Value {
    let folder = folder.to_str().unwrap();
    let done = run(&[&["evaluate", what, "--data", folder, "--output", "json"], options].concat());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

/// 3,000 points of a quiet series with a jump in the first half and a larger one at `at`, as rows of value, label and part.
fn rows(at: usize) -> Vec<(f64, bool, &'static str)> {
    let row = |row: usize| {
        let value = match row {
            600..620 => 200.0,
            _ if (at..at + 20).contains(&row) => 4_000.0,
            _ => 100.0 + ((row * 7919) % 13) as f64,
        };
        (value, value >= 200.0, if row < 1_500 { "train" } else { "test" })
    };
    (0..3_000).map(row).collect()
}

#[test]
fn series_of_services_are_measured_with_a_threshold_from_their_training_rows() {
    let folder = tempfile::tempdir().unwrap();
    for (name, at) in [("one.csv", 2_000), ("two.csv", 2_700)] {
        let mut text = "timestamp,value,label,part\n".to_owned();
        for (row, (value, label, part)) in rows(at).into_iter().enumerate() {
            text += &format!("{},{value},{},{part}\n", 1_500_000_000 + row * 60, u8::from(label));
        }
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let report = measured("kpi", folder.path(), &[]);
    assert_eq!((report["detector"].as_str(), report["f1"].as_f64()), (Some("combined"), Some(1.0)), "{report}");
    assert!(report["threshold"].as_f64().unwrap() > 0.0 && report["baselines"]["periodic"].as_f64().unwrap() < 0.5);
    let gamed = measured("kpi", folder.path(), &["--detector", "periodic"]);
    assert!(gamed["f1"].as_f64().unwrap() < 0.5, "{gamed}");
}

#[test]
fn a_series_with_one_anomaly_is_answered_with_one_place() {
    let folder = tempfile::tempdir().unwrap();
    let text: String = rows(2_000)
        .into_iter()
        .enumerate()
        .map(|(row, (value, label, _))| format!("{value},{}\n", u8::from(label && row >= 2_000)))
        .collect();
    std::fs::write(folder.path().join("made_train1500.csv"), format!("value,label\n{text}")).unwrap();
    let report = measured("ucr", folder.path(), &[]);
    assert_eq!((report["accuracy"].as_f64(), report["series"].as_u64()), (Some(1.0), Some(1)), "{report}");
}

#[test]
fn a_folder_without_series_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    for what in ["nab", "kpi", "ucr"] {
        let done = run(&["evaluate", what, "--data", folder.path().to_str().unwrap()]);
        assert_eq!(done.status.code(), Some(1));
        assert!(!done.stderr.is_empty());
    }
}
