//! From scored pieces to the file: text as it comes, Parquet by row groups.

use super::pipeline::ordered;
use super::{Body, Part, ScoreError, Tally};
use crate::table::{Column, Packed, RowGroups, Writer};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// The table that is written.
pub(super) enum Target {
    Text(Writer),
    Parquet(Box<RowGroups>),
}

impl Target {
    /// Scores the pieces and writes them, in order. Those who score also pack columns, which come
    /// before further pieces, so that at most two row groups are held. `free` gets the text back
    /// that was written.
    pub(super) fn write<T: Send>(
        self,
        threads: usize,
        next: impl FnMut() -> Result<Option<T>, ScoreError> + Send,
        score: impl Fn(T) -> Result<Part, ScoreError> + Sync,
        tally: &mut Tally<'_, '_>,
        free: impl Fn(Vec<u8>),
    ) -> Result<(), ScoreError> {
        let mut writer = match self {
            Target::Parquet(groups) => return to_parquet(threads, *groups, next, score, tally),
            Target::Text(writer) => writer,
        };
        ordered(threads, next, score, |part| {
            tally.add(part.row_count, part.bad, part.share)?;
            if let Body::Text(lines) = part.body {
                writer.write_text(&lines)?;
                free(lines);
            }
            Ok(())
        })?;
        Ok(writer.finish()?)
    }
}

/// What a thread is given, and what comes of it.
enum Step<P, C> {
    Piece(P),
    Column(C),
}

fn to_parquet<T: Send>(
    threads: usize,
    mut groups: RowGroups,
    mut next: impl FnMut() -> Result<Option<T>, ScoreError> + Send,
    score: impl Fn(T) -> Result<Part, ScoreError> + Sync,
    tally: &mut Tally<'_, '_>,
) -> Result<(), ScoreError> {
    let path = groups.path().to_owned();
    let pack = |column: Column| column.pack(&path);
    let columns: Mutex<VecDeque<Column>> = Mutex::default();
    let waiting = || columns.lock().unwrap_or_else(PoisonError::into_inner);
    let step = || -> Result<Option<Step<T, Column>>, ScoreError> {
        match waiting().pop_front() {
            Some(column) => Ok(Some(Step::Column(column))),
            None => Ok(next()?.map(Step::Piece)),
        }
    };
    let work = |step: Step<T, Column>| -> Result<Step<Part, Packed>, ScoreError> {
        Ok(match step {
            Step::Piece(piece) => Step::Piece(score(piece)?),
            Step::Column(column) => Step::Column(pack(column)?),
        })
    };
    ordered(threads, step, work, |done| {
        match done {
            Step::Column(packed) => groups.write(packed)?,
            Step::Piece(part) => {
                tally.add(part.row_count, part.bad, part.share)?;
                if let Body::Record(record) = part.body {
                    waiting().extend(groups.add(&record)?);
                }
            }
        }
        Ok(())
    })?;
    let mut rest = columns.into_inner().unwrap_or_else(PoisonError::into_inner);
    rest.extend(groups.rest()?);
    ordered(threads, || Ok(rest.pop_front()), pack, |packed| groups.write(packed))?;
    Ok(groups.finish()?)
}
