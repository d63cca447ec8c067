//! Counts what a classifier says of labelled records, in memory that does not grow with their number.

use std::collections::BTreeMap;

use super::Rule;
use super::families::{Families, Truth, strongest};
use super::priors::Sketch;
use crate::classify::quality::Confusion;
use crate::classify::ranking::Ranking;
use crate::classify::reliability::Reliability;
use crate::event::annotated::Classification;

/// What was found so far.
#[derive(Debug)]
pub struct Tally {
    families: Families,
    rule: Rule,
    /// Actual label × class decided on; labels that the model lacks have rows of their own.
    pub classes: Confusion,
    /// Actual family × family decided on.
    pub decided: Confusion,
    /// Actual family × family of the least expected cost.
    pub cheapest: Confusion,
    /// Actual family × family of the most probable class.
    pub most_probable: Confusion,
    /// Records whose class was found, or the family where the model has no such class.
    pub right: u64,
    /// The belief in the strongest family.
    pub of_families: Reliability,
    /// The probability of the most probable class, where the label is a class of the model.
    pub of_classes: Reliability,
    /// The belief that it is an attack.
    pub of_attacks: Reliability,
    /// All attacks against all normal records, by the belief that it is an attack.
    pub attacks: Ranking,
    /// Never-seen attacks against normal records, by novelty.
    pub by_novelty: Ranking,
    /// The same by the belief that it is an attack.
    pub by_belief: Ranking,
    /// Normal records, and those of them called an attack.
    pub normals: Called,
    /// Attacks of classes that the model knows.
    pub known: Called,
    /// Attacks that it has never seen, by label.
    pub never_seen: BTreeMap<String, Stranger>,
    /// How many of normal records, learnt attacks and never-seen attacks got which verdict.
    pub verdicts: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// The conformal sets, of records whose label is a class.
    pub sets: Sets,
    /// Beliefs, where priors shall be adapted.
    pub sketch: Option<Sketch>,
}

/// How many records there are, and how many of them were called an attack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Called {
    /// All.
    pub records: u64,
    /// Those whose verdict is not normal.
    pub attack: u64,
}

/// The classes that could not be excluded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sets {
    /// How many there are.
    pub records: u64,
    /// Those that hold the label.
    pub covered: u64,
    /// Classes in all of them together.
    pub classes: u64,
}

/// Attacks of a kind that the model has not learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stranger {
    /// Their family.
    pub family: usize,
    /// How many, and how many called an attack.
    pub called: Called,
    /// Those whose family was decided on.
    pub family_found: u64,
}

impl Called {
    /// Counts one.
    fn add(&mut self, attack: bool) {
        self.records += 1;
        self.attack += u64::from(attack);
    }
}

impl Tally {
    /// Nothing counted yet.
    pub fn new(families: Families, labels: &[String], rule: Rule, sketch: Option<Sketch>) -> Self {
        let of_families = || Confusion::new(families.names().to_vec());
        Self {
            classes: Confusion::new(labels.iter().cloned()),
            decided: of_families(),
            cheapest: of_families(),
            most_probable: of_families(),
            right: 0,
            of_families: Reliability::default(),
            of_classes: Reliability::default(),
            of_attacks: Reliability::default(),
            attacks: Ranking::default(),
            by_novelty: Ranking::default(),
            by_belief: Ranking::default(),
            normals: Called::default(),
            known: Called::default(),
            never_seen: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            sets: Sets::default(),
            sketch,
            rule,
            families,
        }
    }

    /// The families that labels are scored by.
    pub fn families(&self) -> &Families {
        &self.families
    }

    /// From now on a label that the model lacks is of this family, see [`Families::declare`].
    pub fn declare(&mut self, label: &str, family: &str) {
        self.families.declare(label, family);
    }

    /// Records counted.
    pub fn records(&self) -> u64 {
        self.decided.records()
    }

