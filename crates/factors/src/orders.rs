//! [`OrderTable`]: the orders of one side of one symbol, in one flat, bounded table.

use super::row::Counts;

/// Orders a table has room for from the start; it grows by doubling.
const ORDERS_MIN: usize = 64;

/// Numbers that differ only in this many lower bits are neighbours in the index: new orders have
/// numbers near each other, so their places are in the cache.
// 8: 2 KiB of the index, so that a group of sparse numbers has a page, and one of dense numbers a
// run that is short enough to be walked when another group meets it.
const GROUP_BITS: u32 = 8;

/// A moment in units of 2^24 ns, 17 ms: fine enough to tell orders by age, and 32 bits of it are
/// two years.
pub(super) fn moment(ts_ns: i64) -> u32 {
    // Truncated on purpose: moments are compared by their wrapping difference.
    (ts_ns >> 24) as u32
}

/// How long an order is without a fill, in moments.
fn age(order: &Order, now: u32) -> i32 {
    // Signed: a late fill may be older than the last one.
    now.wrapping_sub(order.seen) as i32
}

/// One order.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Order {
    pub(super) id: u64,
    /// Turnover or quantity of all its fills so far.
    pub(super) total: f64,
    /// Turnover in the step of its last fill; negative once the order is large.
    pub(super) in_pane: f64,
    /// The low half of that step's number.
    pub(super) pane: u32,
    /// When its last fill was.
    seen: u32,
    /// Where its turnover in earlier steps stands in the chain.
    pub(super) link: u32,
    /// Where its size stands among the last ones; without a quantile, what its total lost to
    /// rounding, as the bits of an `f32`.
    pub(super) sample: u32,
}

impl Order {
    /// Adds to its total, and returns that; `exactly` with what was lost to rounding before.
    #[inline]
    pub(super) fn add(&mut self, size: f64, exactly: bool) -> f64 {
        let total = self.total + size;
        let taken = total - self.total;
        let lost = (self.total - (total - taken)) + (size - taken);
        self.total = total;
        if !exactly {
            return total;
        }
        let lost = f64::from(f32::from_bits(self.sample)) + lost;
        // 24 bits of it are enough.
        self.sample = (lost as f32).to_bits();
        total + lost
    }
}

/// Orders by number. They stand in the order in which they came, so that those of the moment share
/// the cache; an index finds them by linear probing.
pub(super) struct OrderTable {
    orders: Vec<Order>,
    /// A power of two of places, at most half of them taken: 0, or the low half of a number above
    /// the order's position, counted from 1.
    index: Vec<u64>,
    shift: u32,
    len_max: usize,
    idle: i32,
}

impl OrderTable {
    /// Makes a table of at most `len_max` orders, which forgets those without a fill for longer.
    pub(super) fn new(len_max: usize, idle_ns: u64) -> OrderTable {
        let idle = i32::try_from(idle_ns >> 24).unwrap_or(i32::MAX);
        let (orders, index) = (Vec::new(), Vec::new());
        let mut table = OrderTable { orders, index, shift: 0, len_max, idle };
        table.allocate(2 * ORDERS_MIN);
        table
    }

    /// Makes an empty index with this number of places, and room for the orders that it can hold.
    fn allocate(&mut self, places: usize) {
        self.shift = 64 - places.trailing_zeros();
        self.index = vec![0; places];
        self.orders.reserve_exact(self.room() - self.orders.len());
    }

    /// Orders that the index can hold.
    fn room(&self) -> usize {
        self.len_max.min(self.index.len() / 2)
    }

    /// Where an order of that number belongs in the index, were every place free.
    #[inline]
    fn home(&self, id: u64) -> usize {
        // 2^64 over the golden ratio: spreads groups in a row evenly.
        let group = (id >> GROUP_BITS).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift;
        (group as usize + (id % (1 << GROUP_BITS)) as usize) & (self.index.len() - 1)
    }

    /// The position of an order, or the free place of the index where it would go.
    #[inline]
    fn find(&self, id: u64) -> Result<usize, usize> {
        let mask = self.index.len() - 1;
        let mut place = self.home(id);
        // Ends: half of the places are free.
        loop {
            let entry = self.index[place];
            if entry == 0 {
                return Err(place);
            }
            // Positions are below 2^30, so that the low half holds one.
            let position = (entry as u32 - 1) as usize;
            if (entry >> 32) as u32 == id as u32 && self.orders[position].id == id {
                return Ok(position);
            }
            place = (place + 1) & mask;
        }
    }

    /// What stands in the index where an order's number belongs: it is then in the cache.
    #[inline]
    pub(super) fn touch(&self, id: u64) -> u64 {
        self.index[self.home(id)]
    }

    /// The order of that number, and whether it is new here. The number is not 0.
    #[inline]
    pub(super) fn entry(&mut self, id: u64, now: u32, counts: &mut Counts) -> (&mut Order, bool) {
        let (position, new) = match self.find(id) {
            Ok(position) => {
                let idle = age(&self.orders[position], now) > self.idle;
                counts.orders_idle += u64::from(idle);
                (position, idle)
            }
            Err(place) => (self.add(id, place, now, counts), true),
        };
        let order = &mut self.orders[position];
        if new {
            *order = Order { id, ..Order::default() };
        }
        order.seen = now;
        (order, new)
    }

