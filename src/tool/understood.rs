//! What was understood of input files, said on stderr in a line each.

use super::say as line;
use factord_quant::table::{Input, Table};
use factord_quant::trades::Reader;
use std::path::PathBuf;

/// Says what was understood of the trade files from this one on, but for those of which the same
/// was said.
pub(super) fn say(reader: &Reader, from: usize) {
    let all = reader.understood();
    for (at, one) in all.iter().enumerate().skip(from) {
        let same = at > 0 && {
            let before = &all[at - 1];
            (&before.content, before.preset, &before.times, &before.aggressor)
                == (&one.content, one.preset, &one.times, &one.aggressor)
        };
        if !same {
            line(one);
        }
    }
}

/// Says what tables are, before they are read; what cannot be read is told by those who try.
pub(super) fn say_tables<'a>(paths: impl Iterator<Item = &'a PathBuf>) {
    for path in paths.filter(|path| path.is_file()) {
        let Ok(input) = Input::open(path) else { continue };
        let what = input.to_string();
        let Ok(table) = Table::of(input) else { continue };
        let columns = table.names().len();
        line(format_args!("{what}; a table of {columns} columns by its header"));
    }
}
