//! `factord model`: explains models, changes which version serves a name, and has the daemon read
//! its models again.

pub(super) mod asked;
mod canary;
mod diff;
mod shadow;
mod shares;
mod split;
pub(super) mod versions;
pub(super) mod view;

use super::{Failure, Globals, print};
use crate::exit::Code;
use canary::CanaryArgs;
use diff::DiffArgs;
use factord_core::channel::{self, CommandError};
use factord_core::counters::{ModelRow, Observer};
use factord_models::catalogue::{self, LoadedModel};
use factord_models::file::{Artifact, name_is_sound};
use factord_models::store;
use shadow::ShadowArgs;
use split::SplitArgs;
use std::path::{Path, PathBuf};
use versions::{HistoryArgs, ListArgs, NameArgs, PinArgs, PromoteArgs, PublishArgs};

const SHOW_EXAMPLES: &str = "\
Examples:
  factord model show regression                      a built-in model
  factord model show models/classification.fmodel a file; pickles and ONNX models are imported
  factord model show spread --models /etc/factord/models
  factord model show spread@3f5a --models /var/lib/factord/store
  factord model show regression --served             what the running daemon answers with
  factord model show regression --json | jq .metrics";

const STORE_EXAMPLES: &str = "\
Examples, with FACTORD_MODELS=/var/lib/factord/store:
  factord model publish next-1m.fmodel --promote     a first version serves its name
  factord model publish next-1m.fmodel               a second one is known, and serves nothing yet
  factord model promote next-1m 3f5a                 it serves from now on, by the start of its hash
  factord model rollback next-1m                     the first one again
  factord model split next-1m 8c1e=179 3f5a=77       179 of 256 units to one, 77 to the other
  factord model history next-1m --at-time 2026-11-30T09:31:07.123Z

A store holds versions by their hash, one file that says what serves each name, and a ledger of
all changes, each line with the hash of the one before. A daemon that serves the store is told.
Without a store, the daemon at --socket is asked to publish, promote, split, roll back, pin or
withdraw: it changes its own store, for users who may publish.";

const PILOT_EXAMPLES: &str = "\
Examples, with FACTORD_MODELS=/var/lib/factord/store:
  factord model shadow next-1m 3f5a                  scored on every request, answers none
  factord model shadow next-1m 3f5a --off
  factord model canary next-1m 3f5a --steps 13,64,256 --hold 10000 --guard error=0.001 \\
    --guard divergence=0.1                           5 %, 25 %, all, 10,000 of its answers each
  factord model canary next-1m 3f5a --steps 1,256 --hold 600s --guard error=0
  factord model rollback next-1m                     ends a canary by what served before it

`factord pilot` scores shadows, takes steps and rolls back. Guards: error, the share of requests
that the candidate refuses and the champion answers; out-of-range, the share of inputs outside the
range of the candidate's training; divergence, the mean absolute difference from the champion, in
the unit of the output; classes, the share of classes that are not the champion's.";

const RELOAD_EXAMPLES: &str = "\
Examples:
  factord model reload                               all that are in the daemon's directory
  factord model reload 600519.SH.next-1m             one of them, from the file it came from

The daemon checks every model before it adopts any. When one is refused, the old ones stay.";

/// The flags of `factord model`.
#[derive(Debug, clap::Args)]
pub struct ModelArgs {
    /// What to do
    #[command(subcommand)]
    command: ModelCommand,
}

