//! Closed buckets of metrics whose series have a detector of points each.
//!
//! Expected value and bounds stay those of the seasonal detector, and so do direction and minimum deviation; how
//! improbable a bucket is, and why, the series' own one says.

use super::judge::Closed;
use super::points::{Judgement, Kind, Own, Point};
use super::season::Moment;
use super::series::Series;
use super::touched::Side;

/// Buckets without events that are learnt after a gap, at most: a day and a half of five minutes.
const MOST_RESTED: i64 = 432;

/// Strength of an alarm, and −log10 of the share of points with one so strong: measured on the unlabelled points of the
/// AIOPS and WSD collections (`oversight evaluate kpi` shows them as `strengths`). Straight lines between.
fn table(kind: Kind) -> &'static [(f64, f64)] {
    match kind {
        Kind::Combined | Kind::Robust => &COMBINED,
        Kind::Rh7Step => &RH7_STEP,
        Kind::Periods => &PERIODS,
        Kind::Shapes => &SHAPES,
        Kind::Htm => &HTM,
    }
}

const COMBINED: [(f64, f64); 9] = [
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
const RH7_STEP: [(f64, f64); 9] = [
    (0.0, 0.0),
    (1.3, 3.0),
    (6.0, 3.5),
    (15.0, 4.0),
    (29.0, 4.5),
    (44.0, 5.0),
    (56.0, 5.5),
    (100.0, 7.0),
    (200.0, 10.0),
];
const PERIODS: [(f64, f64); 9] =
    [(0.0, 0.0), (1.8, 3.0), (3.4, 3.5), (5.8, 4.0), (9.7, 4.5), (17.5, 5.0), (27.5, 5.5), (45.0, 7.0), (69.0, 10.0)];
const SHAPES: [(f64, f64); 9] = [
    (0.0, 0.0),
    (0.4, 3.0),
    (2.2, 3.5),
    (6.2, 4.0),
    (15.0, 4.5),
    (29.0, 5.0),
    (41.0, 5.5),
    (100.0, 7.0),
    (300.0, 10.0),
];
const HTM: [(f64, f64); 8] =
    [(0.0, 0.0), (0.25, 3.5), (0.5, 4.0), (0.9, 4.5), (1.6, 5.0), (2.2, 5.5), (6.0, 7.0), (28.0, 10.0)];

/// Judges the bucket that is closing, and learns it if it is `due`. With `keep`, the detector as it was is put by.
pub(super) fn judge(
    series: &mut Series,
    kind: Kind,
    value: f64,
    moment: Moment,
    (due, keep): (bool, bool),
    closed: &mut Closed,
) {
    let detector = series.own.get_or_insert_with(|| Box::new(Own::of(kind)));
    let judgement = if due {
        closed.before = keep.then(|| detector.clone());
        detector.observe(point(value, moment))
    } else {
        // one that may lack events leaves no trace
        detector.clone().observe(point(value, moment))
    };
    let may_be_told = closed.side != Side::Usual;
    closed.evidence = if may_be_told { evidence(kind, judgement) } else { 0.0 };
    closed.reason = (closed.evidence > 0.0).then_some(judgement.reason);
}

/// The evidence of a bucket that late events have changed, by the detector as it was when the bucket closed.
pub(super) fn judge_late(before: &Own, kind: Kind, value: f64, moment: Moment) -> f64 {
    evidence(kind, before.clone().observe(point(value, moment)))
}

/// Learns buckets without events, which all have one value; of long gaps the last ones. `moment` says when each of them begins.
pub(super) fn rest(series: &mut Series, kind: Kind, value: f64, missing: i64, moment: impl Fn(i64) -> Moment) {
    let detector = series.own.get_or_insert_with(|| Box::new(Own::of(kind)));
    for bucket in (missing - MOST_RESTED).max(0)..missing {
        detector.observe(point(value, moment(bucket)));
    }
}

fn point(value: f64, moment: Moment) -> Point {
    Point { value, seconds: moment.start.div_euclid(1_000_000) }
}

/// −log10 of the probability of an alarm so strong, 0 to 10.
fn evidence(kind: Kind, judgement: Judgement) -> f64 {
    let (table, alarm) = (table(kind), judgement.alarm);
    let Some(above) = table.iter().position(|(from, _)| alarm < *from) else {
        return table.last().map_or(0.0, |(_, most)| *most);
    };
    let ((from, low), (to, high)) = (table[above.max(1) - 1], table[above.max(1)]);
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
        for kind in Kind::ALL {
            let said = |alarm: f64| evidence(kind, Judgement { alarm, ..Judgement::NOTHING });
            assert_eq!((said(0.0), said(1e9)), (0.0, 10.0));
            let rises = (0..1_000).map(|step| said(f64::from(step) * 0.5)).collect::<Vec<_>>();
            assert!(rises.is_sorted(), "{}", kind.name());
        }
        assert_eq!(evidence(Kind::Combined, Judgement { alarm: 90.0, ..Judgement::NOTHING }), 5.0);
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
    fn every_detector_that_can_be_declared_judges_and_says_why() {
        let run = |detector: &str, span: &str, step: f64, values: Vec<f64>| {
            let declared =
                DECLARED.replace("combined", detector).replace("\"n\",", &format!("\"n\",\"bucket_span\":\"{span}\","));
            let mut settings = settings(&declared);
            settings.record_from = 50.0;
            let mut feed = Feed::new(settings);
            for (at, value) in values.iter().enumerate() {
                feed.observe(&TestEvent::new(at as f64 * step, &[Value::Number(*value)]));
            }
            feed.finish()
        };
        let mut noise = Noise::new(9);
        let spike: Vec<f64> =
            (0..3_000).map(|at| if at == 2_500 { 9_000.0 } else { 400.0 + 10.0 * noise.normal() }).collect();
        let found = run("rh7_step", "1m", 60.0, spike);
        let odd = found.iter().find(|record| record.actual == 9_000.0).expect("told");
        assert!(odd.reason.contains("; unusual is its last step"), "{odd:?}");
        // each hour of the week has a value of its own; on the fifth Wednesday noon is as midnight
        let of_week = |hour: usize| 1_000.0 + ((hour % 168) * 7_919 % 500) as f64;
        let weeks =
            (0..5 * 168).map(|hour| if hour == 4 * 168 + 60 { 60_000.0 } else { of_week(hour) + (hour % 3) as f64 });
        let found = run("periods", "1h", 3_600.0, weeks.collect());
        let odd = found.iter().find(|record| record.actual == 60_000.0).expect("told");
        assert!(odd.reason.contains("; unusual is its distance from the same time in past weeks"), "{odd:?}");
        // notes of one melody, in an order that it does not have
        let note = |at: usize| 100.0 + ((at % 40 * 29) % 23) as f64 * 50.0;
        let odd = |at: usize| 100.0 + ((at % 40 * 13 + 7) % 23) as f64 * 50.0;
        let mut played = |at: usize| {
            let note = if (4_500..4_520).contains(&at) { odd(at) } else { note(at) };
            note + 15.0 * noise.normal()
        };
        let melody: Vec<f64> = (0..5_000).map(&mut played).collect();
        for (detector, words) in [("shapes", "sequence of last values"), ("htm", "sequence, which was not foretold")] {
            // whatever its height: a note may be told on either side of what is expected of the hour
            let found = run(detector, "1m", 60.0, melody.clone());
            let late = found
                .iter()
                .filter(|record| record.start.seconds() >= super::super::harness::MONDAY as i64 + 3_000 * 60);
            let late: Vec<&AnomalyRecord> = late.collect();
            assert!(
                !late.is_empty() && late.iter().all(|record| record.reason.contains(words)),
                "{detector}: {found:?}"
            );
        }
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
