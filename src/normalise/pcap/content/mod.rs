//! What is said in clear text: which protocol it is, the name that is asked for, and KDD-99's content features.
//!
//! FTP, telnet and the r-programs, HTTP, SMTP and POP3 are understood as far as those features go. The protocol is told
//! by the first bytes of both sides, and only where these say nothing by the port. Each side is searched up to a
//! limit; what is kept is a line of each.

mod findings;
mod ftp;
mod http;
mod indicators;
mod lines;
mod mail;
mod names;
mod shell;

use std::borrow::Cow;

pub use findings::Findings;
pub use ftp::Ftp;
pub use http::Http;
use lines::Lines;
use names::Greeting;

use super::history::Side;
use super::tcp::Piece;

/// The bytes of a TLS client that are waited for until its greeting is complete.
const GREETING: usize = 4096;
/// Different questions of one connection that are told.
const MOST_QUESTIONS: usize = 512;

/// A name that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name<'a> {
    /// The server that a TLS client wants.
    Server(&'a str),
    /// The question of a DNS message.
    Question(&'a str),
    /// The host of an HTTP request.
    Host(&'a str),
}

/// What is found out about a connection by listening.
#[derive(Debug)]
pub struct Inspection {
    port: u16,
    /// Bytes of either side that are still listened to.
    left: [u32; 2],
    protocol: Protocol,
    /// Which sides spoke the protocol.
    spoke: [bool; 2],
    lines: [Lines; 2],
    found: Findings,
    name: Option<String>,
    /// Different questions of DNS, with their types.
    questions: Vec<(String, u16)>,
}

#[derive(Debug)]
enum Protocol {
    /// Not known yet.
    Unknown,
    Ftp(ftp::Ftp),
    Shell(Box<shell::Shell>),
    Http(http::Http),
    Smtp(mail::Smtp),
    Pop3(mail::Pop3),
    /// With the beginning of the client's greeting.
    Tls(Vec<u8>),
    Ssh,
    Dns,
    /// None of these.
    Other,
}

impl Inspection {
    /// Of a TCP connection to `port`, of either side so many bytes.
    pub fn of_tcp(port: u16, limit: u32) -> Self {
        Self {
            port,
            left: [limit; 2],
            protocol: Protocol::Unknown,
            spoke: [false; 2],
            lines: [Lines::default(), Lines::default()],
            found: Findings::default(),
            name: None,
            questions: Vec::new(),
        }
    }

    /// Of datagrams to `port`: of DNS and its relatives.
    pub fn of_udp(port: u16) -> Option<Self> {
        matches!(port, 53 | 137 | 5353 | 5355)
            .then(|| Self { protocol: Protocol::Dns, ..Self::of_tcp(port, u32::from(u16::MAX)) })
    }

    /// Whether nothing more can be found.
    pub fn is_over(&self) -> bool {
        matches!(self.protocol, Protocol::Other) || self.left == [0; 2]
    }

    /// Takes the next bytes of a side, or that some are missing.
    pub fn hear(&mut self, side: Side, piece: Piece<'_>) {
        let Piece::Data(bytes) = piece else {
            self.lines[side as usize].clear();
            if let Protocol::Shell(shell) = &mut self.protocol {
                shell.gap();
            }
            return;
        };
        let left = &mut self.left[side as usize];
        let heard = &bytes[..bytes.len().min(*left as usize)];
        *left -= u32::try_from(heard.len()).expect("at most what was left");
        if heard.is_empty() {
            return;
        }
        if matches!(self.protocol, Protocol::Unknown) {
            self.recognise(side, heard);
        }
        self.spoke[side as usize] |= speaks(&self.protocol, side, heard);
        match side {
            Side::Originator => self.asked(heard),
            Side::Responder => self.answered(heard),
        }
    }

    /// The sides change places.
    pub fn flip(&mut self) {
        self.left.swap(0, 1);
        self.spoke.swap(0, 1);
        self.lines.swap(0, 1);
    }

    /// The protocol, as Zeek names it, where both sides spoke it.
    pub fn service(&self) -> Option<&'static str> {
        let name = match self.protocol {
            Protocol::Ftp(_) => "ftp",
            Protocol::Http(_) => "http",
            Protocol::Smtp(_) => "smtp",
            Protocol::Pop3(_) => "pop3",
            Protocol::Tls(_) => "ssl",
            Protocol::Ssh => "ssh",
            Protocol::Dns => return self.name.is_some().then_some("dns"),
            Protocol::Shell(_) | Protocol::Unknown | Protocol::Other => return None,
        };
        (self.spoke == [true; 2]).then_some(name)
    }

    /// The name that was asked for.
    pub fn name(&self) -> Option<Name<'_>> {
        match &self.protocol {
            Protocol::Http(http) => http.host.as_deref().map(Name::Host),
            Protocol::Dns => self.name.as_deref().map(Name::Question),
            Protocol::Tls(_) => self.name.as_deref().map(Name::Server),
            _ => None,
        }
        .filter(|name| !matches!(name, Name::Host("") | Name::Question("") | Name::Server("")))
    }

    /// The different questions of DNS, with their types of record.
    pub fn questions(&self) -> impl Iterator<Item = (&str, Cow<'static, str>)> {
        self.questions.iter().map(|(name, kind)| (name.as_str(), names::record_type(*kind)))
    }

    /// The content features; none where the text is not understood.
    pub fn findings(&self) -> Option<Findings> {
        match self.protocol {
            Protocol::Ftp(_) | Protocol::Shell(_) | Protocol::Http(_) | Protocol::Smtp(_) | Protocol::Pop3(_) => {
                Some(self.found)
            }
            Protocol::Unknown | Protocol::Tls(_) | Protocol::Ssh | Protocol::Dns | Protocol::Other => None,
        }
    }

    /// Looks at a side's first bytes. Where they say nothing it may be the port's protocol, or none that is known.
    fn recognise(&mut self, side: Side, bytes: &[u8]) {
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).to_ascii_uppercase();
        self.protocol = match (side, bytes) {
            (_, [b'S', b'S', b'H', b'-', ..]) => Protocol::Ssh,
            (Side::Originator, [22, 3, ..]) => Protocol::Tls(Vec::new()),
            (Side::Originator, request) if http::is_request(request) => Protocol::Http(http::Http::default()),
            (Side::Responder, [b'2', b'2', b'0', ..]) if text.contains("SMTP") || self.port == 25 => {
                Protocol::Smtp(mail::Smtp::default())
            }
            (Side::Responder, [b'2', b'2', b'0', ..]) if text.contains("FTP") => Protocol::Ftp(ftp::Ftp::default()),
            (Side::Responder, [b'+', b'O', b'K', ..]) => Protocol::Pop3(mail::Pop3::default()),
            (_, [255, 251..=254, ..]) => Protocol::Shell(Box::new(shell::Shell::at(23))),
            _ => self.by_port(),
        };
    }

    fn by_port(&self) -> Protocol {
        match self.port {
            21 | 2811 => Protocol::Ftp(ftp::Ftp::default()),
            23 | 512..=514 => Protocol::Shell(Box::new(shell::Shell::at(self.port))),
            25 | 587 => Protocol::Smtp(mail::Smtp::default()),
            110 => Protocol::Pop3(mail::Pop3::default()),
            53 => Protocol::Dns,
            _ => Protocol::Other,
        }
    }

    fn asked(&mut self, bytes: &[u8]) {
        let (lines, found) = (&mut self.lines[0], &mut self.found);
        match &mut self.protocol {
            Protocol::Ftp(ftp) => lines.feed(bytes, |line| ftp.command(line, found)),
            Protocol::Http(http) => {
                // the body before it may have ended without a line's end
                if http::is_request(bytes) {
                    lines.clear();
                }
                lines.feed(bytes, |line| http.request(line, found));
            }
            Protocol::Smtp(smtp) => lines.feed(bytes, |line| smtp.command(line, found)),
            Protocol::Pop3(pop3) => lines.feed(bytes, |line| pop3.command(line, found)),
            Protocol::Shell(shell) => shell.typed(bytes, found),
            Protocol::Tls(greeting) if self.name.is_none() && greeting.len() < GREETING => {
                greeting.extend_from_slice(&bytes[..bytes.len().min(GREETING - greeting.len())]);
                if let Greeting::Name(name) = names::server_name(greeting) {
                    self.name = Some(name);
                    greeting.clear();
                }
            }
            Protocol::Dns => {
                // over TCP a message is preceded by its length
                let question = names::dns_question(bytes).or_else(|| names::dns_question(bytes.get(2..)?));
                if let Some(question) = question {
                    self.question(question);
                }
            }
            _ => {}
        }
    }

    fn question(&mut self, question: (String, u16)) {
        if self.name.is_none() {
            self.name = Some(question.0.clone());
        }
        if self.questions.len() < MOST_QUESTIONS && !self.questions.contains(&question) {
            self.questions.push(question);
        }
    }

    fn answered(&mut self, bytes: &[u8]) {
        let (lines, found) = (&mut self.lines[1], &mut self.found);
        match &mut self.protocol {
            Protocol::Ftp(ftp) => lines.feed(bytes, |line| ftp.reply(line, found)),
            Protocol::Http(http) => {
                if bytes.starts_with(b"HTTP/") {
                    lines.clear();
                }
                lines.feed(bytes, |line| http.response(line, found));
            }
            Protocol::Smtp(smtp) => lines.feed(bytes, |line| smtp.reply(line, found)),
            Protocol::Pop3(pop3) => lines.feed(bytes, |line| pop3.reply(line, found)),
            Protocol::Shell(shell) => shell.shown(bytes, found),
            _ => {}
        }
    }
}

