//! Evaluation in the client's own process: the daemon's active models, read from MODELS or, when
//! they do not fit there, from their images.
//!
//! A private copy of each version, or the mapping of a forest's image, is kept until the daemon
//! publishes another one; whether it did costs one load before and one after the evaluation.

use super::Client;
use super::answer::{Answer, PredictError, Prediction, refusal};
use super::images::{Here, Images};
use crate::abi::{self, request, status};
use crate::channel::Connection;
use crate::model::shared::{self, Deployment};
use crate::region::View;
use crate::sync::ReadOnlyWord;
use crate::sys::clock;
use core::time::Duration;
use factord_eval::evaluator::{Evaluation, Evaluator};
use factord_eval::fenv;
use std::sync::Arc;

/// How often an evaluation is repeated at most because the model was swapped meanwhile.
// 8: more would mean that the daemon swaps faster than one evaluation takes.
const SWAPS_MAX: u32 = 8;

/// The copies.
#[derive(Debug)]
pub(super) struct Local {
    /// `None` for a user that may not evaluate locally.
    models: Option<View>,
    /// By the client's numbers.
    copies: Vec<Copy>,
    images: Images,
}

/// What serves one name, as it was published last.
#[derive(Debug, Default)]
struct Copy {
    /// The `meta` that the copy was made for, without flags.
    meta: u64,
    published: u64,
    /// The champion of an undivided name, if it is no forest.
    evaluator: Option<Arc<Evaluator>>,
    /// The champion of an undivided name, if it is one, once its image came.
    here: Option<Here>,
    deployment: Option<Deployment>,
}

/// What a local call reached.
#[derive(Debug)]
pub(super) enum Reached {
    /// A version, which answered.
    Answered(Evaluation, Version),
    /// No version in this process, or none yet: the ring has it.
    Elsewhere,
}

/// Which version that was.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Version {
    pub(super) generation: u32,
    pub(super) arm: u16,
    pub(super) fingerprint: u64,
}

impl Local {
    pub(super) fn new(models: Option<View>) -> Local {
        Local { models, copies: Vec::new(), images: Images::default() }
    }

    fn published(models: &View, meta: u64) -> u64 {
        shared::published(models.words(), (meta & request::MODEL_MASK) as usize)
    }

    /// The result of `evaluate` on the active version of an undivided name, with its generation and
    /// fingerprint, if its copy is fresh before and after.
    #[inline(always)]
    pub(super) fn with<T>(
        &self,
        number: u16,
        meta: u64,
        evaluate: impl FnOnce(&Evaluator) -> Option<T>,
    ) -> Option<(T, u32, u64)> {
        let copy = self.copies.get(usize::from(number)).filter(|copy| copy.meta == meta)?;
        let evaluator = copy.evaluator.as_deref()?;
        let models = self.models.as_ref()?;
        if Local::published(models, meta) != copy.published {
            return None;
        }
        let outputs = evaluate(evaluator)?;
        let deployment = copy.deployment.as_ref()?;
        (Local::published(models, meta) == copy.published).then_some((
            outputs,
            deployment.generation,
            deployment.fingerprints[0],
        ))
    }

    /// The copy of a number, as fresh as what is published. What it replaces goes.
    fn fresh<'c>(
        (copies, images): (&'c mut Vec<Copy>, &mut Images),
        models: &View,
        number: u16,
        meta: u64,
    ) -> &'c mut Copy {
        let place = usize::from(number);
        if copies.len() <= place {
            copies.resize_with(place + 1, Copy::default);
        }
        let copy = &mut copies[place];
        if copy.meta != meta || copy.published != Local::published(models, meta) {
            let before = copy.fingerprints();
            copy.refresh(models.words(), meta);
            let now = copy.fingerprints();
            let gone = before.iter().filter(|fingerprint| !now.contains(fingerprint));
            gone.for_each(|&fingerprint| images.forget(fingerprint));
        }
        copy
    }

    /// Goes on with bringing all versions of a name here; whether they are. `None` when there are
    /// none.
    pub(super) fn fetch(
        &mut self,
        (connection, epoch): (&Connection, u64),
        number: u16,
        meta: u64,
    ) -> Option<bool> {
        let Some(models) = &self.models else { return Some(false) };
        if meta & request::MODEL_MASK == request::MODEL_NONE {
            return None;
        }
        let place = (&mut self.copies, &mut self.images);
        let copy = Local::fresh(place, models, number, meta);
        let deployment = copy.deployment.as_ref()?;
        let first = usize::from(deployment.champion.is_some());
        let missing = deployment.fingerprints.iter().skip(first).filter(|&&f| f != 0);
        let mut all_here = true;
        for &fingerprint in missing {
            all_here &= self.images.version(connection, epoch, fingerprint).is_some();
        }
        Some(all_here)
    }

    /// Whether the next step of [`Local::fetch`] waits for nobody.
    pub(super) fn is_checking(&self) -> bool {
        self.images.are_checked()
    }

    /// Evaluates the version that is active now.
    pub(super) fn evaluate(
        &mut self,
        engine: (&Connection, u64),
        number: u16,
        meta: u64,
        key: u64,
        x: &[f64],
    ) -> Reached {
        let Some(models) = &self.models else { return Reached::Elsewhere };
        if meta & request::MODEL_MASK == request::MODEL_NONE {
            let evaluation = Evaluation::refusal(status::UNKNOWN_MODEL);
            return Reached::Answered(evaluation, Version::default());
        }
        let mut reached = Reached::Elsewhere;
        for _ in 0..SWAPS_MAX {
            let place = (&mut self.copies, &mut self.images);
            let copy = Local::fresh(place, models, number, meta);
            let published = copy.published;
            reached = copy.evaluate(&mut self.images, engine, key, x);
            if Local::published(models, meta) == published {
                break;
            }
        }
        reached
    }
}

