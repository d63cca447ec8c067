//! Puts models in place while events are judged, and writes down which.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use super::choice::{Chosen, Configured, choose};
use super::error::ModelError;
use super::observed::Observed;
use super::record::{Entry, Record};
use super::shelf::Shelf;
use crate::access::audit::{Act, Audit};
use crate::classify::card::DecisionRule;
use crate::classify::{LoadedModel, Models, Second, Slot};
use crate::clock::Clock;
use crate::config::Model;
use crate::telemetry::catalogue;
use crate::telemetry::metric::Sample;

/// What a keeper starts from.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder of all state.
    pub data_dir: PathBuf,
    /// What the configuration says.
    pub configured: Configured,
    /// A model that judges beside the active one; it stays whatever is activated.
    pub second: Option<Model>,
    /// Whether it judges all that it can; else only what the active one cannot.
    pub second_judges_all: bool,
    /// False alarms among 10,000 normal connections that are allowed; as many as a model's card says without this.
    pub max_false_alarms: Option<f64>,
    /// How far back comparisons look.
    pub window: Duration,
    /// How classes are decided on.
    pub decision: DecisionRule,
}

/// Which models are in place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Standing {
    /// Grows with each change.
    pub revision: u64,
    /// The model that judges.
    pub active: Entry,
    /// The one that is compared with it.
    pub shadow: Option<Entry>,
    /// Those that judged before, the latest first: what a rollback goes back to.
    pub earlier: Vec<Entry>,
    /// What was asked for and cannot be had; none where all is as it should be.
    pub notice: Option<String>,
}

/// Puts models in place; one for a data folder.
#[derive(Debug)]
pub struct Keeper {
    shelf: Shelf,
    slot: Arc<Slot>,
    observed: Arc<Observed>,
    audit: Audit,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    record: Record,
    notice: Option<String>,
}

impl Settings {
    /// The shelf whose models decide as these settings say.
    pub fn shelf(&self) -> Shelf {
        Shelf::new(&self.data_dir).deciding(self.decision).allowing(self.max_false_alarms)
    }

    /// The model that judges beside the active one, loaded and checked.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn second(&self, shelf: &Shelf) -> Result<Option<Second>, ModelError> {
        let load = |model: &Model| Ok(Second { model: Arc::new(shelf.load(model)?), all: self.second_judges_all });
        self.second.as_ref().map(load).transpose()
    }
}

impl Keeper {
    /// Puts the models in place that are to judge, by the record and the configuration.
    ///
    /// # Errors
    /// When the configured model has to judge and cannot be used.
    pub fn open(settings: &Settings, audit: Audit, clock: Clock) -> Result<Self, ModelError> {
        let shelf = settings.shelf();
        let Chosen { models, record, notice } = choose(&shelf, &settings.configured, clock.now())?;
        let observed = Arc::new(Observed::new(&models, settings.window, clock.clone()));
        let second = settings.second(&shelf)?;
        let slot = Arc::new(Slot::new(Arc::clone(&models.active)).with_second(second));
        slot.exchange(models);
        let keeper = Self { shelf, slot, observed, audit, clock, state: Mutex::new(State { record, notice }) };
        keeper.say(&keeper.state());
        Ok(keeper)
    }

    /// Where workers find the models.
    pub fn slot(&self) -> &Arc<Slot> {
        &self.slot
    }

    /// What the workers have seen of them.
    pub fn observed(&self) -> &Arc<Observed> {
        &self.observed
    }

    /// The models that could be put in place.
    pub fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// Which models are in place.
    pub fn standing(&self) -> Standing {
        Standing::of(&self.state())
    }

