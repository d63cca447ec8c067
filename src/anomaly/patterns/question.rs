//! Questions of DNS in an event: Zeek's dns.log, Suricata's and ECS's records, and the DNS connections of a capture.

use std::borrow::Cow;

use serde::Deserialize;

use super::super::fields::{Fields, Value};

/// What is read of an event, in the order of [`Path`].
pub(super) const PATHS: [&str; 17] = [
    "query",
    "dns.question.name",
    "qtype_name",
    "dns.rrtype",
    "dns.question.type",
    "rcode_name",
    "dns.rcode",
    "dns.response_code",
    "id.orig_h",
    "src_ip",
    "source.ip",
    "dest_ip",
    "src_port",
    "destination.port",
    "dns.asked",
    "dns.asked_types",
    "dns.queries",
];

/// A place in [`PATHS`].
#[derive(Clone, Copy)]
enum Path {
    Query,
    Name,
    ZeekType,
    SuricataType,
    Type,
    ZeekCode,
    SuricataCode,
    Code,
    Originator,
    SourceAddress,
    Source,
    DestinationAddress,
    SourcePort,
    DestinationPort,
    Asked,
    AskedTypes,
    Queries,
}

/// A member of `dns.queries`, as Suricata 8 writes its records of DNS (version 3).
#[derive(Deserialize)]
struct Query<'a> {
    #[serde(borrow)]
    rrname: Cow<'a, str>,
    #[serde(borrow, default)]
    rrtype: Option<Cow<'a, str>>,
}

/// The port of name servers.
const DNS: f64 = 53.0;

/// Who asked for a name, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Question<'a> {
    /// The host that asked.
    pub client: &'a str,
    /// The record type in words, such as `TXT`.
    pub kind: Option<&'a str>,
    /// What the answer said, in words, such as `NXDOMAIN`.
    pub code: Option<&'a str>,
}

impl Question<'_> {
    /// Whether the answer was that there is no such name.
    pub(super) fn is_refused(&self) -> bool {
        self.code == Some("NXDOMAIN")
    }
}

/// Gives `take` each name that an event asks for; `first` is the place of the first of [`PATHS`] among the event's paths.
pub(super) fn each(fields: &impl Fields, first: usize, mut take: impl FnMut(&Question<'_>, &str)) {
    let text = |path: Path| match fields.field(first + path as usize) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    };
    let either = |paths: [Path; 3]| paths.into_iter().find_map(text);
    let port = |path: Path| match fields.field(first + path as usize) {
        Some(Value::Number(port)) => port,
        Some(Value::Text(port)) => port.parse().unwrap_or(0.0),
        _ => 0.0,
    };
    let kind = either([Path::ZeekType, Path::SuricataType, Path::Type]);
    let code = either([Path::ZeekCode, Path::SuricataCode, Path::Code]);
    let is_dns = || kind.is_some() || code.is_some() || port(Path::DestinationPort) == DNS;
    let many = text(Path::Asked).is_some();
    let sender = if port(Path::SourcePort) == DNS { Path::DestinationAddress } else { Path::SourceAddress };
    let client = || either([Path::Originator, sender, Path::Source]);
    if let Some(queries) = fields.list(first + Path::Queries as usize) {
        let Some(client) = client() else { return };
        // a list of something else is somebody else's
        for query in serde_json::from_str::<Vec<Query<'_>>>(queries).unwrap_or_default() {
            let kind = query.rrtype.as_deref();
            take(&Question { client: &client, kind, code: code.as_deref() }, &query.rrname);
        }
        return;
    }
    // `dns.question.name` shares its place with the names that TLS and HTTP ask for
    let name = text(Path::Query).or_else(|| text(Path::Name).filter(|_| many || is_dns()));
    let Some(name) = name else { return };
    let Some(client) = client() else { return };
    let question = Question { client: &client, kind: kind.as_deref(), code: code.as_deref() };
    if !many {
        take(&question, &name);
        return;
    }
    let mut kinds = Vec::new();
    fields.each(first + Path::AskedTypes as usize, &mut |kind| {
        if let Value::Text(kind) = kind {
            kinds.push(kind.into_owned());
        }
    });
    let mut place = 0;
    fields.each(first + Path::Asked as usize, &mut |name| {
        if let Value::Text(name) = name {
            take(&Question { kind: kinds.get(place).map(String::as_str), ..question }, &name);
        }
        place += 1;
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An event of texts, and of lists.
    struct Event(Vec<(Path, &'static str)>);

    impl Event {
        fn text(&self, id: usize) -> Option<&'static str> {
            self.0.iter().find(|(path, _)| *path as usize + 3 == id).map(|(_, text)| *text)
        }
    }

    impl Fields for Event {
        fn field(&self, id: usize) -> Option<Value<'_>> {
            self.text(id).filter(|text| !text.starts_with('[')).map(|text| Value::Text(text.into()))
        }

        fn list(&self, id: usize) -> Option<&str> {
            self.text(id).filter(|text| text.starts_with('['))
        }
    }

    fn asked(event: Vec<(Path, &'static str)>) -> Vec<String> {
        let mut all = Vec::new();
        each(&Event(event), 3, |question, name| {
            all.push(format!("{} {} {}", question.client, question.kind.unwrap_or("-"), name));
        });
        all
    }

    #[test]
    fn questions_are_read_from_every_dialect_and_names_of_other_kinds_are_none() {
        let zeek = vec![(Path::Query, "a.example"), (Path::ZeekType, "TXT"), (Path::Originator, "10.0.0.1")];
        assert_eq!(asked(zeek), ["10.0.0.1 TXT a.example"]);
        let answer = vec![
            (Path::Query, "a.example"),
            (Path::SuricataCode, "NXDOMAIN"),
            (Path::SourceAddress, "9.9.9.9"),
            (Path::SourcePort, "53"),
            (Path::DestinationAddress, "10.0.0.1"),
        ];
        assert_eq!(asked(answer), ["10.0.0.1 - a.example"]);
        let greeting = vec![(Path::Name, "a.example"), (Path::DestinationPort, "443"), (Path::Source, "10.0.0.1")];
        assert_eq!(asked(greeting), [""; 0]);
        let ecs = vec![(Path::Name, "a.example"), (Path::DestinationPort, "53"), (Path::Source, "10.0.0.1")];
        assert_eq!(asked(ecs), ["10.0.0.1 - a.example"]);
    }

    #[test]
    fn all_questions_of_a_list_are_read_and_a_list_of_something_else_is_none() {
        let list = r#"[{"rrname":"a.example","rrtype":"TXT"},{"rrname":"b\u002eexample"}]"#;
        let source = (Path::SourceAddress, "10.0.0.1");
        let both = ["10.0.0.1 TXT a.example", "10.0.0.1 - b.example"];
        assert_eq!(asked(vec![(Path::Queries, list), source]), both);
        assert_eq!(asked(vec![(Path::Queries, r#"["a.example"]"#), source]), [""; 0]);
    }
}
