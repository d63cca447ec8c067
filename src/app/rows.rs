//! The rows of a batch that models look at: for each event one of the active model's features, one of the second model's where it is to
//! judge it, and one of a shadow's where that looks at others.

use std::sync::Arc;

use crate::features::flow::FlowVector;
use crate::features::{FeatureVector, Gatherer, Matrix, Space};
use crate::normalise::View;

/// Rows of a batch, filled again for each.
pub struct Rows {
    active: Filled,
    /// None where there is no second model.
    second: Option<Filled>,
    /// Whether the second model judges all that it can; else only what the active one cannot.
    all: bool,
    /// None where there is no shadow, or it looks at the same features.
    shadow: Option<Filled>,
    /// Places of the rows of those events that both models judge, where their rows differ.
    both: Vec<(usize, usize)>,
}

/// Places of the rows of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Places {
    /// Where the active model judges it.
    pub active: Option<usize>,
    /// Where the second one does.
    pub second: Option<usize>,
}

/// Rows of one feature space.
struct Filled {
    gatherer: Gatherer,
    rows: Matrix,
}

impl Rows {
    /// For models of these spaces, asking for their fields behind `fields_before` others. The second one comes with whether it judges
    /// all that it can.
    pub fn new(
        active: &Arc<Space>,
        second: Option<(&Arc<Space>, bool)>,
        shadow: Option<&Arc<Space>>,
        fields_before: usize,
    ) -> Self {
        let active = Filled::new(Arc::clone(active), fields_before);
        let fields_before = fields_before + active.gatherer.fields().len();
        let all = second.is_some_and(|(_, all)| all);
        let second = second.map(|(space, _)| Filled::new(Arc::clone(space), fields_before));
        let of_second = second.as_ref().map_or(0, |filled| filled.gatherer.fields().len());
        let other = shadow.filter(|space| *space != active.gatherer.space());
        let shadow = other.map(|space| Filled::new(Arc::clone(space), fields_before + of_second));
        Self { active, second, all, shadow, both: Vec::new() }
    }

    /// The paths of the fields that are asked for, in order.
    pub fn fields(&self) -> impl Iterator<Item = &String> {
        let others = self.second.iter().chain(&self.shadow).flat_map(|filled| filled.gatherer.fields());
        self.active.gatherer.fields().iter().chain(others)
    }

    /// Forgets the rows of the batch before.
    pub fn clear(&mut self) {
        self.active.rows.clear();
        self.second.iter_mut().chain(&mut self.shadow).for_each(|filled| filled.rows.clear());
        self.both.clear();
    }

    /// Whether a model looks at flow features.
    pub fn want_flow(&self) -> bool {
        let mut all = std::iter::once(&self.active).chain(&self.second).chain(&self.shadow);
        all.any(|filled| filled.gatherer.wants_flow())
    }

    /// Whether a model looks at features of KDD-99 that compare connections with each other. What the active one takes anyway is not left to
    /// the second.
    pub fn want_traffic(&self) -> bool {
        let left = self.all || !self.active.gatherer.takes_every_connection();
        let others = self.second.iter().filter(|_| left).chain(&self.shadow);
        std::iter::once(&self.active).chain(others).any(|filled| filled.gatherer.wants_traffic())
    }

    /// Whether the model that judges an event of these places looks at flow features.
    pub fn look_at_flow(&self, places: Places) -> bool {
        let by_second = places.active.is_none() && places.second.is_some();
        let judge = self.second.as_ref().filter(|_| by_second).unwrap_or(&self.active);
        judge.gatherer.wants_flow()
    }

    /// Takes an event in; gives the places of its rows, where it is one that a model judges.
    pub fn gather(&mut self, measured: Option<&FeatureVector>, flow: Option<&FlowVector>, view: &View<'_>) -> Places {
        let active = self.active.gather(measured, flow, view);
        let wanted = self.second.as_mut().filter(|_| self.all || active.is_none());
        let second = wanted.and_then(|filled| filled.gather(measured, flow, view));
        let other = self.shadow.as_mut().and_then(|filled| filled.gather(measured, flow, view));
        self.both.extend(active.zip(other));
        Places { active, second }
    }

    /// The rows for the active model.
    pub fn active(&self) -> &Matrix {
        &self.active.rows
    }

    /// The rows for the second model, where there is one.
    pub fn second(&self) -> Option<&Matrix> {
        self.second.as_ref().map(|filled| &filled.rows)
    }

    /// The rows for the shadow.
    pub fn shadow(&self) -> &Matrix {
        &self.shadow.as_ref().unwrap_or(&self.active).rows
    }

    /// For each event that both judge the places of its rows.
    pub fn both(&self) -> impl Iterator<Item = (usize, usize)> {
        let same = if self.shadow.is_none() { self.active.rows.len() } else { 0 };
        (0..same).map(|place| (place, place)).chain(self.both.iter().copied())
    }
}

