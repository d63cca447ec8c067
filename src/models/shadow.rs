//! The shadow as it stands: how often it gives another class than the model that judges.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;
use serde::Serialize;

use super::drift::as_seconds;
use super::window::Window;
use crate::classify::Models;
use crate::event::ReceivedTime;
use crate::event::annotated::ModelInfo;

/// How often the classes of two models met, by the active one's and the shadow's.
pub(super) type Pairs = FxHashMap<(u16, u16), u64>;

/// Pairs of classes that a reading names.
const NAMED: usize = 100;

/// The comparison of two models.
#[derive(Debug)]
pub(super) struct Shadow {
    active: Arc<ModelInfo>,
    shadow: Arc<ModelInfo>,
    since: ReceivedTime,
    window: Window<(u64, u64)>,
    pairs: Pairs,
    failed: u64,
}

/// How the shadow compares.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShadowReading {
    /// The model that judges.
    pub active: String,
    /// The one that is compared with it.
    pub shadow: String,
    /// BLAKE3 of its card.
    pub hash: String,
    /// Since when these two are compared by this process.
    pub since: String,
    /// Events that both judged.
    pub compared: u64,
    /// Those of which they gave different classes.
    pub disagreed: u64,
    /// Those that only the active model called an attack.
    pub attacks_of_active_only: u64,
    /// Those that only the shadow called an attack.
    pub attacks_of_shadow_only: u64,
    /// Batches that the shadow could not judge.
    pub failed_batches: u64,
    /// The same over the window.
    pub window: WindowReading,
    /// The classes they disagreed on, the most frequent first; at most 100.
    pub pairs: Vec<Pair>,
}

/// Agreement over the last while.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct WindowReading {
    /// Its length.
    #[serde(rename = "seconds", serialize_with = "as_seconds")]
    pub length: Duration,
    /// Events that both judged.
    pub compared: u64,
    /// Those of which they gave different classes.
    pub disagreed: u64,
    /// Their share; none where none was compared.
    pub share: Option<f64>,
}

/// Two classes that were given to the same events.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair {
    /// By the active model.
    pub active: String,
    /// By the shadow.
    pub shadow: String,
    /// How often.
    pub events: u64,
}

impl Shadow {
    /// Nothing is compared yet; none where there is no shadow.
    pub fn new(models: &Models, since: ReceivedTime, window: Duration) -> Option<Self> {
        let shadow = models.shadow.as_ref()?.info();
        Some(Self {
            active: models.active.info(),
            shadow,
            since,
            window: Window::new(window),
            pairs: Pairs::default(),
            failed: 0,
        })
    }

    /// Whether it is these two that are compared.
    pub fn is_of(&self, models: &Models) -> bool {
        let shadow = models.shadow.as_ref().map(|shadow| shadow.info());
        self.active.hash == models.active.info().hash && shadow.is_some_and(|info| info.hash == self.shadow.hash)
    }

    /// Takes over what a worker has compared; gives the disagreements by the active model's class.
    pub fn add(&mut self, now: Duration, counted: &Pairs, failed: u64) -> BTreeMap<String, u64> {
        let mut by_class = BTreeMap::new();
        let (compared, disagreed) = self.window.now(now);
        for (&(active, shadow), events) in counted {
            *compared += events;
            *self.pairs.entry((active, shadow)).or_default() += events;
            if class(&self.active, active) != class(&self.shadow, shadow) {
                *disagreed += events;
                *by_class.entry(class(&self.active, active).to_owned()).or_default() += events;
            }
        }
        self.failed += failed;
        by_class
    }

    /// How it stands.
    pub fn read(&mut self, now: Duration, length: Duration) -> ShadowReading {
        let named = |info: &ModelInfo| format!("{}/{}", info.name, info.version);
        let attack = |info: &ModelInfo, label: u16| !info.labels[usize::from(label)].is_normal();
        let (active, shadow) = (&self.active, &self.shadow);
        let count = |wanted: &dyn Fn(u16, u16) -> bool| -> u64 {
            self.pairs.iter().filter(|((one, other), _)| wanted(*one, *other)).map(|(_, events)| events).sum()
        };
        let differ = |one: u16, other: u16| class(active, one) != class(shadow, other);
        let mut pairs: Vec<Pair> = self
            .pairs
            .iter()
            .filter(|((one, other), _)| differ(*one, *other))
            .map(|((one, other), events)| Pair {
                active: class(active, *one).to_owned(),
                shadow: class(shadow, *other).to_owned(),
                events: *events,
            })
            .collect();
        pairs.sort_by(|one, other| {
            other.events.cmp(&one.events).then_with(|| (&one.active, &one.shadow).cmp(&(&other.active, &other.shadow)))
        });
        pairs.truncate(NAMED);
        let (compared, disagreed) = self.window.within(now).fold((0, 0), |sum, slot| (sum.0 + slot.0, sum.1 + slot.1));
        ShadowReading {
            active: named(active),
            shadow: named(shadow),
            hash: shadow.hash.clone(),
            since: self.since.to_string(),
            compared: count(&|_, _| true),
            disagreed: count(&differ),
            attacks_of_active_only: count(&|one, other| attack(active, one) && !attack(shadow, other)),
            attacks_of_shadow_only: count(&|one, other| !attack(active, one) && attack(shadow, other)),
            failed_batches: self.failed,
            window: WindowReading {
                length,
                compared,
                disagreed,
                share: (compared > 0).then(|| disagreed as f64 / compared as f64),
            },
            pairs,
        }
    }
}

/// The classes of two models are the same where their names are.
fn class(info: &ModelInfo, label: u16) -> &str {
    &info.labels[usize::from(label)].name
}
