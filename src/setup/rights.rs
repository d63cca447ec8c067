//! What oversight may do in the engine: a role with the least that it uses, and in Elasticsearch a key that may do no more.
//!
//! The role is for a user that somebody makes; a key carries the same rights by itself and needs no user.

use serde_json::{Value, json};

use super::SetupError;
use super::item::{Found, Item};
use crate::store::elasticsearch::{ElasticStore, Product, Removal, Reply, Settings, Verb, differences};

const WHAT: &str = "role";
const KEY: &str = "API key";
/// What the description of our role in OpenSearch begins with.
const OURS: &str = "managed by oversight";

/// Compares the role with the wanted one, and puts it right unless it is a dry run; none where the engine has no
/// security.
pub(super) async fn look_after(
    store: &ElasticStore,
    product: Option<Product>,
    dry_run: bool,
) -> Result<Option<Item>, SetupError> {
    let name = name(store.settings());
    let wanted = role(store.settings(), product);
    let path = path(product, &name);
    let reply = store.request(Verb::Get, &path, None).await?;
    let Some(found) = judge(&name, &reply, &wanted)? else { return Ok(None) };
    let mut item = Item { what: WHAT, name, found, done: false };
    if item.is_due() && !dry_run {
        let reply = store.request(Verb::Put, &path, Some(&wanted)).await?;
        match reply.status {
            200 | 201 => item.done = true,
            // who may look at roles and not make them has been told what is missing; templates do not depend on it
            403 => item.found = Found::Hidden,
            _ => return Err(reply.fault(&format!("{WHAT} {}", item.name)).into()),
        }
    }
    Ok(Some(item))
}

/// Makes a key that may do what oversight needs; in the form that is sent. It cannot be had a second time.
///
/// # Errors
/// Where the engine has no keys, or refuses.
pub(super) async fn make_key(store: &ElasticStore, product: Option<Product>) -> Result<String, SetupError> {
    if product == Some(Product::OpenSearch) {
        return Err(SetupError::NoKeys);
    }
    let name = name(store.settings());
    let mut rights = role(store.settings(), product);
    rights.as_object_mut().expect("a role is an object").remove("metadata");
    let body = json!({"name": name, "role_descriptors": {&name: rights}, "metadata": {"managed_by": "oversight"}});
    let reply = store.request(Verb::Post, "_security/api_key", Some(&body)).await?;
    match reply.body["encoded"].as_str() {
        Some(key) if reply.is_fine() => Ok(key.to_owned()),
        _ if reply.is_unheard_of() => Err(SetupError::NoKeys),
        _ => Err(reply.fault(&format!("{KEY} {name}")).into()),
    }
}

/// Takes away our role, and the keys that were made here.
pub(super) async fn remove(store: &ElasticStore, product: Option<Product>) -> Result<Vec<Removal>, SetupError> {
    let name = name(store.settings());
    let path = path(product, &name);
    let mut removals = Vec::new();
    let reply = store.request(Verb::Get, &path, None).await?;
    if reply.status == 200 && is_ours(&reply.body[&name]) {
        let gone = store.request(Verb::Delete, &path, None).await?;
        let kept = (!gone.is_fine() && gone.status != 404).then_some(gone.reason);
        removals.push(Removal { what: WHAT, name: name.clone(), kept });
    }
    if product != Some(Product::OpenSearch) {
        removals.extend(remove_keys(store, &name).await?);
    }
    Ok(removals)
}

async fn remove_keys(store: &ElasticStore, name: &str) -> Result<Option<Removal>, SetupError> {
    let reply = store.request(Verb::Get, &format!("_security/api_key?name={name}"), None).await?;
    let keys = reply.body["api_keys"].as_array().cloned().unwrap_or_default();
    let ours = keys.iter().filter(|key| key["metadata"]["managed_by"] == "oversight" && key["invalidated"] != true);
    let ids: Vec<&Value> = ours.map(|key| &key["id"]).collect();
    if !reply.is_fine() || ids.is_empty() {
        return Ok(None);
    }
    let gone = store.request(Verb::Delete, "_security/api_key", Some(&json!({ "ids": ids }))).await?;
    let kept = (!gone.is_fine()).then_some(gone.reason);
    Ok(Some(Removal { what: KEY, name: name.to_owned(), kept }))
}

/// `oversight-writer`
fn name(settings: &Settings) -> String {
    format!("{}-writer", settings.index_prefix.as_str())
}

fn path(product: Option<Product>, name: &str) -> String {
    match product {
        Some(Product::OpenSearch) => format!("_plugins/_security/api/roles/{name}"),
        _ => format!("_security/role/{name}"),
    }
}

