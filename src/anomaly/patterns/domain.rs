//! Names of DNS: which part of one was registered by somebody, and which names nobody registers.

/// Second labels below which names are registered in the domains of countries.
const SECOND: [&str; 16] =
    ["ac", "co", "com", "edu", "go", "gob", "gov", "govt", "mil", "ne", "net", "nom", "or", "org", "sch", "web"];
/// Domains in which names are registered one label deeper than elsewhere.
const PUBLIC: [&str; 3] = ["pages.dev", "workers.dev", "github.io"];
/// Last labels of names that no registry gives out: local networks, and addresses turned into names.
const OWN: [&str; 13] = [
    "arpa",
    "local",
    "localdomain",
    "localhost",
    "lan",
    "home",
    "internal",
    "intranet",
    "corp",
    "private",
    "test",
    "invalid",
    "workgroup",
];
/// The longest name there can be.
const LONGEST: usize = 255;

/// A name split where somebody registered it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name<'a> {
    /// What its owner put in front, without the last dot; empty where nothing is.
    pub below: &'a str,
    /// What was registered: a label and the domain of the registry.
    pub registered: &'a str,
    /// The label of `registered`.
    pub label: &'a str,
}

impl<'a> Name<'a> {
    /// Of a name as it was asked for; none where nobody can have registered it.
    pub(super) fn of(name: &'a str) -> Option<Self> {
        let name = name.strip_suffix('.').unwrap_or(name);
        if name.is_empty() || name.len() > LONGEST || name.parse::<std::net::IpAddr>().is_ok() {
            return None;
        }
        let mut dots = name.rmatch_indices('.').map(|(place, _)| place);
        let last = dots.next()?;
        let top = &name[last + 1..];
        if top.is_empty() || OWN.iter().any(|own| own.eq_ignore_ascii_case(top)) || !is_registry(top) {
            return None;
        }
        let before = dots.next();
        let label = &name[before.map_or(0, |place| place + 1)..last];
        let pair = &name[before.map_or(0, |place| place + 1)..];
        let deeper = (top.len() == 2 && SECOND.contains(&label)) || PUBLIC.contains(&pair);
        let split = |start: usize, end: usize| Self {
            below: name[..start].strip_suffix('.').unwrap_or(""),
            registered: &name[start..],
            label: &name[start..end],
        };
        let found = match (deeper, before) {
            (true, Some(second)) => split(dots.next().map_or(0, |place| place + 1), second),
            (true, None) => return None,
            (false, before) => split(before.map_or(0, |place| place + 1), last),
        };
        (!found.label.is_empty()).then_some(found)
    }
}

/// Letters, or the letters of an international one.
fn is_registry(top: &str) -> bool {
    top.len() >= 2 && (top.bytes().all(|byte| byte.is_ascii_alphabetic()) || top.starts_with("xn--"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(name: &str) -> Option<(&str, &str, &str)> {
        Name::of(name).map(|name| (name.below, name.registered, name.label))
    }

    #[test]
    fn a_name_is_split_where_it_was_registered() {
        assert_eq!(parts("www.example.org"), Some(("www", "example.org", "example")));
        assert_eq!(parts("example.org."), Some(("", "example.org", "example")));
        assert_eq!(parts("a.b.example.co.uk"), Some(("a.b", "example.co.uk", "example")));
        assert_eq!(parts("example.co.uk"), Some(("", "example.co.uk", "example")));
        assert_eq!(parts("x.mine.github.io"), Some(("x", "mine.github.io", "mine")));
        assert_eq!(parts("me.it"), Some(("", "me.it", "me")));
    }

    #[test]
    fn names_that_nobody_registers_are_left_out() {
        for name in [
            "",
            ".",
            "wpad",
            "printer.local",
            "1.0.168.192.in-addr.arpa",
            "10.0.0.1",
            "::1",
            "co.uk",
            "..",
            "a.b.",
            "x.y1",
        ] {
            assert_eq!(parts(name), None, "{name}");
        }
    }
}