impl Copy {
    /// Of the versions, the champion's first; all 0 where nothing is served.
    fn fingerprints(&self) -> [u64; abi::ARM_COUNT_MAX] {
        self.deployment.as_ref().map_or_else(Default::default, |known| known.fingerprints)
    }

    fn refresh(&mut self, words: &[ReadOnlyWord], meta: u64) {
        let read = shared::read(words, (meta & request::MODEL_MASK) as usize);
        *self = Copy { meta, ..Copy::default() };
        // Another name's, where the row was given to it meanwhile.
        let own =
            |deployment: &Deployment| u64::from(deployment.check) == meta >> request::CHECK_SHIFT;
        if let Some((deployment, published)) = read.filter(|(deployment, _)| own(deployment)) {
            self.published = published;
            if deployment.split == abi::UNDIVIDED {
                self.evaluator =
                    deployment.champion.as_ref().map(|model| Arc::new(Evaluator::new(model)));
            }
            self.deployment = Some(deployment);
        }
    }

    fn evaluate(
        &mut self,
        images: &mut Images,
        (connection, epoch): (&Connection, u64),
        key: u64,
        x: &[f64],
    ) -> Reached {
        let Some(deployment) = &self.deployment else {
            let evaluation = Evaluation::refusal(status::UNKNOWN_MODEL);
            return Reached::Answered(evaluation, Version::default());
        };
        let bits = x.iter().map(|value| value.to_bits());
        let arm = match deployment.split {
            abi::UNDIVIDED => 0,
            split => abi::arm(split, deployment.salt, key, bits),
        };
        let fingerprint = deployment.fingerprints[usize::from(arm)];
        let version = Version { generation: deployment.generation, arm, fingerprint };
        let evaluation = match (&self.evaluator, &self.here, &deployment.champion) {
            (Some(evaluator), ..) => evaluator.evaluate(x),
            (None, Some(here), _) => here.evaluate(x),
            (None, None, Some(model)) if arm == 0 => Evaluator::new(model).evaluate(x),
            _ => match images.version(connection, epoch, fingerprint) {
                Some(here) => {
                    let evaluation = here.evaluate(x);
                    match here {
                        _ if deployment.split != abi::UNDIVIDED => {}
                        Here::Affine(evaluator) => self.evaluator = Some(evaluator),
                        forest => self.here = Some(forest),
                    }
                    evaluation
                }
                None => return Reached::Elsewhere,
            },
        };
        Reached::Answered(evaluation, version)
    }
}

/// Local evaluations between two looks at the engine.
// 4,096: at some 5 ns each, every 20 us.
const LOCAL_CALLS_PER_LOOK: u64 = 4096;

/// After this long without a heartbeat, local calls answer no more.
const LOCAL_STALE_NS: u64 = 1_000_000_000;

/// How long a local call waits when what it needs is not in this process: for the ring ...
const RING_DEADLINE: Duration = Duration::from_millis(10);
/// ... or, where the channel has another width, for the model to come.
const FETCH_DEADLINE: Duration = Duration::from_millis(10);

impl Client {
    /// Evaluates the daemon's active model in this process: the same bits as through the ring,
    /// without moving a cache line. Hot swaps are seen at once, answers name version and epoch, and
    /// the daemon learns how many there were. The engine still owns the models: a second after its
    /// last heartbeat, local calls answer no more.
    ///
    /// `x` may have any width: the model's counts, not the channel's. What is not in this process
    /// yet, or may not be, goes through the ring where `x` has the channel's width, and is fetched
    /// otherwise; either takes at most 10 ms. [`Client::fetch`] does so before it counts.
    ///
    /// On x86-64 and AArch64 the bits do not depend on the rounding, FTZ, DAZ or traps that the
    /// program, or a library in it, has set in this thread; these stand again afterwards. On other
    /// processors they do.
    ///
    /// # Errors
    ///
    /// `BadInput`, `UnknownModel`, `WidthMismatch`, `OtherVersion`, `NotConnected`; `NotFetched`
    /// when the model's parameters did not come in time; from the ring as [`Client::predict`].
    #[inline(always)]
    pub fn predict_local(&mut self, model: u16, x: &[f64]) -> Answer {
        self.predict_local_keyed(model, 0, x)
    }

