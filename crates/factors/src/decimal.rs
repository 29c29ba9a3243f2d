//! Prices and quantities as the decimals they were written as.
//!
//! A number that is the nearest to a decimal of up to 15 digits means that decimal: no other
//! decimal of so few digits is as near. Comparisons are made in floating point and, where that
//! cannot decide, in decimals.

use super::panes::Sum;
use std::cmp::Ordering;

/// The powers of ten that `f64` holds exactly.
const TENS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// The least that a sum of products of decimals can be, as a share of its exact value: a sum of at
/// least this share of a cut has reached it, and a smaller decimal of up to 14 digits never gets
/// there.
// Seven roundings of half a step each: of price, quantity, multiplier, cut, and what they come to.
pub(super) const REACHED: f64 = 1.0 - 3.5 * f64::EPSILON;

/// From here on, a number has more digits than are needed to tell it from its neighbours.
const UNITS_MAX: f64 = 1e15;

/// A number of units of a power of ten.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Decimal {
    units: i128,
    places: usize,
}

impl Decimal {
    /// The decimal that a number means; `None` when it takes more than 15 digits.
    fn of(number: f64) -> Option<Decimal> {
        for (places, tens) in TENS.into_iter().enumerate() {
            let units = (number * tens).round();
            if units.is_nan() || units.abs() >= UNITS_MAX {
                return None;
            }
            // Both are exact, so that the quotient is the nearest.
            if units / tens == number {
                return Some(Decimal { units: units as i128, places });
            }
        }
        None
    }

    /// The units of a smaller power of ten: below 10^37.
    fn at(self, places: usize) -> i128 {
        self.units * 10_i128.pow((places - self.places) as u32)
    }
}

/// How a price compares with the middle of two others.
#[inline]
pub(super) fn to_middle(price: f64, [low, high]: [f64; 2]) -> Ordering {
    let sum = low + high;
    let gap = 2.0 * price - sum;
    if gap.abs() > 2.0 * f64::EPSILON * sum {
        return if gap > 0.0 { Ordering::Greater } else { Ordering::Less };
    }
    middle_in_decimals(price, [low, high]).unwrap_or(gap.total_cmp(&0.0))
}

#[cold]
fn middle_in_decimals(price: f64, edges: [f64; 2]) -> Option<Ordering> {
    let (price, low, high) = (Decimal::of(price)?, Decimal::of(edges[0])?, Decimal::of(edges[1])?);
    let places = price.places.max(low.places).max(high.places);
    Some((2 * price.at(places)).cmp(&(low.at(places) + high.at(places))))
}

/// Whether a price is further from another than a share of that one.
#[inline]
pub(super) fn is_further(price: f64, from: f64, share: f64) -> bool {
    let (away, limit) = ((price - from).abs(), share * from);
    if (away - limit).abs() > 2.0 * f64::EPSILON * (price + from + limit) {
        return away > limit;
    }
    further_in_decimals(price, from, share).unwrap_or(away > limit)
}

#[cold]
fn further_in_decimals(price: f64, from: f64, share: f64) -> Option<bool> {
    let (price, from, share) = (Decimal::of(price)?, Decimal::of(from)?, Decimal::of(share)?);
    let places = price.places.max(from.places);
    let (price, from) = (price.at(places), from.at(places));
    let away = (price - from).abs().checked_mul(10_i128.checked_pow(share.places as u32)?)?;
    Some(away > share.units.checked_mul(from)?)
}

/// How many places behind the point numbers had so far.
#[derive(Clone, Copy, Debug)]
struct Places {
    count: usize,
    /// Ten to the power of them.
    tens: f64,
}

impl Places {
    const NONE: Places = Places { count: 0, tens: 1.0 };

    /// Whether a number above 0 has no more of them.
    #[inline]
    fn hold(&self, number: f64) -> bool {
        // Adding what has no bits left for a fraction rounds.
        const WHOLE: f64 = 1.5 / f64::EPSILON;
        let units = number * self.tens;
        let off = (units - ((units + WHOLE) - WHOLE)).abs();
        off <= 2.0 * f64::EPSILON * units && units < UNITS_MAX
    }

    /// Increases the places until they hold a number; false when no number of places does.
    fn grow(&mut self, number: f64) -> bool {
        let Some(decimal) = Decimal::of(number) else { return false };
        let count = decimal.places.max(self.count);
        (self.count, self.tens) = (count, TENS[count]);
        self.hold(number)
    }
}

/// The grid that sums are multiples of: the decimal places of prices and of quantities so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    price: Places,
    qty: Places,
    /// Decimal places of a contract's worth, and whether turnover does not depend on the price.
    worth: usize,
    inverse: bool,
    /// Whether some number was not a decimal of up to 15 digits.
    lost: bool,
}

