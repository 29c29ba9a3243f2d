//! One stock of the simulated market: its day from the opening auction to the closing one.

use super::activity::Activity;
use super::book::{Book, Fill, lots};
use super::flow::Flow;
use super::random::Random;
use super::{CLOSE_NS, CONTINUOUS_NS, OPEN_NS};

/// The share of a day's trades that each auction has.
const AUCTION_SHARE: u64 = 100;

/// The furthest a price moves between two days, a share of itself.
const OVERNIGHT_SHARE: i64 = 50;

/// A price that a day does not begin below, ticks.
const FIRST_TICKS_MIN: i64 = 500;

/// Where a day stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Opening,
    Continuous,
    Closing,
}

/// One execution with its time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Execution {
    pub(super) ts_ns: i64,
    pub(super) fill: Fill,
    /// `None` in an auction, where nobody aggresses.
    pub(super) buys: Option<bool>,
}

/// The state of one stock.
#[derive(Clone, Debug)]
pub(super) struct Stock {
    random: Random,
    flow: Flow,
    book: Book,
    activity: Activity,
    phase: Phase,
    day_ns: i64,
    price_ticks: i64,
    /// Trades that the phase still has.
    left: u64,
    trades_per_day: u64,
    /// What the last child order did, the first fill last.
    fills: Vec<Fill>,
    fills_ns: i64,
    buys: bool,
    /// Order numbers and lots left of buyer and seller who meet in the auction.
    crossing: [(u64, u64); 2],
}

impl Stock {
    pub(super) fn new(seed: u64, index: u64, trades_per_day: u64) -> Stock {
        let mut random = Random::new(seed, index);
        // From 10.00 to 200.00, the low prices oftener.
        let u = random.unit();
        let price_ticks = 1_000 + (19_000.0 * u * u) as i64;
        let flow = Flow::new(&mut random);
        Stock {
            random,
            flow,
            book: Book::new(),
            activity: Activity::default(),
            phase: Phase::Closing,
            day_ns: 0,
            price_ticks,
            left: 0,
            trades_per_day,
            fills: Vec::new(),
            fills_ns: 0,
            buys: false,
            crossing: [(0, 0); 2],
        }
    }

    /// Begins a day; `day_ns` is its midnight.
    pub(super) fn begin(&mut self, day_ns: i64) {
        self.day_ns = day_ns;
        let most = self.price_ticks / OVERNIGHT_SHARE;
        let jump = self.random.below(2 * most as u64 + 1) as i64 - most;
        self.price_ticks = (self.price_ticks + jump).max(FIRST_TICKS_MIN);
        self.enter(Phase::Opening);
    }

    fn enter(&mut self, phase: Phase) {
        let auction = self.trades_per_day / AUCTION_SHARE;
        self.phase = phase;
        self.crossing = [(0, 0); 2];
        match phase {
            Phase::Opening | Phase::Closing => self.left = auction,
            Phase::Continuous => {
                self.left = self.trades_per_day - 2 * auction;
                let start_ns = self.day_ns + CONTINUOUS_NS.start;
                let len_ns = CONTINUOUS_NS.end - CONTINUOUS_NS.start;
                self.activity.begin(start_ns, len_ns, self.left);
                self.book.begin(self.price_ticks, &mut self.random);
            }
        }
    }

    /// The next execution of the day; `None` at its end.
    #[inline]
    pub(super) fn next(&mut self) -> Option<Execution> {
        while self.left == 0 {
            match self.phase {
                Phase::Opening => self.enter(Phase::Continuous),
                Phase::Continuous => {
                    self.price_ticks = self.book.middle_ticks();
                    self.enter(Phase::Closing);
                }
                Phase::Closing => return None,
            }
        }
        self.left -= 1;
        Some(match self.phase {
            Phase::Opening => self.cross(OPEN_NS),
            Phase::Closing => self.cross(CLOSE_NS),
            Phase::Continuous => self.trade(),
        })
    }

    /// One fill of the current child order, or of the next one.
    #[inline]
    fn trade(&mut self) -> Execution {
        // There are as many times as trades; a child order has the time of its first fill.
        let ts_ns = self.activity.next_ns(&mut self.random).unwrap_or(self.fills_ns);
        if self.fills.is_empty() {
            self.fills_ns = ts_ns;
            self.buys = self.flow.next_buys(&mut self.random);
            let lots = lots(&mut self.random);
            let limit = self.left + 1;
            self.book.execute(self.buys, lots, limit, &mut self.random, &mut self.fills);
            self.fills.reverse();
        }
        // An execution has at least one fill.
        let fill = self.fills.pop().unwrap_or_default();
        Execution { ts_ns: self.fills_ns, fill, buys: Some(self.buys) }
    }

    /// One trade of an auction: all at one time and price, whoever came first.
    fn cross(&mut self, time_ns: i64) -> Execution {
        // Either side may have the later number.
        let first = usize::from(self.random.happens(0.5));
        for side in [first, 1 - first] {
            if self.crossing[side].1 == 0 {
                let number = self.book.next_number(&mut self.random);
                self.crossing[side] = (number, lots(&mut self.random));
            }
        }
        let [buyer, seller] = &mut self.crossing;
        let lots = buyer.1.min(seller.1);
        buyer.1 -= lots;
        seller.1 -= lots;
        let (buy_number, sell_number) = (buyer.0, seller.0);
        let fill = Fill { price_ticks: self.price_ticks, lots, buy_number, sell_number };
        Execution { ts_ns: self.day_ns + time_ns, fill, buys: None }
    }
}
