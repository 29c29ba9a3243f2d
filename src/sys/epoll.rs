//! Readiness of many descriptors at once: a thin, safe layer over `epoll`, level-triggered.
//!
//! One thread owns an [`Epoll`]. A source is named by a key of the caller's choice, which comes
//! back with each event; the caller never reuses a key, so that a late event finds nobody.

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::io::Errno;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

// 128: one wait then takes 1.5 KiB, and a busy loop still returns to its timers between batches.
const EVENT_COUNT_MAX: usize = 128;

/// What a source is watched for. Hang-ups and errors are reported with each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// Nothing but the end of the source.
    None,
    /// Bytes to read, or an end of input.
    Read,
    /// Room to write.
    Write,
}

impl Interest {
    fn flags(self) -> EventFlags {
        match self {
            Interest::None => EventFlags::empty(),
            Interest::Read => EventFlags::IN,
            Interest::Write => EventFlags::OUT,
        }
    }
}

/// One source that became ready.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    /// The key given to [`Epoll::add`].
    pub(crate) key: u64,
    /// There is something to read.
    pub(crate) readable: bool,
    /// There is room to write.
    pub(crate) writable: bool,
    /// Both directions are closed, or the source is broken.
    pub(crate) gone: bool,
}

/// A set of watched descriptors.
#[derive(Debug)]
pub(crate) struct Epoll {
    fd: OwnedFd,
}

impl Epoll {
    /// Creates an empty set.
    pub(crate) fn new() -> io::Result<Epoll> {
        let fd = epoll::create(CreateFlags::CLOEXEC)?;
        Ok(Epoll { fd })
    }

    /// Watches `source` under `key`. Closing the descriptor ends the watch.
    pub(crate) fn add(&self, source: impl AsFd, key: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(&self.fd, source, EventData::new_u64(key), interest.flags())?)
    }

    /// Changes what `source` is watched for.
    pub(crate) fn modify(&self, source: impl AsFd, key: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::modify(&self.fd, source, EventData::new_u64(key), interest.flags())?)
    }

    /// Watches `source` no longer.
    pub(crate) fn remove(&self, source: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.fd, source)?)
    }

    /// Waits at most `timeout` (`None`: for ever) and appends what is ready to `ready`.
    pub(crate) fn wait(&self, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        let timeout = timeout.map(|timeout| {
            // 1 h: longer than any deadline of a caller, and always representable.
            let timeout = timeout.min(Duration::from_secs(3600));
            Timespec {
                tv_sec: timeout.as_secs().cast_signed(),
                tv_nsec: i64::from(timeout.subsec_nanos()),
            }
        });
        let mut events = [MaybeUninit::<Event>::uninit(); EVENT_COUNT_MAX];
        let (filled, _) = match epoll::wait(&self.fd, &mut events, timeout.as_ref()) {
            Err(Errno::INTR) => return Ok(()),
            other => other?,
        };
        ready.extend(filled.iter().map(|event| {
            // NB: the kernel's structure is packed, so its fields are copied before use.
            let (flags, data) = (event.flags, event.data);
            Ready {
                key: data.u64(),
                readable: flags.contains(EventFlags::IN),
                writable: flags.contains(EventFlags::OUT),
                gone: flags.intersects(EventFlags::HUP | EventFlags::ERR),
            }
        }));
        Ok(())
    }
}

/// Wakes the thread that waits in an [`Epoll`], from another one.
#[derive(Debug)]
pub(crate) struct Wake {
    fd: OwnedFd,
}

impl Wake {
    /// Makes one that is quiet.
    pub(crate) fn new() -> io::Result<Wake> {
        Ok(Wake { fd: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)? })
    }

    /// Makes it readable.
    pub(crate) fn wake(&self) {
        // A counter that is full is readable already.
        let _ = rustix::io::write(&self.fd, &1u64.to_ne_bytes());
    }

    /// Makes it quiet again.
    pub(crate) fn clear(&self) {
        // An empty one is quiet.
        let _ = rustix::io::read(&self.fd, &mut [0; size_of::<u64>()]);
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
