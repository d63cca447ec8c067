//! `GET /v1/export?format=ndjson|csv&q=&from=&to=&kind=&fields=&size=`: all that a search finds, youngest first, as a file.
//!
//! It is read page by page while it is fetched, so it takes no more memory than a page, and no other search waits for it
//! longer than for one. A store that fails on the way breaks the answer off; half a file is not taken for a whole one.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{Stream, stream};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, Method};
use serde_json::{Value, json};
use warp::Filter as _;
use warp::filters::BoxedFilter;
use warp::reply::{Reply, Response};

use super::Api;
use super::error::Refusal;
use super::pages::{Cursor, Pages};
use super::parameters::{self, Given, Parameters, allow_only, once_each, refused};
use super::search::{filters, kind};
use crate::store::Kind;

/// Documents of one page.
const PAGE: u64 = 1000;
/// Documents of an export at most.
const MOST: u64 = 1_000_000;
/// Columns of a table at most.
const MOST_COLUMNS: usize = 100;

/// The columns of a table where none are asked for.
const COLUMNS: &str = "@timestamp,event.risk_score,oversight.classification.verdict,oversight.classification.label,\
                       oversight.classification.category,oversight.classification.probability,\
                       oversight.classification.novelty,oversight.classification.reason,oversight.anomaly.score";
/// The same of anomalies.
const ANOMALY_COLUMNS: &str = "@timestamp,record_score,job_id,partition_field_value,actual,typical,event.reason";

/// The route; rejects other paths only.
pub(super) fn route(api: Arc<Api>) -> BoxedFilter<(Response,)> {
    warp::path!("v1" / "export")
        .and(warp::method())
        .and(parameters::given())
        .then(move |method: Method, given| {
            let api = Arc::clone(&api);
            async move {
                match method {
                    Method::GET => api.export(given).await,
                    _ => Err(Refusal::WrongMethod { allowed: "GET" }),
                }
                .unwrap_or_else(Refusal::into_problem)
            }
        })
        .boxed()
}

/// How documents are written.
enum Form {
    Lines,
    Table(Vec<String>),
}

/// An export under way.
struct Export {
    api: Arc<Api>,
    pages: Pages,
    form: Form,
    left: u64,
    /// None at the end.
    next: Option<Option<Cursor>>,
}

impl Api {
    async fn export(self: Arc<Self>, given: Given) -> Result<Response, Refusal> {
        let parameters = once_each(given)?;
        allow_only(&parameters, &["format", "q", "from", "to", "kind", "fields", "size"])?;
        let kind = kind(&parameters)?;
        let form = form(&parameters, kind)?;
        let source = match &form {
            Form::Lines => Value::Null,
            Form::Table(columns) => json!(columns),
        };
        let pages = Pages { kind, filters: filters(&parameters)?, size: PAGE, source };
        let name = if kind == Kind::Event { "events" } else { "anomalies" };
        let (ending, content_type) = match &form {
            Form::Lines => ("ndjson", "application/x-ndjson"),
            Form::Table(_) => ("csv", "text/csv; charset=utf-8"),
        };
        let mut export = Export { api: self, pages, form, left: size(&parameters)?, next: Some(None) };
        // what is wrong with the search, or with the store, is told in place of a file
        let mut begin = export.head();
        begin.extend(export.page().await?);
        let mut response = warp::reply::stream(export.stream(begin)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let name = format!("attachment; filename=\"oversight-{name}.{ending}\"");
        headers.insert(CONTENT_DISPOSITION, HeaderValue::try_from(name).expect("plain words"));
        Ok(response)
    }
}

impl Export {
    fn head(&self) -> Vec<u8> {
        match &self.form {
            Form::Lines => Vec::new(),
            Form::Table(columns) => row(columns.iter().map(String::as_str)),
        }
    }

