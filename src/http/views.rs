//! Replies: what each route says, key by key. Pure.
//!
//! Keys are in alphabetical order and a line ends the body, as clients of the replaced service
//! know it. Numbers are printed so that they read back as the same bits.

use super::cards::Card;
use factord_core::client::Prediction;
use factord_core::counters::ModelRow;
use factord_eval::Kind;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

/// The service's name, as its clients know it.
pub(super) const SERVICE: &str = "High-Frequency Trading Factor Prediction API";
/// The version of the routes and replies, not of the program.
pub(super) const API_VERSION: &str = "1.0.0";

/// The Content-Type of a page.
pub(super) const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
// 512: a prediction of three features with its names fills 300 bytes.
const BODY_LEN: usize = 512;
/// The routes, as /info has always listed them.
const ENDPOINTS: [&str; 7] = [
    "GET /health - Health check",
    "GET /info - Model information",
    "POST /predict/regression - Regression prediction",
    "POST /predict/classification - Classification prediction",
    "GET /predict/regression/<buy_rate>/<large_buy>/<large_sell>",
    "GET /predict/classification/<buy_rate>/<large_buy>/<large_sell>",
    "GET /plot/model_comparison - Visualization",
];
/// What came after.
const NEW_ENDPOINTS: [&str; 2] = [
    "POST /predict/batch - Up to 10,000 predictions at once",
    "GET /metrics - Counters in the format of Prometheus",
];

/// One reply. Every header value is a constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// The status code.
    pub(super) status: u16,
    /// The Content-Type.
    pub(super) content_type: &'static str,
    /// The Allow header, with 405 and in reply to OPTIONS.
    pub(super) allow: Option<&'static str>,
    /// The body.
    pub(super) body: Vec<u8>,
}

impl Reply {
    /// A body of another type than JSON.
    pub(super) fn page(content_type: &'static str, body: String) -> Reply {
        Reply { status: 200, content_type, allow: None, body: body.into_bytes() }
    }

    /// A JSON body.
    pub(super) fn json(status: u16, view: &impl Serialize) -> Reply {
        let mut body = Vec::with_capacity(BODY_LEN);
        serde_json::to_writer(&mut body, view)
            .expect("views are maps with text keys and finite numbers, which always serialise");
        body.push(b'\n');
        Reply { status, content_type: JSON, allow: None, body }
    }

    /// An error: one sentence.
    pub(super) fn error(status: u16, message: &str) -> Reply {
        Reply::json(status, &json!({ "error": message }))
    }

    /// The reply to OPTIONS: the methods a path takes, if anything lives there.
    pub(super) fn options(allow: Option<&'static str>) -> Reply {
        match allow {
            Some(allow) => {
                Reply { status: 200, content_type: JSON, allow: Some(allow), body: Vec::new() }
            }
            None => Reply::error(404, "Not found"),
        }
    }

    /// 405 with the methods that are allowed.
    pub(super) fn method_not_allowed(allow: &'static str) -> Reply {
        Reply { allow: Some(allow), ..Reply::error(405, "Method not allowed") }
    }
}

/// One prediction with everything in its reply.
#[derive(Debug)]
pub(super) struct Predicted<'a> {
    /// The model's name.
    pub(super) model: &'a str,
    /// What is known about the model.
    pub(super) card: &'a Card,
    /// Whether the reply names the version that answered.
    pub(super) names_version: bool,
    /// The features as the client wrote them.
    pub(super) echo: &'a [Value],
    /// The engine's answer.
    pub(super) answer: Prediction,
    /// From the whole request to the answer, milliseconds; the path form leaves it out.
    pub(super) latency_ms: Option<f64>,
}

#[derive(Serialize)]
struct ValueView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    arm: Option<u16>,
    confidence: &'a str,
    feature_names: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<u32>,
    input_features: &'a [Value],
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ms: Option<f64>,
    model_type: &'a str,
    prediction: f64,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
}

#[derive(Serialize)]
struct ClassView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    arm: Option<u16>,
    confidence: &'a str,
    feature_names: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<u32>,
    input_features: &'a [Value],
    interpretation: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ms: Option<f64>,
    model_type: &'a str,
    prediction: u8,
    probability: f64,
    threshold: Option<f64>,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
}

