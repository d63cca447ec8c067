//! The one place where requests are admitted.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use http::{HeaderMap, Method};
use serde::Serialize;

use super::audit::{Act, Audit, Failure};
use super::credentials::Presented;
use super::elsewhere::is_caused_elsewhere;
use super::hosts::foreign;
use super::passwords::Passwords;
use super::paths::{Needed, needed};
use super::rules::{Principal, Rules};
use super::sessions::{LoggedIn, Sessions, Unfit};
use super::{Denied, Origin, Role};
use crate::clock::Clock;
use crate::config::Security;
use crate::telemetry::catalogue::REQUESTS_DENIED;

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The address that the connection comes from.
    pub address: IpAddr,
    /// The common name of the certificate that was shown and is vouched for.
    pub certificate: Option<Arc<str>>,
}

/// Admits requests, by rules that can be replaced while it does.
pub struct Guard {
    rules: RwLock<Arc<Rules>>,
    passwords: Passwords,
    sessions: Sessions,
    audit: Audit,
}

/// Who somebody is, as they are told themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Who {
    /// Whether anybody has to authenticate.
    pub needed: bool,
    /// Their name; none where they are nobody we know, or nobody has to be.
    pub name: Option<Arc<str>>,
    /// What they may do.
    pub roles: Vec<Role>,
    /// Of their session, where they have one: the second token.
    pub csrf: Option<String>,
}

impl Guard {
    /// By these rules; what it refuses, and what administrators do, goes to `audit`.
    pub fn new(security: &Security, audit: Audit, clock: Clock) -> Self {
        let rules = RwLock::new(Arc::new(Rules::new(security)));
        Self { rules, passwords: Passwords::new(clock.clone()), sessions: Sessions::new(clock), audit }
    }

