//! Region images: what the four regions of a channel of 3 features and 64 slots hold, as text; and
//! what is said with them.
//!
//! A line names a region and what is true of it; words that no line names are zero:
//!
//! ```text
//! # a comment
//! like good                            everything of that image, first of all
//! RESP 000c0 0000000000000001          at this offset, this word, both in hex
//! RESP zero                            every word of it
//! RESP len 4160                        bytes, in decimal
//! RESP unsealed
//! RESP absent                          no descriptor is sent for it
//! STATUS pipe                          the end of a pipe is sent instead
//! STATUS 00048 soon                    a minute from now, by CLOCK_MONOTONIC in nanoseconds
//! WELCOME 00058 0000000000000001       this word of the welcome, instead of the true one
//! IMAGE 0123456789abcdef len 256       bytes of the image of the version with this fingerprint
//! IMAGE 0123456789abcdef 00028 0000000000000020
//! ```

use crate::fault::{During, Fault, fail};
use factord_core::abi::{self, models_region, status_region};
use factord_core::channel::{Message, Welcome};
use factord_core::ring::Geometry;
use factord_core::sys::{clock, memory};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

/// The names of the regions, in the order of their descriptors.
const NAMES: [&str; 4] = ["STATUS", "REQ", "RESP", "MODELS"];
/// Features of every image's channel.
pub(crate) const FEATURES: usize = 3;
/// Slots of its rings.
pub(crate) const SLOTS: usize = 64;
/// The epoch of the golden image.
pub(crate) const EPOCH: u64 = 42;
/// The first of its answers that is of this epoch; those before it are of the epoch before.
pub(crate) const EPOCH_SINCE: u64 = 5;
/// Ticks a second that it names: two a nanosecond.
pub(crate) const TSC_HZ: u64 = 2_000_000_000;
/// The CPU of its worker.
pub(crate) const WORKER_CPU: u64 = 2;
/// The client it was made for.
pub(crate) const CLIENT_ID: u64 = 5;
/// Generations of its two models.
pub(crate) const GENERATIONS: [u32; 2] = [7, 8];

/// What is sent for a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Sealed,
    Unsealed,
    Absent,
    Pipe,
}

/// One region.
#[derive(Clone, Debug)]
struct Part {
    form: Form,
    len: u64,
    words: BTreeMap<u64, u64>,
}

/// All four, what the welcome says otherwise, and the images of versions by their fingerprints.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    parts: [Part; 4],
    welcome: BTreeMap<u64, u64>,
    versions: BTreeMap<u64, Part>,
}

impl Image {
    fn empty() -> Result<Image, Fault> {
        let Some(ring) = Geometry::new(FEATURES, SLOTS) else { return fail("no such ring") };
        let lines =
            [status_region::LINES, ring.req_lines(), ring.resp_lines(), models_region::LINES];
        let part = |lines: usize| Part::empty((lines * abi::LINE_LEN) as u64);
        let (welcome, versions) = (BTreeMap::new(), BTreeMap::new());
        Ok(Image { parts: lines.map(part), welcome, versions })
    }

    /// Reads the image of a name from the golden folder.
    pub(crate) fn read(golden: &Path, name: &str) -> Result<Image, Fault> {
        let path = golden.join("images").join(format!("{name}.image"));
        let text = fs::read_to_string(&path).during(path.display())?;
        let mut image = Image::empty()?;
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let during = || format!("{}: {line}", path.display());
            match line.split(' ').collect::<Vec<_>>().as_slice() {
                ["like", other] => image = Image::read(golden, other)?,
                ["WELCOME", offset, word] => {
                    let word = number(word).during(during())?;
                    image.welcome.insert(number(offset).during(during())?, word);
                }
                ["IMAGE", fingerprint, what @ ..] => {
                    let fingerprint = number(fingerprint).during(during())?;
                    let version = image.versions.entry(fingerprint);
                    version.or_insert_with(|| Part::empty(0)).change(what).during(during())?;
                }
                [region, what @ ..] => {
                    let Some(index) = NAMES.iter().position(|name| name == region) else {
                        return fail(format!("{}: no region {region}", path.display()));
                    };
                    image.parts[index].change(what).during(during())?;
                }
                [] => {}
            }
        }
        Ok(image)
    }

    /// Makes the descriptors.
    pub(crate) fn files(&self) -> Result<Vec<OwnedFd>, Fault> {
        let mut files = Vec::new();
        for (part, name) in self.parts.iter().zip(NAMES) {
            // The two rings are mapped writable; of the others a client gets a reader's descriptor.
            files.extend(part.file(matches!(name, "REQ" | "RESP")).during(name)?);
        }
        Ok(files)
    }

    /// What the daemon says instead of its true welcome.
    pub(crate) fn welcome(&self, truth: Welcome) -> Vec<u8> {
        let mut bytes = Message::Welcome(truth).encode();
        for (&offset, word) in &self.welcome {
            if let Some(place) = bytes.get_mut(offset as usize..offset as usize + 8) {
                place.copy_from_slice(&word.to_le_bytes());
            }
        }
        bytes.to_vec()
    }

    /// The image of a version; `None` when there is none.
    pub(crate) fn version(&self, fingerprint: u64) -> Result<Option<OwnedFd>, Fault> {
        match self.versions.get(&fingerprint) {
            Some(part) => part.frozen_file().map(Some).during("an image"),
            None => Ok(None),
        }
    }
}

/// Reads hexadecimal digits.
fn number(digits: &str) -> Result<u64, Fault> {
    u64::from_str_radix(digits, 16).during(digits)
}

impl Part {
    fn empty(len: u64) -> Part {
        Part { form: Form::Sealed, len, words: BTreeMap::new() }
    }

    fn change(&mut self, what: &[&str]) -> Result<(), Fault> {
        match what {
            ["zero"] => self.words.clear(),
            ["len", len] => self.len = len.parse().during("the length")?,
            ["unsealed"] => self.form = Form::Unsealed,
            ["absent"] => self.form = Form::Absent,
            ["pipe"] => self.form = Form::Pipe,
            // The clock is read with the image, which is read for each false daemon anew.
            [offset, "soon"] => {
                self.words.insert(number(offset)?, clock::end_of(Duration::from_secs(60)));
            }
            [offset, word] => {
                self.words.insert(number(offset)?, number(word)?);
            }
            _ => return fail("not a line of an image"),
        }
        Ok(())
    }

    /// A file that nobody can write to any more.
    fn frozen_file(&self) -> std::io::Result<OwnedFd> {
        let len = usize::try_from(self.len).unwrap_or_default();
        let mut bytes = vec![0; len];
        for (&offset, word) in self.words.iter().filter(|&(&offset, _)| offset + 8 <= self.len) {
            bytes[offset as usize..offset as usize + 8].copy_from_slice(&word.to_le_bytes());
        }
        memory::sealed_file("image", &bytes)
    }

    fn file(&self, writable: bool) -> std::io::Result<Option<OwnedFd>> {
        match self.form {
            Form::Absent => return Ok(None),
            Form::Pipe => return Ok(Some(std::io::pipe()?.0.into())),
            Form::Sealed | Form::Unsealed => {}
        }
        let file = File::from(memory::create("image", self.len)?);
        for (&offset, word) in self.words.iter().filter(|&(&offset, _)| offset + 8 <= self.len) {
            file.write_all_at(&word.to_le_bytes(), offset)?;
        }
        if self.form == Form::Sealed {
            memory::seal_size(file.as_fd())?;
        }
        if writable {
            Ok(Some(file.into()))
        } else {
            memory::reopen_read_only(file.as_fd()).map(Some)
        }
    }
}
