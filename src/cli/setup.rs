//! `oversight setup`: index templates into the engine, dashboards into Kibana or OpenSearch Dashboards.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use crate::app::configuration;
use crate::config::Config;
use crate::setup::{self, Dashboards, Presence, Site};
use crate::store::elasticsearch::{Credentials, NodeUrl, Secret, Settings};

use super::runtime;

/// What to set up, look at or take away.
#[derive(Debug, Args)]
pub struct SetupOptions {
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// The same, and fail where anything is missing, older, somebody else's or changed since
    #[arg(long)]
    check: bool,
    /// Take away what is ours, and nothing else; indices stay, and what is in them
    #[arg(long, conflicts_with_all = ["dry_run", "check"])]
    remove: bool,
    /// Kibana or OpenSearch Dashboards, for the dashboards; without it only the engine is set up
    #[arg(long, value_name = "URL")]
    dashboards: Option<String>,
    #[command(flatten)]
    access: DashboardsAccess,
}

/// How the dashboards are reached.
#[derive(Debug, Args)]
struct DashboardsAccess {
    /// The space of Kibana that they go to
    #[arg(long, value_name = "NAME", requires = "dashboards")]
    space: Option<String>,
    /// Who imports them; without it, whoever writes to the store
    #[arg(long, value_name = "NAME", requires_all = ["dashboards", "dashboards_password_file"])]
    dashboards_user: Option<String>,
    /// A file with the password
    #[arg(long, value_name = "FILE", requires = "dashboards_user")]
    dashboards_password_file: Option<PathBuf>,
    /// PEM file of the authority that signed its certificate; without it, the store's
    #[arg(long, value_name = "FILE", requires = "dashboards")]
    dashboards_ca_file: Option<PathBuf>,
}

/// Sets up, looks or removes, and says what was found and done.
pub fn setup(configuration: &Config, options: &SetupOptions) -> anyhow::Result<()> {
    let settings = configuration::elasticsearch(configuration)?;
    let dashboards = options.dashboards.as_ref().map(|url| options.access.open(url, &settings)).transpose()?;
    if dashboards.is_some() && !options.remove && !configuration.normalise.ecs_fields {
        println!("note: with normalise.ecs_fields: false the panels by address show only events that came as ECS");
    }
    runtime()?.block_on(async {
        if options.remove {
            return remove(settings, dashboards.as_ref()).await;
        }
        let looking = options.dry_run || options.check;
        let report = if looking { setup::plan(settings).await? } else { setup::apply(settings).await? };
        print!("{report}");
        let mut complete = report.is_as_installed();
        if let Some(dashboards) = &dashboards {
            let Presence { there, all } = dashboards.presence().await?;
            complete &= there == all;
            if looking {
                println!("dashboards: {there} of {all} objects are there");
            } else {
                let imported = dashboards.import().await?;
                println!("dashboards: {imported} objects imported, {there} of them over earlier ones");
                println!("open {}", dashboards.address());
            }
        }
        if options.check && !complete {
            bail!(
                "this is not as oversight sets it up (see above); what is missing or older, 'oversight setup' installs"
            );
        }
        Ok(())
    })
}

async fn remove(settings: Settings, dashboards: Option<&Dashboards>) -> anyhow::Result<()> {
    if let Some(dashboards) = dashboards {
        println!("dashboards: {} objects removed", dashboards.remove().await?);
    }
    let removed = setup::remove(settings).await?;
    for name in &removed {
        println!("template {name}: removed");
    }
    if removed.is_empty() {
        println!("there were no templates of ours");
    }
    Ok(())
}

impl DashboardsAccess {
    /// As the options say, and where they do not, as the store is reached.
    fn open(&self, url: &str, store: &Settings) -> anyhow::Result<Dashboards> {
        let credentials = match (&self.dashboards_user, &self.dashboards_password_file) {
            (Some(user), Some(file)) => Credentials::Basic {
                user: user.clone(),
                password: Secret::new(read(file)?.trim_end_matches(['\r', '\n'])),
            },
            _ => store.credentials.clone(),
        };
        let authorities = match &self.dashboards_ca_file {
            Some(file) => Some(read(file)?),
            None => store.authorities.clone(),
        };
        let index_prefix = store.index_prefix.clone();
        let site =
            Site { url: NodeUrl::parse(url)?, space: self.space.clone(), credentials, authorities, index_prefix };
        Ok(Dashboards::new(&site)?)
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}
