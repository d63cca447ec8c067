//! `oversight model`: the models there are, and which of them judges.
//!
//! What only reads works on the files, whether oversight runs or not. What changes which model judges is asked of the running
//! oversight, which exchanges it at once; where none runs, it counts from the next start on.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use crate::access::audit::Audit;
use crate::app::configuration;
use crate::classify;
use crate::classify::card::Card;
use crate::classify::import::{ImportError, Recipe};
use crate::clock::Clock;
use crate::config::{Config, Model};
use crate::models::{Judging, Keeper, Listed, ModelError, Shelf, Standing};
use crate::spool;

use super::captures;
use super::remote::RemoteOptions;
use super::{Output, OutputOption, by_hand, runtime};

/// What the record says of changes that were made without a running oversight.
const BY: &str = "command line";
/// Digits of a hash that a person compares.
const SHORT: usize = 12;

/// Looks at models and says which judges.
#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// The models that ship or were imported, and which of them judges
    List(OutputOption),
    /// One model: where it is from, what it learned, how good it is
    Show {
        /// NAME/VERSION, or builtin:NAME
        model: String,
        #[command(flatten)]
        output: OutputOption,
    },
    /// Copy a model folder (card.json and its weights) into the data folder, once everything in it is found right; or, with
    /// a recipe, make a model of a network from elsewhere
    Import {
        /// The folder, or the card.json in it; with --recipe a network: Keras HDF5, safetensors or TorchScript
        source: PathBuf,
        /// How the network is fed and what it answers: a YAML file (docs/own-models.md)
        #[arg(long, value_name = "FILE")]
        recipe: Option<PathBuf>,
        #[command(flatten)]
        output: OutputOption,
    },
    /// Let a model judge from now on; asks the running oversight to exchange it, which loses no event
    Activate {
        /// NAME/VERSION, or builtin:NAME
        model: String,
        #[command(flatten)]
        remote: RemoteOptions,
        #[command(flatten)]
        output: OutputOption,
    },
    /// Let the model judge that did before the one that does
    Rollback {
        #[command(flatten)]
        remote: RemoteOptions,
        #[command(flatten)]
        output: OutputOption,
    },
    /// Run a model beside the one that judges, to compare them; without MODEL, say how they compare
    Shadow {
        /// NAME/VERSION, or builtin:NAME
        model: Option<String>,
        /// End the comparison
        #[arg(long, conflicts_with = "model")]
        stop: bool,
        #[command(flatten)]
        remote: RemoteOptions,
        #[command(flatten)]
        output: OutputOption,
    },
    /// Read imported models to the last byte and say which are no longer what was imported
    Verify {
        /// NAME/VERSION; without it, all
        model: Option<String>,
        #[command(flatten)]
        output: OutputOption,
    },
}

/// What is to be changed.
enum Change<'a> {
    Activate(&'a str),
    Rollback,
    Shadow(&'a str),
    StopShadow,
}

impl Change<'_> {
    /// What a person would type for it.
    fn command(&self) -> &'static str {
        match self {
            Self::Activate(_) => "model activate",
            Self::Rollback => "model rollback",
            Self::Shadow(_) => "model shadow",
            Self::StopShadow => "model shadow --stop",
        }
    }
}

/// The recipe in a file; faults in it are those of a configuration.
fn load_recipe(file: &Path) -> anyhow::Result<Recipe> {
    Recipe::load(file).map_err(|fault| match fault {
        ImportError::Faults(faults) => anyhow::Error::new(faults),
        other => other.into(),
    })
}

