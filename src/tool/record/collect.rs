//! What the recorder has read and not handed on: rows, and which answers they are.

use factord_core::client::{Published, Subscriber};
use factord_quant::audit::{FeedNote, LocalNote, Row, Rows};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Gaps of one worker in a file, after which the file is closed.
const GAP_COUNT_MAX: usize = 4096;
const DAY_NS: i64 = 86_400 * 1_000_000_000;

/// What goes into a file.
pub(super) struct Collected {
    pub(super) rows: Rows,
    pub(super) feeds: Vec<FeedNote>,
    pub(super) local: LocalNote,
}

/// The file that is being filled.
pub(super) struct Collector {
    rows: Rows,
    /// By epoch and worker.
    feeds: BTreeMap<(u64, u16), FeedNote>,
    local: LocalNote,
    allows_local: bool,
    since: Instant,
    is_full: bool,
}

impl Collector {
    /// Has collected nothing; `allows_local` when clients may evaluate in their own processes.
    pub(super) fn new(allows_local: bool) -> Collector {
        let (rows, feeds, local) = (Rows::default(), BTreeMap::new(), LocalNote::default());
        Collector { rows, feeds, local, allows_local, since: Instant::now(), is_full: false }
    }

    /// Notes with which answers of an engine's workers it begins.
    pub(super) fn begin(&mut self, subscriber: &Subscriber) {
        let epoch = subscriber.epoch();
        for (worker, next) in (0..).zip(subscriber.ordinals()) {
            self.feeds.entry((epoch, worker)).or_insert_with(|| feed(epoch, worker, next));
        }
    }

    pub(super) fn allows_local(&self) -> bool {
        self.allows_local
    }

    /// Whether the file has to be closed before more is read.
    pub(super) fn is_full(&self) -> bool {
        self.is_full || self.rows.is_full()
    }

    /// Whether something was read, and the file has been open for so long.
    pub(super) fn is_due(&self, every: Duration) -> bool {
        self.since.elapsed() >= every && self.has_something()
    }

    fn has_something(&self) -> bool {
        !self.rows.is_empty() || self.feeds.values().any(|feed| !feed.gaps.is_empty())
    }

    /// Whether an answer belongs to a later day than the rows.
    pub(super) fn day_is_over(&self, unix_ns: u64) -> bool {
        let first = self.rows.first_unix_ns();
        first.is_some_and(|first| unix_ns as i64 / DAY_NS > first / DAY_NS)
    }

    /// Ends the file behind the row that comes.
    pub(super) fn mark_day(&mut self) {
        self.is_full = true;
    }

    /// Adds an answer; whether its client's name has to be told.
    pub(super) fn push(&mut self, answer: &Published<'_>) -> bool {
        let record = answer.record;
        let worker = answer.worker as u16;
        let feed = self
            .feeds
            .entry((answer.epoch, worker))
            .or_insert_with(|| feed(answer.epoch, worker, record.ordinal));
        feed.next = record.ordinal + 1;
        self.rows.push(&Row {
            unix_ns: i64::try_from(answer.unix_ns).unwrap_or(i64::MAX),
            epoch: answer.epoch,
            worker,
            ordinal: record.ordinal,
            name: answer.name,
            client: record.client,
            key: record.key,
            features: &record.features,
            y: record.y,
            status: record.status,
            fingerprint: answer.fingerprint,
            generation: record.generation,
            arm: record.arm,
            service_ns: answer.service_ns,
        })
    }

    pub(super) fn name_client(&mut self, client: u32, name: Option<&str>) {
        self.rows.name_client(client, name);
    }

    /// Counts answers that were missed, before the one of an ordinal.
    pub(super) fn missed(&mut self, (epoch, worker): (u64, usize), count: u64, next: u64) {
        let (worker, first) = (worker as u16, next.saturating_sub(count));
        let feed = self.feeds.entry((epoch, worker)).or_insert_with(|| feed(epoch, worker, first));
        feed.gaps.push([first, next]);
        feed.next = next;
        self.is_full |= feed.gaps.len() >= GAP_COUNT_MAX;
    }

    /// Notes what clients say that they have evaluated themselves.
    pub(super) fn claim(&mut self, subscriber: &Subscriber) {
        self.local.allowed = subscriber.allows_local();
        self.local.total = subscriber.local_total();
        if self.local.allowed {
            for (name, count) in subscriber.local_claims() {
                *self.local.claims.entry(name).or_default() += count;
            }
        }
    }

    /// Takes what goes into a file, if there is anything; the next one goes on from there.
    pub(super) fn take(&mut self) -> Option<Collected> {
        self.since = Instant::now();
        self.is_full = false;
        if !self.has_something() {
            return None;
        }
        let on = |feed: &FeedNote| self::feed(feed.epoch, feed.worker, feed.next);
        // An engine that is gone answers nothing more.
        let last = self.feeds.keys().next_back().map(|(epoch, _)| *epoch);
        let next = self.feeds.iter().filter(|((epoch, _), _)| Some(*epoch) == last);
        let next = next.map(|(key, feed)| (*key, on(feed))).collect();
        let feeds = std::mem::replace(&mut self.feeds, next).into_values().collect();
        let (rows, local) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.local));
        Some(Collected { rows, feeds, local })
    }
}

fn feed(epoch: u64, worker: u16, first: u64) -> FeedNote {
    FeedNote { epoch, worker, first, next: first, gaps: Vec::new() }
}
