//! The index templates in the engine: installed where they are missing, older or made for other options, left alone where they
//! are not ours. What they should be stands in [`super::blueprints`].

use elasticsearch::http::Method;
use serde_json::Value;

use super::blueprints::{Blueprint, Dialect};
use super::client::Product;
use super::difference::{Change, differences};
use super::request::{Reply, Verb};
use super::settings::Retention;
use super::words::request_reason;
use super::{ElasticStore, NAME};
use crate::store::{Kind, StoreError};

/// A template as the engine has it, and what was done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateReport {
    /// Its name, such as `oversight-events`.
    pub name: String,
    /// What was found.
    pub found: TemplateState,
    /// Whether this program's was put in its place.
    pub installed: bool,
    /// Where one of ours is not as this program has it: what will be replaced, or what somebody has changed.
    pub changed: Vec<Change>,
    /// Why the engine keeps one of ours that was made for other options, such as a data stream that needs it.
    pub kept: Option<String>,
}

/// What was found in the place of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateState {
    /// Nothing.
    Missing,
    /// One of ours, of an earlier version: will be replaced.
    Older(u64),
    /// One of ours, of this version, for other options (data streams, a lifecycle policy): will be replaced.
    OtherOptions,
    /// One of ours, of this version (also if somebody changed it): stays.
    Current,
    /// One of ours, from a later version of this program: stays.
    Newer(u64),
    /// Somebody else's: stays, and documents get its mapping.
    Foreign,
}

impl TemplateState {
    /// Whether ours has to be installed.
    pub fn is_due(self) -> bool {
        matches!(self, Self::Missing | Self::Older(_) | Self::OtherOptions)
    }
}

/// What became of something of ours that was to be taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// What it is, such as `template`.
    pub what: &'static str,
    /// Its name.
    pub name: String,
    /// Why the engine keeps it; none where it is gone.
    pub kept: Option<String>,
}

impl ElasticStore {
    /// Compares the engine's templates with this program's, and installs those that are due unless it is a dry run.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] where the engine refuses us or the template, [`StoreError::Unreachable`] where it
    /// does not answer as it should.
    pub async fn templates(&self, dry_run: bool) -> Result<Vec<TemplateReport>, StoreError> {
        let product = self.product().await?;
        let lifecycle = self.names_policies_in_templates(product).await?;
        let mut reports = Vec::new();
        for blueprint in Blueprint::wanted(self.settings(), lifecycle) {
            let (found, changed) = self.found(&blueprint).await?;
            let due = found.is_due() && !dry_run;
            let done = if due { self.install(&blueprint, product).await } else { Ok(()) };
            let kept = match done {
                Ok(()) => None,
                // the one that is there does as well: an index of a day becomes a data stream, or the other way round
                Err(Refused::Template(reply)) if found == TemplateState::OtherOptions => Some(reply.reason),
                Err(Refused::Template(reply)) => return Err(reply.fault(&format!("template {}", blueprint.name))),
                Err(Refused::Request(fault)) => return Err(fault),
            };
            reports.push(TemplateReport {
                name: blueprint.name,
                found,
                installed: due && kept.is_none(),
                changed,
                kept,
            });
        }
        Ok(reports)
    }

    /// Takes the templates away that are ours, of whatever version, and says which were there. Indices, and what is in
    /// them, stay; so does a template that a data stream or somebody else's template needs.
    ///
    /// # Errors
    /// As [`ElasticStore::templates`].
    pub async fn remove_templates(&self) -> Result<Vec<Removal>, StoreError> {
        let mut removals = Vec::new();
        // those that refer to others first
        for blueprint in Blueprint::all(self.settings()).into_iter().rev() {
            let (found, _) = self.found(&blueprint).await?;
            if matches!(found, TemplateState::Missing | TemplateState::Foreign) {
                continue;
            }
            let reply = self.request(Verb::Delete, &blueprint.path(), None).await?;
            let kept = match reply.status {
                200 | 404 => None,
                400 | 409 => Some(reply.reason),
                _ => return Err(reply.fault(&format!("template {}", blueprint.name))),
            };
            removals.push(Removal { what: "template", name: blueprint.name, kept });
        }
        Ok(removals)
    }

