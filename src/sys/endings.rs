//! The ends of memory files: reported when nobody has them open, mapped, or in transit in a socket.

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Watches for the ends of memory files, which have no name and so end with their last holder.
#[derive(Debug)]
pub(crate) struct Endings {
    fd: OwnedFd,
}

impl Endings {
    /// Watches nothing yet.
    ///
    /// # Errors
    ///
    /// `EMFILE` when the user has too many of them.
    pub(crate) fn new() -> io::Result<Endings> {
        Ok(Endings { fd: inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)? })
    }

    /// Watches a file; returns the number that reports its end.
    ///
    /// # Errors
    ///
    /// `ENOSPC` when the user watches too many files.
    pub(crate) fn watch(&self, file: BorrowedFd<'_>) -> io::Result<i32> {
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        Ok(inotify::add_watch(&self.fd, path, WatchFlags::DELETE_SELF)?)
    }

    /// Calls `told` with the number of each file that has ended.
    ///
    /// # Errors
    ///
    /// The system's error.
    pub(crate) fn read(&self, mut told: impl FnMut(i32)) -> io::Result<()> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&self.fd, &mut buffer);
        loop {
            match reader.next() {
                Ok(event) if event.events().contains(ReadFlags::DELETE_SELF) => told(event.wd()),
                Ok(_) => {}
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for Endings {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use factord_core::sys::memory;

    #[test]
    fn a_file_ends_when_its_last_descriptor_is_closed_and_not_before() {
        let endings = Endings::new().unwrap();
        let (first, second) = (memory::create("a", 4096), memory::create("b", 4096));
        let (first, second) = (first.unwrap(), second.unwrap());
        let numbers = [&first, &second].map(|file| endings.watch(file.as_fd()).unwrap());
        let told = || {
            let mut told = Vec::new();
            endings.read(|number| told.push(number)).unwrap();
            told
        };
        let path = format!("/proc/self/fd/{}", first.as_raw_fd());
        let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC;
        let named = rustix::fs::open(path, flags, rustix::fs::Mode::empty()).unwrap();
        drop(first);
        assert!(told().is_empty(), "a descriptor that cannot even read keeps the memory");
        drop(second);
        assert_eq!(told(), [numbers[1]]);
        drop(named);
        assert_eq!(told(), [numbers[0]]);
    }
}
