//! The rows of a batch that models look at: for each event one of the active model's features, and one of a shadow's where
//! it looks at others.

use std::sync::Arc;

use crate::features::flow::FlowVector;
use crate::features::{FeatureVector, Gatherer, Matrix, Space};
use crate::normalise::View;

/// Rows of a batch, filled again for each.
pub struct Rows {
    active: Filled,
    /// None where there is no shadow, or it looks at the same features.
    shadow: Option<Filled>,
    /// Places of the rows of those events that both models judge, where their rows differ.
    both: Vec<(usize, usize)>,
}

/// Rows of one feature space.
struct Filled {
    gatherer: Gatherer,
    rows: Matrix,
}

impl Rows {
    /// For models of these spaces, asking for their fields behind `fields_before` others.
    pub fn new(active: &Arc<Space>, shadow: Option<&Arc<Space>>, fields_before: usize) -> Self {
        let active = Filled::new(Arc::clone(active), fields_before);
        let fields_before = fields_before + active.gatherer.fields().len();
        let other = shadow.filter(|space| *space != active.gatherer.space());
        let shadow = other.map(|space| Filled::new(Arc::clone(space), fields_before));
        Self { active, shadow, both: Vec::new() }
    }

    /// The paths of the fields that are asked for, in order.
    pub fn fields(&self) -> impl Iterator<Item = &String> {
        let shadow = self.shadow.iter().flat_map(|filled| filled.gatherer.fields());
        self.active.gatherer.fields().iter().chain(shadow)
    }

    /// Forgets the rows of the batch before.
    pub fn clear(&mut self) {
        self.active.rows.clear();
        self.shadow.iter_mut().for_each(|filled| filled.rows.clear());
        self.both.clear();
    }

    /// Whether a model looks at flow features.
    pub fn want_flow(&self) -> bool {
        self.active.gatherer.wants_flow() || self.shadow.iter().any(|filled| filled.gatherer.wants_flow())
    }

    /// Takes an event in; gives the place of its row, where it is one that the active model judges.
    pub fn gather(
        &mut self,
        measured: Option<&FeatureVector>,
        flow: Option<&FlowVector>,
        view: &View<'_>,
    ) -> Option<usize> {
        let row = self.active.gather(measured, flow, view);
        let other = self.shadow.as_mut().and_then(|filled| filled.gather(measured, flow, view));
        self.both.extend(row.zip(other));
        row
    }

    /// The rows for the active model.
    pub fn active(&self) -> &Matrix {
        &self.active.rows
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
        let rows = Rows::new(&space(&["a", "b"], 1), Some(&space(&["b", "c"], 2)), 0);
        let events = [r#"{"a":1}"#, r#"{"a":2,"b":3,"c":4}"#, r#"{"c":5}"#, r#"{"b":6,"c":7}"#];
        let rows = gathered(rows, &events);
        assert_eq!((rows.active().len(), rows.shadow().len()), (3, 2));
        assert_eq!(rows.both().collect::<Vec<_>>(), [(1, 0), (2, 1)]);
        assert_eq!(rows.shadow().row(1).numeric, [6.0, 7.0]);
    }

    #[test]
    fn models_of_the_same_features_share_their_rows() {
        let (one, same) = (space(&["a"], 1), space(&["a"], 1));
        let rows = gathered(Rows::new(&one, Some(&same), 0), &[r#"{"a":1}"#, r#"{"b":1}"#, r#"{"a":2}"#]);
        assert!(std::ptr::eq(rows.active(), rows.shadow()));
        assert_eq!(rows.both().collect::<Vec<_>>(), [(0, 0), (1, 1)]);
    }
}
