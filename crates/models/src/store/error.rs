//! Why a store cannot be read or changed.

use super::Digest;
use crate::file::ArtifactFileError;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why a store cannot be read or changed; nothing has changed then.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The system refused.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// A folder is none.
    #[error(
        "{} is no store: `factord model publish FILE --store {}` makes one of an empty folder or a new \
         one",
        path.display(),
        path.display()
    )]
    NoStore {
        /// The folder.
        path: PathBuf,
    },
    /// Somebody else writes.
    #[error("{} is being changed by somebody else: try again", path.display())]
    Busy {
        /// The store.
        path: PathBuf,
    },
    /// A line of the ledger is not what stands before it calls for.
    #[error("{}, line {line}: {reason}: put back a copy of the store", path.display())]
    Ledger {
        /// The ledger.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The deployment cannot be honoured.
    #[error("{}: {reason}", path.display())]
    Deployment {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// An object's bytes are not those of its name.
    #[error(
        "{} holds bytes whose SHA-256 is {found}: put back a copy of it, or publish the artifact \
         again after removing the file",
        path.display()
    )]
    Object {
        /// The file.
        path: PathBuf,
        /// What it holds.
        found: Digest,
    },
    /// An object is not an artifact.
    #[error(transparent)]
    Artifact(#[from] ArtifactFileError),
    /// Answers could not tell two artifacts apart.
    #[error(
        "the artifact {new} and {old}, which the store has, begin with the same eight bytes: train \
         it again"
    )]
    SameFingerprint {
        /// The one to add.
        new: Digest,
        /// The one that is there.
        old: Digest,
    },
    /// No version, or more than one, has a hash that begins so.
    #[error("{count} versions of {name} have a hash that begins with {prefix:?}: {versions}")]
    Version {
        /// The name.
        name: String,
        /// What was asked for.
        prefix: String,
        /// How many have.
        count: usize,
        /// Those that there are.
        versions: String,
    },
    /// A name is not deployed.
    #[error("nothing serves {name:?}: `factord model list` shows what is served")]
    NotServed {
        /// The name.
        name: String,
    },
    /// A name is pinned.
    #[error("{name} is pinned to {champion}: `factord model pin {name} --off` first")]
    Pinned {
        /// The name.
        name: String,
        /// What serves it.
        champion: Digest,
    },
    /// Versions cannot share the requests for a name so.
    #[error("the requests for {name:?} cannot be divided so: {reason}")]
    Split {
        /// The name.
        name: String,
        /// Why not.
        reason: String,
    },
    /// Versions cannot be scored beside what serves a name.
    #[error("{name:?} cannot have these shadows: {reason}")]
    Shadows {
        /// The name.
        name: String,
        /// Why not.
        reason: String,
    },
    /// A candidate cannot get a name's requests step by step.
    #[error("{name:?} cannot have this canary: {reason}")]
    Canary {
        /// The name.
        name: String,
        /// Why not.
        reason: String,
    },
    /// A canary is under way.
    #[error(
        "a canary of {name} is under way, {candidate} for {weight} of 256: `factord model rollback \
         {name}` or `factord model promote` ends it"
    )]
    UnderWay {
        /// The name.
        name: String,
        /// The candidate.
        candidate: String,
        /// Its share, in 1/256.
        weight: u16,
    },
    /// What was to be changed was changed by somebody else.
    #[error("{name} was changed meanwhile: generation {expected} serves it no more")]
    Changed {
        /// The name.
        name: String,
        /// The generation that was to be changed.
        expected: u32,
    },
    /// There is nothing to go back to.
    #[error("{name} has had no version before {champion}")]
    NothingBefore {
        /// The name.
        name: String,
        /// What serves it.
        champion: Digest,
    },
    /// All rows are taken.
    #[error("{0} names are served, and no more can be: withdraw one")]
    Full(usize),
}

/// Says which file the system refused.
pub(super) fn at(path: &std::path::Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |error| StoreError::Io { path, error }
}
