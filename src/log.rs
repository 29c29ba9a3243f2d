//! Logs: one JSON object a line on stderr, in the format of the service that factord replaces:
//! `timestamp`, `level` by Python's names, `message`, then the event's own fields.
//!
//! The worker never logs; every other thread does so through the macros of `tracing`, and never
//! waits for the reader: a thread of its own writes (`lines`). An error that ends the service is
//! logged with the field `critical = true` and shows as `CRITICAL`.

mod format;
mod lines;

pub use lines::{announce, dropped_total, flush};

use format::SeedFormat;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::io;
use std::panic::PanicHookInfo;
use std::str::FromStr;
use thiserror::Error;
use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

/// The least severe level that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// The default.
    Info,
    /// Warnings and worse.
    Warning,
    /// Errors and worse.
    Error,
    /// Only what ends the service.
    Critical,
}

/// A word that names no log level.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown log level `{0}`: use DEBUG, INFO, WARNING, ERROR or CRITICAL")]
pub struct ParseLogLevelError(String);

impl LogLevel {
    /// All levels, from the least severe.
    pub const ALL: [LogLevel; 5] =
        [LogLevel::Debug, LogLevel::Info, LogLevel::Warning, LogLevel::Error, LogLevel::Critical];

    /// Python's name of the level.
    pub fn name(self) -> &'static str {
        match self {
            LogLevel::Debug => "DEBUG",
            LogLevel::Info => "INFO",
            LogLevel::Warning => "WARNING",
            LogLevel::Error => "ERROR",
            LogLevel::Critical => "CRITICAL",
        }
    }

    fn of(level: Level, critical: bool) -> LogLevel {
        match level {
            Level::ERROR if critical => LogLevel::Critical,
            Level::ERROR => LogLevel::Error,
            Level::WARN => LogLevel::Warning,
            Level::INFO => LogLevel::Info,
            Level::DEBUG | Level::TRACE => LogLevel::Debug,
        }
    }

    fn filter(self) -> LevelFilter {
        match self {
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Warning => LevelFilter::WARN,
            LogLevel::Error | LogLevel::Critical => LevelFilter::ERROR,
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for LogLevel {
    type Err = ParseLogLevelError;

    /// Reads Python's names, `WARN` and `FATAL` included, in any case.
    fn from_str(word: &str) -> Result<LogLevel, ParseLogLevelError> {
        match word.trim().to_ascii_uppercase().as_str() {
            "DEBUG" | "NOTSET" => Ok(LogLevel::Debug),
            "INFO" => Ok(LogLevel::Info),
            "WARNING" | "WARN" => Ok(LogLevel::Warning),
            "ERROR" => Ok(LogLevel::Error),
            "CRITICAL" | "FATAL" => Ok(LogLevel::Critical),
            _ => Err(ParseLogLevelError(word.to_owned())),
        }
    }
}

/// Sends the process's events, panics among them, to stderr from now on; a second call changes
/// nothing.
pub fn init(level: LogLevel) {
    lines::start(dropped_line);
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level.filter())
        .event_format(SeedFormat { threshold: level })
        .with_writer(|| Lines)
        .finish();
    // The only error is that a subscriber is already there, which is then the one in use.
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        // The standard library's hook writes to stderr itself, and would wait for its reader.
        std::panic::set_hook(Box::new(log_panic));
    }
}

fn log_panic(info: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("without a name");
    let payload = info.payload();
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref().copied()).unwrap_or("no text");
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        tracing::error!(backtrace = %trace, "thread {thread} panicked at {place}: {text}");
    } else {
        tracing::error!("thread {thread} panicked at {place}: {text}");
    }
}

/// Writes text that is not an event, such as a tool's last message, to where the events go.
pub fn say(text: &str) {
    lines::push(text.as_bytes());
}

