//! [`TrainError`]: why no models could be trained on a table.

use crate::table::{Place, TableError};
use factord_eval::ModelError;
use factord_factors::SettingsMismatch;
use factord_models::file::ArtifactError;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why training ended without models. Folds are counted from 1; the last training, on all rows,
/// has no number.
#[derive(Debug, Error)]
pub enum TrainError {
    /// What was asked for contradicts itself.
    #[error("{reason}")]
    Settings {
        /// What, and what to do.
        reason: String,
    },
    /// Two tables were made with different settings.
    #[error(
        "{}: {}: this table has {}, {} has {}: make one of them with the other's {}",
        second.display(), mismatch.name, mismatch.found, first.display(), mismatch.model,
        mismatch.flag()
    )]
    TablesDiffer {
        /// One table.
        first: PathBuf,
        /// Another.
        second: PathBuf,
        /// The setting that differs.
        mismatch: SettingsMismatch,
    },
    /// The tables were made with other settings than those of the model that is to be succeeded.
    #[error(
        "{}: the model `{parent}` was trained on {}, these tables have {}: make them with {} {}, \
         or train without --parent",
        mismatch.name, mismatch.model, mismatch.found, mismatch.flag(), mismatch.model
    )]
    ParentDiffers {
        /// The model's name.
        parent: String,
        /// The setting that differs.
        mismatch: SettingsMismatch,
    },
    /// A table cannot be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Rows of one symbol are not in the order of time.
    #[error(
        "{place}: column start_ns: time goes backwards for {symbol}, from {before} to {found}: \
         name the files in order of time, each once"
    )]
    Backwards {
        /// The row.
        place: Place,
        /// Its symbol.
        symbol: String,
        /// The start of the window before it.
        before: i64,
        /// Its start.
        found: i64,
    },
    /// A window ends before it starts.
    #[error("{place}: column end_ns: the window ends at {end}, before its start at {start}")]
    Window {
        /// The row.
        place: Place,
        /// Its start.
        start: i64,
        /// Its end.
        end: i64,
    },
    /// A number is missing or not finite, and the rows may not be dropped.
    #[error("{place}: column {name}: {value} is not a finite number, and --strict was given")]
    NotFinite {
        /// The row.
        place: Place,
        /// The column.
        name: String,
        /// The value.
        value: f64,
    },
    /// There are not enough rows.
    #[error("{}has {found} rows with all numbers and a target, {needed} are needed{}",
        training(*fold), if fold.is_some() { ": ask for fewer --folds" } else { "" })]
    TooFew {
        /// The fold whose training it is.
        fold: Option<usize>,
        /// What is there.
        found: u64,
        /// What is needed.
        needed: u64,
    },
    /// The target never moves.
    #[error("the target {name} is {value} in every row: there is nothing to learn")]
    ConstantTarget {
        /// Its column.
        name: String,
        /// Its value.
        value: f64,
    },
    /// Every row has the same label.
    #[error(
        "{}has only rows {side} the cut of {cut}: there is one class: choose another --cut, or \
         --only linear", training(*fold)
    )]
    OneClass {
        /// The fold whose training it is.
        fold: Option<usize>,
        /// `above` or `not above`.
        side: &'static str,
        /// Where the label was cut.
        cut: f64,
    },
    /// A plane separates the classes, so that weights grow without end.
    #[error(
        "{}has no finite weights for the classes without a penalty (they are linearly separable, \
         or features repeat each other): give --c a number", training(group_fold(*group))
    )]
    Separated {
        /// The group up to which the rows were trained on.
        group: u64,
    },
    /// The file that holds the rows could not be written or read.
    #[error("cannot keep the rows in a file in {}: {error}: choose another folder with --scratch",
        path.display())]
    Scratch {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// A fit is not a sound model.
    #[error("the {name} model is not sound: {error}")]
    Model {
        /// Its name.
        name: &'static str,
        /// What is wrong.
        error: ModelError,
    },
    /// A model is not a sound artifact.
    #[error("the {name} model cannot become an artifact: {error}")]
    Artifact {
        /// Its name.
        name: &'static str,
        /// What is wrong.
        error: ArtifactError,
    },
    /// An output could not be written.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
}

/// The group of the last training stands for no fold.
pub(super) const LAST_GROUP: u64 = 254;

fn group_fold(group: u64) -> Option<usize> {
    (group < LAST_GROUP).then_some(group as usize + 1)
}

fn training(fold: Option<usize>) -> String {
    match fold {
        Some(fold) => format!("the training of fold {fold} "),
        None => "the table ".to_owned(),
    }
}
