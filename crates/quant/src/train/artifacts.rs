//! From models and figures to artifacts.

use super::figures::{BASELINES, CLASS_BASELINES};
use super::load::Loaded;
use super::scratch::Scratch;
use super::trainees::Trainees;
use super::{Figures, TrainError, Trained, Warning, edges, origin};
use crate::target::Target;
use factord_eval::{Affine, Model};
use factord_models::file::{
    Artifact, DataFile, Details, Facts, FeatureStats, Lineage, Metric, MetricValue, TargetStats,
    Training,
};

/// Figures under their keys; those that are not defined are left out.
#[derive(Default)]
struct Metrics(Vec<Metric>);

impl Metrics {
    fn put(&mut self, path: &[&str], value: f64) {
        if value.is_finite() {
            let path = path.iter().map(|&key| key.to_owned()).collect();
            self.0.push(Metric { path, value: MetricValue::Real(value) });
        }
    }

    fn count(&mut self, path: &[&str], value: u64) {
        let path = path.iter().map(|&key| key.to_owned()).collect();
        // 2^63 rows are out of reach.
        let value = MetricValue::Integer(i64::try_from(value).unwrap_or(i64::MAX));
        self.0.push(Metric { path, value });
    }
}

/// Makes the artifacts of the last models.
pub(super) fn make(
    trained: &mut Trained,
    scratch: &Scratch,
    loaded: &Loaded,
    trainees: &Trainees,
    tables: &[DataFile],
) -> Result<(), TrainError> {
    let last = trainees.last();
    let feature_edges = edges::of_features(scratch, loaded)?;
    let artifact = |kind: &'static str, model: &Affine, details: Details| {
        let answer_edges = edges::of_answers(scratch, loaded, model)?;
        let facts = facts(trained, &details.name, &feature_edges, answer_edges, tables);
        Artifact::with_facts(Model::Affine(model.clone()), details, facts)
            .map_err(|error| TrainError::Artifact { name: kind, error })
    };
    let regression = last.linear.as_ref().map(|model| {
        let metrics = line_metrics(trained);
        let name = trained.settings.regression_name();
        artifact("linear", model, details(trained, loaded, trainees, name, metrics))
    });
    let classification = last.logistic.as_ref().map(|model| {
        let metrics = class_metrics(trained);
        let name = trained.settings.classification_name();
        let mut details = details(trained, loaded, trainees, name, metrics);
        details.target.push_str("_binary");
        details.threshold = Some(trained.cut);
        artifact("logistic", model, details)
    });
    let (regression, classification) = (regression.transpose()?, classification.transpose()?);
    (trained.regression, trained.classification) = (regression, classification);
    Ok(())
}

fn details(
    trained: &Trained,
    loaded: &Loaded,
    trainees: &Trainees,
    name: &str,
    metrics: Metrics,
) -> Details {
    let settings = &trained.settings;
    let moments = trainees.last_moments();
    let seen = |j: usize| (moments.mean[j], moments.std[j], &loaded.seen[j]);
    let feature = |j: usize| {
        let (mean, std, seen) = seen(j);
        FeatureStats { mean, std, min: Some(seen.min), max: Some(seen.max) }
    };
    let width = settings.features.len();
    let (mean, std, target) = seen(width);
    Details {
        name: name.to_owned(),
        feature_names: settings.features.clone(),
        target: settings.target_name(),
        feature_stats: (0..width).map(feature).collect(),
        target_stats: Some(TargetStats {
            mean,
            std,
            median: trainees.medians.last().copied(),
            min: Some(target.min),
            max: Some(target.max),
        }),
        metrics: metrics.0,
        trained_at: settings.trained_at.clone(),
        threshold: None,
        source: source(trained),
    }
}

/// What the artifact of one name says of its rows.
fn facts(
    trained: &Trained,
    name: &str,
    feature_edges: &[[f64; 9]],
    answer_edges: [f64; 9],
    tables: &[DataFile],
) -> Facts {
    let settings = &trained.settings;
    let training = Training {
        target: match &settings.target {
            Target::Column(name) => name.clone(),
            Target::Return(_) => settings.target_name(),
        },
        // At most HORIZON_MAX.
        horizon: settings.horizon as u32,
        // From seconds of 0 or more.
        pause_ns: settings.pause_ns.map(i64::unsigned_abs),
        rows: trained.counts.used,
        feature_edges: feature_edges.to_vec(),
        answer_edges,
    };
    let lineage = Lineage { parent: origin::parent(settings, name), tables: tables.to_vec() };
    Facts {
        settings: trained.stated.clone(),
        training: Some(training),
        lineage: Some(lineage),
        others: Vec::new(),
    }
}

