//! Anonymous files for shared memory, their seals, and advice about mappings.

use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ops::{Deref, DerefMut};
use rustix::fs::{
    FallocateFlags, MemfdFlags, Mode, OFlags, SealFlags, fallocate, fchmod, fcntl_add_seals,
    fcntl_get_seals, fstat, ftruncate, memfd_create, open,
};
use rustix::io::Errno;
use rustix::mm::{Advice, MlockFlags};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Bytes of a page.
pub const PAGE_LEN: usize = 4096;

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
    let fd = create_sparse(name, len)?;
    reserve(fd.as_fd(), 0, len)?;
    Ok(fd)
}

/// The same with none of them reserved.
///
/// # Errors
///
/// The system's error.
pub fn create_sparse(name: &str, len: u64) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let fd = match memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL) {
        // Kernels before 6.3 do not know the flag.
        Err(Errno::INVAL) => memfd_create(name, flags)?,
        other => other?,
    };
    ftruncate(&fd, len)?;
    fchmod(&fd, Mode::RUSR | Mode::WUSR)?;
    Ok(fd)
}

/// Reserves `len` bytes of a memory file, so that a store there cannot fail later.
///
/// # Errors
///
/// The system's error: `ENOSPC` or `ENOMEM` when the memory is not there.
pub fn reserve(fd: BorrowedFd<'_>, start: u64, len: u64) -> io::Result<()> {
    Ok(fallocate(fd, FallocateFlags::empty(), start, len)?)
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

/// Keeps what is touched of a mapping in memory, from then on.
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
    Ok(unsafe { rustix::mm::mlock_with(start.cast::<c_void>(), len, MlockFlags::ONFAULT) }?)
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

/// Values that begin at a multiple of a huge page, so that one can hold them.
#[derive(Debug)]
#[repr(C, align(0x20_0000))]
pub struct Huge<T, const N: usize>([T; N]);

impl<T, const N: usize> Deref for Huge<T, N> {
    type Target = [T; N];

    #[inline(always)]
    fn deref(&self) -> &[T; N] {
        &self.0
    }
}

impl<T, const N: usize> DerefMut for Huge<T, N> {
    fn deref_mut(&mut self) -> &mut [T; N] {
        &mut self.0
    }
}

/// Makes `N` values in huge pages where the system has them, and else in small ones; all are made
/// at once, instead of at a fault each.
pub fn huge<T, const N: usize>(mut make: impl FnMut() -> T) -> Box<Huge<T, N>> {
    let mut values = Box::<Huge<MaybeUninit<T>, N>>::new_uninit();
    let start = values.as_mut_ptr().cast::<u8>();
    let len = size_of::<Huge<T, N>>();
    // A kernel that refuses either leaves small pages, or leaves them to be made one by one.
    // SAFETY: whole pages, since alignment and size are multiples of one, inside an allocation that
    // `values` holds; the advice changes no byte of it.
    let _ = unsafe { rustix::mm::madvise(start.cast(), len, Advice::LinuxHugepage) };
    // SAFETY: the same.
    let _ = unsafe { populate(start, len, true) };
    // SAFETY: values that need not be initialized.
    let mut values = unsafe { values.assume_init() };
    values.0.fill_with(|| MaybeUninit::new(make()));
    // SAFETY: all were just made, and the layout is the same.
    unsafe { Box::from_raw(Box::into_raw(values).cast::<Huge<T, N>>()) }
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
