//! [`Tally`]: everything that is being counted.

use super::metrics::{Classes, Values};
use super::{By, EvaluateError, Figures, Group, Grouped, Job, Ranked, Report, SEED};
use crate::skill::{self, Intervals, Order, Row, Rows, Skill};
use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::thread;

/// The most rows of a model that are kept for correlations, deciles, curves and intervals.
// 2^23: 256 MiB for each of the two.
const KEPT_MAX: usize = 1 << 23;

/// What one row says, and of which window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    pub(super) start_ns: Option<i64>,
    pub(super) end_ns: Option<i64>,
    pub(super) regression: Option<f64>,
    pub(super) probability: Option<f64>,
    pub(super) class: Option<f64>,
}

/// The figures of a group under construction.
#[derive(Default)]
struct Counts {
    values: Values,
    classes: Classes,
}

impl Counts {
    fn figures(self) -> Figures {
        Figures { regression: self.values.figures(), classifier: self.classes.figures() }
    }
}

/// Everything that is being counted.
pub(super) struct Tally<'a> {
    job: &'a Job<'a>,
    has_symbols: bool,
    row_count: u64,
    unpredicted_count: u64,
    unknown_count: u64,
    overall: Counts,
    /// With the number of each, in the order in which they first came.
    by_symbol: BTreeMap<String, (u32, Counts)>,
    by_period: Vec<(By, BTreeMap<i64, Counts>)>,
    /// Of all rows together, the predictions of a value and those of a class.
    kept: [Rows; 2],
}

impl<'a> Tally<'a> {
    pub(super) fn new(job: &'a Job<'a>, has_symbols: bool, is_dated: bool) -> Tally<'a> {
        let periods = job.by.iter().filter(|by| **by != By::Symbol);
        Tally {
            job,
            has_symbols,
            row_count: 0,
            unpredicted_count: 0,
            unknown_count: 0,
            overall: Counts::default(),
            by_symbol: BTreeMap::new(),
            by_period: periods.map(|by| (*by, BTreeMap::new())).collect(),
            kept: [false, true].map(|is_class| Rows::new(KEPT_MAX, is_class, is_dated)),
        }
    }

    /// Adds a row with its outcome and label, each NaN when it is not known.
    pub(super) fn add(&mut self, said: &Said, symbol: &str, (outcome, label): (f64, f64)) {
        self.row_count += 1;
        let Said { start_ns, regression, probability, class, .. } = *said;
        let class = class.or(probability.map(|p| f64::from(u8::from(p > 0.5))));
        let missing = |value: Option<f64>| value.is_some_and(|value| !value.is_finite());
        if missing(regression) || missing(probability) || missing(class) {
            self.unpredicted_count += 1;
            return;
        }
        let known = if regression.is_some() { outcome } else { label };
        if !known.is_finite() {
            self.unknown_count += 1;
            return;
        }
        let add = |group: &mut Counts| {
            if let Some(predicted) = regression {
                group.values.add(predicted, outcome);
            }
            if let (Some(probability), Some(class), true) = (probability, class, label.is_finite())
            {
                group.classes.add(probability, class > 0.5, label > 0.5);
            }
        };
        add(&mut self.overall);
        let symbol = if self.has_symbols && self.job.by.contains(&By::Symbol) {
            let (number, counts) = self.of_symbol(symbol);
            add(counts);
            number
        } else {
            0
        };
        let number = i64::try_from(self.row_count - 1).unwrap_or(i64::MAX);
        let kept = Row {
            start_ns: start_ns.unwrap_or(number),
            predicted: f64::NAN,
            outcome,
            hit: class.is_some_and(|class| (class > 0.5) == (label > 0.5)),
            label: label > 0.5,
            symbol,
        };
        if let Some(predicted) = regression {
            self.kept[0].add(Row { predicted, ..kept });
        }
        if let (Some(predicted), true) = (probability, label.is_finite()) {
            self.kept[1].add(Row { predicted, ..kept });
        }
        if let Some(start) = start_ns {
            let start = self.local_ns(start);
            for (by, groups) in &mut self.by_period {
                add(groups.entry(start.div_euclid(by.period_ns())).or_default());
            }
        }
    }

    /// The number of a symbol, and what is counted of it.
    fn of_symbol(&mut self, symbol: &str) -> (u32, &mut Counts) {
        if !self.by_symbol.contains_key(symbol) {
            let number = u32::try_from(self.by_symbol.len()).unwrap_or(u32::MAX);
            self.by_symbol.insert(symbol.to_owned(), (number, Counts::default()));
        }
        let (number, counts) = self.by_symbol.get_mut(symbol).expect("it was put in above");
        (*number, counts)
    }

    /// A moment by the clock of the zone.
    fn local_ns(&self, start_ns: i64) -> i64 {
        self.job.zone.as_ref().map_or(start_ns, |zone| zone.local_ns(start_ns))
    }

    /// The number of the period in which a window starts.
    fn period(&self, by: By, start_ns: i64) -> i64 {
        self.local_ns(start_ns).div_euclid(by.period_ns())
    }

    /// Of each group, by its key, what needs all of its rows at once.
    fn grouped(&self, key: impl Fn(&Row) -> i64) -> [Groups; 2] {
        self.kept.each_ref().map(|kept| match kept.split(&key) {
            None => Groups { all: BTreeMap::new(), other: grouped(&mut kept.clone()) },
            Some(parts) => {
                let each = parts.into_iter();
                let each = each.filter_map(|(key, mut rows)| Some((key, grouped(&mut rows)?)));
                Groups { all: each.collect(), other: None }
            }
        })
    }

    pub(super) fn report(mut self) -> Result<Report, EvaluateError> {
        let overall = std::mem::take(&mut self.overall);
        let [values, classes] = &mut self.kept;
        let (overall, regression, classifier) = thread::scope(|scope| {
            let values = scope.spawn(|| ranked(values));
            let classes = scope.spawn(|| ranked(classes));
            let overall = overall.figures();
            let [values, classes] = [values, classes]
                .map(|ranked| ranked.join().unwrap_or_else(|panic| resume_unwind(panic)));
            (overall, values, classes)
        });
        if overall.regression.is_none() && overall.classifier.is_none() {
            let path = self.job.predictions.to_owned();
            return Err(EvaluateError::Nothing { path, row_count: self.row_count });
        }
        let mut groups = Vec::new();
        if self.job.by.contains(&By::Symbol) {
            let mut grouped = self.grouped(|row| row.symbol.into());
            let symbols = std::mem::take(&mut self.by_symbol).into_iter();
            let symbols = symbols
                .map(|(name, (number, counts))| group(name, number.into(), counts, &mut grouped));
            groups.push((By::Symbol, symbols.collect()));
        }
        for (by, periods) in std::mem::take(&mut self.by_period) {
            let mut grouped = self.grouped(|row| self.period(by, row.start_ns));
            let utc = self.job.zone.is_none();
            let name = |period: i64| moment(period.saturating_mul(by.period_ns()), by, utc);
            let periods = periods
                .into_iter()
                .map(|(period, counts)| group(name(period), period, counts, &mut grouped));
            groups.push((by, periods.collect()));
        }
        Ok(Report {
            row_count: self.row_count,
            unpredicted_count: self.unpredicted_count,
            unknown_count: self.unknown_count,
            overall,
            regression,
            classifier,
            groups,
        })
    }
}

