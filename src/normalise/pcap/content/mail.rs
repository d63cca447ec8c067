//! SMTP and POP3: who is let in, and tricks that are as old as mail.

use super::Findings;

/// A session of SMTP.
#[derive(Debug, Default)]
pub struct Smtp {
    /// The command that is to be answered.
    asked: Asked,
    /// Whether a message is being sent, which is none of our business.
    within_message: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Asked {
    #[default]
    Other,
    Greeting,
    Login,
    Message,
}

impl Smtp {
    /// Takes a line of the client.
    pub fn command(&mut self, line: &str, found: &mut Findings) {
        if self.within_message {
            self.within_message = line != ".";
            return;
        }
        let lower = line.to_ascii_lowercase();
        let (verb, argument) = lower.split_once([' ', ':']).unwrap_or((&lower, ""));
        self.asked = match verb {
            "helo" | "ehlo" => Asked::Greeting,
            "auth" => Asked::Login,
            "data" => Asked::Message,
            _ if self.asked == Asked::Login => Asked::Login,
            _ => Asked::Other,
        };
        match verb {
            "debug" | "wiz" | "kill" => found.hot += 1,
            "vrfy" | "expn" if argument.contains("root") || argument.contains("decode") => found.hot += 1,
            "mail" | "rcpt" => {
                // an address that is a program or a file
                found.hot += u32::from(argument.contains('|') || argument.contains("</") || argument.contains("\"/"));
                found.touches(argument);
            }
            _ => {}
        }
    }

    /// Takes a line of the server.
    pub fn reply(&mut self, line: &str, found: &mut Findings) {
        match line.get(..3) {
            // mail has no logins as a rule: in KDD-99 whoever is greeted is in
            Some("250") if self.asked == Asked::Greeting => found.accepted(),
            Some("235") => found.accepted(),
            Some("535" | "534") => found.refused(),
            Some("354") if self.asked == Asked::Message => self.within_message = true,
            _ => {}
        }
    }
}

/// A session of POP3.
#[derive(Debug, Default)]
pub struct Pop3 {
    /// Whether a password is to be answered.
    asked: bool,
}

impl Pop3 {
    /// Takes a line of the client.
    pub fn command(&mut self, line: &str, found: &mut Findings) {
        let lower = line.to_ascii_lowercase();
        let (verb, argument) = lower.split_once(' ').unwrap_or((&lower, ""));
        match verb {
            "user" => found.user(argument),
            "apop" => {
                found.user(argument.split(' ').next().unwrap_or_default());
                self.asked = true;
            }
            "pass" => self.asked = true,
            _ => {}
        }
    }

    /// Takes a line of the server.
    pub fn reply(&mut self, line: &str, found: &mut Findings) {
        if self.asked && line.starts_with("+OK") {
            found.accepted();
        } else if self.asked && line.starts_with("-ERR") {
            found.refused();
        }
        self.asked = false;
    }
}
