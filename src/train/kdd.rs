//! Training on a KDD-99 file, from its lines to the checked model folder.

use std::path::Path;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::dataset::{Dataset, FREQUENT_FROM, Part, Row};
use super::fit::{Fitted, fit, network_of};
use super::measure::{Classes, Outputs, View, area};
use super::{LeftOut, Progress, Report, Settings, TrainError, export};
use crate::classify::calibrate::fit_temperature;
use crate::classify::card::{
    Calibration, Card, ClassCounts, Decision, DecisionRule, EncodingCard, FORMAT, LabelCard, NumericCard, Quality,
    Schema, Training, WeightsCard,
};
use crate::classify::check::needed_tensors;
use crate::classify::drift;
use crate::classify::encode::{Curve, Encoding, Scale};
use crate::classify::labels::{COSTS, label_of};
use crate::classify::network::Network;
use crate::classify::novelty::{self, Novelty};
use crate::classify::quality::category_names;
use crate::classify::{LoadedModel, weights};
use crate::event::annotated::TOP;
use crate::features::{NAMES, NUMERIC, name_of_numeric};

/// Scaled values are held within ± this.
const LIMIT: f32 = 10.0;
/// Deviations are taken to be at least this: a feature that hardly varies in training must not drown the others.
const LEAST_DEVIATION: f64 = 0.05;

/// Trains a model on a KDD-99 file and writes its folder.
///
/// # Errors
/// When the data cannot be read, a setting is impossible, training goes astray or the folder cannot be written.
pub fn kdd99(settings: &Settings, progress: &mut dyn FnMut(Progress)) -> Result<Report, TrainError> {
    check(settings)?;
    let mut dataset = Dataset::read(&settings.data, settings.seed)?;
    progress(Progress::Read { records: dataset.records, distinct: dataset.rows.len() as u64 });
    let left_out = leave_out(&mut dataset, &settings.leave_out);
    enough(&dataset)?;
    let encoding_card = encoding_card(&dataset);
    let encoding = encoding_of(&encoding_card);
    let mut random = ChaCha8Rng::seed_from_u64(settings.seed);
    let fitted = fit(&dataset, &encoding, settings, &mut random, progress)?;
    let network = Network::new(&fitted.weights)?;
    let file = weights::write(&fitted.weights);
    let card = card(settings, &dataset, encoding_card, &fitted, &network, &file)?;
    let json = card.to_json();
    LoadedModel::from_files(&settings.output, &json, &file)?;
    export::write(&settings.output, &json, &file)?;
    let left_out = judge_left_out(&left_out, &card, &encoding, &network, &dataset)?;
    Ok(Report { folder: settings.output.clone(), card, left_out })
}

fn check(settings: &Settings) -> Result<(), TrainError> {
    let demand = |holds: bool, setting: &'static str, what: &str| {
        if holds { Ok(()) } else { Err(TrainError::Setting { setting, what: what.to_owned() }) }
    };
    let share = |value: f64| (0.0..=1.0).contains(&value);
    demand(settings.batch > 0, "batch", "must be at least 1")?;
    demand(settings.threads > 0, "threads", "must be at least 1")?;
    demand(settings.epochs > 0, "epochs", "must be at least 1")?;
    demand(
        !settings.hidden.is_empty() && !settings.hidden.contains(&0),
        "hidden",
        "needs layers of at least one unit",
    )?;
    demand(settings.rate.is_finite() && settings.rate > 0.0, "rate", "must be a positive number")?;
    demand(settings.decay.is_finite() && settings.decay >= 0.0, "decay", "must not be negative")?;
    demand(share(settings.class_power), "class_power", "must be within 0 and 1")?;
    demand(share(settings.repeat_power), "repeat_power", "must be within 0 and 1")?;
    demand(share(settings.mask_content), "mask_content", "must be within 0 and 1")?;
    demand(share(settings.mask_single), "mask_single", "must be within 0 and 1")
}

/// Takes the rows of these classes out of the data and gives them back by class.
fn leave_out(dataset: &mut Dataset, classes: &[String]) -> Vec<(String, Vec<Row>)> {
    let (gone, kept): (Vec<Row>, Vec<Row>) = std::mem::take(&mut dataset.rows)
        .into_iter()
        .partition(|row| classes.contains(&dataset.labels[usize::from(row.label)]));
    let names = std::mem::take(&mut dataset.labels);
    dataset.labels = names.iter().filter(|name| !classes.contains(name)).cloned().collect();
    let place = |row: &Row| dataset.labels.binary_search(&names[usize::from(row.label)]).expect("kept");
    let renamed = |row: Row| Row { label: u16::try_from(place(&row)).expect("few labels"), ..row };
    dataset.rows = kept.into_iter().map(renamed).collect();
    let of_class = |(number, name): (usize, &String)| {
        let rows: Vec<Row> = gone.iter().filter(|row| usize::from(row.label) == number).cloned().collect();
        (!rows.is_empty()).then(|| (name.clone(), rows))
    };
    names.iter().enumerate().filter_map(of_class).collect()
}

