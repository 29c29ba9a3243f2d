//! Pickles that joblib packed: with zlib, as `compress` does by default, or with gzip.

use super::BYTES_MAX;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use std::io::Read;

/// Whether bytes start as a packed stream: two bytes tell, or one where there are no more.
pub(super) fn is_packed(bytes: &[u8]) -> bool {
    matches!(bytes, [0x78] | [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] | [0x1f] | [0x1f, 0x8b, ..])
}

/// The packing of a stream that is not unpacked here.
pub(super) fn unread(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some("xz"),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some("bzip2"),
        [0x5d, 0, 0, ..] => Some("lzma"),
        [0x04, 0x22, 0x4d, 0x18, ..] => Some("lz4"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("zstd"),
        _ => None,
    }
}

/// Unpacks as much as a pickle may have.
pub(super) fn unpack(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut unpacked = Vec::new();
    let limit = BYTES_MAX as u64 + 1;
    let read = match bytes.first() {
        Some(0x78) => ZlibDecoder::new(bytes).take(limit).read_to_end(&mut unpacked),
        _ => MultiGzDecoder::new(bytes).take(limit).read_to_end(&mut unpacked),
    };
    read.map_err(|error| format!("the stream ends early or is damaged ({error})"))?;
    if unpacked.len() > BYTES_MAX {
        return Err(format!("more than {BYTES_MAX} bytes are in it"));
    }
    Ok(unpacked)
}