/// Whether these bytes are such as a side of the protocol sends.
fn speaks(protocol: &Protocol, side: Side, bytes: &[u8]) -> bool {
    match (protocol, side) {
        (Protocol::Ssh, _) => bytes.starts_with(b"SSH-"),
        (Protocol::Tls(_), _) => matches!(bytes, [20..=24, 3, ..]),
        (Protocol::Http(_), Side::Originator) => http::is_request(bytes),
        (Protocol::Http(_), Side::Responder) => bytes.starts_with(b"HTTP/"),
        (Protocol::Ftp(_), Side::Originator) => {
            let verb = bytes.get(..4).map(<[u8]>::to_ascii_uppercase).unwrap_or_default();
            matches!(&verb[..], b"USER" | b"AUTH" | b"PASS" | b"QUIT" | b"FEAT" | b"SYST" | b"HELP")
        }
        (Protocol::Ftp(_), Side::Responder) => bytes.starts_with(b"220") || bytes.starts_with(b"331"),
        (Protocol::Smtp(_), Side::Originator) => {
            let verb = bytes.get(..4).map(<[u8]>::to_ascii_uppercase).unwrap_or_default();
            matches!(&verb[..], b"HELO" | b"EHLO")
        }
        (Protocol::Smtp(_), Side::Responder) => bytes.starts_with(b"220"),
        (Protocol::Pop3(_), Side::Originator) => {
            let verb = bytes.get(..4).map(<[u8]>::to_ascii_uppercase).unwrap_or_default();
            matches!(&verb[..], b"USER" | b"APOP" | b"CAPA" | b"AUTH" | b"STLS" | b"QUIT")
        }
        (Protocol::Pop3(_), Side::Responder) => bytes.starts_with(b"+OK"),
        (Protocol::Shell(_) | Protocol::Dns, _) => true,
        (Protocol::Unknown | Protocol::Other, _) => false,
    }
}
