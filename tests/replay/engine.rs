//! An engine whose socket outlives it, so that another one can take its place.

use crate::support::factord;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// A running engine; ends with the test.
pub(crate) struct Engine(Child);

impl Engine {
    /// Starts one and waits until it is ready.
    pub(crate) fn start(socket: &Path, more: &[&str]) -> Engine {
        let mut child = factord(&["serve", "--no-http", "--idle", "backoff", "--socket"])
            .arg(socket)
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (ready, wait) = mpsc::channel();
        let stdout = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            // Read to the end, so that the engine never writes into a closed pipe.
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = ready.send(line);
            }
        });
        let line = wait.recv_timeout(Duration::from_secs(60)).expect("the engine says it is ready");
        assert!(line.contains("ready"), "{line}");
        Engine(child)
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
