//! Configuration: what was typed, set and written becomes one validated [`ServeConfig`].
//!
//! A value comes from the first source that names it: flag, environment, file, default. Each
//! setting keeps its origin, for `factord serve --print-config` and for messages. An environment
//! variable that is set but empty counts as not set.

mod access;
mod companions;
mod file;
pub mod parse;
mod source;
pub mod value;
mod variables;

pub use access::Grant;
pub use file::Settings;
pub use source::{Environment, Sources};
pub use variables::unknown_variables;

use crate::log::LogLevel;
use companions::Companions;
use factord_core::idle::IdleStrategy;
use serde_json::{Value, json};
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use thiserror::Error;
use value::ValueError;
pub use value::{CoreList, Party};

/// The default address of the HTTP sidecar, with the replaced service's port.
pub const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 5000);
/// Channels per user by default.
pub const CHANNELS_PER_UID: u32 = 320;
/// Bytes of rings per user by default.
pub const BYTES_PER_UID: u64 = 64 << 20;
/// Nanoseconds of one evaluation on workers that models share, by default.
// 100,000: a hundred times what 1,024 features take, so that no slow machine refuses these.
pub const MAX_COST_NS: u64 = 100_000;
/// The most users and groups that a list may name besides root and the daemon's own.
pub const ALLOW_UIDS_MAX: usize = 64;

/// Where the models come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelSource {
    /// The two models built into the binary.
    Embedded,
    /// Every model of a directory.
    Dir(PathBuf),
}

/// What `factord serve` runs with: every value is in its range.
#[derive(Clone, Debug, PartialEq)]
pub struct ServeConfig {
    /// The control socket; `None` for the rule that daemon and clients share.
    pub socket: Option<PathBuf>,
    /// The address of the HTTP sidecar; port 0 for any free one.
    pub listen: SocketAddr,
    /// Whether to start the HTTP sidecar.
    pub http: bool,
    /// Where the models come from.
    pub models: ModelSource,
    /// The CPUs of the workers, one each; `None` for one worker on the last CPU allowed.
    pub cores: Option<CoreList>,
    /// The CPUs of workers for costly models alone, one each.
    pub heavy_cores: Option<CoreList>,
    /// The most nanoseconds that one evaluation may take on the other workers.
    pub max_cost_ns: u64,
    /// Whether the service manager keeps clients' memory over a restart.
    pub fd_store: bool,
    /// What the worker does between two looks; `None` for spin, or yield on a single CPU.
    pub idle: Option<IdleStrategy>,
    /// Cells of each worker's tap; 0 for none.
    pub tap: usize,
    /// Whether anybody may evaluate in its own process.
    pub audit_local: bool,
    /// Where a recorder beside the engine writes its files; `None` for no recorder.
    pub record: Option<PathBuf>,
    /// Whether to start a pilot beside the engine.
    pub pilot: bool,
    /// Channels that one user may hold.
    pub channels_per_uid: u32,
    /// Bytes of rings that one user may hold.
    pub bytes_per_uid: u64,
    /// Who may do what besides root and the daemon's own user.
    pub grants: Vec<Grant>,
    /// The mode of the control socket; `None` for 0666 when there are other users, else 0660.
    pub socket_mode: Option<u32>,
    /// The group of the control socket; `None` for the daemon's own.
    pub socket_group: Option<u32>,
    /// The least severe level that is logged.
    pub log_level: LogLevel,
    /// The configuration file that was read.
    pub config_file: Option<PathBuf>,
}

/// Which source named a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A flag of the command line.
    Flag(&'static str),
    /// An environment variable.
    Environment(&'static str),
    /// The configuration file.
    File(PathBuf),
    /// Nothing named it.
    Default,
    /// Nothing named it, and the daemon chose it by where it runs.
    Chosen,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(flag) => write!(f, "flag {flag}"),
            Origin::Environment(name) => write!(f, "environment {name}"),
            Origin::File(path) => write!(f, "file {}", path.display()),
            Origin::Default | Origin::Chosen => f.write_str("default"),
        }
    }
}

/// One setting as it takes effect.
#[derive(Clone, Debug, PartialEq)]
pub struct Effective {
    /// The key, as in the file.
    pub key: &'static str,
    /// The value; null when it is left to the daemon.
    pub value: Value,
    /// Which source named it.
    pub origin: Origin,
}

