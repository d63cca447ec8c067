//! Makes an engine ready for oversight, as often as one likes: index templates, and dashboards.
//!
//! What is installed lies in `kibana/`. Nothing that somebody else made is touched, and no template of ours that is of this
//! version or a later one.

mod dashboards;

use std::fmt;

use crate::store::StoreError;
use crate::store::elasticsearch::{ElasticStore, Product, Settings, SettingsError, TemplateReport, TemplateState};

pub use dashboards::{Dashboards, DashboardsError, Presence, Site};

/// What was found and done, or would be done.
#[derive(Debug, Clone)]
pub struct Report {
    /// Which engine answers; none where it does not say so to this user.
    pub product: Option<Product>,
    /// Nothing was changed.
    pub dry_run: bool,
    /// Each template, in the order of installing.
    pub templates: Vec<TemplateReport>,
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

/// Takes away the templates that are ours; their names. Indices stay, and what is in them.
///
/// # Errors
/// As [`apply`]; also where somebody else's template is composed of one of ours.
pub async fn remove(settings: Settings) -> Result<Vec<String>, SetupError> {
    Ok(ElasticStore::new(settings)?.remove_templates().await?)
}

async fn run(settings: Settings, dry_run: bool) -> Result<Report, SetupError> {
    let store = ElasticStore::new(settings)?;
    let product = store.product().await?;
    let templates = store.templates(dry_run).await?;
    Ok(Report { product, dry_run, templates })
}

impl Report {
    /// Whether anything was, or would have to be, installed.
    pub fn has_changes(&self) -> bool {
        self.templates.iter().any(|template| template.found.is_due())
    }

    /// Whether every template is one of ours, of this version or a later one, and as it was installed.
    pub fn is_as_installed(&self) -> bool {
        let ours = |found| matches!(found, TemplateState::Current | TemplateState::Newer(_));
        self.templates.iter().all(|template| ours(template.found) && template.changed.is_empty())
    }
}

impl fmt::Display for Report {
    /// A line for the engine and one for each template.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let product = match self.product {
            Some(Product::Elasticsearch) => "Elasticsearch",
            Some(Product::OpenSearch) => "OpenSearch",
            None => "an engine that does not name itself to this user",
        };
        writeln!(f, "engine: {product}")?;
        for template in &self.templates {
            let done = match (template.found.is_due(), self.dry_run) {
                (true, true) => "would be installed",
                (true, false) => "installed",
                (false, _) => "left as it is",
            };
            let found = match template.found {
                TemplateState::Missing => "missing".to_owned(),
                TemplateState::Older(version) => format!("older, version {version}"),
                TemplateState::Current => "current".to_owned(),
                TemplateState::Newer(version) => format!("newer, version {version}"),
                TemplateState::Foreign => "not made by oversight: documents get its mapping".to_owned(),
            };
            writeln!(f, "template {}: {done} ({found})", template.name)?;
            for place in &template.changed {
                writeln!(f, "  changed since it was installed: {place}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_for_each_template_what_was_found_and_what_was_done() {
        let template = |name: &str, found, installed| TemplateReport {
            name: name.to_owned(),
            found,
            installed,
            changed: if found == TemplateState::Current { vec!["tags.type".to_owned()] } else { Vec::new() },
        };
        let report = Report {
            product: Some(Product::OpenSearch),
            dry_run: false,
            templates: vec![
                template("o-events", TemplateState::Older(1), true),
                template("o-anomalies", TemplateState::Foreign, false),
                template("o-common", TemplateState::Current, false),
            ],
        };
        assert!(report.has_changes());
        assert_eq!(
            report.to_string(),
            "engine: OpenSearch\ntemplate o-events: installed (older, version 1)\ntemplate o-anomalies: left as it is (not made by oversight: documents get its mapping)\ntemplate o-common: left as it is (current)\n  changed since it was installed: tags.type\n"
        );
        assert!(!report.is_as_installed());
    }
}
