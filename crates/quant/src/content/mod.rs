//! What a file is, told by its bytes and never by its name.
//!
//! [`Opened::open`] looks at the first bytes, unpacks what is packed (gzip, zstd, xz, bzip2, a zip
//! with one table inside) and looks again, until it knows: text in an encoding, a table in columns,
//! a model, or something that nothing here reads, which it then calls by its name. Text comes out
//! as UTF-8. This module parses no table, and decides nothing about columns; tables, trades and
//! `factord inspect` open files through it.

mod encoding;
mod error;
mod kind;
mod opened;
mod packing;
mod source;
mod unread;
mod zipped;

pub use encoding::Encoding;
pub use error::ContentError;
pub use kind::{Kind, ModelKind};
pub use opened::{Content, Opened};
pub use packing::Packing;
pub(crate) use source::Progress;
pub use unread::Unread;

/// Text from outside as a message or a terminal may show it: on one line, without control
/// characters, and no longer than `len_max` characters.
pub fn shown(text: &str, len_max: usize) -> String {
    let quote = |letter: &char| matches!(letter, '"' | '\'' | '\\');
    let mut shown = String::new();
    for (count, letter) in text.chars().enumerate() {
        if count == len_max {
            shown.push_str("...");
            break;
        }
        match letter {
            letter if quote(&letter) => shown.push(letter),
            letter => shown.extend(letter.escape_debug()),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_a_cursor_is_shown() {
        assert_eq!(shown("a\u{1b}[31mb\u{7}\n\"c\"", 99), "a\\u{1b}[31mb\\u{7}\\n\"c\"");
        assert_eq!(shown("\u{9b}2J\u{202e}成交", 99), "\\u{9b}2J\\u{202e}成交");
        assert_eq!(shown("abcdef", 3), "abc...");
    }
}
