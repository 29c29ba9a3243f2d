//! The one table of a zip archive.

use super::error::ContentError;
use super::packing::Packing;
use super::unread::{ARRAYS, WORKBOOK};
use flate2::CrcReader;
use flate2::bufread::DeflateDecoder;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use zip::{CompressionMethod, ZipArchive};

/// The most files of an archive whose names are looked at.
const FILES_MAX: usize = 10_000;

/// A file inside an archive, unpacked as it is read.
pub(super) struct Member {
    /// Its name there.
    pub(super) name: String,
    pub(super) stream: Box<dyn Read + Send>,
}

/// Where a file lies in an archive, and how.
struct Entry {
    start: u64,
    packed_len: u64,
    len: u64,
    crc: u32,
    method: CompressionMethod,
    encrypted: bool,
}

/// Opens the only file of an archive, or the only one whose name is that of a text or a table.
///
/// # Errors
///
/// [`ContentError`] when there is none or several, or it cannot be unpacked.
pub(super) fn member(path: &Path, mut file: File) -> Result<Member, ContentError> {
    let damaged = |error: &dyn std::fmt::Display| ContentError::Damaged {
        path: path.to_owned(),
        packing: "zip",
        reason: error.to_string(),
    };
    let mut archive = ZipArchive::new(BufReader::new(&file)).map_err(|error| damaged(&error))?;
    let mut names: Vec<(usize, String)> = Vec::new();
    for at in 0..archive.len().min(FILES_MAX) {
        let entry = archive.by_index_raw(at).map_err(|error| damaged(&error))?;
        let name = entry.name().map_err(|error| damaged(&error))?.into_owned();
        // What macOS adds is none of the files that were packed.
        if !entry.is_dir() && !name.starts_with("__MACOSX/") {
            names.push((at, name));
        }
    }
    let unread = |unread| ContentError::Unread { path: path.to_owned(), unread };
    if names.iter().any(|(_, name)| name.starts_with("xl/")) {
        return Err(unread(&WORKBOOK));
    }
    if !names.is_empty() && names.iter().all(|(_, name)| name.ends_with(".npy")) {
        return Err(unread(&ARRAYS));
    }
    let (at, name) = only(path, names)?;
    let raw = archive.by_index_raw(at).map_err(|error| damaged(&error))?;
    let entry = Entry {
        start: raw.data_start().ok_or_else(|| damaged(&"its file lies nowhere"))?,
        packed_len: raw.compressed_size(),
        len: raw.size(),
        crc: raw.crc32(),
        method: raw.compression(),
        encrypted: raw.encrypted(),
    };
    drop(raw);
    drop(archive);
    file.seek(SeekFrom::Start(entry.start)).map_err(|error| damaged(&error))?;
    let stream = entry.stream(file).map_err(|reason| damaged(&reason))?;
    Ok(Member { name, stream })
}

/// The file that is meant.
fn only(path: &Path, mut names: Vec<(usize, String)>) -> Result<(usize, String), ContentError> {
    let is_table = |name: &str| {
        let name = name.to_ascii_lowercase();
        [".csv", ".txt", ".tsv", ".csv.gz"].iter().any(|ending| name.ends_with(ending))
    };
    if names.len() != 1 {
        let tables: Vec<_> = names.iter().filter(|(_, name)| is_table(name)).cloned().collect();
        if tables.len() != 1 {
            let list: Vec<String> =
                names.iter().take(9).map(|(_, name)| super::shown(name, 60)).collect();
            let more = names.len().saturating_sub(list.len());
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            return Err(ContentError::Several {
                path: path.to_owned(),
                count: names.len(),
                names: if list.is_empty() { String::new() } else { list.join(", ") + &more },
            });
        }
        names = tables;
    }
    Ok(names.swap_remove(0))
}

impl Entry {
    fn stream(self, file: File) -> Result<Box<dyn Read + Send>, &'static str> {
        if self.encrypted {
            return Err("its file is encrypted: unpack it with the password");
        }
        let packed = BufReader::with_capacity(256 * 1024, file).take(self.packed_len);
        let Entry { len, crc, .. } = self;
        match self.method {
            CompressionMethod::Stored => Ok(Packing::Zip.wrap(Checked::new(packed, len, crc))),
            CompressionMethod::Deflated => {
                Ok(Packing::Zip.wrap(Checked::new(DeflateDecoder::new(packed), len, crc)))
            }
            _ => Err("its file is packed in a way that is not read: unpack it first"),
        }
    }
}

/// A file whose length and check sum the archive says.
struct Checked<R> {
    inner: CrcReader<R>,
    len: u64,
    crc: u32,
}

impl<R: Read> Checked<R> {
    fn new(inner: R, len: u64, crc: u32) -> Checked<R> {
        Checked { inner: CrcReader::new(inner), len, crc }
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.inner.read(buffer)?;
        let crc = self.inner.crc();
        // Lengths count modulo 2^32 there.
        let whole = crc.sum() == self.crc && crc.amount() == self.len as u32;
        if len == 0 && !buffer.is_empty() && !whole {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its check sum differs"));
        }
        Ok(len)
    }
}
