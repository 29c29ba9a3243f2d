//! The attach handshake and the control verbs: messages of both sides, and the client's half.
//!
//! ```text
//! client -> HELLO      magic 1 abi feature_count slot_count nonce name[32]
//! daemon -> WELCOME    magic 2 abi layout_hash epoch client_id feature_count slot_count nonce
//!                      + STATUS, MODELS (read-only), REQ and RESP (writable)
//!        or REFUSED    magic 5 abi code a b
//! client -> MAPPED     magic 3
//! daemon -> READY      magic 4
//! client -> COMMAND    magic 6 abi verb argument
//! daemon -> REPLY      magic 7 abi code + a sealed memory file with the text or bytes
//! ```
//!
//! Every message is 32 little-endian words. An observer (`slot_count` 0) gets STATUS alone and no
//! MAPPED or READY follows. The socket path is found by the same rule on both sides.

mod message;

pub use message::{MESSAGE_LEN, MESSAGE_WORDS, Message, NAME_LEN, Refusal, Verb, Welcome};

use crate::abi;
use crate::region::{self, Access, Mapping, OpenError};
use crate::ring::Geometry;
use crate::sync::Ordering;
use crate::sys::{clock, memory, sched, socket};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;
use thiserror::Error;

/// How long either side waits for the other's next message.
pub const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(1);
/// How long a caller waits for the reply to a control verb, which may read files.
pub const COMMAND_DEADLINE: Duration = Duration::from_secs(10);
/// The most bytes a reply may carry: an artifact's limit and some room.
pub const REPLY_LEN_MAX: u64 = 16 << 20;

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
    /// The peer is no daemon, or broke the handshake.
    #[error("attach failed: the peer at {path} does not speak the protocol ({step})")]
    Protocol {
        /// The socket.
        path: PathBuf,
        /// What was expected.
        step: &'static str,
    },
    /// The daemon did not answer in time.
    #[error("attach failed: no answer within {} ms", HANDSHAKE_DEADLINE.as_millis())]
    Deadline,
    /// The model table cannot be read.
    #[error("attach failed: the engine's model table stays half written: it died, or stands still")]
    Unsettled,
    /// The system refused.
    #[error("attach failed: {0}")]
    Io(#[from] io::Error),
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

/// A control connection of the client's side.
#[derive(Debug)]
pub struct Connection {
    socket: OwnedFd,
    path: PathBuf,
}

/// A granted channel: its regions, mapped, and the connection that keeps it alive.
#[derive(Debug)]
pub struct Attached {
    /// Closing it frees the channel.
    pub connection: Connection,
    /// What the daemon granted.
    pub welcome: Welcome,
    /// Counters and the model table.
    pub status: Mapping,
    /// Active model parameters.
    pub models: Mapping,
    /// The request ring, writable.
    pub req: Mapping,
    /// The response ring.
    pub resp: Mapping,
}

impl Connection {
    /// Connects to the daemon at `path`.
    ///
    /// # Errors
    ///
    /// [`AttachError::Unreachable`].
    pub fn open(path: &Path) -> Result<Connection, AttachError> {
        let socket = socket::connect_to(path)
            .map_err(|source| AttachError::Unreachable { path: path.to_owned(), source })?;
        Ok(Connection { socket, path: path.to_owned() })
    }

    /// Tells whether the daemon closed the connection or died.
    pub fn hung_up(&self) -> bool {
        socket::hung_up(self.socket.as_fd())
    }

    /// The descriptor of the connection.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn send(&self, message: &Message) -> Result<(), AttachError> {
        Ok(socket::send(self.socket.as_fd(), &message.encode(), &[])?)
    }

    fn receive(
        &self,
        deadline: Duration,
        step: &'static str,
    ) -> Result<(Message, Vec<OwnedFd>), AttachError> {
        let end_ns = clock::monotonic_ns() + deadline.as_nanos() as u64;
        loop {
            let left_ns = end_ns.saturating_sub(clock::monotonic_ns());
            if left_ns == 0 {
                return Err(AttachError::Deadline);
            }
            if socket::wait_readable(self.socket.as_fd(), Duration::from_nanos(left_ns))? {
                break;
            }
        }
        let protocol = || AttachError::Protocol { path: self.path.clone(), step };
        let mut buffer = [0; MESSAGE_LEN];
        let received = socket::receive(self.socket.as_fd(), &mut buffer)?;
        if received.truncated {
            return Err(protocol());
        }
        match Message::decode(&buffer[..received.len]).ok_or_else(protocol)? {
            Message::Refused { abi, refusal: Refusal::Abi } => {
                Err(AttachError::Abi { daemon: abi_name(abi), client: abi_name(abi::ABI_WORD) })
            }
            Message::Refused { refusal, .. } => Err(AttachError::Refused(refusal)),
            message => Ok((message, received.descriptors)),
        }
    }

    fn greet(
        &self,
        shape: Option<Geometry>,
        name: &str,
    ) -> Result<(Welcome, Vec<OwnedFd>), AttachError> {
        let nonce = clock::monotonic_ns() ^ u64::from(std::process::id()) << 32;
        let mut padded = [0; NAME_LEN];
        let len = name.len().min(NAME_LEN - 1);
        padded[..len].copy_from_slice(&name.as_bytes()[..len]);
        let (feature_count, slot_count) =
            shape.map_or((0, 0), |g| (g.feature_count() as u64, g.slot_count() as u64));
        let abi = abi::ABI_WORD;
        self.send(&Message::Hello { abi, feature_count, slot_count, nonce, name: padded })?;
        let step = "expected a welcome";
        let (message, descriptors) = self.receive(HANDSHAKE_DEADLINE, step)?;
        let protocol = |step| AttachError::Protocol { path: self.path.clone(), step };
        let Message::Welcome(welcome) = message else { return Err(protocol(step)) };
        if welcome.abi >> 16 != abi >> 16 || welcome.layout_hash != abi::LAYOUT_HASH {
            return Err(AttachError::Abi {
                daemon: format!("{} layout {:016x}", abi_name(welcome.abi), welcome.layout_hash),
                client: format!("{} layout {:016x}", abi_name(abi), abi::LAYOUT_HASH),
            });
        }
        if (welcome.nonce, welcome.feature_count, welcome.slot_count)
            != (nonce, feature_count, slot_count)
        {
            return Err(protocol("the welcome answers another greeting"));
        }
        Ok((welcome, descriptors))
    }

    /// Carries out one control verb and returns what the daemon says.
    ///
    /// # Errors
    ///
    /// [`CommandError::Failed`] with the daemon's own words.
    pub fn command(&self, verb: Verb, argument: u64) -> Result<Vec<u8>, CommandError> {
        let abi = abi::ABI_WORD;
        self.send(&Message::Command { abi, verb: verb as u64, argument })?;
        let (message, descriptors) = self.receive(COMMAND_DEADLINE, "expected a reply")?;
        let (Message::Reply { code }, [file]) = (message, descriptors.as_slice()) else {
            let step = "expected a reply with its text";
            return Err(AttachError::Protocol { path: self.path.clone(), step }.into());
        };
        let bytes = read_reply(file).map_err(AttachError::from)?;
        if code == 0 {
            Ok(bytes)
        } else {
            Err(CommandError::Failed(String::from_utf8_lossy(&bytes).into_owned()))
        }
    }
}

