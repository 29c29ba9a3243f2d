//! The configuration file: TOML, unknown keys refused, errors by file, line, column and key.

use super::value::{self, CoreList, Party, ValueError};
use super::{ConfigError, parse};
use crate::log::LogLevel;
use factord_core::idle::IdleStrategy;
use factord_models::regular;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, de};
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The longest file that is read.
// 1 MiB: a thousand times the longest file with a meaning.
const FILE_LEN_MAX: u64 = 1 << 20;

/// The settings of one source; what it does not name is `None`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The control socket.
    #[serde(deserialize_with = "path")]
    pub socket: Option<PathBuf>,
    /// The address of the HTTP sidecar.
    #[serde(deserialize_with = "listen")]
    pub listen: Option<SocketAddr>,
    /// Whether `serve` starts the HTTP sidecar.
    pub http: Option<bool>,
    /// The directory of the models.
    #[serde(deserialize_with = "path")]
    pub models: Option<PathBuf>,
    /// The CPU of the worker, or a list: one worker each.
    #[serde(deserialize_with = "cores")]
    pub core: Option<CoreList>,
    /// The CPU of a worker for costly models alone, or a list: one worker each.
    #[serde(deserialize_with = "cores")]
    pub heavy_core: Option<CoreList>,
    /// The most nanoseconds that one evaluation may take on the other workers.
    #[serde(deserialize_with = "max_cost")]
    pub max_cost: Option<u64>,
    /// Whether the service manager keeps clients' memory over a restart.
    pub fd_store: Option<bool>,
    /// Cells of each worker's tap; 0 for none.
    #[serde(deserialize_with = "tap")]
    pub tap: Option<usize>,
    /// Whether clients may evaluate in their own processes, where no tap sees it.
    #[serde(deserialize_with = "audit_local")]
    pub audit_local: Option<bool>,
    /// Where a recorder that `serve` starts writes its files.
    #[serde(deserialize_with = "path")]
    pub record: Option<PathBuf>,
    /// Whether `serve` starts a pilot.
    pub pilot: Option<bool>,
    /// What the worker does between two looks.
    #[serde(deserialize_with = "idle")]
    pub idle: Option<IdleStrategy>,
    /// Channels that one user may hold.
    #[serde(deserialize_with = "channels")]
    pub channels_per_uid: Option<u32>,
    /// Bytes of rings that one user may hold.
    #[serde(deserialize_with = "bytes")]
    pub bytes_per_uid: Option<u64>,
    /// Users that may attach and evaluate.
    #[serde(deserialize_with = "uids")]
    pub allow_uids: Option<Vec<u32>>,
    /// The mode of the control socket.
    #[serde(deserialize_with = "socket_mode")]
    pub socket_mode: Option<u32>,
    /// The group of the control socket.
    #[serde(deserialize_with = "socket_group")]
    pub socket_group: Option<u32>,
    /// Users that may do everything.
    #[serde(deserialize_with = "uids")]
    pub operator_uids: Option<Vec<u32>>,
    /// Who may attach a channel.
    #[serde(deserialize_with = "parties")]
    pub may_attach: Option<Vec<Party>>,
    /// Who may evaluate models in its own process.
    #[serde(deserialize_with = "parties")]
    pub may_evaluate: Option<Vec<Party>>,
    /// Who may see who has a channel.
    #[serde(deserialize_with = "parties")]
    pub may_observe: Option<Vec<Party>>,
    /// Who may read artifacts.
    #[serde(deserialize_with = "parties")]
    pub may_read: Option<Vec<Party>>,
    /// Who may have models read again.
    #[serde(deserialize_with = "parties")]
    pub may_publish: Option<Vec<Party>>,
    /// The least severe level that is logged.
    #[serde(deserialize_with = "log_level")]
    pub log_level: Option<LogLevel>,
}