/// A model in groups of rows.
struct Groups {
    all: BTreeMap<i64, Grouped>,
    /// In those that are not among them: why nothing is known, where there were too many rows.
    other: Option<Grouped>,
}

fn group(name: String, key: i64, counts: Counts, grouped: &mut [Groups; 2]) -> Group {
    let figures = counts.figures();
    let [regression, classifier] =
        grouped.each_mut().map(|groups| groups.all.remove(&key).or(groups.other));
    Group {
        name,
        regression: regression.filter(|_| figures.regression.is_some()),
        classifier: classifier.filter(|_| figures.classifier.is_some()),
        figures,
    }
}

fn grouped(rows: &mut Rows) -> Option<Grouped> {
    Some(Grouped { intervals: Intervals::of(rows, SEED)?, order: Order::of(rows, SEED)? })
}

fn ranked(rows: &mut Rows) -> Option<Ranked> {
    let (intervals, skill) = (Intervals::of(rows, SEED)?, Skill::of(rows, SEED)?);
    Some(Ranked { intervals, skill })
}

/// A moment as a date, with hours and minutes where the period has them, and a Z for UTC.
fn moment(ns: i64, by: By, utc: bool) -> String {
    let (days, seconds) = (ns.div_euclid(86_400_000_000_000), ns.rem_euclid(86_400_000_000_000));
    let (date, seconds) = (skill::date(days), seconds / 1_000_000_000);
    match by {
        By::Symbol | By::Day => date,
        By::Hour | By::Minute => {
            let utc = if utc { "Z" } else { "" };
            format!("{date}T{:02}:{:02}{utc}", seconds / 3600, seconds / 60 % 60)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_named_by_their_start() {
        let ns = |seconds: i64| seconds * 1_000_000_000;
        assert_eq!(moment(0, By::Day, true), "1970-01-01");
        assert_eq!(moment(ns(951_782_400), By::Day, true), "2000-02-29");
        assert_eq!(moment(ns(1_675_215_000), By::Minute, true), "2023-02-01T01:30Z");
        assert_eq!(moment(ns(-86_400), By::Hour, true), "1969-12-31T00:00Z");
    }
}
