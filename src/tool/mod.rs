//! The sub-commands: one file each, all of them `run(...) -> Result<(), Failure>`.
//!
//! A sub-command prints what was asked for on stdout and what went wrong on stderr; it never
//! ends the process itself: the code travels in [`Failure`] to `main`.

pub mod audit;
pub mod bench;
pub mod check;
mod cli;
pub mod completions;
mod csv_targets;
pub mod evaluate;
mod factor_flags;
mod factor_warnings;
pub mod factors;
mod failure;
mod globals;
pub mod http;
pub mod import;
pub mod inspect;
mod made;
mod man;
pub mod model;
mod model_row;
pub mod pilot;
pub mod ping;
pub mod predict;
mod predict_csv;
pub mod record;
pub mod replay;
pub mod score;
pub mod serve;
pub mod simulate;
pub mod stat;
pub mod subscribe;
mod supervised;
pub mod train;
mod understood;

pub use cli::{Cli, Command, run};
use failure::say;
pub use failure::{Failure, escaped, print};
pub use globals::Globals;
