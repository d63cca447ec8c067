//! Whether oversight is alive, and whether it can do its work.
//!
//! Ready means: events can be taken. A store that is away does not change that, the spool keeps what comes; it is
//! told as degraded, with the reason.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::StatusCode;
use serde::Serialize;
use serde_json::json;
use warp::reply::Response;

use super::json as json_response;

/// A room whose state decides what oversight can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
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

    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 200, always.
pub(super) fn live() -> Response {
    json_response(StatusCode::OK, &json!({ "status": "live" }))
}

/// 200 while events can be taken, else 503: `{"status":"ready|degraded|not ready","rooms":{"store":{"state":"down","reason":…}}}`.
/// A room may have a `hint` too, which changes nothing.
pub(super) fn ready(readiness: &Readiness) -> Response {
    let ready = readiness.is_ready();
    let Rooms { states, hints } = readiness.rooms().clone();
    let all_up = states.values().all(|state| *state == State::Up);
    let (status, word) = match (ready, all_up) {
        (true, true) => (StatusCode::OK, "ready"),
        (true, false) => (StatusCode::OK, "degraded"),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "not ready"),
    };
    let told = |(&room, state)| (room, Told { hint: hints.get(&room).map(String::as_str), ..Told::of(state) });
    let rooms: BTreeMap<Room, Told<'_>> = states.iter().map(told).collect();
    json_response(status, &json!({ "status": word, "rooms": rooms }))
}

#[derive(Serialize)]
struct Told<'a> {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

impl<'a> Told<'a> {
    fn of(state: &'a State) -> Self {
        let (state, reason) = match state {
            State::Starting => ("starting", None),
            State::Up => ("up", None),
            State::Degraded(reason) => ("degraded", Some(reason.as_str())),
            State::Down(reason) => ("down", Some(reason.as_str())),
        };
        Self { state, reason, hint: None }
    }
}
