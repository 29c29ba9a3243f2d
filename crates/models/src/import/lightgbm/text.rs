//! The text as blocks of keys and values, a line each.

use super::LightGbmError;
use crate::import::pickle::shortened;
use std::iter::{Enumerate, Peekable};
use std::str::{FromStr, Lines};

/// The most lines of a block: a tree has some 20.
const ENTRY_COUNT_MAX: usize = 64;

/// One line of a block.
#[derive(Clone, Copy)]
pub(super) struct Entry<'t> {
    line: usize,
    key: &'t str,
    /// What follows the first `=`.
    pub(super) text: &'t str,
}

/// The lines of one tree, or of the head.
pub(super) struct Block<'t> {
    line: usize,
    name: String,
    entries: Vec<Entry<'t>>,
}

/// The blocks of a text, in order.
pub(super) struct Blocks<'t> {
    lines: Peekable<Enumerate<Lines<'t>>>,
    last: usize,
}

impl<'t> Blocks<'t> {
    pub(super) fn new(text: &'t str) -> Blocks<'t> {
        Blocks { lines: text.lines().enumerate().peekable(), last: 0 }
    }

    fn next(&mut self) -> Option<(usize, &'t str)> {
        let (index, line) = self.lines.next()?;
        self.last = index + 1;
        Some((index + 1, line.trim_end()))
    }

    /// The head: every line up to the first tree.
    pub(super) fn head(&mut self) -> Result<Block<'t>, LightGbmError> {
        self.next();
        self.block(1, "head".to_owned())
    }

    /// The block of the next tree, which must be that of `number`; `None` behind the last one.
    pub(super) fn tree(&mut self, number: usize) -> Result<Option<Block<'t>>, LightGbmError> {
        let expected = format!("`Tree={number}` or `end of trees`");
        let Some((line, text)) = self.next() else {
            return Err(LightGbmError::Order { line: self.last + 1, expected });
        };
        match text.strip_prefix("Tree=") {
            Some(found) if found == number.to_string() => {
                self.block(line, format!("tree {number}")).map(Some)
            }
            None if text == "end of trees" => Ok(None),
            _ => Err(LightGbmError::Order { line, expected }),
        }
    }

    /// Takes lines up to the next tree or the end of them; empty ones mean nothing.
    fn block(&mut self, line: usize, name: String) -> Result<Block<'t>, LightGbmError> {
        let mut block = Block { line, name, entries: Vec::new() };
        let ends = |(_, text): &(usize, &str)| {
            text.starts_with("Tree=") || text.trim_end() == "end of trees"
        };
        while !self.lines.peek().is_none_or(ends) {
            let Some((line, text)) = self.next() else { break };
            let (key, text) = text.split_once('=').unwrap_or((text, ""));
            if key.is_empty() {
                continue;
            }
            let is_again = block.entries.iter().any(|entry| entry.key == key);
            if is_again || block.entries.len() == ENTRY_COUNT_MAX {
                let expected = format!("no more than one `{}` in a block", shortened(key));
                return Err(LightGbmError::Order { line, expected });
            }
            block.entries.push(Entry { line, key, text });
        }
        Ok(block)
    }
}

impl<'t> Block<'t> {
    pub(super) fn get(&self, key: &str) -> Option<Entry<'t>> {
        self.entries.iter().find(|entry| entry.key == key).copied()
    }

    /// Where a key stands, or its block.
    pub(super) fn place(&self, key: &str) -> String {
        let line = self.get(key).map_or(self.line, |entry| entry.line);
        format!("line {line}, {}", self.name)
    }

    pub(super) fn need(&self, key: &'static str) -> Result<Entry<'t>, LightGbmError> {
        self.get(key).ok_or_else(|| LightGbmError::Missing { place: self.place(key), key })
    }

    pub(super) fn refuse(&self, key: &str, what: String, instead: &'static str) -> LightGbmError {
        LightGbmError::Unsupported { place: self.place(key), what: shortened(&what), instead }
    }

    pub(super) fn number<T: FromStr>(&self, key: &'static str) -> Result<T, LightGbmError> {
        let text = self.need(key)?.text;
        text.parse().map_err(|_| self.no_number(key, text))
    }

    fn no_number(&self, key: &'static str, found: &str) -> LightGbmError {
        LightGbmError::Number { place: self.place(key), key, found: shortened(found) }
    }

    /// A list of exactly so many numbers.
    pub(super) fn list<T: FromStr>(
        &self,
        key: &'static str,
        expected: usize,
    ) -> Result<Vec<T>, LightGbmError> {
        let words = self.need(key)?.text.split_ascii_whitespace();
        // One more than expected is enough to know.
        let values = words
            .take(expected + 1)
            .map(|word| word.parse().map_err(|_| self.no_number(key, word)))
            .collect::<Result<Vec<T>, _>>()?;
        let found = values.len();
        if found == expected {
            return Ok(values);
        }
        Err(LightGbmError::Length { place: self.place(key), key, found, expected })
    }
}
