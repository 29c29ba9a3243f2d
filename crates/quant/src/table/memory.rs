//! [`Memory`]: a table that the caller holds as Arrow record batches; read without a copy.

use super::chunk::{At, CHUNK_ROWS, Chunk, Place, RowNumbers, Type, record};
use super::convert::{Misfit, converted, fits};
use super::error::TableError;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a table is.
#[derive(Clone, Debug)]
pub enum Stored {
    /// In a file, or at stdin for `-`.
    File(PathBuf),
    /// In memory.
    Memory(Memory),
}

impl Stored {
    /// What messages call it.
    pub fn path(&self) -> &Path {
        match self {
            Stored::File(path) => path,
            Stored::Memory(memory) => &memory.name,
        }
    }
}

/// Record batches of one schema.
#[derive(Clone, Debug)]
pub struct Memory {
    name: Arc<Path>,
    schema: SchemaRef,
    batches: Arc<[RecordBatch]>,
}

impl Memory {
    /// Takes batches, all of this schema; messages call them by `name`.
    pub fn new(name: &str, schema: SchemaRef, batches: Vec<RecordBatch>) -> Memory {
        Memory { name: Path::new(name).into(), schema, batches: batches.into() }
    }

    /// What its schema notes under a key.
    pub(crate) fn note(&self, key: &str) -> Option<&str> {
        self.schema.metadata().get(key).map(String::as_str)
    }

    /// What messages call it.
    pub(crate) fn name(&self) -> &Path {
        &self.name
    }
}

/// Goes through the batches of a table.
pub(super) struct MemoryReader {
    memory: Memory,
    names: Vec<String>,
    /// The batch, and the row in it, that come next.
    next: (usize, usize),
    done: u64,
}

impl MemoryReader {
    pub(super) fn new(memory: &Memory) -> MemoryReader {
        let names = memory.schema.fields().iter().map(|field| field.name().clone()).collect();
        MemoryReader { memory: memory.clone(), names, next: (0, 0), done: 0 }
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    pub(super) fn progress(&self) -> f64 {
        let total: usize = self.memory.batches.iter().map(RecordBatch::num_rows).sum();
        if total == 0 { 1.0 } else { self.done as f64 / total as f64 }
    }

    /// Sees to it that every column is of its type.
    pub(super) fn select(&self, columns: &[(usize, Type)]) -> Result<(), TableError> {
        for &(column, kind) in columns {
            let field = self.memory.schema.field(column);
            fits(field.data_type(), kind).map_err(|expected| TableError::Type {
                path: self.memory.name.to_path_buf(),
                column: column + 1,
                name: field.name().clone(),
                found: field.data_type().to_string(),
                expected,
            })?;
        }
        Ok(())
    }

    pub(super) fn next_chunk(
        &mut self,
        columns: &[(usize, Type)],
        schema: &SchemaRef,
    ) -> Result<Option<Chunk>, TableError> {
        // Bounded by the number of batches.
        loop {
            let Some(batch) = self.memory.batches.get(self.next.0) else { return Ok(None) };
            let rows = (batch.num_rows() - self.next.1).min(CHUNK_ROWS);
            if rows == 0 {
                self.next = (self.next.0 + 1, 0);
                continue;
            }
            let mut arrays = Vec::with_capacity(columns.len());
            for &(column, kind) in columns {
                let array = batch.column(column).slice(self.next.1, rows);
                let array = converted(&array, kind);
                arrays.push(array.map_err(|misfit| self.misfit(column, misfit))?);
            }
            let record = record(schema, arrays, rows);
            let rows_from = RowNumbers::From(self.done);
            self.next.1 += rows;
            self.done += rows as u64;
            let path = Arc::clone(&self.memory.name);
            return Ok(Some(Chunk { record, path, rows: rows_from }));
        }
    }

    /// What is wrong with a row of the chunk that comes next.
    fn misfit(&self, column: usize, Misfit { row, value }: Misfit) -> TableError {
        let at = At::Row(self.done + row as u64 + 1);
        let place = Place { path: Arc::clone(&self.memory.name), at };
        let (column, name) = (column + 1, self.names[column].clone());
        match value {
            None => TableError::Missing { place, column, name },
            Some(value) => {
                let expected = "an integer of 63 bits";
                TableError::NotANumber { place, column, name, value, expected }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Reader, Want};
    use arrow_array::types::Int8Type;
    use arrow_array::{
        Array, ArrayRef, DictionaryArray, Float64Array, Int64Array, StringArray, StringViewArray,
    };
    use arrow_schema::{Field, Schema};

    fn memory(columns: Vec<(&str, ArrayRef)>, pieces: usize) -> Memory {
        let field =
            |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), true);
        let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
        let arrays = columns.into_iter().map(|(_, array)| array).collect();
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).unwrap();
        let each = batch.num_rows().div_ceil(pieces);
        let piece = |at: usize| batch.slice(at * each, each.min(batch.num_rows() - at * each));
        Memory::new("table", schema, (0..pieces).map(piece).collect())
    }

