//! Whether an Arrow file is consistent: the library that reads it trusts the lengths that it says,
//! and ends the process, or asks for all memory, where they are not those of the file.
//!
//! Only what describes messages is read here, and the length that each packed buffer begins with.

use arrow_ipc::{MessageHeader, RecordBatch, root_as_footer, root_as_message};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// The longest description of a message, and the longest buffer once it is unpacked.
// 64 MiB: some 100,000 columns. 2 GiB: 2^28 numbers, which no writer puts into one batch.
const DESCRIPTION_LEN_MAX: u64 = 64 << 20;
const BUFFER_LEN_MAX: i64 = 2 << 30;

/// What ends every Arrow file, behind the length of its footer.
const END: &[u8] = b"ARROW1";

/// Checks a file, or a stream in a file; the error says what is wrong.
pub(super) fn check(file: &mut File, stream: bool) -> Result<(), String> {
    let len = file.metadata().map_err(|error| error.to_string())?.len();
    let mut checked = Checked { file, len };
    if stream { checked.stream() } else { checked.blocks() }
}

struct Checked<'a> {
    file: &'a mut File,
    len: u64,
}

impl Checked<'_> {
    /// Bytes of the file.
    fn bytes(&mut self, at: u64, len: u64) -> Result<Vec<u8>, String> {
        if at.checked_add(len).is_none_or(|end| end > self.len) || len > DESCRIPTION_LEN_MAX {
            return Err(format!("{len} bytes at {at} are not in it"));
        }
        let mut bytes = vec![0; usize::try_from(len).map_err(|error| error.to_string())?];
        let read = self.file.seek(SeekFrom::Start(at));
        let read = read.and_then(|_| self.file.read_exact(&mut bytes));
        read.map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    /// The length that four bytes say.
    fn word(&mut self, at: u64) -> Result<u32, String> {
        let word = self.bytes(at, 4)?;
        Ok(word.first_chunk().map_or(0, |word| u32::from_le_bytes(*word)))
    }

    /// Every message that the footer names.
    fn blocks(&mut self) -> Result<(), String> {
        let end = self.len.checked_sub(10).ok_or("it is too short")?;
        if self.bytes(end + 4, 6)? != END {
            return Err("its end is missing".to_owned());
        }
        let footer_len = u64::from(self.word(end)?);
        let footer_at = end.checked_sub(footer_len).ok_or("its footer is longer than the file")?;
        let bytes = self.bytes(footer_at, footer_len)?;
        let footer = root_as_footer(&bytes).map_err(|error| error.to_string())?;
        let mut blocks = Vec::new();
        for all in [footer.dictionaries(), footer.recordBatches()].into_iter().flatten() {
            for block in &all {
                blocks.push((block.offset(), block.metaDataLength(), block.bodyLength()));
            }
        }
        for (at, described, body) in blocks {
            let wrong = || "a block lies outside of it".to_owned();
            let at = u64::try_from(at).map_err(|_| wrong())?;
            let described = u64::try_from(described).map_err(|_| wrong())?;
            let body = u64::try_from(body).map_err(|_| wrong())?;
            let (from, len) = self.description(at)?;
            if from + len > at + described {
                return Err(wrong());
            }
            self.message((from, len), at + described, Some(body))?;
        }
        Ok(())
    }

    /// Every message up to the end of a stream.
    fn stream(&mut self) -> Result<(), String> {
        let mut at = 0;
        // Bounded by the file: every turn passes a message of it.
        while at < self.len {
            let (from, len) = self.description(at)?;
            if len == 0 {
                return Ok(());
            }
            at = self.message((from, len), from + len, None)?;
        }
        Ok(())
    }

    /// Where the description of a message lies that starts there: behind a mark, or without one.
    fn description(&mut self, at: u64) -> Result<(u64, u64), String> {
        let word = self.word(at)?;
        let (from, len) = match word {
            u32::MAX => (at + 8, self.word(at + 4)?),
            len => (at + 4, len),
        };
        Ok((from, u64::from(len)))
    }

    /// Checks a message, and returns where its body ends.
    fn message(
        &mut self,
        (at, len): (u64, u64),
        body_at: u64,
        body_len: Option<u64>,
    ) -> Result<u64, String> {
        let bytes = self.bytes(at, len)?;
        let message = root_as_message(&bytes).map_err(|error| error.to_string())?;
        let said =
            u64::try_from(message.bodyLength()).map_err(|_| "a body is of negative length")?;
        let body_len = body_len.unwrap_or(said);
        let end = body_at.checked_add(body_len).filter(|end| *end <= self.len);
        let end = end.ok_or("a body lies outside of it")?;
        let batch = match message.header_type() {
            MessageHeader::RecordBatch => message.header_as_record_batch(),
            MessageHeader::DictionaryBatch => {
                message.header_as_dictionary_batch().and_then(|dictionary| dictionary.data())
            }
            _ => None,
        };
        if let Some(batch) = batch {
            self.batch(&batch, body_at, body_len)?;
        }
        Ok(end)
    }

    /// Checks that the buffers of a batch lie in its body, and unpack to sensible lengths.
    fn batch(&mut self, batch: &RecordBatch<'_>, at: u64, len: u64) -> Result<(), String> {
        let rows = batch.length();
        if !(0..=BUFFER_LEN_MAX).contains(&rows) {
            return Err(format!("a batch of {rows} rows"));
        }
        for node in batch.nodes().into_iter().flatten() {
            let (length, nulls) = (node.length(), node.null_count());
            if !(0..=BUFFER_LEN_MAX).contains(&length) || !(0..=length).contains(&nulls) {
                return Err(format!("a column of {length} values, {nulls} of them missing"));
            }
        }
        let packed = batch.compression().is_some();
        for buffer in batch.buffers().into_iter().flatten() {
            let outside = || "a buffer lies outside of its batch".to_owned();
            let from = u64::try_from(buffer.offset()).map_err(|_| outside())?;
            let of = u64::try_from(buffer.length()).map_err(|_| outside())?;
            if from.checked_add(of).is_none_or(|end| end > len) {
                return Err(outside());
            }
            if packed && of > 0 {
                let head = self.bytes(at + from, 8.min(of))?;
                let unpacked = head.first_chunk().map(|head| i64::from_le_bytes(*head));
                // -1: it is not packed after all.
                if !unpacked.is_some_and(|len| (-1..=BUFFER_LEN_MAX).contains(&len)) {
                    return Err("a packed buffer says no sensible length".to_owned());
                }
            }
        }
        Ok(())
    }
}
