//! Somebody at a terminal: telnet, rlogin, rsh and rexec. What is typed is a command if a prompt stands before it.

use super::indicators::{commands, creates_file, program, runs_program, starts_shell, tells_of_loss};
use super::{Findings, Lines};

/// A session.
#[derive(Debug)]
pub struct Shell {
    typed: Lines,
    shown: Lines,
    /// What stood at the end of the screen when the line that is typed began.
    before: Expected,
    /// Whether a line has begun; one that was taken back key by key has.
    begun: bool,
    /// Telnet's commands in what is typed, and in what is shown.
    options: [Options; 2],
    /// Whether a name or password was sent whose answer is to come.
    asked: bool,
    /// What is sent first, each part ended by a zero byte, as far as it is still to come.
    first: &'static [Part],
    /// Whether the server's first byte tells whether it agrees.
    tells: bool,
}

/// A part of what some programs send first.
#[derive(Debug, Clone, Copy)]
enum Part {
    Other,
    User,
    Command,
}

const RLOGIN: &[Part] = &[Part::Other, Part::Other, Part::User, Part::Other];
const RSH: &[Part] = &[Part::Other, Part::Other, Part::User, Part::Command];
const REXEC: &[Part] = &[Part::Other, Part::User, Part::Other, Part::Command];

/// What the server waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Expected {
    #[default]
    Nothing,
    User,
    Password,
    Command,
    /// A command of the administrator.
    RootCommand,
}

impl Shell {
    /// A session with the server of `port`: telnet unless it is one of the r-programs.
    pub fn at(port: u16) -> Self {
        let first: &'static [Part] = match port {
            512 => REXEC,
            513 => RLOGIN,
            514 => RSH,
            _ => &[],
        };
        Self {
            typed: Lines::typed(),
            shown: Lines::default(),
            before: Expected::Nothing,
            begun: false,
            options: [Options::default(); 2],
            asked: false,
            first,
            tells: matches!(port, 512 | 514),
        }
    }

    /// Takes what was typed.
    pub fn typed(&mut self, bytes: &[u8], found: &mut Findings) {
        let mut bytes = bytes;
        while let Some((part, rest)) = self.first.split_first() {
            let Some(end) = bytes.iter().position(|byte| *byte == 0) else { return };
            let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
            (bytes, self.first) = (&bytes[end + 1..], rest);
            match part {
                Part::Other => {}
                Part::User => {
                    found.user(&text);
                    self.asked = true;
                }
                Part::Command => command(&text, found.host_login, found),
            }
        }
        if !self.begun {
            self.before = expected(&self.shown.under_way());
        }
        let last = bytes.iter().rfind(|byte| **byte != 0);
        self.begun = !last.is_some_and(|byte| matches!(byte, b'\r' | b'\n'));
        let (before, asked) = (self.before, &mut self.asked);
        self.typed.feed(&self.options[0].strip(bytes), |line| match before {
            Expected::User => {
                found.user(line);
                *asked = true;
            }
            Expected::Password => *asked = true,
            Expected::Command | Expected::RootCommand => {
                found.accepted();
                command(line, before == Expected::RootCommand, found);
            }
            Expected::Nothing => {}
        });
    }

    /// Takes what was shown.
    pub fn shown(&mut self, bytes: &[u8], found: &mut Findings) {
        if std::mem::take(&mut self.tells) {
            if bytes.first() == Some(&0) {
                found.accepted()
            } else {
                found.refused()
            }
            self.asked = false;
        }
        let asked = &mut self.asked;
        self.shown.feed(&self.options[1].strip(bytes), |line| {
            let line = line.to_ascii_lowercase();
            let refuses =
                ["login incorrect", "login failed", "authentication failure", "access denied", "logon failure"];
            if refuses.iter().any(|words| line.contains(words)) {
                found.refused();
                *asked = false;
            } else if line.contains("last login") {
                found.accepted();
            } else if line.contains("uid=0(root)") {
                found.root_shell = true;
            } else if found.logged_in {
                found.compromised += u32::from(tells_of_loss(&line));
            }
        });
        match expected(&self.shown.under_way()) {
            Expected::Command if self.asked => found.accepted(),
            Expected::RootCommand if self.asked || found.logged_in => {
                found.accepted();
                found.root_shell = true;
            }
            _ => {}
        }
    }

    /// Bytes are missing: what is under way cannot be told.
    pub fn gap(&mut self) {
        self.typed.clear();
        self.shown.clear();
    }
}

/// What the end of the screen waits for.
fn expected(screen: &str) -> Expected {
    let screen = screen.trim_end();
    let lower = screen.to_ascii_lowercase();
    if lower.ends_with("login:") || lower.ends_with("username:") || lower.ends_with("user:") {
        return Expected::User;
    }
    if lower.ends_with("password:") || lower.ends_with("passwd:") {
        return Expected::Password;
    }
    match screen.chars().last() {
        Some('#') => Expected::RootCommand,
        Some('$' | '%' | '>') => Expected::Command,
        _ => Expected::Nothing,
    }
}

fn command(line: &str, as_root: bool, found: &mut Findings) {
    let line = line.to_ascii_lowercase();
    found.root += u32::from(as_root);
    found.touches(&line);
    for command in commands(&line) {
        found.su_attempted |= program(command) == "su";
        found.shells += u32::from(starts_shell(command));
        found.file_creations += u32::from(creates_file(command));
        found.hot += u32::from(runs_program(command));
    }
}

/// Telnet's own commands among the text, which begin with the byte 255: where in one of them the text stands.
#[derive(Debug, Clone, Copy, Default)]
enum Options {
    #[default]
    Text,
    Command,
    Option,
    Negotiation,
    NegotiationCommand,
}

impl Options {
    fn strip(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            *self = match (*self, byte) {
                (Self::Text, 255) => Self::Command,
                (Self::Text, _) => {
                    out.push(byte);
                    Self::Text
                }
                (Self::Command, 250) => Self::Negotiation,
                (Self::Command, 251..=254) => Self::Option,
                (Self::Command | Self::Option, _) => Self::Text,
                (Self::Negotiation, 255) => Self::NegotiationCommand,
                (Self::NegotiationCommand, 240) => Self::Text,
                (Self::Negotiation | Self::NegotiationCommand, _) => Self::Negotiation,
            };
        }
        out
    }
}
