//! Names that lead a browser here which are not ours.
//!
//! A page of another site can have its own name lead to this machine once it is loaded (DNS rebinding). For the browser, what it
//! asks then is that site asking itself, so it may read the answers, and nothing of `Sec-Fetch-Site` or cookies stands against it.
//! What it cannot change is the name: it stands in `Host`, and in `Origin` where there is one.
//!
//! Where a login is demanded such a page has none to show. Where everybody is let in, on loopback, the name decides: an address,
//! a name of the loopback, or one that the configuration adds. Addresses are all fine, since nobody can have an address lead elsewhere.
//! Senders of events may call this machine what they like, as long as they are no browser.

use std::net::IpAddr;

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Method};

use super::elsewhere::foreign_origin;
use super::paths::{Needed, needed};
use crate::config::Role;
use crate::config::security::Hosts;

/// The name that is not ours, where this request has one and that matters for what it asks.
pub(super) fn foreign(hosts: &Hosts, method: &Method, path: &str, headers: &HeaderMap) -> Option<String> {
    let Hosts::Named(names) = hosts else { return None };
    if is_for_all(method, path) && !is_of_a_browser(headers) {
        return None;
    }
    let mut asked = headers.get_all(HOST).iter().map(|host| host.to_str().unwrap_or_default());
    let stranger = asked.find(|host| !is_ours(names, host));
    // who looks by a name of ours may still be the page of somebody else
    stranger.or_else(|| foreign_origin(headers)).map(|name| name.chars().take(LONGEST).collect())
}

/// The longest name that is told.
const LONGEST: usize = 100;

/// Paths that programs ask by whatever name they have for this machine: those of events, and whether it lives.
fn is_for_all(method: &Method, path: &str) -> bool {
    needed(method, path) == Needed::Role(Role::Ingest) || path.starts_with("/health/")
}

/// Every browser of today says so with what could change something; programs do not.
fn is_of_a_browser(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) || headers.contains_key("sec-fetch-site")
}

/// Whether `host`, with a port or without, is this machine's for sure.
fn is_ours(names: &[String], host: &str) -> bool {
    let name = without_port(host);
    if name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok() {
        return true;
    }
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let local = ["localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"];
    // names below `localhost` lead to the loopback wherever they are looked up (RFC 6761)
    local.contains(&name.as_str()) || name.ends_with(".localhost") || names.contains(&name)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // the last colon of an address in brackets may be within them
        Some((name, port)) if !port.contains(']') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn asked(method: &str, path: &str, headers: &[(&'static str, &'static str)]) -> Option<String> {
        let headers =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let hosts = Hosts::Named(vec!["oversight.example".to_owned()]);
        foreign(&hosts, &method.parse().unwrap(), path, &headers.collect())
    }

    const LOOKING: [(&str, &str); 6] = [
        ("GET", "/ui/"),
        ("GET", "/v1/search"),
        ("GET", "/v1/session"),
        ("GET", "/metrics"),
        ("POST", "/v1/models/rollback"),
        ("DELETE", "/v1/dead-letters"),
    ];

    #[test]
    fn a_name_that_somebody_else_has_lead_here_shows_and_changes_nothing() {
        for host in [
            "evil.example",
            "evil.example:9292",
            "localhost.evil.example",
            "oversight.example.evil",
            "",
            "127.0.0.1.evil.example:9292",
        ] {
            for (method, path) in LOOKING {
                assert_eq!(asked(method, path, &[("host", host)]).as_deref(), Some(host), "{method} {path}");
            }
        }
        let both = [("host", "127.0.0.1:9292"), ("host", "evil.example")];
        assert!(asked("GET", "/ui/", &both).is_some_and(|name| name == "evil.example"));
    }

    #[test]
    fn addresses_and_names_of_the_loopback_and_of_the_configuration_are_ours() {
        for host in [
            "127.0.0.1:9292",
            "127.0.0.1",
            "[::1]:9292",
            "[::1]",
            "192.0.2.7:80",
            "localhost:9292",
            "LocalHost",
            "localhost.",
            "oversight.localhost:9292",
            "Oversight.Example:443",
        ] {
            for (method, path) in LOOKING {
                assert_eq!(asked(method, path, &[("host", host)]), None, "{host} {method} {path}");
            }
        }
        assert_eq!(asked("GET", "/v1/search", &[]), None, "no browser leaves its host out");
    }

    #[test]
    fn senders_call_this_machine_what_they_like_and_browsers_do_not() {
        let sending = [
            ("POST", "/"),
            ("POST", "/v1/events"),
            ("POST", "/_bulk"),
            ("PUT", "/logs-x/_bulk"),
            ("GET", "/"),
            ("GET", "/_license"),
            ("GET", "/health/ready"),
        ];
        for (method, path) in sending {
            for host in ["oversight:9280", "elasticsearch.internal", "logstash-sink"] {
                assert_eq!(asked(method, path, &[("host", host)]), None, "{method} {path}");
                for browser in [("origin", "http://evil.example"), ("sec-fetch-site", "same-origin")] {
                    assert!(asked(method, path, &[("host", host), browser]).is_some(), "{method} {path} {browser:?}");
                }
            }
        }
    }

    #[test]
    fn a_page_of_somebody_else_does_not_even_look() {
        let host = ("host", "127.0.0.1:9292");
        for origin in ["http://evil.example", "http://127.0.0.1:8080", "null", "http://localhost:9292"] {
            assert_eq!(asked("GET", "/v1/search", &[host, ("origin", origin)]).as_deref(), Some(origin));
        }
        assert_eq!(asked("GET", "/v1/search", &[host, ("origin", "http://127.0.0.1:9292")]), None);
        assert_eq!(
            foreign(&Hosts::Any, &Method::GET, "/ui/", &HeaderMap::from_iter([(HOST, HeaderValue::from_static("x"))])),
            None
        );
    }
}
