//! The dashboards, in Kibana or OpenSearch Dashboards, through the saved-objects API that both have.
//!
//! What is there is known by its id alone: the products rewrite what they import into forms of their own, so an object
//! that somebody changed looks like one that was brought forward. An import replaces what an earlier one brought, and
//! touches nothing else; so does a removal.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, Method, Response};
use serde_json::{Value, json};

use crate::store::elasticsearch::{Credentials, IndexPrefix, NodeUrl, SettingsError};

/// What is imported: made from `kibana/definitions`.
const OBJECTS: &str = include_str!("../../kibana/oversight.ndjson");
/// What the index patterns in it are of.
const PREFIX: &str = "oversight";
/// For one request; an import writes some eighty documents.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Stands between the parts of the form; nothing in the objects looks like it.
const BOUNDARY: &str = "oversight-4b1a6a0e7d5f4c0f";
/// More of an answer than this is not read.
const MOST_BYTES: usize = 8 << 20;

/// Where the dashboards are to be.
#[derive(Debug, Clone)]
pub struct Site {
    /// Kibana or OpenSearch Dashboards, with its base path where it has one.
    pub url: NodeUrl,
    /// The space, or none for the default one.
    pub space: Option<String>,
    /// Who we are to it.
    pub credentials: Credentials,
    /// Certificates (PEM) of the authorities that may sign its own; trusted beside the web's.
    pub authorities: Option<String>,
    /// What the names of the indices begin with.
    pub index_prefix: IndexPrefix,
}

/// Why the dashboards could not be looked at, imported or removed.
#[derive(Debug, thiserror::Error)]
pub enum DashboardsError {
    /// The settings cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A name that cannot be a space's.
    #[error("'{0}' is no name of a space: those are lower-case letters, digits, - and _")]
    Space(String),
    /// Nothing answers.
    #[error("{url} cannot be reached: {source}")]
    Unreachable {
        /// What was asked.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// It answers, and refuses.
    #[error("{url} answered {status}: {answer}")]
    Refused {
        /// What was asked.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of its answer.
        answer: String,
    },
    /// It took some of the objects only.
    #[error("{url} did not import all objects: {answer}")]
    Partly {
        /// What was asked.
        url: String,
        /// The beginning of its answer.
        answer: String,
    },
}

/// How many of the objects are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presence {
    /// Those that are.
    pub there: usize,
    /// All that belong there.
    pub all: usize,
}

/// A connection to the product.
#[derive(Debug)]
pub struct Dashboards {
    client: Client,
    base: String,
    objects: String,
}

