//! The report's tables.

use super::super::figures::{BASELINES, CLASS_BASELINES};
use super::super::summary::{self, area, between, percent};
use super::super::{Figures, Trained};
use super::time;
use crate::plot::escaped;
use crate::skill::figure;
use std::fmt::{Result, Write};

/// Symbols that are shown; JSON has all of them.
const SYMBOLS_MAX: usize = 40;

/// A cell, bold where it is the best of its row.
fn cell(value: f64, best: bool) -> String {
    let class = if best { " class=\"best\"" } else { "" };
    format!("<td{class}>{}</td>", figure(value))
}

/// The figures of both models on all sorts of rows.
pub(super) fn parts(trained: &Trained, out: &mut String) -> Result {
    let parts = summary::parts(trained);
    if trained.regression.is_some() {
        write!(
            out,
            "<h2>Linear model next to its baselines</h2><div \
            class=\"scroll\"><table><tr>"
        )?;
        write!(out, "<th>RMSE</th><th>rows</th><th>model</th>")?;
        BASELINES.iter().try_for_each(|name| write!(out, "<th>{name}</th>"))?;
        writeln!(out, "<th>R2</th><th>95 %</th><th>MAE</th></tr>")?;
        for (name, figures) in &parts {
            let Some(line) = &figures.line else { continue };
            let least = line.baseline_rmse.iter().copied().fold(line.rmse, f64::min);
            write!(out, "<tr><td>{name}</td><td>{}</td>", line.rows)?;
            for rmse in [line.rmse].iter().chain(&line.baseline_rmse) {
                out.push_str(&cell(*rmse, *rmse == least));
            }
            let interval = figures.intervals.map(|all| between(all.r2, figure));
            writeln!(
                out,
                "<td>{}</td><td>{}</td><td>{}</td></tr>",
                figure(line.r2),
                interval.unwrap_or_default(),
                figure(line.mae)
            )?;
        }
        writeln!(out, "</table></div>")?;
    }
    if trained.classification.is_some() {
        write!(
            out,
            "<h2>Classifier next to its baselines</h2><p>Label: {} above {}.</p>",
            escaped(&trained.settings.target_name()),
            trained.cut
        )?;
        write!(
            out,
            "<div class=\"scroll\"><table><tr><th>accuracy</th><th>rows</th><th>model</th>"
        )?;
        CLASS_BASELINES.iter().try_for_each(|name| write!(out, "<th>{name}</th>"))?;
        writeln!(out, "<th>95 %</th><th>AUC</th><th>log loss</th><th>of the share</th></tr>")?;
        for (name, figures) in &parts {
            let Some(class) = &figures.class else { continue };
            let most = class.baseline_accuracy.iter().copied().fold(class.accuracy, f64::max);
            write!(out, "<tr><td>{name}</td><td>{}</td>", class.rows)?;
            for accuracy in [class.accuracy].iter().chain(&class.baseline_accuracy) {
                out.push_str(&cell(*accuracy, *accuracy == most));
            }
            let interval = figures.intervals.map(|all| between(all.accuracy, figure));
            writeln!(
                out,
                "<td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                interval.unwrap_or_default(),
                area(class),
                figure(class.log_loss),
                figure(class.share_log_loss)
            )?;
        }
        writeln!(out, "</table></div>")?;
    }
    Ok(())
}

/// One line a walk-forward test.
pub(super) fn folds(trained: &Trained, out: &mut String) -> Result {
    if trained.folds.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<h2>Walk-forward</h2><p>Each fold trains on what is over before its test begins; rows \
         whose target, plus as many windows again, reaches into the test are left out.</p>\
         <div class=\"scroll\"><table><tr><th>test from (UTC)</th><th>trained</th><th>left out</th>\
         <th>tested</th><th>R2</th><th>{}</th><th>{}</th><th>{}</th><th>accuracy</th><th>{}</th>\
         <th>AUC</th></tr>",
        BASELINES[0],
        BASELINES[1],
        BASELINES[2],
        CLASS_BASELINES.join("</th><th>")
    )?;
    for fold in &trained.folds {
        let from = time(fold.from_ns);
        write!(out, "<tr><td>{from}</td><td>{}</td><td>{}</td>", fold.trained, fold.purged)?;
        figures_row(fold.line, fold.class, out)?;
    }
    if let Some(all) = &trained.walk_forward {
        write!(out, "<tr class=\"total\"><td>all</td><td></td><td></td>")?;
        figures_row(all.line, all.class, out)?;
    }
    writeln!(out, "</table></div>")
}

