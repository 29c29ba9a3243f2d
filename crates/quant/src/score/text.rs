//! CSV to CSV, or to Parquet.
//!
//! Other columns of CSV go to CSV as they stand. To Parquet they go as integers or floats where
//! every value of the first rows is one, else as text; a later value that does not fit makes its
//! row a bad one.
//!
//! One thread at a time takes a block of whole lines, all of them work on blocks and pack columns
//! of Parquet, and one writes.

use super::columns::Columns;
use super::plain::{to_lines, to_record};
use super::rows::{Form, IN_MEMORY, RowScorer, schema};
use super::target::Target;
use super::{Body, Event, Job, Part, ScoreError, Summary, Tally, noted};
use crate::content::Progress;
use crate::table::{
    CsvRows, Input, PlainRows, Stops, TableError, Text, WholeLines, Writer, unreadable,
};
use csv::ByteRecord;
use factord_factors::Stated;
use std::collections::VecDeque;
use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Rows that the csv crate reads at a time, and those that tell the types of columns.
// 8,192: a piece takes milliseconds, so that threads seldom wait for each other, and a MiB or so.
const PIECE_ROWS: usize = 8192;

/// Whole lines, with room for where their fields end.
#[derive(Default)]
struct Block {
    text: Text,
    stops: Stops,
    /// Lines of the file before it.
    before: u64,
    /// Whether the stops are known: they had to be, to tell that its quotes are plain.
    quoted: bool,
}

enum Piece {
    /// Every line of it is a row or blank.
    Lines(Box<Block>),
    /// Rows behind so many lines.
    Rows(u64, Vec<ByteRecord>),
}

/// Things to be used again: memory that is freed and taken anew costs a page fault for every page.
struct Pool<T>(Mutex<Vec<T>>);

impl<T: Default> Pool<T> {
    fn take(&self) -> T {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn give_back(&self, thing: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(thing);
    }
}

/// The table, piece by piece.
struct Pieces<'a> {
    path: &'a Arc<Path>,
    lines: WholeLines,
    /// Lines taken.
    before: u64,
    /// The rest of the text, from where only the csv crate knows what its quotes mean.
    rest: Option<CsvRows<Box<dyn Read + Send>>>,
    progress: Progress,
    blocks: &'a Pool<Box<Block>>,
    /// Pieces that were taken to look at them.
    looked_at: VecDeque<Piece>,
}

impl Pieces<'_> {
    fn next(&mut self) -> Result<Option<(Piece, Option<f64>)>, ScoreError> {
        let piece = match self.looked_at.pop_front() {
            None => self.read()?,
            piece => piece,
        };
        Ok(piece.map(|piece| (piece, self.progress.fraction())))
    }

    fn read(&mut self) -> Result<Option<Piece>, ScoreError> {
        if self.rest.is_none() {
            let mut block = self.blocks.take();
            if !self.lines.take(&mut block.text) {
                let failure = self.lines.failure();
                let failed = |error| unreadable(self.path, self.before + 1, error).into();
                return failure.map_or(Ok(None), |error| Err(failed(error)));
            }
            let text = block.text.bytes();
            block.quoted = memchr::memchr(b'"', text).is_some();
            if !block.quoted || block.stops.find(text) {
                block.before = self.before;
                self.before += memchr::memchr_iter(b'\n', text).count() as u64;
                return Ok(Some(Piece::Lines(block)));
            }
            let rest: Box<dyn Read + Send> =
                Box::new(Cursor::new(text.to_vec()).chain(self.lines.rest()));
            self.rest = Some(CsvRows::behind(self.before, rest, self.path));
        }
        let Some(rest) = &mut self.rest else { return Ok(None) };
        let rows = read_rows(rest, PIECE_ROWS)?;
        Ok((!rows.is_empty()).then_some(Piece::Rows(self.before, rows)))
    }

    /// The first rows, which stay to be scored.
    fn first_rows(&mut self) -> Result<Vec<ByteRecord>, ScoreError> {
        let mut rows = Vec::new();
        while rows.len() < PIECE_ROWS
            && let Some(piece) = self.read()?
        {
            match &piece {
                Piece::Lines(block) => {
                    let mut lines = CsvRows::new(block.text.bytes(), self.path);
                    rows.extend(read_rows(&mut lines, PIECE_ROWS - rows.len())?);
                }
                Piece::Rows(_, more) => {
                    rows.extend(more.iter().take(PIECE_ROWS - rows.len()).cloned());
                }
            }
            self.looked_at.push_back(piece);
        }
        Ok(rows)
    }
}

/// Reads so many rows, or what there is.
fn read_rows<R: Read>(
    lines: &mut CsvRows<R>,
    count_max: usize,
) -> Result<Vec<ByteRecord>, TableError> {
    let (mut rows, mut row) = (Vec::new(), ByteRecord::new());
    while rows.len() < count_max && lines.read(&mut row)? {
        rows.push(row.clone());
    }
    Ok(rows)
}

