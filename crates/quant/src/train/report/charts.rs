//! The report's drawings.

use super::super::plots::{ACROSS, PLACES, RESIDUALS, RESIDUALS_SPAN, UP};
use super::super::summary::between;
use super::super::{Coefficient, Trained};
use super::shown;
use crate::plot::{Axis, Chart, escaped};
use crate::skill::figure;
use std::fmt::{Result, Write};

/// Coefficients that are drawn, the strongest first.
const COEFFICIENTS_MAX: usize = 24;

fn key(out: &mut String, keys: &[(&str, &str)]) -> Result {
    write!(out, "<p>")?;
    for (class, name) in keys {
        write!(out, "<span class=\"key\" style=\"--hue:var(--{class})\">{name}</span>")?;
    }
    writeln!(out, "</p>")
}

/// The error over time, next to the best baseline's.
pub(super) fn periods(trained: &Trained, out: &mut String) -> Result {
    if trained.periods.len() < 3 {
        return Ok(());
    }
    writeln!(
        out,
        "<h2>Over time</h2><p>Each place is a block of consecutive windows of the tests, in order. \
         </p><div class=\"pair\">"
    )?;
    let x = |count: usize| Axis::between(1.0, count as f64, "block of windows");
    if let Some(best) = trained.walk_forward.as_ref().and_then(|all| all.line) {
        let best = best.best_baseline();
        let lines: Vec<_> = trained.periods.iter().filter_map(|period| period.line).collect();
        let values = lines.iter().flat_map(|line| [line.rmse, line.baseline_rmse[best]]);
        let y = Axis::from_zero(values, "RMSE");
        let mut chart = Chart::new(x(lines.len()), y, "RMSE over time");
        let at = |(at, value): (usize, f64)| (at as f64 + 1.0, value);
        chart.line("floor", lines.iter().map(|line| line.baseline_rmse[best]).enumerate().map(at));
        chart.line("linear", lines.iter().map(|line| line.rmse).enumerate().map(at));
        write!(out, "<div>")?;
        let name = format!("{} (best baseline)", super::super::BASELINES[best]);
        key(out, &[("linear", "linear model"), ("floor", &name)])?;
        writeln!(out, "{}</div>", chart.finish())?;
    }
    if trained.classification.is_some() {
        let classes: Vec<_> = trained.periods.iter().filter_map(|period| period.class).collect();
        let best =
            |class: &super::super::ClassFigures| class.baseline_accuracy[class.best_baseline()];
        let values = || classes.iter().flat_map(|class| [class.accuracy, best(class)]);
        let low = (values().fold(1.0, f64::min) * 10.0).floor() / 10.0;
        let y = Axis::between(low.min(0.4), 1.0, "accuracy");
        let mut chart = Chart::new(x(classes.len()), y, "Accuracy over time");
        let at = |(at, value): (usize, f64)| (at as f64 + 1.0, value);
        chart.line("floor", classes.iter().map(best).enumerate().map(at));
        chart.line("logistic", classes.iter().map(|class| class.accuracy).enumerate().map(at));
        write!(out, "<div>")?;
        key(out, &[("logistic", "classifier"), ("floor", "better baseline of each block")])?;
        writeln!(out, "{}</div>", chart.finish())?;
    }
    writeln!(out, "</div>")
}

