//! What the pilot tells: people on stdout, and machines in a file or on stdout, a line each.

use super::super::supervised::Voice;
use super::super::{Failure, print};
use factord_core::sys::clock;
use serde_json::Value;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Where lines go.
#[derive(Debug)]
pub(super) struct Told {
    /// JSON on stdout instead of text.
    json: bool,
    log: Option<(PathBuf, File)>,
    pub(super) voice: Voice,
    /// Lines that could not be written to the file.
    pub(super) unlogged: u64,
}

impl Told {
    /// Opens the file, which is added to.
    pub(super) fn open(json: bool, log: Option<&Path>, voice: Voice) -> Result<Told, Failure> {
        let open = |path: &Path| {
            let file = File::options().create(true).append(true).open(path);
            file.map(|file| (path.to_owned(), file))
                .map_err(|error| Failure::creating(path, &error))
        };
        Ok(Told { json, log: log.map(open).transpose()?, voice, unlogged: 0 })
    }

    /// Tells an event, in words and as an object, to which moment and kind are added. A file that
    /// cannot be written is said once: the canaries go on to be watched.
    pub(super) fn tell(
        &mut self,
        event: &str,
        text: Option<&str>,
        mut object: Value,
    ) -> Result<(), Failure> {
        object["at_unix_ns"] = clock::unix_ns().into();
        object["event"] = event.into();
        let line = format!("{object}\n");
        if let Some((path, file)) = &mut self.log
            && let Err(error) = file.write_all(line.as_bytes())
        {
            if self.unlogged == 0 {
                self.voice.warn(format_args!("cannot write {}: {error}", path.display()));
            }
            self.unlogged += 1;
        }
        match text {
            _ if self.json => print(line),
            Some(text) if event == "begin" => self.voice.ready(text),
            Some(text) => text.lines().try_for_each(|line| self.voice.tell(line)),
            None => Ok(()),
        }
    }
}
