//! `factord predict --csv`: reads rows, scores them in chunks through the ring, writes them.
//!
//! Memory does not grow with the file: one chunk is held at a time. A file that could not be
//! scored to its end is never left under the name that was asked for.

use super::model_row::served;
use super::{Failure, made, model, score};
use crate::exit::Code;
use csv::{ByteRecord, Writer};
use factord_core::channel;
use factord_core::client::{Answer, AttachOptions, Client, PredictError};
use factord_core::idle::IdleStrategy;
use factord_factors::{FEATURES, Stated};
use factord_quant::score::{Columns, Made, Record, RowError, ScoreError, Summary};
use factord_quant::stated;
use factord_quant::table::{At, CsvRows, LineEnds, Output, Place};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Rows scored at a time, and slots of the ring.
// 1,024: both rings then take 128 KiB, and a chunk of parsed rows stays in the second-level cache.
const CHUNK_ROWS: usize = 1024;
/// The columns written.
const OUTPUTS: [&str; 3] = ["regression", "probability", "class"];

/// One file to score.
pub(super) struct CsvJob<'a> {
    pub(super) socket: Option<PathBuf>,
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
    let names = |names: [&str; 3]| names.map(str::to_owned);
    let columns = Columns::of_csv(&header, &names(FEATURES), &names(OUTPUTS))
        .map_err(|error| Failure::new(Code::Data, error.at(&place(job.input, &header))))?;
    let client = Client::attach(&AttachOptions {
        socket: job.socket.clone(),
        name: "predict --csv".to_owned(),
        slot_count: CHUNK_ROWS,
        idle: IdleStrategy::Backoff,
        ..AttachOptions::default()
    })?;
    let stated = require(job)?;
    let mut scorer = Scorer::new(job, client, columns)?;
    let mut output = Output::create(job.output)?;
    let written = scorer.stream(&mut reader, &header, &mut output);
    progress.finish_and_clear();
    written?;
    output.finish()?;
    let models = scorer.models();
    Record::new(models.clone()).save(job.output)?;
    stated::save(&stated, job.output)?;
    made::say(job.output, &models);
    // With stderr closed there is no one left to tell.
    let _ = writeln!(io::stderr(), "factord: {}", scorer.columns.taken());
    scorer.report()
}

/// Where a row starts.
fn place(path: &Path, row: &ByteRecord) -> Place {
    Place { path: path.into(), at: At::Line(row.position().map_or(1, csv::Position::line)) }
}

/// Opens the input; the bar counts its bytes, and shows only on a terminal.
fn open(path: &Path) -> Result<(impl Read + use<>, ProgressBar), Failure> {
    let (input, len): (Box<dyn Read>, u64) = if path == Path::new("-") {
        (Box::new(io::stdin()), 0)
    } else {
        let unreadable = |error: io::Error| Failure::reading(path, &error);
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(unreadable(io::ErrorKind::IsADirectory.into()));
        }
        (Box::new(file), metadata.len())
    };
    let progress = if !io::stderr().is_terminal() {
        ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden())
    } else if len == 0 {
        ProgressBar::new_spinner()
    } else {
        let style = ProgressStyle::with_template("{wide_bar} {percent:>3} %  {eta} left");
        ProgressBar::new(len).with_style(style.expect("the template is a constant that parses"))
    };
    Ok((LineEnds::new(progress.wrap_read(input)), progress))
}

/// What the file states of its windows, which must be what both models were trained on. A daemon
/// that does not hand over its artifacts says nothing of them.
fn require(job: &CsvJob<'_>) -> Result<Stated, Failure> {
    let stated = stated::of(job.input).unwrap_or_else(|reason| {
        // With stderr closed there is no one left to tell.
        let _ = writeln!(io::stderr(), "factord: {reason}: it is ignored");
        Stated::default()
    });
    if stated.is_empty() {
        return Ok(stated);
    }
    let socket = channel::socket_path(job.socket.as_deref());
    for model in ["regression", "classification"] {
        let Ok((_, artifact)) = model::served(model, &socket) else { continue };
        artifact.settings().require(&stated).map_err(|mismatch| {
            let (path, model) = (job.input.to_owned(), model.to_owned());
            ScoreError::Settings { path, model, mismatch }
        })?;
    }
    Ok(stated)
}

/// What is recorded of both models.
fn made_now(client: &Client, job: &CsvJob<'_>) -> Result<Vec<Made>, Failure> {
    let socket = channel::socket_path(job.socket.as_deref());
    let [regression, probability, class] = OUTPUTS;
    let both = [("regression", vec![regression]), ("classification", vec![probability, class])];
    both.iter()
        .map(|(name, columns)| Ok(made::by_served(&served(client, name)?, columns, &socket)))
        .collect()
}

