//! The rules of `security` and `tls`.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use argon2::password_hash::PasswordHash;

use super::super::check::Check;
use super::checked::{
    ApiKey, CertificateHolder, ClientCertificates, Hosts, LONGEST_NAME, Security, Tls, User, exposed, is_name,
};
use super::hash::{KeyHash, NoKeyHash};
use super::raw::{self, ClientAuth, Role};

/// A key that is given as it is has to be this long, since its hash is a fast one.
const SHORTEST_KEY: usize = 20;
/// The most memory that the hash of a password may ask for, in KiB.
const MOST_MEMORY: u32 = 1 << 20;
/// The most passes over that memory.
const MOST_PASSES: u32 = 64;

/// One item of a list under `security`.
struct Item<'a> {
    list: &'static str,
    at: usize,
    name: &'a str,
    roles: &'a [Role],
}

impl Check<'_> {
    pub(in super::super) fn security(&mut self, raw: &raw::Security) -> Security {
        const LISTS: [&str; 3] = ["security.api_keys", "security.users", "security.certificates"];
        // what is wrong in itself was left out, so that places in the list would be told wrongly
        if self.troubled("security") {
            return Security::default();
        }
        let [keys, users, certificates] = LISTS;
        self.names(raw.api_keys.iter().enumerate().map(|(at, of)| Item {
            list: keys,
            at,
            name: &of.name,
            roles: &of.roles,
        }));
        self.names(raw.users.iter().enumerate().map(|(at, of)| Item {
            list: users,
            at,
            name: &of.name,
            roles: &of.roles,
        }));
        self.names(raw.certificates.iter().enumerate().map(|(at, of)| Item {
            list: certificates,
            at,
            name: &of.common_name,
            roles: &of.roles,
        }));
        Security {
            api_keys: raw.api_keys.iter().enumerate().filter_map(|(at, key)| self.api_key(keys, at, key)).collect(),
            users: raw.users.iter().enumerate().filter_map(|(at, user)| self.user(users, at, user)).collect(),
            certificates: raw
                .certificates
                .iter()
                .map(|holder| CertificateHolder {
                    common_name: holder.common_name.clone(),
                    roles: holder.roles.clone(),
                })
                .collect(),
            hosts: self.hosts(&raw.host_names),
        }
    }

    /// What else it is called.
    fn hosts(&mut self, names: &[String]) -> Hosts {
        for (at, name) in names.iter().enumerate().filter(|(_, name)| !is_host_name(name)) {
            let problem = format!("{name} is no name of a host; write it alone, without scheme and port");
            self.item_fault("security.host_names", at, "", problem);
        }
        Hosts::Named(names.iter().map(|name| name.to_ascii_lowercase()).collect())
    }

    /// Names that can be told apart, and roles, in each item.
    fn names<'a>(&mut self, items: impl Iterator<Item = Item<'a>>) {
        let mut known = BTreeSet::new();
        for Item { list, at, name, roles } in items {
            let certificate = list.ends_with("certificates");
            let (key, fine) = if certificate {
                ("common_name", !name.is_empty() && name.len() <= 4 * LONGEST_NAME)
            } else {
                ("name", is_name(name))
            };
            if !fine {
                let problem = format!("a name has 1 to {LONGEST_NAME} letters, digits or any of . _ @ -");
                self.item_fault(list, at, key, problem);
            } else if !known.insert(name) {
                self.item_fault(list, at, key, format!("there is another {name}; each needs a name of its own"));
            }
            if roles.is_empty() {
                let problem = "no role; give one or more of ingest, read, analyse, admin";
                self.item_fault(list, at, "roles", problem.to_owned());
            }
        }
    }

    fn api_key(&mut self, list: &str, at: usize, raw: &raw::ApiKey) -> Option<ApiKey> {
        let hash = self.key_hash(raw);
        let hash = hash.map_err(|(key, problem)| self.item_fault(list, at, key, problem)).ok()?;
        Some(ApiKey { name: raw.name.clone(), roles: raw.roles.clone(), hash })
    }

    /// The hash of a key, or what is wrong with which of its keys.
    fn key_hash(&self, raw: &raw::ApiKey) -> Result<KeyHash, (&'static str, String)> {
        match (&raw.hash, &raw.key) {
            (Some(hash), None) => hash.parse().map_err(|problem: NoKeyHash| ("hash", problem.to_string())),
            (None, Some(source)) => {
                let key = self.fetch(source).map_err(|problem| ("key", problem))?;
                if key.reveal().len() < SHORTEST_KEY {
                    let problem = format!("shorter than {SHORTEST_KEY} characters; 'oversight key create' makes a key");
                    return Err(("key", problem));
                }
                Ok(KeyHash::of(key.reveal().as_bytes()))
            }
            (Some(_), Some(_)) => Err(("key", "given beside hash; give one of them".to_owned())),
            (None, None) => Err(("", "neither hash nor key is given; 'oversight key create' makes both".to_owned())),
        }
    }

    fn user(&mut self, list: &str, at: usize, raw: &raw::User) -> Option<User> {
        let hash = self.fetch(&raw.password_hash);
        let checked = hash.and_then(|hash| is_password_hash(hash.reveal()).map(|()| hash));
        let password_hash = checked.map_err(|problem| self.item_fault(list, at, "password_hash", problem)).ok()?;
        Some(User { name: raw.name.clone(), roles: raw.roles.clone(), password_hash })
    }

    pub(in super::super) fn tls(&mut self, raw: &raw::Tls, security: &Security) -> Option<Tls> {
        let clients = self.clients(raw);
        if !security.certificates.is_empty() && clients == ClientCertificates::None && !self.faulty("tls.client_ca") {
            let problem = "clients show no certificate; give tls.client_ca";
            self.fault("security.certificates", problem.to_owned());
        }
        if clients != ClientCertificates::None && security.certificates.is_empty() && !self.troubled("security") {
            let problem = "a certificate alone allows nothing; say in security.certificates what its holders may do";
            self.fault("tls.client_ca", problem.to_owned());
        }
        match (&raw.certificate, &raw.key) {
            (Some(certificate), Some(key)) => Some(Tls {
                certificate: certificate.clone(),
                key: key.clone(),
                clients,
                min_version: raw.min_version,
                handshake_timeout: raw.handshake_timeout.0,
            }),
            (Some(_), None) => self.half("tls.certificate", "tls.key"),
            (None, Some(_)) => self.half("tls.key", "tls.certificate"),
            (None, None) => {
                if clients != ClientCertificates::None {
                    self.fault("tls.client_ca", "goes with tls.certificate and tls.key, which are missing".to_owned());
                }
                None
            }
        }
    }

    fn half<T>(&mut self, given: &str, missing: &str) -> Option<T> {
        if !self.faulty(missing) {
            self.fault(given, format!("goes with {missing}, which is missing"));
        }
        None
    }

    fn clients(&mut self, raw: &raw::Tls) -> ClientCertificates {
        match (&raw.client_ca, raw.client_auth) {
            (Some(authorities), None | Some(ClientAuth::Required)) => ClientCertificates::Required(authorities.clone()),
            (Some(authorities), Some(ClientAuth::Optional)) => ClientCertificates::Optional(authorities.clone()),
            (None, Some(ClientAuth::Optional | ClientAuth::Required)) => {
                if !self.faulty("tls.client_ca") {
                    self.fault("tls.client_auth", "goes with tls.client_ca, which is missing".to_owned());
                }
                ClientCertificates::None
            }
            (_, None | Some(ClientAuth::None)) => ClientCertificates::None,
        }
    }

    /// That `listen` is protected, or reached by nobody else.
    pub(in super::super) fn exposure(&mut self, listen: SocketAddr, security: &Security, encrypted: bool) {
        // what is missing may be what was wrong
        if ["listen_unprotected", "security", "tls"].iter().any(|section| self.troubled(section)) {
            return;
        }
        if let Some(problem) = exposed(listen, security, encrypted) {
            self.fault("listen", problem);
        }
    }
}

