//! [`Sheet`]: an image being written, line by line.

use std::fmt::Write;

/// An image being written.
pub(super) struct Sheet(pub(super) String);

impl Sheet {
    pub(super) fn new(about: &str) -> Sheet {
        Sheet(format!("# {about}\n"))
    }

    pub(super) fn like(about: &str, other: &str) -> Sheet {
        let mut sheet = Sheet::new(about);
        // A string takes every write.
        let _ = writeln!(sheet.0, "like {other}");
        sheet
    }

    pub(super) fn like_good(about: &str) -> Sheet {
        Sheet::like(about, "good")
    }

    pub(super) fn word(mut self, region: &str, index: usize, word: u64) -> Sheet {
        // A string takes every write.
        let _ = writeln!(self.0, "{region} {:05x} {word:016x}", index * 8);
        self
    }

    pub(super) fn words(
        self,
        region: &str,
        words: impl IntoIterator<Item = (usize, u64)>,
    ) -> Sheet {
        words.into_iter().fold(self, |sheet, (index, word)| sheet.word(region, index, word))
    }

    /// The image of a version.
    pub(super) fn version(self, fingerprint: u64, words: &[u64]) -> Sheet {
        let region = format!("IMAGE {fingerprint:016x}");
        let words: Vec<(usize, u64)> = words.iter().copied().enumerate().collect();
        self.say(&region, "zero")
            .say(&region, &format!("len {}", words.len() * 8))
            .words(&region, words.into_iter().filter(|&(_, word)| word != 0))
    }

    pub(super) fn say(mut self, region: &str, what: &str) -> Sheet {
        let _ = writeln!(self.0, "{region} {what}");
        self
    }
}