/// Why the configuration cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}: {error}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// The file is far too long to be a configuration.
    #[error("{} is longer than {max_len} bytes: not a configuration file", .path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The limit.
        max_len: u64,
    },
    /// The file says something that is not understood.
    #[error("{}:{line}:{column}: {key}{message}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// `key NAME: `, or empty where there is no key.
        key: String,
        /// What is wrong.
        message: String,
    },
    /// An environment variable is not understood.
    #[error("environment variable {name}: {error}")]
    Environment {
        /// The variable.
        name: &'static str,
        /// What is wrong.
        error: ValueError,
    },
    /// An environment variable is not text.
    #[error("environment variable {name} is not UTF-8 text")]
    NotText {
        /// The variable.
        name: &'static str,
    },
    /// The directory of the models is not one.
    #[error("models: {} is not a directory (from {origin})", .path.display())]
    NoModels {
        /// The path.
        path: PathBuf,
        /// Which source named it.
        origin: Origin,
    },
    /// A setting that another one needs is not made.
    #[error("{key} (from {origin}) needs {what}")]
    Needs {
        /// The setting.
        key: &'static str,
        /// Which source named it.
        origin: Origin,
        /// What it needs, and how to set that.
        what: &'static str,
    },
    /// More users and groups than a list of them holds.
    #[error("{key}: {found} users (from {origin}), at most {ALLOW_UIDS_MAX} can be named")]
    TooManyUids {
        /// The list.
        key: &'static str,
        /// How many.
        found: usize,
        /// Which source named them.
        origin: Origin,
    },
}

impl ServeConfig {
    /// Takes every setting from the first source that names it, and says which one that was.
    ///
    /// # Errors
    ///
    /// [`ConfigError`].
    pub fn resolve(
        flags: Settings,
        sources: &Sources<'_>,
    ) -> Result<(ServeConfig, Vec<Effective>), ConfigError> {
        let file = sources.file();
        let mut seen = Vec::new();
        let mut note = |key, value, origin| seen.push(Effective { key, value, origin });

        let (workers, said) = Workers::resolve(&flags, sources)?;
        let (grants, accesses) = access::resolve(&flags, sources)?;
        let (dir, models_origin) = sources.models(flags.models.clone())?;
        let models = model_source(dir.clone(), models_origin.clone())?;
        let (companions, more) = Companions::resolve(&flags, sources, &models, &said)?;
        let (socket, origin) = sources.socket(flags.socket)?;
        note("socket", json!(socket.as_deref().map(shown)), origin);
        let (listen, origin) = sources.listen(flags.listen)?;
        note("listen", json!(listen.to_string()), origin);
        let (http, origin) = sources.find(&source::HTTP, flags.http, file.http)?;
        let http = http.unwrap_or(true);
        note("http", json!(http), origin);
        note("models", json!(dir.as_deref().map(shown)), models_origin);
        let said = said.into_iter().chain(more);
        said.for_each(|Effective { key, value, origin }| note(key, value, origin));
        let Workers { cores, heavy_cores, max_cost_ns, fd_store, idle, tap, audit_local } = workers;
        let (channels, origin) =
            sources.find(&source::CHANNELS, flags.channels_per_uid, file.channels_per_uid)?;
        let channels_per_uid = channels.unwrap_or(CHANNELS_PER_UID);
        note("channels_per_uid", json!(channels_per_uid), origin);
        let (bytes, origin) =
            sources.find(&source::BYTES, flags.bytes_per_uid, file.bytes_per_uid)?;
        let bytes_per_uid = bytes.unwrap_or(BYTES_PER_UID);
        note("bytes_per_uid", json!(bytes_per_uid), origin);
        accesses.into_iter().for_each(|Effective { key, value, origin }| note(key, value, origin));
        let (socket_mode, origin) =
            sources.find(&source::SOCKET_MODE, flags.socket_mode, file.socket_mode)?;
        note("socket_mode", json!(socket_mode.map(|mode| format!("{mode:04o}"))), origin);
        let (socket_group, origin) =
            sources.find(&source::SOCKET_GROUP, flags.socket_group, file.socket_group)?;
        note("socket_group", json!(socket_group.map(|group| group.to_string())), origin);
        let (log_level, origin) = sources.log_level(flags.log_level)?;
        note("log_level", json!(log_level.name()), origin);

        let config = ServeConfig {
            socket,
            listen,
            http,
            models,
            cores,
            heavy_cores,
            max_cost_ns,
            fd_store,
            idle,
            tap,
            audit_local,
            record: companions.record,
            pilot: companions.pilot,
            channels_per_uid,
            bytes_per_uid,
            grants,
            socket_mode,
            socket_group,
            log_level,
            config_file: sources.path().map(PathBuf::from),
        };
        Ok((config, seen))
    }
}