    /// Lets this model judge from the next batch on. `revision` is the one that the caller knew, `by` what asked.
    ///
    /// # Errors
    /// When it cannot be used, somebody else was faster, or the record cannot be written; nothing has changed then.
    pub fn activate(&self, model: &Model, revision: Option<u64>, by: &str) -> Result<Standing, ModelError> {
        let loaded = Arc::new(self.shelf.load(model)?);
        let mut state = self.unmoved(revision)?;
        if state.record.active.hash == loaded.info().hash && state.notice.is_none() {
            return Ok(Standing::of(&state));
        }
        let entry = Entry::new(model, &loaded, self.clock.now(), by);
        let record = state.record.clone().with_active(entry);
        self.put(&mut state, record, loaded, by)
    }

    /// Lets the model judge that did before the one that does.
    ///
    /// # Errors
    /// As [`Keeper::activate`], and when there was none.
    pub fn roll_back(&self, revision: Option<u64>) -> Result<Standing, ModelError> {
        let mut state = self.unmoved(revision)?;
        let before = state.record.earlier.first().ok_or(ModelError::NothingEarlier)?.model.clone();
        let loaded = Arc::new(self.shelf.load(&before)?);
        let entry = Entry::new(&before, &loaded, self.clock.now(), "rollback");
        let record = state.record.clone().rolled_back(entry);
        self.put(&mut state, record, loaded, "rollback")
    }

    /// Compares this model with the one that judges, from the next batch on; none ends the comparison.
    ///
    /// # Errors
    /// As [`Keeper::activate`], and when it is the one that judges.
    pub fn shadow(&self, model: Option<&Model>, revision: Option<u64>, by: &str) -> Result<Standing, ModelError> {
        let loaded = model.map(|model| self.shelf.load(model).map(|loaded| (model, Arc::new(loaded)))).transpose()?;
        let mut state = self.unmoved(revision)?;
        if let Some((model, loaded)) = &loaded
            && loaded.info().hash == state.record.active.hash
        {
            return Err(ModelError::OwnShadow((*model).clone()));
        }
        let now = self.clock.now();
        let entry = loaded.as_ref().map(|(model, loaded)| Entry::new(model, loaded, now, by));
        let record = state.record.clone().with_shadow(entry);
        record.write(self.shelf.folder())?;
        let active = self.slot.current();
        let shadow = loaded.map(|(_, loaded)| loaded);
        let word = if shadow.is_some() { "shadow_started" } else { "shadow_stopped" };
        state.record = record;
        self.exchange(&state, Models { active, shadow }, word, by);
        Ok(Standing::of(&state))
    }

