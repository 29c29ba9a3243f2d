//! What needs no channel: STATUS alone, and the control verbs. All of it waits for the daemon.

use super::connection::Heard;
use super::regions::{open_channels, open_status};
use super::{
    AttachError, COMMAND_DEADLINE, CommandError, Connection, HANDSHAKE_DEADLINE, MODEL_NAME_LEN,
    MORE_WORDS, Message, REPLY_LEN_MAX, Shares, Verb, socket_path, version_word,
};
use crate::abi;
use crate::counters::{ChannelsObserver, Observer};
use crate::region::View;
use crate::sys::{clock, memory};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// What a command says.
struct Said<'a> {
    verb: Verb,
    argument: u64,
    name: &'a str,
    more: [u64; MORE_WORDS],
}

impl<'a> Said<'a> {
    fn of(verb: Verb, name: &'a str) -> Said<'a> {
        Said { verb, argument: 0, name, more: [0; MORE_WORDS] }
    }
}

impl Connection {
    /// Carries out one control verb and returns what the daemon says.
    ///
    /// # Errors
    ///
    /// [`CommandError::Failed`] with the daemon's own words.
    pub fn command(&self, verb: Verb, argument: u64) -> Result<Vec<u8>, CommandError> {
        self.command_of(verb, argument, "")
    }

    /// The same of the model of a name; of a name that is too long, no more is sent than a name can
    /// have.
    ///
    /// # Errors
    ///
    /// As for [`Connection::command`].
    pub fn command_of(
        &self,
        verb: Verb,
        argument: u64,
        name: &str,
    ) -> Result<Vec<u8>, CommandError> {
        self.command_with(Said { argument, ..Said::of(verb, name) }, &[])
    }

    /// The same with all that a command can say, and files that go along.
    fn command_with(
        &self,
        said: Said<'_>,
        files: &[BorrowedFd<'_>],
    ) -> Result<Vec<u8>, CommandError> {
        self.send_command(said, files)?;
        let heard = self.receive(clock::end_of(COMMAND_DEADLINE), REPLY_STEP)?;
        self.reply_of(heard)
    }

    /// Asks for one control verb; the reply comes by [`Connection::take_file`].
    ///
    /// # Errors
    ///
    /// [`AttachError`].
    pub fn ask(&self, verb: Verb, argument: u64) -> Result<(), AttachError> {
        self.send_command(Said { argument, ..Said::of(verb, "") }, &[])
    }

    fn send_command(&self, said: Said<'_>, files: &[BorrowedFd<'_>]) -> Result<(), AttachError> {
        let Said { verb, argument, more, .. } = said;
        let mut name = [0; MODEL_NAME_LEN];
        name.iter_mut().zip(said.name.bytes()).for_each(|(byte, given)| *byte = given);
        let (abi, verb) = (abi::ABI_WORD, verb as u64);
        self.send_with(&Message::Command { abi, verb, argument, name, more }, files)
    }

    /// Takes the file that was asked for, if the reply is there.
    ///
    /// # Errors
    ///
    /// As for [`Connection::command`].
    pub fn take_file(&self) -> Result<Option<OwnedFd>, CommandError> {
        self.take(REPLY_STEP)?.map(|heard| self.file_of(heard)).transpose()
    }

    fn reply_of(&self, heard: Heard) -> Result<Vec<u8>, CommandError> {
        let file = self.file_of(heard)?;
        Ok(read_reply(&file).map_err(AttachError::from)?)
    }

    /// The file of a reply that tells of no failure.
    fn file_of(&self, (message, mut files): Heard) -> Result<OwnedFd, CommandError> {
        match (message, files.pop()) {
            (Message::Reply { code: 0 }, Some(file)) if files.is_empty() => Ok(file),
            (Message::Reply { .. }, Some(file)) if files.is_empty() => {
                let words = read_reply(&file).map_err(AttachError::from)?;
                Err(CommandError::Failed(String::from_utf8_lossy(&words).into_owned()))
            }
            _ => Err(self.broken(REPLY_STEP).into()),
        }
    }
}

const REPLY_STEP: &str = "expected a reply with its text";

/// Reads the whole file of a reply; its size is untrusted and is checked against a limit first.
fn read_reply(file: &OwnedFd) -> io::Result<Vec<u8>> {
    use std::os::unix::fs::FileExt;
    let len = memory::len(file.as_fd())?;
    if len > REPLY_LEN_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "reply too long"));
    }
    let mut bytes = vec![0; len as usize];
    std::fs::File::from(file.try_clone()?).read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

impl Observer {
    /// Attaches to the daemon for its STATUS alone; uses no channel of the quota, and the daemon
    /// is not needed from then on.
    ///
    /// # Errors
    ///
    /// [`AttachError`] when no daemon listens there or it speaks another ABI.
    pub fn attach(socket: Option<&Path>) -> Result<Observer, AttachError> {
        observe(&socket_path(socket)).map(|(status, _)| Observer::new(status))
    }
}

impl ChannelsObserver {
    /// Attaches to the CHANNELS region of the daemon at `socket`, or at the path that
    /// [`socket_path`] finds; `None` when this user may not see who has a channel.
    ///
    /// # Errors
    ///
    /// [`AttachError`] when no daemon listens there or it speaks another ABI.
    pub fn attach(socket: Option<&Path>) -> Result<Option<ChannelsObserver>, AttachError> {
        observe(&socket_path(socket)).map(|(_, channels)| channels.map(ChannelsObserver::new))
    }
}