/// The state of one run.
struct Scorer<'a> {
    job: &'a CsvJob<'a>,
    client: Client,
    regression: u16,
    classification: u16,
    /// The models as they were at the start.
    made: Vec<Made>,
    columns: Columns,
    rows: Vec<ByteRecord>,
    /// Where each row's features are in `features`; `None` for a row that cannot be read.
    places: Vec<Option<usize>>,
    features: Vec<f64>,
    linear: Vec<Answer>,
    logistic: Vec<Answer>,
    row_count: u64,
    bad_count: u64,
}

impl<'a> Scorer<'a> {
    fn new(job: &'a CsvJob<'a>, client: Client, columns: Columns) -> Result<Self, Failure> {
        let mut ids = [0; 2];
        for (id, name) in ids.iter_mut().zip(["regression", "classification"]) {
            let row = served(&client, name)?;
            if row.width != 3 {
                let message = format!("{name} takes {} features: --csv needs 3", row.width);
                return Err(Failure::new(Code::Data, message));
            }
            *id = row.id;
        }
        let made = made_now(&client, job)?;
        Ok(Scorer {
            job,
            client,
            regression: ids[0],
            classification: ids[1],
            made,
            columns,
            rows: vec![ByteRecord::new(); CHUNK_ROWS],
            places: Vec::with_capacity(CHUNK_ROWS),
            features: Vec::with_capacity(3 * CHUNK_ROWS),
            linear: Vec::with_capacity(CHUNK_ROWS),
            logistic: Vec::with_capacity(CHUNK_ROWS),
            row_count: 0,
            bad_count: 0,
        })
    }

    /// The models that answered: those of the start, and those that a reload brought meanwhile.
    fn models(&self) -> Vec<Made> {
        let mut models = self.made.clone();
        let known = |made: &Made| self.made.iter().any(|old| old.sha256 == made.sha256);
        let now = made_now(&self.client, self.job).unwrap_or_default();
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
            self.score()?;
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
        let mut count = 0;
        while count < CHUNK_ROWS && reader.read(&mut self.rows[count])? {
            let mut x = [0.0; 3];
            let read = self.columns.read(&self.rows[count], |feature, value| x[feature] = value);
            match read {
                Ok(()) => {
                    self.places.push(Some(self.features.len() / 3));
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

    fn score(&mut self) -> Result<(), Failure> {
        let count = self.features.len() / 3;
        let targets =
            [(self.regression, &mut self.linear), (self.classification, &mut self.logistic)];
        for (id, answers) in targets {
            answers.clear();
            answers.resize(count, Err(PredictError::NotConnected));
            self.client.predict_batch(id, &self.features, answers, self.job.deadline)?;
        }
        Ok(())
    }

    fn write_chunk<W: Write>(
        &mut self,
        writer: &mut Writer<W>,
        count: usize,
    ) -> Result<(), Failure> {
        for index in 0..count {
            let outputs = match self.places[index] {
                None => None,
                Some(place) => self.outputs(index, place)?,
            };
            let row =
                self.columns.row(&self.rows[index], outputs.as_ref().map(<[String; 3]>::as_slice));
            self.write(writer, &row)?;
        }
        Ok(())
    }

    /// The three outputs of a scored row; `None` when the engine found its input bad.
    fn outputs(&mut self, index: usize, place: usize) -> Result<Option<[String; 3]>, Failure> {
        match (self.linear[place], self.logistic[place]) {
            (Ok(linear), Ok(logistic)) => {
                // `{:?}` is the shortest decimal that reads back as the same bits.
                let texts = [format!("{:?}", linear.y), format!("{:?}", logistic.y)];
                let [regression, probability] = texts;
                Ok(Some([regression, probability, logistic.second.to_string()]))
            }
            (Err(PredictError::BadInput), _) | (_, Err(PredictError::BadInput)) => {
                self.bad_row(index, &RowError::NotPredictable)?;
                Ok(None)
            }
            (Err(error), _) | (_, Err(error)) => Err(error.into()),
        }
    }

    /// Counts and reports a bad row, or ends the run with it.
    fn bad_row(&mut self, index: usize, error: &RowError) -> Result<(), Failure> {
        let message = error.at(&place(self.job.input, &self.rows[index]));
        if !self.job.keep_going {
            return Err(Failure::new(Code::Data, message));
        }
        self.bad_count += 1;
        // With stderr closed there is no one left to tell; the count still says so.
        let _ = writeln!(io::stderr(), "factord: {message}");
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
