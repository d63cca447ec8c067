//! The operations of the API as a page.

use std::fmt::Write;

use serde_json::Value;

use super::operations::{Answer, OPERATIONS, Operation};
use super::role;

const HEAD: &str = "# API

Every operation with the role that it takes ([security.md](security.md)); rendered by `oversight manual api` from the table in
`src/api/openapi/operations.rs`. `GET /v1/openapi.json` says the same for programs, with the schemas of what is answered. Events
come in by `POST /`, `/v1/events`, `/v1/enrich` (role `ingest`; objects, arrays, NDJSON; gzip, deflate, zstd) and by `_bulk`,
as Elasticsearch takes it ([clients.md](clients.md)). Nobody has to authenticate where nobody is named in `security`.

200 means done; beside the statuses that are named, 401 and 403 mean not admitted, 429 that too many wrong passwords came from there, and
503 that there is no place for another connection: these come before a path is looked at, as a plain JSON object. What else is wrong is told
as `application/problem+json` (RFC 9457) unless it says otherwise.
";

/// The page, in Markdown.
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    for operation in OPERATIONS {
        describe(&mut page, operation).expect("a string takes all");
    }
    page
}

fn describe(page: &mut String, operation: &Operation) -> std::fmt::Result {
    writeln!(page, "\n## {} {}\n\n{}.\n", operation.method, operation.path, operation.summary.trim_end_matches('.'))?;
    let role = match role(operation) {
        Value::String(role) => format!("`{role}`"),
        _ => "nobody in particular".to_owned(),
    };
    let statuses: Vec<String> = operation.refusals.iter().map(u16::to_string).collect();
    write!(page, "For {role}. Answers {}", answer(&operation.answer))?;
    writeln!(page, "{}.", if statuses.is_empty() { String::new() } else { format!("; else {}", statuses.join(", ")) })?;
    for status in operation.same {
        writeln!(page, "{status} comes with the same.")?;
    }
    if !operation.problem {
        writeln!(page, "What is wrong is told as a plain JSON object.")?;
    }
    if let Some(body) = operation.body {
        writeln!(page, "\nThe body: `{body}`")?;
    }
    if !operation.parameters.is_empty() {
        writeln!(page, "\n| parameter | in | allowed | meaning |\n| --- | --- | --- | --- |")?;
    }
    for parameter in operation.parameters {
        let place = if parameter.in_path { "path" } else { "query" };
        writeln!(page, "| `{}` | {place} | `{}` | {} |", parameter.name, parameter.schema, parameter.means)?;
    }
    Ok(())
}

fn answer(answer: &Answer) -> String {
    match answer {
        Answer::Schema(name) => format!("a `{name}`"),
        Answer::Object(means) => format!("an object: {means}"),
        Answer::List(means) => format!("a list: {means}"),
        Answer::Other(types, means) => format!("{} ({means})", types.join(" or ")),
    }
}