/// Reads the file of a reply whole; its size is a claim and is bounded before it is believed.
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

/// Compares words of a region's header with what they must be.
fn check_header(
    name: &'static str,
    mapping: &Mapping,
    words: &[(usize, u64)],
) -> Result<(), OpenError> {
    for &(index, expected) in words {
        // Relaxed: the daemon wrote the header before it sent the descriptor.
        let found = mapping.words()[index].load(Ordering::Relaxed);
        if found != expected {
            return Err(OpenError::Header { name, offset: index * 8, found, expected });
        }
    }
    Ok(())
}

fn check_status(status: &Mapping, welcome: &Welcome) -> Result<(), OpenError> {
    use abi::status_region as at;
    let layout = (at::LAYOUT_HASH, welcome.layout_hash);
    check_header("STATUS", status, &[(at::MAGIC, abi::MAGIC), (at::ABI, welcome.abi), layout])
}

fn check_models(models: &Mapping, welcome: &Welcome) -> Result<(), OpenError> {
    use abi::models_region as at;
    let layout = (at::LAYOUT_HASH, welcome.layout_hash);
    let count = (at::MODEL_COUNT, abi::MODEL_COUNT_MAX as u64);
    let words = [(at::MAGIC, abi::MAGIC), (at::ABI, welcome.abi), layout, count];
    check_header("MODELS", models, &words)
}

fn check_resp(resp: &Mapping, welcome: &Welcome) -> Result<(), OpenError> {
    use abi::resp_header as at;
    let words = [
        (at::MAGIC, abi::MAGIC),
        (at::ABI, welcome.abi),
        (at::LAYOUT_HASH, welcome.layout_hash),
        (at::CLIENT_ID, welcome.client_id),
        (at::FEATURE_COUNT, welcome.feature_count),
        (at::SLOT_COUNT, welcome.slot_count),
    ];
    check_header("RESP", resp, &words)
}

/// Attaches a channel of the given shape.
///
/// # Errors
///
/// [`AttachError`].
pub fn attach(path: &Path, shape: Geometry, name: &str) -> Result<Attached, AttachError> {
    let connection = Connection::open(path)?;
    let (welcome, descriptors) = connection.greet(Some(shape), name)?;
    let protocol = |step| AttachError::Protocol { path: path.to_owned(), step };
    let [status, models, req, resp] = descriptors.as_slice() else {
        return Err(protocol("expected four descriptors"));
    };
    let status = region::open("STATUS", status, abi::status_region::LINES, Access::Read)?;
    let models = region::open("MODELS", models, abi::models_region::LINES, Access::Read)?;
    let req = region::open("REQ", req, shape.req_lines(), Access::Write)?;
    let resp = region::open("RESP", resp, shape.resp_lines(), Access::Write)?;
    check_status(&status, &welcome)?;
    check_models(&models, &welcome)?;
    check_resp(&resp, &welcome)?;
    connection.send(&Message::Mapped)?;
    match connection.receive(HANDSHAKE_DEADLINE, "expected ready")? {
        (Message::Ready, descriptors) if descriptors.is_empty() => {}
        _ => return Err(protocol("expected ready")),
    }
    Ok(Attached { connection, welcome, status, models, req, resp })
}

/// Attaches to STATUS alone.
///
/// # Errors
///
/// [`AttachError`].
pub fn observe(path: &Path) -> Result<Mapping, AttachError> {
    let connection = Connection::open(path)?;
    let (welcome, descriptors) = connection.greet(None, "observer")?;
    let [status] = descriptors.as_slice() else {
        let step = "expected one descriptor";
        return Err(AttachError::Protocol { path: path.to_owned(), step });
    };
    let status = region::open("STATUS", status, abi::status_region::LINES, Access::Read)?;
    check_status(&status, &welcome)?;
    Ok(status)
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

/// Reads the artifact of a served model, as the engine validated it.
///
/// # Errors
///
/// [`CommandError::Failed`] when no model of that id is served.
pub fn fetch_artifact(path: &Path, model: u16) -> Result<Vec<u8>, CommandError> {
    Connection::open(path)?.command(Verb::Artifact, model.into())
}
