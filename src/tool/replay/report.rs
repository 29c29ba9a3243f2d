//! [`Summary`]: what a replay says in the end.

use super::pace::Speed;
use super::run::Done;
use super::tally::{Figures, Tally};
use crate::tool::{Failure, print};
use factord_quant::score::Made;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The percentiles of the round trip.
const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)];

/// What there is to say.
pub(super) struct Summary<'a> {
    pub(super) done: &'a Done,
    pub(super) tally: &'a Tally,
    /// The column that the predictions are compared with.
    pub(super) target: &'a str,
    pub(super) speed: Speed,
    pub(super) interrupted: bool,
    /// Where the rows of an interrupted replay are.
    pub(super) partial: Option<PathBuf>,
    pub(super) seconds: f64,
    /// Whose the predictions are.
    pub(super) models: &'a [Made],
}

impl Summary<'_> {
    /// Prints it on stdout, or on stderr when the rows went to stdout.
    pub(super) fn print(&self, out: &Path, as_json: bool) -> Result<(), Failure> {
        let text = if as_json { format!("{}\n", self.as_json()) } else { self.as_text(out) };
        if out != Path::new("-") {
            return print(text);
        }
        // With stderr closed there is no one left to tell.
        let _ = io::stderr().write_all(text.as_bytes());
        Ok(())
    }

    fn as_json(&self) -> Value {
        let figures = |figures: &Figures| json!({"rows": figures.rows, "r2": figures.r2(), "accuracy": figures.accuracy()});
        let done = self.done;
        let mut value = json!({
            "trades": done.counts.trades,
            "symbols": done.symbols,
            "windows": done.windows,
            "undefined": done.undefined,
            "speed": self.speed.to_string(),
            "seconds": self.seconds,
            "behind_max_ms": done.behind_max.as_secs_f64() * 1e3,
            "interrupted": self.interrupted,
            "engine_restarts": done.restarts,
            "target": self.target,
            "cut": self.tally.cut,
            "models": self.models,
            "now": figures(&self.tally.now),
            "next": figures(&self.tally.next),
            "round_trip_ns": {"count": done.round_trips.len()},
        });
        value["next"]["horizon"] = json!(self.tally.horizon);
        for (name, q) in QUANTILES {
            value["round_trip_ns"][name] = json!(done.round_trips.value_at_quantile(q));
        }
        for (name, count) in done.counts.named() {
            value["counts"][name] = json!(count);
        }
        value["counts"]["outside_session"] = json!(done.outside);
        value
    }

    fn as_text(&self, out: &Path) -> String {
        let done = self.done;
        let (trades, windows) = (done.counts.trades, done.windows);
        let symbols = match done.symbols {
            1 => "one symbol".to_owned(),
            count => format!("{count} symbols"),
        };
        let (speed, seconds) = (self.speed, self.seconds);
        let ended = if self.interrupted { "interrupted: " } else { "" };
        let mut text = format!(
            "{ended}{trades} trades of {symbols}, {windows} windows, one prediction of \
             each model a window\n  speed {speed}, {seconds:.2} s, {:.0} trades/s",
            trades as f64 / seconds,
        );
        match (&self.partial, self.interrupted) {
            (Some(path), _) => text += &format!(", rows so far in {}\n", path.display()),
            (None, _) if out == Path::new("-") => text += "\n",
            (None, _) => text += &format!(", rows in {}\n", out.display()),
        }
        for made in self.models {
            text += &format!("  predictions of {made}\n");
        }
        if done.undefined > 0 {
            let count = done.undefined;
            text += &format!("  {count} windows without what models take have no prediction\n");
        }
        if done.outside > 0 {
            text += &format!("  {} trades outside of the sessions were left out\n", done.outside);
        }
        if done.restarts > 0 {
            text += &format!("  the engine was restarted {} times meanwhile\n", done.restarts);
        }
        let number = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{x:.4}"));
        let line = |name: &str, figures: &Figures| {
            let (r2, accuracy) = (number(figures.r2()), number(figures.accuracy()));
            format!("{name:<12}{:>9}{r2:>12}{accuracy:>12}\n", figures.rows)
        };
        let label = self.tally.cut.map_or("unknown".to_owned(), |cut| format!("above {cut:.4}"));
        text += &format!("\n{:<12}{:>9}{:>12}{:>12}", "", "windows", "R2", "accuracy");
        text += &format!("   against {}, label: {label}\n", self.target);
        text += &line("now", &self.tally.now);
        text += &line(&format!("next +{}", self.tally.horizon), &self.tally.next);
        text += "\nround trip  ";
        for (name, _) in QUANTILES {
            text += &format!("{name:>10}");
        }
        text += "\nns          ";
        for (_, q) in QUANTILES {
            text += &format!("{:>10}", done.round_trips.value_at_quantile(q));
        }
        text + &format!("   of {} predictions\n", done.round_trips.len())
    }
}
