//! [`Pieces`]: trades from columns, which a thread of their own reads a few pieces ahead.

use super::cells::{Cells, Refused, Texts, take};
use super::role::{Role, TRADE};
use crate::table::{Columnar, TableError};
use arrow_array::RecordBatch;
use factord_factors::{Quote, Side, Trade};
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

/// Rows of a piece at most.
// 4,096: 350 KiB of trades, which stay in the second-level cache until they are taken, and memory
// that is freed is used again without the kernel's help.
pub(super) const PIECE_ROWS: usize = 4096;

/// Pieces that wait at most.
const PIECES_AHEAD: usize = 4;

/// How a file says what its trades are.
pub(super) struct Form {
    /// The columns read: what they hold, and where they are in the file.
    pub(super) wanted: Vec<(Role, usize)>,
    pub(super) price_divisor: f64,
    pub(super) offset_ns: i64,
}

/// Some rows of a file.
pub(super) struct Piece {
    /// The number of the first, counted from 0.
    pub(super) first: u64,
    /// What was read, for messages.
    pub(super) read: RecordBatch,
    /// One for each row.
    pub(super) trades: Vec<Trade>,
    /// Which rows are trades, where not all need to be.
    pub(super) kept: Option<Vec<bool>>,
    /// The symbol of each row, where the file says it.
    pub(super) symbols: Option<Texts>,
    /// The share of the file that was read with it, 0 to 1.
    pub(super) progress: f64,
}

/// Why there are no more.
pub(super) enum Failure {
    Table(TableError),
    /// A value that its column may not hold, behind so many rows.
    Refused(u64, Role, usize, Refused),
}

type Next = Result<Option<Piece>, Failure>;

/// The pieces of a file, in order. Dropping it ends the thread after its next piece.
pub(super) struct Pieces {
    ahead: Receiver<Next>,
    thread: Option<JoinHandle<()>>,
}

impl Pieces {
    /// Starts reading.
    pub(super) fn new(mut columnar: Columnar, form: Form) -> Pieces {
        let (give, ahead) = sync_channel(PIECES_AHEAD);
        let thread = thread::spawn(move || {
            // Bounded by the file.
            loop {
                let next = form.next(&mut columnar);
                let last = !matches!(next, Ok(Some(_)));
                if give.send(next).is_err() || last {
                    return;
                }
            }
        });
        Pieces { ahead, thread: Some(thread) }
    }

    /// The next piece; none at the end of the file, nor after a failure.
    pub(super) fn next(&mut self) -> Next {
        let Ok(next) = self.ahead.recv() else {
            // It ends after what it has said, or in a panic, which is then one here.
            return match self.thread.take().map(JoinHandle::join) {
                Some(Err(panic)) => resume_unwind(panic),
                _ => Ok(None),
            };
        };
        next
    }
}

impl Form {
    fn next(&self, columnar: &mut Columnar) -> Next {
        let Some((first, read)) = columnar.next_rows().map_err(Failure::Table)? else {
            return Ok(None);
        };
        let mut trades = vec![Trade::new(0, 0.0, 0.0, Side::Unknown); read.num_rows()];
        let (mut days, mut quotes) = (None, [None, None]);
        let (mut kept, mut symbols) = (None, None);
        for (array, &(role, at)) in read.columns().iter().zip(&self.wanted) {
            let cells = take(array, role);
            let cells = cells.map_err(|refused| Failure::Refused(first, role, at, refused))?;
            match (cells, role) {
                (Cells::Integers(values), Role::Date) => days = Some(values),
                (Cells::Integers(times), _) => set(&mut trades, &times, |it, at| it.ts_ns = at),
                (Cells::Floats(values), Role::Price | Role::PriceUnits) => {
                    set(&mut trades, &values, |it, price| it.price = price);
                }
                (Cells::Floats(values), Role::Qty) => {
                    set(&mut trades, &values, |it, qty| it.qty = qty);
                }
                (Cells::Floats(values), Role::Bid) => quotes[0] = Some(values),
                (Cells::Floats(values), _) => quotes[1] = Some(values),
                (Cells::Orders(ids), Role::BuyId) => {
                    set(&mut trades, &ids, |it, id| it.buy_id = id)
                }
                (Cells::Orders(ids), _) => set(&mut trades, &ids, |it, id| it.sell_id = id),
                (Cells::Sides(sides), _) => set(&mut trades, &sides, |it, side| it.side = side),
                (Cells::Kinds(kinds), _) => {
                    kept = Some(kinds.iter().map(|&kind| kind == TRADE).collect());
                }
                (Cells::Texts(texts), _) => symbols = Some(texts),
            }
        }
        for (row, trade) in trades.iter_mut().enumerate() {
            if self.price_divisor != 1.0 {
                trade.price /= self.price_divisor;
            }
            let day_ns = days.as_ref().map_or(0, |days| days[row]);
            trade.ts_ns = trade.ts_ns.saturating_add(self.offset_ns).saturating_add(day_ns);
            if let [Some(bids), Some(asks)] = &quotes
                && bids[row] > 0.0
                && asks[row] > 0.0
            {
                trade.quote = Some(Quote { bid: bids[row], ask: asks[row] });
            }
        }
        Ok(Some(Piece { first, trades, kept, symbols, progress: columnar.progress(), read }))
    }
}

/// Sets something of each trade.
fn set<T: Copy>(trades: &mut [Trade], values: &[T], put: impl Fn(&mut Trade, T)) {
    trades.iter_mut().zip(values).for_each(|(trade, &value)| put(trade, value));
}
