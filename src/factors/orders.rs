//! [`OrderTable`]: the orders of one side of one symbol, in one flat, bounded table.

use super::row::Counts;

/// Orders a table has room for from the start; it grows by doubling.
const ORDERS_MIN: usize = 64;

/// A moment in units of 2^24 ns, 17 ms: fine enough to tell orders by age, and 32 bits of it are
/// two years.
pub(super) fn moment(ts_ns: i64) -> u32 {
    // Truncated on purpose: moments are compared by their wrapping difference.
    (ts_ns >> 24) as u32
}

/// One order; number 0 is a free place.
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
    /// Where its size stands among the last ones.
    pub(super) sample: u32,
}

/// Orders by number: linear probing in a power of two of places, at most half of them taken.
pub(super) struct OrderTable {
    places: Vec<Order>,
    shift: u32,
    len: usize,
    len_max: usize,
    idle: i32,
}

impl OrderTable {
    /// Makes a table of at most `len_max` orders, which forgets those without a fill for longer.
    pub(super) fn new(len_max: usize, idle_ns: u64) -> OrderTable {
        let idle = i32::try_from(idle_ns >> 24).unwrap_or(i32::MAX);
        let mut table = OrderTable { places: Vec::new(), shift: 0, len: 0, len_max, idle };
        table.allocate(2 * ORDERS_MIN);
        table
    }

    fn allocate(&mut self, places: usize) -> Vec<Order> {
        self.shift = 64 - places.trailing_zeros();
        std::mem::replace(&mut self.places, vec![Order::default(); places])
    }

    /// Where an order of that number belongs, were every place free.
    fn home(&self, id: u64) -> usize {
        // 2^64 over the golden ratio: spreads numbers in a row evenly.
        (id.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }

    /// The place of an order, or the free place where it would go.
    fn find(&self, id: u64) -> usize {
        let mask = self.places.len() - 1;
        let mut place = self.home(id);
        // Ends: half of the places are free.
        while self.places[place].id != id && self.places[place].id != 0 {
            place = (place + 1) & mask;
        }
        place
    }

    /// The order of that number, and whether it is new here. The number is not 0.
    pub(super) fn entry(&mut self, id: u64, now: u32, counts: &mut Counts) -> (&mut Order, bool) {
        let mut place = self.find(id);
        let mut new = self.places[place].id == 0;
        if new {
            if self.len >= self.len_max.min(self.places.len() / 2) {
                self.make_room(now, counts);
                place = self.find(id);
            }
            self.len += 1;
        } else if self.age(place, now) > self.idle {
            counts.orders_idle += 1;
            new = true;
        }
        let order = &mut self.places[place];
        if new {
            *order = Order { id, ..Order::default() };
        }
        order.seen = now;
        (order, new)
    }

    /// Forgets every order.
    pub(super) fn clear(&mut self) -> usize {
        if self.len > 0 {
            self.places.fill(Order::default());
        }
        std::mem::take(&mut self.len)
    }

    fn age(&self, place: usize, now: u32) -> i32 {
        // Signed: a late fill may be older than the last one.
        now.wrapping_sub(self.places[place].seen) as i32
    }

    /// Forgets idle orders; if they were few, grows, or at the bound forgets the older half.
    fn make_room(&mut self, now: u32, counts: &mut Counts) {
        let idle = self.forget_older(self.idle, now);
        counts.orders_idle += idle as u64;
        if 4 * idle >= self.len_max.min(self.places.len() / 2) {
            return;
        }
        if self.places.len() / 2 < self.len_max {
            let old = self.allocate(2 * self.places.len());
            for order in old.into_iter().filter(|order| order.id != 0) {
                let place = self.find(order.id);
                self.places[place] = order;
            }
            return;
        }
        let age = self.middle_age(now);
        counts.orders_evicted += self.forget_older(age - 1, now) as u64;
    }

    /// The greatest age that at least half of the orders have reached, by bisection: it needs no
    /// memory, and is far rarer than fills.
    fn middle_age(&self, now: u32) -> i32 {
        let older = |age: i32| {
            let old = |&place: &usize| self.places[place].id != 0 && self.age(place, now) >= age;
            (0..self.places.len()).filter(old).count()
        };
        // A late fill's age is below 0.
        let (mut low, mut high) = (i32::MIN + 1, self.idle);
        while low < high {
            let middle = (i64::from(low) + i64::from(high) + 1).div_euclid(2);
            // Between two i32, both of them included.
            let middle = i32::try_from(middle).unwrap_or(high);
            if 2 * older(middle) >= self.len { low = middle } else { high = middle - 1 }
        }
        low
    }

    /// Forgets the orders older than `age`, and says how many they were.
    fn forget_older(&mut self, age: i32, now: u32) -> usize {
        let mask = self.places.len() - 1;
        // From a free place on, no run of orders wraps around the start of the walk.
        let start = (0..=mask).find(|&place| self.places[place].id == 0).unwrap_or(0);
        let before = self.len;
        for step in 1..=mask {
            let place = (start + step) & mask;
            // Ends: every removal takes one order out.
            while self.places[place].id != 0 && self.age(place, now) > age {
                self.remove(place);
            }
        }
        before - self.len
    }

    /// Takes an order out and moves up those behind it that may stand nearer to their home.
    fn remove(&mut self, place: usize) {
        let mask = self.places.len() - 1;
        let (mut gap, mut next) = (place, place);
        self.len -= 1;
        loop {
            // Ends at a free place: half of them are.
            next = (next + 1) & mask;
            if self.places[next].id == 0 {
                break;
            }
            let home = self.home(self.places[next].id);
            if next.wrapping_sub(home) & mask >= next.wrapping_sub(gap) & mask {
                self.places[gap] = self.places[next];
                gap = next;
            }
        }
        self.places[gap] = Order::default();
    }

    /// Orders in the table.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_finds_what_a_map_finds() {
        let mut counts = Counts::default();
        let mut table = OrderTable::new(1 << 12, 1 << 60);
        let mut map = std::collections::HashMap::new();
        let mut id = 1_u64;
        for step in 0..20_000_u32 {
            id = id.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let number = (id >> 33) % 3_000 * 1_024 + 1;
            let (order, _) = table.entry(number, step, &mut counts);
            order.total += 1.0;
            let total = map.entry(number).or_insert(0.0);
            *total += 1.0;
            assert_eq!(order.total, *total);
        }
        assert_eq!(table.len(), map.len());
        assert_eq!(counts, Counts::default());
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
        let places = table.places.len();
        for id in 1..=100_000_u64 {
            table.entry(id, id as u32, &mut counts);
        }
        assert_eq!(table.places.len(), places);
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
