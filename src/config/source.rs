//! The sources of a setting: environment and file under the flags, and the order between them.

use super::value::{self, CoreList, Party, ValueError};
use super::{ConfigError, LISTEN, Origin, Settings, parse};
use crate::log::LogLevel;
use factord_core::idle::IdleStrategy;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// What the environment says: `std::env::var_os`, or a table in a test.
pub type Environment<'a> = &'a dyn Fn(&'static str) -> Option<OsString>;

/// The names of one setting in the sources that need one, and how its text is read.
pub(super) struct Setting<T> {
    flag: &'static str,
    environment: &'static [&'static str],
    parse: fn(&str) -> Result<T, ValueError>,
}

const SOCKET: Setting<PathBuf> =
    Setting { flag: "--socket", environment: &["FACTORD_SOCKET"], parse: parse::path };
const LISTEN_AT: Setting<SocketAddr> =
    Setting { flag: "--listen", environment: &["FACTORD_LISTEN"], parse: parse::listen };
const LOG_LEVEL: Setting<LogLevel> = Setting {
    flag: "--log-level",
    environment: &["FACTORD_LOG_LEVEL", "LOG_LEVEL"],
    parse: parse::log_level,
};
pub(super) const HTTP: Setting<bool> =
    Setting { flag: "--no-http", environment: &["FACTORD_HTTP"], parse: value::boolean };
pub(super) const MODELS: Setting<PathBuf> =
    Setting { flag: "--models", environment: &["FACTORD_MODELS", "MODEL_DIR"], parse: parse::path };
pub(super) const CORE: Setting<CoreList> =
    Setting { flag: "--core", environment: &["FACTORD_CORE"], parse: parse::cores };
pub(super) const HEAVY_CORE: Setting<CoreList> =
    Setting { flag: "--heavy-core", environment: &["FACTORD_HEAVY_CORE"], parse: parse::cores };
pub(super) const MAX_COST: Setting<u64> =
    Setting { flag: "--max-cost", environment: &["FACTORD_MAX_COST"], parse: parse::max_cost };
pub(super) const FD_STORE: Setting<bool> =
    Setting { flag: "--fd-store", environment: &["FACTORD_FD_STORE"], parse: value::boolean };
pub(super) const IDLE: Setting<IdleStrategy> =
    Setting { flag: "--idle", environment: &["FACTORD_IDLE"], parse: parse::idle };
pub(super) const TAP: Setting<usize> =
    Setting { flag: "--tap", environment: &["FACTORD_TAP"], parse: parse::tap };
pub(super) const AUDIT_LOCAL: Setting<bool> = Setting {
    flag: "--audit-local",
    environment: &["FACTORD_AUDIT_LOCAL"],
    parse: parse::audit_local,
};
pub(super) const RECORD: Setting<PathBuf> =
    Setting { flag: "--record", environment: &["FACTORD_RECORD"], parse: parse::path };
pub(super) const PILOT: Setting<bool> =
    Setting { flag: "--pilot", environment: &["FACTORD_PILOT"], parse: value::boolean };
pub(super) const CHANNELS: Setting<u32> = Setting {
    flag: "--channels-per-uid",
    environment: &["FACTORD_CHANNELS_PER_UID"],
    parse: parse::channels_per_uid,
};
pub(super) const BYTES: Setting<u64> = Setting {
    flag: "--bytes-per-uid",
    environment: &["FACTORD_BYTES_PER_UID"],
    parse: parse::bytes_per_uid,
};
pub(super) const ALLOW_UIDS: Setting<Vec<u32>> =
    Setting { flag: "--allow-uid", environment: &["FACTORD_ALLOW_UIDS"], parse: parse::uids };
pub(super) const SOCKET_MODE: Setting<u32> = Setting {
    flag: "--socket-mode",
    environment: &["FACTORD_SOCKET_MODE"],
    parse: parse::socket_mode,
};
pub(super) const SOCKET_GROUP: Setting<u32> =
    Setting { flag: "--socket-group", environment: &["FACTORD_SOCKET_GROUP"], parse: parse::group };
pub(super) const OPERATOR_UIDS: Setting<Vec<u32>> =
    Setting { flag: "--operator-uid", environment: &["FACTORD_OPERATOR_UIDS"], parse: parse::uids };
pub(super) const MAY_ATTACH: Setting<Vec<Party>> =
    Setting { flag: "--may-attach", environment: &["FACTORD_MAY_ATTACH"], parse: parse::parties };
pub(super) const MAY_EVALUATE: Setting<Vec<Party>> = Setting {
    flag: "--may-evaluate",
    environment: &["FACTORD_MAY_EVALUATE"],
    parse: parse::parties,
};
pub(super) const MAY_OBSERVE: Setting<Vec<Party>> =
    Setting { flag: "--may-observe", environment: &["FACTORD_MAY_OBSERVE"], parse: parse::parties };
pub(super) const MAY_READ: Setting<Vec<Party>> =
    Setting { flag: "--may-read", environment: &["FACTORD_MAY_READ"], parse: parse::parties };
