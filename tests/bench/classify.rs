//! The classifier alone: what a verdict costs by the size of the batch, what novelty adds, what it costs to watch for drift, and
//! what an explanation costs.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use oversight::classify::novelty::Novelty;
use oversight::classify::{self, Explain, Explained, LoadedModel, ModelSource, Models};
use oversight::clock::Clock;
use oversight::event::annotated::Classification;
use oversight::features::{FeatureVector, Gatherer, Matrix, Meter, Settings, Windows};
use oversight::models::{Observed, Watch};
use oversight::normalise::Normaliser;
use oversight::simulate::{self, Traffic};

/// Events that are judged again and again.
const EVENTS: usize = 4096;
const BATCHES: [usize; 3] = [1, 16, 256];

/// What a connection of live traffic costs from its parsed event to its verdict: measured (the 41 and the flow features) and judged by the
/// model `flow`, in batches of 256; and how much of that is measuring.
pub fn live(length: Duration) {
    classify::init_runtime();
    let model = classify::load(&ModelSource::Builtin("flow".to_owned())).expect("it ships");
    let events: Vec<String> =
        Traffic::new(simulate::Settings::default()).take(EVENTS).map(|event| event.json).collect();
    let mut normaliser = Normaliser::new(&[]);
    let views: Vec<_> = events.iter().map(|event| normaliser.read(event.as_bytes()).expect("JSON")).collect();
    let (mut classifier, mut out) = (model.classifier_with(Explain::NEVER), Vec::with_capacity(256));
    let (mut gatherer, mut rows) = (Gatherer::new(Arc::clone(model.space()), 0), Matrix::new(model.space().shape()));
    let mut meter = Meter::default();
    let mut run = |judging: bool| {
        micros_each(length, views.chunks_exact(256).cycle(), |views| {
            rows.clear();
            out.clear();
            for view in views {
                let measured = meter.measure(view).expect("a connection");
                gatherer.gather(Some(&measured.features), measured.flow.as_ref(), Some(view), &mut rows);
            }
            if judging {
                classifier.classify(&rows, &mut out).expect("the network runs");
            }
            black_box((&rows, &out));
            views.len()
        })
    };
    let (whole, measuring) = (run(true), run(false));
    println!("live connections in batches of 256: {whole:.2} µs from event to verdict, {measuring:.2} of them measuring");
}

/// Measures the model in a folder, or the one that ships, and prints, each figure for about `length`.
pub fn measure(folder: Option<&Path>, length: Duration) {
    classify::init_runtime();
    let builtin = || ModelSource::Builtin("kdd99".to_owned());
    let source = folder.map_or_else(builtin, |folder| ModelSource::Folder(folder.to_owned()));
    let model = Arc::new(classify::load(&source).expect("a sound model of the 41 features"));
    let events = events();
    let novelty = novelty_alone(&model, &events, length);
    println!("classifier alone, microseconds an event");
    println!(
        "                                             verdict  without novelty  to batches of 256  watching for drift"
    );
    let times = BATCHES.map(|batch| verdicts(&model, &events, batch, length));
    for (batch, time) in BATCHES.into_iter().zip(times) {
        let (ratio, watch) = (time / times[BATCHES.len() - 1], watching(&model, &events, batch, length));
        println!(
            "  batches of {batch:<4}                          {time:>8.2} {:>16.2} {ratio:>18.1} {watch:>19.3}",
            time - novelty
        );
    }
    let attacks = attacks(&model, &events);
    if attacks.is_empty() {
        println!("  no event is an attack: explanations were not measured");
        return;
    }
    let one = Explain { verdicts: Explained::Attacks, per_batch: 1, counterfactuals: false, ..Explain::default() };
    let plain = explained(&model, &attacks, Explain::NEVER, length);
    for (name, explain) in [("", one), (" and counterfactual", Explain { counterfactuals: true, ..one })] {
        let time = explained(&model, &attacks, explain, length) - plain;
        let events = time / times[BATCHES.len() - 1];
        println!("  explanation{name:<20}         {time:>8.1} µs, as much as judging {events:.0} events");
    }
}

