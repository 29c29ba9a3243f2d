//! Anonymous files for shared memory, their seals, and advice about mappings.

use core::ffi::c_void;
use rustix::fs::{
    FallocateFlags, MemfdFlags, Mode, OFlags, SealFlags, fallocate, fchmod, fcntl_add_seals,
    fcntl_get_seals, fstat, ftruncate, memfd_create, open,
};
use rustix::io::Errno;
use rustix::mm::Advice;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

/// Which seals a memory file carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seals {
    /// The file can neither shrink nor grow.
    pub size: bool,
    /// No new writable mapping can be made, and nobody can write or punch holes.
    pub write: bool,
    /// No more seals can be added.
    pub closed: bool,
}

/// Creates a memory file of `len` bytes, all of them reserved, readable only by its owner.
///
/// # Errors
///
/// The system's error: `ENOSPC` or `ENOMEM` when the memory is not there.
pub fn create(name: &str, len: u64) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let fd = match memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL) {
        // Kernels before 6.3 do not know the flag.
        Err(Errno::INVAL) => memfd_create(name, flags)?,
        other => other?,
    };
    ftruncate(&fd, len)?;
    fallocate(&fd, FallocateFlags::empty(), 0, len)?;
    fchmod(&fd, Mode::RUSR | Mode::WUSR)?;
    Ok(fd)
}

/// Fixes the size of a memory file for good.
///
/// # Errors
///
/// The system's error.
pub fn seal_size(fd: BorrowedFd<'_>) -> io::Result<()> {
    Ok(fcntl_add_seals(fd, SealFlags::SHRINK | SealFlags::GROW)?)
}

/// Refuses new writers and new seals for good; writable mappings made before stay.
///
/// # Errors
///
/// `EPERM` when the file was closed to new seals before.
pub fn seal_write(fd: BorrowedFd<'_>) -> io::Result<()> {
    Ok(fcntl_add_seals(fd, SealFlags::FUTURE_WRITE | SealFlags::SEAL)?)
}

/// Reads the seals of a memory file.
///
/// # Errors
///
/// `EINVAL` when the descriptor is not a file that can be sealed.
pub fn seals(fd: BorrowedFd<'_>) -> io::Result<Seals> {
    let seals = fcntl_get_seals(fd)?;
    Ok(Seals {
        size: seals.contains(SealFlags::SHRINK | SealFlags::GROW),
        write: seals.contains(SealFlags::FUTURE_WRITE) || seals.contains(SealFlags::WRITE),
        closed: seals.contains(SealFlags::SEAL),
    })
}

/// Whether nobody can change a memory file any more: neither its size nor a byte of it, by any
/// descriptor or mapping.
///
/// # Errors
///
/// `EINVAL` when the descriptor is not a file that can be sealed.
pub fn is_frozen(fd: BorrowedFd<'_>) -> io::Result<bool> {
    // NB: a file closed to future writers alone may be mapped for writing by an earlier one.
    let all = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    Ok(fcntl_get_seals(fd)?.contains(all))
}

/// The size of a file in bytes.
///
/// # Errors
///
/// The system's error.
pub fn len(fd: BorrowedFd<'_>) -> io::Result<u64> {
    Ok(u64::try_from(fstat(fd)?.st_size).unwrap_or(0))
}

/// Opens a memory file a second time, for reading only.
///
/// # Errors
///
/// The system's error; `ENOENT` where /proc is not mounted.
pub fn reopen_read_only(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    Ok(open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
}

/// Keeps a mapping in memory.
///
/// # Errors
///
/// `ENOMEM` or `EPERM` when the limit for locked memory is reached.
///
/// # Safety
///
/// `start` and `len` are a mapping of this process that stays mapped during the call.
pub unsafe fn lock(start: *mut u8, len: usize) -> io::Result<()> {
    // SAFETY: the caller vouches for the mapping.
    Ok(unsafe { rustix::mm::mlock(start.cast::<c_void>(), len) }?)
}

/// Fills the page table of a mapping, so that no access to it faults later.
///
/// # Errors
///
/// The system's error; kernels before 5.14 answer `EINVAL`.
///
/// # Safety
///
/// `start` and `len` are a mapping of this process that stays mapped during the call.
pub unsafe fn populate(start: *mut u8, len: usize, writable: bool) -> io::Result<()> {
    let advice = if writable { Advice::LinuxPopulateWrite } else { Advice::LinuxPopulateRead };
    // SAFETY: the caller vouches for the mapping; populating changes no byte of it.
    Ok(unsafe { rustix::mm::madvise(start.cast::<c_void>(), len, advice) }?)
}

/// Keeps a mapping out of forked children.
///
/// # Errors
///
/// The system's error.
///
/// # Safety
///
/// `start` and `len` are a mapping of this process that stays mapped during the call.
pub unsafe fn keep_from_children(start: *mut u8, len: usize) -> io::Result<()> {
    let advice = Advice::LinuxDontFork;
    // SAFETY: the caller vouches for the mapping; the advice changes no byte of it.
    Ok(unsafe { rustix::mm::madvise(start.cast::<c_void>(), len, advice) }?)
}

/// Makes a memory file that holds `bytes` and can never change.
///
/// # Errors
///
/// The system's error, when the memory is not there.
pub fn sealed_file(name: &str, bytes: &[u8]) -> io::Result<OwnedFd> {
    sealed(name, |file| file.write_all(bytes))
}

/// Makes a memory file that holds words, one part after the other, and can never change.
///
/// # Errors
///
/// As for [`sealed_file`].
pub fn sealed_words(name: &str, parts: &[&[u64]]) -> io::Result<OwnedFd> {
    sealed(name, |file| {
        // 64 KiB at a time: a copy of the whole would double the memory.
        let mut bytes = Vec::with_capacity(64 << 10);
        for words in parts.iter().flat_map(|part| part.chunks(8 << 10)) {
            bytes.clear();
            bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
            file.write_all(&bytes)?;
        }
        Ok(())
    })
}

fn sealed(
    name: &str,
    write: impl FnOnce(&mut std::fs::File) -> io::Result<()>,
) -> io::Result<OwnedFd> {
    let fd = memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut file = std::fs::File::from(fd);
    write(&mut file)?;
    let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL;
    fcntl_add_seals(&file, seals)?;
    Ok(file.into())
}
