//! [`Opened`]: a file that was opened and looked into.

use super::encoding::Encoding;
use super::error::ContentError;
use super::kind::{Kind, ModelKind};
use super::packing::Packing;
use super::source::{Progress, Source, head};
use super::zipped;
use std::fmt;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::sync::Arc;

/// How often a file may be packed: once in an archive, and by itself.
const DEPTH_MAX: usize = 3;

/// What a file is, and what it is packed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The packings, outermost first.
    pub packings: Vec<Packing>,
    /// The name of the file inside an archive.
    pub member: Option<String>,
    /// What is inside.
    pub kind: Kind,
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for packing in &self.packings {
            write!(f, "{}", packing.name())?;
            match &self.member {
                Some(member) if *packing == Packing::Zip => {
                    write!(f, " of {}: ", super::shown(member, 120))?;
                }
                _ => write!(f, ": ")?,
            }
        }
        write!(f, "{}", self.kind.name())
    }
}

/// A file, or stdin for `-`, opened for reading.
pub struct Opened {
    path: Arc<Path>,
    content: Content,
    /// The first bytes of what is inside.
    head: Vec<u8>,
    body: Body,
    progress: Progress,
}

enum Body {
    /// Not packed.
    Plain(Source),
    /// What follows the head, unpacked.
    Stream(Box<dyn Read + Send>),
}

impl Opened {
    /// Opens a file, unpacks it, and tells what it is.
    ///
    /// # Errors
    ///
    /// [`ContentError`] when it cannot be opened or unpacked, or holds nothing.
    pub fn open(path: &Path) -> Result<Opened, ContentError> {
        let (mut source, progress) = Source::open(path)?;
        let failed = |error| ContentError::Open { path: path.to_owned(), error };
        let (mut first, error) = source.head();
        if let Some(error) = error {
            return Err(failed(error));
        }
        let wanted = source.head_len();
        if first.is_empty() {
            return Err(ContentError::Empty { path: path.to_owned() });
        }
        let mut kind = Kind::of(&first);
        let mut body = Body::Plain(source);
        let (mut packings, mut member) = (Vec::new(), None);
        // Bounded by how often a file may be packed.
        while let Kind::Packed(packing) = kind {
            let stream = match (packing, body) {
                (_, _) if packings.len() == DEPTH_MAX => {
                    let what = packing.name().to_owned();
                    return Err(inside(path, &packings, what));
                }
                (Packing::Zip, Body::Plain(Source::File(file))) => {
                    let found = zipped::member(path, file)?;
                    member = Some(found.name);
                    found.stream
                }
                (Packing::Zip, Body::Plain(Source::Pipe(_))) => {
                    return Err(ContentError::Pipe { path: path.to_owned() });
                }
                (Packing::Zip, Body::Stream(_)) => {
                    return Err(inside(path, &packings, "a zip archive".to_owned()));
                }
                (_, Body::Plain(source)) => {
                    packing.unpack(Cursor::new(first).chain(source.stream(&progress)))
                }
                (_, Body::Stream(stream)) => packing.unpack(Cursor::new(first).chain(stream)),
            };
            packings.push(packing);
            (first, body) = looked_into(path, packing, stream, wanted)?;
            kind = Kind::of(&first);
        }
        let content = Content { packings, member, kind };
        Ok(Opened { path: path.into(), content, head: first, body, progress })
    }

    /// What it is.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// The file, as it was named.
    pub fn path(&self) -> &Arc<Path> {
        &self.path
    }

    /// The first bytes of what is inside, at most 64 KiB.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// What tells how much was read, now and later.
    pub(crate) fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// Refuses what is no table, and a table that has to be unpacked first.
    ///
    /// # Errors
    ///
    /// [`ContentError`] names what it is, and the way out.
    pub fn require_table(&self) -> Result<(), ContentError> {
        let path = || self.path.to_path_buf();
        match &self.content.kind {
            Kind::Text(_) => Ok(()),
            Kind::Parquet | Kind::Arrow | Kind::ArrowStream => match self.content.packings[..] {
                [] => Ok(()),
                _ => Err(inside(&self.path, &self.content.packings, self.content.kind.name())),
            },
            Kind::Model(model) => {
                Err(ContentError::Model { path: path(), what: model.name(), way: model.way() })
            }
            Kind::Unread(unread) => Err(ContentError::Unread { path: path(), unread }),
            Kind::Packed(packing) => {
                let what = packing.name().to_owned();
                Err(inside(&self.path, &self.content.packings, what))
            }
            Kind::Unknown(bytes) => {
                Err(ContentError::Unknown { path: path(), bytes: bytes.clone() })
            }
        }
    }

    /// The text from its first letter on, unpacked, in UTF-8, without a mark before it.
    pub fn into_text(self) -> Box<dyn Read + Send> {
        let mark = match self.content.kind {
            Kind::Text(encoding) => encoding.mark_len(&self.head),
            _ => 0,
        };
        let mut head = Cursor::new(self.head);
        head.set_position(mark as u64);
        let rest: Box<dyn Read + Send> = match self.body {
            Body::Plain(source) => Box::new(head.chain(source.stream(&self.progress))),
            Body::Stream(stream) => Box::new(head.chain(stream)),
        };
        match self.content.kind {
            Kind::Text(encoding) => encoding.decode(rest),
            _ => Encoding::Utf8.decode(rest),
        }
    }

    /// The file itself, for formats that are not read from front to back; `None` for what is not
    /// a file of its own.
    pub fn into_file(self) -> Option<File> {
        match self.body {
            Body::Plain(Source::File(file)) => Some(file),
            _ => None,
        }
    }
}

fn inside(path: &Path, packings: &[Packing], what: String) -> ContentError {
    let packing = packings.first().map_or("a packed file", |packing| packing.name());
    ContentError::Inside { path: path.to_owned(), packing, what }
}

