//! `factord predict --csv`: reads rows, scores them in chunks through the ring, writes them.
//!
//! Memory does not grow with the file: one chunk is held at a time. A file that could not be
//! scored to its end is never left under the name that was asked for.

use super::csv_targets::{CHUNK_ROWS, Targets};
use super::{Failure, made, say, score};
use crate::exit::Code;
use csv::{ByteRecord, Writer};
use factord_factors::Stated;
use factord_quant::score::{Columns, Made, Record, RowError, ScoreError, Summary};
use factord_quant::stated;
use factord_quant::table::{At, CsvRows, Format, Input, Output, Place};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fs;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One file to score.
pub(super) struct CsvJob<'a> {
    pub(super) socket: Option<PathBuf>,
    /// The model; the usual two when none is named.
    pub(super) model: Option<&'a str>,
    pub(super) input: &'a Path,
    pub(super) output: &'a Path,
    pub(super) keep_going: bool,
    pub(super) deadline: Duration,
    pub(super) json: bool,
}

/// Scores the file.
pub(super) fn run(job: &CsvJob<'_>) -> Result<(), Failure> {
    let (input, progress) = open(job.input)?;
    let mut reader = CsvRows::new(input, job.input);
    let mut header = ByteRecord::new();
    if !reader.read(&mut header)? {
        let message = format!("{}: the file is empty, not even a header", job.input.display());
        return Err(Failure::new(Code::Data, message));
    }
    let targets = Targets::attach(job.socket.as_deref(), job.model)?;
    let columns = Columns::of_csv(&header, targets.features(), &targets.outputs());
    let columns = columns.map_err(|error| {
        let message = error.at(&place(job.input, &header));
        Failure::new(Code::Data, format!("{message} (for {})", targets.names()))
    })?;
    let stated = require(job, &targets)?;
    let mut scorer = Scorer::new(job, targets, columns)?;
    let mut output = Output::create(job.output)?;
    let written = scorer.stream(&mut reader, &header, &mut output);
    progress.finish_and_clear();
    written?;
    output.finish()?;
    let models = scorer.models();
    Record::new(models.clone()).save(job.output)?;
    stated::save(&stated, job.output)?;
    made::say(job.output, &models);
    say(scorer.columns.taken());
    scorer.report()
}

/// Where a row starts.
fn place(path: &Path, row: &ByteRecord) -> Place {
    Place { path: path.into(), at: At::Line(row.position().map_or(1, csv::Position::line)) }
}

/// Opens the input; the bar counts its bytes, and shows only on a terminal.
fn open(path: &Path) -> Result<(impl Read + use<>, ProgressBar), Failure> {
    let input = Input::open(path)?;
    if input.format() != Format::Csv {
        let message = format!("{input}: rows are read from text here: factord score reads tables");
        return Err(Failure::new(Code::Data, message));
    }
    say(&input);
    // Of a packed file, nobody knows how long its text is.
    let plain = input.content().packings.is_empty();
    let len = fs::metadata(path).ok().filter(|_| plain).map_or(0, |metadata| metadata.len());
    let progress = if !io::stderr().is_terminal() {
        ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden())
    } else if len == 0 {
        ProgressBar::new_spinner()
    } else {
        let style = ProgressStyle::with_template("{wide_bar} {percent:>3} %  {eta} left");
        ProgressBar::new(len).with_style(style.expect("the template is a constant that parses"))
    };
    Ok((progress.wrap_read(input.into_text()), progress))
}

/// What the file states of its windows, which must be what the models were trained on. A daemon
/// that does not hand over its artifacts says nothing of them.
fn require(job: &CsvJob<'_>, targets: &Targets) -> Result<Stated, Failure> {
    let stated = stated::of(job.input).unwrap_or_else(|reason| {
        say(format_args!("{reason}: it is ignored"));
        Stated::default()
    });
    if !stated.is_empty() {
        targets.require(&stated).map_err(|(model, mismatch)| {
            let path = job.input.to_owned();
            ScoreError::Settings { path, model, mismatch }
        })?;
    }
    Ok(stated)
}

