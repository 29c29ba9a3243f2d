//! [`TableSeen`]: a table, read to its end.

use super::SHOWN_ROWS;
use crate::content::{Content, shown};
use crate::features::Lookback;
use crate::score::Record;
use crate::stated;
use crate::table::{
    CHUNK_ROWS, Columnar, CsvRows, Format, Input, TableError, floats, integers, is_integer,
    is_number, is_text, texts,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, SchemaRef};
use csv::ByteRecord;
use factord_factors::column_called;
use std::path::Path;

/// The longest value that is shown.
const VALUE_LEN: usize = 40;

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name, as it may be shown.
    pub name: String,
    /// What its values are.
    pub kind: String,
    /// What it means, where that is known.
    pub meaning: &'static str,
}

/// What a table holds.
#[derive(Debug)]
pub struct TableSeen {
    /// What the file is.
    pub content: Content,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows.
    pub rows: u64,
    /// The earliest start and the latest end of its windows, in nanoseconds.
    pub span_ns: Option<(i64, i64)>,
    /// The settings that its windows were made with, as names and texts.
    pub settings: Vec<(String, String)>,
    /// Where its data come from, if it says so: `simulated` or `partly simulated`.
    pub data: Option<String>,
    /// The models that made its predictions, in words.
    pub models: Vec<String>,
    /// The first rows.
    pub first: Vec<Vec<String>>,
    /// Why it holds no trades, if it may seem to.
    pub no_trades: Option<String>,
    /// Why it cannot be read to its end.
    pub error: Option<String>,
}

impl TableSeen {
    pub(super) fn read(input: Input) -> Result<TableSeen, TableError> {
        let path = input.path().to_path_buf();
        let mut seen = TableSeen {
            content: input.content().clone(),
            columns: Vec::new(),
            rows: 0,
            span_ns: None,
            settings: Vec::new(),
            data: None,
            models: Vec::new(),
            first: Vec::new(),
            no_trades: None,
            error: None,
        };
        match input.format() {
            Format::Csv => seen.read_text(input)?,
            Format::Parquet | Format::Arrow => seen.read_columns(input)?,
        }
        seen.notes(&path);
        Ok(seen)
    }

    /// Whether its windows or features are known by their names.
    pub fn is_features(&self) -> bool {
        let has = |name: &str| self.columns.iter().any(|column| column.name == name);
        has("start_ns") && has("end_ns") || factord_factors::FEATURES.iter().any(|name| has(name))
    }

    fn notes(&mut self, path: &Path) {
        // What cannot be used is no note.
        let stated = stated::of(path).unwrap_or_default();
        let one = |(name, text): (&str, &str)| (name.to_owned(), shown(text, VALUE_LEN));
        self.settings = stated.settings().map(one).collect();
        self.data = stated.data().map(str::to_owned);
        let record = Record::of(path).ok().flatten().unwrap_or_default();
        self.models = record.models.iter().map(|made| shown(&made.to_string(), 200)).collect();
    }

    fn spans(&mut self, from: Option<i64>, until: Option<i64>) {
        for ns in [from, until].into_iter().flatten() {
            let (first, last) = self.span_ns.unwrap_or((ns, ns));
            self.span_ns = Some((first.min(ns), last.max(ns)));
        }
    }

    fn read_text(&mut self, input: Input) -> Result<(), TableError> {
        let path = input.path().clone();
        let mut rows = CsvRows::new(input.into_text(), &path);
        let mut row = ByteRecord::new();
        if !rows.read(&mut row)? {
            return Err(TableError::Empty { path: path.to_path_buf() });
        }
        let text = |field: &[u8]| String::from_utf8_lossy(field).trim().to_owned();
        let names: Vec<String> = row.iter().map(text).collect();
        if names.iter().all(|name| name.parse::<f64>().is_ok()) {
            return Err(TableError::NoHeader { path: path.to_path_buf() });
        }
        let place = |wanted: &str| names.iter().position(|name| name == wanted);
        let (start, end) = (place("start_ns"), place("end_ns"));
        let mut kinds = vec![Guess::default(); names.len()];
        // Bounded by the file.
        loop {
            match rows.read(&mut row) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    self.error = Some(error.to_string());
                    break;
                }
            }
            self.rows += 1;
            kinds.iter_mut().zip(row.iter()).for_each(|(kind, field)| kind.add(field));
            let number = |at: Option<usize>| {
                std::str::from_utf8(row.get(at?)?).ok()?.trim().parse::<i64>().ok()
            };
            self.spans(number(start), number(end));
            if self.first.len() < SHOWN_ROWS {
                self.first.push(row.iter().map(|field| shown(&text(field), VALUE_LEN)).collect());
            }
        }
        self.columns =
            names.iter().zip(kinds).map(|(name, kind)| column(name, kind.name())).collect();
        Ok(())
    }

    fn read_columns(&mut self, input: Input) -> Result<(), TableError> {
        let mut columnar = Columnar::open(input)?;
        let schema: SchemaRef = columnar.schema().clone();
        let fields = schema.fields().iter();
        self.columns =
            fields.map(|field| column(field.name(), &field.data_type().to_string())).collect();
        let all: Vec<usize> = (0..schema.fields().len()).collect();
        columnar.select(&all, CHUNK_ROWS)?;
        let place = |name: &str| schema.fields().iter().position(|field| field.name() == name);
        let (start, end) = (place("start_ns"), place("end_ns"));
        // Bounded by the file.
        loop {
            let read = match columnar.next_rows() {
                Ok(Some((_, read))) => read,
                Ok(None) => break,
                Err(error) => {
                    self.error = Some(error.to_string());
                    break;
                }
            };
            for at in [start, end].into_iter().flatten() {
                if is_integer(read.column(at).data_type())
                    && let Ok(values) = integers(read.column(at))
                {
                    let values = values.values();
                    self.spans(values.iter().min().copied(), values.iter().max().copied());
                }
            }
            for row in 0..read.num_rows().min(SHOWN_ROWS.saturating_sub(self.first.len())) {
                let value = |array: &ArrayRef| shown(&value(array, row), VALUE_LEN);
                self.first.push(read.columns().iter().map(value).collect());
            }
            self.rows += read.num_rows() as u64;
        }
        Ok(())
    }
}

