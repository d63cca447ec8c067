//! The one table from paths to what they ask for. What is not in it asks for [`Role::Admin`].
//!
//! Segments are compared as they stand in the request, as the routes do: one that is written in another way (`%6d`) is not
//! in the table. Empty segments do not count. `*` is one segment without `_` before it: the name of an index; `**` is
//! whatever follows.

use http::Method;

use super::Role;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needed {
    /// Nothing: anybody may.
    Nothing,
    /// This role.
    Role(Role),
}

/// With which methods a row counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum With {
    Any,
    /// `GET` and `HEAD`.
    Looking,
    /// `HEAD` and `PUT`.
    Making,
}

use Needed::Nothing;
use With::{Any, Looking, Making};

const INGEST: Needed = Needed::Role(Role::Ingest);
const READ: Needed = Needed::Role(Role::Read);
const ANALYSE: Needed = Needed::Role(Role::Analyse);

/// The first row that fits counts.
const TABLE: &[(With, &str, Needed)] = &[
    (Any, "/health/live", Nothing),
    (Any, "/health/ready", Nothing),
    // logging in, which has to be open to who is not; it rations wrong passwords itself
    (Any, "/v1/session", Nothing),
    // the page's files, which hold no data and have a form for logging in; an index may have the same name, so that what
    // Elasticsearch would have below it (`/ui/_bulk`) is not among them
    (Looking, "/ui", Nothing),
    (Looking, "/ui/*", Nothing),
    (Looking, "/ui/assets/*", Nothing),
    // events
    (Any, "/", INGEST),
    (Any, "/v1/events", INGEST),
    (Any, "/v1/enrich", INGEST),
    // one stored event; it stands before the documents of an index named v1
    (Looking, "/v1/events/**", READ),
    (Any, "/_bulk", INGEST),
    (Any, "/*/_bulk", INGEST),
    (Any, "/*/*/_bulk", INGEST),
    (Any, "/*/_doc/**", INGEST),
    (Any, "/*/_create/**", INGEST),
    (Any, "/*/events/**", INGEST),
    // what is stored, and how it goes
    (Looking, "/metrics", READ),
    (Any, "/v1/search", READ),
    (Looking, "/v1/anomalies/**", READ),
    (Looking, "/v1/export", READ),
    (Looking, "/v1/metrics", READ),
    (Looking, "/v1/openapi.json", READ),
    (Looking, "/v1/series", READ),
    (Looking, "/v1/simulated", READ),
    (Looking, "/v1/status", READ),
    (Looking, "/v1/status/live", READ),
    (Looking, "/v1/models/**", READ),
    (Any, "/v1/doctor", READ),
    (Looking, "/v1/dead-letters", ANALYSE),
    (Looking, "/v1/dead-letters/reasons", ANALYSE),
    // what clients of Elasticsearch ask and make before they send; nothing of it shows or changes anything
    (Looking, "/_license", INGEST),
    (Looking, "/_xpack/**", INGEST),
    (Looking, "/_cluster/health/**", INGEST),
    (Looking, "/_cat/health", INGEST),
    (Looking, "/_nodes/**", INGEST),
    (Any, "/_index_template/**", INGEST),
    (Any, "/_component_template/**", INGEST),
    (Any, "/_template/**", INGEST),
    (Any, "/_data_stream/**", INGEST),
    (Any, "/_alias/**", INGEST),
    (Any, "/_aliases", INGEST),
    (Any, "/_ilm/policy/**", INGEST),
    (Looking, "/_ilm/status", INGEST),
    (Any, "/_ingest/pipeline/**", INGEST),
    (Any, "/_refresh", INGEST),
    (Any, "/_flush", INGEST),
    (Any, "/*/_refresh", INGEST),
    (Any, "/*/_flush", INGEST),
    (Any, "/*/_alias/**", INGEST),
    (Any, "/*/_aliases/**", INGEST),
    (Any, "/*/_mapping/**", INGEST),
    (Any, "/*/_settings/**", INGEST),
    (Making, "/*", INGEST),
];

