//! Sessions: who has shown a password on the page and need not show it again with each request.
//!
//! - The browser holds a random token in a cookie that no script can read and no other site's request carries
//!   (`HttpOnly`, `SameSite=Strict`, `Secure` with TLS); here its hash is kept, in memory only: a restart ends all sessions.
//! - What could change something needs a second token too, which only our own page can read, in `x-csrf-token`.
//! - A session says who it is and nothing else: what they may do is asked of the rules with each request, so a user who is
//!   taken out of the configuration, or whose password changes there, is out at once.
//! - Bounded: beyond [`MOST`] the one that was silent longest ends.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::COOKIE;
use http::{HeaderMap, Method};
use lru::LruCache;

use super::rules::{Principal, Rules};
use super::secrets::random;
use crate::clock::Clock;

/// Sessions that are kept.
const MOST: NonZeroUsize = NonZeroUsize::new(10_000).expect("more than none");
/// A session that nobody uses ends after this.
const IDLE: Duration = Duration::from_secs(8 * 3600);
/// Every session ends after this.
pub const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// The cookie's name.
pub const COOKIE_NAME: &str = "oversight_session";
/// The header of the second token.
const CSRF_HEADER: &str = "x-csrf-token";

/// What somebody gets who has shown their password.
pub struct LoggedIn {
    /// For the cookie. There is no way to print it by accident.
    pub token: Token,
    /// For `x-csrf-token`.
    pub csrf: String,
}

/// A secret that travels in a cookie.
pub struct Token(String);

impl Token {
    /// It, for the one answer that carries it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// All sessions.
pub(super) struct Sessions {
    all: Mutex<LruCache<blake3::Hash, Session>>,
    clock: Clock,
}

struct Session {
    name: Arc<str>,
    /// What the password's hash was, so that a change ends the session.
    secret: blake3::Hash,
    csrf: String,
    begun: Duration,
    used: Duration,
}

/// Why a cookie admits nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Unknown, or ended.
    Over,
    /// The second token is missing or wrong.
    NoSecondToken,
}

impl Sessions {
    /// With nobody logged in.
    pub fn new(clock: Clock) -> Self {
        Self { all: Mutex::new(LruCache::new(MOST)), clock }
    }

    /// Begins one for a user whose password was right just now.
    pub fn begin(&self, rules: &Rules, principal: &Principal) -> Option<LoggedIn> {
        let secret = rules.user(&principal.name)?.secret();
        let (token, csrf) = (URL_SAFE_NO_PAD.encode(random::<32>()), URL_SAFE_NO_PAD.encode(random::<32>()));
        let now = self.clock.monotonic();
        let session = Session { name: Arc::clone(&principal.name), secret, csrf: csrf.clone(), begun: now, used: now };
        self.with(|all| all.put(blake3::hash(token.as_bytes()), session));
        Some(LoggedIn { token: Token(token), csrf })
    }

    /// Whose session the cookie is of, and its second token; none where there is no such cookie.
    pub fn find(&self, rules: &Rules, headers: &HeaderMap) -> Option<Result<(Principal, String), Unfit>> {
        let key = blake3::hash(cookie(headers)?.as_bytes());
        let now = self.clock.monotonic();
        let found = self.with(|all| {
            let session = all.get_mut(&key)?;
            let over = now.saturating_sub(session.used) > IDLE || now.saturating_sub(session.begun) > LONGEST;
            let user = rules.user(&session.name).filter(|user| !over && user.secret() == session.secret);
            let Some(user) = user else {
                all.pop(&key);
                return None;
            };
            session.used = now;
            Some((user.principal().clone(), session.csrf.clone()))
        });
        Some(found.ok_or(Unfit::Over))
    }

    /// The same for a request: one that could change something has to show the second token.
    pub fn admit(&self, rules: &Rules, method: &Method, headers: &HeaderMap) -> Option<Result<Principal, Unfit>> {
        let (principal, csrf) = match self.find(rules, headers)? {
            Ok(found) => found,
            Err(unfit) => return Some(Err(unfit)),
        };
        let looks = matches!(*method, Method::GET | Method::HEAD);
        let shown = headers.get(CSRF_HEADER).map(|shown| shown.as_bytes());
        // hashes compare in constant time
        let same = || shown.is_some_and(|shown| blake3::hash(shown) == blake3::hash(csrf.as_bytes()));
        Some(if looks || same() { Ok(principal) } else { Err(Unfit::NoSecondToken) })
    }

