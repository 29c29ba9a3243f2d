//! [`Outcomes`]: the outcome and the label of each row of the predictions.

use super::{Columns, EvaluateError, Job, Join};
use crate::table::{Chunk, Reader, Table, Want};
use std::collections::HashMap;
use std::path::PathBuf;

/// Outcome and label by symbol and start.
type BySymbol = HashMap<String, HashMap<i64, (f64, f64)>>;

/// Where outcomes come from.
pub(super) struct Outcomes {
    cut: Option<f64>,
    source: Source,
}

enum Source {
    /// Columns of the predictions: the outcome, and the label if it has one.
    Same(usize, Option<usize>),
    /// Another table, row by row.
    Rows(Box<RowByRow>),
    /// Another table by symbol and start; where these are in the predictions.
    Keys(BySymbol, [usize; 2]),
}

/// The second table, read in step with the predictions.
struct RowByRow {
    reader: Reader,
    labelled: bool,
    chunk: Option<Chunk>,
    at: usize,
    /// The two tables, for the message.
    paths: [PathBuf; 2],
}

impl Outcomes {
    /// Opens the second table, or wants more columns of the first.
    pub(super) fn open(
        job: &Job<'_>,
        columns: &Columns,
        wanted: &mut Vec<Want>,
    ) -> Result<Outcomes, EvaluateError> {
        let mut own = vec![Want::float(job.target.column())];
        own.extend(job.class.map(Want::float));
        // Of a return there are prices so far: its label is told where it is.
        let cut = job.cut.filter(|_| job.target.horizon().is_none());
        let Some(path) = job.outcomes else {
            let at = wanted.len();
            wanted.extend(own);
            let source = Source::Same(at, job.class.map(|_| at + 1));
            return Ok(Outcomes { cut, source });
        };
        let table = Table::open(path)?;
        let has_key = table.find("symbol")?.is_some() && table.find("start_ns")?.is_some();
        let key = columns.symbol.zip(columns.start);
        let by_key = match job.join {
            Join::Rows => None,
            Join::Auto => key.filter(|_| has_key),
            // A column that is missing was put behind the others, so that reading names it.
            Join::Key => Some(key.unwrap_or((0, 0))),
        };
        let source = match by_key {
            Some((symbol, start)) => {
                own.extend([Want::text("symbol"), Want::integer("start_ns")]);
                let reader = table.select(&own)?;
                Source::Keys(keyed(reader, job.class.is_some())?, [symbol, start])
            }
            None => {
                let paths = [job.predictions.to_owned(), path.to_owned()];
                let (reader, labelled) = (table.select(&own)?, job.class.is_some());
                Source::Rows(Box::new(RowByRow { reader, labelled, chunk: None, at: 0, paths }))
            }
        };
        Ok(Outcomes { cut, source })
    }

    /// Appends the outcomes and labels of a chunk; NaN where there is none.
    pub(super) fn of(
        &mut self,
        chunk: &Chunk,
        values: &mut Vec<f64>,
        labels: &mut Vec<f64>,
    ) -> Result<(), EvaluateError> {
        match &mut self.source {
            Source::Same(target, label) => {
                values.extend(chunk.floats(*target));
                labels.extend(label.map(|label| chunk.floats(label)).unwrap_or_default());
            }
            Source::Rows(rows) => rows.take(chunk.len(), values, labels)?,
            Source::Keys(outcomes, [symbol, start]) => {
                let starts = chunk.integers(*start);
                for (symbol, start) in chunk.texts(*symbol).iter().zip(starts) {
                    let found = outcomes.get(symbol.unwrap_or("")).and_then(|of| of.get(start));
                    let (value, label) = found.copied().unwrap_or((f64::NAN, f64::NAN));
                    values.push(value);
                    labels.push(label);
                }
            }
        }
        if let Some(cut) = self.cut {
            labels.clear();
            labels.extend(values.iter().map(|&value| match value.is_finite() {
                true => f64::from(u8::from(value > cut)),
                false => f64::NAN,
            }));
        }
        labels.resize(values.len(), f64::NAN);
        Ok(())
    }

    /// Checks that nothing is left over.
    pub(super) fn end(&mut self) -> Result<(), EvaluateError> {
        match &mut self.source {
            Source::Rows(rows) => match rows.more()? {
                true => Err(rows.length()),
                false => Ok(()),
            },
            Source::Same(..) | Source::Keys(..) => Ok(()),
        }
    }
}

impl RowByRow {
    /// Whether there is another row.
    fn more(&mut self) -> Result<bool, EvaluateError> {
        if self.chunk.as_ref().is_none_or(|chunk| self.at == chunk.len()) {
            (self.chunk, self.at) = (self.reader.next_chunk()?, 0);
        }
        Ok(self.chunk.is_some())
    }

    fn length(&self) -> EvaluateError {
        let [predictions, outcomes] = self.paths.clone();
        EvaluateError::Length { predictions, outcomes }
    }

    fn take(
        &mut self,
        count: usize,
        values: &mut Vec<f64>,
        labels: &mut Vec<f64>,
    ) -> Result<(), EvaluateError> {
        let end = values.len() + count;
        while values.len() < end {
            if !self.more()? {
                return Err(self.length());
            }
            if let Some(chunk) = &self.chunk {
                let to = chunk.len().min(self.at + end - values.len());
                values.extend(&chunk.floats(0)[self.at..to]);
                if self.labelled {
                    labels.extend(&chunk.floats(1)[self.at..to]);
                }
                self.at = to;
            }
        }
        Ok(())
    }
}

/// Reads a whole table of outcomes, by symbol and start.
fn keyed(mut reader: Reader, labelled: bool) -> Result<BySymbol, EvaluateError> {
    let mut outcomes: BySymbol = HashMap::new();
    let key = 1 + usize::from(labelled);
    while let Some(chunk) = reader.next_chunk()? {
        for row in 0..chunk.len() {
            let symbol = chunk.texts(key).value(row);
            let start_ns = chunk.integers(key + 1)[row];
            let label = if labelled { chunk.floats(1)[row] } else { f64::NAN };
            if !outcomes.contains_key(symbol) {
                outcomes.insert(symbol.to_owned(), HashMap::new());
            }
            let of = outcomes.get_mut(symbol).expect("it was put there if it was not");
            if of.insert(start_ns, (chunk.floats(0)[row], label)).is_some() {
                let (place, symbol) = (chunk.place(row).to_string(), symbol.to_owned());
                return Err(EvaluateError::Twice { place, symbol, start_ns });
            }
        }
    }
    Ok(outcomes)
}
