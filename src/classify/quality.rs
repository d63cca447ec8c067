//! How well a model judges: confusion counts and the figures that follow from them.
//!
//! A figure whose denominator is zero is 0, so that reports never hold NaN.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::labels::CATEGORIES;

/// Counts of actual × predicted class.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Confusion {
    names: Vec<String>,
    cells: BTreeMap<(usize, usize), u64>,
}

/// How well one class is found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassFigures {
    /// Share of the verdicts for it that are right.
    pub precision: f64,
    /// Share of its records that are found.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
    /// Its records in the data.
    pub support: u64,
}

impl Confusion {
    /// Counts for these classes; more may come by [`Self::place`].
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self { names: names.into_iter().collect(), cells: BTreeMap::new() }
    }

    /// The number of a class, given it when it is new.
    pub fn place(&mut self, name: &str) -> usize {
        self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        })
    }

    /// Counts `records` of class `actual` that were judged `predicted`.
    pub fn add(&mut self, actual: usize, predicted: usize, records: u64) {
        *self.cells.entry((actual, predicted)).or_default() += records;
    }

    /// All records.
    pub fn records(&self) -> u64 {
        self.cells.values().sum()
    }

    /// Share of records judged right.
    pub fn accuracy(&self) -> f64 {
        share(self.sum(|actual, predicted| actual == predicted), self.records())
    }

    /// Figures of each class that occurs as actual or predicted.
    pub fn per_class(&self) -> BTreeMap<String, ClassFigures> {
        let figures = |(place, name): (usize, &String)| {
            let (support, judged) = (self.sum(|actual, _| actual == place), self.sum(|_, guess| guess == place));
            let right = self.sum(|actual, guess| actual == place && guess == place);
            let f1 = share(2 * right, support + judged);
            let found = ClassFigures { precision: share(right, judged), recall: share(right, support), f1, support };
            (support + judged > 0).then(|| (name.clone(), found))
        };
        self.names.iter().enumerate().filter_map(figures).collect()
    }

    /// Unweighted mean of F1 over the classes present in the data that `counts` accepts.
    pub fn macro_f1(&self, counts: impl Fn(&str) -> bool) -> f64 {
        let per_class = self.per_class();
        let scores = per_class.iter().filter(|(name, figures)| figures.support > 0 && counts(name));
        let scores: Vec<f64> = scores.map(|(_, figures)| figures.f1).collect();
        if scores.is_empty() { 0.0 } else { scores.iter().sum::<f64>() / scores.len() as f64 }
    }

    /// Share of the normal records judged to be an attack.
    pub fn false_alarms(&self) -> f64 {
        let normal = self.names.iter().position(|name| name == "normal");
        let all = self.sum(|actual, _| Some(actual) == normal);
        share(self.sum(|actual, guess| Some(actual) == normal && Some(guess) != normal), all)
    }

    /// Counts of actual × predicted name, zeros left out.
    pub fn by_name(&self) -> BTreeMap<String, BTreeMap<String, u64>> {
        let mut rows: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for ((actual, predicted), records) in &self.cells {
            let row = rows.entry(self.names[*actual].clone()).or_default();
            *row.entry(self.names[*predicted].clone()).or_default() += records;
        }
        rows
    }

    /// How often each class was the verdict, zeros left out.
    pub fn predicted(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for ((_, predicted), records) in &self.cells {
            *counts.entry(self.names[*predicted].clone()).or_default() += records;
        }
        counts
    }

    /// Mean of what each record costs by a matrix: rows actual, columns predicted, in the order of the classes, which it
    /// has all of.
    pub fn mean_cost<R: AsRef<[f64]>>(&self, costs: &[R]) -> f64 {
        let cost = |((actual, predicted), records): (&(usize, usize), &u64)| {
            costs[*actual].as_ref()[*predicted] * *records as f64
        };
        let sum: f64 = self.cells.iter().map(cost).sum();
        if self.records() == 0 { 0.0 } else { sum / self.records() as f64 }
    }

    /// Records of a class that were judged to be another.
    pub fn count(&self, actual: usize, predicted: usize) -> u64 {
        self.cells.get(&(actual, predicted)).copied().unwrap_or_default()
    }

    /// The names of the classes, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    fn sum(&self, wanted: impl Fn(usize, usize) -> bool) -> u64 {
        self.cells.iter().filter(|((actual, guess), _)| wanted(*actual, *guess)).map(|(_, records)| records).sum()
    }
}

/// The families as owned strings, as a card writes them.
pub fn category_names() -> Vec<String> {
    CATEGORIES.map(str::to_owned).to_vec()
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 8 normal right, 2 normal taken for neptune, 4 neptune right, 1 mailbomb (no class of the model) taken for normal.
    fn example() -> Confusion {
        let mut confusion = Confusion::new(["normal", "neptune"].map(str::to_owned));
        let mailbomb = confusion.place("mailbomb");
        confusion.add(0, 0, 8);
        confusion.add(0, 1, 2);
        confusion.add(1, 1, 4);
        confusion.add(mailbomb, 0, 1);
        confusion
    }

    #[test]
    fn figures_of_a_small_table_are_those_reckoned_by_hand() {
        let confusion = example();
        assert_eq!(confusion.records(), 15);
        assert_eq!(confusion.accuracy(), 12.0 / 15.0);
        let per_class = confusion.per_class();
        assert_eq!(per_class["neptune"], ClassFigures { precision: 4.0 / 6.0, recall: 1.0, f1: 0.8, support: 4 });
        assert_eq!(per_class["mailbomb"].f1, 0.0);
        let normal = 16.0 / 19.0;
        assert!((confusion.macro_f1(|_| true) - (normal + 0.8) / 3.0).abs() < 1e-12);
        assert!((confusion.macro_f1(|name| name != "mailbomb") - (normal + 0.8) / 2.0).abs() < 1e-12);
        assert_eq!(confusion.false_alarms(), 0.2);
    }

    #[test]
    fn each_record_costs_what_the_matrix_says() {
        let mut families = Confusion::new(["normal", "dos"].map(str::to_owned));
        families.add(0, 0, 8);
        families.add(0, 1, 2);
        families.add(1, 0, 1);
        assert_eq!(families.mean_cost(&[[0.0, 2.0], [3.0, 0.0]]), 7.0 / 11.0);
        assert_eq!((families.count(0, 1), families.count(1, 1)), (2, 0));
    }

    #[test]
    fn no_records_give_zeros() {
        let empty = Confusion::default();
        assert_eq!((empty.accuracy(), empty.macro_f1(|_| true), empty.false_alarms()), (0.0, 0.0, 0.0));
    }
}