    /// Ends the session of this cookie.
    pub fn end(&self, headers: &HeaderMap) {
        if let Some(token) = cookie(headers) {
            self.with(|all| all.pop(&blake3::hash(token.as_bytes())));
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut LruCache<blake3::Hash, Session>) -> T) -> T {
        change(&mut self.all.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|value| value.split(';')).find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == COOKIE_NAME).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::super::secrets::hash_password;
    use super::*;
    use crate::config::security::User;
    use crate::config::{Role, Secret, Security};
    use crate::event::ReceivedTime;

    fn rules(password: &str, role: Role) -> Rules {
        let user = User {
            name: "ana".to_owned(),
            roles: vec![role],
            password_hash: Secret::from(hash_password(password).unwrap()),
        };
        Rules::new(&Security { users: vec![user], ..Security::default() })
    }

    fn headers(token: &str, csrf: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let cookies = format!("theme=dark; {COOKIE_NAME}={token}; other=1");
        headers.insert(COOKIE, HeaderValue::try_from(cookies).unwrap());
        if let Some(csrf) = csrf {
            headers.insert(CSRF_HEADER, HeaderValue::try_from(csrf).unwrap());
        }
        headers
    }

    #[test]
    fn a_session_looks_by_its_cookie_and_changes_things_only_with_the_second_token() {
        let sessions = Sessions::new(Clock::manual(ReceivedTime::from_micros(0)));
        let rules = rules("correct horse", Role::Admin);
        let principal = rules.user("ana").unwrap().principal().clone();
        let logged_in = sessions.begin(&rules, &principal).unwrap();
        let ask = |method: Method, headers: &HeaderMap| {
            sessions.admit(&rules, &method, headers).map(|found| found.map(|principal| principal.name.to_string()))
        };
        let token = logged_in.token.reveal();
        assert_eq!(ask(Method::GET, &headers(token, None)), Some(Ok("ana".to_owned())));
        assert_eq!(ask(Method::POST, &headers(token, None)), Some(Err(Unfit::NoSecondToken)));
        assert_eq!(ask(Method::POST, &headers(token, Some("x"))), Some(Err(Unfit::NoSecondToken)));
        assert_eq!(ask(Method::POST, &headers(token, Some(&logged_in.csrf))), Some(Ok("ana".to_owned())));
        assert_eq!(ask(Method::GET, &headers("another", None)), Some(Err(Unfit::Over)));
        assert_eq!(ask(Method::GET, &HeaderMap::new()), None);
        sessions.end(&headers(token, None));
        assert_eq!(ask(Method::GET, &headers(token, None)), Some(Err(Unfit::Over)));
    }

    #[test]
    fn sessions_end_with_time_and_with_a_change_of_the_configuration() {
        let clock = Clock::manual(ReceivedTime::from_micros(0));
        let sessions = Sessions::new(clock.clone());
        let first = rules("correct horse", Role::Read);
        let principal = first.user("ana").unwrap().principal().clone();
        let begin = || headers(sessions.begin(&first, &principal).unwrap().token.reveal(), None);
        let is_open = |rules: &Rules, headers: &HeaderMap| sessions.find(rules, headers).unwrap().is_ok();
        let idle = begin();
        clock.advance(IDLE);
        assert!(is_open(&first, &idle));
        clock.advance(IDLE + Duration::from_secs(1));
        assert!(!is_open(&first, &idle));
        let busy = begin();
        for _ in 0..3 {
            clock.advance(IDLE);
            assert!(is_open(&first, &busy));
        }
        clock.advance(Duration::from_secs(1));
        assert!(!is_open(&first, &busy));
        assert!(!is_open(&rules("another password", Role::Read), &begin()));
        assert!(!is_open(&Rules::new(&Security::default()), &begin()));
    }
}
