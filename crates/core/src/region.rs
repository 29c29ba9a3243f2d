//! Regions: sealed memory files and their mappings. Create, seal, open, validate, unmap.
//!
//! A [`Mapping`] is writable and reached only as lines of atomics, a [`View`] is read-only and
//! reached only as words that have no store, and a [`Frozen`] file has no writer left. Nothing here
//! reads a byte that a peer wrote.

use crate::abi::{self, LINE_LEN, LINE_WORDS, REGION_LEN_MAX};
use crate::sync::{AtomicU64, Line, ReadOnlyWord};
use crate::sys::memory;
use core::mem::ManuallyDrop;
use core::ops::Range;
use memmap2::{MmapOptions, MmapRaw};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use thiserror::Error;

/// Why a descriptor from the daemon was not mapped.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The size is not the one the handshake named.
    #[error("{name} has {found} bytes, the handshake says {expected}")]
    Size {
        /// Which region.
        name: &'static str,
        /// Its size.
        found: u64,
        /// What the daemon said.
        expected: u64,
    },
    /// A seal is missing, so that a peer could take memory away.
    #[error("{name} is not sealed: a peer could truncate it")]
    Seals {
        /// Which region.
        name: &'static str,
    },
    /// Its header is not the one the handshake calls for: half made, or another's.
    #[error("{name} says {found:#x} at offset {offset}, the handshake says {expected:#x}")]
    Header {
        /// Which region.
        name: &'static str,
        /// The word's place in bytes.
        offset: usize,
        /// The value found there.
        found: u64,
        /// What should.
        expected: u64,
    },
    /// The system refused.
    #[error("{name} cannot be mapped: {source}")]
    Map {
        /// Which region.
        name: &'static str,
        /// The system's answer.
        source: io::Error,
    },
}

/// The most bytes of a tap.
const TAP_LEN_MAX: usize = abi::tap_lines(abi::tap_record::CELL_COUNT_MAX) * LINE_LEN;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// The page table refuses stores.
    Read,
    Write,
}

/// A mapped region; unmapped when dropped in the process that mapped it.
#[derive(Debug)]
struct Mapped {
    map: ManuallyDrop<MmapRaw>,
    /// The process that mapped it.
    // NB: a forked child has no such mapping, and may have another one at the same place.
    pid: u32,
    line_count: usize,
    access: Access,
}

impl Mapped {
    fn new(fd: BorrowedFd<'_>, line_count: usize, access: Access) -> io::Result<Mapped> {
        let mut options = MmapOptions::new();
        options.len(line_count * LINE_LEN);
        let map = match access {
            Access::Read => options.map_raw_read_only(&fd),
            Access::Write => options.map_raw(&fd),
        }?;
        let (map, pid) = (ManuallyDrop::new(map), std::process::id());
        let mapped = Mapped { map, pid, line_count, access };
        // SAFETY: the pointer and length are those of the mapping just made.
        unsafe { memory::keep_from_children(mapped.map.as_mut_ptr(), mapped.map.len()) }?;
        Ok(mapped)
    }

    /// Maps a region that the daemon made, after checking its seals and its size.
    fn open(
        name: &'static str,
        fd: &OwnedFd,
        line_count: usize,
        access: Access,
    ) -> Result<Mapped, OpenError> {
        let map_error = |source| OpenError::Map { name, source };
        // Seals first: a size that is not sealed may be another one after it was read.
        let seals = memory::seals(fd.as_fd()).map_err(map_error)?;
        if !seals.size {
            return Err(OpenError::Seals { name });
        }
        let expected = (line_count * LINE_LEN) as u64;
        let found = memory::len(fd.as_fd()).map_err(map_error)?;
        if found != expected {
            return Err(OpenError::Size { name, found, expected });
        }
        let mapped = Mapped::new(fd.as_fd(), line_count, access).map_err(map_error)?;
        mapped.populate(0..line_count).map_err(map_error)?;
        Ok(mapped)
    }

    fn populate(&self, lines: Range<usize>) -> io::Result<()> {
        let writable = self.access == Access::Write;
        let end = lines.end.min(self.line_count) * LINE_LEN;
        // The page that it begins in.
        let start = (lines.start * LINE_LEN / memory::PAGE_LEN * memory::PAGE_LEN).min(end);
        let from = self.map.as_mut_ptr().wrapping_add(start);
        // SAFETY: from a page's start to no further than the end of the mapping, which `self` keeps
        // alive.
        unsafe { memory::populate(from, end - start, writable) }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        if self.pid == std::process::id() {
            // SAFETY: this is the only place that drops it, and `self` is not used any more.
            unsafe { ManuallyDrop::drop(&mut self.map) };
        }
    }
}

