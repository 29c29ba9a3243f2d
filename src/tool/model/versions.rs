//! The verbs of a store: which version serves a name, and which did.

use super::super::inspect::text::time;
use super::super::{Failure, Globals, print};
use super::{asked, shares, socket, view};
use crate::exit::Code;
use chrono::DateTime;
use factord_core::abi;
use factord_core::channel::{self, CommandError};
use factord_core::counters::{ModelRow, Observer, fingerprint};
use factord_models::file::Artifact;
use factord_models::store::{self, Change, Served, Store, Verb};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Which store.
#[derive(Debug, clap::Args)]
pub(super) struct At {
    /// The store, which a daemon serves with the same flag (FACTORD_MODELS, MODEL_DIR)
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
}

/// A store that is changed here, or the one of the daemon at the socket, which changes it itself.
pub(super) enum Place {
    Here(PathBuf),
    Daemon(PathBuf),
}

impl At {
    pub(super) fn root(&self, globals: &Globals) -> Result<PathBuf, Failure> {
        let (root, _) = globals.sources()?.models(self.models.clone())?;
        root.ok_or_else(|| {
            Failure::new(Code::Usage, "which store? Give --models DIR, or set FACTORD_MODELS")
        })
    }

    /// The store that is named, or the running daemon's.
    pub(super) fn place(&self, globals: &Globals) -> Result<Place, Failure> {
        let (root, _) = globals.sources()?.models(self.models.clone())?;
        root.map_or_else(|| Ok(Place::Daemon(socket(globals)?)), |root| Ok(Place::Here(root)))
    }
}

/// The flags of `factord model list`.
#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    at: At,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// The flags of `factord model publish`.
#[derive(Debug, clap::Args)]
pub(super) struct PublishArgs {
    /// Artifacts; pickles, ONNX models and LightGBM's text are imported
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Have each serve its name at once
    #[arg(long)]
    promote: bool,
    #[command(flatten)]
    at: At,
}

/// The flags of `factord model promote`.
#[derive(Debug, clap::Args)]
pub(super) struct PromoteArgs {
    /// The name
    name: String,
    /// How the version's hash begins
    version: String,
    #[command(flatten)]
    at: At,
}

/// The flags of verbs that need a name alone.
#[derive(Debug, clap::Args)]
pub(super) struct NameArgs {
    /// The name
    name: String,
    #[command(flatten)]
    at: At,
}

/// The flags of `factord model pin`.
#[derive(Debug, clap::Args)]
pub(super) struct PinArgs {
    /// The name
    name: String,
    /// Allow changes again
    #[arg(long)]
    off: bool,
    #[command(flatten)]
    at: At,
}

/// The flags of `factord model history`.
#[derive(Debug, clap::Args)]
pub(super) struct HistoryArgs {
    /// The name
    name: String,
    /// Which version served it then: a time such as 2026-11-30T09:31:07.123Z
    #[arg(long, value_name = "TIME")]
    at_time: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: At,
}

pub(super) fn list(args: &ListArgs, globals: &Globals) -> Result<(), Failure> {
    let root = args.at.root(globals)?;
    let (objects, deployment) = (store::objects(&root)?, store::deployment(&root)?);
    let mut all = store::versions(&objects)?;
    let mut rows = Vec::new();
    for (name, served) in &deployment.names {
        let (artifact, _) = objects.read(&served.champion)?;
        let versions = all.remove(name).unwrap_or_default();
        rows.push((name, served, artifact, versions));
    }
    if args.json {
        let names: Vec<Value> = rows
            .iter()
            .map(|(name, served, artifact, versions)| {
                json!({
                    "name": name, "champion": served.champion, "generation": served.generation,
                    "pinned": served.pinned, "kind": artifact.kind().name(),
                    "width": artifact.model().width(), "versions": versions,
                    "split": shares::json(served.champion, served.split.as_ref()),
                    "shadows": served.shadows, "canary": served.canary,
                })
            })
            .collect();
        let line = deployment.line;
        return print(format_args!("{}\n", json!({"ledger_line": line, "names": names})));
    }
    let mut page = String::new();
    for (name, served, artifact, versions) in &rows {
        let (kind, width) = (artifact.kind().name(), artifact.model().width());
        let pinned = if served.pinned { ", pinned" } else { "" };
        let _ = writeln!(
            page,
            "{name}  {}  generation {}{pinned}  {kind}, {width} wide, {} versions{}{}",
            shares::text(served.champion, served.split.as_ref()),
            served.generation,
            versions.len(),
            shares::shadows_text(&served.shadows),
            shares::canary_text(served.canary.as_ref()),
        );
    }
    if page.is_empty() {
        page += "nothing is served: `factord model publish FILE --promote` begins\n";
    }
    print(page)
}

