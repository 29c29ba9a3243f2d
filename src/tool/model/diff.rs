//! Where two models differ.

use super::super::{Failure, print};
use super::view;
use crate::exit::Code;
use factord_models::store::{self, WEIGHT_SUM};
use serde_json::Value;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The flags of `factord model diff`.
#[derive(Debug, clap::Args)]
pub(super) struct DiffArgs {
    /// An artifact, another program's model, a name, or NAME@VERSION of a store
    #[arg(value_name = "FILE|NAME")]
    first: PathBuf,
    /// What to compare it with; without it, the further arms of a name that a store divides
    #[arg(value_name = "FILE|NAME")]
    second: Option<PathBuf>,
    /// Look names up in a directory or store instead of among the built-in models
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
}

/// Where two models differ, a line each.
pub(super) fn diff(args: &DiffArgs) -> Result<(), Failure> {
    let json = |model: &Path| -> Result<Value, Failure> {
        // A file of that path comes first.
        let directory = args.models.as_deref().filter(|_| !model.is_file());
        Ok(view::full_json(&super::named(model, directory)?.artifact))
    };
    let Some(second) = &args.second else {
        return diff_arms(args);
    };
    print(page(&json(&args.first)?, &json(second)?))
}

/// Where each further arm of a name differs from its champion.
fn diff_arms(args: &DiffArgs) -> Result<(), Failure> {
    let refused = || {
        let name = args.first.display();
        let message = format!(
            "what is {name} to be compared with? Give a second model, or --models STORE where \
             several versions share the requests for the name"
        );
        Failure::new(Code::Usage, message)
    };
    let directory = args.models.as_deref().ok_or_else(refused)?;
    let found = super::named(&args.first, Some(directory))?;
    let (champion, mut text) = (view::full_json(&found.artifact), String::new());
    for (version, weight) in found.shares.iter().skip(1) {
        let objects = store::objects(directory)?;
        let version = store::version(&objects, found.artifact.name(), version)?;
        let (arm, _) = objects.read(&version)?;
        let _ = writeln!(text, "{}, {weight} of {WEIGHT_SUM}:", version.short());
        text += &page(&champion, &view::full_json(&arm));
    }
    if text.is_empty() { Err(refused()) } else { print(text) }
}

fn page(first: &Value, second: &Value) -> String {
    let mut page = String::new();
    differences("", first, second, &mut |path, before, after| {
        let _ = writeln!(page, "{path}: {before} -> {after}");
    });
    if page.is_empty() {
        page += "no difference\n";
    }
    page
}

fn differences(
    path: &str,
    first: &Value,
    second: &Value,
    tell: &mut impl FnMut(&str, &Value, &Value),
) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (first, second) {
        (Value::Object(a), Value::Object(b)) => {
            let more = b.keys().filter(|key| !a.contains_key(*key));
            for key in a.keys().chain(more) {
                let of = |map: &serde_json::Map<String, Value>| map.get(key).cloned();
                let (a, b) = (of(a).unwrap_or_default(), of(b).unwrap_or_default());
                differences(&below(key), &a, &b, tell);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                differences(&below(&at.to_string()), a, b, tell);
            }
        }
        _ if first != second => tell(path, first, second),
        _ => {}
    }
}
