//! A control connection of the client's side. Nothing here waits unless it says so.

use super::{
    AttachError, HANDSHAKE_DEADLINE, Hello, MESSAGE_LEN, Message, NAME_LEN, Refusal, Shape,
    Welcome, abi_name,
};
use crate::abi;
use crate::sys::{clock, sched, socket, trust};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

/// Between two looks for room in the daemon's queue, which nothing announces.
// 1 ms: a tick of the daemon takes 10.
pub(super) const ROOM_PAUSE: Duration = Duration::from_millis(1);

/// The user that the command line trusts as the daemon.
static TOLD: OnceLock<u32> = OnceLock::new();

/// Trusts this user as the daemon, besides root and this process's own user, in directories that
/// are open to all, unless an option says otherwise. The first call counts.
pub fn trust_daemon_user(uid: u32) {
    TOLD.get_or_init(|| uid);
}

/// The user to trust: by option, by command line, or by FACTORD_DAEMON_UID.
pub fn told(option: Option<u32>) -> Result<Option<u32>, String> {
    if let Some(uid) = option.or(TOLD.get().copied()) {
        return Ok(Some(uid));
    }
    match std::env::var_os("FACTORD_DAEMON_UID").filter(|value| !value.is_empty()) {
        None => Ok(None),
        Some(text) => match text.to_str().and_then(|text| text.parse().ok()) {
            Some(uid) => Ok(Some(uid)),
            None => Err(format!(
                "may belong to anybody (FACTORD_DAEMON_UID is {text:?}, which is \
                not a user id)"
            )),
        },
    }
}

/// A control connection of the client's side.
#[derive(Debug)]
pub struct Connection {
    socket: OwnedFd,
    path: PathBuf,
}

/// A message with the descriptors that came along.
pub(super) type Heard = (Message, Vec<OwnedFd>);

impl Connection {
    /// Connects to the daemon at `path`; waits for room in its queue for as long as it may take to
    /// answer a message.
    ///
    /// # Errors
    ///
    /// [`AttachError`].
    pub fn open(path: &Path) -> Result<Connection, AttachError> {
        let end_ns = clock::end_of(HANDSHAKE_DEADLINE);
        loop {
            if let Some(connection) = Connection::reach(path, None)? {
                return Ok(connection);
            }
            if clock::monotonic_ns() >= end_ns {
                return Err(AttachError::Deadline);
            }
            std::thread::sleep(ROOM_PAUSE);
        }
    }