/// A region mapped for loads and stores.
// Only `Access::Write` is wrapped in it.
#[derive(Debug)]
pub struct Mapping(Mapped);

impl Mapping {
    /// Maps a region that the daemon made, after checking its seals and its size.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when the file is not what the handshake said.
    pub fn open(name: &'static str, fd: &OwnedFd, line_count: usize) -> Result<Mapping, OpenError> {
        Mapped::open(name, fd, line_count, Access::Write).map(Mapping)
    }

    /// Fills the page table so that later accesses do not fault.
    ///
    /// # Errors
    ///
    /// The system's error.
    pub fn populate(&self) -> io::Result<()> {
        self.populate_lines(0..self.0.line_count)
    }

    /// The same for the pages of some lines.
    ///
    /// # Errors
    ///
    /// The system's error.
    pub fn populate_lines(&self, lines: Range<usize>) -> io::Result<()> {
        self.0.populate(lines)
    }

    /// Keeps what is touched of the mapping from being swapped out, from then on.
    ///
    /// # Errors
    ///
    /// The system's error, when the limit for locked memory is reached.
    pub fn lock(&self) -> io::Result<()> {
        // SAFETY: the pointer and length are those of the mapping, which `self` keeps alive.
        unsafe { memory::lock(self.0.map.as_mut_ptr(), self.0.map.len()) }
    }

    /// The words of the region, in order.
    #[inline]
    pub fn words(&self) -> &[AtomicU64] {
        self.as_ref().as_flattened()
    }
}

impl AsRef<[Line]> for Mapping {
    #[inline]
    fn as_ref(&self) -> &[Line] {
        let start = self.0.map.as_ptr().cast::<Line>();
        // SAFETY: the mapping is writable, page-aligned, `line_count` lines long and lives as long
        // as `self`; the size seals, set or checked before mapping, keep it backed. Lines are
        // atomics, so a peer that stores concurrently makes no data race.
        unsafe { core::slice::from_raw_parts(start, self.0.line_count) }
    }
}

/// A region mapped only for loads: a store, at which the process would die, does not compile.
///
/// ```
/// let region = factord_core::region::Region::create("view", 1)?;
/// let view = region.view_head(1)?;
/// assert_eq!(view.words()[0].load_relaxed(), 0);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// ```compile_fail,E0599
/// let region = factord_core::region::Region::create("view", 1)?;
/// let view = region.view_head(1)?;
/// view.words()[0].store(1, factord_core::sync::Ordering::Relaxed);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct View(Mapped);

impl View {
    /// Maps a region that the daemon made, after checking its seals and its size.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when the file is not what the handshake said.
    pub fn open(name: &'static str, fd: &OwnedFd, line_count: usize) -> Result<View, OpenError> {
        Mapped::open(name, fd, line_count, Access::Read).map(View)
    }

    /// The words of the region, in order.
    #[inline]
    pub fn words(&self) -> &[ReadOnlyWord] {
        let start = self.0.map.as_ptr().cast::<[ReadOnlyWord; LINE_WORDS]>();
        // SAFETY: place, length, life and backing are as in `Mapping`. The words are atomics, so a
        // peer that stores concurrently makes no data race, and they have nothing but a relaxed
        // load, which is defined on read-only memory.
        let lines = unsafe { core::slice::from_raw_parts(start, self.0.line_count) };
        lines.as_flattened()
    }
}

/// A memory file that nobody can change any more, mapped only for loads. Its pages are shared with
/// all who map it, and come as they are first read.
#[derive(Debug)]
pub struct Frozen {
    mapped: Mapped,
    word_count: usize,
}

impl Frozen {
    /// Maps a file of whole words, at most `len_max` bytes, that was closed to all writers.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when it is not one.
    pub fn open(name: &'static str, fd: &OwnedFd, len_max: u64) -> Result<Frozen, OpenError> {
        let map_error = |source| OpenError::Map { name, source };
        if !memory::is_frozen(fd.as_fd()).map_err(map_error)? {
            return Err(OpenError::Seals { name });
        }
        let found = memory::len(fd.as_fd()).map_err(map_error)?;
        if found == 0 || found > len_max || !found.is_multiple_of(8) {
            return Err(OpenError::Size { name, found, expected: len_max });
        }
        let len = found as usize;
        // The rest of the last line lies in the file's last page, and is zero.
        let mapped = Mapped::new(fd.as_fd(), len.div_ceil(LINE_LEN), Access::Read);
        Ok(Frozen { mapped: mapped.map_err(map_error)?, word_count: len / 8 })
    }
}

