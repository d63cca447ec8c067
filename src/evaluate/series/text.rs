//! Reports as a person reads them on a terminal.

use super::events::Quality;
use super::kpi::{Baselines, KpiReport};
use super::nab::NabReport;
use super::ucr::UcrReport;

/// The benchmark of labelled windows.
pub fn nab(report: &NabReport) -> String {
    let threshold = report.thresholds[0].map_or("none".to_owned(), |threshold| format!("{threshold:.4}"));
    format!(
        "{}: {} files, {} windows\n  \
         standard {:.2}   low_FP {:.2}   low_FN {:.2}\n  \
         {} windows found, {} false-positive points, {:.1} % of alarm points in windows, {:.2} alarms per 1,000 points\n  \
         threshold {threshold} (chosen on these very labels, as the benchmark has it)\n  \
         gaming: {}\n",
        report.detector,
        report.files,
        report.windows,
        report.standard,
        report.low_false_positives,
        report.low_false_negatives,
        report.windows_found,
        report.false_positive_points,
        100.0 * report.precision,
        report.alarms_per_1000,
        gaming(report.baselines, 1),
    )
}

/// Metrics of services.
pub fn kpi(report: &KpiReport) -> String {
    let seldom: Vec<String> =
        report.strengths.iter().map(|at| format!("{:.1} {:.2}", at.evidence, at.strength)).collect();
    format!(
        "{}: {} series\n  test  {}\n  train {}\n  {:.2} alarms per 1,000 points; threshold {:.4}, chosen on the training rows\n  \
         −log10 of a share of unlabelled points, and how strong their alarms are: {}\n  gaming: {}\n",
        report.detector,
        report.series,
        quality(&report.quality),
        quality(&report.train),
        report.alarms_per_1000,
        report.threshold,
        seldom.join(", "),
        gaming(report.baselines, 3),
    )
}

/// The archive of one anomaly a series.
pub fn ucr(report: &UcrReport) -> String {
    format!(
        "{}: {} series\n  accuracy {:.3} ({} found); a point drawn by chance would get {:.3}\n",
        report.detector, report.series, report.accuracy, report.found, report.chance
    )
}

fn quality(quality: &Quality) -> String {
    format!(
        "F1 {:.3}   precision {:.3}   recall {:.3}   ({} of {} stretches found, {} false points)",
        quality.f1, quality.precision, quality.recall, quality.found, quality.events, quality.false_points
    )
}

fn gaming(baselines: Baselines, decimals: usize) -> String {
    format!(
        "an alarm every 600 points {:.decimals$}, at every record of the range {:.decimals$}",
        baselines.periodic, baselines.range_record
    )
}