    /// Connects, if there is room in the daemon's queue. `daemon_uid` is trusted in directories
    /// that are open to all.
    pub(super) fn reach(
        path: &Path,
        daemon_uid: Option<u32>,
    ) -> Result<Option<Connection>, AttachError> {
        let told = trusted(path, daemon_uid)?;
        let socket = match socket::connect_at_once(path) {
            Ok(socket) => socket,
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::Interrupted => return Ok(None),
                ErrorKind::PermissionDenied => return Err(forbidden(path)),
                _ => return Err(AttachError::Unreachable { path: path.to_owned(), source: error }),
            },
        };
        if let Some(told) = told {
            let uid = socket::credentials(socket.as_fd())?.uid;
            if ![0, sched::user_id()].contains(&uid) && told != Some(uid) {
                let why = format!("is served by user {uid}");
                return Err(AttachError::Untrusted { path: path.to_owned(), why });
            }
        }
        Ok(Some(Connection { socket, path: path.to_owned() }))
    }

    /// Whether the daemon closed the connection or died.
    pub fn hung_up(&self) -> bool {
        socket::hung_up(self.socket.as_fd())
    }

    /// The descriptor of the connection.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    pub(super) fn send(&self, message: &Message) -> Result<(), AttachError> {
        self.send_with(message, &[])
    }

    pub(super) fn send_with(
        &self,
        message: &Message,
        files: &[BorrowedFd<'_>],
    ) -> Result<(), AttachError> {
        match socket::send(self.socket.as_fd(), &message.encode(), files) {
            // Its last words may still be there to be read.
            Err(error) if is_gone(&error) => Ok(()),
            other => Ok(other?),
        }
    }

    /// Takes the next message, if it is there.
    pub(super) fn take(&self, step: &'static str) -> Result<Option<Heard>, AttachError> {
        let mut buffer = [0; MESSAGE_LEN];
        let mut receive = || socket::receive(self.socket.as_fd(), &mut buffer);
        let received = match receive() {
            // Said once when the daemon closed before it read all; what it said comes after.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => receive(),
            other => other,
        };
        let path = || self.path.clone();
        let received = match received {
            Ok(received) if received.len == 0 => {
                return Err(AttachError::HungUp { path: path(), step });
            }
            Ok(received) => received,
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::Interrupted => return Ok(None),
                _ if is_gone(&error) => return Err(AttachError::HungUp { path: path(), step }),
                _ => return Err(error.into()),
            },
        };
        if received.truncated {
            return Err(self.broken(step));
        }
        match Message::decode(&buffer[..received.len]).ok_or_else(|| self.broken(step))? {
            Message::Refused { abi, refusal: Refusal::Abi } => {
                Err(AttachError::Abi { daemon: abi_name(abi), client: abi_name(abi::ABI_WORD) })
            }
            Message::Refused { refusal, .. } => Err(AttachError::Refused(refusal)),
            message => Ok(Some((message, received.descriptors))),
        }
    }

    /// Waits for the next message, until `end_ns` at most.
    pub(super) fn receive(&self, end_ns: u64, step: &'static str) -> Result<Heard, AttachError> {
        loop {
            if let Some(heard) = self.take(step)? {
                return Ok(heard);
            }
            self.wait(end_ns)?;
        }
    }

    /// Waits until there is something to read, until `end_ns` at most.
    pub(super) fn wait(&self, end_ns: u64) -> Result<(), AttachError> {
        let left_ns = end_ns.saturating_sub(clock::monotonic_ns());
        if left_ns == 0 {
            return Err(AttachError::Deadline);
        }
        socket::wait_readable(self.socket.as_fd(), Duration::from_nanos(left_ns))?;
        Ok(())
    }

    /// The error of a peer that says something else.
    pub(super) fn broken(&self, step: &'static str) -> AttachError {
        AttachError::Protocol { path: self.path.clone(), step }
    }

    /// Says hello; returns the nonce that the welcome must bear.
    pub(super) fn greet(&self, shape: Option<Shape>, name: &str) -> Result<u64, AttachError> {
        let nonce = clock::monotonic_ns() ^ u64::from(std::process::id()) << 32;
        let mut padded = [0; NAME_LEN];
        let len = name.len().min(NAME_LEN - 1);
        padded[..len].copy_from_slice(&name.as_bytes()[..len]);
        let [feature_count, slot_count, output_count, class] = Shape::numbers(shape);
        self.send(&Message::Hello(Hello {
            abi: abi::ABI_WORD,
            feature_count,
            slot_count,
            nonce,
            name: padded,
            output_count,
            class,
        }))?;
        Ok(nonce)
    }

    /// Checks that a message is the welcome to a greeting.
    pub(super) fn welcome(
        &self,
        message: &Message,
        shape: Option<Shape>,
        nonce: u64,
    ) -> Result<Welcome, AttachError> {
        let Message::Welcome(welcome) = *message else {
            return Err(self.broken("expected a welcome"));
        };
        let abi = abi::ABI_WORD;
        if welcome.abi >> 16 != abi >> 16 {
            return Err(AttachError::Abi { daemon: abi_name(welcome.abi), client: abi_name(abi) });
        }
        if welcome.layout_hash != abi::RINGS_HASH {
            return Err(AttachError::Abi {
                daemon: format!("{} layout {:016x}", abi_name(welcome.abi), welcome.layout_hash),
                client: format!("{} layout {:016x}", abi_name(abi), abi::RINGS_HASH),
            });
        }
        let granted =
            [welcome.feature_count, welcome.slot_count, welcome.output_count, welcome.class];
        if welcome.nonce != nonce || granted != Shape::numbers(shape) {
            return Err(self.broken("the welcome is for a different greeting"));
        }
        Ok(welcome)
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
}

fn forbidden(path: &Path) -> AttachError {
    AttachError::Forbidden { path: path.to_owned(), uid: sched::user_id() }
}

/// Checks a path below a directory that is open to all; returns the user to trust there as the
/// daemon besides root and this user, or `None` for any other path.
fn trusted(path: &Path, daemon_uid: Option<u32>) -> Result<Option<Option<u32>>, AttachError> {
    if !trust::concerns(path)? {
        return Ok(None);
    }
    let told =
        told(daemon_uid).map_err(|why| AttachError::Untrusted { path: path.to_owned(), why })?;
    match trust::check(path, told) {
        Ok(Ok(())) => Ok(Some(told)),
        Ok(Err((path, why))) => Err(AttachError::Untrusted { path, why: why.to_string() }),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(forbidden(path)),
        Err(error) => Err(error.into()),
    }
}
