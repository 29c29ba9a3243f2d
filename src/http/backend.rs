//! One handler's way to the engine: an ordinary client of its shared memory.
//!
//! Models and their cards are remembered until the engine's table changes. A hasty way evaluates in
//! this process, from what is remembered and attached already, or answers not at all.

use super::cards::{Card, CardError, Cards};
use super::features::Taken;
use super::limits::{ATTACH_PAUSE, ENGINE_BATCH_DEADLINE, ENGINE_DEADLINE, ENGINE_HEALTH_DEADLINE};
use factord_core::abi::class;
use factord_core::client::{Answer, AttachError, AttachOptions, Client, PredictError, Prediction};
use factord_core::counters::{ModelRow, Observer, Unsettled};
use factord_core::idle::IdleStrategy;
use factord_eval::Kind;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use thiserror::Error;

// 256: a batch keeps the worker busy while the handler parses nothing; 16 KiB a ring.
const SLOT_COUNT: usize = 256;
/// How often a request is asked again when a reload or a restart fell into it.
pub(super) const ATTEMPT_COUNT: usize = 3;
/// A heartbeat older than this makes the handler look for the engine again.
// 250 ms: 25 beats, so that a busy machine is not taken for a dead engine.
const STALE_NS: u64 = 250_000_000;
/// Between two looks for an engine that is away.
const LOOK_PAUSE: Duration = Duration::from_millis(10);
/// Before a request into which a reload fell is asked again.
// 1 ms: table and workers learn of a new model within microseconds of each other.
const RELOAD_PAUSE: Duration = Duration::from_millis(1);
// 4: widths in use at once; with more, a handler gives its channels back and starts over.
const CHANNEL_COUNT_MAX: usize = 4;