    #[test]
    fn a_table_in_memory_is_read_in_order_and_its_numbers_are_not_copied() {
        let rows = CHUNK_ROWS + 3;
        let x = Float64Array::from_iter_values((0..rows).map(|row| row as f64));
        let address = x.values().as_ptr();
        let memory = memory(vec![("x", Arc::new(x) as ArrayRef)], 1);
        let mut reader = Reader::of(&Stored::Memory(memory), &[Want::float("x")]).unwrap();
        let first = reader.next_chunk().unwrap().unwrap();
        assert_eq!((first.len(), first.floats(0).as_ptr()), (CHUNK_ROWS, address));
        let last = reader.next_chunk().unwrap().unwrap();
        assert_eq!(last.floats(0), [65_536.0, 65_537.0, 65_538.0]);
        assert_eq!(last.place(2).to_string(), "table: row 65539");
        assert!(reader.next_chunk().unwrap().is_none());
    }

    #[test]
    fn texts_of_every_encoding_are_the_same_texts() {
        let words = [Some("A"), None, Some("B"), Some("A")];
        let coded: DictionaryArray<Int8Type> = words.into_iter().collect();
        let forms: [ArrayRef; 4] = [
            Arc::new(StringArray::from_iter(words)),
            Arc::new(arrow_array::LargeStringArray::from_iter(words)),
            Arc::new(StringViewArray::from_iter(words)),
            Arc::new(coded),
        ];
        for form in forms {
            let memory = memory(vec![("symbol", form)], 2);
            let mut reader = Reader::of(&Stored::Memory(memory), &[Want::text("symbol")]).unwrap();
            let mut found = Vec::new();
            while let Some(chunk) = reader.next_chunk().unwrap() {
                found.extend((0..chunk.len()).map(|row| chunk.texts(0).value(row).to_owned()));
            }
            assert_eq!(found, ["A", "", "B", "A"]);
        }
    }

    #[test]
    fn what_is_of_another_type_or_missing_is_named() {
        let refused = |array: ArrayRef, want: Want| {
            let stored = Stored::Memory(memory(vec![("x", array)], 1));
            let read = Reader::of(&stored, &[want]).and_then(|mut reader| reader.next_chunk());
            read.unwrap_err().to_string()
        };
        let missing = refused(Arc::new(Int64Array::from(vec![Some(1), None])), Want::integer("x"));
        assert!(missing.starts_with("table: row 2: column 1 (x)"), "{missing}");
        let broken = refused(Arc::new(Float64Array::from(vec![1.0])), Want::integer("x"));
        assert!(broken.contains("Float64") && broken.contains("integers"), "{broken}");
        let text = refused(Arc::new(StringArray::from(vec!["1"])), Want::float("x"));
        assert!(text.contains("Utf8") && text.contains("numbers"), "{text}");
    }
}
