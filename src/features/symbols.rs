//! Symbols of a fixed vocabulary, or unknown, or missing; and the vocabularies of protocol, service and flag.
//!
//! They are those of the KDD-99 and NSL-KDD files. A symbol outside of them is legal input: the
//! network has an input for "unknown" and one for "missing" beside those of the vocabulary.

/// `protocol_type`.
pub const PROTOCOLS: &[&str] = &["icmp", "tcp", "udp"];

/// `service`.
pub const SERVICES: &[&str] = &[
    "IRC",
    "X11",
    "Z39_50",
    "aol",
    "auth",
    "bgp",
    "courier",
    "csnet_ns",
    "ctf",
    "daytime",
    "discard",
    "domain",
    "domain_u",
    "echo",
    "eco_i",
    "ecr_i",
    "efs",
    "exec",
    "finger",
    "ftp",
    "ftp_data",
    "gopher",
    "harvest",
    "hostnames",
    "http",
    "http_2784",
    "http_443",
    "http_8001",
    "imap4",
    "iso_tsap",
    "klogin",
    "kshell",
    "ldap",
    "link",
    "login",
    "mtp",
    "name",
    "netbios_dgm",
    "netbios_ns",
    "netbios_ssn",
    "netstat",
    "nnsp",
    "nntp",
    "ntp_u",
    "other",
    "pm_dump",
    "pop_2",
    "pop_3",
    "printer",
    "private",
    "red_i",
    "remote_job",
    "rje",
    "shell",
    "smtp",
    "sql_net",
    "ssh",
    "sunrpc",
    "supdup",
    "systat",
    "telnet",
    "tftp_u",
    "tim_i",
    "time",
    "urh_i",
    "urp_i",
    "uucp",
    "uucp_path",
    "vmnet",
    "whois",
];

/// `flag`: how the connection ended, in Zeek's letters.
pub const FLAGS: &[&str] = &["OTH", "REJ", "RSTO", "RSTOS0", "RSTR", "S0", "S1", "S2", "S3", "SF", "SH"];

/// A symbol: its place in a vocabulary, or that it is not in it, or not known at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Symbol(u16);

/// Most words of a vocabulary.
pub const MOST_WORDS: usize = 60_000;

impl Symbol {
    /// There is a symbol, and the vocabulary lacks it.
    pub const UNKNOWN: Self = Self(u16::MAX - 1);
    /// There is none.
    pub const MISSING: Self = Self(u16::MAX);

    /// Looks `text` up (exactly) in a sorted vocabulary of at most [`MOST_WORDS`].
    pub fn of<W: AsRef<str>>(vocabulary: &[W], text: &str) -> Self {
        let place = vocabulary.binary_search_by(|word| word.as_ref().cmp(text)).ok();
        place.and_then(|place| u16::try_from(place).ok()).map_or(Self::UNKNOWN, Self)
    }

    /// A number of its own, equal for equal ones.
    pub fn number(self) -> u16 {
        self.0
    }

    /// The place in the vocabulary; none for unknown and missing.
    pub fn place(self) -> Option<usize> {
        (self.0 < Self::UNKNOWN.0).then_some(usize::from(self.0))
    }

    /// The word, `unknown` or `missing`.
    pub fn word<W: AsRef<str>>(self, vocabulary: &[W]) -> &str {
        match self {
            Self::UNKNOWN => "unknown",
            Self::MISSING => "missing",
            known => vocabulary.get(usize::from(known.0)).map_or("unknown", AsRef::as_ref),
        }
    }
}

/// The three symbolic features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Symbols {
    /// Of [`PROTOCOLS`].
    pub protocol: Symbol,
    /// Of [`SERVICES`].
    pub service: Symbol,
    /// Of [`FLAGS`].
    pub flag: Symbol,
}

impl Symbols {
    /// Nothing is known.
    pub const MISSING: Self = Self { protocol: Symbol::MISSING, service: Symbol::MISSING, flag: Symbol::MISSING };

    /// In the order of the features.
    pub fn in_order(self) -> [Symbol; 3] {
        [self.protocol, self.service, self.flag]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vocabularies_are_sorted_so_that_every_word_is_found() {
        for vocabulary in [PROTOCOLS, SERVICES, FLAGS] {
            for (place, word) in vocabulary.iter().enumerate() {
                assert_eq!(Symbol::of(vocabulary, word).place(), Some(place), "{word}");
            }
        }
    }

    #[test]
    fn a_word_outside_the_vocabulary_is_unknown_and_not_a_fault() {
        assert_eq!(Symbol::of(SERVICES, "icmp"), Symbol::UNKNOWN);
        assert_eq!(Symbol::UNKNOWN.word(SERVICES), "unknown");
    }
}
