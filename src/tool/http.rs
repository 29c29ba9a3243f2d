//! `factord http`: the HTTP sidecar by itself.

use super::serve::log_level_names;
use super::{Failure, Globals};
use crate::config::parse;
use crate::http::{self, HttpConfig};
use crate::log::{self, LogLevel};
use std::net::SocketAddr;

const EXAMPLES: &str = "\
Examples:
  factord http                               in front of the daemon of this user
  factord http --listen 0.0.0.0:8080         on every address of the machine
  factord http --socket /run/factord/factord.sock

factord serve starts one by itself; under systemd the two are separate units.";

/// The flags of `factord http`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct HttpArgs {
    /// The address to listen on (FACTORD_LISTEN, PORT; default: 127.0.0.1:5000)
    #[arg(long, value_name = "ADDR:PORT", value_parser = parse::listen)]
    listen: Option<SocketAddr>,
    /// The least severe level to log, by Python's names (FACTORD_LOG_LEVEL, LOG_LEVEL; default:
    /// INFO)
    #[arg(long, value_name = "LEVEL", ignore_case = true, value_parser = log_level_names())]
    log_level: Option<LogLevel>,
    /// End with the parent: when stdin ends, not on SIGINT or SIGTERM
    #[arg(long, hide = true)]
    supervised: bool,
}

impl HttpArgs {
    /// Whether a daemon started it.
    pub(super) fn is_supervised(&self) -> bool {
        self.supervised
    }
}

/// Runs the sidecar until it is asked to end.
///
/// # Errors
///
/// [`Failure`] when the configuration is wrong or the sidecar cannot run.
pub fn run(args: &HttpArgs, globals: &Globals) -> Result<(), Failure> {
    let sources = globals.sources()?;
    let (socket, _) = sources.socket(globals.socket.clone())?;
    let (listen, _) = sources.listen(args.listen)?;
    let (log_level, _) = sources.log_level(args.log_level)?;
    log::init(log_level);
    Ok(http::run(&HttpConfig { listen, socket, supervised: args.supervised })?)
}
