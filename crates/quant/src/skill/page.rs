//! A [`Skill`] as a part of a page: correlations by day, decile bars, the ROC curve.

use super::blocks::Unit;
use super::text::{between, four, moment};
use super::{Day, Decile, Point, Skill, Summary};
use crate::plot::{Axis, Chart, escaped};
use std::fmt::{Result, Write};

/// The drawings of one model, in the colour of a class of the style sheet: `linear` or `logistic`.
pub fn page(title: &str, class: &str, skill: &Skill, out: &mut String) -> Result {
    let what = if skill.unit == Unit::Day { "day" } else { skill.unit.plural() };
    writeln!(out, "<h2>Correlations and deciles, {}</h2>", escaped(title))?;
    writeln!(
        out,
        "<p>IC is Pearson's correlation of prediction and outcome, rank IC Spearman's, over all rows \
         of each {what}; t is the mean over its standard error.</p>"
    )?;
    summaries(skill, out)?;
    write!(out, "<div class=\"pair\">")?;
    if skill.days.iter().filter(|day| day.rank_ic.is_ok()).count() > 1 {
        write!(out, "<div><p>Rank IC of each {what}.</p>{}</div>", days_chart(class, skill))?;
    }
    match &skill.deciles {
        Ok(deciles) => write!(
            out,
            "<div><p>{} of each tenth of the rows, by prediction; the dots are the mean \
             prediction.</p>{}</div>",
            decile_value(deciles).0,
            deciles_chart(class, deciles)
        )?,
        Err(why) => write!(out, "<div><p>No deciles: {why}.</p></div>")?,
    }
    match &skill.roc {
        Some(Ok(points)) => write!(
            out,
            "<div><p>ROC curve; the dashed line is chance.</p>{}</div>",
            roc_chart(class, points)
        )?,
        Some(Err(why)) => write!(out, "<div><p>No ROC curve: {why}.</p></div>")?,
        None => {}
    }
    writeln!(out, "</div>")
}

fn summaries(skill: &Skill, out: &mut String) -> Result {
    let count = if skill.unit == Unit::Day { "days" } else { "blocks" };
    write!(
        out,
        "<div class=\"scroll\"><table><tr><th></th><th>mean</th><th>deviation</th><th>t</th>\
         <th>{count}</th><th>95 % of the mean</th></tr>"
    )?;
    for (name, of) in [("IC", &skill.ic), ("rank IC", &skill.rank_ic)] {
        let Summary { day_count, mean, std, t, interval } = of;
        let t = t.map_or("-".to_owned(), |t| format!("{t:.2}"));
        let interval = interval.map_or_else(|why| format!("none: {why}"), between);
        write!(
            out,
            "<tr><td>{name}</td><td>{}</td><td>{}</td><td>{t}</td><td>{day_count}</td>\
             <td>{interval}</td></tr>",
            four(*mean),
            four(*std)
        )?;
    }
    writeln!(out, "</table></div>")
}

/// The rank IC of each day, as bars from 0.
fn days_chart(class: &str, skill: &Skill) -> String {
    let days: Vec<&Day> = skill.days.iter().collect();
    let values = || days.iter().filter_map(|day| day.rank_ic.ok());
    let (low, high) = values()
        .fold((0.0, 0.0), |(low, high): (f64, f64), value| (low.min(value), high.max(value)));
    let named = days.len().min(4);
    let tick = |tick: usize| {
        let at = (2 * tick + 1) * days.len() / (2 * named);
        (at as f64, moment(skill.unit, days[at].start_ns))
    };
    let edge = |at: f64| std::iter::once((at, String::new()));
    let ends = edge(-0.5).chain((0..named).map(tick)).chain(edge(days.len() as f64 - 0.5));
    let x = Axis::of(ends.collect(), if skill.unit == Unit::Day { "day (UTC)" } else { "block" });
    let mut chart = Chart::new(x, Axis::between(low, high, "rank IC"), "Rank IC over time");
    for (at, day) in days.iter().enumerate() {
        if let Ok(value) = day.rank_ic {
            let at = at as f64;
            chart.cell(class, (at - 0.4, 0.0), (at + 0.4, value), 0.85);
        }
    }
    chart.segment("floor", (-0.5, 0.0), (days.len() as f64 - 0.5, 0.0));
    chart.finish()
}

/// What the bars of deciles are: the share of class 1 where there are classes.
fn decile_value(deciles: &[Decile]) -> (&'static str, fn(&Decile) -> Option<f64>) {
    match deciles.iter().any(|decile| decile.positive_share.is_some()) {
        true => ("Share of class 1", |decile| decile.positive_share),
        false => ("Mean outcome", |decile| decile.outcome),
    }
}

/// Bars of the outcome of each tenth of the rows.
fn deciles_chart(class: &str, deciles: &[Decile]) -> String {
    let (title, value) = decile_value(deciles);
    let bars = || deciles.iter().filter_map(|one| Some((one.number as f64, value(one)?)));
    let all = || bars().map(|bar| bar.1).chain(deciles.iter().map(|one| one.predicted));
    let low = all().fold(f64::INFINITY, f64::min);
    let high = all().fold(f64::NEG_INFINITY, f64::max);
    // Room below the lowest bar, so that it shows.
    let low = low - 0.1 * (high - low);
    let numbers = (0..=11).map(|at| {
        let text = if (1..=10).contains(&at) { at.to_string() } else { String::new() };
        (f64::from(at), text)
    });
    let x = Axis::of(numbers.collect(), "decile of the prediction");
    let y = Axis::between(low, high, title);
    let bottom = y.ends().0;
    let mut chart = Chart::new(x, y, "Deciles");
    for (at, value) in bars() {
        chart.cell(class, (at - 0.4, bottom), (at + 0.4, value), 0.6);
    }
    chart.dots("floor big", deciles.iter().map(|one| (one.number as f64, one.predicted)));
    chart.finish()
}

/// The curve, over chance.
fn roc_chart(class: &str, points: &[Point]) -> String {
    let axis = |title: &str| Axis::between(0.0, 1.0, title);
    let mut chart =
        Chart::new(axis("false positive rate"), axis("true positive rate"), "ROC curve");
    chart.segment("floor dash", (0.0, 0.0), (1.0, 1.0));
    let line = points.iter().map(|point| (point.false_positive_rate, point.true_positive_rate));
    chart.line(class, line);
    chart.finish()
}