    /// Takes over a configuration that was read again, and a record that somebody else has written. Nothing changes
    /// before `go`; to be called once everything else about the configuration is found right.
    ///
    /// # Errors
    /// When the model that is to judge now cannot be used.
    pub fn prepare(&self, configured: &Configured) -> Result<Prepared<'_>, ModelError> {
        let state = self.state();
        Ok(Prepared { chosen: choose(&self.shelf, configured, self.clock.now())?, keeper: self, state })
    }

    /// Brings the metrics up to date.
    pub fn measure(&self) {
        let state = self.state();
        catalogue::MODEL_FALLBACK.set(i64::from(state.notice.is_some()));
        let sample = |role: &str, entry: &Entry| Sample {
            labels: vec![
                ("role", role.to_owned()),
                ("name", entry.name.clone()),
                ("version", entry.version.clone()),
                ("hash", entry.hash.clone()),
            ],
            value: 1.0,
        };
        let shadow = state.record.shadow.as_ref().map(|entry| sample("shadow", entry));
        let samples = std::iter::once(sample("active", &state.record.active)).chain(shadow).collect();
        drop(state);
        catalogue::MODEL_INFO.set(samples);
        self.observed.measure();
    }

    /// Writes the record, then puts the models in place that it says.
    fn put(
        &self,
        state: &mut State,
        record: Record,
        active: Arc<LoadedModel>,
        by: &str,
    ) -> Result<Standing, ModelError> {
        record.write(self.shelf.folder())?;
        let shadow = self.slot.models().shadow.filter(|_| record.shadow.is_some());
        *state = State { record, notice: None };
        self.exchange(state, Models { active, shadow }, "model_activated", by);
        Ok(Standing::of(state))
    }

    fn exchange(&self, state: &State, models: Models, action: &'static str, by: &str) {
        self.observed.follow(&models);
        self.slot.exchange(models);
        catalogue::MODEL_EXCHANGES.add(1);
        let Entry { model, version, hash, .. } = &state.record.active;
        let shadow = state.record.shadow.as_ref().map_or_else(|| "none".to_owned(), |entry| entry.model.to_string());
        let message = format!("{model} (version {version}, BLAKE3 {hash}) judges, shadow {shadow}; by {by}");
        self.audit.tell(Act::Models { action, message });
        self.say(state);
    }

    fn say(&self, state: &State) {
        let Entry { model, version, hash, .. } = &state.record.active;
        let shadow = state.record.shadow.as_ref().map(|entry| entry.model.to_string());
        tracing::info!(%model, version, hash, shadow, "this model judges");
        if let Some(notice) = &state.notice {
            tracing::error!("not the model that was asked for: {notice}");
        }
    }

    /// The state, if nobody has changed it since the caller looked.
    fn unmoved(&self, expected: Option<u64>) -> Result<MutexGuard<'_, State>, ModelError> {
        let state = self.state();
        match expected {
            Some(expected) if expected != state.record.revision => {
                Err(ModelError::Moved { expected, found: state.record.revision })
            }
            _ => Ok(state),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Models that are loaded and wait for their turn; while they do, nobody else can change which are in place.
#[derive(Debug)]
pub struct Prepared<'a> {
    keeper: &'a Keeper,
    chosen: Chosen,
    state: MutexGuard<'a, State>,
}

impl Prepared<'_> {
    /// Puts them in place, where they are others than those that are. Cannot fail.
    pub fn go(self) {
        let Self { keeper, chosen: Chosen { mut models, record, notice }, mut state } = self;
        let before = keeper.slot.models();
        let hash = |model: &Arc<LoadedModel>| model.info().hash.clone();
        let same_active = hash(&before.active) == hash(&models.active);
        let same_shadow = before.shadow.as_ref().map(hash) == models.shadow.as_ref().map(hash);
        *state = State { record, notice };
        if same_active && same_shadow {
            return;
        }
        // a model that stays is not made anew
        if same_active {
            models.active = before.active;
        }
        if same_shadow {
            models.shadow = before.shadow;
        }
        let action = if same_active { "shadow_changed" } else { "model_activated" };
        keeper.exchange(&state, models, action, "configuration");
    }
}

impl Standing {
    fn of(state: &State) -> Self {
        let Record { revision, active, shadow, earlier, .. } = state.record.clone();
        Self { revision, active, shadow, earlier, notice: state.notice.clone() }
    }
}

#[cfg(test)]
#[cfg(feature = "torch")]
mod tests {
    use std::path::Path;

    use super::super::samples::write_changed;
    use super::*;
    use crate::event::ReceivedTime;

    fn clock() -> Clock {
        Clock::manual(ReceivedTime::from_micros(1_790_000_000_000_000))
    }

    fn configured(model: &str, shadow: Option<&str>) -> Configured {
        Configured { model: model.parse().unwrap(), shadow: shadow.map(|shadow| shadow.parse().unwrap()) }
    }

    fn open_with(data: &Path, configured: Configured) -> Result<Keeper, ModelError> {
        let settings = Settings {
            data_dir: data.to_owned(),
            configured,
            second: None,
            second_judges_all: false,
            max_false_alarms: None,
            window: Duration::from_secs(3600),
            decision: DecisionRule::MostProbable,
        };
        Keeper::open(&settings, Audit::none(), clock())
    }

    fn open(data: &Path) -> Keeper {
        open_with(data, configured("builtin:kdd99", None)).unwrap()
    }

