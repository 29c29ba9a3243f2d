//! [`Panes`]: the sums of the last steps of a window, and of all of them together.

/// A sum, with what the additions to it lost to rounding (Knuth's two-sum).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sum {
    high: f64,
    low: f64,
}

impl Sum {
    /// NaN, which stays NaN whatever is added.
    pub(super) const NONE: Sum = Sum { high: f64::NAN, low: 0.0 };

    #[inline]
    pub(super) fn add(&mut self, more: f64) {
        let high = self.high + more;
        let taken = high - self.high;
        self.low += (self.high - (high - taken)) + (more - taken);
        self.high = high;
    }

    pub(super) fn plus(mut self, other: Sum) -> Sum {
        self.add(other.high);
        self.low += other.low;
        self
    }

    #[inline]
    pub(super) fn value(self) -> f64 {
        self.high + self.low
    }
}

/// The sums of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sums {
    pub(super) trades: u64,
    pub(super) volume: Sum,
    /// Turnover by who started it, in the order of `Side`.
    pub(super) started: [Sum; 4],
    /// Turnover over price of inverse contracts: what they are worth in coins.
    pub(super) coins: Sum,
    /// Buys, sells; NaN while there is no cut.
    pub(super) large: [Sum; 2],
    /// Trades by how the aggressor was found, in the order of `Method::ALL`; the last by none.
    pub(super) methods: [u64; 5],
}

impl Sums {
    /// Turnover of all trades.
    pub(super) fn turnover(&self) -> Sum {
        let [buy, sell, auction, unknown] = self.started;
        buy.plus(sell).plus(auction.plus(unknown))
    }

    fn plus(&self, other: &Sums) -> Sums {
        let mut methods = self.methods;
        for (count, more) in methods.iter_mut().zip(other.methods) {
            *count += more;
        }
        Sums {
            trades: self.trades + other.trades,
            volume: self.volume.plus(other.volume),
            coins: self.coins.plus(other.coins),
            started: std::array::from_fn(|side| self.started[side].plus(other.started[side])),
            large: std::array::from_fn(|side| self.large[side].plus(other.large[side])),
            methods,
        }
    }
}

/// The closed steps of a window, as the leaves of a tree of sums: nothing is ever subtracted, so
/// that a sum never drifts, and a step costs the logarithm of their number.
pub(super) struct Panes {
    /// Node 1 is the root, node `i` is the sum of `2 i` and `2 i + 1`; the second half are leaves.
    nodes: Vec<Sums>,
    starts: Vec<i64>,
    /// Steps of a window.
    count: usize,
}

impl Panes {
    pub(super) fn new(count: usize) -> Panes {
        let leaves = count.next_power_of_two();
        Panes { nodes: vec![Sums::default(); 2 * leaves], starts: vec![0; count], count }
    }

    fn leaf(&self, pane: u64) -> usize {
        self.nodes.len() / 2 + self.place(pane)
    }

    fn place(&self, pane: u64) -> usize {
        // Below the count, which is a usize.
        (pane % self.count as u64) as usize
    }

    /// When a step started; it is one of the last that closed.
    pub(super) fn start_of(&self, pane: u64) -> i64 {
        self.starts[self.place(pane)]
    }

    /// Forgets every step.
    pub(super) fn clear(&mut self) {
        self.nodes.fill(Sums::default());
    }

    /// Replaces the oldest step by one that closed.
    pub(super) fn close(&mut self, pane: u64, start_ns: i64, sums: Sums) {
        let place = self.place(pane);
        self.starts[place] = start_ns;
        let leaf = self.leaf(pane);
        self.nodes[leaf] = sums;
        self.sum_above(leaf);
    }

    /// Adds to the large turnover of a closed step.
    pub(super) fn add_large(&mut self, pane: u64, side: usize, turnover: f64) {
        let leaf = self.leaf(pane);
        self.nodes[leaf].large[side].add(turnover);
        self.sum_above(leaf);
    }

    fn sum_above(&mut self, leaf: usize) {
        let mut node = leaf / 2;
        while node > 0 {
            self.nodes[node] = self.nodes[2 * node].plus(&self.nodes[2 * node + 1]);
            node /= 2;
        }
    }

    /// The sums of all steps.
    pub(super) fn total(&self) -> Sums {
        self.nodes[1]
    }

    /// The sums of all steps, as if this one had closed.
    pub(super) fn total_with(&self, pane: u64, open: &Sums) -> Sums {
        let mut node = self.leaf(pane);
        let mut sums = *open;
        while node > 1 {
            let other = &self.nodes[node ^ 1];
            let left = node & 1 == 0;
            sums = if left { sums.plus(other) } else { other.plus(&sums) };
            node /= 2;
        }
        sums
    }
}
