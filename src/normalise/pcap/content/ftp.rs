//! FTP's control connection: logins, and what is done to files.

use super::Findings;
use super::indicators::tells_of_loss;

/// A session.
#[derive(Debug, Default)]
pub struct Ftp {
    /// Whether a password was sent that was not answered.
    asked: bool,
    /// Whether a file is to be made, once the server agrees.
    makes: bool,
}

impl Ftp {
    /// Takes a line of the client.
    pub fn command(&mut self, line: &str, found: &mut Findings) {
        let lower = line.to_ascii_lowercase();
        let (verb, argument) = lower.split_once(' ').unwrap_or((&lower, ""));
        match verb {
            "user" => {
                found.user(argument);
                self.asked = true;
            }
            "pass" => self.asked = true,
            "stor" | "stou" | "appe" | "mkd" | "xmkd" => self.makes = true,
            "site" if argument.starts_with("exec") || argument.starts_with("chmod") => found.hot += 1,
            "dele" | "rmd" | "xrmd" | "rnfr" => found.hot += 1,
            _ => {}
        }
        if matches!(
            verb,
            "retr" | "stor" | "stou" | "appe" | "dele" | "mkd" | "cwd" | "list" | "nlst" | "rnto" | "site"
        ) {
            // directories of dots and blanks are where stolen goods are kept
            found.hot += u32::from(
                argument.contains("/.") || argument.contains("...") || argument.starts_with('.') && argument.len() > 2,
            );
            found.touches(argument);
            found.shells += u32::from(argument.contains("/bin/sh"));
        }
    }

    /// Takes a line of the server.
    pub fn reply(&mut self, line: &str, found: &mut Findings) {
        match line.get(..3) {
            Some("230" | "232") => {
                found.accepted();
                self.asked = false;
            }
            Some("530" | "430" | "332") if self.asked => {
                found.refused();
                self.asked = false;
            }
            Some("226" | "250" | "257") if self.makes => {
                found.file_creations += 1;
                self.makes = false;
            }
            Some("550" | "553" | "451" | "452") => {
                self.makes = false;
                found.compromised += u32::from(tells_of_loss(&line.to_ascii_lowercase()));
            }
            _ => {}
        }
    }
}
