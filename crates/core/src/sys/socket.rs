//! Sequenced-packet Unix sockets that carry small messages and descriptors.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
    accept_with, bind, connect, listen, recvmsg, sendmsg, socket_with, sockopt,
};
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::time::Duration;

/// The most descriptors one message carries.
pub const DESCRIPTOR_COUNT_MAX: usize = 4;

/// Who is at the other end of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Process id at the time of connecting; 0 where this process cannot see it, in another PID
    /// namespace.
    pub pid: i32,
    /// User id at the time of connecting.
    pub uid: u32,
    /// Group id at the time of connecting.
    pub gid: u32,
}

impl fmt::Display for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            0 => write!(f, "a process of user {} in another PID namespace", self.uid),
            pid => write!(f, "process {pid} of user {}", self.uid),
        }
    }
}

/// One message as it arrived.
#[derive(Debug)]
pub struct Received {
    /// Bytes of the message; 0 when the peer is gone.
    pub len: usize,
    /// Descriptors that came with it.
    pub descriptors: Vec<OwnedFd>,
    /// The message was longer than the buffer, or descriptors were dropped.
    pub truncated: bool,
}

/// Connects to the socket at `path`.
///
/// # Errors
///
/// `ENOENT` or `ECONNREFUSED` when no daemon listens there, `EAGAIN` when it is overrun.
pub fn connect_to(path: &Path) -> io::Result<OwnedFd> {
    let socket =
        socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}

/// Connects to the socket at `path` without ever waiting.
///
/// # Errors
///
/// As [`connect_to`]; `EAGAIN` when the listener's queue is full.
pub fn connect_at_once(path: &Path) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}

/// Listens at `path`, without blocking on accept.
///
/// # Errors
///
/// `EADDRINUSE` when the path exists.
pub fn listen_at(path: &Path) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    // 1,024 waiting connections: an attach storm of the quota's size, three times over.
    listen(&socket, 1024)?;
    Ok(socket)
}

/// Changes how many connections a listening socket keeps waiting; the system may allow fewer.
///
/// # Errors
///
/// The system's error.
pub fn listen_again(listener: impl AsFd, count: i32) -> io::Result<()> {
    Ok(listen(listener, count)?)
}

/// Makes the connections that a TCP listener accepts from now on send at once what is written.
///
/// # Errors
///
/// The system's error.
pub fn set_no_delay(listener: impl AsFd) -> io::Result<()> {
    // Linux hands the option on from a listener to what it accepts.
    Ok(sockopt::set_tcp_nodelay(listener, true)?)
}

/// Accepts a waiting connection, non-blocking; `None` when there is none.
///
/// # Errors
///
/// `EMFILE` or `ENFILE` when descriptors ran out.
pub fn accept(listener: BorrowedFd<'_>) -> io::Result<Option<OwnedFd>> {
    match accept_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
        Ok(socket) => Ok(Some(socket)),
        Err(Errno::AGAIN | Errno::CONNABORTED | Errno::INTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether an error says that no more descriptors can be had.
pub fn out_of_descriptors(error: &io::Error) -> bool {
    let number = error.raw_os_error();
    [Errno::MFILE, Errno::NFILE].iter().any(|errno| number == Some(errno.raw_os_error()))
}

/// Whether an error of connecting says that a socket of another type is there.
pub fn of_another_sort(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::PROTOTYPE.raw_os_error())
}

/// Reads the credentials the peer had when it connected.
///
/// # Errors
///
/// The system's error.
pub fn credentials(socket: BorrowedFd<'_>) -> io::Result<Credentials> {
    // NB: not rustix's, whose type of process ids has no 0.
    let mut credentials = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut len = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: `credentials` and `len` live through the call and `len` is the size of `credentials`.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut credentials).cast(),
            &raw mut len,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Credentials { pid: credentials.pid, uid: credentials.uid, gid: credentials.gid })
}

/// Reads the supplementary groups the peer had when it connected.
///
/// # Errors
///
/// The system's error; before Linux 4.13 nobody can tell.
pub fn peer_groups(socket: BorrowedFd<'_>) -> io::Result<Vec<u32>> {
    // A process has 65,536 at most: include/uapi/linux/limits.h, NGROUPS_MAX.
    const GROUP_COUNT_MAX: usize = 65_536;
    let mut groups = vec![0 as libc::gid_t; 64];
    loop {
        let mut len = size_of_val(groups.as_slice()) as libc::socklen_t;
        // SAFETY: `groups` and `len` live through the call and `len` is the size of `groups`.
        let result = unsafe {
            libc::getsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERGROUPS,
                groups.as_mut_ptr().cast(),
                &raw mut len,
            )
        };
        // Where there is no room, the kernel says how much it takes.
        let count = len as usize / size_of::<libc::gid_t>();
        if result == 0 {
            groups.truncate(count);
            return Ok(groups);
        }
        let error = io::Error::last_os_error();
        let is_short = error.raw_os_error() == Some(libc::ERANGE);
        if !is_short || count <= groups.len() || count > GROUP_COUNT_MAX {
            return Err(error);
        }
        groups.resize(count, 0);
    }
}