impl Predicted<'_> {
    /// The reply of a model that gives a prediction alone.
    pub(super) fn valued(&self) -> Reply {
        let prediction = self.answer.y;
        let usual = (0.3..=0.7).contains(&prediction);
        let answer = self.names_version.then_some(&self.answer);
        Reply::json(
            200,
            &ValueView {
                arm: answer.map(|answer| answer.arm),
                confidence: if usual { "high" } else { "medium" },
                feature_names: &self.card.feature_names,
                generation: answer.map(|answer| answer.generation),
                input_features: self.echo,
                latency_ms: self.latency_ms,
                model_type: self.model,
                prediction,
                timestamp: timestamp(),
                version: answer.map(|answer| version(answer.fingerprint)),
            },
        )
    }

    /// The reply of a classifier.
    pub(super) fn classified(&self) -> Reply {
        let probability = self.answer.y;
        let class = class(&self.answer);
        let sure = (probability - 0.5).abs() > 0.3;
        let answer = self.names_version.then_some(&self.answer);
        Reply::json(
            200,
            &ClassView {
                arm: answer.map(|answer| answer.arm),
                confidence: if sure { "high" } else { "medium" },
                feature_names: &self.card.feature_names,
                generation: answer.map(|answer| answer.generation),
                input_features: self.echo,
                interpretation: &self.card.meanings[usize::from(class)],
                latency_ms: self.latency_ms,
                model_type: self.model,
                prediction: class,
                probability,
                threshold: self.card.threshold,
                timestamp: timestamp(),
                version: answer.map(|answer| version(answer.fingerprint)),
            },
        )
    }
}

/// The class of a classifier's answer.
pub(super) fn class(answer: &Prediction) -> u8 {
    u8::from(answer.second > 0.0)
}

/// A version, by the first digits of its artifact's SHA-256.
fn version(fingerprint: u64) -> String {
    format!("{:016x}", fingerprint.swap_bytes())
}

/// The versions that share a name's requests, in the order of their arms.
pub(super) fn versions(row: &ModelRow) -> Vec<String> {
    let arms = row.arm_fingerprints.into_iter().filter(|&fingerprint| fingerprint != 0);
    [row.fingerprint()].into_iter().chain(arms).map(version).collect()
}

/// The reply to a batch: a classifier has classes, and probabilities beside them.
#[derive(Serialize)]
pub(super) struct BatchView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) arms: Option<Vec<u16>>,
    pub(super) count: usize,
    pub(super) generation: u32,
    pub(super) latency_ms: f64,
    pub(super) model_type: &'a str,
    pub(super) predictions: Outputs,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) probabilities: Option<Vec<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) versions: Option<Vec<String>>,
}

/// What a batch's rows were predicted to be.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Outputs {
    /// By a regression.
    Values(Vec<f64>),
    /// By a classifier.
    Classes(Vec<u8>),
}

/// The reply to a look at the health.
pub(super) fn health(engine_answers: bool) -> Reply {
    let (status, word) = if engine_answers { (200, "healthy") } else { (503, "unhealthy") };
    let view = json!({
        "models_loaded": engine_answers,
        "service": SERVICE,
        "status": word,
        "timestamp": timestamp(),
        "version": API_VERSION,
    });
    Reply::json(status, &view)
}

/// The part of /info about one model.
pub(super) fn model_info(card: &Card) -> Value {
    let mut info = Map::new();
    // The replaced service had no kind but those two, which `type` says.
    if card.kind == Kind::Forest {
        info.insert("kind".to_owned(), card.kind.name().into());
    }
    info.insert("performance".to_owned(), card.performance.clone());
    if let Some(threshold) = card.threshold {
        info.insert("threshold".to_owned(), threshold.into());
    }
    let trained_at = Some(&card.trained_at).filter(|moment| !moment.is_empty());
    info.insert("trained_at".to_owned(), json!(trained_at));
    let sort = if card.is_classifier { "classification" } else { "regression" };
    info.insert("type".to_owned(), sort.into());
    Value::Object(info)
}

/// The reply of /info; the features are those of the first model.
pub(super) fn info(first: &Card, models: Vec<(String, Value)>) -> Reply {
    let mut view = Map::new();
    view.insert("api_endpoints".to_owned(), json!(ENDPOINTS));
    for (name, info) in models {
        view.insert(format!("{name}_model"), info);
    }
    let service = json!({
        "features": first.feature_names,
        "service_name": SERVICE,
        "target": first.target,
        "version": API_VERSION,
    });
    view.insert("service".to_owned(), service);
    Reply::json(200, &view)
}

/// The reply of the root: what there is.
pub(super) fn index() -> Reply {
    let endpoints: Vec<&str> = ENDPOINTS.into_iter().chain(NEW_ENDPOINTS).collect();
    Reply::json(
        200,
        &json!({ "api_endpoints": endpoints, "service": SERVICE, "version": API_VERSION }),
    )
}

/// The moment as Python's `isoformat()` prints it, in UTC.
fn timestamp() -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut text));
    text.truncate(text.trim_end_matches('Z').len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_as_python_writes_it() {
        let shape: String = timestamp()
            .chars()
            .map(|letter| if letter.is_ascii_digit() { '0' } else { letter })
            .collect();
        assert_eq!(shape, "0000-00-00T00:00:00.000000");
    }

    #[test]
    fn an_error_is_json_whatever_its_words() {
        let reply = Reply::error(400, "a \"quoted\"\nword");
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(body["error"], "a \"quoted\"\nword");
    }
}