fn enough(dataset: &Dataset) -> Result<(), TrainError> {
    let lacking = |what: String| Err(TrainError::TooLittle { file: dataset.file.clone(), what });
    if dataset.labels.len() < TOP {
        return lacking(format!("{} classes, at least {TOP} are needed", dataset.labels.len()));
    }
    if !dataset.labels.iter().any(|name| name == "normal") {
        return lacking("no normal rows".to_owned());
    }
    for part in [Part::Training, Part::Validation, Part::Test] {
        if dataset.part(part).next().is_none() {
            return lacking(format!("too few distinct rows ({}) for three parts", dataset.rows.len()));
        }
    }
    Ok(())
}

/// Means and deviations of the bent numbers over the distinct training rows.
fn encoding_card(dataset: &Dataset) -> EncodingCard {
    let numeric = (0..NUMERIC).map(|place| {
        let curve = Curve::of(place);
        let known = || dataset.part(Part::Training).map(|row| row.features.numeric[place]).filter(|v| v.is_finite());
        let values = || known().map(|value| f64::from(curve.bend(value)));
        let count = values().count().max(1) as f64;
        let mean = values().sum::<f64>() / count;
        let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        NumericCard {
            feature: NAMES[name_of_numeric(place)].to_owned(),
            curve,
            mean: mean as f32,
            deviation: variance.sqrt().max(LEAST_DEVIATION) as f32,
        }
    });
    EncodingCard {
        limit: LIMIT,
        numeric: numeric.collect(),
        meaning: "inputs: the scaled numbers (0 where missing), a flag for each that is 1 where it is missing, then \
                  one-hot protocol_type, service and flag, each with two more places: unknown and missing"
            .to_owned(),
    }
}

fn encoding_of(card: &EncodingCard) -> Encoding {
    let scale = |place: usize| {
        let numeric = &card.numeric[place];
        Scale { curve: numeric.curve, mean: numeric.mean, factor: 1.0 / numeric.deviation }
    };
    Encoding::new(std::array::from_fn(scale), card.limit)
}

fn card(
    settings: &Settings,
    dataset: &Dataset,
    encoding_card: EncodingCard,
    fitted: &Fitted,
    network: &Network,
    file: &[u8],
) -> Result<Card, TrainError> {
    let encoding = encoding_of(&encoding_card);
    let needs_content = dataset.needs_content();
    let outputs = |part, view| Outputs::of(network, &encoding, dataset.part(part), view, &needs_content);
    // what cannot be told without content says nothing about how sure the rest is
    let tellable = dataset.part(Part::Validation).filter(|row| !needs_content[usize::from(row.label)]);
    let partial = Outputs::of(network, &encoding, tellable, View::ContentMissing, &needs_content)?;
    let validation = outputs(Part::Validation, View::Whole)?.and(partial);
    let temperature = fit_temperature(&validation.logits, validation.width, &validation.labels);
    let energies: Vec<f32> = validation.verdicts(temperature).map(|(energy, _)| energy).collect();
    let frequent = dataset.frequent();
    let classes = Classes { names: &dataset.labels, frequent: &frequent };
    let sizes = network_of(settings, dataset.labels.len());
    let known = |name: &String| LabelCard::from(label_of(name).expect("reading takes only known labels"));
    Ok(Card {
        format: FORMAT,
        name: settings.name.clone(),
        version: settings.version.clone(),
        description: "tells the attacks of the KDD Cup 1999 data from each other and from normal connections"
            .to_owned(),
        schema: Schema::current(),
        encoding: encoding_card,
        weights: WeightsCard { blake3: blake3::hash(file).to_hex().to_string(), tensors: needed_tensors(&sizes) },
        network: sizes,
        labels: dataset.labels.iter().map(known).collect(),
        calibration: Calibration { temperature },
        novelty: novelty::fit(&energies),
        decision: Decision {
            rule: DecisionRule::ArgMax,
            categories: category_names(),
            costs: COSTS.map(|row| row.to_vec()).to_vec(),
        },
        training: training(settings, dataset, fitted),
        quality: Quality {
            whole: outputs(Part::Test, View::Whole)?.figures(classes, temperature),
            content_missing: outputs(Part::Test, View::ContentMissing)?.figures(classes, temperature),
            frequent_from: FREQUENT_FROM,
        },
        drift: Some(drift::measure(dataset.part(Part::Training).map(|row| (&row.features, row.count)))),
    })
}

