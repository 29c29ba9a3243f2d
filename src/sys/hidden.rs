//! A listening Unix socket without a name: only this process can connect to it, and nothing is
//! left behind however the process ends.

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use rustix::rand::{GetRandomFlags, getrandom};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

/// The way to a hidden listener.
#[derive(Debug)]
pub(crate) struct HiddenAddress {
    /// The socket's inode, held open after its name was removed.
    inode: OwnedFd,
}

/// Binds a listener in a fresh directory of mode 0700 and removes both names at once.
pub(crate) fn listen() -> io::Result<(UnixListener, HiddenAddress)> {
    let mut random = [0_u8; 8];
    getrandom(&mut random, GetRandomFlags::empty())?;
    let name = format!("factord-http-{:016x}", u64::from_le_bytes(random));
    let folder = std::env::temp_dir().join(name);
    DirBuilder::new().mode(0o700).create(&folder)?;
    let bound = bind_in(&folder);
    fs::remove_dir_all(&folder)?;
    bound
}

fn bind_in(folder: &Path) -> io::Result<(UnixListener, HiddenAddress)> {
    let path = folder.join("http.sock");
    let listener = UnixListener::bind(&path)?;
    let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let inode = openat(CWD, &path, flags, Mode::empty())?;
    Ok((listener, HiddenAddress { inode }))
}

impl HiddenAddress {
    /// Connects to the listener, without waiting for it: `EAGAIN` when too many do.
    pub(crate) fn connect(&self) -> io::Result<UnixStream> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        let path = format!("/proc/self/fd/{}", self.inode.as_raw_fd());
        connect(&socket, &SocketAddrUnix::new(path)?)?;
        Ok(socket.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn a_hidden_listener_is_reached_after_its_name_is_gone() {
        let (listener, address) = listen().unwrap();
        let path = listener.local_addr().unwrap().as_pathname().unwrap().to_owned();
        assert!(!path.exists());
        assert!(!path.parent().unwrap().exists());
        let mut near = address.connect().unwrap();
        let (mut far, _) = listener.accept().unwrap();
        near.write_all(b"x").unwrap();
        let mut byte = [0];
        far.read_exact(&mut byte).unwrap();
        assert_eq!(byte, *b"x");
    }
}
