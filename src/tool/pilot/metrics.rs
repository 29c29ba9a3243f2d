//! The pilot's figures for Prometheus, as a text beside what it keeps.

use super::drift::Drifts;
use super::drift_arm::Watch;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::fmt;

type Labels = Vec<(&'static str, String)>;

/// A gauge and its members.
#[derive(Debug)]
pub(super) struct Gauges {
    name: &'static str,
    help: &'static str,
    members: Vec<(Labels, f64)>,
}

/// All of them, as the text that Prometheus reads.
///
/// # Errors
///
/// What the encoder says.
pub(super) fn render(gauges: Vec<Gauges>) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(View(gauges)));
    let mut encoded = String::new();
    text::encode_registry(&mut encoded, &registry)?;
    // In the older format, which the sidecar gives, a help has no full stop behind it.
    Ok(encoded)
}

#[derive(Debug)]
struct View(Vec<Gauges>);

impl Collector for View {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for Gauges { name, help, members } in &self.0 {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (labels, value) in members {
                ConstGauge::new(*value).encode(metric.encode_family(labels)?)?;
            }
        }
        Ok(())
    }
}

/// What is known of a watched arm.
fn of_arms(
    drifts: &Drifts,
    name: &'static str,
    help: &'static str,
    value: impl Fn(&Watch) -> Option<f64>,
) -> Gauges {
    let member = |(model, arm, watch): (&str, usize, &Watch)| {
        Some((labels(model, arm, watch), value(watch)?))
    };
    Gauges { name, help, members: drifts.arms().filter_map(member).collect() }
}

fn labels(model: &str, arm: usize, watch: &Watch) -> Labels {
    let version = watch.scorer.version.short().to_string();
    vec![("model", model.to_owned()), ("arm", arm.to_string()), ("version", version)]
}

/// What drift is seen.
pub(super) fn of_drift(drifts: &Drifts) -> Vec<Gauges> {
    let (mut psi, mut critical, mut alarm) = (Vec::new(), Vec::new(), Vec::new());
    for (model, arm, watch) in drifts.arms() {
        for (track, judgement) in
            watch.tracks().filter_map(|track| Some((track, track.last.as_ref()?)))
        {
            let mut labels = labels(model, arm, watch);
            labels.push(("series", track.label.clone()));
            psi.push((labels.clone(), judgement.psi));
            let limit = judgement.critical.unwrap_or(judgement.critical_independent);
            critical.push((labels.clone(), limit));
            alarm.push((labels, f64::from(u8::from(judgement.is_drift))));
        }
    }
    let series = |name, help, members| Gauges { name, help, members };
    vec![
        series("factord_drift_psi", "Population stability index of the last window", psi),
        series("factord_drift_psi_critical", "Its critical value", critical),
        series("factord_drift", "1 while the last window is drift", alarm),
        of_arms(drifts, "factord_null_ratio", "Requests with a feature that is no number", |arm| {
            (arm.windows > 0).then_some(arm.shares.nulls)
        }),
        of_arms(
            drifts,
            "factord_out_of_range_ratio",
            "Requests with a feature outside the range of training",
            |arm| arm.shares.outside.filter(|_| arm.windows > 0),
        ),
        of_arms(
            drifts,
            "factord_last_answer_timestamp_seconds",
            "When the arm answered last, since 1970",
            |arm| (arm.latest_ns > 0).then_some(arm.latest_ns as f64 / 1e9),
        ),
    ]
}
