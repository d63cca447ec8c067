//! A network ready to judge, with all that was fitted to rows that its weights were not fitted to: temperature, sets, thresholds
//! of the verdict, ranks of novelty.

use super::captures;
use super::crossed::Crossed;
use super::dataset::{Dataset, FREQUENT_FROM, Part, Row};
use super::measure::{Belief, Classes, Outputs, View, set_figures};
use super::{Settings, TrainError, steady};
use crate::classify::calibrate::fit_temperature;
use crate::classify::card::{ConformalCard, LeftOut, NoveltyCard, OpenSetCard, Quality};
use crate::classify::conformal;
use crate::classify::encode::Encoding;
use crate::classify::network::Network;
use crate::classify::novelty::{self, OpenSet};
use crate::classify::ranking::Ranking;
use crate::event::annotated::Verdict;

/// A network and what was fitted to the validation part.
pub struct Ready {
    encoding: Encoding,
    network: Network,
    /// Logits are divided by it.
    pub temperature: f32,
    /// Ranks of novelty.
    pub novelty: NoveltyCard,
    /// Thresholds of the verdict.
    pub open_set: OpenSetCard,
    /// Thresholds of the sets.
    pub conformal: ConformalCard,
    /// What networks that each lack some captures say of these; none where there is one file.
    crossed: Option<Crossed>,
}

impl Ready {
    /// Fits to the validation part.
    ///
    /// # Errors
    /// When libtorch reports a fault.
    pub fn fitted_to(
        dataset: &Dataset,
        encoding: Encoding,
        network: Network,
        crossed: Option<Crossed>,
        settings: &Settings,
    ) -> Result<Self, TrainError> {
        let needs_content = dataset.needs_content();
        let classes = &dataset.about.classes;
        let outputs = |rows: &[&Row], view| Outputs::of(&network, &encoding, rows.iter().copied(), view, classes);
        let rows: Vec<&Row> = dataset.part(Part::Validation).collect();
        // what cannot be told without content says nothing about how sure the rest is
        let tellable: Vec<&Row> = rows.iter().filter(|row| !needs_content[usize::from(row.label)]).copied().collect();
        let rows_in = |view| if view == View::Whole { &rows } else { &tellable };
        let views: Vec<Outputs> = match &crossed {
            Some(crossed) => vec![crossed.outputs.clone()],
            None => {
                let views = View::all(&dataset.space).iter().map(|view| outputs(rows_in(*view), *view));
                views.collect::<Result<_, _>>()?
            }
        };
        let both = views.iter().cloned().reduce(Outputs::and).expect("the whole is always seen");
        let temperature = steady(fit_temperature(&both.logits, both.width, &both.labels).into()) as f32;
        let energies: Vec<f32> = both.beliefs(temperature).map(|belief| belief.energy).collect();
        let own: Vec<(u16, f32)> =
            both.rows(temperature).map(|(label, belief)| (label, belief.probabilities[usize::from(label)])).collect();
        let normal = Normal::of(dataset);
        let attack: Vec<Vec<f32>> = views.iter().map(|view| normal.belief_in_attack(view, temperature)).collect();
        let unlike: Vec<f32> =
            both.rows(temperature).filter(|(label, _)| !normal.is(*label)).map(|(_, belief)| belief.unknown).collect();
        let about = &dataset.about;
        let groups: Vec<usize> = (0..dataset.labels.len()).map(|class| about.groups[about.category(class)]).collect();
        let mut open_set = novelty::fit_open_set(&attack, &unlike, settings.false_alarms);
        open_set.unlike_output = network.outputs() > dataset.labels.len();
        if let Some(crossed) = &crossed {
            captures::set_thresholds(&mut open_set, crossed, dataset, &normal, temperature, settings.false_alarms);
        }
        Ok(Self {
            novelty: novelty::fit(&energies),
            open_set,
            conformal: conformal::fit(&own, &groups, settings.coverage),
            encoding,
            network,
            temperature,
            crossed,
        })
    }