/// Does what `command` asks for.
pub fn run(configuration: &Config, command: &ModelCommand) -> anyhow::Result<()> {
    classify::init_runtime();
    let shelf = Shelf::new(&configuration.data_dir);
    match command {
        ModelCommand::List(option) => list(configuration, &shelf, option.output),
        ModelCommand::Show { model, output } => show(&shelf, model, output.output),
        ModelCommand::Import { source, recipe, output } => {
            let imported = match recipe {
                None => shelf.import(source, &Clock::system())?,
                Some(recipe) => shelf.import_network(source, &load_recipe(recipe)?, &Clock::system())?,
            };
            match output.output {
                Output::Json => println!("{}", json!(imported)),
                Output::Text if imported.already => {
                    println!("{} is there already, with the same content", imported.model)
                }
                Output::Text => println!("{} was imported, BLAKE3 {}", imported.model, imported.hash),
            }
            Ok(())
        }
        ModelCommand::Activate { model, remote, output } => {
            change(configuration, remote, &Change::Activate(model), output.output)
        }
        ModelCommand::Rollback { remote, output } => change(configuration, remote, &Change::Rollback, output.output),
        ModelCommand::Shadow { model: Some(model), remote, output, .. } => {
            change(configuration, remote, &Change::Shadow(model), output.output)
        }
        ModelCommand::Shadow { stop: true, remote, output, .. } => {
            change(configuration, remote, &Change::StopShadow, output.output)
        }
        ModelCommand::Shadow { remote, .. } => {
            let told = runtime()?.block_on(remote.ask(configuration, Method::GET, "/v1/models/shadow", None))?;
            println!("{}", serde_json::to_string_pretty(&told)?);
            Ok(())
        }
        ModelCommand::Verify { model, output } => verify(&shelf, model.as_deref(), output.output),
    }
}

fn list(configuration: &Config, shelf: &Shelf, output: Output) -> anyhow::Result<()> {
    let listed = shelf.list()?;
    let Judging { active, shadow, notice } = configuration::configured_models(configuration).judging(shelf);
    if output == Output::Json {
        println!("{}", json!({"active": active, "shadow": shadow, "notice": notice, "models": listed}));
        return Ok(());
    }
    println!("{:<8} {:<32} {:<12} {:<SHORT$} imported", "", "model", "version", "BLAKE3");
    for Listed { model, version, hash, imported, fault, .. } in &listed {
        let role = match model {
            model if *model == active => "judges",
            model if shadow.as_ref() == Some(model) => "shadow",
            _ => "",
        };
        let hash = hash.as_ref().map_or("", |hash| &hash[..SHORT]);
        println!(
            "{role:<8} {:<32} {version:<12} {hash:<SHORT$} {}",
            model.to_string(),
            imported.as_deref().unwrap_or("ships")
        );
        if let Some(fault) = fault {
            println!("{:<8} cannot be activated: {fault}", "");
        }
    }
    if let Model::Folder(folder) = &active {
        println!("judges   {} (classify.model)", folder.display());
    }
    if let Some(notice) = notice {
        println!("{notice}");
    }
    Ok(())
}

fn show(shelf: &Shelf, text: &str, output: Output) -> anyhow::Result<()> {
    let model = shelf.named(text)?;
    let loaded = shelf.load(&model)?;
    let about = shelf.list()?.into_iter().find(|listed| listed.model == model);
    if output == Output::Json {
        let mut shown = json!(about);
        shown["card"] = json!(loaded.card());
        println!("{shown}");
        return Ok(());
    }
    let Card { name, version, description, labels, training, quality, drift, .. } = loaded.card();
    println!("{model}: {name} version {version}");
    println!("{description}");
    println!("BLAKE3    {}", loaded.info().hash);
    if let Some(imported) = about.and_then(|about| about.imported) {
        println!("imported  {imported}");
    }
    println!("classes   {}", labels.iter().map(|label| label.name.as_str()).collect::<Vec<_>>().join(", "));
    match training {
        Some(from) => {
            println!("learned   {} ({} records, {} of them distinct)", from.data, from.records, from.distinct)
        }
        None => println!("learned   from what, its card does not say"),
    }
    match quality.as_ref().map(|quality| &quality.whole.distinct) {
        Some(scores) => println!(
            "unseen    accuracy {:.4}, macro-F1 {:.4}, cost {:.4} on {} records",
            scores.accuracy, scores.macro_f1_all, scores.cost, scores.records
        ),
        None => println!("unseen    not measured: try `oversight evaluate classifier` before it counts"),
    }
    println!(
        "drift     {}",
        if drift.is_some() {
            "can be measured"
        } else {
            "cannot be measured: its card does not say how its training data lie"
        }
    );
    let captures = captures::table(loaded.card());
    if !captures.is_empty() {
        print!("\n{captures}");
    }
    Ok(())
}

