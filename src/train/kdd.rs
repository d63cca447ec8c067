//! Training on a KDD-99 file or one of one's own, from its rows to the checked model folder.

use std::io::Write;

use super::dataset::Dataset;
use super::own::{self, Own};
use super::rehearse::rehearse;
use super::trained::Trained;
use super::{Progress, Report, Settings, TrainError};
use crate::classify::card::{CARD_FILE, WEIGHTS_FILE};
use crate::classify::{LoadedModel, folder, weights};

/// Trains a model on a KDD-99 file and writes its folder.
///
/// # Errors
/// When the data cannot be read, a setting is impossible, training goes astray or the folder cannot be written.
pub fn kdd99(settings: &Settings, progress: &mut dyn FnMut(Progress)) -> Result<Report, TrainError> {
    check(settings)?;
    let dataset = Dataset::read(&settings.data, settings.also.as_deref(), settings.seed)?;
    train_on(dataset, settings, progress)
}

/// Trains a model on a file of one's own, read as `own` says, and writes its folder.
///
/// # Errors
/// As [`kdd99`], and with whatever of the file cannot be learned from.
pub fn own(own: &Own, settings: &Settings, progress: &mut dyn FnMut(Progress)) -> Result<Report, TrainError> {
    check(settings)?;
    train_on(own::read(own, settings)?, settings, progress)
}

/// Writes the rows that training would learn from as CSV, and trains nothing.
///
/// # Errors
/// When the data cannot be learned from, or `out` cannot be written.
pub fn rows(own: &Own, settings: &Settings, out: impl Write) -> Result<(), TrainError> {
    let dataset = own::read(own, settings)?;
    own::write_rows(&dataset, out).map_err(|fault| TrainError::Rows(fault.to_string()))
}

