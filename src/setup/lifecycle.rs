//! Lifecycle policies: ILM in Elasticsearch, ISM in OpenSearch. They delete what is older than it is to be kept, and of data
//! streams they begin a new index each day; nothing else. Indices of days that have passed are neither frozen nor made
//! read-only, for an event that comes late still belongs there.
//!
//! A policy counts for indices that are made after it; those that are there stay under whatever they are under. Where
//! nothing is to be deleted any more, our policy is taken away.

use serde_json::{Value, json};

use super::SetupError;
use super::item::{Found, Item};
use crate::store::Kind;
use crate::store::elasticsearch::{ElasticStore, Product, Removal, Reply, Retention, Settings, Verb, differences};

const WHAT: &str = "lifecycle policy";
/// What the descriptions of our policies in OpenSearch begin with: they have no other place to say whose they are.
const OURS: &str = "managed by oversight";
/// Of data streams: an index is followed by another at this age, or
const NEXT_AFTER: &str = "1d";
/// at this size of a shard.
const NEXT_FROM: &str = "50gb";

/// Kinds of documents that have a policy.
const KINDS: [Kind; 3] = [Kind::Event, Kind::Anomaly, Kind::Health];

/// What manages lifecycles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manager {
    Ilm,
    Ism,
}

/// Compares the policies with the wanted ones, and puts them right unless it is a dry run.
pub(super) async fn look_after(
    store: &ElasticStore,
    product: Option<Product>,
    dry_run: bool,
) -> Result<Vec<Item>, SetupError> {
    let manager = Manager::of(product);
    let mut items = Vec::new();
    for kind in KINDS {
        let name = Retention::policy(&store.settings().index_prefix, kind);
        let wanted = store.settings().retention.of(kind).map(|days| manager.policy(store.settings(), kind, days));
        let reply = store.request(Verb::Get, &manager.path(&name), None).await?;
        let Some(found) = manager.judge(&name, &reply, wanted.as_ref())? else { continue };
        let mut item = Item { what: WHAT, name, found, done: false };
        if item.is_due() && !dry_run {
            item.done = manager.act(store, &item.name, &reply, wanted.as_ref()).await?;
        }
        items.push(item);
    }
    Ok(items)
}

/// Takes away the policies that are ours; an engine keeps one that an index is under.
pub(super) async fn remove(store: &ElasticStore, product: Option<Product>) -> Result<Vec<Removal>, SetupError> {
    let manager = Manager::of(product);
    let mut removals = Vec::new();
    for kind in KINDS {
        let name = Retention::policy(&store.settings().index_prefix, kind);
        let reply = store.request(Verb::Get, &manager.path(&name), None).await?;
        if reply.status == 200 && manager.is_ours(&name, &reply.body) {
            let gone = store.request(Verb::Delete, &manager.path(&name), None).await?;
            let kept = (!gone.is_fine() && gone.status != 404).then_some(gone.reason);
            removals.push(Removal { what: WHAT, name, kept });
        }
    }
    Ok(removals)
}

impl Manager {
    fn of(product: Option<Product>) -> Self {
        if product == Some(Product::OpenSearch) { Self::Ism } else { Self::Ilm }
    }

    fn path(self, name: &str) -> String {
        match self {
            Self::Ilm => format!("_ilm/policy/{name}"),
            Self::Ism => format!("_plugins/_ism/policies/{name}"),
        }
    }

    /// The policy within the answer to a request for it.
    fn within(self, name: &str, answer: &Value) -> Value {
        match self {
            Self::Ilm => answer[name]["policy"].clone(),
            Self::Ism => answer["policy"].clone(),
        }
    }

    fn is_ours(self, name: &str, answer: &Value) -> bool {
        let policy = self.within(name, answer);
        match self {
            Self::Ilm => policy["_meta"]["managed_by"] == "oversight",
            Self::Ism => policy["description"].as_str().is_some_and(|text| text.starts_with(OURS)),
        }
    }

