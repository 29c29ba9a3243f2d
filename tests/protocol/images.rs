//! The files in which images travel.

use factord_core::region::{Frozen, OpenError, Region};
use factord_core::sys::memory;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use std::os::fd::OwnedFd;

const LEN_MAX: u64 = 1 << 20;

#[test]
fn a_frozen_file_holds_the_words_of_all_parts_whatever_their_number() {
    for count in [1, 7, 8, 9, 511, 512, 513, 100_000] {
        let words: Vec<u64> = (0..count).map(|word| word * 0x0101_0101_0101).collect();
        let (first, second) = words.split_at(words.len() / 3);
        let file = memory::sealed_words("test", &[first, second]).unwrap();
        assert!(memory::is_frozen(std::os::fd::AsFd::as_fd(&file)).unwrap());
        let frozen = Frozen::open("image", &file, LEN_MAX).unwrap();
        assert_eq!(frozen.as_ref(), words);
    }
}

#[test]
fn only_a_file_that_nobody_can_change_any_more_is_mapped_as_one() {
    let sealed = |len: u64, seals: SealFlags| -> OwnedFd {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = memfd_create("test", flags).unwrap();
        ftruncate(&file, len).unwrap();
        fcntl_add_seals(&file, seals).unwrap();
        file
    };
    let open = |file: &OwnedFd| Frozen::open("image", file, 4096).map(|_| ());
    let size = SealFlags::SHRINK | SealFlags::GROW;
    assert!(open(&sealed(64, size | SealFlags::WRITE)).is_ok());
    for seals in [
        SealFlags::empty(),
        size,
        SealFlags::WRITE,
        SealFlags::SHRINK | SealFlags::WRITE,
        // An earlier mapping may still write.
        size | SealFlags::FUTURE_WRITE,
    ] {
        let refusal = open(&sealed(64, seals));
        assert!(matches!(refusal, Err(OpenError::Seals { .. })), "{seals:?}: {refusal:?}");
    }
    let region = Region::create("test", 1).unwrap();
    let file = region.read_only().unwrap();
    assert!(matches!(open(&file), Err(OpenError::Seals { .. })));
    for len in [0, 63, 4097, 4104] {
        let refusal = open(&sealed(len, size | SealFlags::WRITE));
        assert!(matches!(refusal, Err(OpenError::Size { .. })), "{len}: {refusal:?}");
    }
}
