//! How networks learn, as a spec may say it: what is right for one set of captures is not for another.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::Student;
use super::Settings;

/// Settings of training; of those that are not there the usual ones hold.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingSpec {
    /// Passes of each member over as many rows as there are.
    pub epochs: Option<u32>,
    /// Networks whose logits are averaged.
    pub members: Option<u16>,
    /// Units of the hidden layers of each.
    pub hidden: Option<Vec<usize>>,
    /// One network that learns from the others and stands for them.
    pub student: Option<Student>,
    /// Highest step width.
    pub rate: Option<f64>,
    /// Weight decay.
    pub decay: Option<f64>,
    /// How far classes, and captures within them, are evened out: one of n rows is drawn in proportion to n to the power of this.
    pub class_power: Option<f64>,
    /// Share of rows in which each group of features that a source may lack is hidden.
    pub mask_group: Option<f64>,
    /// Share of rows in which single features are hidden.
    pub mask_single: Option<f64>,
    /// Share of rows of which every feature is hidden with a chance of one half.
    pub mask_half: Option<f64>,
    /// Made-up rows that are like no class, for each row of the data.
    pub made_up: Option<f64>,
    /// How far numbers are moved at random, in their standard deviations.
    pub noise: Option<f64>,
    /// How far all that a host does goes faster or slower at random: the standard deviation of the factor's logarithm.
    pub pace: Option<f64>,
    /// Share of the certainty that is spread over all classes.
    pub smoothing: Option<f64>,
    /// Share of rows that are mixed with another one of their class.
    pub mix: Option<f64>,
    /// How much networks heed an adversary who guesses captures.
    pub adversary: Option<f64>,
    /// In how many rounds captures are left out in turn.
    pub rounds: Option<usize>,
}

impl TrainingSpec {
    /// The settings with what stands here.
    pub fn over(&self, settings: Settings) -> Settings {
        Settings {
            epochs: self.epochs.unwrap_or(settings.epochs),
            members: self.members.unwrap_or(settings.members),
            hidden: self.hidden.clone().unwrap_or(settings.hidden),
            student: self.student.clone().or(settings.student),
            rate: self.rate.unwrap_or(settings.rate),
            decay: self.decay.unwrap_or(settings.decay),
            class_power: self.class_power.unwrap_or(settings.class_power),
            mask_group: self.mask_group.unwrap_or(settings.mask_group),
            mask_single: self.mask_single.unwrap_or(settings.mask_single),
            mask_half: self.mask_half.unwrap_or(settings.mask_half),
            made_up: self.made_up.unwrap_or(settings.made_up),
            noise: self.noise.unwrap_or(settings.noise),
            pace: self.pace.unwrap_or(settings.pace),
            smoothing: self.smoothing.unwrap_or(settings.smoothing),
            mix: self.mix.unwrap_or(settings.mix),
            adversary: self.adversary.unwrap_or(settings.adversary),
            rounds: self.rounds.or(settings.rounds),
            ..settings
        }
    }
}