/// Reads the first bytes of what was packed, as many as wanted.
fn looked_into(
    path: &Path,
    packing: Packing,
    mut stream: Box<dyn Read + Send>,
    wanted: usize,
) -> Result<(Vec<u8>, Body), ContentError> {
    match head(&mut stream, wanted) {
        (first, None) if first.is_empty() => Err(ContentError::Empty { path: path.to_owned() }),
        (first, Some(error)) if first.is_empty() => Err(ContentError::Damaged {
            path: path.to_owned(),
            packing: packing.name(),
            reason: reason(&error),
        }),
        (first, None) => Ok((first, Body::Stream(stream))),
        // What was read before an error is given before it.
        (first, Some(error)) => Ok((first, Body::Stream(Box::new(Ending(Some(error)))))),
    }
}

/// A stream that ends with an error.
struct Ending(Option<io::Error>);

impl Read for Ending {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(self.0.take().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into()))
    }
}

/// What a decoder says, without what is said around it already.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split_once("is damaged: ").map_or(text.clone(), |(_, reason)| reason.to_owned())
}

impl Content {
    /// Whether it is a model, and which.
    pub fn model(&self) -> Option<ModelKind> {
        match self.kind {
            Kind::Model(model) => Some(model),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;
    use zip::write::SimpleFileOptions;

    const TEXT: &str = "ts,price\n1,2\n";

    /// The same text as `xz` packs it.
    const XZ: &str = "\
        fd377a585a000004e6d6b4460200210116000000742fe5a301000c74732c70726963650a312c320a\
        0000000005c07c5f1616f01c0001250d7119c4b61fb6f37d010000000004595a";

    fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            archive.start_file(*name, SimpleFileOptions::default()).unwrap();
            archive.write_all(bytes).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    fn open(bytes: &[u8]) -> Result<Opened, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t");
        fs::write(&path, bytes).unwrap();
        let named = |error: ContentError| error.to_string().replace(path.to_str().unwrap(), "t");
        let opened = Opened::open(&path).map_err(named)?;
        opened.require_table().map_err(named)?;
        Ok(opened)
    }

    #[test]
    fn text_is_read_whatever_it_is_packed_in() {
        let hex = |at: usize| u8::from_str_radix(&XZ[at..at + 2], 16).unwrap();
        let xz: Vec<u8> = (0..XZ.len()).step_by(2).map(hex).collect();
        let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bzip2.write_all(TEXT.as_bytes()).unwrap();
        let bzip2 = bzip2.finish().unwrap();
        let zstd = zstd::encode_all(TEXT.as_bytes(), 1).unwrap();
        let inner = gzip(TEXT.as_bytes());
        let marked = ["\u{feff}".as_bytes(), TEXT.as_bytes()].concat();
        for (bytes, said) in [
            (TEXT.as_bytes().to_vec(), "text, UTF-8"),
            (marked.clone(), "text, UTF-8"),
            (gzip(&marked), "gzip: text, UTF-8"),
            (gzip(TEXT.as_bytes()), "gzip: text, UTF-8"),
            ([gzip(b"ts,pri"), gzip(b"ce\n1,2\n")].concat(), "gzip: text, UTF-8"),
            (zstd.clone(), "zstd: text, UTF-8"),
            (xz, "xz: text, UTF-8"),
            (bzip2, "bzip2: text, UTF-8"),
            (zip(&[("a.csv", TEXT.as_bytes())]), "zip of a.csv: text, UTF-8"),
            (zip(&[("a.csv.gz", &inner)]), "zip of a.csv.gz: gzip: text, UTF-8"),
            (zip(&[("a.csv", TEXT.as_bytes()), ("README", b"x")]), "zip of a.csv: text, UTF-8"),
        ] {
            let opened = open(&bytes).unwrap();
            assert_eq!(opened.content().to_string(), said);
            let mut text = String::new();
            opened.into_text().read_to_string(&mut text).unwrap();
            assert_eq!(text, TEXT, "{said}");
        }
    }

    #[test]
    fn what_cannot_be_unpacked_to_one_table_is_named() {
        let (a, b) = (("a.csv", TEXT.as_bytes()), ("b\u{1b}.csv", TEXT.as_bytes()));
        let whole = zip(&[a]);
        let mut spoilt = whole.clone();
        // The check sum in the directory at the end: its header is 46 bytes, the sum at 16.
        let directory = whole.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
        spoilt[directory + 16] ^= 1;
        let zstd = zstd::encode_all(TEXT.as_bytes(), 1).unwrap();
        for (bytes, expected) in [
            (zip(&[a, b]), "(a.csv, b\\u{1b}.csv)"),
            (zip(&[]), "t: a zip of 0 files"),
            (zip(&[("xl/workbook.xml", b"x")]), "t: it is an Excel workbook"),
            (zip(&[("a.npy", b"x")]), "t: it is an archive of NumPy arrays"),
            (gzip(b"PAR1"), "t: gzip with Parquet inside: unpack it first"),
            (gzip(&gzip(&gzip(&gzip(b"x")))), "t: gzip with gzip inside: unpack it first"),
            (whole[..whole.len() - 9].to_vec(), "t: the zip stream ends early or is damaged"),
            (zstd[..8].to_vec(), "t: the zstd stream ends early or is damaged"),
            (Vec::new(), "t: the file is empty"),
        ] {
            let said = open(&bytes).err().unwrap();
            assert!(said.contains(expected), "{said}\n{expected}");
        }
        let mut text = String::new();
        let error = open(&spoilt).unwrap().into_text().read_to_string(&mut text).unwrap_err();
        assert!(error.to_string().contains("its check sum differs"), "{error}");
    }
}
