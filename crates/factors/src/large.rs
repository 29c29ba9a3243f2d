//! [`LargeRule`]: how much of the open window's turnover belongs to large trades or orders.
//!
//! An order becomes large with the fill that brings its total to the cut. From then on all its
//! turnover in the window counts: what it traded in the open step, and, by a chain that leads from
//! its last step to earlier ones, what it traded in the closed steps of a rolling window. Each
//! link is followed once, so that a trade costs the same however long the window is.

use super::decimal::REACHED;
use super::orders::{OrderTable, moment};
use super::panes::{Panes, Sum, Sums};
use super::quantile::Sizes;
use super::row::Counts;
use super::settings::{Cut, Per, Settings};
use super::{Side, Trade};
use std::collections::VecDeque;

/// What `Order::in_pane` holds once the order is large.
const LARGE: f64 = -1.0;

/// What an order that is not large yet traded in an earlier step.
struct Link {
    id: u64,
    pane: u64,
    turnover: f64,
    /// The position of the link before this one.
    before: u32,
}

/// The links of one side, oldest first; their positions only grow, and wrap.
#[derive(Default)]
struct Chain {
    links: VecDeque<Link>,
    first: u32,
}

impl Chain {
    /// Adds a link and returns its position.
    fn add(&mut self, link: Link) -> u32 {
        self.links.push_back(link);
        // Truncated on purpose: a chain is far shorter than 2^32.
        self.first.wrapping_add(self.links.len() as u32 - 1)
    }

    fn get(&self, position: u32, id: u64) -> Option<&Link> {
        let link = self.links.get(position.wrapping_sub(self.first) as usize)?;
        (link.id == id).then_some(link)
    }

    /// Drops links from steps before this one.
    fn drop_before(&mut self, pane: u64) {
        while self.links.front().is_some_and(|link| link.pane < pane) {
            self.links.pop_front();
            self.first = self.first.wrapping_add(1);
        }
    }
}

/// The rule, with the orders it remembers: buyers, sellers.
pub(super) struct LargeRule {
    per: Per,
    by_quantity: bool,
    cut: f64,
    sizes: Option<Sizes>,
    sides: [OrderTable; 2],
    chains: [Chain; 2],
    /// Steps of a window.
    steps: u64,
    idle_ns: u64,
}

/// One side of a trade, as the rule sees it.
struct Fill {
    side: usize,
    id: u64,
    turnover: f64,
    /// What is compared with the cut.
    size: f64,
    now: u32,
}

impl LargeRule {
    pub(super) fn new(settings: &Settings, steps: usize) -> LargeRule {
        let table = || OrderTable::new(settings.orders_max, settings.order_idle_ns);
        let (cut, sizes) = match settings.large.by {
            Cut::Turnover(cut) | Cut::Quantity(cut) => (cut * REACHED, None),
            Cut::Quantile { q, last } => (f64::NAN, Some(Sizes::new(q, last))),
        };
        LargeRule {
            per: settings.large.per,
            by_quantity: matches!(settings.large.by, Cut::Quantity(_)),
            cut,
            sizes,
            sides: [table(), table()],
            chains: <[Chain; 2]>::default(),
            steps: steps as u64,
            idle_ns: settings.order_idle_ns,
        }
    }

    /// Starts a step: fixes its cut, and gives what its sums start from.
    pub(super) fn open_step(&mut self, pane: u64) -> Sums {
        if self.steps > 1 {
            self.chains.iter_mut().for_each(|chain| chain.drop_before(pane + 1 - self.steps));
        }
        if let Some(sizes) = &self.sizes {
            self.cut = sizes.cut();
        }
        // Without a cut the shares are not 0, they are unknown.
        let large = [if self.cut.is_nan() { Sum::NONE } else { Sum::default() }; 2];
        Sums { large, ..Sums::default() }
    }

