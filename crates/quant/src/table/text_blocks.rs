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
use arrow_schema::SchemaRef;
use crossbeam::channel::{Receiver, Sender, bounded, unbounded};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// Bytes of a block, but for longer lines.
// 256 KiB: with where its fields end and the columns, half of a second-level cache; and fifty times
// what handing it over costs.
const BLOCK_LEN: usize = 256 << 10;

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
    input: Option<Box<dyn Read + Send>>,
    /// What was read of it: behind the last line taken.
    open: Vec<u8>,
    failed: Option<io::Error>,
    /// Blocks taken so far.
    blocks: u64,
}

/// Room for text, and how many bytes of it are used.
#[derive(Default)]
struct Text {
    room: Vec<u8>,
    len: usize,
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
        text.len = 0;
        text.add(&self.open);
        self.open.clear();
        let mut wanted = BLOCK_LEN;
        while let Some(input) = &mut self.input {
            if text.len >= wanted {
                if memchr::memrchr(b'\n', text.bytes()).is_some() {
                    break;
                }
                wanted *= 2;
            }
            match input.read(text.room_for(wanted)) {
                Ok(0) => {
                    self.input = None;
                    if text.bytes().last().is_some_and(|&last| last != b'\n') {
                        text.add(b"\n");
                    }
                }
                Ok(more) => text.len += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failed = Some(error);
                    self.input = None;
                }
            }
        }
        let end = memchr::memrchr(b'\n', text.bytes()).map_or(0, |last| last + 1);
        self.open.extend_from_slice(&text.bytes()[end..]);
        text.len = end;
        self.blocks += 1;
        (end > 0).then_some(self.blocks - 1)
    }

    /// Takes the first line that is not blank, and says how many lines there are up to it.
    fn header(&mut self) -> Option<(Vec<Vec<u8>>, u64)> {
        let text = &self.open;
        let blank = text.iter().take_while(|&&byte| byte == b'\n').count();
        let end = blank + memchr::memchr(b'\n', &text[blank..])? + 1;
        let line = &text[blank..end];
        let mut stops = Stops::default();
        if !stops.find(line) {
            return None;
        }
        let name = |field| {
            let (from, to) = stops.field(line, field);
            line[from..to].to_vec()
        };
        let names = stops.lines().flat_map(|(first, behind)| first..behind).map(name).collect();
        self.open.drain(..end);
        Some((names, blank as u64 + 1))
    }

    /// Everything that was not taken.
    fn rest(&mut self) -> Box<dyn Read + Send> {
        let open = Cursor::new(std::mem::take(&mut self.open));
        let failed = Failed(self.failed.take());
        let input = self.input.take().unwrap_or_else(|| Box::new(io::empty()));
        Box::new(open.chain(failed).chain(input))
    }
}

impl Text {
    fn bytes(&self) -> &[u8] {
        &self.room[..self.len]
    }

    /// What may be read into, up to this many bytes of text.
    fn room_for(&mut self, len: usize) -> &mut [u8] {
        if self.room.len() < len {
            self.room.resize(len, 0);
        }
        &mut self.room[self.len..len]
    }

    fn add(&mut self, bytes: &[u8]) {
        let len = self.len + bytes.len();
        self.room_for(len).copy_from_slice(bytes);
        self.len = len;
    }
}

impl Workers {
    fn start(source: &Arc<Mutex<Source>>, fields: usize, columns: &[(usize, Type)]) -> Workers {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let ended = locked(source, |source| source.input.is_none());
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
        let mut source = Source { input: Some(input), open: Vec::new(), failed: None, blocks: 0 };
        let mut text = Text::default();
        source.take(&mut text);
        // Nothing is parsed yet.
        source.open.splice(0..0, text.bytes().iter().copied());
        source.blocks = 0;
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
        (locked(&self.source, Source::rest), self.lines)
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
                return match locked(&self.source, |source| source.failed.take()) {
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

/// An error in the place of the bytes that could not be read.
struct Failed(Option<io::Error>);

impl Read for Failed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}
