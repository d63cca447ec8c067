//! The operations of the API, one by one.

/// What a request is answered with when it is answered.
pub(super) enum Answer {
    /// A type of the code, by its name.
    Schema(&'static str),
    /// An object whose members are told in words.
    Object(&'static str),
    /// A list of objects, told in words.
    List(&'static str),
    /// Something else than JSON: its media types, and what it is.
    Other(&'static [&'static str], &'static str),
}

/// Something that an operation may be told.
pub(super) struct Parameter {
    pub name: &'static str,
    pub means: &'static str,
    /// JSON Schema.
    pub schema: &'static str,
    pub required: bool,
    pub in_path: bool,
}

/// One method of one path.
pub(super) struct Operation {
    pub method: &'static str,
    pub path: &'static str,
    /// Unique.
    pub name: &'static str,
    pub summary: &'static str,
    pub parameters: &'static [Parameter],
    /// JSON Schema of the body, where it takes one.
    pub body: Option<&'static str>,
    pub answer: Answer,
    /// Statuses beside 200 and those of the door.
    pub refusals: &'static [u16],
    /// Those of them that come with the same body as 200.
    pub same: &'static [u16],
    /// What is refused is told as `application/problem+json`.
    pub problem: bool,
}

const TEXT: &str = r#"{"type":"string"}"#;
const COUNT: &str = r#"{"type":"integer","minimum":0}"#;
const TIME: &str = r#"{"type":"string","minLength":1,"maxLength":64,"examples":["now-15m"]}"#;
const METRIC: &str = r#"{"type":"string","examples":["connections"]}"#;

const fn query(name: &'static str, schema: &'static str, means: &'static str) -> Parameter {
    Parameter { name, means, schema, required: false, in_path: false }
}

const fn in_path(name: &'static str, means: &'static str) -> Parameter {
    Parameter { name, means, schema: TEXT, required: true, in_path: true }
}

const Q: Parameter = query(
    "q",
    r#"{"type":"string","maxLength":4096,"examples":["oversight.classification.verdict:known"]}"#,
    "Lucene's query string",
);
const FROM: Parameter = query("from", TIME, "from this time on (RFC 3339, or date math such as now-15m)");
const TO: Parameter = query("to", TIME, "up to this time, exclusive");
const KIND: Parameter = query("kind", r#"{"enum":["events","anomalies"],"default":"events"}"#, "which documents");
const CURSOR: Parameter =
    query("cursor", TEXT, "what the page before gave as next; with POST, an empty one asks for the first page");
const SIZE: Parameter =
    query("size", r#"{"type":"integer","minimum":0,"maximum":10000,"default":10}"#, "hits of a page");

const REASON: Parameter = query("reason", TEXT, "a part of the reason");
const SOURCE: Parameter = query("source", TEXT, "all of the source");
const SINCE: Parameter = query("from", r#"{"type":"string","format":"date-time"}"#, "refused from this time on");
const UNTIL: Parameter = query("to", r#"{"type":"string","format":"date-time"}"#, "refused before this time");
const AFTER: Parameter = query("after", COUNT, "letters behind this number");
const UP_TO: Parameter = query("up_to", COUNT, "letters up to this number");

const MODEL: &str = r#"{"type":"object","required":["model"],"properties":{"model":{"type":"string","examples":["builtin:kdd99"]}},"additionalProperties":false}"#;
const STANDING: Answer = Answer::Object("revision, active, shadow, earlier, notice");
const LOOKING: &[u16] = &[405];
const CHANGING: &[u16] = &[400, 404, 405, 408, 409, 412, 413, 422, 503];

/// A path that is only looked at.
const fn look(path: &'static str, name: &'static str, summary: &'static str, answer: Answer) -> Operation {
    Operation {
        method: "GET",
        path,
        name,
        summary,
        parameters: &[],
        body: None,
        answer,
        refusals: LOOKING,
        same: &[],
        problem: true,
    }
}

/// Every operation of the API.
pub(super) const OPERATIONS: &[Operation] = &[
    look("/health/live", "live", "Whether the process answers", Answer::Object("status: live")),
    Operation {
        refusals: &[405, 503],
        same: &[503],
        ..look("/health/ready", "ready", "Whether events can be taken, and how each room is", Answer::Schema("Health"))
    },
    look(
        "/metrics",
        "own_metrics",
        "The metrics of this program, for Prometheus",
        Answer::Other(&["text/plain"], "Prometheus' text"),
    ),
    look("/v1/status", "status", "How it goes, in numbers", Answer::Schema("Status")),
    Operation {
        refusals: &[405, 429],
        ..look(
            "/v1/status/live",
            "live_status",
            "The same each second",
            Answer::Other(&["text/event-stream"], "server-sent events named status, whose data are a Status"),
        )
    },
    look("/v1/session", "who", "Who asks", Answer::Object("needed, name, roles, csrf")),
    Operation {
        method: "POST",
        body: Some(
            r#"{"type":"object","required":["name","password"],"properties":{"name":{"type":"string"},"password":{"type":"string"}}}"#,
        ),
        refusals: &[400, 403, 405, 408, 413, 429],
        ..look(
            "/v1/session",
            "log_in",
            "Begins a session; its cookie comes with the answer",
            Answer::Object("name, csrf"),
        )
    },
    Operation { method: "DELETE", ..look("/v1/session", "log_out", "Ends the session", Answer::Object("nothing")) },
    look("/v1/openapi.json", "openapi", "This document", Answer::Object("OpenAPI 3.1")),
    Operation {
        parameters: &[Q, FROM, TO, KIND, SIZE, CURSOR],
        refusals: &[400, 405, 429, 503],
        problem: false,
        ..look(
            "/v1/search",
            "search",
            "Searches what is stored, youngest first, page by page",
            Answer::Object("as Elasticsearch answers, with next"),
        )
    },
    Operation {
        method: "POST",
        parameters: &[KIND, CURSOR],
        body: Some(r#"{"type":"object"}"#),
        refusals: &[400, 405, 408, 413, 429, 503],
        problem: false,
        ..look(
            "/v1/search",
            "search_body",
            "Searches by a search body of Elasticsearch",
            Answer::Object("as Elasticsearch answers"),
        )
    },
    Operation {
        parameters: &[in_path("id", "the _id of a search result, percent-encoded")],
        refusals: &[304, 404, 405, 429, 503],
        ..look(
            "/v1/events/{id}",
            "event",
            "One event with all that was found in it",
            Answer::Object("_id, _index, _source"),
        )
    },
    Operation {
        parameters: &[in_path("id", "the _id of a search result, percent-encoded")],
        refusals: &[304, 404, 405, 429, 503],
        ..look("/v1/anomalies/{id}", "anomaly", "One anomaly record", Answer::Object("_id, _index, _source"))
    },
    Operation {
        parameters: &[
            query("format", r#"{"enum":["ndjson","csv"],"default":"ndjson"}"#, "how documents are written"),
            Q,
            FROM,
            TO,
            KIND,
            query("fields", TEXT, "the columns of a csv, with commas between"),
            query("size", r#"{"type":"integer","minimum":1,"maximum":1000000,"default":1000000}"#, "documents at most"),
        ],
        refusals: &[400, 405, 429, 503],
        ..look(
            "/v1/export",
            "export",
            "All that a search finds, as a file",
            Answer::Other(&["application/x-ndjson", "text/csv"], "a file, sent page by page"),
        )
    },
    look(
        "/v1/metrics",
        "metrics",
        "The metrics that are counted, as they are declared",
        Answer::Object("metrics: MetricDeclaration of each"),
    ),
    Operation {
        parameters: &[
            Parameter { required: true, ..query("metric", METRIC, "the name of a metric") },
            query("entity", TEXT, "whose series; not for a metric that has one in all"),
            FROM,
            TO,
        ],
        refusals: &[400, 405, 429, 503],
        ..look(
            "/v1/series",
            "series",
            "One series with what was expected, and its usual band",
            Answer::Schema("Series"),
        )
    },
    Operation {
        parameters: &[
            Parameter {
                required: true,
                ..query("end", r#"{"type":"string","format":"date-time"}"#, "when the day of traffic ends")
            },
            query("skip", COUNT, "events of the day before the first one"),
            query("size", r#"{"type":"integer","minimum":0,"maximum":5000,"default":1000}"#, "how many events"),
        ],
        refusals: &[400, 405],
        ..look(
            "/v1/simulated",
            "simulated",
            "Made-up traffic with attacks in it, to be sent to /v1/events",
            Answer::List("events as a shipper would send them"),
        )
    },
    look("/v1/doctor", "doctor", "How good the features are that events bring, by dialect", Answer::Object("dialects")),
    Operation {
        parameters: &[
            REASON,
            SOURCE,
            SINCE,
            UNTIL,
            AFTER,
            UP_TO,
            query("size", r#"{"type":"integer","minimum":1,"maximum":1000,"default":50}"#, "letters of a page"),
        ],
        refusals: &[400, 405, 429, 503],
        problem: false,
        ..look(
            "/v1/dead-letters",
            "dead_letters",
            "What was refused, oldest first",
            Answer::Object("count, letters, next"),
        )
    },
    Operation {
        method: "DELETE",
        parameters: &[
            REASON,
            SOURCE,
            SINCE,
            UNTIL,
            AFTER,
            UP_TO,
            query("all", r#"{"type":"boolean"}"#, "all of them, where no filter is given"),
        ],
        refusals: &[400, 405, 409, 429, 503],
        problem: false,
        ..look("/v1/dead-letters", "delete_dead_letters", "Deletes dead letters unread", Answer::Object("deleted"))
    },
    Operation {
        parameters: &[REASON, SOURCE, SINCE, UNTIL, AFTER, UP_TO],
        refusals: &[400, 405, 429, 503],
        problem: false,
        ..look(
            "/v1/dead-letters/reasons",
            "dead_letter_reasons",
            "How many there are of each reason",
            Answer::Object("count by reason"),
        )
    },
    Operation {
        method: "POST",
        body: Some(
            r#"{"type":"object","properties":{"number":{"type":"integer","minimum":1},"dry_run":{"type":"boolean"},"reason":{"type":"string"},"source":{"type":"string"},"from":{"type":"string"},"to":{"type":"string"},"after":{"type":"integer","minimum":0},"up_to":{"type":"integer","minimum":0}},"additionalProperties":false}"#,
        ),
        refusals: &[400, 405, 408, 409, 413, 429, 503],
        problem: false,
        ..look(
            "/v1/dead-letters/redrive",
            "redrive",
            "Sends dead letters again",
            Answer::Object("what became of them, by count"),
        )
    },
    Operation {
        refusals: &[400, 405, 409, 503],
        ..look("/v1/models", "models", "Which models judge, and which could", STANDING)
    },
    Operation {
        parameters: &[in_path("name", "the model's name"), in_path("version", "its version")],
        refusals: &[400, 404, 405, 409, 422, 503],
        ..look(
            "/v1/models/{name}/{version}",
            "model",
            "One model with its card",
            Answer::Object("model, name, version, hash, card"),
        )
    },
    Operation {
        refusals: &[400, 405, 409],
        ..look(
            "/v1/models/drift",
            "drift",
            "How far inputs are from the training data",
            Answer::Object("features by stability index"),
        )
    },
    Operation {
        refusals: &[400, 405, 409],
        ..look("/v1/models/shadow", "shadow", "How the shadow compares", Answer::Object("shadow"))
    },
    Operation {
        method: "PUT",
        body: Some(MODEL),
        refusals: CHANGING,
        ..look("/v1/models/shadow", "begin_shadow", "Compares another model in the shadow", STANDING)
    },
    Operation {
        method: "DELETE",
        refusals: CHANGING,
        ..look("/v1/models/shadow", "end_shadow", "Ends the comparison", STANDING)
    },
    Operation {
        method: "POST",
        body: Some(MODEL),
        refusals: CHANGING,
        ..look("/v1/models/activate", "activate", "Lets another model judge, from the next batch on", STANDING)
    },
    Operation {
        method: "POST",
        refusals: CHANGING,
        ..look("/v1/models/rollback", "roll_back", "Lets the model before judge again", STANDING)
    },
];
