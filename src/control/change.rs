//! Changes of the store that is served, asked for at the control socket: how a message reads, and
//! what the loader's thread does about it.

use crate::config::ModelSource;
use factord_core::channel::{MORE_WORDS, Shares, Verb, version_start};
use factord_core::sys::memory;
use factord_models::file::{Artifact, ArtifactError, name_is_sound};
use factord_models::store::{self, Arm, Salt, Store, StoreError};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use thiserror::Error;

/// The largest file that may be an artifact.
// 128 MiB: a payload has 64 MiB at most, and what is around it less.
const ARTIFACT_LEN_MAX: u64 = 128 << 20;

/// One change.
#[derive(Debug)]
pub enum Change {
    /// Adds the artifact in a memory file, and has it serve its name.
    Publish {
        /// The artifact.
        file: OwnedFd,
        /// Whether it serves its name.
        promote: bool,
    },
    /// Has a version serve a name.
    Promote {
        /// The name.
        name: String,
        /// How the version's hash begins.
        version: String,
    },
    /// Has what served a name before serve it again.
    Rollback(String),
    /// Refuses changes of a name, or allows them.
    Pin(String, bool),
    /// Has nothing serve a name any more.
    Withdraw(String),
    /// Divides the requests for a name.
    Split(String, Shares),
}

/// What a change calls for.
#[derive(Debug)]
pub(super) enum Done {
    /// Another version, or several, serve the name.
    Serves(String),
    /// Nothing serves the name; the line that says so.
    Withdrawn(String, u64),
    /// Nothing: what serves is what served.
    Nothing,
}

/// A change and who wants it.
#[derive(Debug)]
pub struct Wanted {
    /// What.
    pub change: Change,
    /// Whom the ledger names.
    pub uid: u32,
}

/// Why a store was not changed.
#[derive(Debug, Error)]
pub enum ChangeError {
    /// There is none.
    #[error(
        "the daemon serves no store of versions: start it with --models STORE, which \
         `factord model publish` makes"
    )]
    NoStore,
    /// A daemon serves something.
    #[error(
        "{0:?} is the only name that this daemon serves, and it does not serve none: stop it, then \
         `factord model withdraw {0} --models STORE`"
    )]
    LastName(String),
    /// The store's own reason.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What came along is no artifact.
    #[error("what was sent is no artifact: {0}")]
    Artifact(#[from] ArtifactError),
    /// What came along cannot be read, or could be changed meanwhile.
    #[error("the artifact that was sent cannot be read: {0}")]
    File(#[from] io::Error),
}

impl Change {
    /// Reads a message's words.
    pub(super) fn of(
        verb: Verb,
        (argument, more): (u64, [u64; MORE_WORDS]),
        name: &[u8],
        file: Option<OwnedFd>,
    ) -> Result<Change, &'static str> {
        if verb != Verb::Split && more != [0; MORE_WORDS] {
            return Err("the words behind the name are 0 with this verb");
        }
        let flag = || match argument {
            0 | 1 => Ok(argument == 1),
            _ => Err("the argument of this verb is 0 or 1"),
        };
        let name = || match text_of(name) {
            Some(name) if name_is_sound(name) => Ok(name.to_owned()),
            _ => Err("no model can have that name"),
        };
        match verb {
            Verb::Publish => {
                let file = file.ok_or("an artifact has to come along, in a frozen memory file")?;
                Ok(Change::Publish { file, promote: flag()? })
            }
            Verb::Promote => {
                let version = version_start(argument).ok_or("no hash begins with the argument")?;
                Ok(Change::Promote { name: name()?, version })
            }
            Verb::Rollback => Ok(Change::Rollback(name()?)),
            Verb::Pin => Ok(Change::Pin(name()?, flag()?)),
            Verb::Withdraw => Ok(Change::Withdraw(name()?)),
            Verb::Split => {
                let shares = Shares::from_words(argument, more);
                Ok(Change::Split(name()?, shares.ok_or("the words are no shares of versions")?))
            }
            Verb::Reload | Verb::Artifact | Verb::Image | Verb::Tap => Err("that changes nothing"),
        }
    }
}

/// The text that is padded with NUL.
pub(super) fn text_of(padded: &[u8]) -> Option<&str> {
    let len = padded.iter().position(|&byte| byte == 0).unwrap_or(padded.len());
    str::from_utf8(&padded[..len]).ok()
}

