//! From the rows of tables to the rows that are learnt from: each joined with the target `horizon`
//! windows later, and with what a baseline would say.

use super::mark;
use super::scratch::{Example, Scratch};
use super::seen::Seen;
use super::{Settings, TrainError};
use crate::calendar::{Session, Sessions};
use crate::table::{Chunk, Reader, Stored, TableError, Want};
use crate::target::{Target, Trail};
use std::collections::{HashMap, VecDeque};
use std::sync::mpsc;
use std::thread;

/// Where the columns stand in a chunk, before features and target.
const SYMBOL: usize = 0;
const START: usize = 1;
const END: usize = 2;
const FIRST: usize = 3;

/// What was found in the tables, besides the rows.
#[derive(Clone, Debug)]
pub(super) struct Loaded {
    /// Rows read from the tables, without those held out.
    pub(super) read: u64,
    /// Rows to learn from.
    pub(super) used: u64,
    /// Rows dropped, for a number that is missing or not finite.
    pub(super) not_finite: u64,
    /// Rows dropped, for a session that ends before their target.
    pub(super) no_target: u64,
    /// Rows whose target's window starts before their own ends.
    pub(super) overlapping: u64,
    /// Rows held out.
    pub(super) held_out: u64,
    /// Every symbol's name.
    pub(super) symbols: Vec<String>,
    /// Of each feature and, last, the target.
    pub(super) seen: Vec<Seen>,
    /// Whether starts never go back, over all symbols.
    pub(super) in_order: bool,
    /// The first and last start of all rows.
    pub(super) starts_ns: (i64, i64),
}

/// What waits for its target.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    start_ns: i64,
    end_ns: i64,
    last: f64,
    rolling: f64,
    finite: bool,
}

/// One symbol, as far as it was read.
#[derive(Debug, Default)]
struct Track {
    session: Session,
    trail: Trail,
    recent: Recent,
    waiting: VecDeque<Waiting>,
    /// The features of those that wait, as a ring.
    x: Vec<f64>,
    /// The place in the ring of the next one.
    next: usize,
}

/// The last values of the target, as a ring.
#[derive(Debug, Default)]
struct Recent {
    values: Vec<f64>,
    next: usize,
    sum: f64,
    last: Option<f64>,
}

impl Recent {
    fn last(&self) -> f64 {
        self.last.unwrap_or(f64::NAN)
    }

    fn mean(&self) -> f64 {
        self.sum / self.values.len() as f64
    }

    fn add(&mut self, y: f64, most: usize) {
        if !y.is_finite() {
            return;
        }
        self.last = Some(y);
        if self.values.len() < most {
            self.values.push(y);
            self.sum += y;
            return;
        }
        self.sum += y - self.values[self.next];
        self.values[self.next] = y;
        self.next += 1;
        if self.next == most {
            // Summed anew once a round: a running sum would drift.
            self.next = 0;
            self.sum = self.values.iter().sum();
        }
    }
}

/// Reads tables into the scratch.
pub(super) struct Loader<'a> {
    settings: &'a Settings,
    sessions: Sessions,
    scratch: &'a mut Scratch,
    loaded: Loaded,
    ids: HashMap<String, u32>,
    last_symbol: u32,
    /// The symbol that came after each one.
    followers: Vec<u32>,
    tracks: Vec<Track>,
    held_out: bool,
    latest_ns: i64,
    x: Vec<f64>,
}