/// The state of one run.
struct Scorer<'a> {
    job: &'a CsvJob<'a>,
    targets: Targets,
    /// The models as they were at the start.
    made: Vec<Made>,
    columns: Columns,
    rows: Vec<ByteRecord>,
    /// Where each row's features are in `features`; `None` for a row that cannot be read.
    places: Vec<Option<usize>>,
    features: Vec<f64>,
    row_count: u64,
    bad_count: u64,
}

impl<'a> Scorer<'a> {
    fn new(job: &'a CsvJob<'a>, targets: Targets, columns: Columns) -> Result<Self, Failure> {
        let made = targets.made()?;
        let width = targets.features().len();
        Ok(Scorer {
            job,
            targets,
            made,
            columns,
            rows: vec![ByteRecord::new(); CHUNK_ROWS],
            places: Vec::with_capacity(CHUNK_ROWS),
            features: Vec::with_capacity(width * CHUNK_ROWS),
            row_count: 0,
            bad_count: 0,
        })
    }

    /// The models that answered: those of the start, and those that a reload brought meanwhile.
    fn models(&self) -> Vec<Made> {
        let mut models = self.made.clone();
        let known = |made: &Made| self.made.iter().any(|old| old.sha256 == made.sha256);
        let now = self.targets.made().unwrap_or_default();
        models.extend(now.into_iter().filter(|made| !known(made)));
        models
    }

    fn stream<R: Read>(
        &mut self,
        reader: &mut CsvRows<R>,
        header: &ByteRecord,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let mut writer = Writer::from_writer(output);
        self.write(&mut writer, &self.columns.header(header))?;
        loop {
            let count = self.read_chunk(reader)?;
            self.targets.score(&self.features, self.job.deadline)?;
            self.write_chunk(&mut writer, count)?;
            if count < CHUNK_ROWS {
                return writer.flush().map_err(|error| Failure::writing(self.job.output, &error));
            }
        }
    }

    /// Reads up to a chunk of rows and collects the features of those that can be read.
    fn read_chunk<R: Read>(&mut self, reader: &mut CsvRows<R>) -> Result<usize, Failure> {
        self.places.clear();
        self.features.clear();
        let mut x = vec![0.0; self.targets.features().len()];
        let mut count = 0;
        while count < CHUNK_ROWS && reader.read(&mut self.rows[count])? {
            let read = self.columns.read(&self.rows[count], |feature, value| x[feature] = value);
            match read {
                Ok(()) => {
                    self.places.push(Some(self.features.len() / x.len()));
                    self.features.extend_from_slice(&x);
                }
                Err(error) => {
                    self.places.push(None);
                    self.bad_row(count, &error)?;
                }
            }
            count += 1;
        }
        self.row_count += count as u64;
        Ok(count)
    }

    fn write_chunk<W: Write>(
        &mut self,
        writer: &mut Writer<W>,
        count: usize,
    ) -> Result<(), Failure> {
        for index in 0..count {
            let outputs = match self.places[index] {
                None => None,
                Some(place) => self.targets.outputs_of(place)?,
            };
            if outputs.is_none() && self.places[index].is_some() {
                self.bad_row(index, &RowError::NotPredictable)?;
            }
            let row = self.columns.row(&self.rows[index], outputs.as_deref());
            self.write(writer, &row)?;
        }
        Ok(())
    }

    /// Counts and reports a bad row, or ends the run with it.
    fn bad_row(&mut self, index: usize, error: &RowError) -> Result<(), Failure> {
        let message = error.at(&place(self.job.input, &self.rows[index]));
        if !self.job.keep_going {
            return Err(Failure::new(Code::Data, message));
        }
        self.bad_count += 1;
        // With stderr closed there is no one left to tell; the count still says so.
        say(message);
        Ok(())
    }

    fn write<W: Write>(&self, writer: &mut Writer<W>, record: &ByteRecord) -> Result<(), Failure> {
        writer.write_byte_record(record).map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(error) => Failure::writing(self.job.output, &error),
            other => Failure::new(Code::Internal, format!("writing a row: {other:?}")),
        })
    }

    fn report(&self) -> Result<(), Failure> {
        let summary = Summary { row_count: self.row_count, bad_count: self.bad_count };
        score::report(summary, self.job.output, self.job.json)
    }
}
