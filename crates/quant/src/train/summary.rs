//! The outcome of a training, for people and for machines.

use super::figures::{BASELINES, CLASS_BASELINES};
use super::{ClassFigures, Coefficient, Figures, Interval, Trained};
use crate::skill::{self, figure};
use factord_eval::Affine;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

/// Coefficients that a text shows; JSON has all of them.
const COEFFICIENTS_SHOWN_MAX: usize = 16;

/// A page of text for a terminal.
pub fn text(trained: &Trained) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_text(trained, &mut out);
    out
}

/// When a training that begins now is said to have happened: now, or the time by which
/// reproducible builds are dated (`SOURCE_DATE_EPOCH`).
pub fn trained_at() -> String {
    let dated = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    let now = || {
        // A clock before 1970 is no reason to fail.
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    };
    date_time(dated.unwrap_or_else(now))
}

/// A time in UTC, as ISO 8601 writes it, from seconds since 1970.
pub fn date_time(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days since 0000-03-01 in eras of 400 years, as in Howard Hinnant's `civil_from_days`.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = 400 * era + year + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// A share in percent, or a dash.
pub(super) fn percent(value: f64) -> String {
    if value.is_finite() { format!("{:.1} %", 100.0 * value) } else { "-".to_owned() }
}

/// The area under the ROC curve, with as many digits as are right.
pub(super) fn area(class: &ClassFigures) -> String {
    match class.auc_is_exact {
        false if class.auc.is_finite() => format!("{:.2}", class.auc),
        _ => figure(class.auc),
    }
}

/// `0.12 to 0.34`, or nothing.
pub(super) fn between((low, high): Interval, show: fn(f64) -> String) -> String {
    if low.is_finite() { format!("{} to {}", show(low), show(high)) } else { String::new() }
}

/// The parts of the report by their names.
pub(super) fn parts(trained: &Trained) -> Vec<(&'static str, &Figures)> {
    let tests = trained.walk_forward.iter().map(|figures| ("walk-forward", figures));
    let holdout = trained.holdout.iter().map(|figures| ("held out", figures));
    tests.chain(holdout).chain([("training", &trained.training)]).collect()
}

fn write_text(trained: &Trained, out: &mut String) -> fmt::Result {
    let (settings, counts) = (&trained.settings, &trained.counts);
    writeln!(
        out,
        "{} from {}: {} rows of {} read, {} symbol{}",
        settings.target_name(),
        settings.features.join(", "),
        counts.used,
        counts.read,
        counts.symbols,
        if counts.symbols == 1 { "" } else { "s" },
    )?;
    if let Some(data) = trained.stated.data() {
        writeln!(out, "  {data} data: what holds for them says nothing of a market")?;
    }
    if counts.not_finite > 0 {
        writeln!(out, "  dropped {} without all their numbers", counts.not_finite)?;
    }
    if counts.no_target > 0 {
        let later = settings.horizon;
        writeln!(
            out,
            "  dropped {} without a window {later} later in their session",
            counts.no_target
        )?;
    }
    for warning in &trained.warnings {
        writeln!(out, "\nWARNING: {warning}.")?;
    }
    line_table(trained, out)?;
    class_table(trained, out)?;
    for (part, figures) in parts(trained) {
        for (at, (name, skill)) in figures.skills().enumerate() {
            if at == 0 {
                writeln!(out, "\nOrder, {part}")?;
            }
            out.push_str(&skill::text(name, skill, 0));
        }
    }
    folds(trained, out)?;
    coefficients("Linear weights", &trained.line_coefficients, out)?;
    let title = "Logistic weights, for one deviation each";
    coefficients(title, &trained.class_coefficients, out)
}

fn line_table(trained: &Trained, out: &mut String) -> fmt::Result {
    if trained.regression.is_none() {
        return Ok(());
    }
    writeln!(out, "\nLinear          rows       R2   RMSE        {}", rmse_heads())?;
    for (name, figures) in parts(trained) {
        let Some(line) = &figures.line else { continue };
        write!(
            out,
            "  {name:<12}{:>6}  {:>7}   {:<10}",
            line.rows,
            figure(line.r2),
            figure(line.rmse)
        )?;
        line.baseline_rmse.iter().try_for_each(|&rmse| write!(out, "  {:<13}", figure(rmse)))?;
        writeln!(out)?;
        if let Some(intervals) = &figures.intervals {
            let (r2, gain) = (between(intervals.r2, figure), between(intervals.line_gain, percent));
            let best = BASELINES[line.best_baseline()];
            writeln!(
                out,
                "    95 %: R2 {r2}; RMSE below the {best}'s by {} ({gain})",
                percent(line.gain)
            )?;
        }
    }
    Ok(())
}

fn rmse_heads() -> String {
    BASELINES.iter().map(|name| format!("  {name:<13}")).collect::<String>().trim().to_owned()
}

fn class_table(trained: &Trained, out: &mut String) -> fmt::Result {
    if trained.classification.is_none() {
        return Ok(());
    }
    writeln!(
        out,
        "\nLogistic, 1 above {}\n                rows   accuracy    AUC   {}",
        trained.cut,
        CLASS_BASELINES.join("     ")
    )?;
    for (name, figures) in parts(trained) {
        let Some(class) = &figures.class else { continue };
        writeln!(
            out,
            "  {name:<12}{:>6}     {}  {:>6}   {:<10}     {:<14}     {}",
            class.rows,
            figure(class.accuracy),
            area(class),
            figure(class.baseline_accuracy[0]),
            figure(class.baseline_accuracy[1]),
            figure(class.baseline_accuracy[2])
        )?;
        if let Some(intervals) = &figures.intervals {
            writeln!(
                out,
                "    95 %: accuracy {}, AUC {}; above the {}'s by {} ({})",
                between(intervals.accuracy, figure),
                between(intervals.auc, figure),
                CLASS_BASELINES[class.best_baseline()],
                percent(class.gain),
                between(intervals.class_gain, percent)
            )?;
        }
    }
    Ok(())
}

fn folds(trained: &Trained, out: &mut String) -> fmt::Result {
    if trained.folds.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\nFold  trained  purged  tested       R2  best baseline  accuracy  best baseline"
    )?;
    for (at, fold) in trained.folds.iter().enumerate() {
        let line = fold
            .line
            .map_or((f64::NAN, f64::NAN), |line| (line.r2, line.baseline_r2[line.best_baseline()]));
        let class = fold.class.map_or((f64::NAN, f64::NAN), |class| {
            (class.accuracy, class.baseline_accuracy[class.best_baseline()])
        });
        let tested = fold.line.map(|line| line.rows).or(fold.class.map(|class| class.rows));
        writeln!(
            out,
            "{:>4}  {:>7}  {:>6}  {:>6}  {:>7}  {:>13}  {:>8}  {:>13}",
            at + 1,
            fold.trained,
            fold.purged,
            tested.unwrap_or(0),
            figure(line.0),
            figure(line.1),
            figure(class.0),
            figure(class.1)
        )?;
    }
    Ok(())
}

