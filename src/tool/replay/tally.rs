//! [`Tally`]: predictions against what the windows turned out to be, as they come.

use factord_factors::Row;
use factord_quant::calendar::{Session, Sessions};
use factord_quant::target::{Target, Trail};
use std::collections::{HashMap, VecDeque};

/// One window's two answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answers {
    /// The linear model's.
    pub(super) regression: f64,
    /// The logistic model's class.
    pub(super) class: bool,
}

/// How good predictions of a target and of its label were.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Figures {
    /// Windows that had both a prediction and an outcome.
    pub(super) rows: u64,
    /// Sum of squared errors.
    error: f64,
    /// Mean of the outcomes, and sum of their squared distances from it.
    mean: f64,
    spread: f64,
    /// Labels that the class met; `None` while no cut was known.
    hits: Option<u64>,
}

impl Figures {
    fn add(&mut self, answers: Answers, outcome: f64, cut: Option<f64>) {
        self.rows += 1;
        let error = outcome - answers.regression;
        self.error += error * error;
        // Welford's: no large sums are subtracted.
        let before = outcome - self.mean;
        self.mean += before / self.rows as f64;
        self.spread += before * (outcome - self.mean);
        if let Some(cut) = cut {
            *self.hits.get_or_insert(0) += u64::from(answers.class == (outcome > cut));
        }
    }

    /// The share of the outcomes' variance that the predictions explain; below 0 when their mean
    /// would have been nearer. `None` without two different outcomes.
    pub(super) fn r2(&self) -> Option<f64> {
        (self.spread > 0.0).then(|| 1.0 - self.error / self.spread)
    }

    /// The share of labels that the class met.
    pub(super) fn accuracy(&self) -> Option<f64> {
        self.hits.map(|hits| hits as f64 / self.rows as f64)
    }
}

/// A symbol's answers that wait for the window `horizon` later, the oldest first.
#[derive(Debug, Default)]
struct Waiting {
    session: Session,
    answers: VecDeque<Answers>,
    trail: Trail,
}

/// Figures of the window itself, and of the one some windows later in the same session.
#[derive(Debug)]
pub(super) struct Tally {
    /// Where the label is cut, if anybody says so.
    pub(super) cut: Option<f64>,
    pub(super) horizon: usize,
    target: Target,
    pub(super) now: Figures,
    pub(super) next: Figures,
    sessions: Sessions,
    waiting: HashMap<String, Waiting>,
}

impl Tally {
    /// Begins; the horizon is 1 or more.
    pub(super) fn new(
        cut: Option<f64>,
        target: Target,
        horizon: usize,
        sessions: Sessions,
    ) -> Tally {
        let (now, next) = (Figures::default(), Figures::default());
        Tally { cut, horizon, target, now, next, sessions, waiting: HashMap::new() }
    }

    /// Takes the next window of a symbol, with what the target's column has of it.
    pub(super) fn add(&mut self, symbol: &str, row: &Row, answers: Answers, found: f64) {
        if !self.waiting.contains_key(symbol) {
            self.waiting.insert(symbol.to_owned(), Waiting::default());
        }
        let Some(waiting) = self.waiting.get_mut(symbol) else { return };
        let window = (row.start_ns, row.end_ns);
        let goes_on = self.sessions.take(&mut waiting.session, window);
        if !goes_on {
            waiting.answers.clear();
        }
        let outcome = match self.target {
            Target::Column(_) => found,
            Target::Return(windows) => waiting.trail.next(goes_on, found, windows),
        };
        if outcome.is_finite() {
            self.now.add(answers, outcome, self.cut);
        }
        if waiting.answers.len() == self.horizon
            && let Some(earlier) = waiting.answers.pop_front()
            && outcome.is_finite()
        {
            self.next.add(earlier, outcome, self.cut);
        }
        waiting.answers.push_back(answers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use factord_factors::{Factors, Settings, Side, Trade};

    fn rate() -> Target {
        Target::of("sell_rate").unwrap()
    }

    fn answers(regression: f64, class: bool) -> Answers {
        Answers { regression, class }
    }

    /// A row of the minute of that number.
    fn row(minute: i64) -> Row {
        let mut rows = Vec::new();
        let mut factors = Factors::new(&Settings::default()).unwrap();
        let trade = Trade::new(minute * 60_000_000_000, 1.0, 1.0, Side::Buy);
        factors.push(&trade, &mut |row| rows.push(*row));
        factors.finish(&mut |row| rows.push(*row));
        rows[0]
    }

    #[test]
    fn figures_are_those_of_the_definitions() {
        let mut tally = Tally::new(Some(0.5), rate(), 1, Sessions::default());
        let outcomes = [0.2, 0.6, 0.7, 0.4];
        let predictions = [0.3, 0.6, 0.5, 0.5];
        for (minute, (y, outcome)) in predictions.into_iter().zip(outcomes).enumerate() {
            tally.add("A", &row(minute as i64), answers(y, y > 0.45), outcome);
        }
        // Errors 0.01 + 0 + 0.04 + 0.01, spread about 0.475: 0.1475.
        assert!((tally.now.r2().unwrap() - (1.0 - 0.06 / 0.1475)).abs() < 1e-12);
        assert_eq!((tally.now.rows, tally.now.accuracy()), (4, Some(0.75)));
        // 0.3 against 0.6, 0.6 against 0.7, 0.5 against 0.4; the spread of those is 0.14 / 3.
        let next = 1.0 - (0.09 + 0.01 + 0.01) / (0.14 / 3.0);
        assert!((tally.next.r2().unwrap() - next).abs() < 1e-12);
        assert_eq!((tally.next.rows, tally.next.accuracy()), (3, Some(1.0 / 3.0)));
    }

    #[test]
    fn symbols_do_not_wait_for_each_other_and_no_window_for_one_of_a_later_session() {
        let mut tally = Tally::new(None, rate(), 2, Sessions::default());
        let mut add = |symbol, minute| {
            tally.add(symbol, &row(minute), answers(0.0, false), minute as f64);
        };
        for minute in 0..5 {
            add("A", minute);
            add("B", 60 * minute);
        }
        (100..103).for_each(|minute| add("A", minute));
        assert_eq!((tally.now.rows, tally.next.rows), (13, 4));
        assert_eq!(
            (tally.next.accuracy(), Tally::new(None, rate(), 1, Sessions::default()).now.r2()),
            (None, None)
        );
    }
}