impl Grid {
    /// The grid before the first trade, for contracts of this worth.
    pub(super) fn new(worth: f64, inverse: bool) -> Grid {
        let places = Decimal::of(worth).map(|worth| worth.places);
        Grid {
            price: Places::NONE,
            qty: Places::NONE,
            worth: places.unwrap_or(0),
            inverse,
            lost: places.is_none(),
        }
    }

    /// Takes the numbers of a trade.
    #[inline]
    pub(super) fn take(&mut self, price: f64, qty: f64) {
        if !(self.lost || self.price.hold(price) && self.qty.hold(qty)) {
            self.grow(price, qty);
        }
    }

    #[cold]
    fn grow(&mut self, price: f64, qty: f64) {
        self.lost = !(self.price.grow(price) && self.qty.grow(qty));
    }

    /// A sum of quantities: the number nearest to the exact sum.
    pub(super) fn volume(&self, sum: Sum) -> f64 {
        self.nearest(sum, self.qty.count)
    }

    /// A sum of turnovers: the number nearest to the exact sum.
    pub(super) fn turnover(&self, sum: Sum) -> f64 {
        let price = if self.inverse { 0 } else { self.price.count };
        self.nearest(sum, price + self.qty.count + self.worth)
    }

    /// A sum of multiples of a power of ten. While the sum has few enough digits, less than half a
    /// multiple was lost to rounding; with more digits, the sum itself is near enough.
    fn nearest(&self, sum: Sum, places: usize) -> f64 {
        let value = sum.value();
        match TENS.get(places) {
            Some(tens) if !self.lost && value * tens < UNITS_MAX / 2.0 => {
                (value * tens).round() / tens
            }
            _ => value,
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The number nearest to a decimal of `units` units.
    fn number(units: u64, places: usize) -> f64 {
        units as f64 / TENS[places]
    }

    proptest! {
        #[test]
        fn a_number_means_the_decimal_it_is_the_nearest_to(
            units in 1_u64..1_000_000_000_000_000, places in 0_usize..20,
        ) {
            let found = Decimal::of(number(units, places)).unwrap();
            let most = places.max(found.places);
            let expected = units as i128 * 10_i128.pow((most - places) as u32);
            prop_assert_eq!(found.at(most), expected);
        }

        #[test]
        fn the_middle_is_where_decimals_have_it(
            low in 1_u64..2_000_000, half in 0_u64..9, off in -1_i64..=1, places in 0_usize..9,
        ) {
            let edges = [number(low, places), number(low + 2 * half, places)];
            let price = number((low + half).saturating_add_signed(off), places);
            prop_assert_eq!(to_middle(price, edges), off.cmp(&0));
        }

        #[test]
        fn a_price_is_an_outlier_by_what_decimals_say(
            from in 1_u64..2_000_000, permille in 1_u64..999, off in -1_i64..=1,
            places in 0_usize..9,
        ) {
            // Thousandths of the smallest step, so that the limit is one of the decimals.
            let limit = from * permille;
            let price = number((1_000 * from + limit).saturating_add_signed(off), places + 3);
            let share = number(permille, 3);
            prop_assert_eq!(is_further(price, number(from, places), share), off > 0);
        }

        #[test]
        fn sums_of_decimals_are_what_exact_arithmetic_gives(
            trades in prop::collection::vec((1_u64..200_000, 1_u64..100_000), 1..200),
            places in 0_usize..4, qty_places in 0_usize..3,
        ) {
            let mut grid = Grid::new(1.0, false);
            let (mut volume, mut turnover) = (Sum::default(), Sum::default());
            for &(price, qty) in &trades {
                let (price, qty) = (number(price, places), number(qty, qty_places));
                grid.take(price, qty);
                volume.add(qty);
                turnover.add(price * qty);
            }
            let exact: u64 = trades.iter().map(|(price, qty)| price * qty).sum();
            prop_assert_eq!(grid.turnover(turnover), number(exact, places + qty_places));
            let exact: u64 = trades.iter().map(|(_, qty)| qty).sum();
            prop_assert_eq!(grid.volume(volume), number(exact, qty_places));
        }
    }

    #[test]
    fn what_is_no_short_decimal_is_taken_as_it_is() {
        let third = 1.0 / 3.0;
        assert_eq!(Decimal::of(third), None);
        assert_eq!(Decimal::of(f64::INFINITY), None);
        assert_eq!(to_middle(third, [third, third]), Ordering::Equal);
        assert_eq!(to_middle(third, [third, third.next_up().next_up()]), Ordering::Less);
        assert!(!is_further(third, third, 0.01) && is_further(1.0, third, 0.01));
        assert!(!is_further(5.0, 1.0, f64::INFINITY));
        let mut grid = Grid::new(1.0, false);
        grid.take(third, 1.0);
        let mut sum = Sum::default();
        sum.add(third);
        assert_eq!(grid.turnover(sum), third);
    }
}
