//! [`Reader`]: wanted columns of one file or several, chunk by chunk.

use super::chunk::{Chunk, Type};
use super::column_reader::ColumnReader;
use super::error::TableError;
use super::input::{Format, Input};
use super::memory::{Memory, MemoryReader, Stored};
use super::text_reader::TextReader;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A column to read: its name, other names it may have, and its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    names: Vec<String>,
    kind: Type,
}

impl Want {
    /// Wants a column of numbers.
    pub fn float(name: &str) -> Want {
        Want { names: vec![name.to_owned()], kind: Type::Float }
    }

    /// Wants a column of integers, such as `start_ns`.
    pub fn integer(name: &str) -> Want {
        Want { names: vec![name.to_owned()], kind: Type::Integer }
    }

    /// Wants a column of text, such as `symbol`.
    pub fn text(name: &str) -> Want {
        Want { names: vec![name.to_owned()], kind: Type::Text }
    }

    /// Accepts another name for it.
    #[must_use]
    pub fn or(mut self, name: &str) -> Want {
        self.names.push(name.to_owned());
        self
    }
}

/// A table whose columns are known and none of whose rows was read.
pub struct Table {
    path: PathBuf,
    format: Format,
    source: Source,
}

enum Source {
    Text(TextReader),
    Columns(ColumnReader),
    Memory(MemoryReader),
}

impl Table {
    /// Opens a file, or stdin for `-`, and reads the names of its columns.
    ///
    /// # Errors
    ///
    /// [`TableError`] when it cannot be read or holds no table.
    pub fn open(path: &Path) -> Result<Table, TableError> {
        Table::of(Input::open(path)?)
    }

    /// Reads the names of the columns of a file that was opened.
    ///
    /// # Errors
    ///
    /// [`TableError`] when it holds no table.
    pub fn of(input: Input) -> Result<Table, TableError> {
        let (path, format) = (input.path().to_path_buf(), input.format());
        let source = match format {
            Format::Csv => Source::Text(TextReader::open(input)?),
            Format::Parquet | Format::Arrow => Source::Columns(ColumnReader::open(input)?),
        };
        Ok(Table { path, format, source })
    }

    /// A table in memory, as columns like those of Parquet.
    fn held(memory: &Memory) -> Table {
        let source = Source::Memory(MemoryReader::new(memory));
        Table { path: memory.name().to_path_buf(), format: Format::Parquet, source }
    }

    /// What the file holds.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The names of its columns, in the order of the file.
    pub fn names(&self) -> &[String] {
        match &self.source {
            Source::Text(text) => text.names(),
            Source::Columns(columns) => columns.names(),
            Source::Memory(memory) => memory.names(),
        }
    }

    /// Where a column of that name is, counted from 0; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`TableError::Twice`] when there are two.
    pub fn find(&self, name: &str) -> Result<Option<usize>, TableError> {
        let mut found = None;
        for (column, _) in self.names().iter().enumerate().filter(|(_, known)| *known == name) {
            if found.is_some() {
                let (path, column) = (self.path.clone(), column + 1);
                return Err(TableError::Twice { path, column, name: name.to_owned() });
            }
            found = Some(column);
        }
        Ok(found)
    }

    /// Reads the wanted columns of this file.
    ///
    /// # Errors
    ///
    /// [`TableError`] when one is not there, is there twice, or is of another type.
    pub fn select(self, wanted: &[Want]) -> Result<Reader, TableError> {
        let paths = vec![self.path.clone()];
        let mut reader = Reader::new(paths, wanted);
        reader.start(self)?;
        Ok(reader)
    }

    fn column(&self, want: &Want) -> Result<usize, TableError> {
        for name in &want.names {
            if let Some(column) = self.find(name)? {
                return Ok(column);
            }
        }
        let found = match self.names().iter().map(String::as_str).collect::<Vec<_>>().join(", ") {
            names if names.chars().count() <= 200 => names,
            names => names.chars().take(200).chain("...".chars()).collect(),
        };
        let same = |known: &&String| want.names.iter().any(|name| name.eq_ignore_ascii_case(known));
        let near = self.names().iter().find(same);
        let near = near.map_or(String::new(), |near| format!(" ({near} differs only in case)"));
        let name = want.names.join(" or ") + &near;
        Err(TableError::NoColumn { path: self.path.clone(), name, found })
    }
}

/// The wanted columns of one file, or of several one after another, chunk by chunk, in order.
pub struct Reader {
    paths: Vec<PathBuf>,
    wanted: Vec<Want>,
    schema: SchemaRef,
    /// The file after the one being read.
    next: usize,
    current: Option<(Source, Vec<(usize, Type)>)>,
}

