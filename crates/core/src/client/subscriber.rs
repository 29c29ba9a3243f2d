//! A subscriber: every answer of an engine, as its taps have them, without its help.
//!
//! A subscriber costs the engine nothing, however many there are. One that reads too slowly is
//! overtaken, and told how many answers it missed. It sees everybody's requests, so that it takes
//! the right to observe.

mod versions;

use crate::abi::tap_record;
use crate::channel::{self, CommandError, TapFile};
use crate::counters::{ChannelsObserver, Observer};
use crate::sys::clock;
use crate::tap::{Record, Step, TapReader};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use versions::Versions;

/// Between two looks that find nothing.
// 1 us: closer ones take the line from its writer, 20 ns a round trip.
const PAUSE_NS: u64 = 1_000;
/// After which the clocks are compared again.
// 1 s: an error of the rate of 20 ppm is then 20 us.
const ANCHOR_NS: u64 = 1_000_000_000;
/// Names of clients that are kept; then they are looked up again.
const CLIENT_COUNT_MAX: usize = 1 << 16;

/// With which answer a subscriber begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begin {
    /// The next one.
    Newest,
    /// For each worker the one of an ordinal, if the engine's epoch is this one; else its first.
    Ordinals(u64, Vec<u64>),
}

/// One answer, as its engine published it.
#[derive(Clone, Copy, Debug)]
pub struct Published<'s> {
    /// The worker that answered.
    pub worker: usize,
    /// The epoch of its engine.
    pub epoch: u64,
    /// When the answers of its run were out, nanoseconds since 1970.
    pub unix_ns: u64,
    /// Nanoseconds from seeing the request to publishing the answer, of one answer in 64.
    pub service_ns: Option<u64>,
    /// The name; `None` where the request was for none that was served.
    pub name: Option<&'s str>,
    /// Of the artifact that answered; 0 when none did.
    pub fingerprint: u64,
    /// What crossed the ring.
    pub record: &'s Record,
}

/// What a subscriber hears.
#[derive(Clone, Copy, Debug)]
pub enum Event<'s> {
    /// An answer.
    Published(Published<'s>),
    /// So many answers of a worker were overwritten before they were read.
    Missed {
        /// The worker.
        worker: usize,
        /// How many, of all names.
        count: u64,
        /// The ordinal of the answer that comes after them.
        next: u64,
    },
}

/// One worker's tap and the place in it.
#[derive(Debug)]
struct Feed {
    tap: TapFile,
    reader: TapReader,
}

/// Time stamp counter and time of day, read together.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    tsc: u64,
    unix_ns: u64,
    monotonic_ns: u64,
}

impl Anchor {
    fn now() -> Anchor {
        let (tsc, unix_ns) = (clock::tsc(), clock::unix_ns());
        Anchor { tsc, unix_ns, monotonic_ns: clock::monotonic_ns() }
    }

    /// The time of day of a count.
    fn unix_ns(&self, tsc: u64, hz: u64) -> u64 {
        let ticks = i128::from(tsc as i64).wrapping_sub(i128::from(self.tsc as i64));
        let ns = ticks * 1_000_000_000 / i128::from(hz.max(1));
        let unix_ns = i128::from(self.unix_ns).saturating_add(ns);
        u64::try_from(unix_ns).unwrap_or(0)
    }
}

/// A reader of all answers of an engine, or of those for one name.
#[derive(Debug)]
pub struct Subscriber {
    path: PathBuf,
    status: Observer,
    channels: Option<ChannelsObserver>,
    feeds: Vec<Feed>,
    wanted: Option<String>,
    versions: Versions,
    clients: HashMap<u32, Option<String>>,
    anchor: Anchor,
    /// The feed that is looked at next.
    turn: usize,
    /// When all feeds were found empty last.
    empty_ns: u64,
}

impl Subscriber {
    /// Subscribes to the answers for a name, or to all, from the next one on. The socket is found
    /// by the rule of [`channel::socket_path`].
    ///
    /// # Errors
    ///
    /// [`CommandError`] when no daemon listens there, its tap is off, or this user may not observe.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use factord_core::client::{Event, Subscriber};
    ///
    /// let mut subscriber = Subscriber::attach(None, Some("regression"))?;
    /// while subscriber.is_current() {
    ///     match subscriber.poll() {
    ///         Some(Event::Published(answer)) => println!("{}", answer.record.y),
    ///         Some(Event::Missed { count, .. }) => println!("{count} missed"),
    ///         None => std::thread::sleep(std::time::Duration::from_micros(100)),
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn attach(socket: Option<&Path>, name: Option<&str>) -> Result<Subscriber, CommandError> {
        Subscriber::attach_at(socket, name, &Begin::Newest)
    }

    /// The same from a given answer on.
    ///
    /// # Errors
    ///
    /// As for [`Subscriber::attach`].
    pub fn attach_at(
        socket: Option<&Path>,
        name: Option<&str>,
        begin: &Begin,
    ) -> Result<Subscriber, CommandError> {
        let path = channel::socket_path(socket);
        let (status, channels) = channel::observe(&path)?;
        let status = Observer::new(status);
        let mut feeds = Vec::new();
        for worker in 0..status.worker_cores().len().max(1) {
            feeds.push(Feed::open(&path, worker, begin)?);
        }
        Ok(Subscriber {
            path,
            channels: channels.map(ChannelsObserver::new),
            feeds,
            wanted: name.map(str::to_owned),
            versions: Versions::new(&status),
            status,
            clients: HashMap::new(),
            anchor: Anchor::now(),
            turn: 0,
            empty_ns: 0,
        })
    }