fn coefficients(title: &str, all: &[Coefficient], out: &mut String) -> fmt::Result {
    if all.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title}")?;
    let width = all.iter().map(|one| one.name.chars().count()).max().unwrap_or(0);
    for one in all.iter().take(COEFFICIENTS_SHOWN_MAX) {
        let interval = between(one.interval, figure);
        let line = format!("  {:<width$}  {:>10}  {interval}", one.name, figure(one.weight));
        writeln!(out, "{}", line.trim_end())?;
    }
    if all.len() > COEFFICIENTS_SHOWN_MAX {
        writeln!(out, "  ... and {} more: --json has all", all.len() - COEFFICIENTS_SHOWN_MAX)?;
    }
    Ok(())
}

/// Everything, as one JSON object; figures that are not defined are null.
pub fn json(trained: &Trained) -> Value {
    let (settings, counts) = (&trained.settings, &trained.counts);
    let folds: Vec<Value> = trained
        .folds
        .iter()
        .map(|fold| {
            json!({
                "from_ns": fold.from_ns,
                "trained": fold.trained,
                "purged": fold.purged,
                "cut": fold.cut,
                "linear": fold.line.as_ref().map(line_json),
                "logistic": fold.class.as_ref().map(class_json),
            })
        })
        .collect();
    let symbols: Map<String, Value> = trained
        .symbols
        .iter()
        .map(|(name, figures)| (name.clone(), figures_json(figures)))
        .collect();
    let kinds: Vec<&str> = trained.warnings.iter().map(super::Warning::kind).collect();
    json!({
        "target": settings.target_name(),
        "features": settings.features,
        "horizon": settings.horizon,
        "settings": trained.stated.settings().collect::<BTreeMap<_, _>>(),
        "data": trained.stated.data(),
        "rows": {
            "read": counts.read,
            "used": counts.used,
            "not_finite": counts.not_finite,
            "no_target": counts.no_target,
            "held_out": counts.held_out,
        },
        "cut": trained.cut,
        "warnings": trained.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "warning_kinds": kinds,
        "walk_forward": trained.walk_forward.as_ref().map(figures_json),
        "holdout": trained.holdout.as_ref().map(figures_json),
        "training": figures_json(&trained.training),
        "folds": folds,
        "symbols": symbols,
        "linear": model_json(trained.regression.as_ref(), &trained.line_coefficients),
        "logistic": model_json(trained.classification.as_ref(), &trained.class_coefficients),
    })
}