impl Reader {
    /// Opens one file, or stdin for `-`.
    ///
    /// # Errors
    ///
    /// [`TableError`] when it cannot be read, holds no table, or lacks a column.
    pub fn open(path: &Path, wanted: &[Want]) -> Result<Reader, TableError> {
        Table::open(path)?.select(wanted)
    }

    /// Opens a table wherever it is.
    ///
    /// # Errors
    ///
    /// As [`Reader::open`].
    pub fn of(stored: &Stored, wanted: &[Want]) -> Result<Reader, TableError> {
        match stored {
            Stored::File(path) => Reader::open(path, wanted),
            Stored::Memory(memory) => Table::held(memory).select(wanted),
        }
    }

    /// Opens several files that follow each other; columns may stand at different places in each.
    ///
    /// # Errors
    ///
    /// As [`Reader::open`], for the first file; the others are opened when it is their turn.
    pub fn open_all(paths: &[PathBuf], wanted: &[Want]) -> Result<Reader, TableError> {
        let mut reader = Reader::new(paths.to_vec(), wanted);
        reader.open_next()?;
        Ok(reader)
    }

    fn new(paths: Vec<PathBuf>, wanted: &[Want]) -> Reader {
        let fields: Vec<Field> = wanted
            .iter()
            .map(|want| {
                let kind = match want.kind {
                    Type::Float => DataType::Float64,
                    Type::Integer => DataType::Int64,
                    Type::Text => DataType::Utf8,
                };
                Field::new(&want.names[0], kind, false)
            })
            .collect();
        let schema = Arc::new(Schema::new(fields));
        Reader { paths, wanted: wanted.to_vec(), schema, next: 0, current: None }
    }

    /// Opens the next file; false when there is none.
    fn open_next(&mut self) -> Result<bool, TableError> {
        let Some(path) = self.paths.get(self.next) else {
            self.current = None;
            return Ok(false);
        };
        let table = Table::open(path)?;
        self.start(table)?;
        Ok(true)
    }

    fn start(&mut self, table: Table) -> Result<(), TableError> {
        let mut columns = Vec::with_capacity(self.wanted.len());
        for want in &self.wanted {
            columns.push((table.column(want)?, want.kind));
        }
        let mut source = table.source;
        match &mut source {
            Source::Text(_) => {}
            Source::Columns(reader) => reader.select(&columns)?,
            Source::Memory(memory) => memory.select(&columns)?,
        }
        self.current = Some((source, columns));
        self.next += 1;
        Ok(())
    }

    /// The wanted columns, as arrow describes them.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Whether threads of its own parse what comes next while the caller works on a chunk.
    pub(crate) fn parses_ahead(&self) -> bool {
        matches!(&self.current, Some((Source::Text(text), _)) if text.is_plain())
    }

    /// Reads the next chunk; `None` after the last one.
    ///
    /// # Errors
    ///
    /// [`TableError`] names file, line or row, and column.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>, TableError> {
        // Bounded by the number of files.
        loop {
            let chunk = match &mut self.current {
                None => return Ok(None),
                Some((Source::Text(text), columns)) => text.next_chunk(columns, &self.schema)?,
                Some((Source::Columns(reader), columns)) => {
                    reader.next_chunk(columns, &self.schema)?
                }
                Some((Source::Memory(memory), columns)) => {
                    memory.next_chunk(columns, &self.schema)?
                }
            };
            if chunk.is_some() || !self.open_next()? {
                return Ok(chunk);
            }
        }
    }

    /// Starts again from the first row of the first file.
    ///
    /// # Errors
    ///
    /// [`TableError::Pipe`] for a pipe, which can be read once; else as [`Reader::open`].
    pub fn rewind(&mut self) -> Result<(), TableError> {
        if let Some(pipe) = self.paths.iter().find(|path| !path.is_file()) {
            return Err(TableError::Pipe { path: pipe.clone(), what: "cannot be read twice" });
        }
        self.next = 0;
        self.open_next()?;
        Ok(())
    }

    /// The share that was read so far, 0 to 1; `None` when that is not known.
    pub fn progress(&self) -> Option<f64> {
        let files = self.paths.len() as f64;
        let inside = match &self.current {
            None => return Some(1.0),
            Some((Source::Text(text), _)) => text.progress()?,
            Some((Source::Columns(reader), _)) => reader.progress(),
            Some((Source::Memory(memory), _)) => memory.progress(),
        };
        Some((self.next.saturating_sub(1) as f64 + inside) / files)
    }
}
