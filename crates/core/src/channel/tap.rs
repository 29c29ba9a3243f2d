//! How an observer gets a worker's tap.

use super::regions::check_header;
use super::{CommandError, Connection, Verb};
use crate::abi::{self, tap_record as record, tap_region as at};
use crate::region::{OpenError, View};
use crate::sys::{clock, memory};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// A tap that is mapped.
#[derive(Debug)]
pub struct TapFile {
    /// All of it.
    pub view: View,
    /// Its cells, a power of two.
    pub cell_count: usize,
    /// The epoch of the engine that writes it.
    pub epoch: u64,
    /// Whether clients may evaluate in their own processes, which it does not see.
    pub allows_local: bool,
}

/// Attaches to the tap of a worker.
///
/// # Errors
///
/// [`CommandError`] when this user may not observe, or there is no such tap.
pub fn open_tap(path: &Path, worker: usize) -> Result<TapFile, CommandError> {
    let connection = Connection::open(path)?;
    connection.ask(Verb::Tap, worker as u64)?;
    let end_ns = clock::end_of(super::COMMAND_DEADLINE);
    loop {
        if let Some(file) = connection.take_file()? {
            return Ok(map(&file).map_err(super::AttachError::from)?);
        }
        connection.wait(end_ns)?;
    }
}

/// Maps a tap; how long it is follows from the file, whose size is sealed.
fn map(file: &OwnedFd) -> Result<TapFile, OpenError> {
    const NAME: &str = "TAP";
    let found =
        memory::len(file.as_fd()).map_err(|source| OpenError::Map { name: NAME, source })?;
    let lines = usize::try_from(found).unwrap_or(usize::MAX) / abi::LINE_LEN;
    let cell_count = lines.saturating_sub(at::CELLS / abi::LINE_WORDS);
    let sizes = record::CELL_COUNT_MIN..=record::CELL_COUNT_MAX;
    if !cell_count.is_power_of_two() || !sizes.contains(&cell_count) {
        let expected = (abi::tap_lines(record::CELL_COUNT) * abi::LINE_LEN) as u64;
        return Err(OpenError::Size { name: NAME, found, expected });
    }
    let view = View::open(NAME, file, lines)?;
    let header = [
        (at::MAGIC, abi::MAGIC),
        (at::LAYOUT_HASH, abi::TAP_HASH),
        (at::CELL_COUNT, cell_count as u64),
    ];
    check_header(NAME, view.words(), &header)?;
    let word = |index: usize| view.words()[index].load_relaxed();
    let (epoch, flags) = (word(at::EPOCH), word(record::HEADER_FLAGS));
    Ok(TapFile { epoch, allows_local: flags & record::LOCAL_REFUSED == 0, view, cell_count })
}
