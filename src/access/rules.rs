//! Who there is, and what each may do: what the configuration says, made quick to ask.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::Role;
use crate::config::security::{Hosts, KeyHash, Security};

use super::passwords::User;

/// What somebody may do; [`Role::Admin`] holds all, [`Role::Analyse`] holds [`Role::Read`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles(u8);

impl Roles {
    /// These and what they hold.
    pub fn of(roles: &[Role]) -> Self {
        Self(roles.iter().fold(0, |all, role| all | held(*role)))
    }

    /// Whether they hold `role`.
    pub fn hold(self, role: Role) -> bool {
        self.0 & bit(role) != 0
    }
}

fn bit(role: Role) -> u8 {
    match role {
        Role::Ingest => 1,
        Role::Read => 2,
        Role::Analyse => 4,
        Role::Admin => 8,
    }
}

fn held(role: Role) -> u8 {
    match role {
        Role::Admin => bit(Role::Admin) | bit(Role::Ingest) | held(Role::Analyse),
        Role::Analyse => bit(Role::Analyse) | bit(Role::Read),
        Role::Ingest | Role::Read => bit(role),
    }
}

/// Somebody who is known.
#[derive(Debug, Clone)]
pub struct Principal {
    /// The name in the configuration, or of the certificate.
    pub name: Arc<str>,
    /// What they may do.
    pub roles: Roles,
}

impl Principal {
    fn new(name: &str, roles: &[Role]) -> Self {
        Self { name: name.into(), roles: Roles::of(roles) }
    }
}

/// Everybody there is.
pub struct Rules {
    open: bool,
    hosts: Hosts,
    keys: Vec<(KeyHash, Principal)>,
    users: HashMap<String, Arc<User>>,
    certificates: HashMap<String, Principal>,
}

impl Rules {
    /// As configured.
    pub fn new(security: &Security) -> Self {
        let certificates = security.certificates.iter();
        Self {
            open: security.is_open(),
            hosts: security.hosts.clone(),
            keys: security.api_keys.iter().map(|key| (key.hash, Principal::new(&key.name, &key.roles))).collect(),
            users: security
                .users
                .iter()
                .map(|user| {
                    let principal = Principal::new(&user.name, &user.roles);
                    (user.name.clone(), Arc::new(User::new(principal, user.password_hash.clone())))
                })
                .collect(),
            certificates: certificates
                .map(|holder| (holder.common_name.clone(), Principal::new(&holder.common_name, &holder.roles)))
                .collect(),
        }
    }

    /// Whether everybody may do everything.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// By which names this oversight may be asked where everybody may do everything.
    pub fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// Whose key this is. All keys are compared, each in constant time, whichever it is: the time says nothing of where
    /// two keys differ, nor which one fitted. Where the sender gave a name too, it has to be the key's.
    pub fn key(&self, id: Option<&str>, key: &str) -> Option<Principal> {
        let hash = KeyHash::of(key.as_bytes());
        let mut found = None;
        for (known, principal) in &self.keys {
            if *known == hash {
                found = Some(principal);
            }
        }
        found.filter(|principal| id.is_none_or(|id| *id == *principal.name)).cloned()
    }

    /// The user of this name.
    pub fn user(&self, name: &str) -> Option<&Arc<User>> {
        self.users.get(name)
    }

    /// Some user, whose hash is as slow as that of a name that nobody has.
    pub fn stand_in(&self) -> Option<&Arc<User>> {
        self.users.values().next()
    }

    /// The holder of a certificate that was checked.
    pub fn certificate(&self, common_name: &str) -> Option<Principal> {
        let exact = self.certificates.get(common_name).cloned();
        let any = || self.certificates.get("*").map(|any| Principal { name: common_name.into(), roles: any.roles });
        exact.or_else(any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::security::{ApiKey, CertificateHolder};

    #[test]
    fn an_administrator_may_all_an_analyst_reads_and_a_sender_only_sends() {
        let may = |role: Role| {
            let all = [Role::Ingest, Role::Read, Role::Analyse, Role::Admin];
            all.map(|wanted| Roles::of(&[role]).hold(wanted))
        };
        assert_eq!(may(Role::Ingest), [true, false, false, false]);
        assert_eq!(may(Role::Read), [false, true, false, false]);
        assert_eq!(may(Role::Analyse), [false, true, true, false]);
        assert_eq!(may(Role::Admin), [true; 4]);
        let both = Roles::of(&[Role::Ingest, Role::Read]);
        assert!(both.hold(Role::Ingest) && both.hold(Role::Read) && !both.hold(Role::Analyse));
    }

    #[test]
    fn a_key_is_found_by_itself_or_with_its_own_name() {
        let key = |name: &str| ApiKey {
            name: name.to_owned(),
            roles: vec![Role::Ingest],
            hash: KeyHash::of(format!("key of {name}").as_bytes()),
        };
        let rules = Rules::new(&Security { api_keys: vec![key("a"), key("b")], ..Security::default() });
        let name = |id, text: &str| rules.key(id, text).map(|found| found.name.to_string());
        assert_eq!(name(None, "key of b").as_deref(), Some("b"));
        assert_eq!(name(Some("a"), "key of a").as_deref(), Some("a"));
        assert_eq!(name(Some("a"), "key of b"), None);
        assert_eq!(name(None, "key of c"), None);
    }

    #[test]
    fn a_certificate_is_known_by_its_name_before_it_is_one_of_all() {
        let holder = |name: &str, role| CertificateHolder { common_name: name.to_owned(), roles: vec![role] };
        let rules = Rules::new(&Security {
            certificates: vec![holder("*", Role::Ingest), holder("ops", Role::Admin)],
            ..Security::default()
        });
        assert!(rules.certificate("ops").unwrap().roles.hold(Role::Admin));
        let other = rules.certificate("shipper-7").unwrap();
        assert_eq!((&*other.name, other.roles.hold(Role::Read)), ("shipper-7", false));
    }
}