impl Settings {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Read`], [`ConfigError::TooLong`], [`ConfigError::File`].
    pub fn read(path: &Path) -> Result<Settings, ConfigError> {
        let unreadable = |error| ConfigError::Read { path: path.to_owned(), error };
        let mut bytes = Vec::new();
        regular::open(path)
            .and_then(|file| file.take(FILE_LEN_MAX + 1).read_to_end(&mut bytes))
            .map_err(unreadable)?;
        if bytes.len() as u64 > FILE_LEN_MAX {
            return Err(ConfigError::TooLong { path: path.to_owned(), max_len: FILE_LEN_MAX });
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let head = String::from_utf8_lossy(&error.as_bytes()[..at]).into_owned();
            located(path, &head, at, key_of_line(&head, at), "the text is not UTF-8")
        })?;
        Settings::parse(path, &text)
    }

    /// Reads the text of a file; `path` is for messages.
    ///
    /// # Errors
    ///
    /// [`ConfigError::File`].
    pub fn parse(path: &Path, text: &str) -> Result<Settings, ConfigError> {
        let describe = |error: &toml::de::Error, key: Option<String>| {
            let at = error.span().map_or(text.len(), |span| span.start);
            let key = key.or_else(|| key_of_line(text, at));
            located(path, text, at, key, error.message())
        };
        let document =
            toml::de::Deserializer::parse(text).map_err(|error| describe(&error, None))?;
        serde_path_to_error::deserialize(document).map_err(|error| {
            let key = error.path().to_string();
            let key = (!key.is_empty() && key != "." && key != "?").then_some(key);
            describe(error.inner(), key)
        })
    }
}

/// Builds the error for a byte offset of the text.
fn located(path: &Path, text: &str, at: usize, key: Option<String>, message: &str) -> ConfigError {
    let head = text.get(..at).unwrap_or(text);
    let line_start = head.rfind('\n').map_or(0, |index| index + 1);
    ConfigError::File {
        path: path.to_owned(),
        line: head.matches('\n').count() + 1,
        column: head[line_start..].chars().count() + 1,
        key: key.map_or_else(String::new, |key| format!("key `{key}`: ")),
        message: message.to_owned(),
    }
}

/// The key on the line of an offset, as far as there is one: the text left of `=`.
fn key_of_line(text: &str, at: usize) -> Option<String> {
    let start = text.get(..at)?.rfind('\n').map_or(0, |index| index + 1);
    let line = text[start..].lines().next().unwrap_or("");
    let key = line.split(['=', '#']).next().unwrap_or("").trim();
    (!key.is_empty()).then(|| key.to_owned())
}

/// A text value, read by the rule that flags and environment follow.
fn text<'de, D: Deserializer<'de>, T>(
    from: D,
    parse: fn(&str) -> Result<T, ValueError>,
) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(from)?;
    parse(&text).map(Some).map_err(D::Error::custom)
}

/// A whole number, read by the rule that flags and environment follow.
fn number<'de, D: Deserializer<'de>, T>(
    from: D,
    parse: fn(&str) -> Result<T, ValueError>,
) -> Result<Option<T>, D::Error> {
    let number = i64::deserialize(from)?;
    parse(&number.to_string()).map(Some).map_err(D::Error::custom)
}

fn path<'de, D: Deserializer<'de>>(from: D) -> Result<Option<PathBuf>, D::Error> {
    text(from, parse::path)
}

fn listen<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
    text(from, parse::listen)
}

fn idle<'de, D: Deserializer<'de>>(from: D) -> Result<Option<IdleStrategy>, D::Error> {
    text(from, parse::idle)
}

fn socket_mode<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    text(from, parse::socket_mode)
}

fn socket_group<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    text(from, parse::group)
}

fn log_level<'de, D: Deserializer<'de>>(from: D) -> Result<Option<LogLevel>, D::Error> {
    text(from, parse::log_level)
}

fn cores<'de, D: Deserializer<'de>>(from: D) -> Result<Option<CoreList>, D::Error> {
    from.deserialize_any(Cores).map(Some)
}

/// Takes one number or a list of them.
struct Cores;

impl<'de> de::Visitor<'de> for Cores {
    type Value = CoreList;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the number of a CPU, or a list of such numbers")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<CoreList, E> {
        parse::cores(&number.to_string()).map_err(E::custom)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<CoreList, A::Error> {
        let mut cores = Vec::new();
        while let Some(number) = list.next_element::<i64>()? {
            cores.push(parse::core(&number.to_string()).map_err(de::Error::custom)?);
        }
        CoreList::new(cores).map_err(de::Error::custom)
    }
}

fn channels<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    number(from, parse::channels_per_uid)
}

fn max_cost<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    number(from, parse::max_cost)
}

fn tap<'de, D: Deserializer<'de>>(from: D) -> Result<Option<usize>, D::Error> {
    number(from, parse::tap)
}

fn audit_local<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    text(from, parse::audit_local)
}

fn bytes<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    number(from, parse::bytes_per_uid)
}

fn uids<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<u32>>, D::Error> {
    let numbers = Vec::<i64>::deserialize(from)?;
    if numbers.len() > super::ALLOW_UIDS_MAX {
        let message = format!("{} users, at most {}", numbers.len(), super::ALLOW_UIDS_MAX);
        return Err(de::Error::custom(message));
    }
    let uids: Result<Vec<u32>, ValueError> =
        numbers.iter().map(|number| value::number(&number.to_string(), &value::UID)).collect();
    uids.map(Some).map_err(D::Error::custom)
}

fn parties<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<Party>>, D::Error> {
    from.deserialize_seq(Parties).map(Some)
}

/// Takes a list of numbers and names.
struct Parties;

/// A number or a name.
#[derive(Deserialize)]
#[serde(untagged, expecting = "the number or name of a user, or of a group behind an @")]
enum Named {
    Number(i64),
    Text(String),
}

impl<'de> de::Visitor<'de> for Parties {
    type Value = Vec<Party>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of users, and of groups behind an @")
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Party>, A::Error> {
        let mut parties = Vec::new();
        while let Some(named) = list.next_element::<Named>()? {
            let text = match named {
                Named::Number(number) => number.to_string(),
                Named::Text(text) => text,
            };
            if parties.len() == super::ALLOW_UIDS_MAX {
                let message = format!("more than {} users and groups", super::ALLOW_UIDS_MAX);
                return Err(de::Error::custom(message));
            }
            parties.push(parse::party(&text).map_err(de::Error::custom)?);
        }
        Ok(parties)
    }
}