/// Whether this is what stands in `Host`, without a port.
pub(in crate::config) fn is_host_name(name: &str) -> bool {
    const LONGEST: usize = 253;
    let ordinary = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=LONGEST).contains(&name.len()) && name.chars().all(ordinary) && !name.starts_with('.') && !name.ends_with('.')
}

/// That a password can be held against it, at a price that one request may have.
fn is_password_hash(text: &str) -> Result<(), String> {
    const WHAT: &str = "not an argon2id hash; 'oversight key hash-password' makes one";
    let hash = PasswordHash::new(text).map_err(|_| WHAT.to_owned())?;
    let params = argon2::Params::try_from(&hash).map_err(|_| WHAT.to_owned())?;
    if hash.algorithm != argon2::ARGON2ID_IDENT || hash.hash.is_none() {
        return Err(WHAT.to_owned());
    }
    if params.m_cost() > MOST_MEMORY || params.t_cost() > MOST_PASSES {
        return Err(format!("a hash with more than 1 GiB of memory (m={MOST_MEMORY}) or {MOST_PASSES} passes (t)"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::Loader;
    use super::*;

    const HASH: &str = "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$Wk8Gw6oWBVNTGTIb8N1xdrEOWKBnJpJwPH5sLLtQyzs";

    /// What is told of a wrong file, in the order of its lines.
    fn told(text: &str) -> Vec<String> {
        let mut faults = Loader::new().parse(text, std::iter::empty()).err().unwrap_or_default();
        faults.sort();
        faults.iter().map(|fault| format!("{:?} {}: {}", fault.place, fault.key, fault.problem)).collect()
    }

    #[test]
    fn only_hashes_that_can_be_checked_at_a_fair_price_pass() {
        is_password_hash(HASH).unwrap();
        for bad in ["", "secret", &HASH.replace("argon2id", "argon2i"), &HASH.replace("m=64", "m=4000000")] {
            assert!(is_password_hash(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_fault_of_security_and_tls_is_told_at_once_with_its_line() {
        let key = KeyHash::of(b"x");
        let text = format!(
            "\
security:
  api_keys:
    - {{name: a, roles: [ingest], hash: '{key}'}}
    - {{name: a, roles: [read], hash: '{key}'}}
    - name: b
      roles: []
      hash: nonsense
    - {{name: c, roles: [admin]}}
    - {{name: d, roles: [admin], key: short}}
  users:
    - {{name: 'x y', roles: [read], password_hash: plain}}
tls:
  certificate: server.pem
  client_auth: required
"
        );
        let told = told(&text);
        let places: Vec<&str> = told.iter().map(|line| line.split(": ").next().unwrap()).collect();
        let expected = [
            "Line(4) security.api_keys[1].name",
            "Line(6) security.api_keys[2].roles",
            "Line(7) security.api_keys[2].hash",
            "Line(8) security.api_keys[3]",
            "Line(9) security.api_keys[4].key",
            "Line(11) security.users[0].name",
            "Line(11) security.users[0].password_hash",
            "Line(13) tls.certificate",
            "Line(14) tls.client_auth",
        ];
        assert_eq!(places, expected, "{told:#?}");
        assert!(!told.join("\n").contains("plain"), "{told:#?}");
    }

    #[test]
    fn neither_keys_nor_hashes_of_passwords_are_shown() {
        let text = format!(
            "security: {{api_keys: [{{name: a, roles: [ingest], key: a-key-of-twenty-characters}}], \
             users: [{{name: b, roles: [read], password_hash: '{HASH}'}}]}}"
        );
        let config = Loader::new().parse(&text, std::iter::empty()).unwrap();
        assert_eq!(config.security.api_keys[0].hash, KeyHash::of(b"a-key-of-twenty-characters"));
        let printed = format!("{config:?}{}{}", config.show(), config.show_json());
        assert!(!printed.contains("twenty") && !printed.contains("argon2id"), "{printed}");
    }

    #[test]
    fn names_of_hosts_stand_alone_and_count_where_nothing_is_in_front() {
        let faults = told("security: {host_names: [soc.example, 'https://x', 'a:80', '']}");
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(faults[0].contains("security.host_names[1]") && faults[0].contains("without scheme and port"));
        let hosts = |text: &str| Loader::new().parse(text, std::iter::empty()).unwrap().security.hosts;
        assert_eq!(hosts("security: {host_names: [SOC.example]}"), Hosts::Named(vec!["soc.example".to_owned()]));
        assert_eq!(hosts(""), Hosts::Named(Vec::new()));
        assert_eq!(hosts("listen_unprotected: true"), Hosts::Any, "something in front of it takes care");
    }

    #[test]
    fn another_machine_is_let_in_with_both_locks_or_a_plain_word() {
        let key = KeyHash::of(b"x");
        let keys = format!("security: {{api_keys: [{{name: a, roles: [ingest], hash: '{key}'}}]}}\n");
        let tls = "tls: {certificate: c.pem, key: k.pem}\n";
        let open = "listen: 0.0.0.0:9292\n";
        assert!(told(&format!("{open}{keys}"))[0].contains("in the clear; give tls.certificate"));
        assert!(told(&format!("{open}{tls}"))[0].contains("nobody has to authenticate; give security.api_keys"));
        assert!(told(open)[0].contains("nobody has to authenticate and nothing is encrypted"));
        assert_eq!(told(&format!("{open}{keys}{tls}")), [""; 0]);
        assert_eq!(told(&format!("{open}{keys}listen_unprotected: true\n")), [""; 0]);
        assert_eq!(told(&keys), [""; 0]);
    }

    #[test]
    fn certificates_and_their_authority_go_together() {
        let holder = "security: {certificates: [{common_name: '*', roles: [ingest]}]}\n";
        let tls = "tls: {certificate: c.pem, key: k.pem, client_ca: ca.pem}\n";
        assert_eq!(told(&format!("{holder}{tls}")), [""; 0]);
        assert!(told(holder)[0].contains("give tls.client_ca"));
        assert!(told(tls)[0].contains("security.certificates"));
    }
}
