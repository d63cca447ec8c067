//! What holds of every detector of points, tested for each; and where saved state is bounded, by how much.

use super::{Detector, Judgement, Kind, Point};
use crate::anomaly::codec::{Reader, Writer};
use crate::anomaly::harness::Noise;

const POINTS: usize = 6_000;
/// As many as a detector is shown whose points cost microseconds.
const FEWER: usize = 2_400;

/// A day's wave with noise, spikes, a level shift and a gap in time.
fn series(seed: u64) -> Vec<Point> {
    let mut noise = Noise::new(seed);
    (0..POINTS)
        .map(|at| {
            let wave = 100.0 + 50.0 * (at as f64 / 288.0 * std::f64::consts::TAU).sin();
            let spike = if at % 1_700 == 1_699 { 400.0 } else { 0.0 };
            let shift = if at > 4_000 { 80.0 } else { 0.0 };
            let gap = if at > 3_000 { 40 * 86_400 } else { 0 };
            Point { value: wave + spike + shift + 5.0 * noise.normal(), seconds: 1_700_000_000 + at as i64 * 300 + gap }
        })
        .collect()
}

fn judged(detector: &mut dyn Detector, points: &[Point]) -> Vec<Judgement> {
    points.iter().map(|point| detector.observe(*point)).collect()
}

fn saved(detector: &dyn Detector) -> Vec<u8> {
    let mut out = Writer::default();
    detector.save(&mut out);
    out.finish()
}

/// So much of a series as a detector is shown.
fn shown(kind: Kind, points: &[Point]) -> &[Point] {
    if kind == Kind::Htm { &points[..FEWER] } else { points }
}

/// The bytes of a series' state, at most.
fn bound(kind: Kind) -> usize {
    match kind {
        Kind::Combined => 4_096,
        Kind::Rh7Step => 19_000,
        Kind::Robust => 2_200,
        Kind::Periods => 14_000,
        Kind::Shapes => 5_600,
        Kind::Htm => 50_000,
    }
}

#[test]
fn no_detector_is_forgotten_here() {
    let schema = serde_json::to_value(schemars::schema_for!(Kind)).expect("a schema is JSON");
    let variants = schema["oneOf"].as_array().expect("one schema a variant").len();
    assert_eq!(Kind::ALL.len(), variants);
    assert!(Kind::ALL.iter().enumerate().all(|(place, kind)| !Kind::ALL[..place].contains(kind)));
}

#[test]
fn output_on_a_prefix_is_a_prefix_of_the_output() {
    let points = series(1);
    for kind in Kind::ALL {
        let points = shown(kind, &points);
        let whole = judged(kind.start(true).as_mut(), points);
        for cut in [1, 2, 150, 257, points.len() * 2 / 3] {
            let prefix = judged(kind.start(true).as_mut(), &points[..cut]);
            assert_eq!(prefix, whole[..cut], "{} at {cut}", kind.name());
        }
    }
}

#[test]
fn a_loaded_detector_goes_on_to_the_digit() {
    let points = series(2);
    for kind in Kind::ALL {
        let points = shown(kind, &points);
        for (timed, cut) in [(true, 0), (true, 1), (false, 300), (true, points.len() * 3 / 4)] {
            let mut one = kind.start(timed);
            judged(one.as_mut(), &points[..cut]);
            let bytes = saved(one.as_ref());
            let mut input = Reader::new(&bytes);
            let mut other = kind.load(&mut input).expect("just saved");
            assert!(input.is_empty(), "{}", kind.name());
            assert_eq!(judged(one.as_mut(), &points[cut..]), judged(other.as_mut(), &points[cut..]), "{}", kind.name());
            assert_eq!(saved(one.as_ref()), saved(other.as_ref()));
        }
    }
}

#[test]
fn bytes_that_end_too_early_are_refused() {
    for kind in Kind::ALL {
        let mut detector = kind.start(true);
        judged(detector.as_mut(), &series(3)[..2_000]);
        let bytes = saved(detector.as_ref());
        for length in (0..bytes.len()).step_by(97) {
            assert!(kind.load(&mut Reader::new(&bytes[..length])).is_err(), "{} at {length}", kind.name());
        }
    }
}

#[test]
fn no_input_grows_the_state_or_makes_a_judgement_that_is_no_number() {
    let mut noise = Noise::new(4);
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, 1e12, -1e12, 0.0, -0.0, 1e-300];
    for kind in Kind::ALL {
        let mut detector = kind.start(true);
        for at in 0..if kind == Kind::Htm { 3_000_i64 } else { 8_000 } {
            let value = if noise.uniform() < 0.1 { odd[noise.below(10) as usize] } else { 10.0 * noise.normal() };
            // times that are doubled, unordered and far apart
            let seconds = match at % 50 {
                0 => i64::MIN,
                1 => i64::MAX,
                2 => at * 10_000_000,
                _ => at / 2 * 60,
            };
            let judgement = detector.observe(Point { value, seconds });
            assert!(judgement.raw.is_finite() && judgement.raw >= 0.0, "{} {value}: {judgement:?}", kind.name());
            assert!(judgement.alarm.is_finite() && judgement.alarm <= judgement.raw);
        }
        let bytes = saved(detector.as_ref()).len();
        assert!(bytes <= bound(kind), "{}: {bytes} bytes", kind.name());
    }
}

#[test]
fn a_value_that_is_no_number_is_not_learnt() {
    let points = series(5);
    for kind in Kind::ALL {
        let (mut clean, mut mixed) = (kind.start(true), kind.start(true));
        for point in &points[..2_000] {
            assert_eq!(mixed.observe(Point { value: f64::NAN, ..*point }), Judgement::NOTHING);
            assert_eq!(clean.observe(*point), mixed.observe(*point), "{}", kind.name());
        }
    }
}

#[test]
fn a_constant_series_is_never_unusual_and_the_first_change_of_it_is() {
    for kind in Kind::ALL {
        let mut detector = kind.start(true);
        let flat = |at: i64| Point { value: 42.0, seconds: at * 60 };
        assert!((0..2_000).all(|at| detector.observe(flat(at)).alarm == 0.0), "{}", kind.name());
        if matches!(kind, Kind::Periods | Kind::Shapes | Kind::Htm) {
            // two thousand minutes are no week, what never moved has no usual distance of sequences, and one surprise is none
            continue;
        }
        let changed = detector.observe(Point { value: 4.2e12, seconds: 2_000 * 60 });
        assert!(changed.alarm > 0.0, "{}", kind.name());
    }
}

#[test]
fn a_spike_in_noise_is_told_and_the_noise_is_not() {
    // what cannot be foretold says nothing to a memory that foretells
    for kind in Kind::ALL.into_iter().filter(|kind| !matches!(kind, Kind::Periods | Kind::Htm)) {
        let mut noise = Noise::new(6);
        let mut detector = kind.start(true);
        let mut told = 0;
        for at in 0..5_000 {
            let value = if at == 4_000 { 2_000.0 } else { 500.0 + 20.0 * noise.normal() };
            let judgement = detector.observe(Point { value, seconds: at * 300 });
            let is_told = judgement.alarm >= if kind == Kind::Robust { 3.0 } else { 5.0 };
            // a series that is still new to the detector is told of a little more often
            told += usize::from(is_told && at > 1_000);
            assert!(at != 4_000 || is_told, "{}: {judgement:?}", kind.name());
        }
        assert!(told <= 5, "{}: {told} alarms", kind.name());
    }
}
