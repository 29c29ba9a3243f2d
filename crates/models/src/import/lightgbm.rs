//! LightGBM's text format into a forest: regression and binary classification of numerical splits.
//!
//! A model's text is a head of `key=value` lines and a block of them a tree. Everything that
//! decides an answer is read; what only describes the training (gains, weights, counts) is skipped;
//! and whatever would make other answers than those of numerical splits is refused by name. Time
//! and memory are bounded by [`TEXT_LEN_MAX`] and by the limits of a forest.

mod error;
mod text;
mod tree;

pub use error::LightGbmError;

use super::{Import, ImportError, Options};
use crate::file::{Artifact, Details, TEXT_LEN_MAX as TEXT_BYTES_MAX};
use factord_eval::forest::{Builder, ForestError, Link};
use factord_eval::{FEATURE_COUNT_MAX, Model};
use text::{Block, Blocks};

/// The most bytes of a model's text.
// 256 MiB: a million leaves take some 100 MB with all that is said of them.
pub const TEXT_LEN_MAX: usize = 256 << 20;

/// Whether bytes start as a model's text does.
pub(super) fn is_lightgbm(bytes: &[u8]) -> bool {
    bytes.strip_prefix(b"tree").is_some_and(|rest| matches!(rest, [] | [b'\n' | b'\r', ..]))
}

/// What the head says.
struct Head {
    width: usize,
    link: Link,
    is_average: bool,
    names: Vec<String>,
    objective: String,
    version: String,
}

/// Imports the text of a model.
pub(super) fn import(bytes: &[u8], options: &Options<'_>) -> Result<Import, ImportError> {
    if bytes.len() > TEXT_LEN_MAX {
        return Err(LightGbmError::TooLong { found: bytes.len() }.into());
    }
    let text = str::from_utf8(bytes)
        .map_err(|error| LightGbmError::Utf8 { offset: error.valid_up_to() })?;
    let mut blocks = Blocks::new(text);
    let head = head(&blocks.head()?)?;
    let unsound = LightGbmError::Forest;
    let mut builder = Builder::new(head.width, head.link, head.is_average).map_err(unsound)?;
    let (mut count, mut nodes) = (0, Vec::new());
    while let Some(block) = blocks.tree(count)? {
        tree::read(count, &block, &mut nodes)?;
        builder.push(&nodes).map_err(unsound)?;
        count += 1;
    }
    let forest = builder.finish().map_err(unsound)?;
    let feature_names = names(&head, options)?;
    let note = format!("{} trees, {} nodes", forest.tree_count(), forest.node_count());
    let feature_stats = options.stats.map(|stats| stats.features(&feature_names)).transpose()?;
    let details = Details {
        name: options.name.or(options.fallback_name).unwrap_or("forest").to_owned(),
        feature_names,
        feature_stats: feature_stats.unwrap_or_default(),
        target_stats: options.stats.and_then(|stats| stats.target()),
        source: source(&head, &note, options.origin),
        ..Details::default()
    };
    let artifact = Artifact::new(Model::Forest(forest), details).map_err(ImportError::Artifact)?;
    Ok(Import { artifact, left_out: Vec::new(), notes: vec![note] })
}

fn head(block: &Block<'_>) -> Result<Head, LightGbmError> {
    let version = block.need("version")?.text;
    if !["v3", "v4"].contains(&version) {
        let what = format!("version {version}");
        return Err(block.refuse("version", what, "save the model with LightGBM 3 or 4"));
    }
    for (key, what) in
        [("num_class", "several classes"), ("num_tree_per_iteration", "several trees an iteration")]
    {
        let found = block.need(key)?.text;
        if found != "1" {
            let what = format!("{what} ({key}={found})");
            return Err(block.refuse(key, what, "train one model a class"));
        }
    }
    let last = block.number::<usize>("max_feature_idx")?;
    let width = last.saturating_add(1);
    if width > FEATURE_COUNT_MAX {
        return Err(ForestError::Width { found: width }.into());
    }
    let names = block.need("feature_names")?;
    // One more than there may be is enough to know.
    let names = names.text.split(' ').take(width + 1);
    let names: Vec<String> = names.map(str::to_owned).collect();
    if names.len() != width {
        let (key, found) = ("feature_names", names.len());
        return Err(LightGbmError::Length { place: block.place(key), key, found, expected: width });
    }
    let link = link(block)?;
    let objective = block.get("objective").map_or("", |entry| entry.text).to_owned();
    let is_average = block.get("average_output").is_some();
    Ok(Head { width, link, is_average, names, objective, version: version.to_owned() })
}

/// What the objective makes of the sum.
fn link(block: &Block<'_>) -> Result<Link, LightGbmError> {
    let instead = "train with the objective regression or binary, or predict the raw score and set \
                   `objective=regression` in the text";
    let Some(entry) = block.get("objective") else {
        return Err(block.refuse("objective", "no objective".to_owned(), instead));
    };
    let mut words = entry.text.split_ascii_whitespace();
    let name = words.next().unwrap_or_default();
    let (mut scale, mut is_known) = (None, true);
    for word in words {
        match word.split_once(':') {
            Some(("sigmoid", value)) if name == "binary" => {
                scale = value.parse::<f64>().ok().filter(|k| k.is_finite() && *k > 0.0);
                is_known &= scale.is_some();
            }
            // How it was trained, which decides no answer.
            Some(("alpha", _)) if ["quantile", "huber"].contains(&name) => {}
            _ => is_known = false,
        }
    }
    match (name, scale) {
        ("regression" | "regression_l1" | "huber" | "fair" | "quantile" | "mape", None)
            if is_known =>
        {
            Ok(Link::Identity)
        }
        ("cross_entropy", None) if is_known => Ok(Link::Sigmoid { scale: 1.0 }),
        ("binary", Some(scale)) if is_known => Ok(Link::Sigmoid { scale }),
        _ => Err(block.refuse("objective", format!("objective `{}`", entry.text), instead)),
    }
}

/// Where the model came from, as far as a text of an artifact may say it.
fn source(head: &Head, note: &str, origin: &str) -> String {
    let Head { version, objective, .. } = head;
    let mut source =
        format!("LightGBM text {version}, objective {objective}, {note}, from {origin}");
    let mut ends = (0..=source.len().min(TEXT_BYTES_MAX)).rev();
    let end = ends.find(|&end| source.is_char_boundary(end)).unwrap_or(0);
    source.truncate(end);
    source
}

/// The features' names: those that are given, or the text's own. LightGBM calls columns without
/// names `Column_0` and so on.
fn names(head: &Head, options: &Options<'_>) -> Result<Vec<String>, ImportError> {
    let Some(given) = options.features else { return Ok(head.names.clone()) };
    let is_made_up = |(index, name): (usize, &String)| *name == format!("Column_{index}");
    let is_free = head.names.iter().enumerate().all(is_made_up);
    if given.len() != head.width || !(is_free || given == head.names) {
        let reason = if given.len() == head.width {
            let pairs = given.iter().zip(&head.names);
            let differs = pairs.into_iter().find(|(given, own)| given != own);
            let (given, own) = differs.map_or(("", ""), |(given, own)| (given, own));
            format!("--features says {given:?} where the model says {own:?}: leave it out")
        } else {
            format!("--features has {} names for {} features", given.len(), head.width)
        };
        return Err(ImportError::Contradiction { reason });
    }
    Ok(given.to_vec())
}

#[cfg(test)]
#[path = "lightgbm/text_tests.rs"]
mod tests;