impl<'a> Loader<'a> {
    pub(super) fn new(
        settings: &'a Settings,
        sessions: Sessions,
        scratch: &'a mut Scratch,
    ) -> Loader<'a> {
        let width = settings.features.len();
        let loaded = Loaded {
            read: 0,
            used: 0,
            not_finite: 0,
            no_target: 0,
            overlapping: 0,
            held_out: 0,
            symbols: Vec::new(),
            seen: vec![Seen::NOTHING; width + 1],
            in_order: true,
            starts_ns: (i64::MAX, i64::MIN),
        };
        Loader {
            settings,
            sessions,
            scratch,
            loaded,
            ids: HashMap::new(),
            last_symbol: 0,
            followers: Vec::new(),
            tracks: Vec::new(),
            held_out: false,
            latest_ns: i64::MIN,
            x: vec![0.0; width],
        }
    }

    /// Reads the tables one after another; `progress` gets the number of rows so far.
    pub(super) fn read(
        &mut self,
        tables: &[Stored],
        held_out: bool,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), TrainError> {
        self.held_out = held_out;
        self.tracks.clear();
        self.tracks.resize_with(self.loaded.symbols.len(), Track::default);
        self.latest_ns = i64::MIN;
        let mut rows = 0;
        for table in tables {
            self.table(table, &mut |more| {
                rows += more;
                progress(rows);
            })?;
        }
        let unmet: usize = self.tracks.iter().map(|track| track.waiting.len()).sum();
        if !held_out {
            self.loaded.no_target += unmet as u64;
        }
        Ok(())
    }

    /// The result of everything that was read.
    pub(super) fn finish(mut self) -> Result<Loaded, TrainError> {
        self.pass_on()?;
        Ok(self.loaded)
    }

    /// Other threads parse while this one joins.
    fn table(&mut self, table: &Stored, progress: &mut dyn FnMut(u64)) -> Result<(), TrainError> {
        let mut wanted =
            vec![Want::text("symbol"), Want::integer("start_ns"), Want::integer("end_ns")];
        wanted.extend(self.settings.features.iter().map(|name| Want::float(name)));
        // A column that is feature and target is read once.
        let target = self.settings.target.column();
        if !self.settings.features.iter().any(|name| name == target) {
            wanted.push(Want::float(target));
        }
        let mut reader = Reader::of(table, &wanted)?;
        if reader.parses_ahead() {
            while let Some(chunk) = reader.next_chunk()? {
                self.chunk(&chunk)?;
                progress(chunk.len() as u64);
            }
            return Ok(());
        }
        thread::scope(|scope| {
            let (send, receive) = mpsc::sync_channel(2);
            scope.spawn(move || {
                loop {
                    let chunk = reader.next_chunk().transpose();
                    let go_on = matches!(chunk, Some(Ok(_)));
                    let Some(chunk) = chunk else { return };
                    if send.send(chunk).is_err() || !go_on {
                        return;
                    }
                }
            });
            for chunk in receive {
                let chunk: Result<Chunk, TableError> = chunk;
                let chunk = chunk?;
                self.chunk(&chunk)?;
                progress(chunk.len() as u64);
            }
            Ok(())
        })
    }

    fn chunk(&mut self, chunk: &Chunk) -> Result<(), TrainError> {
        let (symbols, starts, ends) =
            (chunk.texts(SYMBOL), chunk.integers(START), chunk.integers(END));
        let width = self.settings.features.len();
        let columns: Vec<&[f64]> = (0..width).map(|j| chunk.floats(FIRST + j)).collect();
        let target = self.settings.target.column();
        let target = self.settings.features.iter().position(|name| name == target);
        let targets = chunk.floats(FIRST + target.unwrap_or(width));
        for row in 0..chunk.len() {
            let name = symbols.value(row);
            let symbol = self.symbol(name);
            let (start, end) = (starts[row], ends[row]);
            if end < start {
                return Err(TrainError::Window { place: chunk.place(row), start, end });
            }
            let window = self.tracks[symbol as usize].session.window();
            if let Some((before, _)) = window.filter(|window| start < window.0) {
                let (place, symbol) = (chunk.place(row), name.to_owned());
                return Err(TrainError::Backwards { place, symbol, before, found: start });
            }
            self.x.iter_mut().zip(&columns).for_each(|(x, column)| *x = column[row]);
            if self.settings.strict {
                self.check(chunk, row, targets[row])?;
            }
            self.row(symbol, (start, end), targets[row])?;
        }
        Ok(())
    }

    /// The number of a symbol. Symbols mostly take turns: the one that followed the last one before
    /// is tried first, and the last one itself.
    fn symbol(&mut self, name: &str) -> u32 {
        let is = |id: u32| self.loaded.symbols.get(id as usize).is_some_and(|known| known == name);
        let last = self.last_symbol;
        let next = self.followers.get(last as usize).copied().unwrap_or(last);
        let id = if is(next) {
            next
        } else if is(last) {
            last
        } else if let Some(&id) = self.ids.get(name) {
            id
        } else {
            self.new_symbol(name)
        };
        if let Some(follower) = self.followers.get_mut(last as usize) {
            *follower = id;
        }
        self.last_symbol = id;
        id
    }

    /// Symbols so far.
    pub(super) fn symbol_count(&self) -> usize {
        self.loaded.symbols.len()
    }

    fn new_symbol(&mut self, name: &str) -> u32 {
        // A table of more symbols than that does not fit any disk.
        let id = u32::try_from(self.tracks.len()).unwrap_or(u32::MAX);
        self.ids.insert(name.to_owned(), id);
        self.loaded.symbols.push(name.to_owned());
        self.tracks.push(Track::default());
        self.followers.push(id);
        id
    }

    fn check(&self, chunk: &Chunk, row: usize, y: f64) -> Result<(), TrainError> {
        let names = self.settings.features.iter().map(String::as_str);
        let names = names.chain([self.settings.target.column()]);
        match self.x.iter().chain([&y]).zip(names).find(|(value, _)| !value.is_finite()) {
            None => Ok(()),
            Some((&value, name)) => {
                let (place, name) = (chunk.place(row), name.to_owned());
                Err(TrainError::NotFinite { place, name, value })
            }
        }
    }

    /// Takes one window of a symbol.
    fn row(&mut self, symbol: u32, window: (i64, i64), y: f64) -> Result<(), TrainError> {
        let horizon = self.settings.horizon;
        let finite = self.x.iter().all(|x| x.is_finite());
        self.loaded.read += u64::from(!self.held_out);
        let track = &mut self.tracks[symbol as usize];
        let goes_on = self.sessions.take(&mut track.session, window);
        if horizon == 0 {
            let (last, rolling) = (track.recent.last(), track.recent.mean());
            track.recent.add(y, self.settings.rolling);
            let (start_ns, end_ns) = window;
            let waiting = Waiting { start_ns, end_ns, last, rolling, finite };
            return self.emit(symbol, &waiting, end_ns, y);
        }
        if !goes_on {
            if !self.held_out {
                self.loaded.no_target += track.waiting.len() as u64;
            }
            track.waiting.clear();
        }
        let y = match self.settings.target {
            Target::Column(_) => y,
            // NB: of a return, what is known at a window is what its own outcome was.
            Target::Return(windows) => track.trail.next(goes_on, y, windows),
        };
        track.recent.add(y, self.settings.rolling);
        let width = self.x.len();
        track.x.resize(horizon * width, 0.0);
        // The ring's next place is that of the row whose target has come.
        let place = track.next * width..(track.next + 1) * width;
        let (last, rolling) = (track.recent.last(), track.recent.mean());
        let (start_ns, end_ns) = window;
        track.waiting.push_back(Waiting { start_ns, end_ns, last, rolling, finite });
        let met = if track.waiting.len() > horizon { track.waiting.pop_front() } else { None };
        track.next = (track.next + 1) % horizon;
        self.x.swap_with_slice(&mut track.x[place]);
        match met {
            Some(row) => {
                // A return starts at the input's last price, however long windows are.
                let overlaps = start_ns < row.end_ns && self.settings.target.horizon().is_none();
                self.loaded.overlapping += u64::from(!self.held_out && overlaps);
                self.emit(symbol, &row, end_ns, y)
            }
            None => Ok(()),
        }
    }

    /// Writes a row whose features are in `self.x`, now that its target is known.
    fn emit(&mut self, symbol: u32, row: &Waiting, end_ns: i64, y: f64) -> Result<(), TrainError> {
        let held_out = self.held_out;
        if !row.finite || !y.is_finite() {
            self.loaded.not_finite += u64::from(!held_out);
            return Ok(());
        }
        if held_out {
            self.loaded.held_out += 1;
        } else {
            self.loaded.used += 1;
        }
        self.loaded.in_order &= row.start_ns >= self.latest_ns;
        self.latest_ns = row.start_ns;
        let (first, last) = self.loaded.starts_ns;
        self.loaded.starts_ns = (first.min(row.start_ns), last.max(row.start_ns));
        let embargo_ns = row.end_ns.saturating_sub(row.start_ns);
        let embargo_ns = embargo_ns.saturating_mul(self.settings.horizon as i64);
        let is_full = self.scratch.push(&Example {
            x: &self.x,
            y,
            last: row.last,
            rolling: row.rolling,
            mark: mark::new(symbol, held_out),
            start_ns: row.start_ns,
            purge_ns: end_ns.saturating_add(embargo_ns),
        });
        if is_full { self.pass_on() } else { Ok(()) }
    }

    /// Looks over the tile that was filled, and writes it.
    fn pass_on(&mut self) -> Result<(), TrainError> {
        // Rows held out come last of all.
        let rows = self.scratch.filled().end.min(self.loaded.used as usize);
        let rows = rows.saturating_sub(self.scratch.filled().start);
        for (feature, seen) in self.loaded.seen.iter_mut().enumerate() {
            seen.add(&self.scratch.filling(feature)[..rows]);
        }
        self.scratch.flush()
    }
}