/// Where the workers run, and how.
struct Workers {
    cores: Option<CoreList>,
    heavy_cores: Option<CoreList>,
    max_cost_ns: u64,
    fd_store: bool,
    idle: Option<IdleStrategy>,
    tap: usize,
    audit_local: bool,
}

impl Workers {
    fn resolve(
        flags: &Settings,
        sources: &Sources<'_>,
    ) -> Result<(Workers, Vec<Effective>), ConfigError> {
        let file = sources.file();
        let mut seen = Vec::new();
        let mut note = |key, value, origin| seen.push(Effective { key, value, origin });
        let (cores, origin) = sources.find(&source::CORE, flags.core.clone(), file.core.clone())?;
        note("core", shown_cores(cores.as_ref()), origin);
        let (heavy_cores, origin) =
            sources.find(&source::HEAVY_CORE, flags.heavy_core.clone(), file.heavy_core.clone())?;
        note("heavy_core", shown_cores(heavy_cores.as_ref()), origin);
        let (max_cost, origin) = sources.find(&source::MAX_COST, flags.max_cost, file.max_cost)?;
        let max_cost_ns = max_cost.unwrap_or(MAX_COST_NS);
        note("max_cost", json!(max_cost_ns), origin);
        let (fd_store, origin) = sources.find(&source::FD_STORE, flags.fd_store, file.fd_store)?;
        let fd_store = fd_store.unwrap_or(false);
        note("fd_store", json!(fd_store), origin);
        let (idle, origin) = sources.find(&source::IDLE, flags.idle, file.idle)?;
        note("idle", json!(idle.map(IdleStrategy::name)), origin);
        let (tap, origin) = sources.find(&source::TAP, flags.tap, file.tap)?;
        let tap = tap.unwrap_or(0);
        note("tap", json!(tap), origin);
        let (local, origin) =
            sources.find(&source::AUDIT_LOCAL, flags.audit_local, file.audit_local)?;
        let audit_local = local.unwrap_or(true);
        note("audit_local", json!(if audit_local { "allow" } else { "refuse" }), origin);
        Ok((Workers { cores, heavy_cores, max_cost_ns, fd_store, idle, tap, audit_local }, seen))
    }
}

/// One CPU as a number, several as a list, as the file takes them.
fn shown_cores(cores: Option<&CoreList>) -> serde_json::Value {
    match cores.map(CoreList::as_slice) {
        Some([one]) => json!(one),
        other => json!(other),
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn model_source(dir: Option<PathBuf>, origin: Origin) -> Result<ModelSource, ConfigError> {
    match dir {
        None => Ok(ModelSource::Embedded),
        Some(path) if path.is_dir() => Ok(ModelSource::Dir(path)),
        Some(path) => Err(ConfigError::NoModels { path, origin }),
    }
}

/// Puts what the daemon itself chooses in the places of settings that nobody made.
pub fn with_chosen(settings: Vec<Effective>, chosen: &[(&'static str, Value)]) -> Vec<Effective> {
    let fill = |setting: Effective| match chosen.iter().find(|(key, _)| *key == setting.key) {
        Some((_, value)) if setting.value.is_null() && setting.origin == Origin::Default => {
            Effective { value: value.clone(), origin: Origin::Chosen, ..setting }
        }
        _ => setting,
    };
    settings.into_iter().map(fill).collect()
}

/// The effective settings as a configuration file that would bring them about, each with its
/// origin; what nobody set, and the daemon chooses by where it runs, is commented out.
pub fn as_toml(settings: &[Effective]) -> String {
    let mut text = String::new();
    for Effective { key, value, origin } in settings {
        // JSON's strings, numbers, booleans and arrays of numbers are TOML's as well.
        let line = match value {
            Value::Null => format!("# {key} = ({})", unset(key)),
            value if *origin == Origin::Chosen => format!("# {key} = {value}"),
            value => format!("{key} = {value}"),
        };
        text.push_str(&format!("{line:<44} # {origin}\n"));
    }
    text
}

/// What it means that a setting has no value.
fn unset(key: &str) -> &'static str {
    match key {
        "models" => "the two built in",
        "socket_group" => "the daemon's own",
        _ => "none",
    }
}

/// The effective settings as one JSON object: key to value and origin.
pub fn as_json(settings: &[Effective]) -> Value {
    let entry = |setting: &Effective| {
        let value = json!({"value": setting.value, "origin": setting.origin.to_string()});
        (setting.key.to_owned(), value)
    };
    Value::Object(settings.iter().map(entry).collect())
}
