//! [`PlainColumn`]: outputs of which none is missing and which nothing packs.
//!
//! The library's writer copies every value three times, looks each class up in a hash table and
//! takes fresh memory for every page: on the way from Parquet to Parquet, where the other columns
//! are copied as they stand, that is most of the work. Here the values are the pages.

use arrow_schema::DataType;
use bytes::Bytes;
use parquet::basic::{Compression, Encoding, PageType};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::errors::Result;
use parquet::file::metadata::{ColumnChunkMetaData, PageEncodingStats};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use std::io::Write;
use std::sync::Arc;

/// Values of a page.
// 131,072: 1 MiB of floats, as in the pages of the library.
const PAGE_VALUES: usize = 1 << 17;
/// Values that are compared side by side, in vector registers.
const LANES: usize = 16;

/// An output of a row group.
pub(super) enum PlainColumn {
    Values(Values),
    Classes(Classes),
}

/// Floats, as they are.
#[derive(Default)]
pub(super) struct Values {
    values: Vec<f64>,
    /// The least and the largest that are not NaN.
    range: Option<(f64, f64)>,
    nan_count: u64,
}

/// Zeros and ones, a bit each: places in a dictionary of these two.
#[derive(Default)]
pub(super) struct Classes {
    bits: Vec<u8>,
    count: usize,
    /// Which of the two there are.
    seen: [bool; 2],
}

impl PlainColumn {
    /// An output of a type, without values.
    pub(super) fn of(kind: &DataType) -> PlainColumn {
        match kind {
            DataType::Int32 => PlainColumn::Classes(Classes::default()),
            _ => PlainColumn::Values(Values::default()),
        }
    }

    pub(super) fn clear(&mut self) {
        match self {
            PlainColumn::Values(Values { values, range, nan_count }) => {
                values.clear();
                (*range, *nan_count) = (None, 0);
            }
            PlainColumn::Classes(Classes { bits, count, seen }) => {
                bits.clear();
                (*count, *seen) = (0, [false; 2]);
            }
        }
    }

    /// Adds floats.
    ///
    /// # Panics
    ///
    /// When it has classes.
    pub(super) fn add_values(&mut self, more: &[f64]) {
        let PlainColumn::Values(Values { values, range, nan_count }) = self else {
            panic!("no floats")
        };
        *nan_count += more.iter().filter(|x| x.is_nan()).count() as u64;
        values.extend_from_slice(more);
        if let Some((least, largest)) = range_of(more) {
            let (low, high) = range.unwrap_or((least, largest));
            *range = Some((low.min(least), high.max(largest)));
        }
    }

    /// Adds classes, 0 or 1.
    ///
    /// # Panics
    ///
    /// When it has floats.
    pub(super) fn add_classes(&mut self, more: &[i32]) {
        let PlainColumn::Classes(Classes { bits, count, seen }) = self else {
            panic!("no classes")
        };
        let ones: usize = more.iter().filter(|&&class| class != 0).count();
        seen[0] |= ones < more.len();
        seen[1] |= ones > 0;
        // The last byte has room where the rows before are no multiple of eight.
        let (first, rest) = more.split_at(((8 - *count % 8) % 8).min(more.len()));
        for (at, &class) in first.iter().enumerate() {
            if let Some(byte) = bits.last_mut() {
                *byte |= u8::from(class != 0) << (*count % 8 + at);
            }
        }
        let byte = |classes: &[i32]| {
            let bit = |(at, &class): (usize, &i32)| u8::from(class != 0) << at;
            classes.iter().enumerate().map(bit).fold(0, |byte, bit| byte | bit)
        };
        let (whole, last) = rest.as_chunks::<8>();
        bits.extend(whole.iter().map(|classes| byte(classes)));
        bits.extend((!last.is_empty()).then(|| byte(last)));
        *count += more.len();
    }

    /// Writes the column into a file at a place: what the footer says of it, and its length.
    pub(super) fn write<W: Write + Send>(
        &mut self,
        descr: ColumnDescPtr,
        file: W,
        at: u64,
    ) -> Result<(ColumnChunkMetaData, u64)> {
        let mut sink = TrackedWrite::new(file);
        let mut pages = SerializedPageWriter::new(&mut sink);
        let chunk = ColumnChunkMetaData::builder(descr).set_compression(Compression::UNCOMPRESSED);
        let (chunk, data, count) = match self {
            PlainColumn::Values(values) => {
                let count = values.values.len();
                let data = values.write(&mut pages)?;
                let said = PageEncodingStats {
                    page_type: PageType::DATA_PAGE,
                    encoding: Encoding::PLAIN,
                    count: page_count(count),
                };
                let chunk = chunk
                    .set_encodings(vec![Encoding::PLAIN])
                    .set_page_encoding_stats(vec![said])
                    .set_statistics(values.statistics());
                (chunk, data, count)
            }
            PlainColumn::Classes(classes) => {
                let data = classes.write(&mut pages)?;
                let said =
                    |page_type, encoding, count| PageEncodingStats { page_type, encoding, count };
                let data_pages = page_count(classes.count);
                let said = vec![
                    said(PageType::DICTIONARY_PAGE, Encoding::PLAIN, 1),
                    said(PageType::DATA_PAGE, Encoding::RLE_DICTIONARY, data_pages),
                ];
                let chunk = chunk
                    .set_encodings(vec![Encoding::PLAIN, Encoding::RLE_DICTIONARY])
                    .set_page_encoding_stats(said)
                    .set_dictionary_page_offset(Some(at.cast_signed()))
                    .set_statistics(classes.statistics());
                (chunk, data, classes.count)
            }
        };
        pages.close()?;
        let len = sink.bytes_written() as u64;
        let chunk = chunk
            .set_num_values(count as i64)
            .set_data_page_offset((at + data).cast_signed())
            .set_total_compressed_size(len.cast_signed())
            .set_total_uncompressed_size(len.cast_signed());
        Ok((chunk.build()?, len))
    }
}