/// Target over prediction, and what is left between them.
pub(super) fn fit(trained: &Trained, out: &mut String) -> Result {
    let (plots, frame) = (&trained.plots, &trained.frame);
    writeln!(
        out,
        "<h2>Fit and residuals</h2><p>Of the {}.</p><div class=\"pair\"><div>",
        shown(trained)
    )?;
    writeln!(
        out,
        "<p>Rows at each prediction and target; the darker, the more. On the line both agree.</p>"
    )?;
    let x = Axis::between(frame.said.0, frame.said.1, "prediction");
    let y = Axis::between(frame.target.0, frame.target.1, "target");
    let mut chart = Chart::new(x, y, "Target over prediction");
    let most = plots.boxes.iter().copied().max().unwrap_or(0).max(1) as f64;
    let at = |(low, high): (f64, f64), place: usize, count: usize| {
        low + (high - low) * place as f64 / count as f64
    };
    for (index, &rows) in plots.boxes.iter().enumerate().filter(|(_, rows)| **rows > 0) {
        let (i, j) = (index % ACROSS, index / ACROSS);
        let from = (at(frame.said, i, ACROSS), at(frame.target, j, UP));
        let to = (at(frame.said, i + 1, ACROSS), at(frame.target, j + 1, UP));
        // The root lifts boxes of few rows into sight.
        chart.cell("linear", from, to, 0.08 + 0.92 * (rows as f64 / most).sqrt());
    }
    let low = frame.said.0.max(frame.target.0);
    let high = frame.said.1.min(frame.target.1);
    if low < high {
        chart.segment("logistic", (low, low), (high, high));
    }
    writeln!(out, "{}</div><div>", chart.finish())?;
    let span = RESIDUALS_SPAN * frame.residual;
    writeln!(
        out,
        "<p>Target minus prediction; the ends hold what lies beyond them. The line is the normal distribution of the same spread.</p>"
    )?;
    let total: u64 = plots.residuals.iter().sum();
    let share = |rows: u64| rows as f64 / total.max(1) as f64;
    let width = 2.0 * span / RESIDUALS as f64;
    let bell = |x: f64| {
        let place: f64 = x / frame.residual;
        (-0.5 * place * place).exp() * width / frame.residual / (2.0 * std::f64::consts::PI).sqrt()
    };
    let y = Axis::from_zero(
        plots.residuals.iter().map(|&rows| share(rows)).chain([bell(0.0)]),
        "share of rows",
    );
    let x = Axis::between(-span, span, "residual");
    let mut chart = Chart::new(x, y, "Residuals");
    for (index, &rows) in plots.residuals.iter().enumerate().filter(|(_, rows)| **rows > 0) {
        let left = -span + index as f64 * width;
        chart.cell("linear", (left, 0.0), (left + 0.9 * width, share(rows)), 0.85);
    }
    let steps = (0..=80).map(|step| -span + span * f64::from(step) / 40.0);
    chart.line("floor", steps.map(|x| (x, bell(x))));
    writeln!(out, "{}</div></div>", chart.finish())
}

/// Whether predictions mean what they say.
pub(super) fn calibration(trained: &Trained, out: &mut String) -> Result {
    writeln!(
        out,
        "<h2>Calibration</h2><p>Mean target of the rows at each prediction, of the {}. On the dashed \
         line predictions are right on average; bars show where the rows are.</p>\
         <div class=\"pair\">",
        shown(trained)
    )?;
    if trained.regression.is_some() {
        let frame = &trained.frame;
        let ends = frame.said;
        let means = trained.plots.line.iter().filter(|place| place[0] > 0.0);
        let means: Vec<f64> =
            means.map(|place| place[2] / place[0]).chain([ends.0, ends.1]).collect();
        let low = means.iter().copied().fold(f64::INFINITY, f64::min);
        let high = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let x = Axis::between(ends.0, ends.1, "prediction");
        let chart = Chart::new(x, Axis::between(low, high, "mean target"), "Calibration, linear");
        let chart = places(chart, "linear", &trained.plots.line, ends, (low, high));
        writeln!(out, "<div>{chart}</div>")?;
    }
    if trained.classification.is_some() {
        let axis = |title: &str| Axis::between(0.0, 1.0, title);
        let chart =
            Chart::new(axis("probability"), axis("share of label 1"), "Calibration, logistic");
        let chart = places(chart, "logistic", &trained.plots.class, (0.0, 1.0), (0.0, 1.0));
        writeln!(out, "<div>{chart}</div>")?;
    }
    writeln!(out, "</div>")
}

fn places(
    mut chart: Chart,
    class: &str,
    sums: &[[f64; 3]],
    ends: (f64, f64),
    (low, high): (f64, f64),
) -> String {
    let most = sums.iter().map(|place| place[0]).fold(1.0, f64::max);
    let width = (ends.1 - ends.0) / PLACES as f64;
    for (at, place) in sums.iter().enumerate().filter(|(_, place)| place[0] > 0.0) {
        let left = ends.0 + at as f64 * width;
        // A third of the height is enough to see where the rows are.
        let top = low + (high - low) * place[0] / most / 3.0;
        chart.cell(class, (left + 0.08 * width, low), (left + 0.92 * width, top), 0.18);
    }
    chart.segment(
        "floor dash",
        (ends.0.max(low), ends.0.max(low)),
        (ends.1.min(high), ends.1.min(high)),
    );
    let points = || {
        let filled = sums.iter().filter(|place| place[0] > 0.0);
        filled.map(|place| (place[1] / place[0], place[2] / place[0]))
    };
    chart.line(class, points());
    chart.dots(class, points());
    chart.finish()
}