/// Feature vectors of made-up traffic.
fn events() -> Vec<FeatureVector> {
    let (mut normaliser, mut windows) = (Normaliser::new(&[]), Windows::new(&Settings::default()));
    let mut vectors = Vec::with_capacity(EVENTS);
    for event in Traffic::new(simulate::Settings::default()).step_by(7) {
        let view = normaliser.read(event.json.as_bytes()).expect("made-up events are JSON");
        let time = view.time.expect("they have a time");
        vectors.extend(windows.measure(&view.record, time));
        normaliser.recycle(view);
        if vectors.len() == EVENTS {
            break;
        }
    }
    vectors
}

fn rows(events: &[FeatureVector]) -> Matrix {
    events.iter().copied().collect()
}

/// Microseconds an event, in batches of this size.
fn verdicts(model: &LoadedModel, events: &[FeatureVector], batch: usize, length: Duration) -> f64 {
    let mut classifier = model.classifier_with(Explain::NEVER);
    let mut out: Vec<Classification> = Vec::with_capacity(batch);
    let batches: Vec<Matrix> = events.chunks_exact(batch).map(rows).collect();
    micros_each(length, batches.iter().cycle(), |events| {
        out.clear();
        classifier.classify(events, &mut out).expect("the network runs");
        black_box(&out);
        events.len()
    })
}

/// Microseconds an event for counting what the model is shown, beside the verdicts.
fn watching(model: &Arc<LoadedModel>, events: &[FeatureVector], batch: usize, length: Duration) -> f64 {
    let models = Models { active: Arc::clone(model), shadow: None };
    let observed = Observed::new(&models, Duration::from_secs(3600), Clock::system());
    let mut watch = Watch::new(Arc::new(observed), Clock::system());
    let batches: Vec<Matrix> = events.chunks_exact(batch).map(rows).collect();
    micros_each(length, batches.iter().cycle(), |events| {
        watch.inputs(model, events);
        watch.tick();
        events.len()
    })
}

/// Microseconds that one look-up of novelty takes.
fn novelty_alone(model: &LoadedModel, events: &[FeatureVector], length: Duration) -> f64 {
    let novelty = Novelty::new(&model.card().novelty);
    let energies = events.iter().map(|event| event.numeric[0].clamp(-50.0, 50.0)).collect::<Vec<f32>>();
    micros_each(length, energies.chunks(256).cycle(), |energies| {
        for energy in energies {
            black_box(novelty.of_energy(black_box(*energy)));
        }
        energies.len()
    })
}

/// One event of each class of attack.
fn attacks(model: &LoadedModel, events: &[FeatureVector]) -> Vec<FeatureVector> {
    let mut verdicts = Vec::new();
    model.classifier_with(Explain::NEVER).classify(&rows(events), &mut verdicts).expect("the network runs");
    let mut found: Vec<(u16, FeatureVector)> = Vec::new();
    for (event, verdict) in events.iter().zip(&verdicts) {
        if verdict.verdict.is_alarm() && found.iter().all(|(label, _)| *label != verdict.label) {
            found.push((verdict.label, *event));
        }
    }
    found.into_iter().map(|(_, event)| event).collect()
}

/// Microseconds for one attack, judged alone and explained so.
fn explained(model: &LoadedModel, attacks: &[FeatureVector], explain: Explain, length: Duration) -> f64 {
    let mut classifier = model.classifier_with(explain);
    let mut out = Vec::new();
    let attacks: Vec<Matrix> = attacks.chunks(1).map(rows).collect();
    micros_each(length, attacks.iter().cycle(), |event| {
        out.clear();
        classifier.classify(event, &mut out).expect("the network runs");
        black_box(&out);
        1
    })
}

/// Does `work`, which says how many it did, on one thing after the other, a fifth of the time to get warm.
fn micros_each<T>(length: Duration, mut things: impl Iterator<Item = T>, mut work: impl FnMut(T) -> usize) -> f64 {
    let mut run = |length: Duration| {
        let (started, mut done) = (Instant::now(), 0);
        while started.elapsed() < length {
            done += work(things.next().expect("things go round"));
        }
        started.elapsed().as_secs_f64() * 1e6 / done as f64
    };
    run(length / 5);
    run(length)
}
