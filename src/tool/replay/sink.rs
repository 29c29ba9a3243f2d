//! [`Sink`]: where the rows of a replay go.

use super::window::{Predicted, record, schema};
use arrow_schema::SchemaRef;
use factord_factors::Stated;
use factord_quant::score::{Made, Record};
use factord_quant::stated;
use factord_quant::table::{TableError, Writer, WriterOptions, is_parquet};
use std::path::{Path, PathBuf};

/// Rows written together at full speed.
// 1,024: enough that what is done once for each batch does not show.
const ROWS: usize = 1_024;

/// The table being written.
pub(super) struct Sink {
    path: PathBuf,
    schema: SchemaRef,
    writer: Option<Writer>,
    rows: Vec<Predicted>,
    /// Whether somebody looks at the rows as they come.
    live: bool,
}

impl Sink {
    pub(super) fn create(path: &Path, live: bool, past: &[String]) -> Result<Sink, TableError> {
        let schema = schema(past);
        let writer = Writer::create(path, &schema, &WriterOptions::default())?;
        let (path, writer, rows) = (path.to_owned(), Some(writer), Vec::new());
        Ok(Sink { path, schema, writer, rows, live })
    }

    /// Takes a row.
    pub(super) fn push(&mut self, row: Predicted) -> Result<(), TableError> {
        self.rows.push(row);
        if self.live || self.rows.len() == ROWS { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), TableError> {
        if let (Some(writer), false) = (&mut self.writer, self.rows.is_empty()) {
            writer.write(&record(&self.schema, &self.rows))?;
            self.rows.clear();
            if self.live {
                writer.flush()?;
            }
        }
        Ok(())
    }

    /// Ends the table, which says which models its predictions are of, and how its windows were
    /// made. One that is not whole gets another name, which is returned.
    pub(super) fn finish(
        &mut self,
        partial: bool,
        models: &[Made],
        stated: &Stated,
    ) -> Result<Option<PathBuf>, TableError> {
        self.write()?;
        let Some(mut writer) = self.writer.take() else { return Ok(None) };
        let record = Record::new(models.to_vec());
        record.note(&mut writer);
        stated::note(stated, &mut writer);
        if !partial {
            writer.finish()?;
            record.save(&self.path)?;
            stated::save(stated, &self.path)?;
            return Ok(None);
        }
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        let partial = writer.finish_as(&self.path.with_file_name(name))?;
        if let Some(path) = &partial {
            record.save_beside(path, is_parquet(&self.path))?;
            stated::save_beside(stated, path, is_parquet(&self.path))?;
        }
        Ok(partial)
    }
}