/// What can be done with models.
#[derive(Debug, clap::Subcommand)]
enum ModelCommand {
    /// Explain a model: features, weights, statistics, report, formula
    Show(ShowArgs),
    /// Tell where two models differ: parameters, statistics, settings, report
    Diff(DiffArgs),
    /// List what a store serves
    #[command(after_help = STORE_EXAMPLES)]
    List(ListArgs),
    /// Add versions to a store
    #[command(after_help = STORE_EXAMPLES)]
    Publish(PublishArgs),
    /// Have a version serve its name, alone
    #[command(after_help = STORE_EXAMPLES)]
    Promote(PromoteArgs),
    /// Divide a name's requests among versions, an experiment, or change their shares
    #[command(after_help = STORE_EXAMPLES)]
    Split(SplitArgs),
    /// Have a version scored beside what serves a name, answering nobody, or no more
    #[command(after_help = PILOT_EXAMPLES)]
    Shadow(ShadowArgs),
    /// Give a candidate a name's requests step by step, as long as guards allow it
    #[command(after_help = PILOT_EXAMPLES)]
    Canary(CanaryArgs),
    /// Have what served a name before serve it again
    #[command(after_help = STORE_EXAMPLES)]
    Rollback(NameArgs),
    /// Refuse changes of a name until `--off`
    #[command(after_help = STORE_EXAMPLES)]
    Pin(PinArgs),
    /// Have nothing serve a name; its versions stay in the store
    #[command(after_help = STORE_EXAMPLES)]
    Withdraw(NameArgs),
    /// Tell which versions have served a name, when, and who changed that
    #[command(after_help = STORE_EXAMPLES)]
    History(HistoryArgs),
    /// Have the running daemon read its models again
    #[command(after_help = RELOAD_EXAMPLES)]
    Reload {
        /// Read the model of this name alone: the quick way to change one of thousands
        name: Option<String>,
    },
}