/// Attaches to STATUS and, where this user may see it, CHANNELS.
///
/// # Errors
///
/// [`AttachError`].
pub fn observe(path: &Path) -> Result<(View, Option<View>), AttachError> {
    let connection = Connection::open(path)?;
    let nonce = connection.greet(None, "observer")?;
    let end_ns = clock::end_of(HANDSHAKE_DEADLINE);
    let (message, files) = connection.receive(end_ns, "expected a welcome")?;
    let welcome = connection.welcome(&message, None, nonce)?;
    let may_observe = welcome.rights & abi::right::OBSERVE != 0;
    let (status, channels) = match files.as_slice() {
        [status] if !may_observe => (status, None),
        [status, channels] if may_observe => (status, Some(channels)),
        _ => return Err(connection.broken("expected one descriptor, or two")),
    };
    let channels = channels.map(|file| open_channels(file, &welcome)).transpose()?;
    Ok((open_status(status, &welcome)?, channels))
}

/// Tells the daemon to read its models again; returns what it adopted, a line a model.
///
/// # Errors
///
/// [`CommandError::Failed`] when a model failed its check; the old ones stay.
pub fn reload(path: &Path) -> Result<String, CommandError> {
    let text = Connection::open(path)?.command(Verb::Reload, 0)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Tells the daemon to read the model of one name again; returns its line. Of thousands of models,
/// this is the quick way to change one.
///
/// # Errors
///
/// [`CommandError::Failed`] when it has no file or failed its check; the old one stays.
pub fn reload_one(path: &Path, name: &str) -> Result<String, CommandError> {
    change(path, (Verb::Reload, 0), name)
}

/// Reads the artifact of a served model, as the engine validated it.
///
/// # Errors
///
/// [`CommandError::Failed`] when no artifact with that fingerprint is served.
pub fn fetch_artifact(path: &Path, fingerprint: u64) -> Result<Vec<u8>, CommandError> {
    Connection::open(path)?.command(Verb::Artifact, fingerprint)
}

/// Adds an artifact, by its bytes, to the store that the daemon at `path` serves; with `promote` it
/// serves its name from then on. Returns what the daemon adopted, a line a model.
///
/// # Errors
///
/// [`CommandError::Failed`] when the daemon serves no store, or the store refuses the artifact.
pub fn publish(path: &Path, artifact: &[u8], promote: bool) -> Result<String, CommandError> {
    let file = memory::sealed_file("factord-publish", artifact).map_err(AttachError::from)?;
    let said = Said { argument: promote.into(), ..Said::of(Verb::Publish, "") };
    let text = Connection::open(path)?.command_with(said, &[file.as_fd()])?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Has the version whose hash begins so serve a name, in the store that the daemon at `path`
/// serves. Returns the name's line.
///
/// # Errors
///
/// [`CommandError::Failed`] when the beginning is none of a hash, or the daemon refuses the change.
pub fn promote(path: &Path, name: &str, version: &str) -> Result<String, CommandError> {
    let word = version_word(version).ok_or_else(|| {
        CommandError::Failed(format!("no hash begins with {version:?}: it has digits 0-9 and a-f"))
    })?;
    change(path, (Verb::Promote, word), name)
}

/// Has what served a name before serve it again, in the store that the daemon at `path` serves.
/// Returns the name's line.
///
/// # Errors
///
/// [`CommandError::Failed`] when the daemon refuses the change.
pub fn rollback(path: &Path, name: &str) -> Result<String, CommandError> {
    change(path, (Verb::Rollback, 0), name)
}

/// Refuses changes of a name, or allows them again, in the store that the daemon at `path` serves.
///
/// # Errors
///
/// As for [`rollback`].
pub fn pin(path: &Path, name: &str, pinned: bool) -> Result<(), CommandError> {
    change(path, (Verb::Pin, pinned.into()), name).map(drop)
}

/// Has nothing serve a name any more, in the store that the daemon at `path` serves; its versions
/// stay there. Returns what the daemon says of it.
///
/// # Errors
///
/// As for [`rollback`]; and when the daemon would be left without any name.
pub fn withdraw(path: &Path, name: &str) -> Result<String, CommandError> {
    change(path, (Verb::Withdraw, 0), name)
}

/// Divides the requests for a name among versions, in the store that the daemon at `path` serves.
/// Returns the name's line.
///
/// # Errors
///
/// [`CommandError::Failed`] when there are more than four versions, one begins as no hash does, or
/// the daemon refuses the change.
pub fn split(path: &Path, name: &str, shares: &Shares) -> Result<String, CommandError> {
    let (argument, more) = shares.words().ok_or_else(|| {
        let text = "a name is divided among at most four versions, each by how its hash begins: \
                    digits 0-9 and a-f";
        CommandError::Failed(text.to_owned())
    })?;
    let said = Said { argument, more, ..Said::of(Verb::Split, name) };
    let text = Connection::open(path)?.command_with(said, &[])?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn change(path: &Path, (verb, argument): (Verb, u64), name: &str) -> Result<String, CommandError> {
    let text = Connection::open(path)?.command_of(verb, argument, name)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