fn training(settings: &Settings, dataset: &Dataset, fitted: &Fitted) -> Training {
    let counts = |(place, label): (usize, &String)| {
        let rows = || dataset.rows.iter().filter(|row| usize::from(row.label) == place);
        let in_part = |part| rows().filter(|row| row.part == part).count() as u64;
        ClassCounts {
            label: label.clone(),
            records: rows().map(|row| row.count).sum(),
            distinct: rows().count() as u64,
            training: in_part(Part::Training),
            validation: in_part(Part::Validation),
            test: in_part(Part::Test),
        }
    };
    let name = dataset.file.file_name().unwrap_or_else(|| Path::new("").as_os_str());
    Training {
        data: name.to_string_lossy().into_owned(),
        blake3: dataset.blake3.clone(),
        records: dataset.records,
        distinct: dataset.rows.len() as u64,
        split: "per class by a seeded hash of the 41 features: 20 % of the distinct rows test, 15 % validation, the \
                rest training; equal rows lie in one part"
            .to_owned(),
        seed: settings.seed,
        settings: [
            ("batch", settings.batch as f64),
            ("rate", settings.rate),
            ("decay", settings.decay),
            ("threads", f64::from(settings.threads)),
            ("class_power", settings.class_power),
            ("repeat_power", settings.repeat_power),
            ("mask_content", settings.mask_content),
            ("mask_single", settings.mask_single),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into(),
        epochs: settings.epochs,
        best_epoch: fitted.best_epoch,
        classes: dataset.labels.iter().enumerate().map(counts).collect(),
    }
}

fn judge_left_out(
    left_out: &[(String, Vec<Row>)],
    card: &Card,
    encoding: &Encoding,
    network: &Network,
    dataset: &Dataset,
) -> Result<Vec<LeftOut>, TrainError> {
    let novelty = Novelty::new(&card.novelty);
    let temperature = card.calibration.temperature;
    let needs_content = card.needs_content();
    let is_normal = |class: usize| card.labels[class].category == "normal";
    let seen = Outputs::of(network, encoding, dataset.part(Part::Test), View::Whole, &needs_content)?;
    let seen: Vec<f32> = seen.verdicts(temperature).map(|(energy, _)| -energy).collect();
    let mut found = Vec::new();
    for (label, rows) in left_out {
        let outputs = Outputs::of(network, encoding, rows.iter(), View::Whole, &needs_content)?;
        let verdicts: Vec<(f32, usize)> = outputs.verdicts(temperature).collect();
        let unlike: Vec<f32> = verdicts.iter().map(|(energy, _)| -energy).collect();
        let ordinary = |energy: f32| novelty.of_energy(energy).value() < 0.99;
        let share = |count: usize| count as f64 / rows.len() as f64;
        let normal = || verdicts.iter().filter(|(_, class)| is_normal(*class));
        found.push(LeftOut {
            label: label.clone(),
            rows: rows.len() as u64,
            normal: share(normal().count()),
            normal_and_ordinary: share(normal().filter(|(energy, _)| ordinary(*energy)).count()),
            novelty_auc: area(&unlike, &seen),
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::PathBuf;

    use super::*;
    use crate::classify::{ModelSource, load};

    /// Three classes that the bytes and the service tell apart, 60 rows each.
    fn data() -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        for row in 0..60 {
            for (label, head) in [
                ("normal", format!("0,tcp,http,SF,{},{}", 200 + row, 4000 + 7 * row)),
                ("smurf", format!("0,icmp,ecr_i,SF,{},0", 1000 + row)),
                ("neptune", format!("0,tcp,private,S0,0,{row}")),
            ] {
                let tail = "0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,8,8,0,0,0,0,1,0,0,9,9,1,0,0.11,0,0,0,0,0";
                writeln!(file, "{head},{tail},{label}.").expect("written");
            }
        }
        file
    }

    fn settings(data: PathBuf, output: PathBuf) -> Settings {
        Settings { epochs: 30, batch: 32, hidden: vec![16, 8], ..Settings::new(data, output) }
    }

    #[test]
    fn a_small_file_is_learned_and_the_same_again_gives_the_same_bytes() {
        let (data, place) = (data(), tempfile::tempdir().expect("a folder"));
        let train = |name: &str| {
            let settings = settings(data.path().to_owned(), place.path().join(name));
            kdd99(&settings, &mut |_| {}).expect("trained")
        };
        let (one, two) = (train("one"), train("two"));
        assert_eq!(one.card, two.card);
        for file in ["card.json", "weights.safetensors"] {
            let content = |name: &str| std::fs::read(place.path().join(name).join(file)).expect("there");
            assert_eq!(content("one"), content("two"), "{file}");
        }
        assert!(one.card.quality.whole.distinct.accuracy > 0.95, "{:?}", one.card.quality.whole.distinct);
        let model = load(&ModelSource::Folder(one.folder)).expect("sound");
        assert_eq!(model.card(), &two.card);
    }

    #[test]
    fn a_class_that_is_left_out_is_no_output_and_is_reported() {
        let (data, place) = (data(), tempfile::tempdir().expect("a folder"));
        let mut settings = settings(data.path().to_owned(), place.path().join("model"));
        settings.leave_out = vec!["smurf".to_owned()];
        let fault = kdd99(&settings, &mut |_| {}).expect_err("two classes are too few").to_string();
        assert!(fault.contains("2 classes, at least 3 are needed"), "{fault}");
        assert!(!settings.output.exists(), "nothing was written");
    }

    #[test]
    fn impossible_settings_are_refused_by_name() {
        let mut settings = settings(PathBuf::from("none"), PathBuf::from("none"));
        settings.rate = 0.0;
        let fault = kdd99(&settings, &mut |_| {}).expect_err("refused").to_string();
        assert_eq!(fault, "rate: must be a positive number");
    }
}