impl AsRef<[u64]> for Frozen {
    #[inline]
    fn as_ref(&self) -> &[u64] {
        let start = self.mapped.map.as_ptr().cast::<u64>();
        // SAFETY: the mapping is page-aligned, at least so many words long and lives as long as
        // `self`. The seals were checked before mapping: the file keeps its size, and nobody can
        // write to it, so these are plain words that never change.
        unsafe { core::slice::from_raw_parts(start, self.word_count) }
    }
}

/// A region this process made: its file and its own mapping.
#[derive(Debug)]
pub struct Region {
    fd: OwnedFd,
    mapping: Mapping,
}

impl Region {
    /// Makes a zeroed region with fixed size, mapped by this process.
    ///
    /// # Errors
    ///
    /// The system's error, when the memory is not there.
    pub fn create(name: &str, line_count: usize) -> io::Result<Region> {
        let region = Region::create_sparse(name, line_count)?;
        region.reserve(0..line_count)?;
        Ok(region)
    }

    /// The same without its memory: nothing may be stored into lines before [`Region::reserve`]
    /// has made them.
    ///
    /// # Errors
    ///
    /// The system's error.
    pub fn create_sparse(name: &str, line_count: usize) -> io::Result<Region> {
        Region::create_within(REGION_LEN_MAX, name, line_count)
    }

    /// Makes a zeroed tap; it may be longer than other regions.
    ///
    /// # Errors
    ///
    /// The system's error, when the memory is not there.
    pub fn create_tap(cell_count: usize) -> io::Result<Region> {
        let line_count = abi::tap_lines(cell_count);
        let region = Region::create_within(TAP_LEN_MAX, "factord-tap", line_count)?;
        region.reserve(0..line_count)?;
        Ok(region)
    }

    fn create_within(len_max: usize, name: &str, line_count: usize) -> io::Result<Region> {
        let len = line_count * LINE_LEN;
        if len == 0 || len > len_max {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        let fd = memory::create_sparse(name, len as u64)?;
        let mapping = Mapping(Mapped::new(fd.as_fd(), line_count, Access::Write)?);
        memory::seal_size(fd.as_fd())?;
        Ok(Region { fd, mapping })
    }

    /// Makes the memory of some lines; what is there already stays.
    ///
    /// # Errors
    ///
    /// The system's error, when the memory is not there.
    pub fn reserve(&self, lines: Range<usize>) -> io::Result<()> {
        let end = lines.end.min(self.mapping.0.line_count);
        let bytes = |lines: usize| (lines * LINE_LEN) as u64;
        memory::reserve(self.fd.as_fd(), bytes(lines.start), bytes(end.saturating_sub(lines.start)))
    }

    /// Takes over a region that an earlier process of this daemon made.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when it has another size, is not sealed, or cannot be mapped for writing.
    pub fn adopt(name: &'static str, fd: OwnedFd, line_count: usize) -> Result<Region, OpenError> {
        let mapping = Mapping::open(name, &fd, line_count)?;
        Ok(Region { fd, mapping })
    }

    /// Refuses all writers but the mappings that exist.
    ///
    /// # Errors
    ///
    /// `EPERM` when a peer closed the file to new seals first.
    pub fn seal_write(&self) -> io::Result<()> {
        memory::seal_write(self.fd.as_fd())
    }

    /// A second descriptor that cannot be mapped for writing.
    ///
    /// # Errors
    ///
    /// The system's error.
    pub fn read_only(&self) -> io::Result<OwnedFd> {
        memory::reopen_read_only(self.fd.as_fd())
    }

    /// The region's own descriptor.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// The mapping of this process.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// A view of only the first lines.
    ///
    /// # Errors
    ///
    /// The system's error.
    pub fn view_head(&self, line_count: usize) -> io::Result<View> {
        let line_count = line_count.min(self.mapping.0.line_count);
        Mapped::new(self.fd.as_fd(), line_count, Access::Read).map(View)
    }

    /// Keeps only the mapping and closes the file.
    pub fn into_mapping(self) -> Mapping {
        self.mapping
    }
}
