//! The attach handshake and the control verbs: messages of both sides, and the client's half.
//!
//! ```text
//! client -> HELLO      magic 1 abi feature_count slot_count nonce name[32] output_count class
//! daemon -> WELCOME    magic 2 abi layout_hash epoch client_id feature_count slot_count nonce
//!                        output_count class rights
//!                      + STATUS (read-only), REQ and RESP (writable) and, for those who may
//!                        evaluate locally, MODELS (read-only)
//!        or REFUSED    magic 5 abi code a b
//! client -> MAPPED     magic 3
//! daemon -> READY      magic 4
//! client -> COMMAND    magic 6 abi verb argument name[64] more[6]
//! daemon -> REPLY      magic 7 abi code + a sealed memory file with the text or bytes
//! ```
//!
//! Every message is 32 little-endian words. An observer (`slot_count` 0) gets STATUS and, if it
//! may, CHANNELS; no MAPPED or READY follows. The socket path is found by the same rule on both
//! sides.

mod attempt;
mod command;
mod connection;
mod message;
mod regions;
mod shape;
mod shares;
mod tap;
mod version;

pub use attempt::{Attempt, Channel, attach, attach_within};
pub use command::{
    fetch_artifact, observe, pin, promote, publish, reload, reload_one, rollback, split, withdraw,
};
pub use connection::told;
pub use connection::{Connection, trust_daemon_user};
pub use message::{
    Hello, MESSAGE_LEN, MESSAGE_WORDS, MODEL_NAME_LEN, MORE_WORDS, Message, NAME_LEN, Refusal,
    Verb, Welcome,
};
pub use shape::Shape;
pub use shares::Shares;
pub use tap::{TapFile, open_tap};
pub use version::{version_start, version_word};

use crate::region::OpenError;
use crate::sys::sched;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use thiserror::Error;

/// How long either side waits for the other's next message.
pub const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(1);
/// How long a caller waits for the reply to a control verb, which may read files.
pub const COMMAND_DEADLINE: Duration = Duration::from_secs(10);
/// The most bytes a reply may carry: an artifact's limit, 64 MiB, and some room.
pub const REPLY_LEN_MAX: u64 = 65 << 20;

/// Why no channel could be had.
#[derive(Debug, Error)]
pub enum AttachError {
    /// Nothing listens at the path.
    #[error(
        "no daemon at {path}: {source}; start one with `factord serve`, or name its socket with --socket"
    )]
    Unreachable {
        /// Where a daemon was looked for.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The system does not let this user through to the socket.
    #[error(
        "permission denied at {path}: the daemon's folder or socket is not open to user {uid}: ask \
         for `factord serve --allow-uid {uid}`, or for its --socket-group"
    )]
    Forbidden {
        /// The socket.
        path: PathBuf,
        /// This user.
        uid: u32,
    },
    /// Below a directory that is open to all, somebody else could answer in the daemon's place.
    #[error(
        "attach refused by this client: {path} {why}, so another user could answer in the daemon's \
         place: use a socket in a directory of your own, or name that user in FACTORD_DAEMON_UID \
         if you trust it"
    )]
    Untrusted {
        /// The directory, link or socket.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The daemon said no.
    #[error("attach refused: {0}")]
    Refused(Refusal),
    /// The two sides were built from layouts that do not fit.
    #[error("daemon speaks ABI {daemon}, this client {client}: rebuild the client")]
    Abi {
        /// The daemon's version.
        daemon: String,
        /// This client's version.
        client: String,
    },
    /// A region is not what the handshake said.
    #[error("attach failed: {0}")]
    Open(#[from] OpenError),
    /// The peer is not a daemon, or broke the handshake.
    #[error("attach failed: the peer at {path} does not speak the protocol ({step})")]
    Protocol {
        /// The socket.
        path: PathBuf,
        /// What was expected.
        step: &'static str,
    },
    /// The peer closed the connection or died.
    #[error(
        "attach failed: the daemon at {path} hung up ({step}): it is shutting down, or too \
        busy"
    )]
    HungUp {
        /// The socket.
        path: PathBuf,
        /// What was expected.
        step: &'static str,
    },
    /// The daemon did not answer in time.
    #[error(
        "attach failed: the daemon gave no answer within {} ms: it is stopped (kill -CONT goes on), \
        hangs, or is overloaded",
        HANDSHAKE_DEADLINE.as_millis()
    )]
    Deadline,
    /// The model table cannot be read.
    #[error("attach failed: the engine's model table stays half written: the engine died or hangs")]
    Unsettled,
    /// The system refused.
    #[error("attach failed: {0}")]
    Io(#[from] io::Error),
}

impl AttachError {
    /// Whether trying again may help: no daemon yet, a busy or a silent one.
    pub fn may_pass(&self) -> bool {
        match self {
            AttachError::Unreachable { source, .. } => {
                matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
            }
            AttachError::Refused(refusal) => {
                matches!(refusal, Refusal::Busy | Refusal::TooMany { .. })
            }
            AttachError::HungUp { .. } | AttachError::Deadline | AttachError::Unsettled => true,
            _ => false,
        }
    }
}

/// Why a control verb was not carried out.
#[derive(Debug, Error)]
pub enum CommandError {
    /// No daemon, or not a compatible one.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// The daemon could not do it, and says why.
    #[error("{0}")]
    Failed(String),
}

/// The path of the control socket: the flag, `FACTORD_SOCKET`, `$XDG_RUNTIME_DIR/factord/`,
/// `/run/factord/` for root, else `/tmp/factord-UID/`; the name there is `factord.sock`.
pub fn socket_path(flag: Option<&Path>) -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(path) = flag {
        return path.to_owned();
    }
    if let Some(path) = set("FACTORD_SOCKET") {
        return path.into();
    }
    let directory = match (set("XDG_RUNTIME_DIR"), sched::user_id()) {
        (Some(runtime), _) => PathBuf::from(runtime).join("factord"),
        (None, 0) => PathBuf::from("/run/factord"),
        (None, uid) => PathBuf::from(format!("/tmp/factord-{uid}")),
    };
    directory.join("factord.sock")
}

/// Version word as people write it.
pub fn abi_name(word: u64) -> String {
    format!("{}.{}", word >> 16 & 0xFFFF, word & 0xFFFF)
}