/// The line that says how many others were dropped; it is written whatever the threshold, since its
/// level means nothing to the reader.
fn dropped_line(count: u64) -> String {
    let mut timestamp = String::new();
    // Writing to a string cannot fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut timestamp));
    format!(
        "{{\"timestamp\":\"{timestamp}\",\"level\":\"WARNING\",\"message\":\"{count} lines \
         dropped: nobody read stderr\",\"dropped\":{count}}}\n"
    )
}

/// Where finished lines go.
struct Lines;

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lines::push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(threshold: LogLevel, events: impl FnOnce()) -> Vec<String> {
        let sink = Sink::default();
        let writer = sink.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(threshold.filter())
            .event_format(SeedFormat { threshold })
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, events);
        let bytes = sink.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn an_event_is_one_object_with_the_seeds_keys_first() {
        let lines = logged(LogLevel::Info, || {
            tracing::warn!(
                prediction = 0.5,
                latency_ms = 0.25,
                features = ?[0.5, 2.0, 0.25],
                "outside [0, 1]\n\"x\""
            );
        });
        assert_eq!(lines.len(), 1);
        let tail = r#","level":"WARNING","message":"outside [0, 1]\n\"x\"","prediction":0.5,"#
            .to_owned()
            + r#""latency_ms":0.25,"features":[0.5,2.0,0.25]}"#;
        assert!(lines[0].ends_with(&tail), "{}", lines[0]);
        let object: Value = serde_json::from_str(&lines[0]).unwrap();
        let timestamp = object["timestamp"].as_str().unwrap();
        assert_eq!(timestamp.len(), "2025-09-21T12:34:56.123456Z".len());
        assert_eq!(timestamp.as_bytes()[10], b'T');
    }

    #[test]
    fn a_level_lets_through_itself_and_worse() {
        for (threshold, expected) in [
            (LogLevel::Debug, 5),
            (LogLevel::Info, 4),
            (LogLevel::Warning, 3),
            (LogLevel::Error, 2),
            (LogLevel::Critical, 1),
        ] {
            let lines = logged(threshold, || {
                tracing::debug!("a");
                tracing::info!("b");
                tracing::warn!("c");
                tracing::error!("d");
                tracing::error!(critical = true, "e");
            });
            assert_eq!(lines.len(), expected, "{threshold}");
            assert!(lines.last().unwrap().contains(r#""level":"CRITICAL","message":"e""#));
        }
    }

    #[test]
    fn values_of_every_type_are_json() {
        let lines = logged(LogLevel::Info, || {
            let text = String::from("a \"b\"\n");
            tracing::info!(n = -3, big = u64::MAX, yes = true, none = f64::NAN, text, "m");
            tracing::info!(words = ?["a b", "c"], nothing = ?None::<u8>, empty = ?[0.0; 0], "m");
            tracing::info!(list = ?[1e-7, f64::INFINITY], nested = ?[[1, 2], [3, 4]], "m");
        });
        let tails = [
            r#","n":-3,"big":18446744073709551615,"yes":true,"none":null,"text":"a \"b\"\n"}"#,
            r#","words":"[\"a b\", \"c\"]","nothing":"None","empty":[]}"#,
            r#","list":"[1e-7, inf]","nested":[[1,2],[3,4]]}"#,
        ];
        assert_eq!(lines.len(), tails.len());
        for (line, tail) in lines.iter().zip(tails) {
            assert!(line.ends_with(tail), "{line}");
            assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
        }
    }

    #[test]
    fn levels_are_read_by_pythons_names_in_any_case() {
        for (word, level) in [
            ("DEBUG", LogLevel::Debug),
            ("info", LogLevel::Info),
            ("Warn", LogLevel::Warning),
            ("WARNING", LogLevel::Warning),
            ("error", LogLevel::Error),
            ("CRITICAL", LogLevel::Critical),
            ("fatal", LogLevel::Critical),
        ] {
            assert_eq!(word.parse(), Ok(level));
        }
        assert!("loud".parse::<LogLevel>().unwrap_err().to_string().contains("`loud`"));
    }
}