pub(super) fn publish(args: &PublishArgs, globals: &Globals) -> Result<(), Failure> {
    let artifacts =
        args.files.iter().map(|file| view::load(file)).collect::<Result<Vec<_>, _>>()?;
    let root = match args.at.place(globals)? {
        Place::Here(root) => root,
        Place::Daemon(socket) => return asked::publish(&socket, &artifacts, args.promote),
    };
    publish_here(&root, &artifacts, args.promote, globals)
}

/// Adds artifacts to a store, and tells the daemon of those that serve their names.
pub(in crate::tool) fn publish_here(
    root: &Path,
    artifacts: &[Artifact],
    promote: bool,
    globals: &Globals,
) -> Result<(), Failure> {
    let mut promoted = Vec::new();
    {
        let mut store = Store::open_or_make(root)?;
        for artifact in artifacts {
            let (version, is_new) = store.publish(artifact)?;
            let known = if is_new { "" } else { ", which the store had" };
            print(format_args!("published {} {}{known}\n", artifact.name(), version.short()))?;
            if promote {
                promoted.push((artifact.name(), store.promote(version)?));
            }
        }
    }
    promoted.iter().try_for_each(|(name, served)| adopted(name, served, globals))
}

pub(super) fn promote(args: &PromoteArgs, globals: &Globals) -> Result<(), Failure> {
    let root = match args.at.place(globals)? {
        Place::Here(root) => root,
        Place::Daemon(socket) => {
            return asked::promote(&socket, &args.name, &args.version);
        }
    };
    let served = {
        let mut store = Store::open(&root)?;
        let version = store.version(&args.name, &args.version)?;
        store.promote(version)?
    };
    adopted(&args.name, &served, globals)
}

pub(super) fn rollback(args: &NameArgs, globals: &Globals) -> Result<(), Failure> {
    let root = match args.at.place(globals)? {
        Place::Here(root) => root,
        Place::Daemon(socket) => return asked::rollback(&socket, &args.name),
    };
    let served = Store::open(&root)?.rollback(&args.name)?;
    adopted(&args.name, &served, globals)
}

pub(super) fn pin(args: &PinArgs, globals: &Globals) -> Result<(), Failure> {
    let what = if args.off { "may be changed again" } else { "is pinned" };
    match args.at.place(globals)? {
        Place::Here(root) => {
            let served = Store::open(&root)?.pin(&args.name, !args.off)?;
            print(format_args!("{} {what}: {}\n", args.name, served.champion.short()))
        }
        Place::Daemon(socket) => {
            channel::pin(&socket, &args.name, !args.off)?;
            print(format_args!("{} {what}\n", args.name))
        }
    }
}

pub(super) fn withdraw(args: &NameArgs, globals: &Globals) -> Result<(), Failure> {
    let root = match args.at.place(globals)? {
        Place::Here(root) => root,
        Place::Daemon(socket) => return asked::withdraw(&socket, &args.name),
    };
    Store::open(&root)?.withdraw(&args.name)?;
    match channel::reload(&socket(globals)?) {
        Ok(_) => print(format_args!("withdrawn {}\n", args.name)),
        Err(error) => not_adopted(&format!("withdrawn {}", args.name), error),
    }
}

pub(super) fn history(args: &HistoryArgs, globals: &Globals) -> Result<(), Failure> {
    let root = args.at.root(globals)?;
    let changes = store::changes(&root, &args.name)?;
    if changes.is_empty() {
        let message = format!("nothing has ever served {:?} here", args.name);
        return Err(Failure::new(Code::NoInput, message));
    }
    match &args.at_time {
        Some(text) => served_at(&args.name, &changes, text, args.json),
        None => all_changes(&args.name, &changes, args.json),
    }
}