    /// From now on these rules count.
    pub fn replace(&self, security: &Security) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Rules::new(security));
    }

    /// Whether this request may go on. Looks at nothing of it but what is given here.
    ///
    /// # Errors
    /// When it may not.
    pub async fn admit(
        &self,
        visitor: &Visitor,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<(), Denied> {
        let rules = self.rules();
        if is_caused_elsewhere(method, headers) {
            REQUESTS_DENIED.add(1);
            self.note(visitor.address, Failure::Elsewhere);
            return Err(Denied::Elsewhere);
        }
        if rules.is_open() {
            let Some(name) = foreign(rules.hosts(), method, path, headers) else { return Ok(()) };
            REQUESTS_DENIED.add(1);
            self.note(visitor.address, Failure::Elsewhere);
            return Err(Denied::OtherName { name: name.into() });
        }
        let Needed::Role(role) = needed(method, path) else { return Ok(()) };
        let admitted = self.identify(&rules, visitor, method, headers).await.and_then(|principal| {
            let Principal { name, roles } = principal;
            if roles.hold(role) { Ok(name) } else { Err(Denied::Forbidden { name: (&*name).into(), role }) }
        });
        match admitted {
            Ok(name) => {
                if role == Role::Admin {
                    self.audit.tell(Act::Administered { name, address: visitor.address, request: shown(method, path) });
                }
                Ok(())
            }
            Err(denied) => {
                REQUESTS_DENIED.add(1);
                self.note(visitor.address, failure(&denied));
                Err(denied)
            }
        }
    }

    /// Puts a failure down that was found elsewhere, such as in a handshake.
    pub fn note(&self, address: IpAddr, failure: Failure) {
        self.audit.fail(Origin::of(address), failure);
    }

    /// Begins a session for who shows their password.
    ///
    /// # Errors
    /// When it is not theirs, or too many were wrong before.
    pub async fn log_in(&self, address: IpAddr, name: &str, password: String) -> Result<LoggedIn, Denied> {
        let rules = self.rules();
        let checked = self.passwords.check(&rules, Origin::of(address), name, password).await;
        match checked.and_then(|principal| self.sessions.begin(&rules, &principal).ok_or(Denied::Invalid)) {
            Ok(logged_in) => {
                self.audit.tell(Act::LoggedIn { name: name.into(), address });
                Ok(logged_in)
            }
            Err(denied) => {
                REQUESTS_DENIED.add(1);
                self.note(address, failure(&denied));
                Err(denied)
            }
        }
    }

    /// Ends the session that a request shows.
    pub fn log_out(&self, headers: &HeaderMap) {
        self.sessions.end(headers);
    }

    /// Who asks.
    pub async fn who(&self, visitor: &Visitor, headers: &HeaderMap) -> Who {
        const ALL: [Role; 4] = [Role::Ingest, Role::Read, Role::Analyse, Role::Admin];
        let rules = self.rules();
        if rules.is_open() {
            return Who { needed: false, name: None, roles: ALL.to_vec(), csrf: None };
        }
        let csrf = self.sessions.find(&rules, headers).and_then(Result::ok).map(|(_, csrf)| csrf);
        match self.identify(&rules, visitor, &Method::GET, headers).await {
            Ok(Principal { name, roles }) => {
                let roles = ALL.into_iter().filter(|role| roles.hold(*role)).collect();
                Who { needed: true, name: Some(name), roles, csrf }
            }
            Err(_) => Who { needed: true, name: None, roles: Vec::new(), csrf: None },
        }
    }

    fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    async fn identify(
        &self,
        rules: &Rules,
        visitor: &Visitor,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Principal, Denied> {
        match Presented::of(headers).map_err(|_| Denied::Invalid)? {
            None => {
                match self.sessions.admit(rules, method, headers) {
                    Some(Ok(principal)) => return Ok(principal),
                    Some(Err(Unfit::NoSecondToken)) => return Err(Denied::NoSecondToken),
                    // a cookie from before a restart is no reason to turn a certificate away
                    Some(Err(Unfit::Over)) | None => {}
                }
                let certificate = visitor.certificate.as_ref().ok_or(Denied::Missing)?;
                rules.certificate(certificate).ok_or(Denied::Invalid)
            }
            Some(Presented::Key { id, key }) => rules.key(id.as_deref(), &key).ok_or(Denied::Invalid),
            Some(Presented::Password { name, password }) => match rules.key(Some(&name), &password) {
                Some(principal) => Ok(principal),
                None => self.passwords.check(rules, Origin::of(visitor.address), &name, password).await,
            },
        }
    }
}

/// The request as it stands in the audit log: without its query, and not at any length.
fn shown(method: &Method, path: &str) -> Box<str> {
    const LONGEST: usize = 200;
    let path: String = path.chars().take(LONGEST).collect();
    format!("{method} {path}").into()
}

fn failure(denied: &Denied) -> Failure {
    match denied {
        Denied::Missing => Failure::NoCredentials,
        Denied::Invalid => Failure::WrongCredentials,
        Denied::Forbidden { .. } => Failure::RoleTooSmall,
        Denied::Elsewhere | Denied::OtherName { .. } | Denied::NoSecondToken => Failure::Elsewhere,
        Denied::TooMany { .. } | Denied::Busy => Failure::NotLookedAt,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use http::HeaderValue;

    use super::super::secrets::hash_password;
    use super::*;
    use crate::config::Secret;
    use crate::config::security::{ApiKey, CertificateHolder, Hosts, KeyHash, User};
    use crate::event::ReceivedTime;

    const KEY: &str = "ov_a-key-of-more-than-twenty-characters";

    fn security() -> Security {
        Security {
            api_keys: vec![ApiKey {
                name: "logstash".to_owned(),
                roles: vec![Role::Ingest],
                hash: KeyHash::of(KEY.as_bytes()),
            }],
            users: vec![User {
                name: "ana".to_owned(),
                roles: vec![Role::Read],
                password_hash: Secret::from(hash_password("correct horse").unwrap()),
            }],
            certificates: vec![CertificateHolder { common_name: "ops".to_owned(), roles: vec![Role::Admin] }],
            ..Security::default()
        }
    }

    fn guard() -> (Guard, Clock) {
        let clock = Clock::manual(ReceivedTime::from_micros(0));
        (Guard::new(&security(), Audit::none(), clock.clone()), clock)
    }

    async fn ask(guard: &Guard, path: &str, authorization: &str) -> Result<(), Denied> {
        ask_as(guard, path, authorization, None).await
    }

    async fn ask_as(guard: &Guard, path: &str, authorization: &str, certificate: Option<&str>) -> Result<(), Denied> {
        let visitor = Visitor { address: [192, 0, 2, 1].into(), certificate: certificate.map(Into::into) };
        let mut headers = HeaderMap::new();
        if !authorization.is_empty() {
            headers.insert("authorization", HeaderValue::from_str(authorization).unwrap());
        }
        guard.admit(&visitor, &Method::POST, path, &headers).await
    }

    fn basic(name: &str, password: &str) -> String {
        format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
    }

    #[tokio::test]
    async fn each_form_of_a_key_sends_events_and_nothing_else() {
        let (guard, _) = guard();
        let pair = STANDARD.encode(format!("logstash:{KEY}"));
        for form in [format!("ApiKey {pair}"), format!("ApiKey {KEY}"), format!("Bearer {KEY}"), basic("logstash", KEY)]
        {
            assert_eq!(ask(&guard, "/", &form).await, Ok(()), "{form}");
            for path in ["/v1/search", "/v1/anything"] {
                assert!(matches!(ask(&guard, path, &form).await, Err(Denied::Forbidden { .. })), "{form} {path}");
            }
        }
        let other = STANDARD.encode(format!("other:{KEY}"));
        for wrong in [format!("ApiKey {other}"), format!("ApiKey {KEY}x"), "Bearer x".to_owned(), "Digest x".to_owned()]
        {
            assert_eq!(ask(&guard, "/", &wrong).await, Err(Denied::Invalid), "{wrong}");
        }
        assert_eq!(ask(&guard, "/", "").await, Err(Denied::Missing));
        assert_eq!(ask(&guard, "/health/live", "").await, Ok(()));
    }

    #[tokio::test]
    async fn a_right_password_is_slow_once_and_wrong_ones_run_out() {
        let (guard, clock) = guard();
        assert_eq!(ask(&guard, "/v1/search", &basic("ana", "correct horse")).await, Ok(()));
        // what is remembered needs no slow hash: a million of those would take hours
        let started = Instant::now();
        for _ in 0..1_000 {
            assert_eq!(ask(&guard, "/v1/search", &basic("ana", "correct horse")).await, Ok(()));
        }
        assert!(started.elapsed() < Duration::from_secs(5), "{:?} for a thousand", started.elapsed());
        for attempt in 0..10 {
            let name = if attempt % 2 == 0 { "ana" } else { "nobody" };
            assert_eq!(ask(&guard, "/v1/search", &basic(name, "wrong")).await, Err(Denied::Invalid));
        }
        assert!(matches!(ask(&guard, "/v1/search", &basic("ana", "wrong")).await, Err(Denied::TooMany { .. })));
        // who is known is let in all the same
        assert_eq!(ask(&guard, "/v1/search", &basic("ana", "correct horse")).await, Ok(()));
        clock.advance(Duration::from_secs(6));
        assert_eq!(ask(&guard, "/v1/search", &basic("ana", "wrong")).await, Err(Denied::Invalid));
    }

    #[tokio::test]
    async fn a_certificate_is_who_it_names_unless_other_credentials_are_shown() {
        let (guard, _) = guard();
        assert_eq!(ask_as(&guard, "/v1/anything", "", Some("ops")).await, Ok(()));
        assert_eq!(ask_as(&guard, "/v1/anything", "", Some("stranger")).await, Err(Denied::Invalid));
        assert_eq!(ask_as(&guard, "/v1/anything", "Bearer x", Some("ops")).await, Err(Denied::Invalid));
    }

    #[tokio::test]
    async fn a_page_of_another_site_may_nothing_even_where_everybody_may_everything() {
        let guard = Guard::new(&Security::default(), Audit::none(), Clock::system());
        let visitor = Visitor { address: [127, 0, 0, 1].into(), certificate: None };
        let headers =
            HeaderMap::from_iter([("sec-fetch-site".parse().unwrap(), HeaderValue::from_static("cross-site"))]);
        let asked = async |method: Method| guard.admit(&visitor, &method, "/v1/models/rollback", &headers).await;
        assert_eq!(asked(Method::POST).await, Err(Denied::Elsewhere));
        assert_eq!(asked(Method::GET).await, Ok(()));
    }

    #[tokio::test]
    async fn a_name_that_leads_here_and_is_not_ours_opens_nothing_where_everybody_may_everything() {
        let asked = async |security: &Security, host: &'static str| {
            let visitor = Visitor { address: [127, 0, 0, 1].into(), certificate: None };
            let headers = HeaderMap::from_iter([("host".parse().unwrap(), HeaderValue::from_static(host))]);
            let guard = Guard::new(security, Audit::none(), Clock::system());
            guard.admit(&visitor, &Method::GET, "/v1/search", &headers).await
        };
        let open = Security { hosts: Hosts::Named(vec!["soc.example".to_owned()]), ..Security::default() };
        let denied = asked(&open, "evil.example:9292").await.unwrap_err();
        assert!(denied.to_string().contains("evil.example:9292") && denied.to_string().contains("security.host_names"));
        assert_eq!(asked(&open, "soc.example").await, Ok(()));
        let before = Security { hosts: Hosts::Any, ..Security::default() };
        assert_eq!(asked(&before, "evil.example").await, Ok(()), "something in front of it takes care");
        let closed = Security { hosts: open.hosts, ..security() };
        assert_eq!(
            asked(&closed, "evil.example").await,
            Err(Denied::Missing),
            "who has to log in may come by any name"
        );
    }

    #[tokio::test]
    async fn replaced_rules_count_from_the_next_request_on() {
        let (guard, _) = guard();
        guard.replace(&Security { api_keys: Vec::new(), ..security() });
        assert_eq!(ask(&guard, "/", &format!("Bearer {KEY}")).await, Err(Denied::Invalid));
        guard.replace(&Security::default());
        assert_eq!(ask(&guard, "/v1/anything", "").await, Ok(()));
    }
}