impl Values {
    /// Writes the pages; returns where the first is.
    fn write(&mut self, pages: &mut impl PageWriter) -> Result<u64> {
        let values = Arc::new(std::mem::take(&mut self.values));
        let all = Bytes::from_owner(Floats(Arc::clone(&values)));
        let page_len = PAGE_VALUES * size_of::<f64>();
        for start in (0..all.len()).step_by(page_len) {
            let bytes = all.slice(start..all.len().min(start + page_len));
            let count = bytes.len() / size_of::<f64>();
            pages.write_page(data_page(bytes, count, Encoding::PLAIN))?;
        }
        drop(all);
        self.values = Arc::into_inner(values).unwrap_or_default();
        Ok(0)
    }

    fn statistics(&self) -> Statistics {
        // Zeros of both signs differ in one order of floats and not in another: these bounds hold
        // in both.
        let (least, largest) = self.range.unzip();
        let least = least.map(|x| if x == 0.0 { -0.0 } else { x });
        let largest = largest.map(|x| if x == 0.0 { 0.0 } else { x });
        let known = ValueStatistics::new(least, largest, None, Some(0), false);
        Statistics::Double(known.with_nan_count(Some(self.nan_count)))
    }
}

impl Classes {
    /// Writes dictionary and pages; returns where the first page is.
    fn write(&self, pages: &mut impl PageWriter) -> Result<u64> {
        let dictionary = [0_i32, 1].map(i32::to_le_bytes).concat();
        let (buf, len) = (Bytes::from(dictionary), 2 * size_of::<i32>());
        let encoding = Encoding::PLAIN;
        let page = Page::DictionaryPage { buf, num_values: 2, encoding, is_sorted: false };
        let data = pages.write_page(CompressedPage::new(page, len))?.bytes_written;
        for (at, bits) in self.bits.chunks(PAGE_VALUES / 8).enumerate() {
            let count = (self.count - at * PAGE_VALUES).min(PAGE_VALUES);
            // One bit a place; then one run of so many times eight of them, as they are.
            let mut bytes = vec![1];
            push_varint((bits.len() << 1) | 1, &mut bytes);
            bytes.extend_from_slice(bits);
            pages.write_page(data_page(Bytes::from(bytes), count, Encoding::RLE_DICTIONARY))?;
        }
        Ok(data)
    }

    fn statistics(&self) -> Statistics {
        let least = self.seen.iter().position(|&seen| seen);
        let largest = self.seen.iter().rposition(|&seen| seen);
        let class = |class: usize| i32::from(class == 1);
        Statistics::int32(least.map(class), largest.map(class), None, Some(0), false)
    }
}

/// Floats as bytes; the library has the same order of bytes as every processor it runs on here.
struct Floats(Arc<Vec<f64>>);

impl AsRef<[u8]> for Floats {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

fn data_page(bytes: Bytes, count: usize, encoding: Encoding) -> CompressedPage {
    let (len, levels) = (bytes.len(), Encoding::RLE);
    let page = Page::DataPage {
        buf: bytes,
        // At most `PAGE_VALUES`.
        num_values: u32::try_from(count).unwrap_or(u32::MAX),
        encoding,
        def_level_encoding: levels,
        rep_level_encoding: levels,
        statistics: None,
    };
    CompressedPage::new(page, len)
}

fn page_count(values: usize) -> i32 {
    i32::try_from(values.div_ceil(PAGE_VALUES)).unwrap_or(i32::MAX)
}

/// Seven bits a byte, the low ones first; all but the last have the eighth bit.
fn push_varint(mut number: usize, bytes: &mut Vec<u8>) {
    while number > 0x7F {
        bytes.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// The least and the largest float, NaN aside.
fn range_of(values: &[f64]) -> Option<(f64, f64)> {
    let (mut low, mut high) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
    let (whole, rest) = values.as_chunks::<LANES>();
    for values in whole {
        for at in 0..LANES {
            low[at] = if values[at] < low[at] { values[at] } else { low[at] };
            high[at] = if values[at] > high[at] { values[at] } else { high[at] };
        }
    }
    let least = low.iter().chain(rest).copied().fold(f64::INFINITY, f64::min);
    let largest = high.iter().chain(rest).copied().fold(f64::NEG_INFINITY, f64::max);
    (least <= largest).then_some((least, largest))
}

#[cfg(test)]
#[path = "plain_columns_tests.rs"]
mod tests;
