//! HTTP: what was asked for, and whether the server gave it.

use super::Findings;

/// A path of so many slashes is an attack on old servers (`back` of KDD-99).
const MANY_SLASHES: usize = 64;

/// A connection's requests and answers.
#[derive(Debug, Default)]
pub struct Http {
    /// Whether a request shows credentials.
    authorized: bool,
    /// Whether a file is to be made.
    makes: bool,
    /// The host that was asked.
    pub host: Option<String>,
}

const METHODS: [&str; 10] =
    ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PATCH", "PROPFIND"];

/// Whether a client's first bytes are a request.
pub fn is_request(bytes: &[u8]) -> bool {
    METHODS.iter().any(|method| bytes.strip_prefix(method.as_bytes()).is_some_and(|rest| rest.starts_with(b" ")))
}

impl Http {
    /// Takes a line of the client.
    pub fn request(&mut self, line: &str, found: &mut Findings) {
        if let Some((name, value)) = line.split_once(':').filter(|(name, _)| !name.contains(' ')) {
            match name.to_ascii_lowercase().as_str() {
                "authorization" | "proxy-authorization" => self.authorized = true,
                "host" if self.host.is_none() => self.host = Some(value.trim().to_owned()),
                _ => {}
            }
            return;
        }
        let mut words = line.split(' ');
        let (Some(method), Some(path)) = (words.next(), words.next()) else { return };
        if !METHODS.contains(&method) {
            return;
        }
        let path = decoded(path).to_ascii_lowercase();
        self.makes = method == "PUT";
        found.touches(&path);
        found.shells += u32::from(path.contains("/bin/sh") || path.contains("/bin/bash") || path.contains("cmd.exe"));
        found.hot += u32::from(path.matches('/').count() >= MANY_SLASHES);
    }

    /// Takes a line of the server.
    pub fn response(&mut self, line: &str, found: &mut Findings) {
        if line.contains("uid=0(root)") {
            found.root_shell = true;
        }
        let Some(status) = line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)) else { return };
        match status {
            "401" | "407" if self.authorized => found.refused(),
            "401" | "407" => {}
            "404" | "403" => {
                found.accepted();
                found.compromised += 1;
            }
            _ => found.accepted(),
        }
        found.file_creations += u32::from(self.makes && matches!(status, "200" | "201" | "204"));
        (self.authorized, self.makes) = (false, false);
    }
}

/// A path with its `%2e` and the like undone, twice, since some hide them like that.
fn decoded(path: &str) -> String {
    let once = |text: &[u8]| {
        let mut out = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some((&first, after)) = rest.split_first() {
            let digits = (first == b'%').then(|| after.get(..2)).flatten();
            let byte = digits.and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
            out.push(byte.unwrap_or(first));
            rest = if byte.is_some() { &after[2..] } else { after };
        }
        out
    };
    String::from_utf8_lossy(&once(&once(path.as_bytes()))).into_owned()
}
