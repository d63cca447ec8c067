//! Closed buckets of metrics that are judged by the combined detector of points.
//!
//! Expected value and bounds stay those of the seasonal detector, and so do direction and minimum deviation; how
//! improbable a bucket is, and why, the combined one says.

use super::judge::Closed;
use super::points::{Combined, Detector, Judgement, Point};
use super::season::Moment;
use super::series::Series;
use super::touched::Side;

/// Buckets without events that are learnt after a gap, at most: a day and a half of five minutes.
const MOST_RESTED: i64 = 432;

/// Strength of an alarm, and −log10 of the share of points with one so strong: measured on the unlabelled points of the
/// AIOPS and WSD collections. Straight lines between.
const EVIDENCE: [(f64, f64); 9] = [
    (0.0, 0.0),
    (1.2, 3.0),
    (5.0, 3.5),
    (10.0, 4.0),
    (30.0, 4.5),
    (90.0, 5.0),
    (300.0, 5.5),
    (3_000.0, 7.0),
    (30_000.0, 10.0),
];

/// Judges the bucket that is closing, and learns it if it is `due`.
pub(super) fn judge(series: &mut Series, value: f64, moment: Moment, due: bool, closed: &mut Closed) {
    let detector = series.combined.get_or_insert_with(|| Box::new(Combined::new(true)));
    let judgement = if due {
        detector.observe(point(value, moment))
    } else {
        // one that may lack events leaves no trace
        detector.clone().observe(point(value, moment))
    };
    say(judgement, closed);
}

/// Learns buckets without events, which all have one value; of long gaps the last ones.
pub(super) fn rest(series: &mut Series, value: f64, missing: i64, first: Moment) {
    let detector = series.combined.get_or_insert_with(|| Box::new(Combined::new(true)));
    for bucket in (missing - MOST_RESTED).max(0)..missing {
        let start = first.start.saturating_add(bucket.saturating_mul(first.span));
        detector.observe(point(value, Moment { start, ..first }));
    }
}

fn point(value: f64, moment: Moment) -> Point {
    Point { value, seconds: moment.start.div_euclid(1_000_000) }
}

/// Puts the judgement in the place of the seasonal detector's.
fn say(judgement: Judgement, closed: &mut Closed) {
    let may_be_told = closed.side != Side::Usual;
    closed.evidence = if may_be_told { evidence(judgement.alarm) } else { 0.0 };
    closed.reason = (closed.evidence > 0.0).then_some(judgement.reason);
}

/// −log10 of the probability of an alarm so strong, 0 to 10.
fn evidence(alarm: f64) -> f64 {
    let Some(above) = EVIDENCE.iter().position(|(from, _)| alarm < *from) else {
        return EVIDENCE[EVIDENCE.len() - 1].1;
    };
    let ((from, low), (to, high)) = (EVIDENCE[above.max(1) - 1], EVIDENCE[above.max(1)]);
    low + (high - low) * (alarm - from) / (to - from)
}

#[cfg(test)]
mod tests {
    use super::super::fields::Value;
    use super::super::harness::{Feed, Noise, TestEvent, settings};
    use super::super::record::AnomalyRecord;
    use super::*;

    const DECLARED: &str =
        r#"[{"name":"n","function":"sum","field":"v","direction":"both","gap":"unknown","detector":"combined"}]"#;

    fn records(values: impl Iterator<Item = f64>) -> Vec<AnomalyRecord> {
        let mut feed = Feed::new(settings(DECLARED));
        for (minute, value) in values.enumerate() {
            feed.observe(&TestEvent::new(minute as f64 * 60.0, &[Value::Number(value)]));
        }
        feed.finish()
    }

    #[test]
    fn evidence_grows_with_the_strength_of_an_alarm() {
        assert_eq!((evidence(0.0), evidence(90.0), evidence(1e9)), (0.0, 5.0, 10.0));
        assert!(evidence(4.0) > evidence(3.0) && evidence(50_000.0) == 10.0);
    }

    #[test]
    fn a_metric_that_asks_for_it_is_judged_by_the_combined_detector_and_told_why() {
        let mut noise = Noise::new(11);
        let values = (0..4_000).map(|minute| if minute == 3_000 { 9_000.0 } else { 400.0 + 10.0 * noise.normal() });
        let found = records(values);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].score >= 75.0 && found[0].side == Side::High, "{found:?}");
        assert!(found[0].reason.contains("; unusual is its last step"), "{}", found[0].reason);
    }

    #[test]
    fn gaps_of_a_month_cost_no_more_than_a_day_and_are_bounded() {
        let declared = DECLARED.replace("unknown", "zero");
        let mut feed = Feed::new(settings(&declared));
        for minute in (0..600).chain(43_200..43_800) {
            feed.observe(&TestEvent::new(f64::from(minute) * 60.0, &[Value::Number(400.0)]));
        }
        assert!(feed.engine.series() == 1);
    }
}
