//! The verbs of a store, asked of the daemon that serves it: its rights decide, and it changes the
//! store itself.

use super::super::{Failure, print};
use factord_core::channel::{self, Shares};
use factord_models::file::Artifact;
use factord_models::store::Digest;
use std::path::Path;

/// Has the daemon add artifacts.
pub(in crate::tool) fn publish(
    socket: &Path,
    artifacts: &[Artifact],
    promote: bool,
) -> Result<(), Failure> {
    for artifact in artifacts {
        let bytes = artifact.encode();
        let said = channel::publish(socket, &bytes, promote)?;
        print(format_args!("published {} {}\n", artifact.name(), Digest::of(&bytes).short()))?;
        serving(&said)?;
    }
    Ok(())
}

/// Has the daemon serve a version.
pub(super) fn promote(socket: &Path, name: &str, version: &str) -> Result<(), Failure> {
    serving(&channel::promote(socket, name, version)?)
}

/// Has the daemon serve what served before.
pub(super) fn rollback(socket: &Path, name: &str) -> Result<(), Failure> {
    serving(&channel::rollback(socket, name)?)
}

/// Has the daemon serve a name no more.
pub(super) fn withdraw(socket: &Path, name: &str) -> Result<(), Failure> {
    channel::withdraw(socket, name)?;
    print(format_args!("withdrawn {name}\n"))
}

/// Has the daemon divide the requests for a name.
pub(super) fn split(socket: &Path, name: &str, shares: &Shares) -> Result<(), Failure> {
    serving(&channel::split(socket, name, shares)?)
}

/// Prints what the daemon says that it serves.
fn serving(said: &str) -> Result<(), Failure> {
    said.lines().try_for_each(|line| print(format_args!("serving {line}\n")))
}