/// Changes the store; returns what that calls for.
pub(super) fn carry_out(source: &ModelSource, wanted: Wanted) -> Result<Done, ChangeError> {
    let ModelSource::Dir(root) = source else { return Err(ChangeError::NoStore) };
    if !store::is_store(root) {
        return Err(ChangeError::NoStore);
    }
    let open = || Store::open(root).map(|store| store.on_behalf_of(wanted.uid));
    match wanted.change {
        Change::Publish { file, promote } => {
            // Before the lock is taken: this takes longest.
            let artifact = Artifact::decode(&read(file)?)?;
            let mut store = open()?;
            let (version, _) = store.publish(&artifact)?;
            if promote {
                store.promote(version)?;
            }
            Ok(if promote { Done::Serves(artifact.name().to_owned()) } else { Done::Nothing })
        }
        Change::Promote { name, version } => {
            let mut store = open()?;
            let version = store.version(&name, &version)?;
            store.promote(version)?;
            Ok(Done::Serves(name))
        }
        Change::Rollback(name) => {
            open()?.rollback(&name)?;
            Ok(Done::Serves(name))
        }
        Change::Pin(name, pinned) => {
            open()?.pin(&name, pinned)?;
            Ok(Done::Nothing)
        }
        Change::Withdraw(name) => {
            let mut store = open()?;
            let names = &store.deployment().names;
            if names.len() == 1 && names.contains_key(&name) {
                return Err(ChangeError::LastName(name));
            }
            store.withdraw(&name)?;
            Ok(Done::Withdrawn(name, store.deployment().line))
        }
        Change::Split(name, Shares { arms, salt }) => {
            let mut store = open()?;
            let arm = |(start, weight): &(String, u16)| -> Result<Arm, StoreError> {
                Ok(Arm { version: store.version(&name, start)?, weight: *weight })
            };
            let arms = arms.iter().map(arm).collect::<Result<Vec<_>, _>>()?;
            store.split(&name, &arms, salt.map(Salt))?;
            Ok(Done::Serves(name))
        }
    }
}

/// Reads a memory file that nobody can change any more.
fn read(file: OwnedFd) -> io::Result<Vec<u8>> {
    let refused = |why| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    if !memory::is_frozen(file.as_fd()).unwrap_or(false) {
        return refused("it is no memory file that is closed to every writer");
    }
    let len = memory::len(file.as_fd())?;
    if len > ARTIFACT_LEN_MAX {
        return refused("it is larger than an artifact can be");
    }
    let mut bytes = vec![0; len as usize];
    File::from(file).read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use factord_core::channel::{MODEL_NAME_LEN, version_word};

    fn name(text: &str) -> [u8; MODEL_NAME_LEN] {
        let mut bytes = [0; MODEL_NAME_LEN];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        bytes
    }

    #[test]
    fn words_that_no_client_writes_are_refused() {
        let version = version_word("3f5a").unwrap();
        let none = [0; MORE_WORDS];
        let read = Change::of(Verb::Promote, (version, none), &name("spread"), None).unwrap();
        assert!(matches!(
            read,
            Change::Promote { name, version } if name == "spread" && version == "3f5a"
        ));
        let file = || memory::sealed_file("factord-test", b"none").ok();
        assert!(Change::of(Verb::Publish, (1, none), &name(""), file()).is_ok());
        assert!(Change::of(Verb::Withdraw, (0, none), &name("spread"), None).is_ok());
        let odd = [
            (Verb::Publish, 1, "", None),
            (Verb::Publish, 2, "", file()),
            (Verb::Promote, 0, "spread", None),
            (Verb::Promote, version | 0x100, "spread", None),
            (Verb::Promote, version, "", None),
            (Verb::Promote, version, "a/b", None),
            (Verb::Rollback, 0, "", None),
            (Verb::Pin, 2, "spread", None),
            (Verb::Withdraw, 0, "", None),
            (Verb::Reload, 0, "spread", None),
        ];
        for (verb, argument, text, file) in odd {
            let read = Change::of(verb, (argument, none), &name(text), file);
            assert!(read.is_err(), "{verb:?} {argument}");
            let more = [version, 0, 0, 0, 0, 0];
            let read = Change::of(verb, (argument, more), &name("spread"), None);
            assert!(read.is_err(), "{verb:?} {argument} with words that it does not have");
        }
    }

    #[test]
    fn words_that_are_no_shares_are_refused() {
        let start = |text| version_word(text).unwrap();
        let (one, two, weights) = (start("3f5a"), start("8c1e"), 77 << 16 | 179);
        let read =
            |argument, more| Change::of(Verb::Split, (argument, more), &name("spread"), None);
        let Change::Split(_, shares) = read(weights, [one, two, 0, 0, 5, 1]).unwrap() else {
            panic!("no division");
        };
        assert_eq!(shares.arms, [("3f5a".to_owned(), 179), ("8c1e".to_owned(), 77)]);
        assert_eq!(shares.salt, Some(5));
        let odd = [
            (weights, [one, 0, two, 0, 0, 0]),
            (weights, [one, 0, 0, 0, 0, 0]),
            (weights, [one, two | 0x100, 0, 0, 0, 0]),
            (weights, [one, two, 0, 0, 5, 0]),
            (weights, [one, two, 0, 0, 5, 2]),
            (u64::MAX, [one, two, 0, 0, 0, 0]),
        ];
        for (argument, more) in odd {
            assert!(read(argument, more).is_err(), "{argument:x} {more:x?}");
        }
    }
}