impl Filled {
    fn new(space: Arc<Space>, fields_before: usize) -> Self {
        let rows = Matrix::new(space.shape());
        Self { gatherer: Gatherer::new(space, fields_before), rows }
    }

    fn gather(
        &mut self,
        measured: Option<&FeatureVector>,
        flow: Option<&FlowVector>,
        view: &View<'_>,
    ) -> Option<usize> {
        self.gatherer.gather(measured, flow, Some(view), &mut self.rows).then(|| self.rows.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::flow::{Described, FEATURES};
    use crate::features::{Feature, Kind};
    use crate::normalise::Normaliser;

    fn space(fields: &[&str], least_known: usize) -> Arc<Space> {
        let feature = |name: &&str| Feature {
            name: (*name).to_owned(),
            field: Some((*name).to_owned()),
            group: None,
            kind: Kind::Number,
        };
        Arc::new(Space::new(fields.iter().map(feature).collect(), least_known).unwrap())
    }

    /// The rows of these events.
    fn gathered(mut rows: Rows, events: &[&str]) -> Rows {
        let mut normaliser = Normaliser::new(&rows.fields().cloned().collect::<Vec<_>>());
        for event in events {
            let view = normaliser.read(event.as_bytes()).unwrap();
            rows.gather(None, None, &view);
            normaliser.recycle(view);
        }
        rows
    }

    #[test]
    fn models_of_other_features_are_compared_on_the_events_that_both_judge() {
        let rows = Rows::new(&space(&["a", "b"], 1), None, Some(&space(&["b", "c"], 2)), 0);
        let events = [r#"{"a":1}"#, r#"{"a":2,"b":3,"c":4}"#, r#"{"c":5}"#, r#"{"b":6,"c":7}"#];
        let rows = gathered(rows, &events);
        assert_eq!((rows.active().len(), rows.shadow().len()), (3, 2));
        assert_eq!(rows.both().collect::<Vec<_>>(), [(1, 0), (2, 1)]);
        assert_eq!(rows.shadow().row(1).numeric, [6.0, 7.0]);
    }

    #[test]
    fn the_second_model_gets_what_the_first_cannot_judge_or_all_that_it_can() {
        let (one, two) = (space(&["a"], 1), space(&["b"], 1));
        let events = [r#"{"a":1,"b":1}"#, r#"{"b":2}"#, r#"{"c":1}"#];
        for (all, expected) in [(false, 1), (true, 2)] {
            let rows = gathered(Rows::new(&one, Some((&two, all)), None, 0), &events);
            assert_eq!((rows.active().len(), rows.second().unwrap().len()), (1, expected));
            assert_eq!(rows.second().unwrap().row(expected - 1).numeric, [2.0]);
        }
    }

    /// A space of all flow features.
    fn flow(least_known: usize) -> Arc<Space> {
        let feature =
            |one: &Described| Feature { name: one.name.to_owned(), field: None, group: None, kind: Kind::Number };
        Arc::new(Space::new(FEATURES.iter().map(feature).collect(), least_known).unwrap())
    }

    #[test]
    fn what_compares_connections_in_kdd99s_way_is_measured_where_a_model_looks_at_it() {
        let kdd = Arc::new(Space::kdd99());
        let wanted = |active: &Arc<Space>, second: Option<(&Arc<Space>, bool)>, shadow: Option<&Arc<Space>>| {
            Rows::new(active, second, shadow, 0).want_traffic()
        };
        assert!(!wanted(&flow(12), Some((&kdd, false)), None), "only records of KDD are left to the second one");
        assert!(wanted(&flow(12), Some((&kdd, true)), None));
        assert!(wanted(&flow(60), Some((&kdd, false)), None), "connections may be left to it");
        assert!(wanted(&flow(12), None, Some(&kdd)));
        assert!(wanted(&kdd, None, None));
        assert!(!wanted(&space(&["a"], 1), None, None));
    }

    #[test]
    fn who_judges_says_whether_flow_features_are_looked_at() {
        let rows = Rows::new(&flow(12), Some((&Arc::new(Space::kdd99()), false)), None, 0);
        let of = |active, second| rows.look_at_flow(Places { active, second });
        assert_eq!(
            [of(Some(0), None), of(None, Some(0)), of(Some(0), Some(0)), of(None, None)],
            [true, false, true, true]
        );
    }

    #[test]
    fn models_of_the_same_features_share_their_rows() {
        let (one, same) = (space(&["a"], 1), space(&["a"], 1));
        let rows = gathered(Rows::new(&one, None, Some(&same), 0), &[r#"{"a":1}"#, r#"{"b":1}"#, r#"{"a":2}"#]);
        assert!(std::ptr::eq(rows.active(), rows.shadow()));
        assert_eq!(rows.both().collect::<Vec<_>>(), [(0, 0), (1, 1)]);
    }
}