/// What a request with this method and path asks for.
pub fn needed(method: &Method, path: &str) -> Needed {
    let fits = |(with, pattern, _): &&(With, &str, Needed)| with.counts(method) && matches(pattern, path);
    TABLE.iter().find(fits).map_or(Needed::Role(Role::Admin), |(_, _, needed)| *needed)
}

impl With {
    fn counts(self, method: &Method) -> bool {
        match self {
            Any => true,
            Looking => matches!(*method, Method::GET | Method::HEAD),
            Making => matches!(*method, Method::HEAD | Method::PUT),
        }
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

fn matches(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (segments(pattern), segments(path));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) | (Some("**"), _) => return true,
            (Some("*"), Some(name)) if !name.starts_with('_') => {}
            (Some(segment), Some(same)) if segment == same && segment != "*" => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_nobody_has_thought_of_is_for_administrators() {
        for path in
            ["/v2", "/%6detrics", "/v1/dead-letters/redrive", "*", "/health", "/health/x", "/_cat", "/_security"]
        {
            assert_eq!(needed(&Method::GET, path), Needed::Role(Role::Admin), "{path}");
        }
        assert_eq!(needed(&Method::DELETE, "/v1/dead-letters"), Needed::Role(Role::Admin));
        assert_eq!(needed(&Method::DELETE, "/metrics"), Needed::Role(Role::Admin));
        for (method, path) in [
            (Method::POST, "/v1/models/activate"),
            (Method::POST, "/v1/models/rollback"),
            (Method::PUT, "/v1/models/shadow"),
            (Method::DELETE, "/v1/models/shadow"),
        ] {
            assert_eq!(needed(&method, path), Needed::Role(Role::Admin), "{method} {path}");
        }
    }

    #[test]
    fn senders_search_nothing_and_readers_send_nothing() {
        for (method, path) in [
            (Method::POST, "/"),
            (Method::GET, "/"),
            (Method::PUT, "/v1/events"),
            (Method::POST, "/_bulk"),
            (Method::POST, "/logs-x-default/_bulk"),
            (Method::POST, "/logs/_doc"),
            (Method::PUT, "/logs/_create/7"),
            (Method::POST, "/system/events"),
            (Method::HEAD, "/logs"),
            (Method::PUT, "/_ilm/policy/p"),
            (Method::GET, "/_nodes/_all/http"),
            (Method::POST, "//_bulk/"),
        ] {
            assert_eq!(needed(&method, path), INGEST, "{method} {path}");
        }
        for path in
            ["/v1/events/5Rg8y0WsU54AAAAAAACOfA", "/v1/events/_x", "/v1/status/live", "/v1/export", "/v1/series"]
        {
            assert_eq!(needed(&Method::GET, path), READ, "{path}");
        }
        for path in ["/ui/", "/ui", "/ui/events", "/ui/icon.svg", "/ui/assets/a.js", "/v1/session"] {
            assert_eq!(needed(&Method::GET, path), Nothing, "{path}");
        }
        assert_eq!(needed(&Method::GET, "/ui/_mapping"), INGEST);
        assert_eq!(needed(&Method::POST, "/ui/events"), INGEST);
        assert_eq!(needed(&Method::POST, "/ui/_bulk"), INGEST);
        assert_eq!(needed(&Method::POST, "/ui/x"), Needed::Role(Role::Admin));
        assert_eq!(needed(&Method::POST, "/v1/search"), READ);
        assert_eq!(needed(&Method::GET, "/v1/models"), READ);
        assert_eq!(needed(&Method::GET, "/v1/models/kdd99/2"), READ);
        assert_eq!(needed(&Method::GET, "/metrics"), READ);
        assert_eq!(needed(&Method::HEAD, "/metrics"), READ);
        assert_eq!(needed(&Method::GET, "/v1/dead-letters"), ANALYSE);
        assert_eq!(needed(&Method::GET, "/health/live"), Nothing);
        // no name of an index begins so
        assert_eq!(needed(&Method::PUT, "/_cluster"), Needed::Role(Role::Admin));
        assert_eq!(needed(&Method::POST, "/_a/_bulk"), Needed::Role(Role::Admin));
    }
}
