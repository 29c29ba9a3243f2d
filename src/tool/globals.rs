//! [`Globals`]: the flags before the sub-command.

use super::Failure;
use crate::config::Sources;
use std::path::PathBuf;

/// Where help lists these flags, apart from a command's own.
const HEADING: &str = "Options of all commands";

/// Flags that every sub-command understands.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Globals {
    /// The daemon's control socket (FACTORD_SOCKET; default: in $XDG_RUNTIME_DIR, /run or /tmp)
    #[arg(long, global = true, value_name = "PATH", help_heading = HEADING)]
    pub socket: Option<PathBuf>,
    /// A user trusted as the daemon below /tmp, besides root and your own (FACTORD_DAEMON_UID)
    #[arg(long, global = true, value_name = "UID", help_heading = HEADING)]
    pub daemon_uid: Option<u32>,
    /// A TOML file for settings that neither flags nor environment give (FACTORD_CONFIG)
    #[arg(long, global = true, value_name = "FILE", help_heading = HEADING)]
    pub config: Option<PathBuf>,
}

impl Globals {
    /// Reads the environment and the configuration file.
    ///
    /// # Errors
    ///
    /// [`Failure`] when the file cannot be read or understood.
    pub fn sources(&self) -> Result<Sources<'static>, Failure> {
        Ok(Sources::read(self.config.as_deref(), &|name| std::env::var_os(name))?)
    }

    /// The control socket a tool should use; `None` for the rule daemon and clients share.
    ///
    /// # Errors
    ///
    /// [`Failure`] when the configuration file cannot be read or understood.
    pub fn socket(&self) -> Result<Option<PathBuf>, Failure> {
        Ok(self.sources()?.socket(self.socket.clone())?.0)
    }
}
