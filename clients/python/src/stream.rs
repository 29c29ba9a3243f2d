//! Many rows: through the ring, or evaluated in this process, for a slice of time each.

use crate::prediction::Columns;
use crate::rows::{Blocks, Segment};
use crate::slices::{self, SLICE};
use factord_core::client::{Batch, Client as Channel, PredictError};
use factord_eval::fenv;
use pyo3::prelude::*;
use std::time::{Duration, Instant};

/// Predicts all rows through the ring, by `deadline` from now; all of them are for one model and
/// one unit.
///
/// # Errors
///
/// PredictError past the deadline, MemoryError, or a signal's exception: the rows that are under
/// way are given up then.
pub(crate) fn through_ring(
    py: Python<'_>,
    channel: &mut Channel,
    (model, key): (u16, u64),
    segments: &[Segment<'_>],
    deadline: Duration,
) -> PyResult<Columns> {
    let mut columns = Columns::with_room(segments.iter().map(Segment::count).sum())?;
    let start = Instant::now();
    for segment in segments {
        let left = deadline.saturating_sub(start.elapsed());
        let (blocks, batch) = (segment.blocks(), Batch::of_unit(key));
        let mut ring = Ring { blocks, key, batch, first: None };
        let step = |limit| ring.advance(channel, model, &mut columns, limit);
        if let Err(ended) = slices::run(py, left, step) {
            channel.abandon_batch(ring.batch);
            return Err(ended);
        }
    }
    Ok(columns)
}

/// Evaluates all rows in this process, in the default floating-point environment.
///
/// # Errors
///
/// MemoryError, or a signal's exception.
pub(crate) fn in_process(
    py: Python<'_>,
    segments: &[Segment<'_>],
    mut evaluate: impl FnMut(&Blocks<'_>, &mut Columns) + Send,
) -> PyResult<Columns> {
    let mut columns = Columns::with_room(segments.iter().map(Segment::count).sum())?;
    for segment in segments {
        let mut blocks = segment.blocks();
        while !blocks.rows().is_empty() {
            let mut slice = || {
                let start = Instant::now();
                while !blocks.rows().is_empty() && start.elapsed() < SLICE {
                    evaluate(&blocks, &mut columns);
                    blocks.next();
                }
            };
            py.detach(|| fenv::with_default(&mut slice));
            py.check_signals()?;
        }
    }
    Ok(columns)
}

/// Rows on their way through the ring.
struct Ring<'a> {
    blocks: Blocks<'a>,
    key: u64,
    batch: Batch,
    /// The number of the block's first answer, once its answers are laid out.
    first: Option<usize>,
}

impl Ring<'_> {
    /// Goes on for at most `limit`, or a block longer while answers come.
    fn advance(
        &mut self,
        channel: &mut Channel,
        model: u16,
        columns: &mut Columns,
        limit: Duration,
    ) -> Result<(), PredictError> {
        let start = Instant::now();
        while !self.blocks.rows().is_empty() {
            let left = limit.saturating_sub(start.elapsed());
            let count = self.blocks.count();
            let first = *self.first.get_or_insert_with(|| columns.lay_out(count));
            let take = |row, answer| columns.set(first + row, answer);
            channel.advance_batch(&mut self.batch, model, self.blocks.rows(), take, left)?;
            (self.batch, self.first) = (Batch::of_unit(self.key), None);
            self.blocks.next();
            if start.elapsed() > limit && !self.blocks.rows().is_empty() {
                return Err(PredictError::Deadline);
            }
        }
        Ok(())
    }
}
