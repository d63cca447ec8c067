//! Requests of whoever sets the engine up: whatever is answered is an answer, and told in the engine's words.

use bytes::Bytes;
use elasticsearch::http::Method;
use serde_json::Value;

use super::client::NoAnswer;
use super::words::request_reason;
use super::{ElasticStore, NAME};
use crate::store::StoreError;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// What is there.
    Get,
    /// Make it, or put it in the place of what is there.
    Put,
    /// Do something.
    Post,
    /// Take it away.
    Delete,
}

/// What the engine said.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body; null where it is no JSON.
    pub body: Value,
    /// Why it was not done, as far as the engine says so.
    pub reason: String,
}

impl Reply {
    /// Whether it was done, or is there.
    pub fn is_fine(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether this engine has no such thing at all: a part of it that is missing or switched off.
    pub fn is_unheard_of(&self) -> bool {
        matches!(self.status, 400 | 405 | 410 | 501)
    }

    /// The fault that it is for somebody who needed it done.
    pub fn fault(&self, what: &str) -> StoreError {
        let reason = format!("{what}: {}", self.reason);
        match self.status {
            400..=403 => StoreError::Forbidden { store: NAME, reason },
            _ => StoreError::Unreachable { store: NAME, reason },
        }
    }
}

impl ElasticStore {
    /// Asks the engine for something beside documents.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`] where there is no answer.
    pub async fn request(&self, verb: Verb, path: &str, body: Option<&Value>) -> Result<Reply, StoreError> {
        let method = match verb {
            Verb::Get => Method::Get,
            Verb::Put => Method::Put,
            Verb::Post => Method::Post,
            Verb::Delete => Method::Delete,
        };
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let query: Vec<(&str, &str)> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let body = body.map(|body| Bytes::from(body.to_string()));
        let answer = self.client.send(method, path, &query, body).await;
        let answer = answer.map_err(|NoAnswer(reason)| StoreError::Unreachable { store: NAME, reason })?;
        let body = serde_json::from_slice(&answer.body).unwrap_or_default();
        Ok(Reply { status: answer.status, body, reason: request_reason(&answer) })
    }
}