/// Why the engine gave no answer.
#[derive(Debug, Error)]
pub(super) enum BackendError {
    /// No channel to it.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// The engine did not let this handler attach only just now.
    #[error("not attached; the next attempt follows within {} ms", ATTACH_PAUSE.as_millis())]
    Detached,
    /// Its model table cannot be read.
    #[error(transparent)]
    Unsettled(#[from] Unsettled),
    /// It serves no model of the name.
    #[error("no such model")]
    NoSuchModel {
        /// Those it serves, as far as a reply lists them.
        served: String,
    },
    /// The request has no answer.
    #[error(transparent)]
    Predict(#[from] PredictError),
    /// Nothing is known about the model.
    #[error(transparent)]
    Card(#[from] CardError),
    /// Reloads kept falling into the request.
    #[error("the model was replaced during each of {ATTEMPT_COUNT} attempts")]
    Replaced,
    /// A hasty way has no answer at once.
    #[error("no answer at once")]
    NotAtOnce,
}

/// A model as it is served now, and what is known about it.
#[derive(Debug)]
pub(super) struct ActiveModel {
    /// Its row in the engine's table.
    pub(super) row: ModelRow,
    /// Its card, or that of the champion.
    pub(super) card: Arc<Card>,
    /// The cards of the further arms.
    arms: Vec<Arc<Card>>,
    /// The epoch of the engine whose table it is.
    epoch: u64,
}

impl ActiveModel {
    /// The card of the version that gave an answer.
    pub(super) fn card_of(&self, answer: &Prediction) -> &Card {
        let arm = usize::from(answer.arm).checked_sub(1).and_then(|arm| self.arms.get(arm));
        arm.unwrap_or(&self.card)
    }

    /// Whether local calls wait for an image.
    fn has_images(&self) -> bool {
        self.row.kind == Kind::Forest || self.row.arm_count > 1
    }

    /// Whether an answer came from this very publication of the model.
    fn gave(&self, answer: &Prediction) -> bool {
        (answer.epoch, answer.generation) == (self.epoch, self.row.generation)
    }
}

/// The engine's model table, read without its help.
#[derive(Debug)]
struct Table {
    observer: Observer,
    epoch: u64,
    /// What the table held when its sequence was this.
    sequence: u64,
    rows: Vec<ModelRow>,
    /// Those of the rows that were asked for, with their cards.
    active: Vec<Arc<ActiveModel>>,
}

impl Table {
    fn new(observer: Observer) -> Result<Table, Unsettled> {
        let epoch = observer.snapshot().epoch;
        let (rows, active) = (Vec::new(), Vec::new());
        let mut table = Table { observer, epoch, sequence: 0, rows, active };
        table.read()?;
        Ok(table)
    }

    fn is_current(&self) -> bool {
        self.observer.rows_sequence() == self.sequence
    }

    /// Reads the rows. An update that falls into it leaves a sequence that is not current.
    fn read(&mut self) -> Result<(), Unsettled> {
        self.sequence = self.observer.rows_sequence();
        self.rows = self.observer.models()?;
        self.active.clear();
        Ok(())
    }

    fn row(&self, name: &str) -> Result<&ModelRow, BackendError> {
        let found = self.rows.iter().find(|row| row.name == name);
        found.ok_or_else(|| BackendError::NoSuchModel { served: listed(&self.rows) })
    }
}

/// The names of models, as many as a reply lists.
fn listed(rows: &[ModelRow]) -> String {
    // 20: a name may have 64 bytes, and an engine 4,096 of them.
    const SHOWN_MAX: usize = 20;
    let names: Vec<&str> = rows.iter().take(SHOWN_MAX).map(|row| row.name.as_str()).collect();
    match (rows.len().saturating_sub(SHOWN_MAX), names.join(", ")) {
        (0, names) => names,
        (more, names) => format!("{names} and {more} more"),
    }
}

/// The channels of one handler, one for each width and class in use, and the engine's model table.
#[derive(Debug)]
pub(super) struct Backend {
    socket: PathBuf,
    cards: Arc<Cards>,
    table: Option<Table>,
    /// By width, and whether they are heavy.
    channels: BTreeMap<(usize, bool), Client>,
    retry_at: Option<Instant>,
    /// The last look for the engine found none, for as long as a request may take.
    silent: bool,
    hasty: bool,
}

impl Backend {
    /// Attaches later, when there is something to ask.
    pub(super) fn new(socket: PathBuf, cards: Arc<Cards>) -> Backend {
        let (table, channels) = (None, BTreeMap::new());
        Backend { socket, cards, table, channels, retry_at: None, silent: false, hasty: false }
    }

    /// From now on answers at once or with [`BackendError::NotAtOnce`], and waits for nobody; or is
    /// patient again.
    pub(super) fn set_hasty(&mut self, hasty: bool) {
        self.hasty = hasty;
    }

    /// Makes ready for hasty questions about a model: remembers it and attaches.
    pub(super) fn prepare(&mut self, name: &str) -> Result<(), BackendError> {
        let active = self.model(name)?;
        // The memory of an engine that is gone still holds its models.
        self.channels.retain(|_, channel| channel.epoch() == active.epoch);
        let channel = self.channel(&active.row)?;
        if active.has_images()
            && let Some(id) = channel.number(name)
        {
            // Until it is here, every question is asked of the ring.
            channel.fetch(id, ENGINE_DEADLINE)?;
        }
        Ok(())
    }

    /// The table of the engine that lives. An engine that is away is waited for as long as a
    /// request may take, but only once: until it is back, later requests learn at once.
    fn table(&mut self) -> Result<&mut Table, BackendError> {
        let fresh = self.table.take().filter(|table| table.observer.heartbeat_age_ns() < STALE_NS);
        let mut table = match fresh {
            Some(table) => table,
            None if self.hasty => return Err(BackendError::NotAtOnce),
            None => self.look_for_table()?,
        };
        self.silent = false;
        if !table.is_current() && !self.hasty {
            table.read()?;
        }
        Ok(self.table.insert(table))
    }

    fn look_for_table(&mut self) -> Result<Table, BackendError> {
        let end = Instant::now() + ENGINE_DEADLINE;
        loop {
            match Observer::attach(Some(&self.socket)) {
                Ok(observer) => return Ok(Table::new(observer)?),
                Err(AttachError::Unreachable { .. }) if !self.silent && Instant::now() < end => {
                    std::thread::sleep(LOOK_PAUSE);
                }
                Err(error) => {
                    self.silent = true;
                    return Err(error.into());
                }
            }
        }
    }

    /// The channel for requests of a model's width and class.
    fn channel(&mut self, model: &ModelRow) -> Result<&mut Client, BackendError> {
        let (width, heavy) = (model.width, u64::from(model.class) == class::HEAVY);
        let key = (width, heavy);
        if !self.channels.contains_key(&key) {
            if self.hasty {
                return Err(BackendError::NotAtOnce);
            }
            if self.retry_at.is_some_and(|at| Instant::now() < at) {
                return Err(BackendError::Detached);
            }
            if self.channels.len() >= CHANNEL_COUNT_MAX {
                self.channels.clear();
            }
            let options = AttachOptions {
                socket: Some(self.socket.clone()),
                name: "http".to_owned(),
                feature_count: width,
                slot_count: SLOT_COUNT,
                heavy,
                idle: IdleStrategy::Backoff,
                ..AttachOptions::default()
            };
            match Client::attach(&options) {
                Ok(client) => {
                    self.retry_at = None;
                    self.channels.insert(key, client);
                }
                Err(error) => {
                    // That nobody listens is found out at once, and may be over at once.
                    let absent = matches!(error, AttachError::Unreachable { .. });
                    self.retry_at = (!absent).then(|| Instant::now() + ATTACH_PAUSE);
                    return Err(error.into());
                }
            }
        }
        self.channels.get_mut(&key).ok_or(BackendError::Detached)
    }

    /// The engine's model table.
    pub(super) fn models(&mut self) -> Result<Vec<ModelRow>, BackendError> {
        Ok(self.table()?.rows.clone())
    }

    /// What a model takes.
    pub(super) fn taken(&mut self, name: &str) -> Result<Taken, BackendError> {
        Ok(Taken::by(self.table()?.row(name)?))
    }

    /// A model by name, with its card.
    pub(super) fn model(&mut self, name: &str) -> Result<Arc<ActiveModel>, BackendError> {
        let hasty = self.hasty;
        for _ in 0..ATTEMPT_COUNT {
            let table = self.table()?;
            if hasty && !table.is_current() {
                return Err(BackendError::NotAtOnce);
            }
            if let Some(active) = table.active.iter().find(|active| active.row.name == name) {
                return Ok(Arc::clone(active));
            }
            let row = table.row(name)?;
            if hasty {
                return Err(BackendError::NotAtOnce);
            }
            let (row, epoch) = (row.clone(), table.epoch);
            let cards = self.cards.get(&row).and_then(|card| Ok((card, self.cards.of_arms(&row)?)));
            match cards {
                Ok((card, arms)) => {
                    let active = Arc::new(ActiveModel { row, card, arms, epoch });
                    self.table()?.active.push(Arc::clone(&active));
                    return Ok(active);
                }
                Err(CardError::Replaced) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(BackendError::Replaced)
    }

    /// One prediction for a unit; `None` when a reload fell into it, so that the answer is not
    /// `model`'s.
    pub(super) fn predict(
        &mut self,
        model: &ActiveModel,
        key: u64,
        features: &[f64],
    ) -> Result<Option<Prediction>, BackendError> {
        // NB: with no time at all a spinning client looks for an answer some hundred times, and
        // neither sleeps nor asks after the engine.
        let hasty = self.hasty;
        let channel = self.channel(&model.row)?;
        let id = channel.number(&model.row.name).ok_or(PredictError::UnknownModel)?;
        if hasty && model.has_images() && channel.fetch(id, Duration::ZERO).is_err() {
            // Its image is on its way, and the ring would keep the guard waiting.
            return Err(BackendError::NotAtOnce);
        }
        let answer = if hasty {
            // NB: once in 4,096 calls the client asks whether its engine has hung up, and would
            // attach again. Here the engine's heart has just beaten.
            channel.predict_local_keyed(id, key, features)?
        } else {
            channel.predict_keyed(id, key, features, ENGINE_DEADLINE)?
        };
        if model.gave(&answer) {
            return Ok(Some(answer));
        }
        if hasty {
            return Err(BackendError::NotAtOnce);
        }
        self.forget_table_unless(answer.epoch);
        std::thread::sleep(RELOAD_PAUSE);
        Ok(None)
    }

    /// Whether the engine answers a prediction of the first model it serves.
    pub(super) fn answers(&mut self) -> bool {
        let Ok(models) = self.models() else { return false };
        let Some(model) = models.first() else { return false };
        let middle = vec![0.5; model.width];
        let Ok(channel) = self.channel(model) else { return false };
        let Some(id) = channel.number(&model.name) else { return false };
        let answer = channel.predict(id, &middle, ENGINE_HEALTH_DEADLINE);
        if let Ok(answer) = answer {
            self.forget_table_unless(answer.epoch);
        }
        matches!(answer, Ok(_) | Err(PredictError::BadInput))
    }

    /// Predictions of `count` rows about one unit, all by one generation: a batch into which a
    /// reload falls is asked again.
    pub(super) fn predict_batch(
        &mut self,
        name: &str,
        key: u64,
        (count, rows): (usize, &[f64]),
    ) -> Result<(Arc<ActiveModel>, Vec<Answer>), BackendError> {
        for _ in 0..ATTEMPT_COUNT {
            let active = self.model(name)?;
            let model = &active.row;
            if rows.len() != count * model.width {
                return Err(PredictError::WidthMismatch.into());
            }
            let mut answers = vec![Err(PredictError::Deadline); count];
            let channel = self.channel(model)?;
            let id = channel.number(&model.name).ok_or(PredictError::UnknownModel)?;
            channel.predict_batch_keyed(id, key, rows, &mut answers, ENGINE_BATCH_DEADLINE)?;
            if answers.iter().flatten().all(|answer| active.gave(answer)) {
                return Ok((active, answers));
            }
            if let Some(answer) = answers.iter().flatten().last() {
                self.forget_table_unless(answer.epoch);
            }
            std::thread::sleep(RELOAD_PAUSE);
        }
        Err(BackendError::Replaced)
    }

    fn forget_table_unless(&mut self, epoch: u64) {
        self.table = self.table.take().filter(|table| table.epoch == epoch);
    }
}
