//! Windows as a table, together with what was predicted.

use super::tally::Answers;
use arrow_array::{ArrayRef, Float64Array, Int32Array, RecordBatch};
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};
use factord_factors::{COLUMNS, Column, PRICES, Row, column_called};
use factord_quant::features;
use std::sync::Arc;

/// A number of a window that a model may take or be compared with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    /// Its own.
    Own(&'static Column),
    /// One that the windows before it add, by its place among them.
    Past(usize),
}

impl Number {
    /// The number of that name, by any of its names; `past` names those that earlier windows add.
    pub(super) fn called(name: &str, past: &[String]) -> Option<Number> {
        let own = column_called(name).filter(|column| column.is_number());
        let added = || past.iter().position(|known| known == name).map(Number::Past);
        own.map(Number::Own).or_else(added)
    }

    /// The number of one window; NaN where it has none.
    pub(super) fn of(self, row: &Row, past: &[f64]) -> f64 {
        match self {
            Number::Own(column) => column.number(row).unwrap_or(f64::NAN),
            Number::Past(place) => past[place],
        }
    }
}

/// The names of all of them, for messages.
pub(super) fn names(past: &[String]) -> String {
    let own = COLUMNS.iter().chain(&PRICES).filter(|column| column.is_number());
    let names: Vec<&str> =
        own.map(|column| column.name).chain(past.iter().map(String::as_str)).collect();
    names.join(", ")
}

/// One window as it is written.
#[derive(Clone, Debug)]
pub(super) struct Predicted {
    pub(super) symbol: String,
    pub(super) row: Row,
    /// What the windows before it add.
    pub(super) past: Vec<f64>,
    /// The answers and the probability; `None` for a window without what the models take.
    pub(super) answers: Option<(Answers, f64)>,
}

/// The columns that are written: those of a feature table, then those of predictions.
pub(super) fn schema(past: &[String]) -> SchemaRef {
    let features = features::schema(past);
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
    let answered = || windows.iter().map(|window| window.answers);
    let past = windows.first().map_or(0, |window| window.past.len());
    let made = windows.iter().map(|window| (window.symbol.as_str(), &window.row, &window.past[..]));
    let mut columns = features::columns(made, past);
    columns.extend([
        Arc::new(answered().map(|a| a.map(|(a, _)| a.regression)).collect::<Float64Array>())
            as ArrayRef,
        Arc::new(answered().map(|a| a.map(|(_, p)| p)).collect::<Float64Array>()),
        Arc::new(answered().map(|a| a.map(|(a, _)| i32::from(a.class))).collect::<Int32Array>()),
    ]);
    RecordBatch::try_new(Arc::clone(schema), columns)
        .expect("the columns have the schema's types and one length")
}
