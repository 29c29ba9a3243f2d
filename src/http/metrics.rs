//! Counters for Prometheus: the sidecar's own, and those the engine keeps in shared memory.

use crate::log;
use factord_core::counters::{Histogram as Samples, Snapshot, State, WorkerCounters};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::fmt;
use std::time::Duration;

/// The Content-Type of what [`Metrics::render`] returns.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

// 100 us to 5 s: from the fastest reply measured (45 us) to the deadline of an answer; 10 ms and
// 25 ms are the replaced service's target and its alert.
const REQUEST_BOUNDS_S: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
// 25 ns to 1 ms: the engine answers in tens of nanoseconds unless it is disturbed.
const ANSWER_BOUNDS_NS: [f64; 15] = [
    25.0,
    50.0,
    100.0,
    200.0,
    400.0,
    800.0,
    1_600.0,
    3_200.0,
    6_400.0,
    12_800.0,
    25_600.0,
    51_200.0,
    102_400.0,
    409_600.0,
    1_000_000.0,
];
/// A heartbeat older than this means that the engine is gone.
// 1 s: a hundred beats.
const HEARTBEAT_AGE_MAX: Duration = Duration::from_secs(1);

/// The sidecar's own counters.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<[(&'static str, u16); 1], Counter>,
    durations: Histogram,
    connections: Gauge,
}

impl Metrics {
    /// Starts at zero.
    pub(super) fn new() -> Metrics {
        let mut registry = Registry::default();
        let requests = Family::default();
        let durations = Histogram::new(REQUEST_BOUNDS_S);
        let connections = Gauge::default();
        registry.register("api_requests", "HTTP requests answered, by status", requests.clone());
        registry.register(
            "api_request_duration_seconds",
            "Time from the first byte of a request to its complete answer",
            durations.clone(),
        );
        registry.register(
            "factord_http_connections",
            "HTTP connections open now",
            connections.clone(),
        );
        Metrics { registry, requests, durations, connections }
    }

    /// Counts one answered request.
    pub(super) fn count_request(&self, status: u16, duration: Duration) {
        self.requests.get_or_create(&[("status", status)]).inc();
        self.durations.observe(duration.as_secs_f64());
    }

