//! An evaluation as JSON: what is not defined is null, and `undefined` says why.

use super::{Question, drawn};
use factord_quant::evaluate::{
    BIN_COUNT, Figures, Group, Grouped, Ranked, Regression, Report, SEED,
};
use factord_quant::skill::{self, DRAWS, Intervals, Undefined};
use serde_json::{Map, Value, json};

pub(super) fn as_json(question: &Question, report: &Report) -> Value {
    let groups = report.groups.iter().map(|(by, groups)| {
        let groups = groups.iter().map(|group| (group.name.clone(), group_json(group)));
        (by.name().to_owned(), Value::Object(groups.collect()))
    });
    json!({
        "outcome": question.outcome(),
        "horizon": question.horizon,
        "cut": question.cut,
        "tz": question.zone.as_ref().map_or("UTC", |zone| zone.zone()),
        "data": question.data,
        "models": question.models,
        "warnings": question.warnings,
        "rows": report.row_count,
        "without_prediction": report.unpredicted_count,
        "without_outcome": report.unknown_count,
        "overall": overall_json(report),
        "by": Value::Object(groups.collect()),
    })
}

/// The figures of all rows with what needs all of them at once.
fn overall_json(report: &Report) -> Value {
    let mut all = figures_json(&report.overall);
    let ranked = [("regression", &report.regression), ("classifier", &report.classifier)];
    for (name, ranked) in ranked {
        if let Some(Ranked { intervals, skill }) = ranked {
            add(&mut all, name, intervals, skill::json(skill));
        }
    }
    all
}

/// The same of a group, without days, deciles and curve.
fn group_json(group: &Group) -> Value {
    let mut all = figures_json(&group.figures);
    let grouped = [("regression", &group.regression), ("classifier", &group.classifier)];
    for (name, grouped) in grouped {
        if let Some(Grouped { intervals, order }) = grouped {
            add(&mut all, name, intervals, skill::order_json(order));
        }
    }
    all
}

/// Adds intervals and more to the figures of a model.
fn add(all: &mut Value, name: &str, intervals: &Intervals, mut more: Map<String, Value>) {
    let Some(figures) = all.get_mut(name).and_then(Value::as_object_mut) else { return };
    let mut reasons = Map::new();
    for (figure, interval) in drawn(name, intervals) {
        let interval = skill::interval_json(figure, interval, &mut reasons);
        figures.insert(figure.to_owned(), interval);
    }
    let unit = intervals.unit.plural();
    let what = json!({"what": unit, "count": intervals.count, "draws": DRAWS, "seed": SEED});
    figures.insert("intervals_by_drawing".to_owned(), what);
    for known in [more.remove("undefined"), figures.remove("undefined")] {
        reasons.extend(known.as_ref().and_then(Value::as_object).cloned().unwrap_or_default());
    }
    figures.append(&mut more);
    figures.insert("undefined".to_owned(), reasons.into());
}

fn figures_json(figures: &Figures) -> Value {
    let regression = figures.regression.as_ref().map(|figures| {
        let Regression { row_count, r2, rmse, mae, mean, deviation } = figures;
        let mut all = json!({"rows": row_count, "r2": r2, "rmse": rmse, "mae": mae,
            "mean_outcome": mean, "std_outcome": deviation});
        if r2.is_none() {
            all["undefined"] = json!({"r2": Undefined::EqualOutcomes.to_string()});
        }
        all
    });
    let classifier = figures.classifier.as_ref().map(|figures| {
        let bins = figures.bins.iter().map(|bin| {
            json!({
                "from": bin.low, "to": bin.low + 1.0 / BIN_COUNT as f64, "rows": bin.row_count,
                "predicted": bin.predicted, "observed": bin.observed,
            })
        });
        let mut all = json!({
            "rows": figures.row_count,
            "positive_share": figures.positive_share,
            "accuracy": figures.accuracy,
            "precision": figures.precision,
            "recall": figures.recall,
            "f1": figures.f1,
            "auc": figures.auc,
            "brier": figures.brier,
            "ece": figures.ece,
            "calibration": bins.collect::<Vec<_>>(),
        });
        let whys = [
            ("auc", figures.auc, Undefined::OneClass.to_string()),
            ("precision", figures.precision, "no row is said to be of class 1".to_owned()),
            ("recall", figures.recall, "no row is of class 1".to_owned()),
            ("f1", figures.f1, "no row is of class 1, or said to be".to_owned()),
        ];
        for (name, _, why) in whys.into_iter().filter(|(_, value, _)| value.is_none()) {
            all["undefined"][name] = why.into();
        }
        all
    });
    json!({"regression": regression, "classifier": classifier})
}
