//! What was found, for machines.

use super::Model;
use super::text::{header, order, side, time};
use factord_quant::content::Content;
use factord_quant::inspect::{Inspection, TableSeen, TradesSeen};
use serde_json::{Value, json};
use std::path::Path;

fn content(path: &Path, content: &Content, what: &str) -> Value {
    let packings: Vec<_> = content.packings.iter().map(|packing| packing.name()).collect();
    json!({
        "file": path.display().to_string(),
        "what": what,
        "content": content.kind.name(),
        "packed": packings,
        "member": content.member,
    })
}

pub(super) fn of_model(path: &Path, model: &Model) -> Value {
    let mut row = content(path, &model.content, "model");
    row["model"] = json!(model.loaded.as_ref().ok());
    row["error"] = json!(model.loaded.as_ref().err());
    row["next"] = json!(model.kind.way());
    row
}

pub(super) fn of(path: &Path, found: &Inspection) -> Value {
    match found {
        Inspection::Trades(seen) => trades(path, seen),
        Inspection::Table(seen) => table(path, seen),
        Inspection::Model(of) => content(path, of, "model"),
        Inspection::Other(of, error) => {
            let mut row = content(path, of, "other");
            row["error"] = json!(error);
            row
        }
    }
}

fn trades(path: &Path, seen: &TradesSeen) -> Value {
    let understood = &seen.understood;
    let columns: Vec<Value> = understood
        .columns
        .iter()
        .map(|(name, meaning)| json!({"name": name, "meaning": meaning}))
        .collect();
    let first: Vec<Value> = seen
        .first
        .iter()
        .map(|(trade, symbol)| {
            json!({
                "ts_ns": trade.ts_ns, "symbol": seen.names.get(*symbol as usize),
                "price": trade.price, "qty": trade.qty, "side": side(trade.side),
                "buy_id": trade.buy_id, "sell_id": trade.sell_id,
            })
        })
        .collect();
    let mut row = content(path, &understood.content, "trades");
    let facts = json!({
        "preset": understood.preset.map(|preset| preset.name()),
        "by": understood.by,
        "header": header(seen),
        "columns": columns,
        "times": understood.times,
        "first": seen.span_ns.map(|(first, _)| time(first)),
        "last": seen.span_ns.map(|(_, last)| time(last)),
        "order": order(seen),
        "older": seen.older,
        "aggressor": understood.aggressor,
        "without_side": seen.without_side,
        "order_ids": understood.orders,
        "without_order": seen.without_order,
        "quantities": understood.quantities,
        "data": understood.simulated.then_some("simulated"),
        "symbols": seen.symbols,
        "names": seen.names,
        "trades": seen.trades,
        "rows": first,
        "error": seen.error,
    });
    add(&mut row, facts);
    row
}

fn table(path: &Path, seen: &TableSeen) -> Value {
    let columns: Vec<Value> = seen
        .columns
        .iter()
        .map(|column| json!({"name": column.name, "kind": column.kind, "meaning": column.meaning}))
        .collect();
    let mut row = content(path, &seen.content, "table");
    let settings: serde_json::Map<String, Value> =
        seen.settings.iter().map(|(name, text)| (name.clone(), json!(text))).collect();
    let facts = json!({
        "features": seen.is_features(),
        "columns": columns,
        "count": seen.rows,
        "first": seen.span_ns.map(|(first, _)| time(first)),
        "last": seen.span_ns.map(|(_, last)| time(last)),
        "settings": settings,
        "data": seen.data,
        "models": seen.models,
        "rows": seen.first,
        "no_trades": seen.no_trades,
        "error": seen.error,
    });
    add(&mut row, facts);
    row
}

/// Adds the members of one object to another.
fn add(row: &mut Value, facts: Value) {
    if let (Value::Object(row), Value::Object(facts)) = (row, facts) {
        row.extend(facts);
    }
}
