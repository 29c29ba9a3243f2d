//! An evaluation as one page: no script, nothing from elsewhere.

use super::{By, Classifier, Figures, Group, Question, Report, overall, regression_cells};
use super::{CLASSIFIER, EvaluateArgs, REGRESSION, classifier_cells, defined, four, said};
use factord_quant::evaluate::Ranked;
use factord_quant::plot::{Axis, Chart, escaped, page_head};
use factord_quant::skill;
use std::fmt::{Result, Write};

/// Groups of a sort that are listed; JSON has all of them.
const GROUPS_MAX: usize = 60;

/// The whole page.
pub(super) fn page(args: &EvaluateArgs, question: &Question, report: &Report) -> String {
    let mut out = page_head(&format!("{} by factord evaluate", question.outcome()), "wide");
    // Writing to a string cannot fail.
    let _ = write_page(args, question, report, &mut out);
    out
}

fn write_page(
    args: &EvaluateArgs,
    question: &Question,
    report: &Report,
    out: &mut String,
) -> Result {
    writeln!(
        out,
        "<h1>{}</h1><p>Predictions in {}: {} rows, {} without a prediction, {} without an outcome. \
         An outcome is {}.</p>",
        escaped(&question.outcome()),
        escaped(&args.predictions.display().to_string()),
        report.row_count,
        report.unpredicted_count,
        report.unknown_count,
        match question.horizon {
            0 => "that of the prediction's own window".to_owned(),
            1 => "that of the next window of the same session".to_owned(),
            later => format!("that of the window {later} later in the same session"),
        }
    )?;
    for line in question.lines() {
        writeln!(out, "<p>{}</p>", escaped(&line))?;
    }
    tiles(&report.overall, out)?;
    let ranked = [
        ("regression", "linear", &report.regression),
        ("classifier", "logistic", &report.classifier),
    ];
    for (name, class, ranked) in ranked {
        let Some(Ranked { intervals, skill }) = ranked else { continue };
        writeln!(out, "<p>{}.</p>", escaped(&said(name, intervals)))?;
        skill::page(name, class, skill, out)?;
    }
    if let Some(classifier) = &report.overall.classifier {
        calibration(classifier, out)?;
    }
    let periods = report.groups.iter().filter(|(by, _)| *by != By::Symbol);
    periods.clone().try_for_each(|(by, groups)| over_time(*by, groups, out))?;
    tables("All rows", &[overall(report)], out)?;
    for (by, groups) in &report.groups {
        tables(&format!("By {}", by.name()), groups, out)?;
    }
    writeln!(out, "</body></html>")
}

fn tiles(overall: &Figures, out: &mut String) -> Result {
    let mut tiles = Vec::new();
    if let Some(line) = &overall.regression {
        tiles.push((defined(line.r2), "R2; 0 is the mean of these outcomes"));
        tiles.push((four(line.rmse), "RMSE"));
    }
    if let Some(class) = &overall.classifier {
        tiles.push((four(class.accuracy), "accuracy"));
        tiles.push((four(constant(class)), "accuracy of the better constant class"));
        tiles.push((defined(class.auc), "AUC; 0.5 is chance"));
        tiles.push((four(class.ece), "expected calibration error"));
    }
    write!(out, "<div class=\"tiles\">")?;
    for (value, what) in tiles {
        write!(out, "<div class=\"tile\"><b>{value}</b><span>{what}</span></div>")?;
    }
    writeln!(out, "</div>")
}

/// The accuracy of always saying the class that is seen more often.
fn constant(class: &Classifier) -> f64 {
    class.positive_share.max(1.0 - class.positive_share)
}

/// Whether probabilities mean what they say.
fn calibration(class: &Classifier, out: &mut String) -> Result {
    writeln!(
        out,
        "<h2>Calibration</h2><p>Share of class 1 among the rows of each tenth of probability. On the \
         dashed line probabilities are right; bars show where the rows are.</p>"
    )?;
    let axis = |title: &str| Axis::between(0.0, 1.0, title);
    let mut chart = Chart::new(axis("probability"), axis("share of class 1"), "Calibration");
    let most = class.bins.iter().map(|bin| bin.row_count).max().unwrap_or(1) as f64;
    for bin in &class.bins {
        // A third of the height is enough to see where the rows are.
        let top = bin.row_count as f64 / most / 3.0;
        chart.cell("logistic", (bin.low + 0.008, 0.0), (bin.low + 0.092, top), 0.18);
    }
    chart.segment("floor dash", (0.0, 0.0), (1.0, 1.0));
    let points = || class.bins.iter().map(|bin| (bin.predicted, bin.observed));
    chart.line("logistic", points());
    chart.dots("logistic big", points());
    writeln!(out, "{}", chart.finish())
}

