//! Against whom: resting orders on a tick grid, which child orders eat.
//!
//! Two queues of resting orders, best price first. A child order takes what it needs from the
//! front of the other side; a level that is eaten up moves the price, and the gap is closed by new
//! orders, either behind the move or against it. The further the price is from where it started,
//! the more they lean against it, and ten percent away it stops.

use super::random::Random;
use std::collections::VecDeque;

/// Resting orders of a side before each child order.
// 24: a child order meets 23 of them at most, and more than ten in one of a thousand cases.
const DEPTH: usize = 24;

/// The scale of order sizes, lots.
// 4: at 37 a share, a tenth of the turnover is then of aggressing orders above 200,000.
const LOTS_SCALE: f64 = 4.0;

/// The most lots of one order.
const LOTS_MAX: f64 = 20_000.0;

/// How often an order that joins a queue opens a new price level.
const LEVEL_CHANCE: f64 = 0.15;

/// How often a gap between the sides begins to close before the next child order.
const CLOSING_CHANCE: f64 = 0.75;

/// Ticks between the sides that nobody leaves open.
const WIDEST_TICKS: i64 = 4;

/// The share of the day's first price that is as far as a price can go.
const LIMIT_SHARE: i64 = 10;

#[derive(Clone, Copy, Debug)]
struct Resting {
    number: u64,
    price_ticks: i64,
    lots: u64,
}

/// Draws the size of an order: from one lot on, with Pareto's tail.
pub(super) fn lots(random: &mut Random) -> u64 {
    // At least 1, and small: the cast only rounds down.
    (1.0 + LOTS_SCALE * (random.pareto() - 1.0)).min(LOTS_MAX) as u64
}

/// One execution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fill {
    pub(super) price_ticks: i64,
    pub(super) lots: u64,
    pub(super) buy_number: u64,
    pub(super) sell_number: u64,
}

/// The resting orders of one stock.
#[derive(Clone, Debug)]
pub(super) struct Book {
    bids: VecDeque<Resting>,
    asks: VecDeque<Resting>,
    /// The price of the day's start.
    reference_ticks: i64,
    /// The last order number given; they only grow.
    number: u64,
}

impl Book {
    pub(super) fn new() -> Book {
        let queue = || VecDeque::with_capacity(DEPTH);
        Book { bids: queue(), asks: queue(), reference_ticks: 0, number: 0 }
    }

    /// Begins a day at a price of at least 20 ticks.
    pub(super) fn begin(&mut self, reference_ticks: i64, random: &mut Random) {
        self.bids.clear();
        self.asks.clear();
        self.reference_ticks = reference_ticks;
        let first = |book: &mut Book, price_ticks, random: &mut Random| Resting {
            number: book.next_number(random),
            price_ticks,
            lots: lots(random),
        };
        let bid = first(self, reference_ticks, random);
        self.bids.push_back(bid);
        let ask = first(self, reference_ticks + 1, random);
        self.asks.push_back(ask);
        self.refill(random);
    }

    /// The next order number; some are missing, as those of orders that never traded.
    pub(super) fn next_number(&mut self, random: &mut Random) -> u64 {
        self.number += 1 + random.below(4);
        self.number
    }

    /// The price between the sides, rounded down.
    pub(super) fn middle_ticks(&self) -> i64 {
        // Neither side is ever empty: the last resting order is not eaten.
        let front = |queue: &VecDeque<Resting>| queue.front().map_or(0, |order| order.price_ticks);
        (front(&self.bids) + front(&self.asks)) / 2
    }

    /// Executes a child order against the other side; what finds nobody is cancelled. At least one
    /// fill comes of it, and at most `limit`, which is not 0.
    pub(super) fn execute(
        &mut self,
        buys: bool,
        lots: u64,
        limit: u64,
        random: &mut Random,
        fills: &mut Vec<Fill>,
    ) {
        let number = self.next_number(random);
        let queue = if buys { &mut self.asks } else { &mut self.bids };
        let mut left = lots;
        while left > 0 && (fills.len() as u64) < limit {
            let last = queue.len() == 1;
            let Some(resting) = queue.front_mut() else { break };
            let taken = left.min(resting.lots);
            let (buy_number, sell_number) =
                if buys { (number, resting.number) } else { (resting.number, number) };
            fills.push(Fill {
                price_ticks: resting.price_ticks,
                lots: taken,
                buy_number,
                sell_number,
            });
            left -= taken;
            if last {
                // It stays with what it has, so that each side has a price.
                break;
            }
            resting.lots -= taken;
            if resting.lots == 0 {
                queue.pop_front();
            }
        }
        self.close_gap(buys, random);
        self.refill(random);
    }

