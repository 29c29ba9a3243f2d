//! An engine whose socket outlives it, so that another one can take its place.

use crate::support;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

/// A running engine; ends with the test.
pub(crate) struct Engine(Child);

impl Engine {
    /// Starts one and waits until it is ready.
    pub(crate) fn start(socket: &Path, more: &[&str]) -> Engine {
        Engine(support::engine(socket, more, Duration::from_secs(60)))
    }

    /// Kills it by SIGKILL.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.end();
    }
}