/// Reads the header, and sets up reading what follows.
fn opened<'a>(
    input: Input,
    path: &'a Arc<Path>,
    blocks: &'a Pool<Box<Block>>,
) -> Result<(ByteRecord, Pieces<'a>), TableError> {
    let progress = input.progress();
    let (mut lines, mut first) = (WholeLines::new(input.into_text()), Text::default());
    lines.take(&mut first);
    lines.put_back(&first);
    let is_plain = |line: &[u8]| !line.contains(&b'"') || Stops::default().find(line);
    let (mut header, mut rest, mut before) = (ByteRecord::new(), None, 0);
    let found = if let Some((line, at)) = lines.first_line(is_plain) {
        before = at;
        CsvRows::new(line.as_slice(), path).read(&mut header)?
    } else {
        let mut rows = CsvRows::new(lines.rest(), path);
        let found = rows.read(&mut header)?;
        rest = Some(rows);
        found
    };
    if !found {
        return Err(TableError::Empty { path: path.to_path_buf() });
    }
    let looked_at = VecDeque::new();
    Ok((header, Pieces { path, lines, before, rest, progress, blocks, looked_at }))
}

pub(super) fn run(
    job: &Job<'_>,
    input: Input,
    notes: Option<(&str, &Stated)>,
    watch: &mut dyn FnMut(Event<'_>),
) -> Result<Summary, ScoreError> {
    let path = Arc::clone(input.path());
    let (blocks, outputs) = (Pool(Mutex::default()), Pool(Mutex::default()));
    let (header, mut pieces) = opened(input, &path, &blocks)?;
    let columns = Columns::of_csv(&header, job.models.features(), job.models.outputs());
    let columns = columns.map_err(|error| job.header(error))?;
    watch(Event::Columns(&columns.taken()));
    let (form, target) = if let Some(notes) = notes {
        let schema = schema(job, &columns, &pieces.first_rows()?);
        let target = Target::Parquet(Box::new(noted(job, &schema, notes)?));
        (Form::Record(schema), target)
    } else {
        let mut line = csv::Writer::from_writer(Vec::new());
        line.write_byte_record(&columns.header(&header)).expect(IN_MEMORY);
        let line = line.into_inner().expect(IN_MEMORY);
        (Form::Text, Target::Text(Writer::create_text(job.output, line)?))
    };
    let scorer = Scorer {
        rows: RowScorer { job, path: &path, columns: &columns, form },
        blocks: &blocks,
        outputs: &outputs,
    };
    let mut tally = Tally::new(job, watch);
    let free = |lines| outputs.give_back(lines);
    let score = |piece| scorer.score(piece);
    target.write(job.thread_count, || pieces.next(), score, &mut tally, free)?;
    Ok(tally.summary)
}

struct Scorer<'a> {
    rows: RowScorer<'a>,
    blocks: &'a Pool<Box<Block>>,
    outputs: &'a Pool<Vec<u8>>,
}

impl Scorer<'_> {
    fn score(&self, (piece, share): (Piece, Option<f64>)) -> Result<Part, ScoreError> {
        match piece {
            Piece::Rows(before, rows) => {
                let (body, bad) = self.rows.score(before, &rows);
                Ok(Part { body, row_count: rows.len(), bad, share })
            }
            Piece::Lines(mut block) => {
                let part = match self.plain(&mut block) {
                    Some((body, row_count)) => Part { body, row_count, bad: Vec::new(), share },
                    None => {
                        let mut lines = CsvRows::new(block.text.bytes(), self.rows.path);
                        let rows = read_rows(&mut lines, usize::MAX)?;
                        let (body, bad) = self.rows.score(block.before, &rows);
                        Part { body, row_count: rows.len(), bad, share }
                    }
                };
                self.blocks.give_back(block);
                Ok(part)
            }
        }
    }

    /// Scores a block of plain rows that can all be scored.
    fn plain(&self, block: &mut Block) -> Option<(Body, usize)> {
        let Block { text, stops, quoted, .. } = block;
        let found = *quoted || (text.without_returns() && stops.find(text.bytes()));
        if !found {
            return None;
        }
        let (columns, models) = (self.rows.columns, self.rows.job.models);
        let rows = PlainRows::of(text.bytes(), stops, columns.names().len())?;
        let body = match &self.rows.form {
            Form::Text => {
                let mut lines = self.outputs.take();
                lines.clear();
                to_lines(&rows, columns, models, &mut lines)?;
                Body::Text(lines)
            }
            Form::Record(schema) => Body::Record(to_record(&rows, columns, models, schema)?),
        };
        Some((body, rows.len()))
    }
}
