//! [`Packing`]: streams that hold another file, and how they are unpacked.

use bzip2::read::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use std::io::{self, BufReader, Read};

/// What a decoder of xz may take, in KiB: four times what `xz -9` asks for.
const XZ_MEMORY_KIB: u32 = 256 << 10;

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// gzip; several members may follow each other.
    Gzip,
    /// Zstandard.
    Zstd,
    /// xz.
    Xz,
    /// bzip2.
    Bzip2,
    /// A zip archive.
    Zip,
}

impl Packing {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Packing::Gzip => "gzip",
            Packing::Zstd => "zstd",
            Packing::Xz => "xz",
            Packing::Bzip2 => "bzip2",
            Packing::Zip => "zip",
        }
    }

    /// How the file is packed that starts with these bytes.
    pub(super) fn of(head: &[u8]) -> Option<Packing> {
        match head {
            [0x1f, 0x8b, ..] => Some(Packing::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Packing::Zstd),
            // A frame to be skipped, as parallel compressors write them.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Packing::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Packing::Xz),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Packing::Bzip2),
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] | [b'P', b'K', 7, 8, ..] => {
                Some(Packing::Zip)
            }
            _ => None,
        }
    }

    /// Unpacks a stream, which is not of [`Packing::Zip`].
    pub(super) fn unpack(self, packed: impl Read + Send + 'static) -> Box<dyn Read + Send> {
        // 256 KiB: a few milliseconds of unpacking between two system calls.
        let packed = BufReader::with_capacity(256 * 1024, packed);
        match self {
            Packing::Gzip | Packing::Zip => self.wrap(MultiGzDecoder::new(packed)),
            Packing::Zstd => match zstd::stream::read::Decoder::with_buffer(packed) {
                Ok(decoder) => self.wrap(decoder),
                Err(error) => self.wrap(Failing(Some(error))),
            },
            Packing::Xz => self.wrap(XzReader::new_mem_limit(packed, true, XZ_MEMORY_KIB)),
            Packing::Bzip2 => self.wrap(MultiBzDecoder::new(packed)),
        }
    }

    /// Names the packing in what its decoder complains about.
    pub(super) fn wrap(self, decoder: impl Read + Send + 'static) -> Box<dyn Read + Send> {
        Box::new(Named { decoder, name: self.name() })
    }
}

struct Named<R> {
    decoder: R,
    name: &'static str,
}

impl<R: Read> Read for Named<R> {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.decoder.read(buffer).map_err(|error| {
            // What the system says of the file is passed on.
            if error.raw_os_error().is_some() || error.kind() == io::ErrorKind::Interrupted {
                return error;
            }
            let text = format!("the {} stream ends early or is damaged: {error}", self.name);
            io::Error::new(io::ErrorKind::InvalidData, text)
        })
    }
}

/// A decoder that could not be made.
struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(self.0.take().unwrap_or_else(|| io::ErrorKind::OutOfMemory.into()))
    }
}
