//! What is sent of served versions, as sealed memory files: one a version for all who ask, so that
//! replies that are never read cost a descriptor and no memory.

use factord_core::sys::memory;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// Files kept for the next who asks; the oldest makes room.
// 64: with a few versions in use at a time, each is made once.
const FILE_COUNT_MAX: usize = 64;

/// The files made last, by fingerprint.
#[derive(Debug, Default)]
pub(super) struct VersionFiles {
    files: VecDeque<(u64, OwnedFd)>,
}

impl VersionFiles {
    /// Lets go of the files of versions that are not served any more.
    pub(super) fn retain(&mut self, is_served: impl Fn(u64) -> bool) {
        self.files.retain(|(fingerprint, _)| is_served(*fingerprint));
    }

    /// A descriptor for one client of a version's file, which `make` makes unless it is there.
    pub(super) fn open(
        &mut self,
        fingerprint: u64,
        make: impl FnOnce() -> io::Result<OwnedFd>,
    ) -> io::Result<OwnedFd> {
        let known = self.files.iter().position(|(known, _)| *known == fingerprint);
        let index = match known {
            Some(index) => index,
            None => {
                let file = make()?;
                if self.files.len() == FILE_COUNT_MAX {
                    self.files.pop_front();
                }
                self.files.push_back((fingerprint, file));
                self.files.len() - 1
            }
        };
        memory::reopen_read_only(self.files[index].1.as_fd())
    }
}