    /// Puts new orders into the gap that a child order left: behind it, or against it.
    fn close_gap(&mut self, bought: bool, random: &mut Random) {
        loop {
            let (Some(bid), Some(ask)) = (self.bids.front(), self.asks.front()) else { return };
            let (bid_ticks, ask_ticks) = (bid.price_ticks, ask.price_ticks);
            let gap_ticks = ask_ticks - bid_ticks;
            if gap_ticks <= 1 || gap_ticks <= WIDEST_TICKS && !random.happens(CLOSING_CHANCE) {
                return;
            }
            let limit = (self.reference_ticks / LIMIT_SHARE) as f64;
            let away = (self.middle_ticks() - self.reference_ticks) as f64 / limit;
            let away = if bought { away } else { -away };
            let follows = random.happens(0.5 - 1.5 * away);
            let number = self.next_number(random);
            let lots = lots(random);
            let on_bids = follows == bought;
            let (queue, price_ticks) = if on_bids {
                (&mut self.bids, bid_ticks + 1)
            } else {
                (&mut self.asks, ask_ticks - 1)
            };
            queue.truncate(DEPTH - 1);
            queue.push_front(Resting { number, price_ticks, lots });
        }
    }

    /// Lets orders join the ends of both queues.
    fn refill(&mut self, random: &mut Random) {
        let limit_ticks = self.reference_ticks / LIMIT_SHARE;
        for buys in [true, false] {
            while (if buys { &self.bids } else { &self.asks }).len() < DEPTH {
                let number = self.next_number(random);
                let step = i64::from(random.happens(LEVEL_CHANCE));
                let lots = lots(random);
                let queue = if buys { &mut self.bids } else { &mut self.asks };
                let Some(last) = queue.back() else { return };
                let price_ticks = if buys {
                    (last.price_ticks - step).max(self.reference_ticks - limit_ticks)
                } else {
                    (last.price_ticks + step).min(self.reference_ticks + limit_ticks)
                };
                queue.push_back(Resting { number, price_ticks, lots });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_order_number_aggresses_and_the_sides_never_cross() {
        let mut random = Random::new(5, 0);
        let mut book = Book::new();
        book.begin(2000, &mut random);
        let mut fills = Vec::new();
        let mut moved = 0;
        for round in 0..200_000 {
            let buys = random.happens(if round % 20_000 < 10_000 { 0.7 } else { 0.3 });
            let before = book.middle_ticks();
            fills.clear();
            let lots = lots(&mut random);
            book.execute(buys, lots, 100, &mut random, &mut fills);
            assert!(!fills.is_empty() && fills.len() <= DEPTH);
            assert!(fills.iter().map(|fill| fill.lots).sum::<u64>() <= lots);
            for fill in &fills {
                assert_eq!(fill.buy_number > fill.sell_number, buys);
                assert!((1800..=2200).contains(&fill.price_ticks), "{fill:?}");
            }
            assert!(fills.is_sorted_by_key(|f| if buys { f.price_ticks } else { -f.price_ticks }));
            let [bid, ask] = [&book.bids, &book.asks].map(|q| q.front().unwrap().price_ticks);
            assert!(bid < ask && ask - bid <= WIDEST_TICKS, "{bid} {ask}");
            assert_eq!((book.bids.len(), book.asks.len()), (DEPTH, DEPTH));
            moved += i64::from(book.middle_ticks() != before);
        }
        assert!(moved > 1000, "{moved}");
    }

    #[test]
    fn prices_follow_the_flow() {
        let mut random = Random::new(6, 0);
        for buys in [true, false] {
            let mut book = Book::new();
            book.begin(2000, &mut random);
            for _ in 0..300 {
                book.execute(buys, 5, 100, &mut random, &mut Vec::new());
            }
            let moved = book.middle_ticks() - 2000;
            assert!(if buys { moved > 5 } else { moved < -5 }, "{moved}");
        }
    }

    #[test]
    fn fills_stop_at_the_limit() {
        let mut random = Random::new(8, 0);
        let mut book = Book::new();
        book.begin(2000, &mut random);
        let mut fills = Vec::new();
        book.execute(true, 20_000, 3, &mut random, &mut fills);
        assert_eq!(fills.len(), 3);
    }
}
