//! Whether oversight is alive, and whether it can do its work.
//!
//! Ready means: events can be taken. A store that is away does not change that, the spool keeps what comes; it is
//! told as degraded, with the reason.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

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
    /// It does not, for this reason.
    Down(String),
}

/// The state of the rooms; each tells its own, the health routes read it.
#[derive(Debug)]
pub struct Readiness(Mutex<BTreeMap<Room, State>>);

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

impl Readiness {
    /// All rooms that are always there are starting.
    pub fn new() -> Self {
        Self(Mutex::new(
            [Room::Spool, Room::Model, Room::Store, Room::Letters].map(|room| (room, State::Starting)).into(),
        ))
    }

    /// The room is in this state from now on.
    pub fn set(&self, room: Room, state: State) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(room, state);
    }

    /// Whether events can be taken.
    pub fn is_ready(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .all(|(&room, state)| matches!(room, Room::Store | Room::Letters | Room::Kafka) || *state == State::Up)
    }

    fn rooms(&self) -> BTreeMap<Room, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// 200, always.
pub(super) fn live() -> Response {
    json_response(StatusCode::OK, &json!({ "status": "live" }))
}

/// 200 while events can be taken, else 503: `{"status":"ready|degraded|not ready","rooms":{"store":{"state":"down","reason":…}}}`
pub(super) fn ready(readiness: &Readiness) -> Response {
    let ready = readiness.is_ready();
    let rooms = readiness.rooms();
    let all_up = rooms.values().all(|state| *state == State::Up);
    let (status, word) = match (ready, all_up) {
        (true, true) => (StatusCode::OK, "ready"),
        (true, false) => (StatusCode::OK, "degraded"),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "not ready"),
    };
    let rooms: BTreeMap<Room, Told<'_>> = rooms.iter().map(|(&room, state)| (room, Told::of(state))).collect();
    json_response(status, &json!({ "status": word, "rooms": rooms }))
}

#[derive(Serialize)]
struct Told<'a> {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl<'a> Told<'a> {
    fn of(state: &'a State) -> Self {
        match state {
            State::Starting => Self { state: "starting", reason: None },
            State::Up => Self { state: "up", reason: None },
            State::Down(reason) => Self { state: "down", reason: Some(reason) },
        }
    }
}