fn column(name: &str, kind: &str) -> Column {
    Column { name: shown(name, 80), kind: shown(kind, 80), meaning: meaning(name) }
}

/// What a column of a feature table means.
fn meaning(name: &str) -> &'static str {
    match name {
        "symbol" => "symbol",
        "start_ns" => "first moment of the window, nanoseconds since 1970 UTC",
        "end_ns" => "first moment after the window, nanoseconds since 1970 UTC",
        "trades" => "number of trades",
        "volume" => "sum of quantities",
        "turnover" => "sum of price times quantity",
        "buy_rate" => "share of turnover with an aggressor that buyers started",
        "sell_rate" => "share of turnover with an aggressor that sellers started",
        "large_buy" => "share of turnover that is large and bought",
        "large_sell" => "share of turnover that is large and sold",
        "unclassified" => "share of turnover without an aggressor",
        "vwap" => "volume-weighted mean price",
        "first" => "price of the first trade",
        "last" => "price of the last trade",
        "log_return" => "log return since the window before",
        "regression" => "prediction of a linear model",
        "probability" => "prediction of a classifier",
        "class" => "label of a classifier",
        name if Lookback::of_features([name]) != Lookback::default() => "of the windows before",
        name if column_called(name).is_some_and(|column| column.name == name) => {
            "of a window of trades"
        }
        _ => "",
    }
}

/// A value as text.
fn value(array: &ArrayRef, row: usize) -> String {
    let one = array.slice(row, 1);
    let kind = match one.data_type() {
        DataType::Dictionary(_, values) => values.as_ref().clone(),
        other => other.clone(),
    };
    if one.is_null(0) {
        return String::new();
    }
    match kind {
        kind if is_text(&kind) || kind.is_integer() => texts(&one).value(0).to_owned(),
        DataType::Boolean => (floats(&one).value(0) != 0.0).to_string(),
        kind if is_number(&kind) => floats(&one).value(0).to_string(),
        kind if is_integer(&kind) => {
            integers(&one).map_or(String::new(), |values| values.value(0).to_string())
        }
        _ => "(not shown)".to_owned(),
    }
}

/// What the values of a column of text are, so far.
#[derive(Clone, Copy, Debug, Default)]
struct Guess {
    some: bool,
    no_integer: bool,
    no_number: bool,
    no_boolean: bool,
}

impl Guess {
    fn add(&mut self, field: &[u8]) {
        let Ok(text) = std::str::from_utf8(field.trim_ascii()) else {
            (self.some, self.no_integer, self.no_number, self.no_boolean) =
                (true, true, true, true);
            return;
        };
        if text.is_empty() {
            return;
        }
        self.some = true;
        self.no_integer |= text.parse::<i64>().is_err() && text.parse::<u64>().is_err();
        self.no_number |= text.parse::<f64>().is_err();
        let boolean = ["true", "false"].iter().any(|word| text.eq_ignore_ascii_case(word));
        self.no_boolean |= !boolean;
    }

    fn name(self) -> &'static str {
        match self {
            Guess { some: false, .. } => "empty",
            Guess { no_integer: false, .. } => "integers",
            Guess { no_number: false, .. } => "numbers",
            Guess { no_boolean: false, .. } => "booleans",
            _ => "text",
        }
    }
}