    /// What comes next, if it is there. Never waits.
    pub fn poll(&mut self) -> Option<Event<'_>> {
        let now_ns = clock::monotonic_ns();
        if now_ns.saturating_sub(self.empty_ns) < PAUSE_NS {
            return None;
        }
        if now_ns.saturating_sub(self.anchor.monotonic_ns) > ANCHOR_NS {
            self.anchor = Anchor::now();
        }
        let mut empty = 0;
        while empty < self.feeds.len() {
            let worker = self.turn % self.feeds.len();
            let feed = &mut self.feeds[worker];
            match feed.reader.step(feed.tap.view.words()) {
                Step::Empty => {
                    self.turn = worker + 1;
                    empty += 1;
                }
                Step::Version(version) => self.versions.add(&version),
                Step::Missed(count) => {
                    let next = feed.reader.ordinal();
                    return Some(Event::Missed { worker, count, next });
                }
                Step::Record => {
                    self.versions.look_up(feed.reader.record(), &self.status);
                    if self.wanted.is_none() || self.versions.name() == self.wanted.as_deref() {
                        return Some(Event::Published(self.published(worker)));
                    }
                }
            }
        }
        self.empty_ns = now_ns;
        None
    }

    fn published(&self, worker: usize) -> Published<'_> {
        let feed = &self.feeds[worker];
        let record = feed.reader.record();
        let hz = self.status.tsc_hz().unwrap_or_default();
        Published {
            worker,
            epoch: feed.tap.epoch,
            unix_ns: self.anchor.unix_ns(record.tsc, hz),
            service_ns: service_ns(record.service_ticks, hz),
            name: self.versions.name(),
            fingerprint: self.versions.fingerprint(),
            record,
        }
    }

    /// Whether the engine that writes the taps is the one that serves at the socket; asks there.
    pub fn is_current(&self) -> bool {
        let serving = Observer::attach(Some(&self.path));
        serving.is_ok_and(|serving| serving.epoch() == self.epoch())
    }

    /// The epoch of the engine that writes the taps.
    pub fn epoch(&self) -> u64 {
        self.feeds.first().map_or(0, |feed| feed.tap.epoch)
    }

    /// Whether another engine has taken over the memory of the one that writes the taps; it writes
    /// taps of its own, and its heart beats on in the same place.
    pub fn is_succeeded(&self) -> bool {
        self.status.epoch() != self.epoch()
    }

    /// Grows while that engine lives.
    pub fn heartbeat_count(&self) -> u64 {
        self.status.heartbeat_count()
    }

    /// For each worker the ordinal of the next answer.
    pub fn ordinals(&self) -> Vec<u64> {
        self.feeds.iter().map(|feed| feed.reader.ordinal()).collect()
    }

    /// For each worker how many answers it has written.
    pub fn written(&self) -> Vec<u64> {
        let count = |feed: &Feed| feed.tap.view.words()[tap_record::HEADER_COUNT].load_relaxed();
        self.feeds.iter().map(count).collect()
    }

    /// Whether clients may evaluate in their own processes, which no tap sees.
    pub fn allows_local(&self) -> bool {
        self.feeds.iter().any(|feed| feed.tap.allows_local)
    }

    /// Evaluations in clients' own processes, by the clients' names, as they claim.
    pub fn local_claims(&self) -> Vec<(String, u64)> {
        let channels = self.channels.as_ref().map(ChannelsObserver::channels).unwrap_or_default();
        channels.into_iter().map(|channel| (channel.name, channel.local)).collect()
    }

    /// All evaluations in clients' own processes since the daemon started, as they claim.
    pub fn local_total(&self) -> u64 {
        let local = self.status.snapshot().local;
        local.ok + local.bad_input + local.unknown_model + local.width_mismatch
    }

    /// What a client calls itself; `None` for one that has gone before it was looked up.
    pub fn client_name(&mut self, client: u32) -> Option<&str> {
        if !self.clients.contains_key(&client) {
            if self.clients.len() >= CLIENT_COUNT_MAX {
                self.clients.clear();
            }
            let there = self.channels.as_ref().map(ChannelsObserver::channels).unwrap_or_default();
            let of = |channel: crate::counters::ChannelInfo| {
                (channel.client_id as u32, Some(channel.name))
            };
            self.clients.extend(there.into_iter().map(of));
            // Numbers are never given again, so that it stays away.
            self.clients.entry(client).or_default();
        }
        self.clients.get(&client)?.as_deref()
    }
}

/// Nanoseconds of ticks, at least 1; none for an answer that was not timed.
fn service_ns(ticks: u64, hz: u64) -> Option<u64> {
    let ns = u128::from(ticks) * 1_000_000_000 / u128::from(hz.max(1));
    (ticks > 0).then(|| u64::try_from(ns).unwrap_or(u64::MAX).max(1))
}

impl Feed {
    fn open(path: &Path, worker: usize, begin: &Begin) -> Result<Feed, CommandError> {
        let tap = channel::open_tap(path, worker)?;
        let words = tap.view.words();
        let reader = match begin {
            Begin::Newest => TapReader::new(words, tap.cell_count),
            Begin::Ordinals(epoch, ordinals) => {
                let ordinal = ordinals.get(worker).filter(|_| *epoch == tap.epoch);
                TapReader::from(words, tap.cell_count, ordinal.copied().unwrap_or(0))
            }
        };
        Ok(Feed { tap, reader })
    }
}
