//! Makes an engine ready for oversight, as often as one likes: index templates, lifecycle policies, a role and a key with the
//! least rights, and dashboards.
//!
//! What is installed lies in `kibana/`. Nothing that somebody else made is touched, and no template of ours that is of this
//! version or a later one. An index that is in use is never changed: templates and policies count for those that are made
//! after them.

mod dashboards;
mod fields;
mod item;
mod lifecycle;
mod rights;

use std::fmt;

use crate::store::StoreError;
use crate::store::elasticsearch::{
    ElasticStore, Product, Removal, Settings, SettingsError, TemplateReport, TemplateState,
};

pub use dashboards::{Dashboards, DashboardsError, Presence, Site};
pub use fields::reference as reference_of_fields;
pub use item::{Found, Item};

/// What was found and done, or would be done.
#[derive(Debug, Clone)]
pub struct Report {
    /// Which engine answers; none where it does not say so to this user.
    pub product: Option<Product>,
    /// Nothing was changed.
    pub dry_run: bool,
    /// Each template, in the order of installing.
    pub templates: Vec<TemplateReport>,
    /// Lifecycle policies and the role, as far as they are wanted or there.
    pub items: Vec<Item>,
}

/// Why an engine could not be made ready.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The settings of the store cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The engine does not answer, or refuses.
    #[error(transparent)]
    Engine(#[from] StoreError),
    /// A key was asked for where there are none.
    #[error(
        "this engine has no API keys (OpenSearch, or Elasticsearch without security): give a user of yours the role that \
         'oversight setup' makes, and its name and password in store.elasticsearch.username and .password"
    )]
    NoKeys,
}

/// Says what [`apply`] would do, and changes nothing.
///
/// # Errors
/// As [`apply`].
pub async fn plan(settings: Settings) -> Result<Report, SetupError> {
    run(settings, true).await
}

/// Installs what is missing or older than this program's; also where the store's settings leave it to an operator.
///
/// # Errors
/// [`SetupError::Settings`] where the settings cannot be used, [`SetupError::Engine`] where the engine does not answer
/// or refuses, for instance for want of the cluster privilege `manage_index_templates`. What was installed before the
/// fault stays.
pub async fn apply(settings: Settings) -> Result<Report, SetupError> {
    run(settings, false).await
}

/// Makes a key that may do what oversight needs and no more; in the form of `store.elasticsearch.api_key`. The engine tells
/// it this once.
///
/// # Errors
/// [`SetupError::NoKeys`] where there are none, and as [`apply`].
pub async fn api_key(settings: Settings) -> Result<String, SetupError> {
    let store = ElasticStore::new(settings)?;
    let product = store.product().await?;
    rights::make_key(&store, product).await
}

/// Takes away the templates, policies, role and keys that are ours, as far as the engine lets go of them; what was there.
/// Indices stay, and what is in them.
///
/// # Errors
/// As [`apply`].
pub async fn remove(settings: Settings) -> Result<Vec<Removal>, SetupError> {
    let store = ElasticStore::new(settings)?;
    let product = store.product().await?;
    let mut removals = store.remove_templates().await?;
    removals.extend(lifecycle::remove(&store, product).await?);
    // the key that asks may be among them
    removals.extend(rights::remove(&store, product).await?);
    Ok(removals)
}

async fn run(settings: Settings, dry_run: bool) -> Result<Report, SetupError> {
    let store = ElasticStore::new(settings)?;
    let product = store.product().await?;
    // a template names its policy, and has to find it
    let mut items = lifecycle::look_after(&store, product, dry_run).await?;
    let templates = store.templates(dry_run).await?;
    items.extend(rights::look_after(&store, product, dry_run).await?);
    Ok(Report { product, dry_run, templates, items })
}

impl Report {
    /// Whether anything was, or would have to be, installed.
    pub fn has_changes(&self) -> bool {
        self.templates.iter().any(|template| template.found.is_due()) || self.items.iter().any(Item::is_due)
    }

    /// Whether all of it is ours, of this version or a later one, and as it was installed.
    pub fn is_as_installed(&self) -> bool {
        let ours = |found| matches!(found, TemplateState::Current | TemplateState::Newer(_));
        self.templates.iter().all(|template| ours(template.found) && template.changed.is_empty())
            && self.items.iter().all(Item::is_as_installed)
    }
}

impl fmt::Display for Report {
    /// A line for the engine and one for each thing that is set up in it, with one more for each difference.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let product = match self.product {
            Some(Product::Elasticsearch) => "Elasticsearch",
            Some(Product::OpenSearch) => "OpenSearch",
            None => "an engine that does not name itself to this user",
        };
        writeln!(f, "engine: {product}")?;
        self.templates.iter().try_for_each(|template| self.write_template(f, template))?;
        self.items.iter().try_for_each(|item| write!(f, "{item}"))
    }
}

impl Report {
    fn write_template(&self, f: &mut fmt::Formatter<'_>, template: &TemplateReport) -> fmt::Result {
        let done = match (template.found.is_due(), self.dry_run) {
            (true, true) => "would be installed",
            (true, false) if template.installed => "installed",
            _ => "left as it is",
        };
        let found = match template.found {
            TemplateState::Missing => "missing".to_owned(),
            TemplateState::Older(version) => format!("older, version {version}"),
            TemplateState::OtherOptions => "made for other options".to_owned(),
            TemplateState::Current => "current".to_owned(),
            TemplateState::Newer(version) => format!("newer, version {version}"),
            TemplateState::Foreign => "not made by oversight: documents get its mapping".to_owned(),
        };
        writeln!(f, "template {}: {done} ({found})", template.name)?;
        let said = if template.found.is_due() { "there is" } else { "changed since it was installed:" };
        if let Some(reason) = &template.kept {
            writeln!(f, "  the engine keeps the one that is there: {reason}")?;
        }
        template.changed.iter().try_for_each(|change| writeln!(f, "  {said} {change}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::elasticsearch::Change;

    #[test]
    fn a_report_says_for_each_thing_what_was_found_and_what_was_done() {
        let change = Change { place: "tags.type".to_owned(), found: Some("text".to_owned()), wanted: None };
        let template = |name: &str, found, installed| TemplateReport {
            name: name.to_owned(),
            found,
            installed,
            changed: if found == TemplateState::Current { vec![change.clone()] } else { Vec::new() },
            kept: None,
        };
        let mut report = Report {
            product: Some(Product::OpenSearch),
            dry_run: false,
            templates: vec![
                template("o-events", TemplateState::Older(1), true),
                template("o-anomalies", TemplateState::Foreign, false),
                template("o-common", TemplateState::Current, false),
            ],
            items: vec![Item {
                what: "role",
                name: "o-writer".to_owned(),
                found: Found::Changed(vec![change.clone()]),
                done: true,
            }],
        };
        assert!(report.has_changes());
        assert_eq!(
            report.to_string(),
            "engine: OpenSearch\ntemplate o-events: installed (older, version 1)\ntemplate o-anomalies: left as it is (not made by oversight: documents get its mapping)\ntemplate o-common: left as it is (current)\n  changed since it was installed: tags.type: text, ours: nothing\nrole o-writer: put right (not as it should be)\n  tags.type: text, ours: nothing\n"
        );
        assert!(!report.is_as_installed());
        report.templates.clear();
        assert!(report.is_as_installed(), "it was put right");
        report.items[0].found = Found::Unavailable("there is none");
        report.items[0].done = false;
        assert!(!report.is_as_installed() && !report.has_changes());
    }
}
