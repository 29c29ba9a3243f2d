//! The form of a line: one JSON object, the replaced service's keys first.

use super::LogLevel;
use serde::Serialize;
use serde::de::IgnoredAny;
use std::fmt;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Writes an event as the replaced service wrote its own.
pub(super) struct SeedFormat {
    pub(super) threshold: LogLevel,
}

impl<S, N> FormatEvent<S, N> for SeedFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = LogLevel::of(*event.metadata().level(), fields.critical);
        if level < self.threshold {
            return Ok(());
        }
        writer.write_str("{\"timestamp\":\"")?;
        SystemTime.format_time(&mut writer)?;
        write!(writer, "\",\"level\":\"{level}\",\"message\":")?;
        writer.write_str(&json(&fields.message)?)?;
        writer.write_str(&fields.rest)?;
        writer.write_str("}\n")
    }
}

/// A value as JSON.
fn json(value: &(impl Serialize + ?Sized)) -> Result<String, fmt::Error> {
    serde_json::to_string(value).map_err(|_| fmt::Error)
}

/// The fields of one event, in the order in which they were named.
#[derive(Default)]
struct Fields {
    message: String,
    critical: bool,
    /// JSON, each field behind a comma.
    rest: String,
}

impl Fields {
    fn push(&mut self, field: &Field, json: &str) {
        // No name of a field needs escaping: each is a Rust path.
        for part in [",\"", field.name(), "\":", json] {
            self.rest.push_str(part);
        }
    }

    fn push_value(&mut self, field: &Field, value: &(impl Serialize + ?Sized)) {
        // Numbers, truth values and text always serialise; a number that is none becomes null.
        self.push(field, json(value).as_deref().unwrap_or("null"));
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push_value(field, &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push_value(field, &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push_value(field, &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if field.name() == "critical" {
            self.critical = value;
        } else {
            self.push_value(field, &value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.push_value(field, value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            self.message = text;
        } else if is_list_of_numbers(&text) {
            self.push(field, &text.replace(' ', ""));
        } else {
            self.push_value(field, &text);
        }
    }
}

/// Whether `?features` printed what is JSON already but for its spaces.
fn is_list_of_numbers(text: &str) -> bool {
    text.starts_with('[') && !text.contains('"') && serde_json::from_str::<IgnoredAny>(text).is_ok()
}