/// The flags of `factord model show`.
#[derive(Debug, clap::Args)]
#[command(after_help = SHOW_EXAMPLES)]
struct ShowArgs {
    /// An artifact, a pickle, an ONNX model, or the name of a model
    #[arg(value_name = "FILE|NAME")]
    model: PathBuf,
    /// Look the name up in a directory instead of among the built-in models
    #[arg(long, value_name = "DIR", conflicts_with = "served")]
    models: Option<PathBuf>,
    /// Ask the running daemon for the model of that name
    #[arg(long)]
    served: bool,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

/// Runs one of the sub-commands.
///
/// # Errors
///
/// [`Failure`] when the model is not found or not sound, or the daemon does not answer.
pub fn run(args: &ModelArgs, globals: &Globals) -> Result<(), Failure> {
    match &args.command {
        ModelCommand::Show(args) => show(args, globals),
        ModelCommand::Diff(args) => diff::diff(args),
        ModelCommand::List(args) => versions::list(args, globals),
        ModelCommand::Publish(args) => versions::publish(args, globals),
        ModelCommand::Promote(args) => versions::promote(args, globals),
        ModelCommand::Split(args) => split::split(args, globals),
        ModelCommand::Shadow(args) => shadow::shadow(args, globals),
        ModelCommand::Canary(args) => canary::canary(args, globals),
        ModelCommand::Rollback(args) => versions::rollback(args, globals),
        ModelCommand::Pin(args) => versions::pin(args, globals),
        ModelCommand::Withdraw(args) => versions::withdraw(args, globals),
        ModelCommand::History(args) => versions::history(args, globals),
        ModelCommand::Reload { name } => {
            let socket = socket(globals)?;
            let adopted = match name {
                Some(name) if name_is_sound(name) => channel::reload_one(&socket, name)?,
                Some(name) => {
                    let message = format!("no model can be named {name:?}");
                    return Err(Failure::new(Code::Usage, message));
                }
                None => channel::reload(&socket)?,
            };
            print(format_args!("{}\n", adopted.trim_end()))
        }
    }
}

fn show(args: &ShowArgs, globals: &Globals) -> Result<(), Failure> {
    let Found { origin, artifact, shares } = find(args, globals)?;
    if args.json {
        let mut json = view::full_json(&artifact);
        json["origin"] = origin.into();
        json["split"] = shares::list_json(&shares);
        return print(format_args!("{json}\n"));
    }
    print(view::explain(&artifact, &origin))?;
    if shares.is_empty() { Ok(()) } else { print(shares::page(&shares)) }
}

fn find(args: &ShowArgs, globals: &Globals) -> Result<Found, Failure> {
    if args.served {
        let name = args.model.to_str().unwrap_or_default();
        let (origin, artifact, row) = served_row(name, &socket(globals)?)?;
        return Ok(Found { origin, artifact, shares: shares::of_row(&row) });
    }
    named(&args.model, args.models.as_deref())
}

/// A model that was looked up.
pub(super) struct Found {
    /// Where it came from.
    origin: String,
    /// The model, or the champion of a name that is divided.
    pub(super) artifact: Artifact,
    /// The versions that share its requests, itself first, by their hashes' first digits; empty
    /// where it gets all of them.
    shares: Vec<(String, u16)>,
}

/// A name is looked up in the directory, if there is one, and NAME@VERSION in a store; else a file
/// of that path comes first, then a built-in model.
pub(super) fn named(model: &Path, directory: Option<&Path>) -> Result<Found, Failure> {
    let alone = |(origin, artifact)| Found { origin, artifact, shares: Vec::new() };
    let name = model.to_str().unwrap_or_default();
    if let Some(directory) = directory {
        if let Some((name, version)) = name.split_once('@') {
            let objects = store::objects(directory)?;
            let version = store::version(&objects, name, version)?;
            let origin = objects.path(&version).display().to_string();
            return Ok(alone((origin, objects.read(&version)?.0)));
        }
        let models = catalogue::load_dir(directory)?;
        return pick(models, name, &directory.display().to_string());
    }
    let is_name = name_is_sound(name);
    if model.exists() || !is_name || model.extension().is_some() {
        return Ok(alone((model.display().to_string(), view::load(model)?)));
    }
    pick(catalogue::embedded(), name, "factord itself (and there is no such file)")
}

fn pick(models: Vec<LoadedModel>, name: &str, place: &str) -> Result<Found, Failure> {
    let names: Vec<String> =
        models.iter().map(|served| served.artifact.name().to_owned()).collect();
    match models.into_iter().find(|served| served.artifact.name() == name) {
        Some(served) => {
            let shares = shares::of_model(&served);
            Ok(Found { origin: served.origin, artifact: served.artifact, shares })
        }
        None => {
            let names = names.join(", ");
            let message = format!("no model {name:?} in {place}: there are {names}");
            Err(Failure::new(Code::NoInput, message))
        }
    }
}

/// Asks the daemon for the model of a name.
pub(super) fn served(name: &str, socket: &Path) -> Result<(String, Artifact), Failure> {
    let (origin, artifact, _) = served_row(name, socket)?;
    Ok((origin, artifact))
}

fn served_row(name: &str, socket: &Path) -> Result<(String, Artifact, ModelRow), Failure> {
    let observer = Observer::attach(Some(socket))?;
    let mut replaced = String::new();
    for _ in 0..ATTEMPT_COUNT {
        let rows = observer.models().map_err(|error| Failure::new(Code::Temporary, error))?;
        let Some(row) = rows.iter().find(|row| row.name == name) else {
            let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
            let names = names.join(", ");
            let message = format!("the daemon serves no model {name:?}: it has {names}");
            return Err(Failure::new(Code::NoInput, message));
        };
        let bytes = match channel::fetch_artifact(socket, row.fingerprint()) {
            Ok(bytes) => bytes,
            // It was replaced since the table was read.
            Err(CommandError::Failed(reason)) => {
                replaced = reason;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let artifact = Artifact::decode(&bytes)
            .map_err(|error| Failure::new(Code::Data, format!("model {name}: {error}")))?;
        return Ok((format!("served by {}", socket.display()), artifact, row.clone()));
    }
    Err(Failure::new(Code::Temporary, format!("{name} is being replaced: {replaced}; try again")))
}

/// How often a model is asked for that is being replaced.
const ATTEMPT_COUNT: usize = 3;

fn socket(globals: &Globals) -> Result<PathBuf, Failure> {
    Ok(channel::socket_path(globals.socket()?.as_deref()))
}