    /// Forgets all orders after a pause in which every one of them became idle.
    pub(super) fn pause(&mut self, pause_ns: u64, counts: &mut Counts) {
        if pause_ns > self.idle_ns {
            for side in &mut self.sides {
                counts.orders_idle += side.clear() as u64;
            }
        }
    }

    /// Takes a trade of the open step.
    pub(super) fn take(
        &mut self,
        trade: &Trade,
        turnover: f64,
        aggressor: Side,
        (pane, open): (u64, &mut Sums),
        panes: &mut Panes,
        counts: &mut Counts,
    ) {
        let size = if self.by_quantity { trade.qty } else { turnover };
        let now = moment(trade.ts_ns);
        let ids = [trade.buy_id, trade.sell_id];
        let fill = |side, id| Fill { side, id, turnover, size, now };
        match self.per {
            Per::OwnSideOrder => {
                for (side, id) in ids.into_iter().enumerate() {
                    let more = self.add(&fill(side, id), pane, panes, counts);
                    open.large[side].add(more);
                }
            }
            _ => {
                // By index: which side it is, no branch predicts.
                let side = aggressor as usize;
                if side > Side::Sell as usize {
                    return;
                }
                let alone = self.per == Per::Trade;
                let more = if alone {
                    self.alone(turnover, size)
                } else {
                    self.add(&fill(side, ids[side]), pane, panes, counts)
                };
                open.large[side].add(more);
            }
        }
    }

    /// Has the memory in the cache that a trade will be looked up in.
    #[inline]
    pub(super) fn touch(&self, trade: &Trade) -> u64 {
        let ids = [trade.buy_id, trade.sell_id];
        let of = |side: usize| self.sides[side].touch(ids[side]);
        match (self.per, trade.side) {
            (Per::Trade, _) | (Per::AggressingOrder, Side::None) => 0,
            // By index, as it is taken.
            (Per::AggressingOrder, side @ (Side::Buy | Side::Sell)) => of(side as usize),
            _ => of(0) ^ of(1),
        }
    }

    /// The large turnover of a trade that is a unit of its own.
    #[inline]
    fn alone(&mut self, turnover: f64, size: f64) -> f64 {
        if let Some(sizes) = &mut self.sizes {
            sizes.enter(size);
        }
        if size >= self.cut { turnover } else { 0.0 }
    }

    /// Adds a fill to its order; returns what the open step's large turnover grows by.
    fn add(&mut self, fill: &Fill, pane: u64, panes: &mut Panes, counts: &mut Counts) -> f64 {
        if fill.id == 0 {
            counts.without_order += 1;
            return self.alone(fill.turnover, fill.size);
        }
        let (order, new) = self.sides[fill.side].entry(fill.id, fill.now, counts);
        let chain = &mut self.chains[fill.side];
        if new {
            order.link = chain.first.wrapping_sub(1);
        }
        let total = order.add(fill.size, self.sizes.is_none());
        if let Some(sizes) = &mut self.sizes {
            if new {
                order.sample = sizes.enter(order.total);
            } else {
                sizes.grow(order.sample, order.total);
            }
        }
        if order.in_pane < 0.0 {
            return fill.turnover;
        }
        // The low halves: a step's number is known by them, as a window has far fewer steps.
        let age = u64::from((pane as u32).wrapping_sub(order.pane));
        if age != 0 {
            if age < self.steps && order.in_pane > 0.0 {
                let (id, turnover, before) = (order.id, order.in_pane, order.link);
                order.link = chain.add(Link { id, pane: pane - age, turnover, before });
            }
            (order.pane, order.in_pane) = (pane as u32, 0.0);
        }
        order.in_pane += fill.turnover;
        if total < self.cut || self.cut.is_nan() {
            return 0.0;
        }
        let mut position = order.link;
        // Ends: every link leads to an earlier step.
        while let Some(link) = chain.get(position, order.id) {
            if link.pane + self.steps <= pane {
                break;
            }
            panes.add_large(link.pane, fill.side, link.turnover);
            position = link.before;
        }
        std::mem::replace(&mut order.in_pane, LARGE)
    }
}
