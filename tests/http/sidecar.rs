//! A sidecar of a test's own, without a daemon above it.

use crate::harness::{PATIENCE, address_in, command, holds_within};
use rustix::process::{Pid, Signal, kill_process};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// A child of the test that is killed when dropped, also while it is stopped.
pub(crate) struct Owned(pub(crate) Child);

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `factord http` for a socket, its log unread.
pub(crate) fn sidecar(socket: &Path) -> (Owned, SocketAddr) {
    let mut child = Owned(
        command(socket)
            .args(["http", "--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let address = address_in(&mut child.0);
    (child, address)
}

/// Sends SIGTERM and tells how long the end took.
pub(crate) fn end_of(child: &mut Owned) -> Duration {
    let began = Instant::now();
    kill_process(Pid::from_child(&child.0), Signal::TERM).unwrap();
    let ended = holds_within(PATIENCE, || child.0.try_wait().unwrap().is_some());
    assert!(ended, "SIGTERM ends it");
    began.elapsed()
}
