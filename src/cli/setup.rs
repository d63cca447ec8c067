//! `oversight setup`: templates, lifecycles and rights into the engine, dashboards into Kibana or OpenSearch Dashboards.

use std::fs::{OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use crate::app::configuration;
use crate::config::Config;
use crate::setup::{self, Dashboards, Presence, Site};
use crate::store::elasticsearch::{Credentials, NodeUrl, Removal, Secret, Settings};

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
    /// Also make an API key with the least rights, and write it to FILE, readable by its owner only; `-` prints it. A file that is there is left as it is
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dry_run", "check", "remove"])]
    api_key: Option<PathBuf>,
    /// Who sets the engine up; without it, whoever writes to the store
    #[arg(long, value_name = "NAME", requires = "engine_password_file")]
    engine_user: Option<String>,
    /// A file with the password
    #[arg(long, value_name = "FILE", requires = "engine_user")]
    engine_password_file: Option<PathBuf>,
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
    let mut settings = configuration::elasticsearch(configuration)?;
    if let (Some(user), Some(file)) = (&options.engine_user, &options.engine_password_file) {
        settings.credentials = with_password(user, file)?;
    }
    let dashboards = options.dashboards.as_ref().map(|url| options.access.open(url, &settings)).transpose()?;
    if dashboards.is_some() && !options.remove && !configuration.normalise.ecs_fields {
        println!("note: with normalise.ecs_fields: false the panels by address show only events that came as ECS");
    }
    runtime()?.block_on(async {
        if options.remove {
            return remove(settings, dashboards.as_ref()).await;
        }
        let looking = options.dry_run || options.check;
        let report =
            if looking { setup::plan(settings.clone()).await? } else { setup::apply(settings.clone()).await? };
        print!("{report}");
        if let Some(file) = &options.api_key {
            keep_key(settings, file).await?;
        }
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
    let removals = setup::remove(settings).await?;
    for Removal { what, name, kept } in &removals {
        match kept {
            None => println!("{what} {name}: removed"),
            Some(reason) => println!("{what} {name}: kept, for the engine does not let go of it: {reason}"),
        }
    }
    if removals.is_empty() {
        println!("there was nothing of ours in the engine");
    }
    Ok(())
}

/// Has a key made where none is kept yet.
async fn keep_key(settings: Settings, file: &Path) -> anyhow::Result<()> {
    if file == Path::new("-") {
        println!("API key, told this once; for store.elasticsearch.api_key:\n{}", setup::api_key(settings).await?);
        return Ok(());
    }
    if file.metadata().is_ok_and(|metadata| metadata.len() > 0) {
        println!("API key: {} is there, and left as it is", file.display());
        return Ok(());
    }
    // opened before, so that no key is made that cannot be kept
    let opened = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(file);
    let mut opened = opened.with_context(|| file.display().to_string())?;
    // an empty one that was there may be open to others
    opened.set_permissions(Permissions::from_mode(0o600)).with_context(|| file.display().to_string())?;
    let key = setup::api_key(settings).await?;
    opened.write_all(key.as_bytes()).and_then(|()| opened.sync_all()).with_context(|| file.display().to_string())?;
    println!("API key: made, and written to {}", file.display());
    Ok(())
}

fn with_password(user: &str, file: &Path) -> anyhow::Result<Credentials> {
    let password = Secret::new(read(file)?.trim_end_matches(['\r', '\n']));
    Ok(Credentials::Basic { user: user.to_owned(), password })
}

impl DashboardsAccess {
    /// As the options say, and where they do not, as the store is reached.
    fn open(&self, url: &str, store: &Settings) -> anyhow::Result<Dashboards> {
        let credentials = match (&self.dashboards_user, &self.dashboards_password_file) {
            (Some(user), Some(file)) => with_password(user, file)?,
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