pub(super) const MAY_PUBLISH: Setting<Vec<Party>> =
    Setting { flag: "--may-publish", environment: &["FACTORD_MAY_PUBLISH"], parse: parse::parties };

/// Every variable that is a setting.
pub(super) fn variables() -> Vec<&'static str> {
    let lists = [
        &["FACTORD_CONFIG", "PORT"][..],
        SOCKET.environment,
        LISTEN_AT.environment,
        LOG_LEVEL.environment,
        HTTP.environment,
        MODELS.environment,
        CORE.environment,
        HEAVY_CORE.environment,
        MAX_COST.environment,
        FD_STORE.environment,
        IDLE.environment,
        TAP.environment,
        AUDIT_LOCAL.environment,
        RECORD.environment,
        PILOT.environment,
        CHANNELS.environment,
        BYTES.environment,
        ALLOW_UIDS.environment,
        SOCKET_MODE.environment,
        SOCKET_GROUP.environment,
        OPERATOR_UIDS.environment,
    ];
    lists.concat()
}

/// The sources below the flags: the environment and, when one was named, the file.
pub struct Sources<'a> {
    environment: Environment<'a>,
    path: Option<PathBuf>,
    file: Settings,
}

impl<'a> Sources<'a> {
    /// Reads the file that the flag `--config`, or `FACTORD_CONFIG`, names.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the file cannot be read or understood.
    pub fn read(
        flag: Option<&Path>,
        environment: Environment<'a>,
    ) -> Result<Sources<'a>, ConfigError> {
        let path = match flag {
            Some(path) => Some(path.to_owned()),
            None => set(environment, "FACTORD_CONFIG").map(PathBuf::from),
        };
        let file = match &path {
            Some(path) => Settings::read(path)?,
            None => Settings::default(),
        };
        Ok(Sources { environment, path, file })
    }

    /// The settings of the file.
    pub fn file(&self) -> &Settings {
        &self.file
    }

    /// The path of the file, when one was named.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The control socket; `None` for the rule that daemon and clients share.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming the variable.
    pub fn socket(&self, flag: Option<PathBuf>) -> Result<(Option<PathBuf>, Origin), ConfigError> {
        self.find(&SOCKET, flag, self.file.socket.clone())
    }

    /// The directory or store of the models.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming the variable.
    pub fn models(&self, flag: Option<PathBuf>) -> Result<(Option<PathBuf>, Origin), ConfigError> {
        self.find(&MODELS, flag, self.file.models.clone())
    }

    /// The address of the HTTP sidecar. `PORT` changes the port of what the file or the default
    /// says; a full address from a flag or `FACTORD_LISTEN` is taken as it is.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming the variable.
    pub fn listen(&self, flag: Option<SocketAddr>) -> Result<(SocketAddr, Origin), ConfigError> {
        if let (Some(address), origin) = self.find(&LISTEN_AT, flag, None)? {
            return Ok((address, origin));
        }
        let address = self.file.listen.unwrap_or(LISTEN);
        match self.variable("PORT", parse::port)? {
            Some(port) => Ok((SocketAddr::new(address.ip(), port), Origin::Environment("PORT"))),
            None => Ok((address, self.file_origin(self.file.listen.is_some()))),
        }
    }

    /// The least severe level that is logged.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming the variable.
    pub fn log_level(&self, flag: Option<LogLevel>) -> Result<(LogLevel, Origin), ConfigError> {
        let (level, origin) = self.find(&LOG_LEVEL, flag, self.file.log_level)?;
        Ok((level.unwrap_or(LogLevel::Info), origin))
    }

    /// Takes a value from the first source that names it.
    pub(super) fn find<T>(
        &self,
        setting: &Setting<T>,
        flag: Option<T>,
        file: Option<T>,
    ) -> Result<(Option<T>, Origin), ConfigError> {
        if flag.is_some() {
            return Ok((flag, Origin::Flag(setting.flag)));
        }
        for &name in setting.environment {
            if let Some(value) = self.variable(name, setting.parse)? {
                return Ok((Some(value), Origin::Environment(name)));
            }
        }
        let origin = self.file_origin(file.is_some());
        Ok((file, origin))
    }

    fn variable<T>(
        &self,
        name: &'static str,
        parse: fn(&str) -> Result<T, ValueError>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(text) = set(self.environment, name) else { return Ok(None) };
        let text = text.to_str().ok_or(ConfigError::NotText { name })?;
        parse(text).map(Some).map_err(|error| ConfigError::Environment { name, error })
    }

    fn file_origin(&self, named: bool) -> Origin {
        match &self.path {
            Some(path) if named => Origin::File(path.clone()),
            _ => Origin::Default,
        }
    }
}

/// The value of a variable that is set and not empty.
fn set(environment: Environment<'_>, name: &'static str) -> Option<OsString> {
    environment(name).filter(|value| !value.is_empty())
}