    /// None where nothing is wanted and nothing is there.
    fn judge(self, name: &str, reply: &Reply, wanted: Option<&Value>) -> Result<Option<Found>, SetupError> {
        let found = match (reply.status, wanted) {
            (200, _) if !self.is_ours(name, &reply.body) => wanted.map(|_| Found::Foreign),
            (200, None) => Some(Found::Unwanted),
            (200, Some(wanted)) => {
                let changes = differences(&self.within(name, &reply.body), &wanted["policy"], |place| {
                    // what somebody lets happen beside it
                    place.starts_with("phases.") && !wanted["policy"]["phases"][second(place)].is_object()
                });
                Some(if changes.is_empty() { Found::Current } else { Found::Changed(changes) })
            }
            (_, None) => None,
            (404, Some(_)) => Some(Found::Missing),
            (403, Some(_)) => Some(Found::Hidden),
            (_, Some(_)) if reply.is_unheard_of() => Some(Found::Unavailable(match self {
                Self::Ilm => "this engine has no index lifecycle management; days stay until somebody deletes them",
                Self::Ism => "this engine has no index state management; days stay until somebody deletes them",
            })),
            (_, Some(_)) => return Err(reply.fault(&format!("{WHAT} {name}")).into()),
        };
        Ok(found)
    }

    /// Makes the policy, puts it right, or takes it away; whether that was done.
    async fn act(
        self,
        store: &ElasticStore,
        name: &str,
        there: &Reply,
        wanted: Option<&Value>,
    ) -> Result<bool, SetupError> {
        let path = self.path(name);
        let Some(wanted) = wanted else {
            // an index that is under it keeps it
            return Ok(store.request(Verb::Delete, &path, None).await?.is_fine());
        };
        let place = match (&there.body["_seq_no"], &there.body["_primary_term"]) {
            (Value::Number(number), Value::Number(term)) if self == Self::Ism && there.is_fine() => {
                format!("{path}?if_seq_no={number}&if_primary_term={term}")
            }
            _ => path,
        };
        let reply = store.request(Verb::Put, &place, Some(wanted)).await?;
        if reply.is_fine() { Ok(true) } else { Err(reply.fault(&format!("{WHAT} {name}")).into()) }
    }

    fn policy(self, settings: &Settings, kind: Kind, days: u32) -> Value {
        match self {
            Self::Ilm => ilm(settings.data_streams, days),
            Self::Ism => ism(settings, kind, days),
        }
    }
}

/// With every default written out that Elasticsearch would add.
fn ilm(streams: bool, days: u32) -> Value {
    let actions = if streams {
        json!({"rollover": {"max_age": NEXT_AFTER, "max_primary_shard_size": NEXT_FROM}})
    } else {
        json!({})
    };
    json!({"policy": {
        "_meta": {"managed_by": "oversight", "description": "Deletes what is older than it is to be kept."},
        "phases": {
            "hot": {"min_age": "0ms", "actions": actions},
            "delete": {"min_age": format!("{days}d"), "actions": {"delete": {"delete_searchable_snapshot": true}}},
        },
    }})
}

fn ism(settings: &Settings, kind: Kind, days: u32) -> Value {
    let prefix = settings.index_prefix.as_str();
    let mut patterns = vec![format!("{prefix}-{}-*", kind.word())];
    if let (Kind::Event, Some(threats)) = (kind, &settings.threat_index) {
        patterns.push(format!("{}-*", threats.as_str()));
    }
    let actions = if settings.data_streams {
        json!([{"rollover": {"min_index_age": NEXT_AFTER, "min_primary_shard_size": NEXT_FROM}}])
    } else {
        json!([])
    };
    json!({"policy": {
        "description": format!("{OURS}: deletes what is older than it is to be kept"),
        "default_state": "kept",
        "states": [
            {"name": "kept", "actions": actions,
             "transitions": [{"state_name": "gone", "conditions": {"min_index_age": format!("{days}d")}}]},
            {"name": "gone", "actions": [{"delete": {}}], "transitions": []},
        ],
        "ism_template": [{"index_patterns": patterns, "priority": 200}],
    }})
}