fn model_json(
    artifact: Option<&factord_models::file::Artifact>,
    coefficients: &[Coefficient],
) -> Value {
    let Some(artifact) = artifact else { return Value::Null };
    let affine = artifact.model().affine();
    let one = |one: &Coefficient| {
        json!({
            "feature": one.name,
            "weight": one.weight,
            "low": one.interval.0,
            "high": one.interval.1,
            "per_deviation": one.per_deviation,
        })
    };
    json!({
        "name": artifact.name(),
        "intercept": affine.map(Affine::intercept),
        "mean": affine.map(Affine::mean),
        "scale": affine.map(Affine::scale),
        "coefficients": coefficients.iter().map(one).collect::<Vec<_>>(),
    })
}

fn figures_json(figures: &Figures) -> Value {
    let mut all = json!({
        "linear": figures.line.as_ref().map(line_json),
        "logistic": figures.class.as_ref().map(class_json),
    });
    for (name, skill) in figures.skills() {
        if let Some(all) = all[name].as_object_mut() {
            all.append(&mut skill::json(skill));
        }
    }
    if let Some(intervals) = &figures.intervals {
        let pair = |interval: Interval| json!([interval.0, interval.1]);
        if figures.line.is_some() {
            all["linear"]["r2_interval"] = pair(intervals.r2);
            all["linear"]["gain_interval"] = pair(intervals.line_gain);
        }
        if figures.class.is_some() {
            all["logistic"]["accuracy_interval"] = pair(intervals.accuracy);
            all["logistic"]["gain_interval"] = pair(intervals.class_gain);
            all["logistic"]["auc_interval"] = pair(intervals.auc);
        }
    }
    all
}

fn named<const N: usize>(names: [&str; N], values: [f64; N]) -> Value {
    let pairs = names.into_iter().zip(values);
    pairs.map(|(name, value)| (name.replace(' ', "_"), json!(value))).collect::<Map<_, _>>().into()
}

fn line_json(line: &super::LineFigures) -> Value {
    json!({
        "rows": line.rows,
        "r2": line.r2,
        "rmse": line.rmse,
        "mae": line.mae,
        "bias": line.bias,
        "gain": line.gain,
        "baseline_r2": named(BASELINES, line.baseline_r2),
        "baseline_rmse": named(BASELINES, line.baseline_rmse),
    })
}

fn class_json(class: &super::ClassFigures) -> Value {
    json!({
        "rows": class.rows,
        "ones": class.ones,
        "accuracy": class.accuracy,
        "precision": class.precision,
        "recall": class.recall,
        "f1": class.f1,
        "auc": class.auc,
        "auc_is_exact": class.auc_is_exact,
        "log_loss": class.log_loss,
        "share_log_loss": class.share_log_loss,
        "gain": class.gain,
        "baseline_accuracy": named(CLASS_BASELINES, class.baseline_accuracy),
    })
}

#[cfg(test)]
mod tests {
    use super::date_time;

    #[test]
    fn times_are_written_as_the_calendar_has_them() {
        assert_eq!(date_time(0), "1970-01-01T00:00:00Z");
        assert_eq!(date_time(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(date_time(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(date_time(1_709_251_199), "2024-02-29T23:59:59Z");
        assert_eq!(date_time(4_102_444_800), "2100-01-01T00:00:00Z");
    }
}
