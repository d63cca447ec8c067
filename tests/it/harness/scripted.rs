//! An engine that follows a script: it answers bulk requests properly, or with the fault that was asked for next.
//!
//! Plain threads and blocking sockets, so that the cost of a client on an async thread can be told apart from it.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

/// What to do with the next request.
#[derive(Debug, Clone)]
pub enum Step {
    /// Answer with this status and body.
    Reply(u16, &'static str),
    /// Answer with this status, header and body.
    ReplyWith(u16, &'static str, &'static str),
    /// Take the documents, and tell of one less.
    OneItemShort,
    /// Take the documents, announce the answer, send half of it and close.
    HalfAnAnswer,
    /// Close without an answer.
    Close,
    /// Never answer, until the client goes away.
    Hang,
    /// 413 for any body longer than this many bytes, from now on.
    LimitBodies(usize),
}

#[derive(Debug, Default)]
struct State {
    steps: VecDeque<Step>,
    limit: Option<usize>,
    requests: Vec<Request>,
    documents: HashMap<String, String>,
    /// A document with this in it is refused as a mapping conflict.
    refused: Option<String>,
    /// Connections end without an answer.
    away: bool,
    /// Index and id of every document that was taken.
    places: BTreeSet<(String, String)>,
}

/// A request as it came, its body decompressed.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `POST /_bulk?filter_path=…`
    pub line: String,
    /// Names in lower case.
    pub headers: HashMap<String, String>,
    /// As it was meant.
    pub body: Vec<u8>,
}

/// A scripted engine on a port of its own; it lives as long as the process.
#[derive(Debug, Clone)]
pub struct Scripted {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Scripted {
    /// Listens, and takes documents.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &state));
            }
        });
        Self { address, state }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next requests meet these steps, one each; after them all is well.
    pub fn next(&self, steps: impl IntoIterator<Item = Step>) {
        locked(&self.state).steps.extend(steps);
    }

    /// The documents that were taken, by id.
    pub fn documents(&self) -> HashMap<String, String> {
        locked(&self.state).documents.clone()
    }

    /// From now on a document with this in it is refused as a mapping conflict; none takes every document.
    pub fn refuse(&self, part: Option<&str>) {
        locked(&self.state).refused = part.map(str::to_owned);
    }

    /// Whether every connection ends without an answer, as if there were no engine.
    pub fn be_away(&self, away: bool) {
        locked(&self.state).away = away;
    }

    /// Index and id of every document that was taken.
    pub fn places(&self) -> BTreeSet<(String, String)> {
        locked(&self.state).places.clone()
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        locked(&self.state).requests.clone()
    }
}

/// The item of a document that is refused.
const REFUSED: &str = r#"{"create":{"status":400,"error":{"type":"document_parsing_exception","reason":"failed to parse field [n] of type [long]"}}}"#;

fn serve(stream: TcpStream, state: &Mutex<State>) {
    let mut writer = stream.try_clone().expect("a socket can be cloned");
    let mut reader = BufReader::with_capacity(1 << 20, stream);
    while let Some(request) = read_request(&mut reader) {
        if locked(state).away {
            return;
        }
        let step = step_for(&request, state);
        match step {
            Some(Step::Reply(status, body)) => send(&mut writer, status, "", body),
            Some(Step::ReplyWith(status, header, body)) => send(&mut writer, status, header, body),
            Some(Step::OneItemShort) => send(&mut writer, 200, "", &take(&request.body, state, 1)),
            Some(Step::HalfAnAnswer) => {
                let whole = take(&request.body, state, 0);
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", whole.len());
                let _ = writer.write_all(format!("{head}{}", &whole[..whole.len() / 2]).as_bytes());
                return;
            }
            Some(Step::Close) => return,
            Some(Step::Hang) => {
                let _ = reader.read(&mut [0]);
                return;
            }
            Some(Step::LimitBodies(_)) => send(&mut writer, 413, "", ""),
            None if request.line.contains("_bulk") => send(&mut writer, 200, "", &take(&request.body, state, 0)),
            None => send(&mut writer, 200, GENUINE, r#"{"version":{"number":"9.2.0"},"acknowledged":true}"#),
        }
    }
}

/// What a client looks for in the answer to anything but documents.
const GENUINE: &str = "x-elastic-product: Elasticsearch\r\ncontent-type: application/json";

/// What the script says to this request; none where it is to be carried out.
fn step_for(request: &Request, state: &Mutex<State>) -> Option<Step> {
    let mut state = locked(state);
    state.requests.push(request.clone());
    while let Some(Step::LimitBodies(limit)) = state.steps.front() {
        state.limit = Some(*limit);
        state.steps.pop_front();
    }
    match state.limit {
        Some(limit) if request.body.len() > limit => Some(Step::LimitBodies(limit)),
        _ => state.steps.pop_front(),
    }
}

/// Takes the documents as `create` does, and answers with an item for each but the last `short`.
fn take(body: &[u8], state: &Mutex<State>, short: usize) -> String {
    let text = std::str::from_utf8(body).expect("bulk bodies are UTF-8");
    let lines: Vec<&str> = text.split_terminator('\n').collect();
    let mut state = locked(state);
    let mut items = Vec::new();
    for pair in lines.chunks(2) {
        let action: serde_json::Value = serde_json::from_str(pair[0]).expect("an action line");
        serde_json::from_str::<serde_json::Value>(pair[1]).expect("a document is one line of JSON");
        let id = action["create"]["_id"].as_str().expect("an id").to_owned();
        if state.refused.as_ref().is_some_and(|part| pair[1].contains(part.as_str())) {
            items.push(REFUSED);
            continue;
        }
        let there = state.documents.contains_key(&id);
        state.places.insert((action["create"]["_index"].as_str().unwrap_or_default().to_owned(), id.clone()));
        state.documents.entry(id).or_insert_with(|| pair[1].to_owned());
        items.push(match there {
            false => r#"{"create":{"status":201}}"#,
            true => {
                r#"{"create":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"there"}}}"#
            }
        });
    }
    items.truncate(items.len().saturating_sub(short));
    format!(r#"{{"errors":false,"items":[{}]}}"#, items.join(","))
}

fn send(writer: &mut TcpStream, status: u16, header: &str, body: &str) {
    let header = if header.is_empty() { String::new() } else { format!("{header}\r\n") };
    let answer = format!("HTTP/1.1 {status} Scripted\r\n{header}content-length: {}\r\n\r\n{body}", body.len());
    let _ = writer.write_all(answer.as_bytes());
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("no holder panics")
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut request = Request::default();
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&read| read > 0)?;
    request.line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    loop {
        line.clear();
        reader.read_line(&mut line).ok().filter(|&read| read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        request.headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = request.headers.get("content-length").map_or(0, |value| value.parse().expect("a number"));
    request.body.resize(length, 0);
    reader.read_exact(&mut request.body).ok()?;
    if request.headers.get("content-encoding").is_some_and(|coding| coding == "gzip") {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&request.body[..]).read_to_end(&mut plain).expect("it is gzip");
        request.body = plain;
    }
    Some(request)
}