    /// Counts a record; one whose label nobody knows is not counted, and gives false.
    pub fn add(&mut self, label: &str, verdict: &Classification, probabilities: &[f32]) -> bool {
        let (class, family) = match self.families.truth(label) {
            Truth::Class { class, family } => (Some(class), family),
            Truth::NeverSeen { family } => (None, family),
            Truth::Foreign => return false,
        };
        let beliefs = self.families.beliefs(probabilities);
        let said = self.decide(verdict, probabilities);
        let row = match class {
            Some(class) => class,
            None => self.classes.place(label),
        };
        self.classes.add(row, said.class, 1);
        self.decided.add(family, said.family, 1);
        self.cheapest.add(family, said.cheapest, 1);
        self.most_probable.add(family, said.most_probable, 1);
        self.right += u64::from(class.map_or(said.family == family, |class| class == said.class));
        if let Some(sketch) = &mut self.sketch {
            sketch.add(family, &beliefs);
        }
        self.note(class, family, verdict);
        self.calibrate(class, family, verdict, &beliefs);
        self.detect(label, (class, family), verdict, &said, &beliefs);
        true
    }

    fn calibrate(&mut self, class: Option<usize>, family: usize, verdict: &Classification, beliefs: &[f64]) {
        let first = strongest(beliefs);
        self.of_families.add(beliefs[first], first == family);
        if let Some(class) = class {
            let (best, probability) = verdict.top[0];
            self.of_classes.add(f64::from(probability.value()), usize::from(best) == class);
        }
        let normal = self.families.normal();
        self.of_attacks.add(belief_in_attack(verdict, beliefs, normal), family != normal);
    }

    fn note(&mut self, class: Option<usize>, family: usize, verdict: &Classification) {
        let kind = match class {
            _ if family == self.families.normal() => "normal",
            Some(_) => "learnt attacks",
            None => "attacks not learnt",
        };
        *self.verdicts.entry(kind).or_default().entry(verdict.verdict.name()).or_default() += 1;
        if let Some(class) = class {
            let set = verdict.set.labels();
            self.sets.records += 1;
            self.sets.covered += u64::from(set.iter().any(|label| usize::from(*label) == class));
            self.sets.classes += set.len() as u64;
        }
    }

    fn detect(
        &mut self,
        label: &str,
        (class, family): (Option<usize>, usize),
        verdict: &Classification,
        said: &Said,
        beliefs: &[f64],
    ) {
        let normal = self.families.normal();
        let (belief, novelty) = (belief_in_attack(verdict, beliefs, normal) as f32, verdict.novelty.value());
        if family == normal {
            self.normals.add(said.alarm);
            self.attacks.add_low(belief);
            self.by_belief.add_low(belief);
            self.by_novelty.add_low(novelty);
            return;
        }
        self.attacks.add_high(belief);
        if class.is_some() {
            self.known.add(said.alarm);
            return;
        }
        self.by_belief.add_high(belief);
        self.by_novelty.add_high(novelty);
        let fresh = Stranger { family, called: Called::default(), family_found: 0 };
        let stranger = self.never_seen.entry(label.to_owned()).or_insert(fresh);
        stranger.called.add(said.alarm);
        stranger.family_found += u64::from(said.family == family);
    }

    fn decide(&self, verdict: &Classification, probabilities: &[f32]) -> Said {
        let families = &self.families;
        let cheapest = families.least_cost(probabilities, verdict.unknown.value());
        let class = usize::from(verdict.label);
        Said {
            class,
            family: if self.rule == Rule::MostProbable { families.of_class(class) } else { cheapest },
            cheapest,
            most_probable: families.of_class(usize::from(verdict.top[0].0)),
            alarm: verdict.verdict.is_alarm(),
        }
    }
}

/// The belief that an event is an attack, learnt or not. Summed, and not one minus the belief in normal, which would lose
/// what is small.
fn belief_in_attack(verdict: &Classification, beliefs: &[f64], normal: usize) -> f64 {
    let learnt: f64 = (0..beliefs.len()).filter(|family| *family != normal).map(|family| beliefs[family]).sum();
    let unknown = f64::from(verdict.unknown.value());
    unknown + (1.0 - unknown) * learnt
}

/// What is decided on for a record.
struct Said {
    class: usize,
    family: usize,
    cheapest: usize,
    most_probable: usize,
    /// Whether it is called an attack.
    alarm: bool,
}
