//! Judges the lines of a KDD file in batches, in constant memory.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use super::{BadLines, ClassifierReport, EvaluateError};
use crate::classify::quality::Confusion;
use crate::classify::{Classifier, ClassifyError};
use crate::event::annotated::{Classification, ModelInfo};
use crate::features::{FeatureVector, Gatherer, Matrix};
use crate::normalise::kdd::parse_line;

/// Records judged at once.
const BATCH: usize = 512;
/// Longest line that is read as one; a KDD line has some 150 bytes.
const LONGEST: u64 = 1 << 16;

/// Judges every line of `reader`; `file` is only named in errors.
pub fn judge(
    model: &ModelInfo,
    classifier: &mut dyn Classifier,
    mut reader: impl BufRead,
    file: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<ClassifierReport, EvaluateError> {
    let mut count = Count::new(model, Gatherer::new(Arc::clone(classifier.space()), 0));
    let mut bad = BadLines::default();
    let (mut line, mut bytes) = (0u64, Vec::new());
    let failed = |source| EvaluateError::Read { file: file.to_owned(), source };
    while next_line(&mut reader, &mut bytes).map_err(failed)? {
        line += 1;
        match record(&bytes) {
            Ok(Some((features, label))) => count.take(&features, &label),
            Ok(None) => {}
            Err(reason) => bad.add(line, reason),
        }
        if count.waiting.len() == BATCH {
            count.settle(classifier)?;
            progress(line);
        }
    }
    count.settle(classifier)?;
    progress(line);
    if count.confusion.records() == 0 {
        let first = bad.first.first().map(|bad| format!("; line {}: {}", bad.line, bad.reason)).unwrap_or_default();
        return Err(EvaluateError::NothingToJudge { file: file.to_owned(), lines: line, first });
    }
    Ok(ClassifierReport::new((&model.name, &model.version), &count.confusion, count.unknown, bad))
}

/// Reads the next line into `bytes`, cut at [`LONGEST`]; false at the end.
fn next_line(reader: &mut impl BufRead, bytes: &mut Vec<u8>) -> std::io::Result<bool> {
    bytes.clear();
    let read = std::io::Read::take(&mut *reader, LONGEST).read_until(b'\n', bytes)?;
    Ok(read > 0)
}

/// Features and label of a line; none for an empty one.
fn record(bytes: &[u8]) -> Result<Option<(FeatureVector, String)>, String> {
    let text = std::str::from_utf8(bytes).map_err(|fault| format!("is not UTF-8: {fault}"))?.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let line = parse_line(text).map_err(|fault| fault.to_string())?;
    let label = line.label.filter(|label| !label.is_empty()).ok_or("has no label to compare with")?;
    Ok(Some((line.features, label.to_owned())))
}

/// Records that wait to be judged, and the counts of those that were.
struct Count {
    confusion: Confusion,
    known: usize,
    unknown: BTreeMap<String, u64>,
    gatherer: Gatherer,
    waiting: Matrix,
    actual: Vec<usize>,
    verdicts: Vec<Classification>,
}

impl Count {
    fn new(model: &ModelInfo, gatherer: Gatherer) -> Self {
        Self {
            confusion: Confusion::new(model.labels.iter().map(|label| label.name.clone())),
            known: model.labels.len(),
            unknown: BTreeMap::new(),
            waiting: Matrix::new(gatherer.space().shape()),
            gatherer,
            actual: Vec::with_capacity(BATCH),
            verdicts: Vec::with_capacity(BATCH),
        }
    }

    fn take(&mut self, features: &FeatureVector, label: &str) {
        if !self.gatherer.gather(Some(features), None, &mut self.waiting) {
            return;
        }
        let actual = self.confusion.place(label);
        if actual >= self.known {
            *self.unknown.entry(label.to_owned()).or_default() += 1;
        }
        self.actual.push(actual);
    }

    fn settle(&mut self, classifier: &mut dyn Classifier) -> Result<(), ClassifyError> {
        self.verdicts.clear();
        classifier.classify(&self.waiting, &mut self.verdicts)?;
        for (actual, verdict) in self.actual.drain(..).zip(&self.verdicts) {
            self.confusion.add(actual, usize::from(verdict.label), 1);
        }
        self.waiting.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::labels::label_of;
    use crate::event::Probability;
    use crate::event::annotated::Verdict;
    use crate::features::Space;

    /// Judges by the protocol: tcp is normal, everything else smurf.
    struct ByProtocol(Arc<ModelInfo>, Arc<Space>);

    impl Classifier for ByProtocol {
        fn space(&self) -> &Arc<Space> {
            &self.1
        }

        fn classify(&mut self, batch: &Matrix, out: &mut Vec<Classification>) -> Result<(), ClassifyError> {
            out.extend(batch.rows(0..batch.len()).iter().map(|row| {
                let label = u16::from(row.symbols[0].place() != Some(1));
                Classification {
                    model: Arc::clone(&self.0),
                    verdict: if label == 0 { Verdict::Normal } else { Verdict::Known },
                    label,
                    probability: Probability::saturating(1.0),
                    top: [(label, Probability::saturating(1.0)); 3],
                    set: [label].into_iter().collect(),
                    unknown: Probability::saturating(0.0),
                    novelty: Probability::saturating(0.0),
                    features_known: 41,
                    explanation: Vec::new(),
                }
            }));
            Ok(())
        }
    }

    fn report(text: &[u8]) -> Result<ClassifierReport, EvaluateError> {
        let labels = ["normal", "smurf"].map(|name| label_of(name).expect("known")).into();
        let info = Arc::new(ModelInfo {
            name: "m".into(),
            version: "1".into(),
            hash: String::new(),
            labels,
            features: Vec::new(),
        });
        let mut judging = ByProtocol(Arc::clone(&info), Arc::new(Space::kdd99()));
        judge(&info, &mut judging, text, Path::new("lines"), &mut |_| {})
    }

    fn line(protocol: &str, label: &str) -> String {
        let tail = "0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,8,8,0,0,0,0,1,0,0,9,9,1,0,0.11,0,0,0,0,0";
        format!("0,{protocol},http,SF,181,5450,{tail},{label}\n")
    }

    #[test]
    fn verdicts_are_compared_with_the_labels_over_several_batches() {
        let text = line("tcp", "normal.").repeat(600) + &line("icmp", "smurf.").repeat(300) + &line("udp", "normal");
        let report = report(text.as_bytes()).expect("judged");
        assert_eq!((report.records, report.bad_lines.count), (901, 0));
        assert_eq!(report.confusion["normal"]["smurf"], 1);
        assert_eq!(report.labels, BTreeMap::from([("normal".to_owned(), 600), ("smurf".to_owned(), 301)]));
        assert!((report.cost - 2.0 / 901.0).abs() < 1e-12);
        assert!((report.false_alarms - 1.0 / 601.0).abs() < 1e-12);
    }

    #[test]
    fn a_label_that_the_model_lacks_is_wrong_by_name_and_scored_by_family() {
        let text =
            line("udp", "udpstorm") + &line("tcp", "mscan") + &line("tcp", "heartbleed") + &line("tcp", "normal");
        let report = report(text.as_bytes()).expect("judged");
        assert_eq!(report.accuracy, 0.25);
        assert_eq!(report.unknown_labels.keys().collect::<Vec<_>>(), ["heartbleed", "mscan", "udpstorm"]);
        assert_eq!((report.cost, report.cost_left_out), (1.0 / 3.0, 1), "udpstorm as smurf costs 0, mscan as normal 1");
        assert_eq!(report.by_category["unknown"]["normal"], 1);
    }

    #[test]
    fn bad_lines_are_counted_with_their_numbers_and_spoil_nothing() {
        let mut text = (line("tcp", "normal") + "1,2,3\n\n" + &line("tcp", "")).into_bytes();
        text.extend(b"\xff\n");
        text.extend(line("tcp", "normal").bytes());
        let report = report(&text).expect("judged");
        assert_eq!((report.records, report.bad_lines.count), (2, 3));
        assert_eq!(report.bad_lines.first.iter().map(|bad| bad.line).collect::<Vec<_>>(), [2, 4, 5]);
        assert!(report.bad_lines.first[0].reason.starts_with("3 columns"));
        assert_eq!(report.bad_lines.first[1].reason, "has no label to compare with");
    }

    #[test]
    fn a_file_of_nothing_but_bad_lines_is_refused_with_the_first_fault() {
        let fault = report(b"x\ny\n").expect_err("refused").to_string();
        assert!(fault.contains("none of its 2 lines") && fault.contains("line 1: 1 columns"), "{fault}");
    }
}
