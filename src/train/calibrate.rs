//! What a network from elsewhere lacks, fitted to labelled data: temperature, sets, thresholds of the verdict, ranks of novelty, what is
//! usual of each feature, where the data lie, and figures on a part of the data to which none of this was fitted.
//!
//! The weights stay as they are, to the last byte. Whether the network has learnt from these very rows is not known here: if
//! it has, it is surer of them than it will be of others, and so are the figures.

use std::path::Path;
use std::sync::Arc;

use super::dataset::{Dataset, Part, Row, name_of};
use super::kdd::check;
use super::own::{self, Own};
use super::ready::Ready;
use super::trained::enough;
use super::{Progress, Report, Settings, TrainError, typical};
use crate::classify::card::{CARD_FILE, Calibration, Card, SCRIPT_FILE, WEIGHTS_FILE};
use crate::classify::declare::NORMAL;
use crate::classify::values::{set, value_of};
use crate::classify::{LoadedModel, ModelSource, drift, folder, load};
use crate::features::{Sample, Space};

/// Fits to a KDD-99 file, or to one of one's own, and writes a model folder of the same weights. Of the settings those of the
/// data, of the folder that is written, and of the thresholds count.
///
/// # Errors
/// When the model or the data cannot be read, or do not fit together, or the folder cannot be written.
pub fn calibrate(
    model: &Path,
    own: Option<&Own>,
    settings: &Settings,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, TrainError> {
    check(settings)?;
    let loaded = load(&ModelSource::Folder(model.to_owned())).map_err(TrainError::Model)?;
    let dataset = match own {
        Some(own) => own::read(own, settings)?,
        None => Dataset::read(&settings.data, settings.also.as_deref(), settings.seed)?,
    };
    progress(Progress::Read { records: dataset.records, distinct: dataset.rows.len() as u64 });
    let (dataset, left_out) = as_seen_by(&loaded, dataset)?;
    enough(&dataset)?;
    if !dataset.captures.is_empty() {
        let what = "calibration takes one file; captures are for training".to_owned();
        return Err(TrainError::Setting { setting: "captures", what });
    }
    let ready = Ready::fitted_to(&dataset, loaded.encoding().clone(), loaded.network(), None, settings)?;
    let never_seen = ready.judge_left_out(&left_out, &dataset)?;
    let rows = dataset.part(Part::Training).map(|row| (row.features.row(), row.count));
    let card = Card {
        version: settings.version.clone(),
        description: described(loaded.card(), &dataset),
        typical: typical::of_training(&dataset),
        calibration: Calibration { temperature: ready.temperature },
        quality: Some(ready.quality(&dataset, never_seen)?),
        drift: Some(drift::measure(&dataset.space, rows)),
        conformal: Some(ready.conformal),
        novelty: ready.novelty,
        open_set: Some(ready.open_set),
        ..loaded.card().clone()
    };
    write(model, &card, settings)?;
    Ok(Report { folder: settings.output.clone(), card })
}

fn described(card: &Card, dataset: &Dataset) -> String {
    let on = format!("calibrated on {} (BLAKE3 {})", name_of(&dataset.file), dataset.blake3);
    [card.description.as_str(), &on].join("; ").trim_start_matches("; ").to_owned()
}

fn write(model: &Path, card: &Card, settings: &Settings) -> Result<(), TrainError> {
    let content = |name: &str| {
        let file = model.join(name);
        std::fs::read(&file).map_err(|source| TrainError::Read { file, source })
    };
    let (json, weights) = (card.to_json(), content(WEIGHTS_FILE)?);
    let script = card.network.script.is_some().then(|| content(SCRIPT_FILE)).transpose()?.unwrap_or_default();
    LoadedModel::with_script(&settings.output, &json, &weights, &script)?;
    let mut files = vec![(CARD_FILE, json.as_slice()), (WEIGHTS_FILE, &weights)];
    if card.network.script.is_some() {
        files.push((SCRIPT_FILE, &script));
    }
    folder::write(&settings.output, &files)?;
    Ok(())
}

/// The data with the classes and in the space of the model, and the rows of labels that it lacks.
fn as_seen_by(model: &LoadedModel, mut dataset: Dataset) -> Result<(Dataset, LeftOut), TrainError> {
    let card = model.card();
    let place = |label: &str| {
        let named = card.labels.iter().position(|class| class.name == label);
        // all that is normal is one class in a spec, and may have another name in a network from elsewhere
        let normal = || card.labels.iter().position(|class| label == NORMAL && class.category == NORMAL);
        named.or_else(normal)
    };
    let strange: Vec<String> = dataset.labels.iter().filter(|label| place(label).is_none()).cloned().collect();
    let left_out = dataset.leave_out(&strange);
    let between = Between::new(&dataset.space, model.space(), &dataset)?;
    let row = |row: Row| {
        let class = place(&dataset.labels[usize::from(row.label)]).expect("others were left out");
        Row { label: u16::try_from(class).expect("few labels"), ..between.row(row) }
    };
    let rows = dataset.rows.iter().cloned().map(row).collect();
    let translated = |rows: Vec<Row>| rows.into_iter().map(|row| between.row(row)).collect();
    let left_out = left_out.into_iter().map(|(label, rows)| (label, translated(rows))).collect();
    dataset.rows = rows;
    dataset.space = Arc::clone(model.space());
    dataset.labels = card.labels.iter().map(|class| class.name.clone()).collect();
    dataset.about.classes.clone_from(&card.labels);
    dataset.about.decision = card.decision.clone();
    dataset.about.curves = card.encoding.numeric.iter().map(|numeric| numeric.curve).collect();
    // the normal rows, and all others together: an attack may have few
    let group = |category: &String| usize::from(category != NORMAL);
    dataset.about.groups = card.decision.categories.iter().map(group).collect();
    Ok((dataset, left_out))
}

/// Rows by the name of their class.
type LeftOut = Vec<(String, Vec<Row>)>;

/// From the space of the data to that of the model, feature by feature.
struct Between {
    from: Arc<Space>,
    to: Arc<Space>,
    /// For each feature of the model the place in the data.
    places: Vec<usize>,
}

impl Between {
    fn new(from: &Arc<Space>, to: &Arc<Space>, dataset: &Dataset) -> Result<Self, TrainError> {
        let place = |name: &str| from.features().iter().position(|known| known.name == name);
        let lacking = |name: &str| TrainError::TooLittle {
            file: dataset.file.clone(),
            what: format!("the model looks at '{name}', which is no feature of these data"),
        };
        let places = to.features().iter().map(|feature| place(&feature.name).ok_or_else(|| lacking(&feature.name)));
        Ok(Self { places: places.collect::<Result<_, _>>()?, from: Arc::clone(from), to: Arc::clone(to) })
    }

    fn row(&self, row: Row) -> Row {
        let mut features = Sample::missing(self.to.shape());
        for (ours, theirs) in self.places.iter().enumerate() {
            set(ours, &value_of(*theirs, &self.from, row.features.row()), &self.to, &mut features);
        }
        Row { features, ..row }
    }
}

#[cfg(test)]
mod tests {
    use tch::{CModule, Device, Kind, Tensor};

    use super::*;
    use crate::classify::import::{Recipe, import};

    const RECIPE: &str = "name: web\nversion: '1'\nlabels: [{name: normal}, {name: scan, category: probe, risk: 47}]\n\
        features:\n\
        \x20 - {name: bytes, field: http.bytes, kind: number, curve: log1p, scale: {mean: 2, deviation: 4}, missing: 0}\n\
        \x20 - {name: status, field: http.status, kind: symbol, words: ['200', '404'], encoding: one_hot}\n\
        gives: logits\n";

    const SPEC: &str = "name: web\nlabel: verdict\nnormal: [normal]\nfeatures:\n\
        \x20 - {name: bytes, field: http.bytes, kind: number, curve: log1p}\n\
        \x20 - {name: status, field: http.status, kind: symbol}\n\
        labels:\n  scan: {category: probe}\n";

    /// A TorchScript file that believes in `scan` where the status is 404, ten times surer than it should be.
    fn traced(path: &Path) {
        let weights = Tensor::from_slice(&[0.1f32, -20.0, 20.0]).unsqueeze(1);
        let mut unit = |inputs: &[Tensor]| {
            let sum = inputs[0].matmul(&weights);
            vec![Tensor::cat(&[sum.zeros_like(), sum], 1)]
        };
        let rows = Tensor::zeros([2, 3], (Kind::Float, Device::Cpu));
        CModule::create_by_tracing("Unit", "forward", &[rows], &mut unit).expect("traced").save(path).expect("saved");
    }

    /// Nine scans of ten are answered 404, and one ordinary request of ten.
    fn requests() -> String {
        let mut text = String::new();
        for row in 0..2000 {
            let (scan, strange) = (row % 2 == 1, row / 2 % 10 == 0);
            let status = if scan != strange { "404" } else { "200" };
            let verdict = if scan { "scan" } else { "normal" };
            text += &format!("{{\"http\":{{\"bytes\":{row},\"status\":\"{status}\"}},\"verdict\":\"{verdict}\"}}\n");
        }
        text
    }

    #[test]
    fn torch_script_is_calibrated_and_stays_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for (name, text) in [("recipe.yml", RECIPE), ("spec.yml", SPEC), ("rows.ndjson", &requests())] {
            std::fs::write(at(name), text).expect("written");
        }
        traced(&at("network.pt"));
        import(&at("network.pt"), &Recipe::load(&at("recipe.yml")).expect("sound"), &at("model")).expect("imported");
        let own = Own { spec: own::Spec::load(&at("spec.yml")).expect("sound"), sample: 1.0, memory: None };
        let mut settings = Settings::new(at("rows.ndjson"), at("calibrated"));
        settings.version = "2".to_owned();
        let card = calibrate(&at("model"), Some(&own), &settings, &mut |_| {}).expect("calibrated").card;
        let quality = card.quality.expect("measured").whole;
        assert!(quality.calibration_error_after < quality.calibration_error_before / 2.0, "{quality:?}");
        assert!(card.calibration.temperature > 3.0, "{}", card.calibration.temperature);
        let content = |folder: &str| std::fs::read(at(folder).join(SCRIPT_FILE)).expect("there");
        assert_eq!(content("model"), content("calibrated"));
        let model = load(&ModelSource::Folder(at("calibrated"))).expect("sound");
        assert_eq!(model.info().version, "2");
    }
}