    /// Asks who answers. Not every engine says so to everybody: none then.
    ///
    /// # Errors
    /// As [`ElasticStore::templates`]; also where something else than these engines answers.
    pub async fn product(&self) -> Result<Option<Product>, StoreError> {
        let answer = self.client.send(Method::Get, "", &[], None).await;
        let answer = answer.map_err(|fault| unreachable(fault.0))?;
        if answer.product.is_some() && answer.status != 401 {
            return Ok(answer.product);
        }
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        match answer.status {
            200 if body["version"]["distribution"] == "opensearch" => Ok(Some(Product::OpenSearch)),
            200 if body["tagline"] == "You Know, for Search" => Ok(Some(Product::Elasticsearch)),
            200 => Err(unreachable("what answers there is neither Elasticsearch nor OpenSearch".to_owned())),
            // a user who may only write documents does not see the root
            403 | 405 => Ok(None),
            400..=402 => Err(StoreError::Forbidden { store: NAME, reason: request_reason(&answer) }),
            _ => Err(unreachable(request_reason(&answer))),
        }
    }

    /// Whether indices are told their policy by a setting of theirs, as Elasticsearch's lifecycles want it; an engine
    /// without them refuses a template with that setting.
    async fn names_policies_in_templates(&self, product: Option<Product>) -> Result<bool, StoreError> {
        if self.settings().retention.is_none() || product == Some(Product::OpenSearch) {
            return Ok(false);
        }
        let policy = Retention::policy(&self.settings().index_prefix, Kind::Event);
        let reply = self.request(Verb::Get, &format!("_ilm/policy/{policy}"), None).await?;
        // who may not look is told so by an engine that has them
        Ok(matches!(reply.status, 200 | 403 | 404))
    }

    /// What is in its place, and where that differs.
    async fn found(&self, blueprint: &Blueprint) -> Result<(TemplateState, Vec<Change>), StoreError> {
        let reply = self.request(Verb::Get, &blueprint.path(), None).await?;
        match reply.status {
            200 => {
                let found = blueprint.within(&reply.body);
                let state = compare(found, blueprint);
                let told =
                    matches!(state, TemplateState::Current | TemplateState::Older(_) | TemplateState::OtherOptions);
                Ok((state, if told { changes(found, &blueprint.for_comparison(found)) } else { Vec::new() }))
            }
            404 => Ok((TemplateState::Missing, Vec::new())),
            _ => Err(reply.fault(&format!("template {}", blueprint.name))),
        }
    }

    async fn install(&self, blueprint: &Blueprint, product: Option<Product>) -> Result<(), Refused> {
        let mut refused = None;
        for dialect in Dialect::of(product) {
            let sent = self.request(Verb::Put, &blueprint.path(), Some(&dialect.said(blueprint))).await;
            let reply = sent.map_err(Refused::Request)?;
            match reply.status {
                200 => return Ok(()),
                400 => refused = Some(reply),
                _ => return Err(Refused::Request(reply.fault(&format!("template {}", blueprint.name)))),
            }
        }
        Err(Refused::Template(refused.expect("there is at least one dialect")))
    }
}

/// Why a template was not installed.
enum Refused {
    /// In no dialect is this template taken.
    Template(Reply),
    /// It has nothing to do with the template.
    Request(StoreError),
}

fn compare(found: &Value, blueprint: &Blueprint) -> TemplateState {
    let ours = &blueprint.template;
    if found["_meta"]["managed_by"] != ours["_meta"]["managed_by"] {
        return TemplateState::Foreign;
    }
    let version = |template: &Value| template["version"].as_u64().unwrap_or_default();
    match version(found) {
        there if there < version(ours) => TemplateState::Older(there),
        there if there > version(ours) => TemplateState::Newer(there),
        _ if has_other_options(found, blueprint) => TemplateState::OtherOptions,
        _ => TemplateState::Current,
    }
}