    /// Imports models of these versions and names them.
    fn import(data: &Path, versions: &[&str]) -> Vec<Model> {
        let sources = tempfile::tempdir().unwrap();
        let import = |version: &&str| {
            let description = format!("made up, version {version}");
            let source = write_changed(sources.path(), "own", version, |card| card.description = description);
            Shelf::new(data).import(&source, &clock()).unwrap().model
        };
        versions.iter().map(import).collect()
    }

    fn active(keeper: &Keeper) -> String {
        let standing = keeper.standing();
        let judging = keeper.slot().current().info();
        assert_eq!(
            (judging.name.as_str(), judging.version.as_str()),
            (&*standing.active.name, &*standing.active.version)
        );
        assert_eq!(judging.hash, standing.active.hash);
        standing.active.model.to_string()
    }

    #[test]
    fn what_was_activated_judges_after_a_restart_and_rollbacks_lead_back() {
        let folder = tempfile::tempdir().unwrap();
        let models = import(folder.path(), &["1", "2"]);
        let keeper = open(folder.path());
        assert_eq!(active(&keeper), "builtin:kdd99");
        keeper.activate(&models[0], None, "api").unwrap();
        let standing = keeper.activate(&models[1], Some(1), "api").unwrap();
        assert_eq!((standing.revision, standing.active.by.as_str()), (2, "api"));
        assert_eq!(active(&open(folder.path())), "stored:own/2");
        let keeper = open(folder.path());
        keeper.roll_back(None).unwrap();
        assert_eq!(active(&keeper), "stored:own/1");
        keeper.roll_back(Some(3)).unwrap();
        assert_eq!(active(&keeper), "builtin:kdd99");
        assert!(matches!(keeper.roll_back(None), Err(ModelError::NothingEarlier)));
        assert_eq!(active(&open(folder.path())), "builtin:kdd99");
    }

