//! Whether oversight is alive, and whether it can do its work.
//!
//! Ready means: events can be taken. A store that is away does not change that, the spool keeps what comes; it is
//! told as degraded, with the reason.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use warp::reply::Response;

use super::json as json_response;

/// A room whose state decides what oversight can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Room {
    /// Keeps what is taken: without it nothing can be.
    Spool,
    /// Judges: without a model nothing is taken that nobody could judge.
    Model,
    /// Where documents go: while it is away they wait in the spool.
    Store,
    /// Keeps what was refused: events are taken also while the oldest of it is lost.
    #[serde(rename = "dead_letters")]
    Letters,
    /// Where events come from, if so configured: while it is away they wait there.
    Kafka,
}

/// How a room is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Not yet told.
    Starting,
    /// It works.
    Up,
    /// It works, though not as it was asked to, for this reason.
    Degraded(String),
    /// It does not, for this reason.
    Down(String),
}

/// The state of the rooms; each tells its own, the health routes read it.
#[derive(Debug)]
pub struct Readiness(Mutex<Rooms>);

#[derive(Debug, Clone, Default)]
struct Rooms {
    states: BTreeMap<Room, State>,
    hints: BTreeMap<Room, String>,
}

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

impl Readiness {
    /// All rooms that are always there are starting.
    pub fn new() -> Self {
        let states = [Room::Spool, Room::Model, Room::Store, Room::Letters].map(|room| (room, State::Starting)).into();
        Self(Mutex::new(Rooms { states, hints: BTreeMap::new() }))
    }

    /// The room is in this state from now on.
    pub fn set(&self, room: Room, state: State) {
        self.rooms().states.insert(room, state);
    }

    /// What somebody should know of a room that works; it does not change what is ready. None takes a hint back.
    pub fn hint(&self, room: Room, hint: Option<String>) {
        let mut rooms = self.rooms();
        match hint {
            Some(hint) => rooms.hints.insert(room, hint),
            None => rooms.hints.remove(&room),
        };
    }

    /// Whether events can be taken.
    pub fn is_ready(&self) -> bool {
        let works = |state: &State| matches!(state, State::Up | State::Degraded(_));
        let spared = |room: Room| matches!(room, Room::Store | Room::Letters | Room::Kafka);
        self.rooms().states.iter().all(|(&room, state)| spared(room) || works(state))
    }

    /// How all rooms are now.
    pub fn told(&self) -> Health {
        health(self)
    }

    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 200, always.
pub(super) fn live() -> Response {
    json_response(StatusCode::OK, &json!({ "status": "live" }))
}

/// 200 while events can be taken, else 503; the body is [`Health`].
pub(super) fn ready(readiness: &Readiness) -> Response {
    let health = health(readiness);
    let status = if health.status == Word::NotReady { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    json_response(status, &health)
}

/// How all rooms are now.
pub(super) fn health(readiness: &Readiness) -> Health {
    let ready = readiness.is_ready();
    let Rooms { states, mut hints } = readiness.rooms().clone();
    let all_up = states.values().all(|state| *state == State::Up);
    let status = match (ready, all_up) {
        (true, true) => Word::Ready,
        (true, false) => Word::Degraded,
        (false, _) => Word::NotReady,
    };
    let rooms = states.into_iter().map(|(room, state)| (room, Told::of(state, hints.remove(&room)))).collect();
    Health { status, rooms }
}

/// How it is, as the health routes tell it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Health {
    /// In one word.
    pub status: Word,
    /// Room by room.
    pub rooms: BTreeMap<Room, Told>,
}

/// Whether events can be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    /// Yes, and all is well.
    Ready,
    /// Yes, though not all is well.
    Degraded,
    /// No.
    #[serde(rename = "not ready")]
    NotReady,
}

/// How a room is, as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Told {
    /// `starting`, `up`, `degraded` or `down`.
    pub state: &'static str,
    /// Why it is not up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What somebody should know; it changes nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Told {
    fn of(state: State, hint: Option<String>) -> Self {
        let (state, reason) = match state {
            State::Starting => ("starting", None),
            State::Up => ("up", None),
            State::Degraded(reason) => ("degraded", Some(reason)),
            State::Down(reason) => ("down", Some(reason)),
        };
        Self { state, reason, hint }
    }
}