/// The weights of one deviation each, with their intervals.
pub(super) fn coefficients(trained: &Trained, out: &mut String) -> Result {
    writeln!(
        out,
        "<h2>Coefficients</h2><p>What one standard deviation more of a feature adds, with \
         intervals of 95 %: \
         to the target, or to the logarithm of the odds.</p><div class=\"pair\">"
    )?;
    let both = [
        ("linear", &trained.line_coefficients, "linear, in the target's unit"),
        ("logistic", &trained.class_coefficients, "logistic, in log odds"),
    ];
    for (class, all, title) in both {
        if !all.is_empty() {
            writeln!(out, "<div>{}</div>", forest(class, all, title))?;
        }
    }
    writeln!(out, "</div>")?;
    let columns = |all: &[Coefficient], name: &str| {
        let one = all.iter().find(|one| one.name == name);
        one.map_or("<td></td><td></td>".to_owned(), |one| {
            let interval = between(one.interval, figure);
            format!("<td>{}</td><td>{interval}</td>", figure(one.weight))
        })
    };
    writeln!(
        out,
        "<div class=\"scroll\"><table><tr><th>weight in the artifact</th><th>linear</th><th>95 %</th>\
         <th>logistic</th><th>95 %</th></tr>"
    )?;
    for name in trained.settings.features.iter().take(COEFFICIENTS_MAX) {
        let linear = columns(&trained.line_coefficients, name);
        let logistic = columns(&trained.class_coefficients, name);
        writeln!(out, "<tr><td>{}</td>{linear}{logistic}</tr>", escaped(name))?;
    }
    writeln!(out, "</table></div>")?;
    let count = trained.settings.features.len();
    if count > COEFFICIENTS_MAX {
        writeln!(out, "<p>... and {} more, which --json has.</p>", count - COEFFICIENTS_MAX)?;
    }
    Ok(())
}

fn forest(class: &str, all: &[Coefficient], title: &str) -> String {
    let mut sorted: Vec<&Coefficient> = all.iter().collect();
    sorted.sort_by(|a, b| b.per_deviation.abs().total_cmp(&a.per_deviation.abs()));
    sorted.truncate(COEFFICIENTS_MAX);
    // The interval is of the weight: it is stretched as the weight is.
    let ends = |one: &Coefficient| {
        let factor = if one.weight == 0.0 { 1.0 } else { one.per_deviation / one.weight };
        if one.interval.0.is_finite() {
            (one.interval.0 * factor, one.interval.1 * factor)
        } else {
            (one.per_deviation, one.per_deviation)
        }
    };
    let values = || sorted.iter().flat_map(|one| [ends(one).0, ends(one).1, 0.0]);
    let low = values().fold(f64::INFINITY, f64::min);
    let high = values().fold(f64::NEG_INFINITY, f64::max);
    // Dozens of names would lie upon each other.
    let named = sorted.len() <= 12;
    let words = sorted.iter().map(|one| Chart::share_of_words(&one.name)).fold(0.0, f64::max);
    let left = if named { words + 0.04 } else { 0.04 };
    let width = (high - low) / (1.0 - left - 0.04);
    let count = sorted.len() as f64;
    let y = Axis::of(vec![(0.4, String::new()), (count + 1.0, String::new())], "");
    let x = Axis::between(low - left * width, high + 0.04 * width, title);
    let mut chart = Chart::new(x, y, title);
    chart.segment("floor dash", (0.0, 0.4), (0.0, count + 1.0));
    for (at, one) in sorted.iter().enumerate() {
        let y = count - at as f64;
        let (low, high) = ends(one);
        chart.segment(class, (low, y), (high, y));
        if named {
            chart.words(y, &one.name);
        }
        chart.dots(&format!("{class} big"), std::iter::once((one.per_deviation, y)));
    }
    chart.finish()
}
