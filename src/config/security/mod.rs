//! Who may use oversight and how it is protected on the wire: the keys under `security` and `tls`.
//!
//! The same furniture as the room around it: `raw` is what is written, `check` holds the rules between keys,
//! `checked` is what is used. No password, key or hash of a password is ever printed.

mod check;
mod checked;
mod hash;
pub(super) mod raw;

pub(super) use check::is_host_name;
pub use checked::{ApiKey, CertificateHolder, ClientCertificates, Hosts, Security, Tls, User, exposed, is_name};
pub use hash::{KeyHash, NoKeyHash};
pub use raw::{Role, TlsVersion};