/// Whether the peer has yet to read some of what it was sent, even if it has shut its end
/// down; false once it is gone.
pub fn is_unread(socket: BorrowedFd<'_>) -> bool {
    let mut len: libc::c_int = 0;
    // TIOCOUTQ is SIOCOUTQ, the bytes that were sent and are still in a queue.
    // SAFETY: the kernel stores one int through the pointer, which is that of a live one.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut len) };
    result == 0 && len > 0
}

/// Ends both directions; what was sent can still be read.
pub fn end(socket: BorrowedFd<'_>) {
    // The peer may have ended them first.
    let _ = rustix::net::shutdown(socket, rustix::net::Shutdown::Both);
}

/// A descriptor that becomes readable when the peer's process ends, even if a forked child still
/// holds the socket.
///
/// # Errors
///
/// The system's error; the process may be gone already.
pub fn peer_process(socket: BorrowedFd<'_>, credentials: Credentials) -> io::Result<OwnedFd> {
    // SO_PEERPIDFD, since Linux 6.5, names the very process that connected; a pid may have been
    // given to another one meanwhile. Source: include/uapi/asm-generic/socket.h.
    const SO_PEERPIDFD: libc::c_int = 77;
    let mut raw: libc::c_int = -1;
    let mut len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: `raw` and `len` live through the call and `len` is the size of `raw`.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_PEERPIDFD,
            (&raw mut raw).cast(),
            &raw mut len,
        )
    };
    if result == 0 && raw >= 0 {
        // SAFETY: the kernel made this descriptor for this call, so nobody else owns it.
        return Ok(unsafe { OwnedFd::from_raw_fd(raw) });
    }
    let pid = rustix::process::Pid::from_raw(credentials.pid).ok_or(Errno::SRCH)?;
    Ok(rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())?)
}

/// Sends one message with its descriptors; never raises SIGPIPE.
///
/// # Errors
///
/// `EPIPE` when the peer is gone, `EAGAIN` when a non-blocking socket is full.
pub fn send(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTOR_COUNT_MAX))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    sendmsg(socket, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Receives one message; descriptors are closed on exec.
///
/// # Errors
///
/// `EAGAIN` when a non-blocking socket has none, `ECONNRESET` when the peer died.
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Received> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTOR_COUNT_MAX))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let message =
        recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let mut descriptors = Vec::new();
    for entry in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = entry {
            descriptors.extend(rights);
        }
    }
    let truncated = message.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC);
    Ok(Received { len: message.bytes, descriptors, truncated })
}

/// Waits until `socket` has something to read or its peer is gone; false when time ran out.
///
/// # Errors
///
/// The system's error.
pub fn wait_readable(socket: BorrowedFd<'_>, timeout: Duration) -> io::Result<bool> {
    let timeout = Timespec {
        tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    };
    let borrowed = socket.as_fd();
    let mut set = [PollFd::new(&borrowed, PollFlags::IN)];
    match poll(&mut set, Some(&timeout)) {
        Ok(count) => Ok(count > 0),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether the peer has closed the socket or died.
pub fn hung_up(socket: BorrowedFd<'_>) -> bool {
    let mut set = [PollFd::new(&socket, PollFlags::RDHUP)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut set, Some(&now)) {
        Ok(0) => false,
        Ok(_) => set[0]
            .revents()
            .intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::RDHUP | PollFlags::NVAL),
        Err(_) => false,
    }
}

/// Takes over a descriptor that the service manager passed.
pub fn passed(fd: RawFd) -> OwnedFd {
    // SAFETY: the caller got the number from LISTEN_FDS, whose descriptors are open, belong to this
    // process and are named there once.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// Takes over a listening socket that the service manager passed, and makes it non-blocking.
///
/// # Errors
///
/// What the descriptor is instead.
pub fn adopt(fd: RawFd) -> io::Result<OwnedFd> {
    let socket = passed(fd);
    let refuse = |what| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    match sockopt::socket_domain(&socket) {
        Ok(AddressFamily::UNIX) => {}
        Ok(_) => return refuse("a socket of the network"),
        Err(Errno::NOTSOCK) => return refuse("no socket"),
        Err(error) => return Err(error.into()),
    }
    if sockopt::socket_type(&socket)? != SocketType::SEQPACKET {
        return refuse("a Unix socket of another type than SEQPACKET");
    }
    if !sockopt::socket_acceptconn(&socket)? {
        return refuse("a socket that does not listen");
    }
    rustix::io::ioctl_fionbio(&socket, true)?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    Ok(socket)
}
