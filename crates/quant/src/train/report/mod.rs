//! The report of a training as one page: no script, nothing from elsewhere.

mod charts;
mod tables;

use super::figures::{BASELINES, CLASS_BASELINES};
use super::summary::{area, between, date_time, parts, percent};
use super::{Shown, Trained, Warning};
use crate::plot::{escaped, page_head};
use crate::skill;
use crate::skill::figure;
use crate::target::Target;
use std::fmt::{Result, Write};

/// The whole page.
pub fn page(trained: &Trained) -> String {
    let title = format!("{} by factord train", trained.settings.target_name());
    let mut out = page_head(&title, "wide");
    // Writing to a string cannot fail.
    let _ = write_page(trained, &mut out);
    out
}

fn write_page(trained: &Trained, out: &mut String) -> Result {
    head(trained, out)?;
    warnings(trained, out)?;
    tiles(trained, out)?;
    verdicts(trained, out)?;
    tables::parts(trained, out)?;
    tables::folds(trained, out)?;
    for (part, figures) in parts(trained) {
        for (name, one) in figures.skills() {
            skill::page(&format!("{name} model, {part}"), name, one, out)?;
        }
    }
    charts::periods(trained, out)?;
    if trained.regression.is_some() {
        charts::fit(trained, out)?;
    }
    charts::calibration(trained, out)?;
    charts::coefficients(trained, out)?;
    tables::symbols(trained, out)?;
    tables::settings(trained, out)?;
    writeln!(out, "</body></html>")
}

fn head(trained: &Trained, out: &mut String) -> Result {
    let (settings, counts) = (&trained.settings, &trained.counts);
    let when = match settings.horizon {
        _ if settings.target.horizon().is_some() => "over the windows after its inputs".to_owned(),
        0 => "in the same window as its inputs".to_owned(),
        1 => "one window after its inputs".to_owned(),
        later => format!("{later} windows after its inputs"),
    };
    let what = match &settings.target {
        Target::Column(name) => name.clone(),
        Target::Return(1) => "log return of 1 window".to_owned(),
        Target::Return(windows) => format!("log return of {windows} windows"),
    };
    let shown = settings.features.iter().take(8).map(|name| escaped(name)).collect::<Vec<_>>();
    let more = settings.features.len() - shown.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    writeln!(
        out,
        "<h1>{}</h1><p>{} from {}{more}, {when}; {} rows of {} symbol{}, trained {}.</p>",
        escaped(&settings.target_name()),
        escaped(&what),
        shown.join(", "),
        counts.used,
        counts.symbols,
        if counts.symbols == 1 { "" } else { "s" },
        escaped(&settings.trained_at),
    )?;
    let Some(data) = trained.stated.data() else { return Ok(()) };
    writeln!(
        out,
        "<div class=\"warn\"><b>{} data.</b> What holds for them says nothing of a market.</div>",
        capital(data)
    )
}

fn warnings(trained: &Trained, out: &mut String) -> Result {
    for warning in &trained.warnings {
        let head = match warning {
            Warning::Affine { .. } | Warning::NearlyAffine { .. } => "An identity, not skill. ",
            Warning::Overlap { .. } => "Look-ahead. ",
            _ => "",
        };
        let text = escaped(&capital(&warning.to_string()));
        writeln!(out, "<div class=\"warn\"><b>{head}</b>{text}.</div>")?;
    }
    Ok(())
}

/// What the drawings are about, in words.
fn shown(trained: &Trained) -> &'static str {
    match trained.shown {
        Shown::WalkForward => "tests of all folds",
        Shown::Holdout => "tables held out",
        Shown::Training => "rows it was fitted to, as nothing was tested",
    }
}

fn tiles(trained: &Trained, out: &mut String) -> Result {
    let (name, figures) = parts(trained)[0];
    let mut tiles = Vec::new();
    if let Some(line) = &figures.line {
        let best = line.best_baseline();
        tiles.push((figure(line.r2), format!("R2, {name}")));
        tiles.push((figure(line.baseline_r2[best]), format!("R2 of the {}", BASELINES[best])));
    }
    if let Some(class) = &figures.class {
        let best = class.best_baseline();
        tiles.push((percent(class.accuracy), format!("accuracy, {name}")));
        let of_best = class.baseline_accuracy[best];
        tiles.push((percent(of_best), format!("accuracy of the {}", CLASS_BASELINES[best])));
        tiles.push((area(class), format!("AUC, {name}; 0.5 is chance")));
    }
    write!(out, "<div class=\"tiles\">")?;
    for (value, what) in tiles {
        write!(out, "<div class=\"tile\"><b>{value}</b><span>{what}</span></div>")?;
    }
    writeln!(out, "</div>")
}

/// Whether the models are better than their baselines, in a sentence each.
fn verdicts(trained: &Trained, out: &mut String) -> Result {
    let (name, figures) = parts(trained)[0];
    let Some(intervals) = &figures.intervals else {
        return writeln!(
            out,
            "<p class=\"note\">Nothing was tested: these are figures on the rows the models were \
             fitted to, and say little about others.</p>"
        );
    };
    let verdict = |(low, high): (f64, f64)| match (low, high) {
        (low, _) if low > 0.0 => "is better than",
        (_, high) if high < 0.0 => "is worse than",
        _ => "cannot be distinguished from",
    };
    if let Some(line) = &figures.line {
        let interval = intervals.line_gain;
        writeln!(
            out,
            "<p class=\"note\">{}: the linear model {} its best baseline, the {}: a gain in RMSE of {} \
             (95 %: {}).</p>",
            capital(name),
            verdict(interval),
            BASELINES[line.best_baseline()],
            percent(line.gain),
            between(interval, percent),
        )?;
    }
    if let Some(class) = &figures.class {
        let interval = intervals.class_gain;
        writeln!(
            out,
            "<p class=\"note\">{}: the classifier {} its best baseline, the {}: a gain in accuracy of {} \
             (95 %: {}).</p>",
            capital(name),
            verdict(interval),
            CLASS_BASELINES[class.best_baseline()],
            percent(class.gain),
            between(interval, percent),
        )?;
    }
    Ok(())
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// A time in nanoseconds since 1970, to the minute.
fn time(ns: i64) -> String {
    let seconds = u64::try_from(ns / 1_000_000_000).unwrap_or(0);
    date_time(seconds)[..16].replace('T', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_begins_with_a_capital_and_times_are_to_the_minute() {
        assert_eq!(capital("walk-forward"), "Walk-forward");
        assert_eq!(capital(""), "");
        assert_eq!(time(951_782_400_000_000_000), "2000-02-29 00:00");
    }
}
