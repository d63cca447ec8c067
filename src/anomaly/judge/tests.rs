//! Noise of many kinds gives few alarms; spikes, dips and steps are told.

use super::super::fields::Value;
use super::super::harness::{Feed, Noise, TestEvent, settings};
use super::super::record::AnomalyRecord;
use super::*;

/// One series of bucket values, given as one event per minute with the value as its amount.
fn alarms(values: impl Iterator<Item = f64>, direction: &str) -> Vec<AnomalyRecord> {
    let declared =
        format!(r#"[{{"name":"n","function":"sum","field":"v","direction":"{direction}","gap":"unknown"}}]"#);
    let mut feed = Feed::new(settings(&declared));
    for (minute, value) in values.enumerate() {
        feed.observe(&TestEvent::new(minute as f64 * 60.0, &[Value::Number(value)]));
    }
    feed.finish()
}

const BUCKETS: usize = 100_000;

/// Records per 10,000 buckets, each of five seeds alone.
fn false_alarms(mut next: impl FnMut(&mut Noise, usize) -> f64) -> f64 {
    let found: usize = (0..5)
        .map(|seed| {
            let mut noise = Noise::new(seed);
            alarms((0..BUCKETS / 5).map(|n| next(&mut noise, n)), "both").len()
        })
        .sum();
    found as f64 * 10_000.0 / BUCKETS as f64
}

fn wave(minute: usize) -> f64 {
    1.0 + 0.8 * (minute as f64 / 1440.0 * std::f64::consts::TAU).sin()
}

#[test]
fn stationary_and_seasonal_noise_give_few_false_alarms() {
    let mut bursty_until = 0;
    let told = [
        ("poisson 0.2", false_alarms(|noise, _| noise.poisson(0.2))),
        ("poisson 3", false_alarms(|noise, _| noise.poisson(3.0))),
        ("poisson 400", false_alarms(|noise, _| noise.poisson(400.0))),
        (
            "negative binomial",
            false_alarms(|noise, _| {
                let mean = 20.0 * noise.gamma(2.0) / 2.0;
                noise.poisson(mean)
            }),
        ),
        ("lognormal", false_alarms(|noise, _| (12.0 + 1.5 * noise.normal()).exp())),
        ("seasonal", false_alarms(|noise, n| noise.poisson(50.0 * wave(n)))),
        (
            "bursty",
            false_alarms(|noise, n| {
                if noise.uniform() < 0.01 {
                    bursty_until = n + 1 + noise.below(5) as usize;
                }
                noise.poisson(if n < bursty_until { 200.0 } else { 10.0 })
            }),
        ),
    ];
    println!("false alarms per 10,000 buckets: {told:?}");
    for (name, rate) in told {
        // a burst is no false alarm in the strict sense; those of one series soon become usual
        let most = if name == "bursty" { 3.0 } else { 1.0 };
        assert!(rate <= most, "{name}: {rate} false alarms per 10,000 buckets");
    }
}

#[test]
fn entities_of_very_different_size_give_few_false_alarms_old_and_new() {
    let declared = r#"[{"name":"n","over":["who"],"function":"sum","field":"v"}]"#;
    let mut noise = Noise::new(6);
    let means: Vec<f64> = (0..400).map(|_| (2.0 + 1.5 * noise.normal()).exp()).collect();
    let mut feed = Feed::new(settings(declared));
    let mut buckets = 0;
    for minute in 0..250 {
        for (who, mean) in means.iter().enumerate() {
            // every second entity comes late and stays 20 minutes
            let from = if who % 2 == 0 { 0 } else { who / 2 };
            if minute < from || (who % 2 == 1 && minute > from + 20) {
                continue;
            }
            let values = [Value::Number(who as f64), Value::Number(noise.poisson(*mean))];
            feed.observe(&TestEvent::new(minute as f64 * 60.0, &values));
            buckets += 1;
        }
    }
    let found = feed.finish().len();
    let rate = found as f64 * 10_000.0 / f64::from(buckets);
    println!("{found} false alarms in {buckets} buckets of 400 entities");
    assert!(rate <= 2.0, "{rate} false alarms per 10,000 buckets");
}

#[test]
fn spikes_and_dips_are_found_in_noise() {
    let mut noise = Noise::new(9);
    let values = (0..2_000).map(|n| match n {
        1_000 => 200.0,
        1_500 => 0.0,
        _ => noise.poisson(40.0),
    });
    let found: Vec<(Side, f64)> = alarms(values, "both").iter().map(|record| (record.side, record.actual)).collect();
    assert_eq!(found, [(Side::High, 200.0), (Side::Low, 0.0)]);
}

#[test]
fn a_direction_that_is_not_declared_is_not_told() {
    let values = |seed| {
        let mut noise = Noise::new(seed);
        (0..2_000).map(move |n| if n == 1_000 { 0.0 } else { noise.poisson(40.0) })
    };
    assert!(alarms(values(1), "high").is_empty());
    assert_eq!(alarms(values(1), "low").len(), 1);
}

#[test]
fn a_step_of_a_thousand_billion_is_told_and_then_becomes_usual() {
    let mut noise = Noise::new(4);
    let values = (0..3_000).map(|n| noise.poisson(40.0) + if n >= 1_000 { 1e12 } else { 0.0 });
    let found = alarms(values, "high");
    assert!(!found.is_empty() && found.len() < 60, "{}", found.len());
    let last = found.last().expect("one at least");
    assert!(last.start.seconds() < super::super::harness::MONDAY as i64 + 1_200 * 60, "{last:?}");
}

#[test]
fn a_night_as_quiet_as_every_night_is_no_dip_but_a_quiet_noon_is() {
    let mut noise = Noise::new(5);
    // ten days; at noon of the tenth the traffic of the night
    let noon = 9 * 1440 + 360;
    let values = (0..14_400).map(|n| if n == noon { 15.0 } else { noise.poisson(100.0 * wave(n)) });
    let found: Vec<i64> = alarms(values, "low")
        .iter()
        .map(|record| (record.start.seconds() - super::super::harness::MONDAY as i64) / 60)
        .filter(|minute| *minute > 4 * 1440)
        .collect();
    assert_eq!(found, [noon as i64]);
}

#[test]
fn the_minimum_deviation_silences_what_is_unusual_but_small() {
    let declared = |least: u32| {
        format!(r#"[{{"name":"n","function":"sum","field":"v","direction":"high","minimum_deviation":{least}}}]"#)
    };
    let found = |least: u32| {
        let mut feed = Feed::new(settings(&declared(least)));
        for minute in 0..300 {
            let value = if minute == 200 { 30.0 } else { f64::from(minute % 2) };
            feed.observe(&TestEvent::new(f64::from(minute) * 60.0, &[Value::Number(value)]));
        }
        feed.finish().len()
    };
    assert_eq!((found(10), found(50)), (1, 0));
}
