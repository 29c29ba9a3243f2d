//! Windows as a table, together with what was predicted.

use super::tally::Answers;
use arrow_array::{ArrayRef, Float64Array, Int32Array, RecordBatch};
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};
use factord_factors::{COLUMNS, Column, Row, column_called};
use factord_quant::features;
use std::sync::Arc;

/// A number of a window that a model may take or be compared with, by any of its names.
pub(super) fn number(name: &str) -> Option<&'static Column> {
    column_called(name).filter(|column| column.is_number())
}

/// The names of all of them, for messages.
pub(super) fn names() -> String {
    let names: Vec<&str> =
        COLUMNS.iter().filter(|column| column.is_number()).map(|column| column.name).collect();
    names.join(", ")
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
    let features = features::schema();
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
    let mut columns =
        features::columns(windows.iter().map(|window| (window.symbol.as_str(), &window.row)));
    columns.extend([
        Arc::new(answered().map(|a| a.map(|(a, _)| a.regression)).collect::<Float64Array>())
            as ArrayRef,
        Arc::new(answered().map(|a| a.map(|(_, p)| p)).collect::<Float64Array>()),
        Arc::new(answered().map(|a| a.map(|(a, _)| i32::from(a.class))).collect::<Int32Array>()),
    ]);
    RecordBatch::try_new(Arc::clone(schema), columns)
        .expect("the columns have the schema's types and one length")
}
