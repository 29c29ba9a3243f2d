//! What is wrong with a table of trades, before any of them is taken.

use crate::trades::Fields;
use factord_factors::larger_unit;
use factord_quant::features::FeatureBook;

/// Refuses what the command line refuses: numbers that are none, times of another unit, and times
/// that go backwards within a symbol unless those are taken.
pub(crate) fn check(
    fields: &Fields<'_>,
    book: &FeatureBook,
    takes_late: bool,
) -> Result<(), String> {
    for (name, values) in [("price", fields.price), ("qty", fields.qty)] {
        if let Some(row) = values.iter().position(|value| !value.is_finite()) {
            return Err(format!("row {row}: {name} is {}: give a number", values[row]));
        }
    }
    unit(fields.ts_ns)?;
    if takes_late { Ok(()) } else { in_order(fields, book) }
}

/// Refuses times all of which are those of our days in a larger unit, and of 1970 in nanoseconds.
fn unit(times: &[i64]) -> Result<(), String> {
    match larger_unit(times.iter().copied()) {
        None => Ok(()),
        Some((name, ns)) => Err(format!(
            "ts_ns holds {}, which is of 1970 in nanoseconds: these are {name}, multiply them by {ns}",
            times[0]
        )),
    }
}

fn in_order(fields: &Fields<'_>, book: &FeatureBook) -> Result<(), String> {
    let latest = |name: &str| {
        let number = book.numbers().find(|(known, _)| *known == name);
        number.and_then(|(_, symbol)| book.factors(symbol).latest_ns()).unwrap_or(i64::MIN)
    };
    // One a symbol, and one for the trades without.
    let mut times: Vec<i64> = fields.names.iter().map(|name| latest(name)).collect();
    times.push(latest(""));
    for (row, &time) in fields.ts_ns.iter().enumerate() {
        let code = fields.symbol.get(row).and_then(|code| usize::try_from(*code).ok());
        let code = code.filter(|code| *code < fields.names.len()).unwrap_or(fields.names.len());
        if time < times[code] {
            let symbol = fields.names.get(code).map_or("", String::as_str);
            return Err(format!(
                "row {row}: the time of {symbol:?} goes back from {} to {time}: sort the trades by \
                 time, or give late=\"take\"",
                times[code]
            ));
        }
        times[code] = time;
    }
    Ok(())
}
