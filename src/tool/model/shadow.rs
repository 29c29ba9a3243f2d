//! `factord model shadow`: versions that are scored beside what serves a name.

use super::super::{Failure, Globals, print};
use super::shares;
use super::versions::At;
use factord_models::store::Store;

/// The flags of `factord model shadow`.
#[derive(Debug, clap::Args)]
pub(super) struct ShadowArgs {
    /// The name
    name: String,
    /// How the version's hash begins
    version: String,
    /// Score it no more
    #[arg(long)]
    off: bool,
    #[command(flatten)]
    at: At,
}

pub(super) fn shadow(args: &ShadowArgs, globals: &Globals) -> Result<(), Failure> {
    let mut store = Store::open(&args.at.root(globals)?)?;
    let version = store.version(&args.name, &args.version)?;
    let served = store.shadow(&args.name, version, !args.off)?;
    let shadows = match shares::shadows_text(&served.shadows) {
        none if none.is_empty() => "  no shadows".to_owned(),
        some => some,
    };
    print(format_args!("{}  {}{shadows}\n", args.name, served.champion.short()))
}
