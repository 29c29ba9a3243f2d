//! What was found, for people.

use super::Model;
use crate::exit::Code;
use crate::tool::Failure;
use factord_factors::{Side, Trade};
use factord_quant::inspect::{Inspection, TableSeen, TradesSeen};
use factord_quant::trades::{Preset, Seen};
use std::fmt::Write;
use std::path::Path;

/// A line of a page: what, and what of it.
fn line(page: &mut String, what: &str, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(page, "  {what:<12}{text}");
}

/// Why a file ends the run badly.
pub(super) fn refusal(found: &Inspection) -> Option<Failure> {
    let error = match found {
        Inspection::Trades(seen) => seen.error.as_ref()?,
        Inspection::Table(seen) => seen.error.as_ref()?,
        Inspection::Other(_, error) => error,
        Inspection::Model(_) => return None,
    };
    Some(Failure::new(Code::Data, error))
}

pub(super) fn of(path: &Path, found: &Inspection) -> String {
    let mut page = format!("{}\n", path.display());
    match found {
        Inspection::Trades(seen) => trades(&mut page, seen),
        Inspection::Table(seen) => table(&mut page, seen),
        Inspection::Other(content, _) => line(&mut page, "content", &content.to_string()),
        Inspection::Model(content) => line(&mut page, "content", &content.to_string()),
    }
    page
}

pub(super) fn of_model(path: &Path, model: &Model) -> String {
    let mut page = format!("{}\n", path.display());
    line(&mut page, "content", &model.content.to_string());
    match &model.loaded {
        Ok(summary) => line(&mut page, "model", summary),
        Err(why) => line(&mut page, "refused", why),
    }
    line(&mut page, "next", model.kind.way());
    page
}

/// Nanoseconds as a time of UTC.
pub(in crate::tool) fn time(ns: i64) -> String {
    let (seconds, rest) = (ns.div_euclid(1_000_000_000), ns.rem_euclid(1_000_000_000));
    let whole = factord_quant::train::date_time(u64::try_from(seconds).unwrap_or(0));
    let whole = whole.trim_end_matches('Z');
    let rest = format!("{rest:09}");
    match rest.trim_end_matches('0') {
        "" => format!("{whole}Z"),
        rest => format!("{whole}.{rest}Z"),
    }
}

pub(super) fn order(seen: &TradesSeen) -> String {
    let late = format!("{} of {} trades are older than one before", seen.older, seen.trades);
    match seen.seen {
        Seen::OldestFirst => "oldest first".to_owned(),
        Seen::NewestFirst => format!("newest first ({late}): read it with --order newest-first"),
        Seen::Streams(count) => {
            format!("{count} streams, one within the other ({late}): read it with --order any")
        }
        Seen::Unsorted => format!("none ({late}): read it with --order any, or sort it"),
    }
}

pub(super) fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "B",
        Side::Sell => "S",
        Side::None => "N",
        Side::Unknown => "",
    }
}

pub(super) fn header(seen: &TradesSeen) -> &'static str {
    if seen.understood.headed { "names the columns" } else { "none" }
}

fn trades(page: &mut String, seen: &TradesSeen) {
    let understood = &seen.understood;
    line(page, "content", &understood.content.to_string());
    let layout = understood.preset.map_or("columns".to_owned(), |preset: Preset| {
        format!("{} ({})", preset.name(), preset.title())
    });
    line(page, "trades", &format!("{layout}, {}", understood.by));
    line(page, "header", header(seen));
    for (name, meaning) in &understood.columns {
        line(page, "column", &format!("{name}: {meaning}"));
    }
    line(page, "times", understood.times.trim_start_matches("times "));
    if let Some((first, last)) = seen.span_ns {
        line(page, "first", &time(first));
        line(page, "last", &time(last));
    }
    line(page, "order", &order(seen));
    let unsided = match seen.without_side {
        0 => String::new(),
        count => format!(" ({count} of {} trades say none)", seen.trades),
    };
    let aggressor = understood.aggressor.trim_start_matches("aggressor ");
    line(page, "aggressor", &format!("{aggressor}{unsided}"));
    line(page, "order ids", &understood.orders);
    line(page, "quantities", understood.quantities.trim_start_matches("quantities "));
    let names = seen.names.join(", ");
    let more = if seen.symbols > seen.names.len() { ", ..." } else { "" };
    line(page, "symbols", &format!("{}: {names}{more}", seen.symbols));
    if understood.simulated {
        line(page, "data", "simulated, no market data");
    }
    line(page, "count", &format!("{} trades", seen.trades));
    if let Some(error) = &seen.error {
        line(page, "read until", error);
    }
    for (trade, symbol) in &seen.first {
        line(page, "trade", &row(trade, seen.names.get(*symbol as usize)));
    }
}

fn row(trade: &Trade, symbol: Option<&String>) -> String {
    let symbol = symbol.map_or("", String::as_str);
    let mut text = format!(
        "{} {symbol} {} x {} {}",
        time(trade.ts_ns),
        trade.price,
        trade.qty,
        side(trade.side)
    );
    if trade.buy_id > 0 || trade.sell_id > 0 {
        // Writing to a string cannot fail.
        let _ = write!(text, " buy {} sell {}", trade.buy_id, trade.sell_id);
    }
    text.trim_end().to_owned()
}

fn table(page: &mut String, seen: &TableSeen) {
    line(page, "content", &seen.content.to_string());
    let what = if seen.is_features() { "features, a row a window" } else { "of any kind" };
    line(page, "table", &format!("{what}, {} rows", seen.rows));
    for column in &seen.columns {
        let meaning = match column.meaning {
            "" => String::new(),
            meaning => format!(", {meaning}"),
        };
        line(page, "column", &format!("{}: {}{meaning}", column.name, column.kind));
    }
    if let Some((first, last)) = seen.span_ns {
        line(page, "first", &time(first));
        line(page, "last", &time(last));
    }
    if let Some(data) = &seen.data {
        line(page, "data", data);
    }
    for (name, text) in &seen.settings {
        line(page, "setting", &format!("{name} {text}"));
    }
    for model in &seen.models {
        line(page, "predictions", model);
    }
    for row in &seen.first {
        line(page, "row", &row.join(", "));
    }
    if let Some(why) = &seen.no_trades {
        line(page, "no trades", why);
    }
}