fn is_ours(role: &Value) -> bool {
    let described = role["description"].as_str().is_some_and(|text| text.starts_with(OURS));
    role["metadata"]["managed_by"] == "oversight" || described
}

/// None where the engine has no security.
fn judge(name: &str, reply: &Reply, wanted: &Value) -> Result<Option<Found>, SetupError> {
    match reply.status {
        200 if !is_ours(&reply.body[name]) => Ok(Some(Found::Foreign)),
        200 => {
            let changes = differences(&reply.body[name], wanted, |place| {
                // rights on further indices; what an engine adds to ours by itself is none
                let further = ["indices.1.", "index_permissions.1."].iter().any(|start| place.starts_with(start));
                further || place.starts_with("applications.") || place.starts_with("run_as.")
            });
            Ok(Some(if changes.is_empty() { Found::Current } else { Found::Changed(changes) }))
        }
        404 => Ok(Some(Found::Missing)),
        403 => Ok(Some(Found::Hidden)),
        _ if reply.is_unheard_of() => Ok(None),
        _ => Err(reply.fault(&format!("{WHAT} {name}")).into()),
    }
}

/// The role as the engine wants it told: the rights to write documents, to search them, and to install templates where
/// that is done at the start. No document can be changed or deleted with it.
fn role(settings: &Settings, product: Option<Product>) -> Value {
    let mut names = vec![format!("{}-*", settings.index_prefix.as_str())];
    names.extend(settings.threat_index.as_ref().map(|threats| format!("{}-*", threats.as_str())));
    let templates = settings.install_templates;
    if product == Some(Product::OpenSearch) {
        let mut cluster = vec!["cluster_monitor", "indices:data/write/bulk", "indices:data/read/search"];
        if templates {
            cluster.extend(["indices:admin/index_template/*", "cluster:admin/component_template/*"]);
        }
        return json!({
            "description": format!("{OURS}: what oversight needs to write and search"),
            "cluster_permissions": cluster,
            "index_permissions": [{"index_patterns": names, "allowed_actions": [
                "create_index", "read", "indices:data/write/bulk*", "indices:data/write/index", "indices:admin/mapping/put"]}],
        });
    }
    let mut cluster = vec!["monitor"];
    if templates {
        cluster.push("manage_index_templates");
        if !settings.retention.is_none() {
            cluster.push("read_ilm");
        }
    }
    json!({
        "cluster": cluster,
        "indices": [{"names": names, "privileges": ["create_doc", "create_index", "auto_configure", "view_index_metadata", "read"]}],
        "metadata": {"managed_by": "oversight"},
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::elasticsearch::{NodeUrl, Retention};

    fn settings() -> Settings {
        Settings::for_node(NodeUrl::parse("http://127.0.0.1:9200").expect("a url"))
    }

    #[test]
    fn a_role_allows_only_what_the_options_need() {
        let mut settings = settings();
        let ask = |settings: &Settings| role(settings, Some(Product::Elasticsearch));
        assert_eq!(ask(&settings)["cluster"], json!(["monitor", "manage_index_templates"]));
        assert_eq!(ask(&settings)["indices"][0]["names"], json!(["oversight-*"]));
        settings.retention = Retention { events: Some(1), ..Retention::default() };
        assert_eq!(ask(&settings)["cluster"], json!(["monitor", "manage_index_templates", "read_ilm"]));
        settings.install_templates = false;
        assert_eq!(ask(&settings)["cluster"], json!(["monitor"]));
        let text = ask(&settings).to_string() + &role(&settings, Some(Product::OpenSearch)).to_string();
        assert!(!text.contains("delete") && !text.contains("\"all\"") && !text.contains("manage\""), "{text}");
    }

    #[test]
    fn rights_that_somebody_added_are_told_and_what_an_engine_adds_is_not() {
        let wanted = role(&settings(), None);
        let mut stored = wanted.clone();
        stored["indices"][0]["allow_restricted_indices"] = json!(false);
        stored["applications"] = json!([]);
        stored["run_as"] = json!([]);
        stored["transient_metadata"] = json!({"enabled": true});
        let judged = |stored: &Value| {
            let reply = Reply { status: 200, body: json!({"x": stored}), reason: String::new() };
            judge("x", &reply, &wanted).expect("judged").expect("there is security")
        };
        assert_eq!(judged(&stored), Found::Current);
        let further = json!({"names": ["*"], "privileges": ["all"]});
        stored["indices"].as_array_mut().expect("a list").push(further);
        stored["cluster"] = json!(["all"]);
        let Found::Changed(changes) = judged(&stored) else { panic!("it differs") };
        assert_eq!(changes.len(), 3, "{changes:?}");
        stored["metadata"] = json!({});
        assert_eq!(judged(&stored), Found::Foreign);
    }
}