/// The end of a row: rows, R2 and accuracy next to baselines, AUC.
fn figures_row(
    line: Option<super::super::LineFigures>,
    class: Option<super::super::ClassFigures>,
    out: &mut String,
) -> Result {
    let rows = line.map(|line| line.rows).or(class.map(|class| class.rows)).unwrap_or(0);
    write!(out, "<td>{rows}</td>")?;
    let (r2, baselines) = line.map_or((f64::NAN, [f64::NAN; 3]), |l| (l.r2, l.baseline_r2));
    let most = baselines.iter().copied().fold(r2, f64::max);
    for value in [r2].iter().chain(&baselines) {
        out.push_str(&cell(*value, *value == most));
    }
    let (accuracy, baselines) =
        class.map_or((f64::NAN, [f64::NAN; 3]), |c| (c.accuracy, c.baseline_accuracy));
    let auc = class.as_ref().map_or_else(|| "-".to_owned(), area);
    let most = baselines.iter().copied().fold(accuracy, f64::max);
    for value in [accuracy].iter().chain(&baselines) {
        out.push_str(&cell(*value, *value == most));
    }
    writeln!(out, "<td>{auc}</td></tr>")
}

/// One line per symbol, the largest first.
pub(super) fn symbols(trained: &Trained, out: &mut String) -> Result {
    if trained.symbols.len() < 2 {
        return Ok(());
    }
    let rows = |figures: &Figures| {
        let line = figures.line.map(|line| line.rows);
        line.or(figures.class.map(|class| class.rows)).unwrap_or(0)
    };
    let mut sorted: Vec<&(String, Figures)> = trained.symbols.iter().collect();
    sorted.sort_by(|a, b| rows(&b.1).cmp(&rows(&a.1)).then_with(|| a.0.cmp(&b.0)));
    writeln!(
        out,
        "<h2>By symbol</h2><p>Of the {}.</p><div class=\"scroll\"><table><tr><th>symbol</th>\
         <th>rows</th><th>R2</th><th>{}</th><th>{}</th><th>{}</th><th>accuracy</th><th>{}</th></tr>",
        super::shown(trained),
        BASELINES[0],
        BASELINES[1],
        BASELINES[2],
        CLASS_BASELINES.join("</th><th>")
    )?;
    for (name, figures) in sorted.iter().take(SYMBOLS_MAX) {
        write!(out, "<tr><td>{}</td>", escaped(name))?;
        let mut row = String::new();
        figures_row(figures.line, figures.class, &mut row)?;
        // The area is not counted by symbol.
        let end = row.rfind("<td>").unwrap_or(row.len());
        writeln!(out, "{}</tr>", &row[..end])?;
    }
    writeln!(out, "</table></div>")?;
    if sorted.len() > SYMBOLS_MAX {
        let more = sorted.len() - SYMBOLS_MAX;
        writeln!(out, "<p>... and {more} more, which --json has.</p>")?;
    }
    Ok(())
}

/// How it was made.
pub(super) fn settings(trained: &Trained, out: &mut String) -> Result {
    let (settings, counts) = (&trained.settings, &trained.counts);
    let penalty = settings.c.map_or("none".to_owned(), |c| format!("L2, C = {c}"));
    let cut = settings.cut.map_or("median of each training".to_owned(), |cut| cut.to_string());
    let pause = match settings.pause_ns {
        None => "shorter than the window before it".to_owned(),
        Some(ns) => format!("{} s", ns as f64 / 1e9),
    };
    let share = |rows: u64| percent(rows as f64 / counts.read.max(1) as f64);
    let rows = [
        ("rows read", counts.read.to_string()),
        ("rows used", format!("{} ({})", counts.used, share(counts.used))),
        ("dropped, a number missing", counts.not_finite.to_string()),
        ("dropped, no window that much later", counts.no_target.to_string()),
        ("rows held out", counts.held_out.to_string()),
        ("features", settings.features.join(", ")),
        ("target", settings.target_name()),
        ("folds", settings.folds.to_string()),
        ("ridge", settings.ridge.to_string()),
        ("logistic penalty", penalty),
        ("label's cut", cut),
        ("rolling mean of", format!("{} values", settings.rolling)),
        ("pause within a session", pause),
        ("seed of the intervals", settings.seed.to_string()),
    ];
    writeln!(out, "<h2>How it was made</h2><table class=\"host\">")?;
    for (name, value) in rows {
        writeln!(out, "<tr><td>{name}</td><td>{}</td></tr>", escaped(&value))?;
    }
    writeln!(
        out,
        "</table><p>Intervals: 95 %, from blocks of consecutive windows drawn with replacement. R2 is \
         1 - SSE / SST with the mean of the rows it is about. docs/training.md has the \
         formulas.</p>"
    )
}
