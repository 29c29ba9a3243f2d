//! A Parquet file read from many places at once, a page at a time.

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};
use std::fs;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

/// How much is read for the header of a page.
// 256: headers take some 30 bytes without statistics, and some 100 with them.
const HEADER_LEN: usize = 256;
/// How many buffers are kept for other pages, and how long these may be.
// 32 of up to 2 MiB: the pages of most writers, for the features of most models on some threads.
const KEPT_MAX: usize = 32;
const KEPT_LEN_MAX: usize = 2 << 20;

/// The file. The reader of the library for files shares one position among all threads, and takes
/// fresh memory for every page, which costs a page fault for every 4 KiB.
#[derive(Clone)]
pub(crate) struct Pages {
    file: Arc<fs::File>,
    len: u64,
    buffers: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Pages {
    pub(crate) fn of(file: fs::File) -> io::Result<Pages> {
        let len = file.metadata()?.len();
        Ok(Pages { file: Arc::new(file), len, buffers: Arc::default() })
    }

    /// The file itself. Its position is that of whoever uses it; nothing here does.
    pub(crate) fn file(&self) -> &fs::File {
        &self.file
    }
}

impl Length for Pages {
    fn len(&self) -> u64 {
        self.len
    }
}

impl ChunkReader for Pages {
    type T = BufReader<From>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        let from = From { file: Arc::clone(&self.file), at: start };
        Ok(BufReader::with_capacity(HEADER_LEN, from))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.len) {
            return Err(ParquetError::EOF(format!("{length} bytes at {start} end after the file")));
        }
        let kept = self.buffers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut page = Page { bytes: kept.unwrap_or_default(), len: length, whole: self.clone() };
        if page.bytes.len() < length {
            page.bytes.resize(length, 0);
        }
        self.file.read_exact_at(&mut page.bytes[..length], start)?;
        Ok(Bytes::from_owner(page))
    }
}

/// The file from one place on.
pub(crate) struct From {
    file: Arc<fs::File>,
    at: u64,
}

impl Read for From {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(bytes, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

/// A page, whose memory is used again.
struct Page {
    bytes: Vec<u8>,
    len: usize,
    whole: Pages,
}

impl AsRef<[u8]> for Page {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let mut kept = self.whole.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT_MAX && self.bytes.len() <= KEPT_LEN_MAX {
            kept.push(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_have_the_bytes_of_their_place_and_a_buffer_is_used_again() {
        let mut file = tempfile::tempfile().unwrap();
        let written: Vec<u8> = (0..=255).collect();
        io::Write::write_all(&mut file, &written).unwrap();
        let pages = Pages::of(file).unwrap();
        let (one, two) = (pages.get_bytes(250, 6).unwrap(), pages.get_bytes(3, 4).unwrap());
        assert_eq!((&one[..], &two[..]), (&written[250..], &written[3..7]));
        drop((one, two));
        // Of the longer buffer, only what was read is there.
        assert_eq!(&pages.get_bytes(9, 2).unwrap()[..], &written[9..11]);
        assert_eq!(pages.buffers.lock().unwrap().len(), 2);
        let mut read = Vec::new();
        pages.get_read(200).unwrap().read_to_end(&mut read).unwrap();
        assert_eq!(read, &written[200..]);
    }

    #[test]
    fn what_ends_after_the_file_is_an_error_before_memory_is_taken() {
        let pages = Pages::of(tempfile::tempfile().unwrap()).unwrap();
        for (start, length) in [(0, 1), (0, usize::MAX), (u64::MAX, 1)] {
            assert!(pages.get_bytes(start, length).is_err(), "{length} bytes at {start}");
        }
        assert!(pages.buffers.lock().unwrap().is_empty());
    }
}
