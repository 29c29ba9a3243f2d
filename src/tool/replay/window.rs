//! A window's columns by name, and as a table together with what was predicted.

use super::tally::Answers;
use arrow_array::{ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};
use factord_factors::Row;
use factord_quant::trades::feature_schema;
use std::sync::Arc;

/// Takes one number from a window.
pub(super) type Column = fn(&Row) -> f64;

/// The numbers of a window that a model may take or be compared with, and other names of them.
const NUMBERS: [(&[&str], Column); 8] = [
    (&["buy_rate", "S_LI_INITIATIVEBUYRATE"], |row| row.buy_rate),
    (&["large_buy", "S_LI_LARGEBUYRATE"], |row| row.large_buy),
    (&["large_sell", "S_LI_LARGESELLRATE"], |row| row.large_sell),
    (&["sell_rate", "S_LI_INITIATIVESELLRATE"], |row| row.sell_rate),
    (&["unclassified"], |row| row.unclassified),
    // Exact up to 2^53.
    (&["trades"], |row| row.trades as f64),
    (&["volume"], |row| row.volume),
    (&["turnover"], |row| row.turnover),
];

/// A window's number, and the first of its names, by any of them.
pub(super) fn column(name: &str) -> Option<(&'static str, Column)> {
    let known = NUMBERS.iter().find(|(names, _)| names.contains(&name));
    known.map(|(names, column)| (names[0], *column))
}

/// The names of all numbers, for messages.
pub(super) fn names() -> String {
    NUMBERS.map(|(names, _)| names[0]).join(", ")
}

/// One window as it is written.
#[derive(Clone, Debug)]
pub(super) struct Predicted {
    pub(super) symbol: String,
    pub(super) row: Row,
    /// The answers and the probability; `None` for a window without rates.
    pub(super) answers: Option<(Answers, f64)>,
}

/// The columns that are written: those of a feature table, then those of predictions.
pub(super) fn schema() -> SchemaRef {
    let features = feature_schema();
    let mut fields: Vec<FieldRef> = features.fields().iter().cloned().collect();
    for (name, kind) in [
        ("regression", DataType::Float64),
        ("probability", DataType::Float64),
        ("class", DataType::Int32),
    ] {
        // Windows without rates have none.
        fields.push(Arc::new(Field::new(name, kind, true)));
    }
    Arc::new(Schema::new(fields))
}

/// Puts windows into columns, one row each.
pub(super) fn record(schema: &SchemaRef, windows: &[Predicted]) -> RecordBatch {
    let integers = |of: fn(&Row) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(windows.iter().map(|window| of(&window.row))))
    };
    let floats = |of: Column| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(windows.iter().map(|window| of(&window.row))))
    };
    let symbols = windows.iter().map(|window| window.symbol.as_str());
    let answered = || windows.iter().map(|window| window.answers);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(symbols)),
        integers(|row| row.start_ns),
        integers(|row| row.end_ns),
        integers(|row| i64::try_from(row.trades).unwrap_or(i64::MAX)),
        floats(|row| row.volume),
        floats(|row| row.turnover),
        floats(|row| row.buy_rate),
        floats(|row| row.sell_rate),
        floats(|row| row.large_buy),
        floats(|row| row.large_sell),
        floats(|row| row.unclassified),
        Arc::new(answered().map(|a| a.map(|(a, _)| a.regression)).collect::<Float64Array>()),
        Arc::new(answered().map(|a| a.map(|(_, p)| p)).collect::<Float64Array>()),
        Arc::new(answered().map(|a| a.map(|(a, _)| i32::from(a.class))).collect::<Int32Array>()),
    ];
    RecordBatch::try_new(Arc::clone(schema), columns)
        .expect("the columns have the schema's types and one length")
}
