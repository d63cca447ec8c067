//! One line of the audit log.

use serde_json::{Map, Value, json};

use super::super::Origin;
use super::{Act, Failure};
use crate::event::ReceivedTime;

/// What a line says.
pub struct Line {
    action: &'static str,
    category: &'static str,
    failed: bool,
    user: Option<String>,
    address: Option<String>,
    count: Option<u64>,
    message: String,
}

impl Line {
    /// Of something that somebody did.
    pub fn of_act(act: &Act) -> Self {
        let process = |action, message: String| Self {
            action,
            category: "process",
            failed: false,
            user: None,
            address: None,
            count: None,
            message,
        };
        match act {
            Act::Started { address } => process("started", format!("oversight listens on {address}")),
            Act::Stopping => process("stopping", "oversight was told to stop".to_owned()),
            Act::Reloaded { unapplied } if unapplied.is_empty() => {
                process("reloaded", "the configuration was read again".to_owned())
            }
            Act::Reloaded { unapplied } => process(
                "reloaded",
                format!("the configuration was read again; needs a restart: {}", unapplied.join(", ")),
            ),
            Act::NotReloaded => Self {
                failed: true,
                ..process("not_reloaded", "the configuration is wrong, the old one stays; the log says why".to_owned())
            },
            Act::Models { action, message } => Self { category: "configuration", ..process(action, message.clone()) },
            Act::Administered { name, address, request } => Self {
                category: "configuration",
                user: Some(name.to_string()),
                address: Some(address.to_string()),
                ..process("administered", request.to_string())
            },
            Act::LoggedIn { name, address } => Self {
                category: "authentication",
                user: Some(name.to_string()),
                address: Some(address.to_string()),
                ..process("logged_in", "a session began on the page".to_owned())
            },
            Act::ByHand { user, command } => {
                Self { category: "configuration", user: user.clone(), ..process("by_hand", (*command).to_owned()) }
            }
        }
    }

    /// Of failures of one kind, from one address or, without one, from many.
    pub fn of_failure(origin: Option<Origin>, failure: Failure, count: u64) -> Self {
        let (action, message) = match failure {
            Failure::NoCredentials => ("no_credentials", "a request showed no credentials"),
            Failure::WrongCredentials => ("wrong_credentials", "credentials were not valid"),
            Failure::RoleTooSmall => ("role_too_small", "credentials do not suffice for what was asked"),
            Failure::Elsewhere => ("caused_elsewhere", "a page of another site let a browser send a request"),
            Failure::NotLookedAt => ("not_looked_at", "passwords were not looked at, too many wrong ones came"),
            Failure::Handshake => ("handshake_failed", "a TLS handshake failed"),
        };
        Self {
            action,
            category: "authentication",
            failed: true,
            user: None,
            address: origin.map(|origin| origin.to_string()),
            count: Some(count),
            message: message.to_owned(),
        }
    }

    /// What happened, in one word.
    pub fn action(&self) -> &str {
        self.action
    }

    /// Where it came from.
    pub fn address(&self) -> &str {
        self.address.as_deref().unwrap_or("many")
    }

    /// In a sentence.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// As JSON, with a line end.
    pub fn to_json(&self, now: ReceivedTime) -> Vec<u8> {
        let mut line = Map::new();
        line.insert("@timestamp".to_owned(), now.to_string().into());
        let outcome = if self.failed { "failure" } else { "success" };
        let event = json!({"kind": "event", "category": [self.category], "action": self.action, "outcome": outcome});
        line.insert("event".to_owned(), event);
        line.insert("message".to_owned(), self.message.as_str().into());
        if let Some(user) = &self.user {
            line.insert("user".to_owned(), json!({"name": user}));
        }
        if let Some(address) = &self.address {
            line.insert("source".to_owned(), json!({"ip": address}));
        }
        if let Some(count) = self.count {
            line.insert("oversight".to_owned(), json!({"count": count}));
        }
        let mut bytes = serde_json::to_vec(&Value::Object(line)).expect("texts and numbers are written to memory");
        bytes.push(b'\n');
        bytes
    }
}
