//! Simulated trades as a table, in the common schema of trade files.

use super::{Trade, stock_name};
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use factord_factors::Side;
use std::sync::Arc;

/// The column that says where the side of a trade is from.
pub const SIDE_SOURCE_COLUMN: &str = "side_src";

/// What stands in it at every simulated trade: by this, tables made from them know it.
pub const SIDE_SOURCE: &str = "simulated";

/// The columns of simulated trades.
pub fn schema() -> SchemaRef {
    let field = |name, kind| Field::new(name, kind, false);
    Arc::new(Schema::new(vec![
        field("ts_ns", DataType::Int64),
        field("symbol", DataType::Utf8),
        field("price", DataType::Float64),
        field("qty", DataType::UInt64),
        field("side", DataType::Utf8),
        field(SIDE_SOURCE_COLUMN, DataType::Utf8),
        field("buy_id", DataType::UInt64),
        field("sell_id", DataType::UInt64),
        field("trade_id", DataType::UInt64),
    ]))
}

/// Turns trades into columns; holds the names of the stocks.
#[derive(Clone, Debug)]
pub struct Columns {
    schema: SchemaRef,
    names: Vec<String>,
}

impl Columns {
    /// Prepares the names of `stock_count` stocks.
    pub fn new(stock_count: u64) -> Columns {
        Columns { schema: schema(), names: (0..stock_count as usize).map(stock_name).collect() }
    }

    /// Puts trades into columns, one row each.
    pub fn record(&self, trades: &[Trade]) -> RecordBatch {
        let letter = |trade: &Trade| match trade.side {
            Side::Buy => "B",
            Side::Sell => "S",
            Side::None | Side::Unknown => "N",
        };
        let name = |trade: &Trade| self.names[trade.stock].as_str();
        let each = trades.iter();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(each.clone().map(|trade| trade.ts_ns))),
            Arc::new(StringArray::from_iter_values(each.clone().map(name))),
            Arc::new(Float64Array::from_iter_values(each.clone().map(Trade::price))),
            Arc::new(UInt64Array::from_iter_values(each.clone().map(|trade| trade.qty))),
            Arc::new(StringArray::from_iter_values(each.clone().map(letter))),
            Arc::new(StringArray::from_iter_values(each.clone().map(|_| SIDE_SOURCE))),
            Arc::new(UInt64Array::from_iter_values(each.clone().map(|trade| trade.buy_id))),
            Arc::new(UInt64Array::from_iter_values(each.clone().map(|trade| trade.sell_id))),
            Arc::new(UInt64Array::from_iter_values(each.map(|trade| trade.trade_id))),
        ];
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .expect("the columns have the schema's types and one length")
    }
}