impl Dashboards {
    /// Asks nothing yet.
    ///
    /// # Errors
    /// [`DashboardsError::Settings`] and [`DashboardsError::Space`].
    pub fn new(site: &Site) -> Result<Self, DashboardsError> {
        let mut base = site.url.to_string().trim_end_matches('/').to_owned();
        if let Some(space) = &site.space {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
            if space.is_empty() || !space.chars().all(plain) {
                return Err(DashboardsError::Space(space.clone()));
            }
            base = format!("{base}/s/{space}");
        }
        // each product wants its own, as proof that no page of another site asks, and minds no other
        let mut headers = HeaderMap::new();
        headers.insert("kbn-xsrf", HeaderValue::from_static("true"));
        headers.insert("osd-xsrf", HeaderValue::from_static("true"));
        if let Some(text) = site.credentials.authorization()? {
            let value = HeaderValue::from_str(&text);
            let mut value =
                value.map_err(|_| SettingsError::Credentials("they hold characters that no header may have"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let failed = |source| DashboardsError::Unreachable { url: base.clone(), source };
        let mut client = Client::builder().timeout(TIMEOUT).default_headers(headers).no_proxy();
        if let Some(pem) = &site.authorities {
            for authority in Certificate::from_pem_bundle(pem.as_bytes()).map_err(failed)? {
                client = client.add_root_certificate(authority);
            }
        }
        let client = client.redirect(reqwest::redirect::Policy::none()).build().map_err(failed)?;
        Ok(Self { client, base, objects: renamed(&site.index_prefix) })
    }

    /// Where a person finds them.
    pub fn address(&self) -> String {
        format!("{}/app/dashboards#/view/oversight-overview", self.base)
    }

    /// Counts what is there.
    ///
    /// # Errors
    /// [`DashboardsError::Unreachable`] and [`DashboardsError::Refused`].
    pub async fn presence(&self) -> Result<Presence, DashboardsError> {
        let wanted: Vec<Value> = places().iter().map(|(kind, id)| json!({"type": kind, "id": id})).collect();
        let all = wanted.len();
        let body = Value::Array(wanted).to_string();
        let answer = self.send(Method::POST, "_bulk_get", "application/json", body).await?;
        let found: Value = serde_json::from_str(&answer.text).map_err(|_| answer.refused())?;
        let found = found["saved_objects"].as_array().ok_or_else(|| answer.refused())?;
        Ok(Presence { there: found.iter().filter(|object| object["error"].is_null()).count(), all })
    }

    /// Imports all, over what is there under the same ids; how many that were.
    ///
    /// # Errors
    /// Every [`DashboardsError`] but those of [`Dashboards::new`].
    pub async fn import(&self) -> Result<usize, DashboardsError> {
        let body = format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"oversight.ndjson\"\r\n\
             content-type: application/ndjson\r\n\r\n{}\r\n--{BOUNDARY}--\r\n",
            self.objects
        );
        let form = format!("multipart/form-data; boundary={BOUNDARY}");
        let answer = self.send(Method::POST, "_import?overwrite=true", &form, body).await?;
        let said: Value = serde_json::from_str(&answer.text).map_err(|_| answer.refused())?;
        if said["success"] != true {
            return Err(DashboardsError::Partly { url: answer.url.clone(), answer: answer.beginning() });
        }
        Ok(said["successCount"].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or_default())
    }

    /// Removes those of ours that are there; how many that were.
    ///
    /// # Errors
    /// [`DashboardsError::Unreachable`] and [`DashboardsError::Refused`]; what was removed before stays removed.
    pub async fn remove(&self) -> Result<usize, DashboardsError> {
        let mut removed = 0;
        // dashboards first, so that none is left with holes if it stops half-way
        for (kind, id) in places().iter().rev() {
            // `force` reaches objects that were shared with other spaces
            match self.send(Method::DELETE, &format!("{kind}/{id}?force=true"), "application/json", String::new()).await
            {
                Ok(_) => removed += 1,
                Err(DashboardsError::Refused { status: 404, .. }) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(removed)
    }

    async fn send(&self, method: Method, path: &str, kind: &str, body: String) -> Result<Answer, DashboardsError> {
        let url = format!("{}/api/saved_objects/{path}", self.base);
        let unreachable = |source| DashboardsError::Unreachable { url: url.clone(), source };
        let request = self.client.request(method, &url).header(CONTENT_TYPE, kind).body(body);
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        let text = read(response).await.map_err(unreachable)?;
        let answer = Answer { url, status, text };
        if (200..300).contains(&status) { Ok(answer) } else { Err(answer.refused()) }
    }
}

struct Answer {
    url: String,
    status: u16,
    text: String,
}

impl Answer {
    fn beginning(&self) -> String {
        self.text.chars().take(500).collect()
    }

    fn refused(&self) -> DashboardsError {
        DashboardsError::Refused { url: self.url.clone(), status: self.status, answer: self.beginning() }
    }
}

async fn read(mut response: Response) -> Result<String, reqwest::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        bytes.extend_from_slice(&chunk[..chunk.len().min(MOST_BYTES - bytes.len())]);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The objects with index patterns of another prefix.
fn renamed(prefix: &IndexPrefix) -> String {
    ["events", "anomalies", "health"].iter().fold(OBJECTS.to_owned(), |objects, kind| {
        let title = |prefix: &str| format!("\"title\":\"{prefix}-{kind}-*\"");
        objects.replace(&title(PREFIX), &title(prefix.as_str()))
    })
}

/// Type and id of each object, those that others refer to first.
fn places() -> Vec<(String, String)> {
    let word = |object: &Value, name: &str| object[name].as_str().expect("it is in every object").to_owned();
    let objects = OBJECTS.lines().map(|line| serde_json::from_str::<Value>(line).expect("a test reads them all"));
    objects.map(|object| (word(&object, "type"), word(&object, "id"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(space: Option<&str>) -> Site {
        Site {
            url: NodeUrl::parse("http://127.0.0.1:5601/base/").expect("a url"),
            space: space.map(str::to_owned),
            credentials: Credentials::None,
            authorities: None,
            index_prefix: IndexPrefix::new("team-a").expect("a prefix"),
        }
    }

    #[test]
    fn patterns_are_of_the_indices_that_are_written() {
        let dashboards = Dashboards::new(&site(Some("soc"))).expect("a site");
        assert!(dashboards.objects.contains("\"title\":\"team-a-events-*\""));
        assert!(dashboards.objects.contains("\"title\":\"team-a-anomalies-*\""));
        assert!(!dashboards.objects.contains("oversight-events-*"));
        assert_eq!(renamed(&IndexPrefix::default()), OBJECTS);
        assert_eq!(dashboards.address(), "http://127.0.0.1:5601/base/s/soc/app/dashboards#/view/oversight-overview");
    }

    #[test]
    fn a_space_cannot_lead_elsewhere() {
        for name in ["../x", "A", "", "a/b", "a?b"] {
            assert!(matches!(Dashboards::new(&site(Some(name))), Err(DashboardsError::Space(_))), "{name}");
        }
    }

    #[test]
    fn the_boundary_is_nowhere_in_the_objects() {
        assert!(!OBJECTS.contains(BOUNDARY));
    }
}