    /// The next page as bytes of the file.
    async fn page(&mut self) -> Result<Vec<u8>, Refusal> {
        let Some(cursor) = self.next else { return Ok(Vec::new()) };
        self.pages.size = PAGE.min(self.left);
        let _turn = self.api.searches.acquire().await.map_err(|_| Refusal::Busy)?;
        let (answer, next) = self.pages.turn(&*self.api.store, cursor).await?;
        let hits = answer["hits"]["hits"].as_array().map(Vec::as_slice).unwrap_or_default();
        self.left = self.left.saturating_sub(hits.len() as u64);
        self.next = next.filter(|_| self.left > 0).map(Some);
        let mut bytes = Vec::new();
        for hit in hits {
            match &self.form {
                Form::Lines => {
                    bytes.extend(hit["_source"].to_string().into_bytes());
                    bytes.push(b'\n');
                }
                Form::Table(columns) => {
                    let cells: Vec<String> = columns.iter().map(|column| cell(&hit["_source"], column)).collect();
                    bytes.extend(row(cells.iter().map(String::as_str)));
                }
            }
        }
        Ok(bytes)
    }

    fn stream(self, begin: Vec<u8>) -> impl Stream<Item = io::Result<Bytes>> + Send + Sync + 'static {
        let pages = stream::unfold((self, Some(begin)), |(mut export, ready)| async move {
            if let Some(bytes) = ready {
                return Some((Ok(Bytes::from(bytes)), (export, None)));
            }
            export.next?;
            let page = export.page().await;
            if page.is_err() {
                export.next = None;
            }
            Some((page.map(Bytes::from).map_err(|fault| io::Error::other(fault.to_string())), (export, None)))
        });
        // an answer has to be `Sync`, which searches are not; it is asked for its pages by one only, so nobody ever waits here
        let mut pages = Mutex::new(Box::pin(pages));
        stream::poll_fn(move |context| {
            pages.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().poll_next(context)
        })
    }
}

fn form(parameters: &Parameters, kind: Kind) -> Result<Form, Refusal> {
    let fields = parameters.get("fields").map(String::as_str);
    match parameters.get("format").map_or("ndjson", String::as_str) {
        "ndjson" if fields.is_some() => Err(refused("fields", "only a csv has columns")),
        "ndjson" => Ok(Form::Lines),
        "csv" => {
            let usual = if kind == Kind::Event { COLUMNS } else { ANOMALY_COLUMNS };
            let columns: Vec<String> = fields.unwrap_or(usual).split(',').map(str::to_owned).collect();
            if columns.len() > MOST_COLUMNS || columns.iter().any(|column| column.trim().is_empty()) {
                return Err(refused("fields", format!("write 1 to {MOST_COLUMNS} names with commas between")));
            }
            Ok(Form::Table(columns))
        }
        _ => Err(refused("format", "write ndjson or csv")),
    }
}

fn size(parameters: &Parameters) -> Result<u64, Refusal> {
    let Some(text) = parameters.get("size") else { return Ok(MOST) };
    let size = text.parse().ok().filter(|size| (1..=MOST).contains(size));
    size.ok_or_else(|| refused("size", format!("write a number from 1 to {MOST}")))
}

/// The value at a path, where each name may also stand with dots in it, as Zeek writes `id.orig_h`.
fn find<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let object = value.as_object()?;
    if let Some(found) = object.get(path) {
        return Some(found);
    }
    path.match_indices('.').find_map(|(dot, _)| find(object.get(&path[..dot])?, &path[dot + 1..]))
}

fn cell(document: &Value, column: &str) -> String {
    let text = match find(document, column) {
        None | Some(Value::Null) => return String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => return number.to_string(),
        Some(other) => other.to_string(),
    };
    // spreadsheets run what begins like a formula; a quote before it makes it a text
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text }
}

fn row<'a>(cells: impl Iterator<Item = &'a str>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(cells).expect("texts are written to memory");
    writer.into_inner().expect("texts are written to memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_found_by_any_way_of_writing_a_path_and_run_nowhere() {
        let event = json!({
            "id.orig_h": "10.0.0.1", "a": {"b.c": 1, "d": {"e": [1, "x"]}}, "evil": "=cmd|' /C calc'!A0", "n": -3,
        });
        for (path, expected) in [
            ("id.orig_h", "10.0.0.1"),
            ("a.b.c", "1"),
            ("a.d.e", "[1,\"x\"]"),
            ("a.x", ""),
            ("evil", "'=cmd|' /C calc'!A0"),
            ("n", "-3"),
        ] {
            assert_eq!(cell(&event, path), expected, "{path}");
        }
        assert_eq!(row(["a", "b,c", "d\"e\nf"].into_iter()), b"a,\"b,c\",\"d\"\"e\nf\"\n");
    }
}
