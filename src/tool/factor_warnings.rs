//! What may make factors other than they seem, said on stderr once all trades were read.

use factord_factors::{Counts, Per, Settings};
use factord_quant::features::FeatureSettings;
use factord_quant::trades::{Reader, is_inverse};

/// The share of fills without their order from which totals of orders mean little.
const WITHOUT_ORDER_MAX: f64 = 0.1;

/// The share of trades left out for their time from which on a file is not merely untidy.
const LOST_MAX: f64 = 0.01;

/// Warns of what was read and given: `rows` are windows that became rows, `told` is whether the
/// caller said what contracts are worth.
pub(super) fn warn(reader: &Reader, settings: &Settings, counts: &Counts, rows: u64, told: bool) {
    let say = |warning: String| super::say(format_args!("warning: {warning}"));
    for path in reader.barren() {
        say(format!("{}: no trade was read from it", path.display()));
    }
    if rows == 0 && counts.trades > 0 {
        say(format!(
            "no window became a row: of {} that closed, {} had no trade and {} no aggressor or \
             no cut (--empty keep writes them; a longer input or a shorter --window closes more)",
            counts.windows, counts.windows_empty, counts.windows_undefined
        ));
    }
    if let Some(symbol) = reader.names().iter().find(|name| !told && is_inverse(name)) {
        say(format!(
            "{} is known to be an inverse contract, each worth a fixed amount of the quote \
             currency: price times quantity is not its turnover; give --inverse --multiplier, or \
             --multiplier 1 if the quantities are coins",
            symbol.escape_debug()
        ));
    }
    let lost = counts.late_dropped as f64 / (counts.trades + counts.late_dropped).max(1) as f64;
    if lost > LOST_MAX {
        say(format!(
            "{:.0} % of trades ({} of {}) were left out, as they are older than the open window: \
             give --order newest-first or any, or sort the file by time",
            100.0 * lost,
            counts.late_dropped,
            counts.trades + counts.late_dropped
        ));
    }
    // Both sides of a trade are fills.
    let share = counts.without_order as f64 / (2 * counts.trades).max(1) as f64;
    if settings.large.per == Per::OwnSideOrder && share > WITHOUT_ORDER_MAX {
        say(format!(
            "{:.0} % of fills have no order number: each is an order of its own, so that large_buy \
             and large_sell say little about orders",
            100.0 * share
        ));
    }
}

/// Warns where more trades were outside of the sessions than in them.
pub(super) fn warn_outside(settings: &FeatureSettings, counts: &Counts, outside: u64) {
    if let Some(calendar) = settings.calendar.as_ref().filter(|_| outside > counts.trades) {
        super::say(format_args!(
            "warning: {outside} of {} trades are outside of the sessions: are these by the clock of {}? \
             (--tz; factord inspect shows the times)",
            outside + counts.trades,
            calendar.zone()
        ));
    }
}
