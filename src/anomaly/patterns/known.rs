//! Hosts and domains that are known to behave so: no pattern is told of them.

use rustc_hash::{FxBuildHasher, FxHashSet};

use super::call::Call;
use super::lower_case;
use crate::config::Networks;
use crate::normalise::Address;

/// What an administrator knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    hosts: Networks,
    /// In lower case, without the last dot.
    domains: FxHashSet<Box<str>>,
}

impl Known {
    /// Nothing.
    pub const NOTHING: Self = Self { hosts: Networks::NONE, domains: FxHashSet::with_hasher(FxBuildHasher) };

    /// These hosts, and these domains with all names below them.
    pub fn new<'a>(hosts: Networks, domains: impl IntoIterator<Item = &'a str>) -> Self {
        let domain = |name: &str| lower_case(name.trim_matches('.')).into();
        Self { hosts, domains: domains.into_iter().map(domain).collect() }
    }

    /// Whether one of both hosts is known, or the name that was asked for.
    pub(super) fn has_call(&self, call: &Call<'_>) -> bool {
        self.has_host(call.source)
            || self.has_host(call.destination)
            || call.name.is_some_and(|name| self.has_name(name))
    }

    /// Whether the host is known.
    pub(super) fn has_host(&self, address: Address<'_>) -> bool {
        match address {
            Address::Ip(address) => self.hosts.contain(address),
            Address::Name(name) => self.has_name(name),
        }
    }

    /// Whether the name is one of the domains, or below one.
    pub(super) fn has_name(&self, name: &str) -> bool {
        if self.domains.is_empty() {
            return false;
        }
        let name = lower_case(name.trim_end_matches('.'));
        let mut rest: &str = &name;
        loop {
            if self.domains.contains(rest) {
                return true;
            }
            let Some((_, behind)) = rest.split_once('.') else { return false };
            rest = behind;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::call::tests::call;
    use super::*;

    fn known(hosts: &[&str], domains: &[&str]) -> Known {
        let hosts: Vec<String> = hosts.iter().map(|text| (*text).to_owned()).collect();
        Known::new(Networks::parse(&hosts).expect("networks"), domains.iter().copied())
    }

    #[test]
    fn a_call_is_known_by_either_host_or_its_name() {
        let call = Call { name: Some("Updates.Vendor.example."), ..call(1, 2, 443, 9) };
        for known in [known(&["10.0.0.1"], &[]), known(&["10.0.0.2/31"], &[]), known(&[], &["vendor.example"])] {
            assert!(known.has_call(&call), "{known:?}");
        }
        assert!(!known(&["10.0.0.3", "192.0.2.0/24"], &["example.org"]).has_call(&call));
        assert!(!Known::NOTHING.has_call(&call));
    }

    #[test]
    fn a_domain_stands_for_all_below_it_and_for_no_other() {
        let known = known(&[], &[".Sensor.Example"]);
        assert!(known.has_name("sensor.example") && known.has_name("a.b.SENSOR.example."));
        for other in ["example", "mysensor.example", "sensor.example.org", ""] {
            assert!(!known.has_name(other), "{other}");
        }
    }
}
