//! Handlers: take whole requests from tiny_http, or a single prediction from the guard, ask the
//! engine or its model, answer.
//!
//! Each handler has its own channels and serves one request at a time. A panic costs one reply of
//! 500; the handler goes on with fresh channels.

use super::backend::{ATTEMPT_COUNT, Backend, BackendError};
use super::batch_request::BatchRequest;
use super::cards::Cards;
use super::features::{self, FeatureError, Features, Taken};
use super::guard::head::path_of;
use super::limits::BATCH_BODY_LEN_MAX;
use super::method::Method;
use super::metrics::{self, EngineView, Metrics};
use super::plot::{self, Comparison, POINT_COUNT};
use super::routes::{self, Command, RouteError};
use super::views::{self, BatchView, Outputs, Predicted, Reply};
use factord_core::client::{Answer, PredictError, Prediction};
use factord_core::counters::Observer;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use thiserror::Error;
use tiny_http::Request;

/// The names under which the replaced service knew its two models.
const REGRESSION: &str = "regression";
const CLASSIFICATION: &str = "classification";

// A handler's panic is caught and costs one reply; with abort it would cost the process.
const _: () = assert!(cfg!(panic = "unwind"));

/// What all handlers share.
#[derive(Debug)]
pub(super) struct Shared {
    /// The engine's control socket.
    pub(super) socket: PathBuf,
    /// What is known about models.
    pub(super) cards: Arc<Cards>,
    /// The sidecar's counters.
    pub(super) metrics: Arc<Metrics>,
}

/// Why a request gets an error for an answer.
#[derive(Debug, Error)]
enum HandlerError {
    /// The request is at fault.
    #[error(transparent)]
    Feature(#[from] FeatureError),
    /// The engine is.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A row of a batch has no answer.
    #[error("Row {row}: {error}")]
    Row {
        /// Its position.
        row: usize,
        /// Why.
        error: PredictError,
    },
}

/// Serves requests until the server behind the guard ends.
pub(super) fn run(server: &tiny_http::Server, shared: &Arc<Shared>) {
    let mut handler = Handler::new(Arc::clone(shared));
    // Ends with the server: it returns an error only when its listener is gone.
    while let Ok(request) = server.recv() {
        handler.serve(request);
    }
}

/// What answers requests: channels of its own, and the models it remembers.
#[derive(Debug)]
pub(super) struct Handler {
    shared: Arc<Shared>,
    backend: Backend,
    /// The engine's silence is logged once, until it answers again.
    silence_logged: bool,
}

impl Handler {
    /// Attaches when it is asked first.
    pub(super) fn new(shared: Arc<Shared>) -> Handler {
        let backend = Backend::new(shared.socket.clone(), Arc::clone(&shared.cards));
        Handler { shared, backend, silence_logged: false }
    }

    fn serve(&mut self, mut request: Request) {
        let began = Instant::now();
        let mut body = Vec::new();
        let limit = BATCH_BODY_LEN_MAX as u64;
        let read = request.as_reader().take(limit).read_to_end(&mut body);
        let method = match request.method() {
            tiny_http::Method::Get => Some(Method::Get),
            tiny_http::Method::Head => Some(Method::Head),
            tiny_http::Method::Post => Some(Method::Post),
            _ => None,
        };
        let reply = match (read, method) {
            (Ok(_), Some(method)) => {
                self.caught(|this| this.answer(method, request.url(), &body, began))
            }
            // The guard lets neither through.
            _ => Reply::error(400, "Malformed request"),
        };
        // A guard that has given up on this request does not read the answer.
        let _ = request.respond(reply.response());
    }

    fn caught<T: From<Reply>>(&mut self, answer: impl FnOnce(&mut Handler) -> T) -> T {
        catch_unwind(AssertUnwindSafe(|| answer(self))).unwrap_or_else(|_| {
            *self = Handler::new(Arc::clone(&self.shared));
            Reply::error(500, "Internal error").into()
        })
    }

    fn answer(&mut self, method: Method, target: &str, body: &[u8], began: Instant) -> Reply {
        let command = match routes::route(method, path_of(target)) {
            Ok(command) => command,
            Err(RouteError::NotFound) => return Reply::error(404, "Not found"),
            Err(RouteError::MethodNotAllowed { allow }) => {
                return Reply::method_not_allowed(allow);
            }
        };
        let reply = self.obey(command, body, began);
        self.reply_to(reply)
    }