    /// How rows come out whose classes training has not seen.
    ///
    /// # Errors
    /// When libtorch reports a fault.
    pub fn judge_left_out(
        &self,
        left_out: &[(String, Vec<Row>)],
        dataset: &Dataset,
    ) -> Result<Vec<LeftOut>, TrainError> {
        let classes = &dataset.about.classes;
        let outputs =
            |rows: &[&Row]| Outputs::of(&self.network, &self.encoding, rows.iter().copied(), View::Whole, classes);
        let normal = Normal::of(dataset);
        let seen = match &self.crossed {
            Some(crossed) => crossed.outputs.clone(),
            None => outputs(&dataset.part(Part::Test).collect::<Vec<_>>())?,
        };
        let seen_attack = normal.belief_in_attack(&seen, self.temperature);
        let seen_unlike: Vec<f32> = seen.beliefs(self.temperature).map(|belief| -belief.energy).collect();
        let open_set = OpenSet::new(Some(&self.open_set));
        let mut found = Vec::new();
        for (label, rows) in left_out {
            let beliefs: Vec<Belief> = outputs(&rows.iter().collect::<Vec<_>>())?.beliefs(self.temperature).collect();
            let verdicts: Vec<Verdict> = beliefs
                .iter()
                .map(|belief| {
                    let class = belief.most_probable() as u16;
                    open_set.verdict(normal.is(class), normal.of_belief(belief), belief.unknown)
                })
                .collect();
            let share = |verdict: Verdict| {
                verdicts.iter().filter(|found| **found == verdict).count() as f64 / rows.len() as f64
            };
            let attack: Vec<f32> = beliefs.iter().map(|belief| normal.attack(belief)).collect();
            let unlike: Vec<f32> = beliefs.iter().map(|belief| -belief.energy).collect();
            found.push(LeftOut {
                label: label.clone(),
                rows: rows.len() as u64,
                called_normal: share(Verdict::Normal),
                called_unknown: share(Verdict::Unknown),
                alarm_auc: steady(Ranking::of(&attack, &seen_attack).area().unwrap_or_default()),
                novelty_auc: steady(Ranking::of(&unlike, &seen_unlike).area().unwrap_or_default()),
            });
        }
        Ok(found)
    }

    /// What the card says of the quality, measured on the test part.
    ///
    /// # Errors
    /// When libtorch reports a fault.
    pub fn quality(&self, dataset: &Dataset, never_seen: Vec<LeftOut>) -> Result<Quality, TrainError> {
        let labels = &dataset.about.classes;
        let test = |view| match &self.crossed {
            Some(crossed) => Ok(crossed.outputs.clone()),
            None => Outputs::of(&self.network, &self.encoding, dataset.part(Part::Test), view, labels),
        };
        let whole = test(View::Whole)?;
        let frequent = dataset.frequent();
        let classes = Classes { names: &dataset.labels, frequent: &frequent, about: &dataset.about };
        let figures = |view| test(view).map(|outputs| outputs.figures(classes, self.temperature));
        Ok(Quality {
            whole: whole.figures(classes, self.temperature),
            content_missing: View::all(&dataset.space).get(1).map(|view| figures(*view)).transpose()?,
            frequent_from: FREQUENT_FROM,
            sets: Some(set_figures(&whole, &dataset.about, &self.conformal, self.temperature)),
            never_seen,
            captures: self.crossed.as_ref().map_or_else(Vec::new, |crossed| {
                captures::figures(crossed, dataset, &Normal::of(dataset), &self.open_set, self.temperature)
            }),
        })
    }
}

/// Which classes are no attack.
pub struct Normal(Vec<bool>);

impl Normal {
    fn of(dataset: &Dataset) -> Self {
        Self(dataset.about.classes.iter().map(|class| class.category == "normal").collect())
    }

    /// The most probable class that is no attack.
    pub fn most_probable(&self, belief: &Belief) -> Option<u16> {
        let normal = (0..self.0.len()).filter(|class| self.0[*class]);
        let best = normal.max_by(|one, other| belief.probabilities[*one].total_cmp(&belief.probabilities[*other]));
        best.and_then(|class| u16::try_from(class).ok())
    }

    /// Whether this class is.
    pub fn is(&self, class: u16) -> bool {
        self.0[usize::from(class)]
    }

    /// The probability of being normal among the classes.
    pub fn of_belief(&self, belief: &Belief) -> f32 {
        belief.probabilities.iter().zip(&self.0).filter(|(_, normal)| **normal).map(|(share, _)| share).sum()
    }

    /// The belief in an attack, known or not.
    pub fn attack(&self, belief: &Belief) -> f32 {
        1.0 - (1.0 - belief.unknown) * self.of_belief(belief)
    }

    /// The same for all rows of normal classes.
    fn belief_in_attack(&self, outputs: &Outputs, temperature: f32) -> Vec<f32> {
        let normal = outputs.rows(temperature).filter(|(label, _)| self.is(*label));
        normal.map(|(_, belief)| self.attack(&belief)).collect()
    }
}
