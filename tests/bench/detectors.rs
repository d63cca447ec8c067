//! What a point costs each detector of anomalies, and what a series takes, quiet and busy.

use oversight::anomaly::Writer;
use oversight::anomaly::points::{Detector, Kind, Point};

/// How many series are judged in turn: as many as fit the caches, and far more.
const SERIES: [usize; 2] = [1, 2_000];
/// Points judged for one figure: of many series each is then five hundred points old.
const POINTS: usize = 1_000_000;
/// The seconds between two points.
const STEP: i64 = 300;

/// Prints nanoseconds a point (one thread) and bytes a series, saved.
pub fn print() {
    println!("detectors: one thread (its CPU time), a day's wave with noise, {STEP} s between points");
    for kind in Kind::ALL {
        let costs = SERIES.map(|series| cost(kind, series));
        let [(alone, bytes), (many, _)] = costs;
        println!(
            "{:>12}: {alone:>6.0} ns a point alone, {many:>6.0} ns with {} series in turn; {bytes} bytes saved a series",
            kind.name(),
            SERIES[1]
        );
    }
}

/// Nanoseconds a point, and the bytes of one series saved.
fn cost(kind: Kind, count: usize) -> (f64, usize) {
    let mut series: Vec<Box<dyn Detector>> = (0..count).map(|_| kind.start(true)).collect();
    let rounds = POINTS / count;
    let points: Vec<Point> = (0..rounds).map(point).collect();
    let started = super::series::cpu();
    for point in &points {
        for detector in &mut series {
            std::hint::black_box(detector.observe(*point));
        }
    }
    let nanos = (super::series::cpu() - started).as_nanos() as f64 / (rounds * count) as f64;
    let mut out = Writer::default();
    series[0].save(&mut out);
    (nanos, out.finish().len())
}

fn point(at: usize) -> Point {
    // a fixed shuffle of small numbers is noise enough
    let noise = (at.wrapping_mul(2_654_435_761) >> 7) % 1_000;
    let wave = 500.0 * (at as f64 / 288.0 * std::f64::consts::TAU).sin();
    Point { value: 2_000.0 + wave + noise as f64 / 10.0, seconds: at as i64 * STEP }
}