    fn reply_to(&mut self, reply: Result<Reply, HandlerError>) -> Reply {
        match reply {
            Ok(reply) => {
                self.silence_logged = false;
                reply
            }
            Err(error) => self.error_reply(&error),
        }
    }

    /// The reply to a single prediction if it can be given at once; `None` when somebody patient
    /// has to ask.
    pub(super) fn answer_at_once(
        &mut self,
        command: Command<'_>,
        body: &[u8],
        began: Instant,
    ) -> Option<Reply> {
        self.backend.set_hasty(true);
        self.caught(|this| match this.obey(command, body, began) {
            Err(HandlerError::Backend(BackendError::NotAtOnce)) => None,
            reply => Some(this.reply_to(reply)),
        })
    }

    /// Prepares [`Handler::answer_at_once`] for a model, however long that takes.
    pub(super) fn prepare(&mut self, model: &str) {
        self.backend.set_hasty(false);
        let _: Option<Reply> = self.caught(|this| {
            // Whoever asks next finds the engine as it is then.
            let _ = this.backend.prepare(model);
            None
        });
    }

    fn obey(
        &mut self,
        command: Command<'_>,
        body: &[u8],
        began: Instant,
    ) -> Result<Reply, HandlerError> {
        match command {
            Command::Index => Ok(views::index()),
            Command::Health => Ok(views::health(self.backend.answers())),
            Command::Info => self.info(),
            Command::Metrics => Ok(self.metrics()),
            Command::Plot => self.plot(),
            Command::PredictPath { model, values } => {
                self.predict(model, began, false, |_| features::from_path(values))
            }
            Command::Predict { model } => {
                self.predict(model, began, true, |taken| features::from_body(body, taken))
            }
            Command::Batch => self.batch(body, began),
        }
    }

    /// One prediction; `read` takes the features out of the request, given what the model takes.
    fn predict(
        &mut self,
        model: &str,
        began: Instant,
        tell_latency: bool,
        read: impl Fn(Taken) -> Result<Features, FeatureError>,
    ) -> Result<Reply, HandlerError> {
        for _ in 0..ATTEMPT_COUNT {
            let active = self.backend.model(model)?;
            let features = read(Taken::by(&active.row))?;
            let (expected, found) = (active.row.width, features.values.len());
            if expected != found {
                return Err(FeatureError::Count { expected, found }.into());
            }
            let key = features.key.unwrap_or(0);
            let answer = self.backend.predict(&active, key, &features.values)?;
            let Some(answer) = answer else { continue };
            let latency_ms = began.elapsed().as_secs_f64() * 1e3;
            let predicted = Predicted {
                model,
                card: active.card_of(&answer),
                names_version: features.key.is_some() || active.row.arm_count > 1,
                echo: &features.echo,
                answer,
                latency_ms: tell_latency.then_some(latency_ms),
            };
            let (told, reply) = if active.card.is_classifier {
                (f64::from(views::class(&answer)), predicted.classified())
            } else {
                (answer.y, predicted.valued())
            };
            log_prediction(&features.values, told, latency_ms);
            return Ok(reply);
        }
        Err(BackendError::Replaced.into())
    }

    fn batch(&mut self, body: &[u8], began: Instant) -> Result<Reply, HandlerError> {
        let request = BatchRequest::from_body(body, |name| -> Result<Taken, HandlerError> {
            Ok(self.backend.taken(name)?)
        })?;
        let rows = (request.row_count, &request.values[..]);
        let (active, answers) =
            self.backend.predict_batch(&request.model, request.key.unwrap_or(0), rows)?;
        let answers = whole(answers)?;
        let latency_ms = began.elapsed().as_secs_f64() * 1e3;
        let (count, model_type) = (answers.len(), request.model.as_str());
        let generation = active.row.generation;
        let is_told = request.key.is_some() || active.row.arm_count > 1;
        let arms = is_told.then(|| answers.iter().map(|answer| answer.arm).collect());
        let versions = is_told.then(|| views::versions(&active.row));
        let outputs = answers.iter().map(|answer| answer.y).collect();
        tracing::debug!(latency_ms, count, "batch");
        let (predictions, probabilities) = if active.card.is_classifier {
            let classes = answers.iter().map(views::class).collect();
            (Outputs::Classes(classes), Some(outputs))
        } else {
            (Outputs::Values(outputs), None)
        };
        let view = BatchView {
            arms,
            count,
            generation,
            latency_ms,
            model_type,
            predictions,
            probabilities,
            versions,
        };
        Ok(Reply::json(200, &view))
    }

