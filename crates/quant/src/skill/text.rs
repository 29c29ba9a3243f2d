//! A [`Skill`] as tables of text.

use super::blocks::Unit;
use super::days::Summary;
use super::undefined::Figure;
use super::{Interval, Skill};
use std::fmt::{Result, Write};

/// The tables of one model: its correlations, those of up to so many days, and the deciles.
pub fn text(title: &str, skill: &Skill, day_count_max: usize) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_text(title, skill, day_count_max, &mut out);
    out
}

fn write_text(title: &str, skill: &Skill, day_count_max: usize, out: &mut String) -> Result {
    let units = skill.unit.plural();
    writeln!(
        out,
        "\n{:<20}{:>10}{:>10}{:>10}{:>10}   95 % of the mean",
        format!("{title}, by {}", skill.unit.name()),
        "mean",
        "std",
        "t",
        if skill.unit == Unit::Day { "days" } else { "blocks" }
    )?;
    summary("IC (Pearson)", &skill.ic, out)?;
    summary("rank IC (Spearman)", &skill.rank_ic, out)?;
    for why in reasons(skill) {
        writeln!(out, "  -: {why}")?;
    }
    if skill.unit != Unit::Day {
        writeln!(out, "  the table has no start_ns, so these are of {units}, not of days")?;
    }
    if day_count_max > 0 {
        days(skill, day_count_max, out)?;
    }
    deciles(title, skill, out)
}

fn days(skill: &Skill, count_max: usize, out: &mut String) -> Result {
    if !skill.days.is_empty() {
        let unit = skill.unit.name();
        writeln!(out, "{:<20}{:>10}{:>10}{:>10}", format!("  {unit}"), "rows", "IC", "rank IC")?;
    }
    for day in skill.days.iter().take(count_max) {
        let name = format!("  {}", moment(skill.unit, day.start_ns));
        let (ic, rank_ic) = (four(day.ic), four(day.rank_ic));
        write!(out, "{name:<20}{:>10}{ic:>10}{rank_ic:>10}", day.row_count)?;
        writeln!(out, "{}", day.ic.err().map_or(String::new(), |why| format!("   {why}")))?;
    }
    match skill.days.len().saturating_sub(count_max) {
        0 => Ok(()),
        more => writeln!(out, "  ... and {more} more: --json has all"),
    }
}

fn summary(name: &str, of: &Summary, out: &mut String) -> Result {
    let t = of.t.map_or("-".to_owned(), |t| format!("{t:.2}"));
    let (mean, std) = (four(of.mean), four(of.std));
    let interval = of.interval.map_or("-".to_owned(), between);
    writeln!(out, "{name:<20}{mean:>10}{std:>10}{t:>10}{:>10}   {interval}", of.day_count)
}

/// Why some of the figures above are none, each once.
fn reasons(skill: &Skill) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for one in [&skill.ic, &skill.rank_ic] {
        let whys = [one.mean.err(), one.std.err(), one.t.err(), one.interval.err()];
        for why in whys.into_iter().flatten().map(|why| why.to_string()) {
            if !all.contains(&why) {
                all.push(why);
            }
        }
    }
    all
}

fn deciles(title: &str, skill: &Skill, out: &mut String) -> Result {
    let title = format!("{title}, deciles");
    let deciles = match &skill.deciles {
        Ok(deciles) => deciles,
        Err(why) => return writeln!(out, "\n{title:<20} none: {why}"),
    };
    let classes = deciles.iter().any(|decile| decile.positive_share.is_some());
    let last = if classes { "class 1" } else { "" };
    let head = format!("\n{title:<20}{:>10}{:>10}{:>10}{last:>10}", "rows", "predicted", "outcome");
    writeln!(out, "{}", head.trim_end())?;
    let all = deciles.iter().flat_map(|one| [Some(one.predicted), one.outcome]);
    let digits = places(all.flatten());
    for decile in deciles {
        let share = decile.positive_share.map_or(String::new(), |share| format!("{share:.4}"));
        let outcome = decile.outcome.map_or("-".to_owned(), |y| format!("{y:.digits$}"));
        let predicted = format!("{:.digits$}", decile.predicted);
        let number = decile.number;
        let line =
            format!("{number:<20}{:>10}{predicted:>10}{outcome:>10}{share:>10}", decile.row_count);
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Four digits behind the point, or a dash.
pub fn four(figure: Figure) -> String {
    figure.map_or_else(|_| "-".to_owned(), |value| format!("{value:.4}"))
}

/// How many digits behind the point show four of the largest of these values.
fn places(values: impl Iterator<Item = f64>) -> usize {
    let most = values.map(f64::abs).fold(0.0, f64::max);
    // 10: small returns of a tick.
    if most > 0.0 && most < 0.1 {
        (3 - most.log10().floor() as i32).clamp(4, 10) as usize
    } else {
        4
    }
}

/// `0.1234 to 0.2345`.
pub fn between((low, high): Interval) -> String {
    format!("{} to {}", four(Ok(low)), four(Ok(high)))
}

/// What a day or block is called: a date, or the number of its first row from 1.
pub(super) fn moment(unit: Unit, start_ns: i64) -> String {
    match unit {
        Unit::Day | Unit::Windows => date(start_ns.div_euclid(86_400_000_000_000)),
        Unit::Rows => format!("row {}", start_ns + 1),
    }
}

/// A date of UTC, from days since 1970: `2024-02-29`.
pub fn date(days: i64) -> String {
    // Howard Hinnant's civil_from_days: years start in March, eras have 400 years.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let leaps = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leaps) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