/// The error and the accuracy of each period, next to what a constant reaches there.
fn over_time(by: By, groups: &[Group], out: &mut String) -> Result {
    if groups.len() < 3 {
        return Ok(());
    }
    write!(out, "<h2>Each {}</h2><div class=\"pair\">", by.name())?;
    let places = || groups.iter().enumerate().map(|(at, group)| (at as f64, &group.figures));
    let lines = || places().filter_map(|(at, all)| Some((at, all.regression.as_ref()?)));
    if lines().next().is_some() {
        let y = Axis::from_zero(lines().flat_map(|(_, line)| [line.rmse, line.deviation]), "RMSE");
        let mut chart = Chart::new(names(groups), y, "RMSE over time");
        chart.line("floor", lines().map(|(at, line)| (at, line.deviation)));
        chart.line("linear", lines().map(|(at, line)| (at, line.rmse)));
        keys(["linear", "regression"], "deviation of the outcomes (R2 = 0)", out)?;
        writeln!(out, "{}</div>", chart.finish())?;
    }
    let classes = || places().filter_map(|(at, all)| Some((at, all.classifier.as_ref()?)));
    if classes().next().is_some() {
        let y = Axis::between(0.0, 1.0, "accuracy");
        let mut chart = Chart::new(names(groups), y, "Accuracy over time");
        chart.line("floor", classes().map(|(at, class)| (at, constant(class))));
        chart.line("logistic", classes().map(|(at, class)| (at, class.accuracy)));
        keys(["logistic", "classifier"], "better constant class of each", out)?;
        writeln!(out, "{}</div>", chart.finish())?;
    }
    writeln!(out, "</div>")
}

/// Opens the box of a chart, with what its two lines are.
fn keys([class, name]: [&str; 2], floor: &str, out: &mut String) -> Result {
    write!(
        out,
        "<div><p><span class=\"key\" style=\"--hue:var(--{class})\">{name}</span>\
         <span class=\"key\" style=\"--hue:var(--floor)\">{floor}</span></p>"
    )
}

/// An axis with a place for each period, at most four of them with its name and none at the edge.
fn names(groups: &[Group]) -> Axis {
    let count = groups.len().min(4);
    let named = (0..count).map(|tick| {
        let at = (2 * tick + 1) * groups.len() / (2 * count);
        // Without the year, to the minute.
        let name = &groups[at].name;
        (at as f64, name.get(5..16).unwrap_or(name).replace('T', " "))
    });
    let edge = |at: f64| std::iter::once((at, String::new()));
    let ticks = edge(-0.5).chain(named).chain(edge(groups.len() as f64 - 0.5));
    Axis::of(ticks.collect(), "UTC")
}

fn tables(title: &str, groups: &[Group], out: &mut String) -> Result {
    writeln!(out, "<h2>{title}</h2>")?;
    let shown = &groups[..groups.len().min(GROUPS_MAX)];
    table("regression", &REGRESSION, shown, out, regression_cells)?;
    table("classifier", &CLASSIFIER, shown, out, classifier_cells)?;
    match groups.len() - shown.len() {
        0 => Ok(()),
        more => writeln!(out, "<p>... and {more} more, which --json has.</p>"),
    }
}

fn table<const N: usize>(
    title: &str,
    heads: &[&str; N],
    groups: &[Group],
    out: &mut String,
    cells: impl Fn(&Group) -> Option<[String; N]>,
) -> Result {
    let rows = groups.iter().filter_map(|group| cells(group).map(|row| (&group.name, row)));
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return Ok(());
    }
    write!(out, "<div class=\"scroll\"><table><tr><th>{title}</th>")?;
    heads.iter().try_for_each(|head| write!(out, "<th>{head}</th>"))?;
    for (name, row) in rows {
        write!(out, "</tr>\n<tr><td>{}</td>", escaped(name))?;
        row.iter().try_for_each(|cell| write!(out, "<td>{cell}</td>"))?;
    }
    writeln!(out, "</tr></table></div>")
}