    /// Tells how many connections are open.
    pub(super) fn set_connection_count(&self, count: usize) {
        self.connections.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Everything in the text format, version 0.0.4; without a snapshot the engine counts as down.
    pub(super) fn render(&self, engine: EngineView) -> Result<String, fmt::Error> {
        let mut engine_registry = Registry::default();
        engine_registry.register_collector(Box::new(engine));
        let mut encoded = String::new();
        text::encode_registry(&mut encoded, &self.registry)?;
        text::encode_registry(&mut encoded, &engine_registry)?;
        Ok(classic(&encoded))
    }
}

/// Turns OpenMetrics text into the older format, which every Prometheus reads: there a counter's
/// family carries the suffix of its samples.
fn classic(open: &str) -> String {
    let mut text = String::with_capacity(open.len());
    let mut help = None;
    for line in open.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ');
        } else if let Some((name, kind)) =
            line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            let suffix = if kind == "counter" { "_total" } else { "" };
            if let Some((_, words)) = help.take() {
                text.push_str(&format!("# HELP {name}{suffix} {words}\n"));
            }
            text.push_str(&format!("# TYPE {name}{suffix} {kind}\n"));
        } else if !line.starts_with('#') {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

/// What the engine says, ready to be encoded.
#[derive(Debug)]
pub(super) struct EngineView {
    /// Its counters; `None` when it cannot be reached.
    pub(super) snapshot: Option<Snapshot>,
    /// Accuracy or R2 of each model, as its training report says.
    pub(super) scores: Vec<(String, f64)>,
}

type Read = fn(&WorkerCounters) -> u64;
type Label = (&'static str, String);

impl Collector for EngineView {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let alive = self.snapshot.as_ref().is_some_and(|snapshot| {
            snapshot.state == State::Serving
                && u128::from(snapshot.heartbeat_age_ns) < HEARTBEAT_AGE_MAX.as_nanos()
        });
        gauge(&mut encoder, "factord_up", "1 while the engine answers", i64::from(alive))?;
        let lost = ConstCounter::new(log::dropped_total());
        let (name, help) = (
            "factord_http_log_lines_dropped",
            "Log lines dropped because nobody \
            read them",
        );
        lost.encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
        let scores = self.scores.iter();
        family(
            &mut encoder,
            "model_accuracy_score",
            "Accuracy or R2 of the model in its training report",
            MetricType::Gauge,
            scores
                .map(|(name, score)| (vec![("model_type", name.clone())], ConstGauge::new(*score))),
        )?;
        match &self.snapshot {
            Some(snapshot) => encode_snapshot(snapshot, &mut encoder),
            None => Ok(()),
        }
    }
}

fn encode_snapshot(
    snapshot: &Snapshot,
    encoder: &mut DescriptorEncoder<'_>,
) -> Result<(), fmt::Error> {
    let age = Duration::from_nanos(snapshot.heartbeat_age_ns).as_secs_f64();
    let started = Duration::from_nanos(snapshot.started_unix_ns).as_secs_f64();
    gauge(encoder, "factord_epoch", "Epoch of the engine", snapshot.epoch)?;
    gauge(encoder, "factord_heartbeat_age_seconds", "Time since the engine's last heartbeat", age)?;
    gauge(encoder, "factord_start_time_seconds", "Start of the engine since 1970", started)?;
    gauge(encoder, "factord_channels", "Channels attached now", snapshot.channel_count)?;
    for (name, help, count) in [
        ("factord_channels_attached", "Channels ever attached", snapshot.attached_total),
        ("factord_channels_freed", "Channels ever freed", snapshot.freed_total),
        ("factord_attach_refusals", "Attach attempts refused", snapshot.refused_total),
        ("factord_reloads", "Model reloads adopted", snapshot.reloads_total),
        ("factord_reload_failures", "Model reloads refused", snapshot.reload_failures_total),
    ] {
        let counter = ConstCounter::new(count);
        let metric = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
        counter.encode(metric)?;
    }
    let local = &snapshot.local;
    family(
        encoder,
        "factord_local_evaluations",
        "Evaluations in the clients' own processes, as they count them, by status",
        MetricType::Counter,
        [
            ("ok", local.ok),
            ("bad_input", local.bad_input),
            ("unknown_model", local.unknown_model),
            ("width_mismatch", local.width_mismatch),
        ]
        .into_iter()
        .map(|(status, count)| (vec![("status", status.to_owned())], ConstCounter::new(count))),
    )?;
    family(
        encoder,
        "factord_model_generation",
        "Publications of the model in this epoch",
        MetricType::Gauge,
        snapshot.models.iter().flatten().map(|row| {
            let labels = vec![("model", row.name.clone()), ("kind", row.kind.to_string())];
            (labels, ConstGauge::new(i64::from(row.generation)))
        }),
    )?;
    encode_workers(snapshot, encoder)
}

fn encode_workers(
    snapshot: &Snapshot,
    encoder: &mut DescriptorEncoder<'_>,
) -> Result<(), fmt::Error> {
    let workers = || snapshot.workers.iter().enumerate();
    let label = |index: usize| -> Label { ("worker", index.to_string()) };
    family(
        encoder,
        "factord_requests",
        "Requests answered by the engine, by status",
        MetricType::Counter,
        workers().flat_map(|(index, worker)| {
            [
                ("ok", worker.ok),
                ("bad_input", worker.bad_input),
                ("unknown_model", worker.unknown_model),
                ("width_mismatch", worker.width_mismatch),
                ("wrong_class", worker.wrong_class),
            ]
            .map(|(status, count)| {
                (vec![label(index), ("status", status.to_owned())], ConstCounter::new(count))
            })
        }),
    )?;
    for (name, help, read) in [
        ("factord_sweeps", "Sweeps over all channels", (|worker| worker.sweeps) as Read),
        ("factord_protocol_violations", "Sequences from the future", |worker| worker.violations),
        ("factord_detached", "Channels detached for violations", |worker| worker.detached),
    ] {
        let counts =
            workers().map(|(index, worker)| (vec![label(index)], ConstCounter::new(read(worker))));
        family(encoder, name, help, MetricType::Counter, counts)?;
    }
    family(
        encoder,
        "factord_answer_duration_seconds",
        "Time the engine took for an answer, sampled",
        MetricType::Histogram,
        workers().map(|(index, worker)| (vec![label(index)], AnswerTimes::of(&worker.latency))),
    )
}

fn gauge<T>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: T,
) -> Result<(), fmt::Error>
where
    ConstGauge<T>: EncodeMetric,
{
    let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    ConstGauge::new(value).encode(metric)
}

fn family<M: EncodeMetric>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    kind: MetricType,
    members: impl Iterator<Item = (Vec<Label>, M)>,
) -> Result<(), fmt::Error> {
    let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
    for (labels, member) in members {
        member.encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}

/// A worker's samples in the buckets that are shown.
struct AnswerTimes {
    sum_s: f64,
    count: u64,
    buckets: Vec<(f64, u64)>,
}

impl AnswerTimes {
    fn of(samples: &Samples) -> AnswerTimes {
        let mut counts = [0; ANSWER_BOUNDS_NS.len() + 1];
        for (upper_ns, count) in samples.buckets() {
            // A finer bucket that straddles a bound counts as above it: never too fast.
            counts[ANSWER_BOUNDS_NS.partition_point(|bound| *bound < upper_ns)] += count;
        }
        let bounds = ANSWER_BOUNDS_NS.iter().map(|bound| bound / 1e9).chain([f64::INFINITY]);
        AnswerTimes {
            sum_s: samples.sum_ns() / 1e9,
            count: samples.count(),
            buckets: bounds.zip(counts).collect(),
        }
    }
}

impl EncodeMetric for AnswerTimes {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        encoder.encode_histogram::<NoLabelSet>(self.sum_s, self.count, &self.buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}