    fn info(&mut self) -> Result<Reply, HandlerError> {
        let mut models = Vec::new();
        let mut first = None;
        for row in self.backend.models()? {
            let active = self.backend.model(&row.name)?;
            models.push((row.name.clone(), views::model_info(&active.card)));
            first.get_or_insert(active);
        }
        let first = first.ok_or(BackendError::NoSuchModel { served: String::new() })?;
        Ok(views::info(&first.card, models))
    }

    fn plot(&mut self) -> Result<Reply, HandlerError> {
        let rows = plot::rows();
        let (line, sells) = self.backend.predict_batch(REGRESSION, 0, (POINT_COUNT, &rows))?;
        let (classifier, highs) =
            self.backend.predict_batch(CLASSIFICATION, 0, (POINT_COUNT, &rows))?;
        let outputs = |answers| -> Result<Vec<f64>, HandlerError> {
            Ok(whole(answers)?.iter().map(|answer| answer.y).collect())
        };
        let comparison = Comparison {
            predictions: outputs(sells)?,
            probabilities: outputs(highs)?,
            line: &line.card,
            step: &classifier.card,
        };
        Ok(Reply::page(views::HTML, comparison.page()))
    }

    fn metrics(&mut self) -> Reply {
        let snapshot =
            Observer::attach(Some(&self.shared.socket)).ok().map(|observer| observer.snapshot());
        let mut scores = Vec::new();
        for row in snapshot.iter().flat_map(|snapshot| snapshot.models.iter().flatten()) {
            let card = self.shared.cards.get(row);
            let score = card
                .as_ref()
                .ok()
                .and_then(|card| card.figure("accuracy").or_else(|| card.figure("r2_score")));
            scores.extend(score.map(|score| (row.name.clone(), score)));
        }
        match self.shared.metrics.render(EngineView { snapshot, scores }) {
            Ok(text) => Reply::page(metrics::CONTENT_TYPE, text),
            Err(_) => Reply::error(500, "Internal error"),
        }
    }

    /// The one table from errors to replies. Nothing internal is told: what is wrong on this side
    /// goes to the log.
    fn error_reply(&mut self, error: &HandlerError) -> Reply {
        let engine = match error {
            HandlerError::Feature(FeatureError::TooManyRows) => {
                return Reply::error(413, &error.to_string());
            }
            HandlerError::Feature(_) => return Reply::error(400, &error.to_string()),
            HandlerError::Row { row, error: PredictError::BadInput } => {
                return Reply::error(400, &format!("Row {row}: {NOT_FINITE}"));
            }
            HandlerError::Backend(BackendError::Predict(PredictError::BadInput)) => {
                return Reply::error(400, NOT_FINITE);
            }
            HandlerError::Backend(BackendError::Predict(PredictError::WidthMismatch)) => {
                return Reply::error(400, "The number of features is not the model's");
            }
            HandlerError::Backend(BackendError::NoSuchModel { served }) => {
                return Reply::error(404, &format!("No such model. Served: {served}"));
            }
            HandlerError::Row { .. } | HandlerError::Backend(_) => error,
        };
        if !std::mem::replace(&mut self.silence_logged, true) {
            tracing::warn!("no answer from the engine: {engine}");
        }
        Reply::error(503, "The engine does not answer: try again")
    }
}

const NOT_FINITE: &str = "The prediction for these features is not a finite number";

/// The answers, if there is one for each row.
fn whole(answers: Vec<Answer>) -> Result<Vec<Prediction>, HandlerError> {
    let rows = answers.into_iter().enumerate();
    rows.map(|(row, answer)| answer.map_err(|error| HandlerError::Row { row, error })).collect()
}

/// Logs as the replaced service did: a warning for values outside its models' range.
fn log_prediction(features: &[f64], prediction: f64, latency_ms: f64) {
    if features.iter().all(|value| (0.0..=1.0).contains(value)) {
        tracing::info!(prediction, latency_ms, ?features, "prediction");
    } else {
        tracing::warn!(prediction, latency_ms, ?features, "features outside [0, 1]");
    }
}