/// A policy that somebody else gave to a template of ours is a change of theirs, as long as we have none to give.
fn has_other_options(found: &Value, blueprint: &Blueprint) -> bool {
    let ours = &blueprint.template;
    let policy = |template: &Value| template["template"]["settings"]["index"]["lifecycle"]["name"].clone();
    let (there, wanted) = (policy(found), policy(ours));
    let policy_differs = if wanted.is_null() {
        blueprint.policy.as_deref() == there.as_str() && !there.is_null()
    } else {
        there != wanted
    };
    found["data_stream"].is_object() != ours["data_stream"].is_object() || policy_differs
}

/// Where what was found is not what was installed. Engines have settings that are asked for beyond the file, so only
/// fields count that are there and not ours.
fn changes(found: &Value, ours: &Value) -> Vec<Change> {
    let fields = "mappings.properties.";
    let mut changes = differences(&found["template"], &ours["template"], |place| place.starts_with(fields));
    for change in &mut changes {
        change.place = change.place.trim_start_matches(fields).to_owned();
    }
    let streams = |template: &Value| template["data_stream"].is_object().then(|| "yes".to_owned());
    if streams(found) != streams(ours) {
        changes.push(Change { place: "data_stream".to_owned(), found: streams(found), wanted: streams(ours) });
    }
    changes
}

fn unreachable(reason: String) -> StoreError {
    StoreError::Unreachable { store: NAME, reason }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::elasticsearch::{NodeUrl, Settings};

    fn blueprint(template: Value) -> Blueprint {
        let name = "oversight-events".to_owned();
        Blueprint { kind: Some(Kind::Event), policy: Some(name.clone()), name, template }
    }

    #[test]
    fn a_template_is_replaced_only_where_it_is_ours_and_older_or_for_other_options() {
        let ours = blueprint(json!({"version": 2, "_meta": {"managed_by": "oversight"}}));
        let found = |version: u64| json!({"version": version, "_meta": {"managed_by": "oversight"}});
        assert_eq!(compare(&found(1), &ours), TemplateState::Older(1));
        assert_eq!(compare(&found(2), &ours), TemplateState::Current);
        assert_eq!(compare(&found(3), &ours), TemplateState::Newer(3));
        assert_eq!(compare(&json!({"version": 1}), &ours), TemplateState::Foreign);
        assert_eq!(compare(&Value::Null, &ours), TemplateState::Foreign);
        let named = |policy: &str| {
            let mut template = found(2);
            template["template"]["settings"]["index"]["lifecycle"]["name"] = json!(policy);
            template
        };
        assert_eq!(
            compare(&named("oversight-events"), &ours),
            TemplateState::OtherOptions,
            "it is no longer asked for"
        );
        assert_eq!(compare(&named("theirs"), &ours), TemplateState::Current, "an operator's own stays");
        let with_policy = blueprint(named("oversight-events"));
        assert_eq!(compare(&named("theirs"), &with_policy), TemplateState::OtherOptions);
        let mut streaming = found(2);
        streaming["data_stream"] = json!({"hidden": false});
        assert_eq!(compare(&streaming, &ours), TemplateState::OtherOptions);
    }

    #[test]
    fn a_change_is_told_by_its_place_and_an_engines_own_form_is_none() {
        let settings = Settings::for_node(NodeUrl::parse("http://127.0.0.1:9200").expect("a url"));
        let ours = Blueprint::all(&settings)[0].template.clone();
        let mut found = ours.clone();
        found["template"]["settings"]["index"]["number_of_shards"] = json!("1");
        found["template"]["settings"]["index"]["mapping"]["total_fields"]["ignore_dynamic_beyond_limit"] =
            json!("true");
        found["template"]["mappings"]["subobjects"] = json!(false);
        assert_eq!(changes(&found, &ours), []);
        found["template"]["settings"]["index"]["refresh_interval"] = json!("1s");
        found["template"]["mappings"]["properties"]["tags"]["type"] = json!("text");
        found["template"]["mappings"]["properties"]["theirs"] = json!({"type": "long"});
        let told: Vec<String> = changes(&found, &ours).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "tags.type: text, ours: keyword",
                "settings.index.refresh_interval: 1s, ours: 5s",
                "theirs.type: long, ours: nothing"
            ]
        );
    }
}