fn train_on(
    mut dataset: Dataset,
    settings: &Settings,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, TrainError> {
    progress(Progress::Read { records: dataset.records, distinct: dataset.rows.len() as u64 });
    let mut never_seen = if settings.rehearse { rehearse(&dataset, settings, progress)? } else { Vec::new() };
    let left_out = dataset.leave_out(&settings.leave_out);
    let trained = Trained::on(&dataset, settings, progress)?;
    never_seen.extend(trained.ready.judge_left_out(&left_out, &dataset)?);
    let file = weights::write(&trained.weights);
    let card = trained.card(settings, &dataset, never_seen, &file)?;
    let json = card.to_json();
    LoadedModel::from_files(&settings.output, &json, &file)?;
    folder::write(&settings.output, &[(CARD_FILE, &json), (WEIGHTS_FILE, &file)])?;
    Ok(Report { folder: settings.output.clone(), card })
}

/// Whether the settings are possible, and the model can be written where they say.
///
/// # Errors
/// With the first that is not.
pub fn check(settings: &Settings) -> Result<(), TrainError> {
    let demand = |holds: bool, setting: &'static str, what: &str| {
        if holds { Ok(()) } else { Err(TrainError::Setting { setting, what: what.to_owned() }) }
    };
    let share = |value: f64| (0.0..=1.0).contains(&value);
    demand(settings.batch > 0, "batch", "must be at least 1")?;
    demand(settings.threads > 0, "threads", "must be at least 1")?;
    demand(settings.epochs > 0, "epochs", "must be at least 1")?;
    demand(settings.members > 0, "members", "must be at least 1")?;
    let layers = |hidden: &[usize]| !hidden.is_empty() && !hidden.contains(&0);
    demand(layers(&settings.hidden), "hidden", "needs layers of at least one unit")?;
    if let Some(student) = &settings.student {
        demand(layers(&student.hidden), "student", "needs layers of at least one unit")?;
        demand(student.epochs > 0, "student", "needs at least 1 epoch")?;
    }
    demand(settings.rate.is_finite() && settings.rate > 0.0, "rate", "must be a positive number")?;
    demand(settings.decay.is_finite() && settings.decay >= 0.0, "decay", "must not be negative")?;
    demand(share(settings.class_power), "class_power", "must be within 0 and 1")?;
    demand(share(settings.repeat_power), "repeat_power", "must be within 0 and 1")?;
    demand(share(settings.mask_content), "mask_content", "must be within 0 and 1")?;
    demand(share(settings.mask_group), "mask_group", "must be within 0 and 1")?;
    demand(share(settings.mask_single), "mask_single", "must be within 0 and 1")?;
    demand(share(settings.mask_half), "mask_half", "must be within 0 and 1")?;
    demand((0.0..=10.0).contains(&settings.made_up), "made_up", "must be within 0 and 10")?;
    demand((0.0..=10.0).contains(&settings.noise), "noise", "must be within 0 and 10")?;
    demand((0.0..=10.0).contains(&settings.pace), "pace", "must be within 0 and 10")?;
    demand((0.0..1.0).contains(&settings.smoothing), "smoothing", "must be at least 0 and below 1")?;
    demand(share(settings.mix), "mix", "must be within 0 and 1")?;
    demand((0.0..=10.0).contains(&settings.adversary), "adversary", "must be within 0 and 10")?;
    demand(share(settings.false_alarms), "false_alarms", "must be within 0 and 1")?;
    demand(settings.coverage > 0.0 && settings.coverage < 1.0, "coverage", "must be between 0 and 1")?;
    Ok(folder::check(&settings.output)?)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::PathBuf;

    use super::*;
    use crate::classify::{ModelSource, load};
    use crate::train::Student;

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
        Settings { epochs: 30, batch: 32, members: 2, hidden: vec![16, 8], ..Settings::new(data, output) }
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
        let quality = one.card.quality.as_ref().expect("measured");
        assert!(quality.whole.distinct.accuracy > 0.95, "{:?}", quality.whole.distinct);
        let model = load(&ModelSource::Folder(one.folder)).expect("sound");
        assert_eq!(model.card(), &two.card);
    }

    #[test]
    fn a_student_stands_for_the_networks_that_taught_it() {
        let (data, place) = (data(), tempfile::tempdir().expect("a folder"));
        let settings = Settings {
            student: Some(Student { hidden: vec![8], epochs: 30 }),
            ..settings(data.path().to_owned(), place.path().join("model"))
        };
        let mut passes = Vec::new();
        let report = kdd99(&settings, &mut |step| {
            if let Progress::Epoch { epoch, of, .. } = step {
                passes.push((epoch, of));
            }
        });
        let card = report.expect("trained").card;
        assert_eq!(card.network.hidden.iter().map(|hidden| hidden.units).collect::<Vec<_>>(), [8]);
        assert_eq!(passes, (1..=90).map(|pass| (pass, 90)).collect::<Vec<_>>(), "two networks and their student");
        let quality = card.quality.expect("measured");
        assert!(quality.whole.distinct.accuracy > 0.95, "{:?}", quality.whole.distinct);
        assert_eq!(card.training.expect("told").settings["student_epochs"], 30.0);
    }

    #[test]
    fn a_class_that_is_left_out_is_no_output_and_is_reported() {
        let (data, place) = (data(), tempfile::tempdir().expect("a folder"));
        let mut settings = settings(data.path().to_owned(), place.path().join("model"));
        settings.leave_out = vec!["smurf".to_owned(), "neptune".to_owned()];
        let fault = kdd99(&settings, &mut |_| {}).expect_err("one class is too few").to_string();
        assert!(fault.contains("1 classes, at least 2 are needed"), "{fault}");
        assert!(!settings.output.exists(), "nothing was written");
    }

    #[test]
    fn impossible_settings_are_refused_by_name() {
        let mut settings = settings(PathBuf::from("none"), PathBuf::from("none"));
        settings.rate = 0.0;
        let fault = kdd99(&settings, &mut |_| {}).expect_err("refused").to_string();
        assert_eq!(fault, "rate: must be a positive number");
        settings.rate = 0.1;
        settings.student = Some(Student { hidden: vec![8, 0], epochs: 1 });
        let fault = kdd99(&settings, &mut |_| {}).expect_err("refused").to_string();
        assert_eq!(fault, "student: needs layers of at least one unit");
    }
}
