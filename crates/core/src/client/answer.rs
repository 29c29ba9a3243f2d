//! Options, answers and errors of a client.

use crate::abi::status;
use crate::idle::IdleStrategy;
use crate::ring::Response;
use core::time::Duration;
use std::path::PathBuf;
use thiserror::Error;

/// How to attach.
///
/// ```
/// use factord_core::client::{AttachError, AttachOptions, Client};
/// use std::time::Duration;
///
/// let options = AttachOptions {
///     socket: Some("/nowhere/factord.sock".into()),
///     name: "strategy".to_owned(),
///     slot_count: 256, // a deep ring, for batches
///     wait: Duration::from_millis(20), // for a daemon that is being started
///     ..AttachOptions::default()
/// };
/// assert_eq!(options.feature_count, 3);
/// let attached = Client::attach(&options);
/// assert!(matches!(attached, Err(AttachError::Unreachable { .. })), "no daemon is there");
/// ```
#[derive(Clone, Debug)]
pub struct AttachOptions {
    /// The control socket; `None` looks for it by the rule of [`crate::channel::socket_path`].
    pub socket: Option<PathBuf>,
    /// Shown to operators; at most 31 bytes are kept.
    pub name: String,
    /// Features of every request of this channel, 1 to 1,024.
    pub feature_count: usize,
    /// Slots in each ring, the maximum number of requests in flight: a power of two up to 4,096.
    /// Few slots make a single round trip faster, many make a batch faster.
    pub slot_count: usize,
    /// Outputs that a response has room for, 2 to 64: as many as the widest of the models gives.
    pub output_count: usize,
    /// Asks for a channel to the workers of costly models, which answer nothing else. Either way a
    /// model of the other class is reached over a second channel, which the client opens by itself.
    pub heavy: bool,
    /// What a waiting call does between two looks.
    pub idle: IdleStrategy,
    /// How long [`Client::attach`](crate::client::Client::attach) keeps trying while there is no
    /// daemon, or a busy or silent one; 0 for one attempt.
    pub wait: Duration,
    /// Says nothing on stderr; otherwise a client whose thread can only run where a worker polls
    /// says so once. The environment variable FACTORD_QUIET does the same.
    pub quiet: bool,
    /// The user id of a daemon to trust below /tmp, /var/tmp and /dev/shm, besides root and this
    /// process's own user; `None` takes it from the environment variable FACTORD_DAEMON_UID.
    pub daemon_uid: Option<u32>,
}

/// Slots unless asked otherwise.
// 8: lines used a few requests ago travel faster than older ones. Against 64 a round trip takes 16
// ns less where the floor is 100 ns, and 10 ns less where it is 450.
const SLOT_COUNT: usize = 8;

impl Default for AttachOptions {
    fn default() -> AttachOptions {
        AttachOptions {
            socket: None,
            name: "client".to_owned(),
            feature_count: 3,
            slot_count: SLOT_COUNT,
            output_count: 2,
            heavy: false,
            idle: IdleStrategy::Spin,
            wait: Duration::ZERO,
            quiet: false,
            daemon_uid: None,
        }
    }
}

/// Why a request has no answer.
///
/// ```
/// use factord_core::client::PredictError;
///
/// // A full ring and a missing engine pass by themselves; bad input does not.
/// let passes = |error| matches!(error, PredictError::BackPressure | PredictError::NotConnected);
/// assert!(passes(PredictError::BackPressure) && !passes(PredictError::BadInput));
/// assert_eq!(PredictError::Deadline.to_string(), "no answer before the deadline");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PredictError {
    /// A feature is infinite, or NaN where the model takes none, or the prediction would be.
    #[error("bad input: every feature, and the prediction, must be a finite number")]
    BadInput,
    /// The daemon serves no model of that name.
    #[error("the daemon serves no such model: models() lists those it does")]
    UnknownModel,
    /// The request's width is not the model's, or not the channel's.
    #[error("the number of features is not the model's")]
    WidthMismatch,
    /// The ring is full: take answers first.
    #[error("the ring is full: take answers before submitting more")]
    BackPressure,
    /// The deadline passed before the answer arrived. A later answer is dropped.
    #[error("no answer before the deadline")]
    Deadline,
    /// The engine is gone and has not come back yet.
    #[error("not connected to a daemon")]
    NotConnected,
    /// The model is served to channels of the other class, and the daemon refused a second channel:
    /// it has no worker of that class, or the user's quota is used up.
    #[error(
        "the model is served on channels of the other class (option `heavy`), and the daemon grants this client no second one"
    )]
    WrongClass,
    /// The name is pinned to an artifact, and another one serves it.
    #[error("another version serves the name than the one it is pinned to")]
    OtherVersion,
    /// The model's parameters are not in this process yet.
    #[error(
        "the model's parameters are still on their way to this process: try again, or fetch them first"
    )]
    NotFetched,
    /// The answer is for different words than those submitted: the request's memory was
    /// overwritten.
    #[error("the answer is for different features than those submitted")]
    EchoMismatch,
}

/// Why a name was not pinned to an artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PinError {
    /// No model of that name is served.
    #[error("the daemon serves no model of that name: models() lists those it does")]
    NotServed,
    /// Several versions share the name's requests.
    #[error("several versions share the name's requests: a pinned name has one")]
    Divided,
    /// All numbers are given.
    #[error("this client has bound 65535 names: use another client")]
    TooManyNames,
}

/// One answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// The prediction or, of a classifier, the probability of class 1.
    pub y: f64,
    /// 0 or, of a classifier, the class, 0 or 1.
    pub second: f64,
    /// The generation of what serves the name.
    pub generation: u32,
    /// The arm that answered; 0 for the champion.
    pub arm: u16,
    /// The first eight bytes of the SHA-256 of the artifact that answered, little-endian.
    pub fingerprint: u64,
    /// The epoch of the engine that answered.
    pub epoch: u64,
    /// TSC when the engine saw the request; 0 unless [`crate::client::Client::stamp`] asked for it.
    pub t_received: u64,
    /// TSC when the engine was about to publish the answer; 0 unless asked for.
    pub t_done: u64,
}

/// The outcome of one request.
pub type Answer = Result<Prediction, PredictError>;

/// Why a response to a request with this echo is no prediction, if it is none.
#[inline(always)]
pub(super) fn fault(response: &Response, echo: u64) -> Option<PredictError> {
    if response.echo != echo {
        return Some(PredictError::EchoMismatch);
    }
    match response.status() {
        status::OK => None,
        other => Some(refusal(other)),
    }
}

/// The prediction of a response that has no fault.
#[inline(always)]
pub(super) fn prediction(response: &Response, epoch: u64) -> Prediction {
    Prediction {
        y: f64::from_bits(response.y),
        second: f64::from_bits(response.second),
        generation: response.generation(),
        arm: response.arm(),
        fingerprint: response.fingerprint,
        epoch,
        t_received: response.t_received,
        t_done: response.t_done,
    }
}

pub(super) fn refusal(code: u16) -> PredictError {
    match code {
        status::UNKNOWN_MODEL => PredictError::UnknownModel,
        status::WIDTH_MISMATCH => PredictError::WidthMismatch,
        status::WRONG_CLASS => PredictError::WrongClass,
        _ => PredictError::BadInput,
    }
}