/// The second name of a place: `delete` in `phases.delete.min_age`.
fn second(place: &str) -> &str {
    place.split('.').nth(1).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::elasticsearch::{IndexPrefix, NodeUrl};

    fn settings() -> Settings {
        Settings::for_node(NodeUrl::parse("http://127.0.0.1:9200").expect("a url"))
    }

    fn reply(status: u16, body: Value) -> Reply {
        Reply { status, body, reason: String::new() }
    }

    #[test]
    fn a_policy_of_elasticsearch_is_compared_with_all_that_it_adds_by_itself() {
        let wanted = ilm(false, 30);
        let mut stored = wanted["policy"].clone();
        stored["phases"]["hot"]["actions"] = json!({});
        let there =
            |policy: &Value| json!({"oversight-events": {"version": 3, "modified_date": "x", "policy": policy}});
        let judge = |policy: &Value, wanted| {
            Manager::Ilm.judge("oversight-events", &reply(200, there(policy)), wanted).expect("judged")
        };
        assert_eq!(judge(&stored, Some(&wanted)), Some(Found::Current));
        assert_eq!(judge(&stored, None), Some(Found::Unwanted));
        let longer = ilm(false, 60);
        let Some(Found::Changed(changes)) = judge(&stored, Some(&longer)) else { panic!("it differs") };
        assert_eq!(changes[0].to_string(), "phases.delete.min_age: 30d, ours: 60d");
        stored["phases"]["frozen"] = json!({"min_age": "1d"});
        let Some(Found::Changed(changes)) = judge(&stored, Some(&wanted)) else { panic!("it differs") };
        assert_eq!(changes[0].to_string(), "phases.frozen.min_age: 1d, ours: nothing");
        stored["_meta"] = Value::Null;
        assert_eq!(judge(&stored, Some(&wanted)), Some(Found::Foreign));
        assert_eq!(judge(&stored, None), None);
    }

    #[test]
    fn a_policy_of_opensearch_is_compared_with_all_that_it_adds_by_itself() {
        let mut settings = settings();
        settings.data_streams = true;
        settings.threat_index = Some(IndexPrefix::new("threat").expect("valid"));
        let wanted = ism(&settings, Kind::Event, 30);
        let mut stored = wanted["policy"].clone();
        stored["policy_id"] = json!("oversight-events");
        stored["schema_version"] = json!(21);
        stored["error_notification"] = Value::Null;
        stored["states"][0]["actions"][0]["retry"] = json!({"count": 3, "backoff": "exponential", "delay": "1m"});
        stored["states"][0]["actions"][0]["rollover"]["copy_alias"] = json!(false);
        stored["states"][1]["actions"][0]["retry"] = json!({"count": 3, "backoff": "exponential", "delay": "1m"});
        stored["ism_template"][0]["last_updated_time"] = json!(1);
        let answer = json!({"_id": "oversight-events", "_seq_no": 4, "_primary_term": 1, "policy": stored});
        let judged = Manager::Ism.judge("oversight-events", &reply(200, answer), Some(&wanted)).expect("judged");
        assert_eq!(judged, Some(Found::Current));
        assert_eq!(wanted["policy"]["ism_template"][0]["index_patterns"], json!(["oversight-events-*", "threat-*"]));
    }

    #[test]
    fn an_engine_without_lifecycles_is_told_of_only_where_one_is_wanted() {
        let (unheard, forbidden) = (reply(400, Value::Null), reply(403, Value::Null));
        assert_eq!(Manager::Ilm.judge("x", &unheard, None).expect("judged"), None);
        assert_eq!(Manager::Ilm.judge("x", &forbidden, None).expect("judged"), None);
        let wanted = ilm(false, 1);
        let judged = Manager::Ilm.judge("x", &unheard, Some(&wanted)).expect("judged");
        assert!(matches!(judged, Some(Found::Unavailable(_))));
        assert_eq!(Manager::Ilm.judge("x", &forbidden, Some(&wanted)).expect("judged"), Some(Found::Hidden));
        assert!(Manager::Ilm.judge("x", &reply(401, Value::Null), Some(&wanted)).is_err());
    }
}
