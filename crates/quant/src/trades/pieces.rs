//! [`Pieces`]: trades from columns, which a thread of their own reads a few pieces ahead.

use super::cells::{Cells, Refused, Texts, take};
use super::role::{Role, TRADE};
use super::times;
use crate::table::{Columnar, TableError};
use arrow_array::RecordBatch;
use arrow_buffer::ScalarBuffer;
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
    /// Whether the numbers and times of all of them are sound.
    pub(super) sound: bool,
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
        let rows = read.num_rows();
        let mut held = Held::default();
        let (mut kept, mut symbols) = (None, None);
        for (array, &(role, at)) in read.columns().iter().zip(&self.wanted) {
            let cells = take(array, role);
            let cells = cells.map_err(|refused| Failure::Refused(first, role, at, refused))?;
            match (cells, role) {
                (Cells::Integers(values), Role::Date) => held.days = Some(values),
                (Cells::Integers(times), _) => held.times = Some(times),
                (Cells::Floats(values), Role::Price | Role::PriceUnits) => {
                    held.prices = Some(values);
                }
                (Cells::Floats(values), Role::Qty) => held.quantities = Some(values),
                (Cells::Floats(values), Role::Bid) => held.bids = Some(values),
                (Cells::Floats(values), _) => held.asks = Some(values),
                (Cells::Orders(ids), Role::BuyId) => held.buyers = Some(ids),
                (Cells::Orders(ids), _) => held.sellers = Some(ids),
                (Cells::Sides(sides), _) => held.sides = Some(sides),
                (Cells::Kinds(kinds), _) => {
                    kept = Some(kinds.iter().map(|&kind| kind == TRADE).collect());
                }
                (Cells::Texts(texts), _) => symbols = Some(texts),
            }
        }
        let trades: Vec<Trade> = (0..rows).map(|row| held.trade(row, self)).collect();
        let sound = trades.iter().all(is_sound);
        Ok(Some(Piece { first, trades, sound, kept, symbols, progress: columnar.progress(), read }))
    }
}

/// Whether the numbers and the time of a trade are such as a trade can have.
pub(super) fn is_sound(trade: &Trade) -> bool {
    trade.price.is_finite() && trade.qty.is_finite() && times::is_known(trade.ts_ns)
}

/// What the columns read hold, one value for each row.
#[derive(Default)]
struct Held {
    days: Option<ScalarBuffer<i64>>,
    times: Option<ScalarBuffer<i64>>,
    prices: Option<ScalarBuffer<f64>>,
    quantities: Option<ScalarBuffer<f64>>,
    bids: Option<ScalarBuffer<f64>>,
    asks: Option<ScalarBuffer<f64>>,
    buyers: Option<Vec<u64>>,
    sellers: Option<Vec<u64>>,
    sides: Option<Vec<Side>>,
}

impl Held {
    /// The trade of a row.
    // Whole at once: column by column, each trade would pass through the cache as often.
    #[inline(always)]
    fn trade(&self, row: usize, form: &Form) -> Trade {
        fn of<T: Copy>(values: Option<&[T]>, row: usize, none: T) -> T {
            values.map_or(none, |values| values[row])
        }
        let time = of(self.times.as_deref(), row, 0).saturating_add(form.offset_ns);
        let price = of(self.prices.as_deref(), row, 0.0);
        let (bid, ask) = (of(self.bids.as_deref(), row, 0.0), of(self.asks.as_deref(), row, 0.0));
        Trade {
            ts_ns: time.saturating_add(of(self.days.as_deref(), row, 0)),
            price: if form.price_divisor == 1.0 { price } else { price / form.price_divisor },
            qty: of(self.quantities.as_deref(), row, 0.0),
            side: of(self.sides.as_deref(), row, Side::Unknown),
            buy_id: of(self.buyers.as_deref(), row, 0),
            sell_id: of(self.sellers.as_deref(), row, 0),
            quote: (bid > 0.0 && ask > 0.0).then_some(Quote { bid, ask }),
        }
    }
}