fn all_changes(name: &str, changes: &[Change], as_json: bool) -> Result<(), Failure> {
    if as_json {
        let changes: Vec<Value> = changes.iter().map(change_json).collect();
        return print(format_args!("{}\n", json!({"name": name, "changes": changes})));
    }
    let mut page = String::new();
    for change in changes {
        let served = |version| shares::text(version, change.split.as_ref());
        let version = change.champion.map_or("nothing".to_owned(), served);
        let serving = match (change.verb, change.serving_unix_ns) {
            // They change nothing that is served.
            (Verb::Pin | Verb::Unpin, _) => String::new(),
            (_, Some(ns)) => format!(", served from {}", moment(ns)),
            (_, None) => ", which no daemon has served".to_owned(),
        };
        let why = |reason: &String| format!(", because {reason}");
        let reason = change.reason.as_ref().map_or(String::new(), why);
        let _ = writeln!(
            page,
            "{}  line {}  {}  {version}{}  generation {}  by user {}{serving}{reason}",
            moment(change.at_unix_ns),
            change.line,
            verb(change),
            shares::shadows_text(&change.shadows),
            change.generation,
            change.uid,
        );
    }
    print(page)
}

fn served_at(name: &str, changes: &[Change], text: &str, as_json: bool) -> Result<(), Failure> {
    let refused = || {
        let message =
            format!("{text:?} is no time: write 2026-11-30T09:31:07.123Z, or with +08:00");
        Failure::new(Code::Usage, message)
    };
    let at = DateTime::parse_from_rfc3339(text).map_err(|_| refused())?;
    let at = at.timestamp_nanos_opt().and_then(|ns| u64::try_from(ns).ok()).ok_or_else(refused)?;
    // A change that came before it was adopted gave way to the next.
    let serving = |change: &&Change| change.serving_unix_ns.is_some_and(|from| from <= at);
    let served = changes.iter().rfind(serving);
    if as_json {
        let change = served.map(change_json);
        return print(format_args!("{}\n", json!({"name": name, "at": text, "served": change})));
    }
    match served {
        Some(Change {
            champion: Some(version),
            split,
            generation,
            serving_unix_ns: Some(from),
            ..
        }) => {
            let versions = match split {
                None => version.to_string(),
                Some(_) => shares::text(*version, split.as_ref()),
            };
            print(format_args!(
                "{name} was served by {versions}, generation {generation}, since {}\n",
                moment(*from)
            ))
        }
        _ => print(format_args!("no daemon had said by then that it serves {name}\n")),
    }
}

fn change_json(change: &Change) -> Value {
    json!({
        "line": change.line, "at_unix_ns": change.at_unix_ns, "uid": change.uid,
        "verb": change.verb, "champion": change.champion, "generation": change.generation,
        "serving_unix_ns": change.serving_unix_ns,
        "split": change.champion.map(|version| shares::json(version, change.split.as_ref())),
        "shadows": change.shadows, "canary": change.canary, "reason": change.reason,
    })
}

fn verb(change: &Change) -> String {
    json!(change.verb).as_str().unwrap_or_default().to_owned()
}

fn moment(unix_ns: u64) -> String {
    time(i64::try_from(unix_ns).unwrap_or(i64::MAX))
}

/// Has the daemon read a name again, and says what it serves.
pub(super) fn adopted(name: &str, served: &Served, globals: &Globals) -> Result<(), Failure> {
    let socket = socket(globals)?;
    let versions = shares::text(served.champion, served.split.as_ref());
    let what = format!("{name} {versions}, generation {}", served.generation);
    if let Err(error) = channel::reload_one(&socket, name) {
        return not_adopted(&what, error);
    }
    let rows = Observer::attach(Some(&socket))?.models();
    let rows = rows.map_err(|error| Failure::new(Code::Temporary, error))?;
    if !rows.iter().any(|row| row.name == name && is_in(served, row)) {
        let message = format!(
            "{what}: the store has it, but the daemon at {} serves another version: its models are \
             not of this store (--socket names another daemon)",
            socket.display()
        );
        return Err(Failure::new(Code::Failed, message));
    }
    print(format_args!("serving {what}\n"))
}

/// Whether a row of the model table has a deployment's versions and shares.
fn is_in(served: &Served, row: &ModelRow) -> bool {
    let (mut fingerprints, mut ends) = ([0; abi::ARM_COUNT_MAX - 1], abi::UNDIVIDED);
    if let Some(split) = &served.split {
        ends = abi::split(split.ends());
        for (place, arm) in fingerprints.iter_mut().zip(&split.arms) {
            *place = fingerprint(&arm.version.0);
        }
    }
    row.sha256 == served.champion.0 && row.arm_fingerprints == fingerprints && row.split == ends
}

/// The store has it; what of the daemon?
fn not_adopted(what: &str, error: CommandError) -> Result<(), Failure> {
    match error {
        CommandError::Attach(_) => print(format_args!(
            "{what}: no daemon was told ({error}); one that serves this store will\n"
        )),
        error => Err(Failure::from(error).about(format_args!("{what}: the store has it"))),
    }
}
