//! What a child of `factord serve` does for the daemon: it says that it is ready and, once a
//! second, that it moves; it ends when its standard input does.

use super::Failure;
use super::serve::log_level_names;
use crate::exit::Code;
use crate::log::{self, LogLevel};
use crate::sys::process;
use factord_core::sys::socket;
use std::fmt::Display;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// Between two signs of life.
const SIGN_PAUSE: Duration = Duration::from_secs(1);

/// The flags of a child.
#[derive(Debug, clap::Args)]
pub(super) struct SupervisedArgs {
    /// End with the parent: when stdin ends, not on SIGINT or SIGTERM
    #[arg(long, hide = true)]
    supervised: bool,
    /// The least severe level that a child logs
    #[arg(long, hide = true, value_name = "LEVEL", ignore_case = true,
          value_parser = log_level_names(), requires = "supervised")]
    log_level: Option<LogLevel>,
}

impl SupervisedArgs {
    /// Whether a daemon started it.
    pub(super) fn is_supervised(&self) -> bool {
        self.supervised
    }

    /// Begins as a child, or as a program of its own.
    pub(super) fn begin(&self) -> Result<Voice, Failure> {
        if self.supervised {
            // One that is stopped would not see the end of its standard input.
            process::die_with_parent().map_err(|error| Failure::new(Code::Os, error))?;
            log::init(self.log_level.unwrap_or(LogLevel::Info));
        }
        Ok(Voice { supervised: self.supervised, signed: Instant::now() })
    }
}

/// Where a program says what it does: on stdout and stderr, or as a child in the daemon's log.
#[derive(Debug)]
pub(super) struct Voice {
    supervised: bool,
    signed: Instant,
}

impl Voice {
    /// Says that it has begun.
    pub(super) fn ready(&self, text: impl Display) -> Result<(), Failure> {
        self.tell(text)?;
        if self.supervised { sign("{\"ready\":\"taps\"}\n") } else { Ok(()) }
    }

    /// Tells what was done.
    pub(super) fn tell(&self, text: impl Display) -> Result<(), Failure> {
        if self.supervised {
            tracing::info!("{text}");
            return Ok(());
        }
        super::print(format_args!("{text}\n"))
    }

    /// Says what went wrong.
    pub(super) fn warn(&self, text: impl Display) {
        if self.supervised { tracing::warn!("{text}") } else { super::say(text) }
    }

    /// Gives a sign of life, if it is time for one.
    pub(super) fn sign(&mut self) -> Result<(), Failure> {
        if !self.supervised || self.signed.elapsed() < SIGN_PAUSE {
            return Ok(());
        }
        self.signed = Instant::now();
        sign("\n")
    }

    /// Whether signals end it. A terminal and a service manager send them to parent and child, and
    /// the parent knows in which order all have to end.
    pub(super) fn heeds_signals(&self) -> bool {
        !self.supervised
    }

    /// Whether the parent wants the child to end, or is gone.
    pub(super) fn is_over(&self) -> bool {
        let stdin = io::stdin();
        let readable = || socket::wait_readable(stdin.as_fd(), Duration::ZERO);
        self.supervised
            && readable().is_ok_and(|readable| readable)
            && stdin.lock().read(&mut [0]).is_ok_and(|count| count == 0)
    }
}

fn sign(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| Failure::new(Code::Unavailable, format!("the daemon is gone: {error}")))
}