    /// The same for a unit: see [`Client::submit_keyed`].
    ///
    /// # Errors
    ///
    /// As for [`Client::predict_local`].
    #[inline(always)]
    pub fn predict_local_keyed(&mut self, model: u16, key: u64, x: &[f64]) -> Answer {
        fenv::with_default(
            #[inline(always)]
            || self.predict_in_default(model, key, x),
        )
    }

    #[inline(always)]
    fn predict_in_default(&mut self, model: u16, key: u64, x: &[f64]) -> Answer {
        let meta = self.meta_of(model);
        if !self.pulse.passes(self.attachment.heartbeat_count())
            || self.names.get_mut().are_pinned()
        {
            return self.predict_local_any(model, meta, key, x);
        }
        if let Some((y, generation, fingerprint)) =
            self.attachment.with_local(model, meta, |evaluator| evaluator.linear(x))
        {
            let count = self.attachment.count_local_ok();
            let version = Version { generation, arm: 0, fingerprint };
            let prediction = self.local_prediction(y, 0.0, version);
            self.look_at_times(count);
            return Ok(prediction);
        }
        self.predict_local_any(model, meta, key, x)
    }

    // Out of line, so that the linear form stays small where it is called.
    #[inline(never)]
    fn predict_local_any(&mut self, model: u16, meta: u64, key: u64, x: &[f64]) -> Answer {
        if self.pulse.is_due() {
            if self.attachment.observer().heartbeat_age_ns() > LOCAL_STALE_NS {
                self.look_after_engine();
                return Err(PredictError::NotConnected);
            }
            self.pulse.was_read();
        }
        if !self.names.get_mut().are_pinned()
            && let Some((output, generation, fingerprint)) =
                self.attachment.with_local(model, meta, |evaluator| evaluator.logistic(x))
        {
            let count = self.attachment.count_local_ok();
            let version = Version { generation, arm: 0, fingerprint };
            let prediction = self.local_prediction(output.y, output.second, version);
            self.look_at_times(count);
            return Ok(prediction);
        }
        let (evaluation, version) = match self.attachment.evaluate_local(model, meta, key, x) {
            Reached::Answered(evaluation, version) => (evaluation, version),
            Reached::Elsewhere if x.len() == self.geometry.feature_count() => {
                return self.predict_keyed(model, key, x, RING_DEADLINE);
            }
            Reached::Elsewhere => {
                self.fetch(model, FETCH_DEADLINE)?;
                match self.attachment.evaluate_local(model, meta, key, x) {
                    Reached::Answered(evaluation, version) => (evaluation, version),
                    Reached::Elsewhere => return Err(PredictError::NotFetched),
                }
            }
        };
        let count = self.attachment.count_local(evaluation.status);
        let (y, second) = (f64::from_bits(evaluation.y), f64::from_bits(evaluation.second));
        let prediction = self.local_prediction(y, second, version);
        self.look_at_times(count);
        match evaluation.status {
            status::OK if self.names.get_mut().accepts(model, version.fingerprint) => {
                Ok(prediction)
            }
            status::OK => Err(PredictError::OtherVersion),
            other => Err(refusal(other)),
        }
    }

    /// Brings a model's parameters into this process, if they are not there yet: those of forests,
    /// of models of more than eight features and of further arms come as files of their own. Waits
    /// for at most `deadline`.
    ///
    /// # Errors
    ///
    /// `UnknownModel`; `NotFetched` after the deadline, or when this user may not evaluate locally.
    pub fn fetch(&mut self, model: u16, deadline: Duration) -> Result<(), PredictError> {
        let end_ns = clock::end_of(deadline);
        loop {
            let meta = self.meta_of(model);
            match self.attachment.fetch(model, meta) {
                Some(true) => return Ok(()),
                Some(false) => {}
                None => return Err(PredictError::UnknownModel),
            }
            if clock::monotonic_ns() >= end_ns {
                return Err(PredictError::NotFetched);
            }
            self.look_after_engine();
            if !self.attachment.is_checking() {
                std::thread::sleep(Duration::from_micros(50));
            }
        }
    }

    /// Looks after the engine now and then; what it has answered bears its own epoch by then.
    #[inline(always)]
    fn look_at_times(&mut self, count: u64) {
        if count.is_multiple_of(LOCAL_CALLS_PER_LOOK) {
            self.look_after_engine();
        }
    }

    #[inline(always)]
    fn local_prediction(&self, y: f64, second: f64, version: Version) -> Prediction {
        let Version { generation, arm, fingerprint } = version;
        let epoch = self.attachment.epoch();
        Prediction { y, second, generation, arm, fingerprint, epoch, t_received: 0, t_done: 0 }
    }
}