    /// Makes room for an order, which goes to this free place of the index; returns its position.
    fn add(&mut self, id: u64, mut place: usize, now: u32, counts: &mut Counts) -> usize {
        if self.orders.len() >= self.room() {
            self.make_room(now, counts);
            place = self.find(id).unwrap_or_else(|free| free);
        }
        self.orders.push(Order::default());
        self.index[place] = id << 32 | self.orders.len() as u64;
        self.orders.len() - 1
    }

    /// Forgets every order.
    pub(super) fn clear(&mut self) -> usize {
        let before = self.orders.len();
        if before > 0 {
            self.orders.clear();
            self.index.fill(0);
        }
        before
    }

    /// Forgets idle orders; if they were few, grows, or at the bound forgets the older half.
    fn make_room(&mut self, now: u32, counts: &mut Counts) {
        let room = self.room();
        let idle = self.forget_older(self.idle, now);
        counts.orders_idle += idle as u64;
        if 4 * idle < room {
            if self.index.len() / 2 < self.len_max {
                self.allocate(2 * self.index.len());
            } else {
                let age = self.middle_age(now);
                counts.orders_evicted += self.forget_older(age - 1, now) as u64;
            }
        }
        self.index_all();
    }

    /// The greatest age that at least half of the orders have reached, by bisection: it needs no
    /// memory, and is far rarer than fills.
    fn middle_age(&self, now: u32) -> i32 {
        let older = |limit| self.orders.iter().filter(|order| age(order, now) >= limit).count();
        // A late fill's age is below 0.
        let (mut low, mut high) = (i32::MIN + 1, self.idle);
        while low < high {
            let middle = (i64::from(low) + i64::from(high) + 1).div_euclid(2);
            // Between two i32, both of them included.
            let middle = i32::try_from(middle).unwrap_or(high);
            if 2 * older(middle) >= self.orders.len() { low = middle } else { high = middle - 1 }
        }
        low
    }

    /// Forgets the orders older than `limit`, and says how many they were. The others move up, and
    /// the index is wrong until they are indexed again.
    fn forget_older(&mut self, limit: i32, now: u32) -> usize {
        let before = self.orders.len();
        self.orders.retain(|order| age(order, now) <= limit);
        before - self.orders.len()
    }

    /// Indexes all orders again.
    fn index_all(&mut self) {
        self.index.fill(0);
        let mask = self.index.len() - 1;
        for (order, position) in self.orders.iter().zip(1..) {
            let mut place = self.home(order.id);
            // Ends: half of the places are free.
            while self.index[place] != 0 {
                place = (place + 1) & mask;
            }
            self.index[place] = order.id << 32 | position;
        }
    }

    /// Orders in the table.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.orders.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_finds_what_a_map_finds_however_numbers_are_spaced() {
        for spacing in [1, 5, 256, 1_000, 1_024, 1 << 32, 1 << 40] {
            let mut counts = Counts::default();
            let mut table = OrderTable::new(1 << 12, 1 << 60);
            let mut map = std::collections::HashMap::new();
            let mut id = 1_u64;
            for step in 0..20_000_u32 {
                id = id.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
                let number = (id >> 33) % 3_000 * spacing + 1;
                let (order, _) = table.entry(number, step, &mut counts);
                order.total += 1.0;
                let total = map.entry(number).or_insert(0.0);
                *total += 1.0;
                assert_eq!(order.total, *total);
            }
            assert_eq!(table.len(), map.len());
            assert_eq!(counts, Counts::default());
        }
    }

    #[test]
    fn a_full_table_forgets_the_older_half() {
        let mut counts = Counts::default();
        let mut table = OrderTable::new(100, 1 << 60);
        for id in 1..=101 {
            table.entry(id, id as u32, &mut counts);
        }
        assert_eq!((table.len(), counts.orders_evicted), (51, 50));
        assert!(table.entry(50, 102, &mut counts).1, "a forgotten order is still there");
        assert!((51..=101).all(|id| !table.entry(id, 102, &mut counts).1));
    }

    #[test]
    fn idle_orders_make_room_before_the_table_grows() {
        let mut counts = Counts::default();
        let mut table = OrderTable::new(1 << 20, 10 << 24);
        let places = table.index.len();
        for id in 1..=100_000_u64 {
            table.entry(id, id as u32, &mut counts);
        }
        assert_eq!(table.index.len(), places);
        assert_eq!(counts.orders_idle + table.len() as u64, 100_000);
        assert_eq!(counts.orders_evicted, 0);
    }

    #[test]
    fn a_number_used_again_after_the_night_is_a_new_order() {
        let mut counts = Counts::default();
        let mut table = OrderTable::new(64, 10 << 24);
        table.entry(7, 0, &mut counts).0.total = 5.0;
        assert_eq!(table.entry(7, 10, &mut counts).0.total, 5.0);
        assert_eq!(table.entry(7, 21, &mut counts).0.total, 0.0);
        assert_eq!(counts.orders_idle, 1);
    }
}
