//! How well predictions put outcomes in order: correlations by day, deciles, the ROC curve, and
//! intervals from drawing blocks.
//!
//! `evaluate` and `train` give it the rows that they compare ([`Rows`]) and write its [`Skill`] as
//! text, JSON and page. It never prints and never reads a file. What is not defined carries its
//! reason, [`Undefined`], and is never a number.

mod ascending;
mod blocks;
mod correlation;
mod days;
mod deciles;
mod intervals;
mod json;
mod notation;
mod page;
mod resample;
mod roc;
mod rows;
mod text;
mod undefined;

use ascending::Placed;
pub(crate) use ascending::sorted;
pub use blocks::Unit;
pub use days::{Day, Summary};
pub use deciles::{Decile, Deciles};
pub use intervals::Intervals;
pub use json::{interval as interval_json, json, order as order_json};
pub use notation::figure;
pub use page::page;
pub use resample::{BLOCKS_MIN, DRAWS, Interval, draw, generator, interval};
pub use roc::Point;
pub use rows::{Row, Rows};
pub use text::{between, date, four, text};
pub use undefined::{Figure, Undefined};

/// How well predictions put outcomes in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Skill {
    /// What the correlations are of.
    pub unit: Unit,
    /// Of each day, or block of rows, its correlations, in order.
    pub days: Vec<Day>,
    /// Pearson's correlation of prediction and outcome, the information coefficient, over the days.
    pub ic: Summary,
    /// Spearman's, the rank IC, ties averaged.
    pub rank_ic: Summary,
    /// Outcomes by tenths of the prediction.
    pub deciles: Deciles,
    /// The ROC curve of a classifier; `None` for predictions of a value.
    pub roc: Option<Result<Vec<Point>, Undefined>>,
}

/// The correlations of a [`Skill`] alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Order {
    /// What the correlations are of.
    pub unit: Unit,
    /// Pearson's, over the days.
    pub ic: Summary,
    /// Spearman's.
    pub rank_ic: Summary,
}

impl Order {
    /// Looks at rows, which it puts in the order of time; `None` without any.
    pub fn of(rows: &mut Rows, seed: u64) -> Option<Order> {
        if rows.is_empty() {
            return None;
        }
        let is_dated = rows.is_dated();
        let Some((sorted, ascending)) = rows.ascending() else {
            return Some(Skill::too_many(rows).order());
        };
        Some(in_order(sorted, ascending, is_dated, seed).0)
    }
}

/// The correlations of rows in the order of time, and those of each day. Their predictions ascend.
fn in_order(sorted: &[Row], ascending: &[Placed], is_dated: bool, seed: u64) -> (Order, Vec<Day>) {
    let (unit, parts) = blocks::days(sorted, is_dated);
    let orders = days::orders(sorted, ascending, &parts);
    let days = parts.into_iter().zip(orders.parts());
    let days: Vec<Day> = days.map(|(part, order)| Day::of(&sorted[part], order, unit)).collect();
    let summary = |of: fn(&Day) -> Figure| Summary::of(days.iter().map(of), seed);
    let (ic, rank_ic) = (summary(|day| day.ic), summary(|day| day.rank_ic));
    (Order { unit, ic, rank_ic }, days)
}

impl Skill {
    /// Its correlations alone.
    pub fn order(&self) -> Order {
        Order { unit: self.unit, ic: self.ic, rank_ic: self.rank_ic }
    }

    /// Looks at rows, which it puts in the order of time; `None` without any.
    pub fn of(rows: &mut Rows, seed: u64) -> Option<Skill> {
        if rows.is_empty() {
            return None;
        }
        let (is_class, is_dated) = (rows.is_class(), rows.is_dated());
        let Some((sorted, ascending)) = rows.ascending() else {
            return Some(Skill::too_many(rows));
        };
        let (Order { unit, ic, rank_ic }, days) = in_order(sorted, ascending, is_dated, seed);
        Some(Skill {
            unit,
            ic,
            rank_ic,
            deciles: deciles::of(sorted, ascending, is_class),
            roc: is_class.then(|| roc::of(ascending)),
            days,
        })
    }

    /// What is said of more rows than are kept.
    fn too_many(rows: &Rows) -> Skill {
        let why = Undefined::TooMany { limit: rows.limit() };
        Skill {
            unit: if rows.is_dated() { Unit::Day } else { Unit::Rows },
            days: Vec::new(),
            ic: Summary::undefined(why),
            rank_ic: Summary::undefined(why),
            deciles: Err(why),
            roc: rows.is_class().then_some(Err(why)),
        }
    }
}