fn verify(shelf: &Shelf, text: Option<&str>, output: Output) -> anyhow::Result<()> {
    let models: Vec<Model> = match text {
        Some(text) => vec![shelf.named(text)?],
        None => shelf.list()?.into_iter().map(|listed| listed.model).collect(),
    };
    let verified: Vec<(Model, Option<ModelError>)> =
        models.into_iter().map(|model| (model.clone(), shelf.load(&model).err())).collect();
    let fault = |fault: &Option<ModelError>| fault.as_ref().map(ToString::to_string);
    match output {
        Output::Json => {
            let shown: Vec<Value> =
                verified.iter().map(|(model, found)| json!({"model": model, "fault": fault(found)})).collect();
            println!("{}", json!({"models": shown}));
        }
        Output::Text => verified
            .iter()
            .for_each(|(model, found)| println!("{model}: {}", fault(found).as_deref().unwrap_or("whole"))),
    }
    let faulty = verified.iter().filter(|(_, fault)| fault.is_some()).count();
    if faulty > 0 {
        bail!("{faulty} of {} models cannot be used", verified.len());
    }
    Ok(())
}

/// Changes which models are in place, by the running oversight or, where none runs, by the record.
fn change(configuration: &Config, remote: &RemoteOptions, change: &Change<'_>, output: Output) -> anyhow::Result<()> {
    let running = remote.url.is_some() || spool::is_running(&configuration::spool(configuration).folder);
    let standing = if running { ask(configuration, remote, change)? } else { json!(here(configuration, change)?) };
    if output == Output::Json {
        println!("{standing}");
        return Ok(());
    }
    let named = |entry: &Value| {
        let text = |key: &str| entry[key].as_str().unwrap_or_default();
        format!("{} (version {}, BLAKE3 {})", text("model"), text("version"), text("hash"))
    };
    let since = if running { "from now on" } else { "from the next start on; no oversight runs on this data" };
    println!("{} judges {since}", named(&standing["active"]));
    if !standing["shadow"].is_null() {
        println!("{} is compared with it", named(&standing["shadow"]));
    }
    Ok(())
}

fn ask(configuration: &Config, remote: &RemoteOptions, change: &Change<'_>) -> anyhow::Result<Value> {
    let (method, path, model) = match change {
        Change::Activate(model) => (Method::POST, "/v1/models/activate", Some(model)),
        Change::Rollback => (Method::POST, "/v1/models/rollback", None),
        Change::Shadow(model) => (Method::PUT, "/v1/models/shadow", Some(model)),
        Change::StopShadow => (Method::DELETE, "/v1/models/shadow", None),
    };
    let body = model.map(|model| json!({"model": model}));
    runtime()?.block_on(remote.ask(configuration, method, path, body.as_ref()))
}

/// Nobody runs on this data: the record is written, as a running oversight would write it.
fn here(configuration: &Config, change: &Change<'_>) -> anyhow::Result<Standing> {
    let keeper = Keeper::open(&configuration::models(configuration), Audit::none(), Clock::system())?;
    by_hand::write_down(configuration, change.command())?;
    let named = |text: &str| keeper.shelf().named(text);
    Ok(match change {
        Change::Activate(model) => keeper.activate(&named(model)?, None, BY)?,
        Change::Rollback => keeper.roll_back(None)?,
        Change::Shadow(model) => keeper.shadow(Some(&named(model)?), None, BY)?,
        Change::StopShadow => keeper.shadow(None, None, BY)?,
    })
}
