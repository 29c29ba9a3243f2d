//! [`Blocks`]: plain text, parsed block by block on all cores.
//!
//! A block is whole lines. Each thread takes the next one from the input, parses it, and hands it
//! over; rows come out in the order of the file and with its line numbers, whatever the number of
//! threads. A field may stand in quotes; from the first block on with more than that (quotes inside
//! of quotes, lines that go on inside of them, or that end with a carriage return) what is left is
//! for the csv crate: only it knows what they mean.

use super::chunk::{At, Chunk, Place, RowNumbers, Type, record};
use super::error::TableError;
use super::input::unreadable;
use super::stops::Stops;
use super::text_piece::Piece;
use super::whole_lines::{Text, WholeLines};
use arrow_schema::SchemaRef;
use crossbeam::channel::{Receiver, Sender, bounded, unbounded};
use std::collections::{BTreeMap, VecDeque};
use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// Blocks a thread that are parsed or wait for those before them.
const BLOCKS_A_THREAD: usize = 3;

/// What is left of a text.
pub(super) struct Blocks {
    path: Arc<Path>,
    source: Arc<Mutex<Source>>,
    /// None before the first chunk and behind the last one.
    workers: Option<Workers>,
    /// Lines handed over so far.
    lines: u64,
    ready: VecDeque<Chunk>,
}

/// What a call for a chunk gives.
pub(super) enum Next {
    /// Rows, or the end.
    Chunk(Option<Chunk>),
    /// The rest of the text is not plain; so many lines came before it.
    Rest(Box<dyn Read + Send>, u64),
}

/// The text that was not taken yet.
struct Source {
    lines: WholeLines,
    /// Blocks taken so far.
    blocks: u64,
}

/// A block that was parsed, and its number.
struct Done {
    number: u64,
    text: Text,
    piece: Piece,
}

/// The threads, and the blocks that came out of turn.
struct Workers {
    threads: Vec<JoinHandle<()>>,
    /// Room for the next blocks: without any, the threads wait; without the sender, they end.
    free: Sender<Text>,
    done: Receiver<Done>,
    waiting: BTreeMap<u64, Done>,
    next: u64,
}

impl Source {
    /// Takes the next block and says its number; `None` when no whole line is left.
    fn take(&mut self, text: &mut Text) -> Option<u64> {
        let taken = self.lines.take(text);
        self.blocks += 1;
        taken.then_some(self.blocks - 1)
    }

    /// Takes the first line that is not blank, and says how many lines there are up to it.
    fn header(&mut self) -> Option<(Vec<Vec<u8>>, u64)> {
        let (line, lines) = self.lines.first_line(|line| Stops::default().find(line))?;
        let mut stops = Stops::default();
        stops.find(&line);
        let name = |field| {
            let (from, to) = stops.field(&line, field);
            line[from..to].to_vec()
        };
        let names = stops.lines().flat_map(|(first, behind)| first..behind).map(name).collect();
        Some((names, lines))
    }
}

impl Workers {
    fn start(source: &Arc<Mutex<Source>>, fields: usize, columns: &[(usize, Type)]) -> Workers {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let ended = locked(source, |source| source.lines.ended());
        let count = if ended { 1 } else { cores };
        let (free, rooms) = bounded(count * BLOCKS_A_THREAD);
        let (send, done) = unbounded();
        for _ in 0..count * BLOCKS_A_THREAD {
            // There is room for all of them, and both ends are here.
            let _ = free.send(Text::default());
        }
        let thread = |_| {
            let (source, columns) = (Arc::clone(source), columns.to_vec());
            let (rooms, send): (Receiver<Text>, Sender<Done>) = (rooms.clone(), send.clone());
            thread::spawn(move || {
                let mut stops = Stops::default();
                for mut text in rooms {
                    let number = locked(&source, |source| source.take(&mut text));
                    let Some(number) = number else { return };
                    let piece = Piece::parse(text.bytes(), &mut stops, fields, &columns);
                    if send.send(Done { number, text, piece }).is_err() {
                        return;
                    }
                }
            })
        };
        let threads = (0..count).map(thread).collect();
        Workers { threads, free, done, waiting: BTreeMap::new(), next: 0 }
    }

