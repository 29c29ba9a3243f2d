//! The record of the models behind a table's predictions, printed where it cannot be stored.

use super::model;
use factord_core::counters::ModelRow;
use factord_quant::score::{Made, Record};
use std::path::Path;

/// A served model and its columns; if the daemon does not hand over its artifact, only name and
/// hash are known.
pub(super) fn by_served(row: &ModelRow, columns: &[&str], socket: &Path) -> Made {
    let columns: Vec<String> = columns.iter().map(|&column| column.to_owned()).collect();
    match model::served(&row.name, socket) {
        Ok((_, artifact)) => Made::by(&artifact, columns),
        Err(_) => Made::unread(&row.name, &row.kind.to_string(), &row.sha256, columns),
    }
}

/// Says on stderr which models made predictions, where the output has no place for it.
pub(super) fn say(output: &Path, models: &[Made]) {
    if !Record::has_place(output) {
        let models: Vec<String> = models.iter().map(Made::to_string).collect();
        super::say(format_args!("predictions of {}", models.join("; ")));
    }
}
