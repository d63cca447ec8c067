//! Measures the connections of a file one after the other, each by the time at which it began, as a worker measures those that
//! come in.

use super::flow::{FlowSettings, FlowVector, FlowWindows};
use super::{FeatureVector, Settings, Windows};
use crate::event::{EventTime, ReceivedTime};
use crate::normalise::View;

/// The connections of a file so far.
#[derive(Debug)]
pub struct Meter {
    windows: Windows,
    flows: FlowWindows,
    latest: EventTime,
}

/// What is measured of a connection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// When it began.
    pub begun: EventTime,
    /// The 41 features of KDD-99.
    pub features: FeatureVector,
    /// The flow features; none of a KDD record, which has no hosts.
    pub flow: Option<FlowVector>,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            windows: Windows::new(&Settings::default()),
            flows: FlowWindows::new(&FlowSettings::default()),
            latest: ReceivedTime::from_micros(0).as_event_time(),
        }
    }
}

impl Meter {
    /// What there is to measure of an event, which is remembered; none for one that is no connection. An event without a time is
    /// taken for one of the moment, as it is when it comes in.
    pub fn measure(&mut self, view: &View<'_>) -> Option<Measured> {
        self.latest = view.time.unwrap_or(self.latest);
        let begun = view.started().unwrap_or(self.latest);
        let features = self.windows.measure(&view.record, begun);
        let flow = self.flows.measure(&view.record, begun);
        Some(Measured { begun, features: features?, flow })
    }
}