    /// The next block in turn; `None` behind the last one.
    fn next(&mut self) -> Option<Done> {
        // Bounded by the room for blocks.
        loop {
            if let Some(done) = self.waiting.remove(&self.next) {
                self.next += 1;
                return Some(done);
            }
            let Ok(done) = self.done.recv() else {
                for thread in self.threads.drain(..) {
                    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                }
                return None;
            };
            self.waiting.insert(done.number, done);
        }
    }

    /// Ends the threads; what they took from the source is put behind the block given.
    fn stop(mut self, first: Done) -> Vec<u8> {
        let mut text = first.text.bytes().to_vec();
        self.free = bounded(0).0;
        while let Some(done) = self.next() {
            text.extend_from_slice(done.text.bytes());
        }
        text
    }
}

fn locked<T>(source: &Mutex<Source>, work: impl FnOnce(&mut Source) -> T) -> T {
    // A thread that panics is found when it is joined.
    work(&mut source.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Blocks {
    /// Reads the first block.
    pub(super) fn new(input: Box<dyn Read + Send>, path: &Arc<Path>) -> Blocks {
        let mut lines = WholeLines::new(input);
        let mut text = Text::default();
        lines.take(&mut text);
        // Nothing is parsed yet.
        lines.put_back(&text);
        let source = Source { lines, blocks: 0 };
        Blocks {
            path: Arc::clone(path),
            source: Arc::new(Mutex::new(source)),
            workers: None,
            lines: 0,
            ready: VecDeque::new(),
        }
    }

    /// Takes the first line that is not blank; `None` when the text is not plain or has none.
    pub(super) fn header(&mut self) -> Option<Vec<Vec<u8>>> {
        let (names, lines) = locked(&self.source, Source::header)?;
        self.lines = lines;
        Some(names)
    }

    /// The text from where it is not parsed, and the number of lines before.
    pub(super) fn rest(&mut self) -> (Box<dyn Read + Send>, u64) {
        (locked(&self.source, |source| source.lines.rest()), self.lines)
    }

    /// Reads the next chunk of the given columns of rows of `names`.
    pub(super) fn next(
        &mut self,
        names: &[String],
        columns: &[(usize, Type)],
        schema: &SchemaRef,
    ) -> Result<Next, TableError> {
        // Bounded by the input: every turn takes a block of it.
        loop {
            if let Some(chunk) = self.ready.pop_front() {
                return Ok(Next::Chunk(Some(chunk)));
            }
            let start = || Workers::start(&self.source, names.len(), columns);
            let mut workers = self.workers.take().unwrap_or_else(start);
            let Some(done) = workers.next() else {
                self.workers = Some(workers);
                return match locked(&self.source, |source| source.lines.failure()) {
                    Some(error) => Err(unreadable(&self.path, self.lines + 1, error)),
                    None => Ok(Next::Chunk(None)),
                };
            };
            if done.piece.odd {
                let text = Cursor::new(workers.stop(done));
                let (rest, lines) = self.rest();
                return Ok(Next::Rest(Box::new(text.chain(rest)), lines));
            }
            // Nobody takes it when the input has ended.
            let _ = workers.free.send(done.text);
            self.workers = Some(workers);
            self.take(done.piece, names, schema)?;
        }
    }

    fn take(
        &mut self,
        piece: Piece,
        names: &[String],
        schema: &SchemaRef,
    ) -> Result<(), TableError> {
        for (arrays, mut lines) in piece.chunks {
            lines.iter_mut().for_each(|line| *line += self.lines);
            let record = record(schema, arrays, lines.len());
            let rows = RowNumbers::Lines(lines);
            self.ready.push_back(Chunk { record, path: Arc::clone(&self.path), rows });
        }
        if let Some((line, fault)) = piece.fault {
            let at = At::Line(self.lines + line);
            let place = Place { path: Arc::clone(&self.path), at };
            return Err(fault.error(place, names));
        }
        self.lines += piece.lines;
        Ok(())
    }
}