fn source(trained: &Trained) -> String {
    let (settings, counts) = (&trained.settings, &trained.counts);
    let identity = |warning: &Warning| {
        matches!(warning, Warning::Affine { .. } | Warning::NearlyAffine { .. })
    };
    let mut text = format!(
        "factord {} train: {} rows, horizon {}, {} folds, seed {}",
        env!("CARGO_PKG_VERSION"),
        counts.used,
        settings.horizon,
        settings.folds,
        settings.seed,
    );
    if let Some(data) = trained.stated.data() {
        text.push_str(&format!("; {data} data"));
    }
    if trained.warnings.iter().any(identity) {
        text.push_str("; the target is affine in its inputs: an identity, not skill");
    }
    text
}

/// The parts of the report, and the keys they stand under.
fn parts(trained: &Trained) -> Vec<(&'static str, &Figures)> {
    let tests = trained.walk_forward.iter().map(|figures| ("walk_forward", figures));
    let holdout = trained.holdout.iter().map(|figures| ("holdout", figures));
    tests.chain(holdout).chain([("training", &trained.training)]).collect()
}

/// Keys without blanks.
fn key(name: &str) -> String {
    name.replace(' ', "_")
}

fn line_metrics(trained: &Trained) -> Metrics {
    let mut metrics = Metrics::default();
    let tested = trained.walk_forward.as_ref().or(trained.holdout.as_ref());
    // As the replaced service names them.
    if let Some(line) = tested.and_then(|figures| figures.line) {
        metrics.put(&["r2_score"], line.r2);
        metrics.put(&["rmse"], line.rmse);
        metrics.count(&["test_samples"], line.rows);
    }
    metrics.count(&["training_samples"], trained.counts.used);
    metrics.count(&["horizon"], trained.settings.horizon as u64);
    for (part, figures) in parts(trained) {
        let Some(line) = figures.line else { continue };
        metrics.count(&[part, "rows"], line.rows);
        metrics.put(&[part, "r2"], line.r2);
        metrics.put(&[part, "rmse"], line.rmse);
        metrics.put(&[part, "mae"], line.mae);
        for (name, rmse) in BASELINES.into_iter().zip(line.baseline_rmse) {
            metrics.put(&[part, "baseline_rmse", &key(name)], rmse);
        }
        if let Some(intervals) = &figures.intervals {
            metrics.put(&[part, "r2_low"], intervals.r2.0);
            metrics.put(&[part, "r2_high"], intervals.r2.1);
        }
    }
    metrics
}

fn class_metrics(trained: &Trained) -> Metrics {
    let mut metrics = Metrics::default();
    let tested = trained.walk_forward.as_ref().or(trained.holdout.as_ref());
    if let Some(class) = tested.and_then(|figures| figures.class) {
        metrics.put(&["accuracy"], class.accuracy);
        metrics.count(&["test_samples"], class.rows);
    }
    metrics.count(&["training_samples"], trained.counts.used);
    metrics.count(&["horizon"], trained.settings.horizon as u64);
    for (part, figures) in parts(trained) {
        let Some(class) = figures.class else { continue };
        metrics.count(&[part, "rows"], class.rows);
        metrics.put(&[part, "accuracy"], class.accuracy);
        metrics.put(&[part, "precision"], class.precision);
        metrics.put(&[part, "recall"], class.recall);
        metrics.put(&[part, "f1-score"], class.f1);
        metrics.put(&[part, "auc"], class.auc);
        metrics.put(&[part, "log_loss"], class.log_loss);
        for (name, accuracy) in CLASS_BASELINES.into_iter().zip(class.baseline_accuracy) {
            metrics.put(&[part, "baseline_accuracy", &key(name)], accuracy);
        }
        if let Some(intervals) = &figures.intervals {
            metrics.put(&[part, "accuracy_low"], intervals.accuracy.0);
            metrics.put(&[part, "accuracy_high"], intervals.accuracy.1);
        }
    }
    metrics
}
