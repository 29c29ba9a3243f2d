//! Served artifacts as sealed memory files: one a version for all who ask, so that replies that are
//! never read cost a descriptor and no memory.

use factord_core::sys::memory;
use factord_models::catalogue::LoadedModel;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// The files made so far, by model id, each with the hash of what it holds.
#[derive(Debug, Default)]
pub(super) struct ArtifactFiles {
    by_id: HashMap<u64, ([u8; 32], OwnedFd)>,
}

impl ArtifactFiles {
    /// A descriptor for one client of the artifact served under `id`.
    pub(super) fn open(&mut self, id: u64, served: &LoadedModel) -> io::Result<OwnedFd> {
        if self.by_id.get(&id).is_none_or(|(sha256, _)| *sha256 != served.sha256) {
            let file = memory::sealed_file("factord-artifact", &served.bytes)?;
            self.by_id.insert(id, (served.sha256, file));
        }
        memory::reopen_read_only(self.by_id[&id].1.as_fd())
    }
}
