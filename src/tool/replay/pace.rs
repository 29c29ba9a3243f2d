//! [`Pace`]: when the next trade is due.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// How fast trades follow each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Speed {
    /// As fast as they can be read.
    Max,
    /// So many times as fast as they happened.
    Times(f64),
}

impl FromStr for Speed {
    type Err = String;

    fn from_str(word: &str) -> Result<Speed, String> {
        let number = word.strip_suffix('x').unwrap_or(word).parse::<f64>();
        match number {
            _ if word == "max" => Ok(Speed::Max),
            // A thousandth to a billion: the arithmetic in nanoseconds then cannot overflow.
            Ok(times) if (1e-3..=1e9).contains(&times) => Ok(Speed::Times(times)),
            _ => Err("use max, or a number from 0.001 to 1e9, such as 1 or 60".to_owned()),
        }
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Speed::Max => f.write_str("max"),
            Speed::Times(times) => write!(f, "{times}x"),
        }
    }
}

/// The clock of a replay: starts with the first trade, runs `times` as fast as the wall clock.
#[derive(Debug)]
pub(super) struct Pace {
    speed: Speed,
    start: Option<(Instant, i64)>,
    /// The furthest that a trade came behind its time, of the wall clock.
    pub(super) behind_max: Duration,
}

impl Pace {
    pub(super) fn new(speed: Speed) -> Pace {
        Pace { speed, start: None, behind_max: Duration::ZERO }
    }

    /// How long a trade of that time has still to wait; trades older than the first one, and all
    /// at full speed, never wait.
    pub(super) fn wait_for(&mut self, ts_ns: i64) -> Duration {
        let Speed::Times(times) = self.speed else { return Duration::ZERO };
        let now = Instant::now();
        let (start, first_ns) = *self.start.get_or_insert((now, ts_ns));
        // A span beyond 2^53 ns, 104 days, is off by some nanoseconds at worst.
        let due_s = ts_ns.saturating_sub(first_ns) as f64 * 1e-9 / times;
        // Longer than a century is for ever.
        let due = Duration::try_from_secs_f64(due_s.max(0.0)).unwrap_or(Duration::MAX);
        let passed = now.duration_since(start);
        self.behind_max = self.behind_max.max(passed.saturating_sub(due));
        due.saturating_sub(passed)
    }

    /// What time it is in the replayed market; `None` before its first trade and at full speed.
    pub(super) fn now_ns(&self) -> Option<i64> {
        let Speed::Times(times) = self.speed else { return None };
        let (start, first_ns) = self.start?;
        Some(first_ns.saturating_add((start.elapsed().as_secs_f64() * times * 1e9) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_words_or_numbers_within_reason() {
        let speed = |word: &str| word.parse::<Speed>();
        assert_eq!(speed("max"), Ok(Speed::Max));
        assert_eq!(speed("1"), Ok(Speed::Times(1.0)));
        assert_eq!(speed("2.5x"), Ok(Speed::Times(2.5)));
        for word in ["", "0", "-1", "nan", "inf", "1e10", "fast", "x"] {
            assert!(speed(word).is_err(), "{word}");
        }
        assert_eq!(speed("60").map(|speed| speed.to_string()), Ok("60x".to_owned()));
    }

    #[test]
    fn a_trade_waits_for_its_time_and_an_older_one_does_not() {
        let mut pace = Pace::new(Speed::Times(10.0));
        assert_eq!(pace.now_ns(), None);
        assert_eq!(pace.wait_for(1_000), Duration::ZERO);
        let wait = pace.wait_for(1_000 + 600_000_000_000);
        assert!(wait <= Duration::from_secs(60) && wait > Duration::from_secs(30), "{wait:?}");
        assert_eq!(pace.wait_for(0), Duration::ZERO);
        assert!(pace.now_ns().is_some_and(|ns| ns >= 1_000));
        assert!(pace.wait_for(i64::MAX) > Duration::from_secs(1 << 29));
        let mut pace = Pace::new(Speed::Max);
        assert_eq!((pace.wait_for(1), pace.wait_for(i64::MAX)), (Duration::ZERO, Duration::ZERO));
        assert_eq!((pace.now_ns(), pace.behind_max), (None, Duration::ZERO));
    }
}