    #[test]
    fn of_two_who_change_at_once_the_second_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let models = import(folder.path(), &["1", "2"]);
        let keeper = open(folder.path());
        let seen = keeper.standing().revision;
        keeper.activate(&models[0], Some(seen), "api").unwrap();
        let fault = keeper.activate(&models[1], Some(seen), "api").unwrap_err();
        assert!(matches!(fault, ModelError::Moved { expected: 0, found: 1 }), "{fault}");
        assert_eq!(active(&keeper), "stored:own/1");
        // the same again is no change
        assert_eq!(keeper.activate(&models[0], None, "api").unwrap().revision, 1);
    }

    #[test]
    fn of_record_and_configuration_the_later_word_counts() {
        let folder = tempfile::tempdir().unwrap();
        let models = import(folder.path(), &["1", "2"]);
        open(folder.path()).activate(&models[0], None, "api").unwrap();
        let changed = configured("stored:own/2", None);
        let keeper = open_with(folder.path(), changed.clone()).unwrap();
        assert_eq!(active(&keeper), "stored:own/2", "classify.model was changed after the activation");
        assert_eq!(keeper.standing().revision, 2);
        keeper.roll_back(None).unwrap();
        assert_eq!(active(&open_with(folder.path(), changed).unwrap()), "stored:own/1");
        assert_eq!(active(&open(folder.path())), "builtin:kdd99", "and back to what it was before");
    }

    #[test]
    fn an_activated_model_that_is_gone_is_replaced_with_a_word_and_never_in_silence() {
        let folder = tempfile::tempdir().unwrap();
        let model = import(folder.path(), &["1"]).remove(0);
        open(folder.path()).activate(&model, None, "api").unwrap();
        let weights = folder.path().join("models/own/1/weights.safetensors");
        let whole = std::fs::read(&weights).unwrap();
        std::fs::write(&weights, &whole[..100]).unwrap();
        let keeper = open(folder.path());
        assert_eq!(active(&keeper), "builtin:kdd99");
        let notice = keeper.standing().notice.unwrap();
        assert!(notice.contains("stored:own/1 was activated and cannot be used") && notice.contains("builtin:kdd99"));
        // repaired, it is what was asked for again
        std::fs::write(&weights, &whole).unwrap();
        assert_eq!(
            (active(&open(folder.path())).as_str(), open(folder.path()).standing().notice),
            ("stored:own/1", None)
        );
        std::fs::write(folder.path().join("models/active.json"), "{\"form").unwrap();
        let keeper = open(folder.path());
        let notice = keeper.standing().notice.unwrap();
        assert!(notice.contains("active.json: cannot be understood"), "{notice}");
        // which the next activation ends
        assert_eq!(keeper.activate(&model, None, "api").unwrap().notice, None);
        assert_eq!(active(&open(folder.path())), "stored:own/1");
        // a configured model has nothing to fall back to
        let fault = open_with(folder.path(), configured("stored:own/7", None)).unwrap_err();
        assert!(matches!(fault, ModelError::Unknown { .. }), "{fault}");
    }

    #[test]
    fn a_disk_that_refuses_leaves_everything_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let model = import(folder.path(), &["1"]).remove(0);
        let keeper = open(folder.path());
        // a folder in the place of the file that is to be written
        std::fs::create_dir(folder.path().join("models/active.new")).unwrap();
        let fault = keeper.activate(&model, None, "api").unwrap_err();
        assert!(matches!(fault, ModelError::File { .. }), "{fault}");
        assert_eq!((active(&keeper).as_str(), keeper.standing().revision), ("builtin:kdd99", 0));
    }

    #[test]
    fn a_shadow_comes_and_goes_lasts_over_a_restart_and_is_never_the_model_itself() {
        let folder = tempfile::tempdir().unwrap();
        let models = import(folder.path(), &["1", "2"]);
        let keeper = open(folder.path());
        keeper.shadow(Some(&models[0]), None, "api").unwrap();
        assert_eq!(keeper.slot().models().shadow.unwrap().info().version, "1");
        let keeper = open(folder.path());
        assert_eq!(keeper.standing().shadow.unwrap().model, models[0]);
        assert!(keeper.observed().shadow().is_some());
        keeper.activate(&models[1], None, "api").unwrap();
        assert_eq!(keeper.slot().models().shadow.unwrap().info().version, "1", "it stays beside the next");
        keeper.activate(&models[0], None, "api").unwrap();
        assert!(keeper.slot().models().shadow.is_none() && keeper.standing().shadow.is_none());
        assert!(matches!(keeper.shadow(Some(&models[0]), None, "api"), Err(ModelError::OwnShadow(_))));
        keeper.shadow(Some(&models[1]), None, "api").unwrap();
        assert_eq!(keeper.shadow(None, None, "api").unwrap().shadow, None);
        assert!(keeper.observed().shadow().is_none() && open(folder.path()).standing().shadow.is_none());
    }

    #[test]
    fn a_configuration_read_again_changes_models_only_when_all_is_right() {
        let folder = tempfile::tempdir().unwrap();
        import(folder.path(), &["1"]);
        let keeper = open(folder.path());
        assert!(keeper.prepare(&configured("stored:own/9", None)).is_err());
        let prepared = keeper.prepare(&configured("stored:own/1", Some("builtin:kdd99"))).unwrap();
        assert_eq!(keeper.slot().current().info().name, "kdd99", "not yet");
        prepared.go();
        assert_eq!(active(&keeper), "stored:own/1");
        assert_eq!(keeper.slot().models().shadow.unwrap().info().name, "kdd99");
        let before = keeper.slot().current();
        keeper.prepare(&configured("stored:own/1", None)).unwrap().go();
        assert!(Arc::ptr_eq(&before, &keeper.slot().current()) && keeper.slot().models().shadow.is_none());
    }
}
