//! One reader a setting, from text; flags and environment use them as they are, the file through
//! its typed values.

use super::value::{self, CoreList, ValueError};
use crate::log::LogLevel;
use factord_core::idle::IdleStrategy;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Reads a path that is not empty.
///
/// # Errors
///
/// [`ValueError::EmptyPath`].
pub fn path(text: &str) -> Result<PathBuf, ValueError> {
    if text.is_empty() { Err(ValueError::EmptyPath) } else { Ok(PathBuf::from(text)) }
}

/// Reads an address with a port.
///
/// # Errors
///
/// [`ValueError::NotAnAddress`].
pub fn listen(text: &str) -> Result<SocketAddr, ValueError> {
    // `localhost` is the one name that is understood without asking a resolver.
    let numeric = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let address = numeric.as_deref().unwrap_or(text);
    address.parse().map_err(|_| ValueError::NotAnAddress { text: text.to_owned() })
}

/// Reads a port.
///
/// # Errors
///
/// [`ValueError`] when it is not a number from 0 to 65,535.
pub fn port(text: &str) -> Result<u16, ValueError> {
    value::number(text, &value::PORT)
}

/// Reads the number of a CPU.
///
/// # Errors
///
/// [`ValueError`] when it is not a number in [`value::CORE`].
pub fn core(text: &str) -> Result<usize, ValueError> {
    value::number(text, &value::CORE)
}

/// Reads the numbers of CPUs separated by commas: one worker each.
///
/// # Errors
///
/// [`ValueError`] for the first that is not a CPU number, or when one is named twice or there are
/// too many.
pub fn cores(text: &str) -> Result<CoreList, ValueError> {
    let cores: Result<Vec<usize>, ValueError> = text.split(',').map(core).collect();
    CoreList::new(cores?)
}

/// Reads how many nanoseconds one evaluation may take.
///
/// # Errors
///
/// [`ValueError`] when it is not a number in [`value::MAX_COST`].
pub fn max_cost(text: &str) -> Result<u64, ValueError> {
    value::number(text, &value::MAX_COST)
}

/// Reads the name of an idle strategy.
///
/// # Errors
///
/// [`ValueError::UnknownWord`].
pub fn idle(text: &str) -> Result<IdleStrategy, ValueError> {
    text.parse().map_err(|error: factord_core::idle::ParseIdleError| ValueError::UnknownWord {
        message: error.to_string(),
    })
}

/// Reads the name of a log level.
///
/// # Errors
///
/// [`ValueError::UnknownWord`].
pub fn log_level(text: &str) -> Result<LogLevel, ValueError> {
    text.parse().map_err(|error: crate::log::ParseLogLevelError| ValueError::UnknownWord {
        message: error.to_string(),
    })
}

/// Reads how many channels a user may hold.
///
/// # Errors
///
/// [`ValueError`] when it is not a number in [`value::CHANNELS_PER_UID`].
pub fn channels_per_uid(text: &str) -> Result<u32, ValueError> {
    value::number(text, &value::CHANNELS_PER_UID)
}

/// Reads how many bytes of rings a user may hold.
///
/// # Errors
///
/// [`ValueError`] when it is not a number in [`value::BYTES_PER_UID`].
pub fn bytes_per_uid(text: &str) -> Result<u64, ValueError> {
    value::number(text, &value::BYTES_PER_UID)
}

/// Reads one user id.
///
/// # Errors
///
/// [`ValueError`] when it is not a number in [`value::UID`].
pub fn uid(text: &str) -> Result<u32, ValueError> {
    value::number(text, &value::UID)
}

/// Reads user ids separated by commas.
///
/// # Errors
///
/// [`ValueError`] of the first that is not one.
pub fn uids(text: &str) -> Result<Vec<u32>, ValueError> {
    text.split(',').map(|part| uid(part.trim())).collect()
}

/// Reads the mode of the control socket, in octal as chmod takes it.
///
/// # Errors
///
/// [`ValueError::UnknownWord`] when it is not a mode, or keeps the daemon's own user out.
pub fn socket_mode(text: &str) -> Result<u32, ValueError> {
    let mode = u32::from_str_radix(text, 8).ok();
    mode.filter(|mode| (0o600..=0o777).contains(mode)).ok_or_else(|| ValueError::UnknownWord {
        message: format!("`{text}` is not a mode from 0600 to 0777, such as 0660"),
    })
}

/// Reads the group of the control socket: its number, or its name in /etc/group.
///
/// # Errors
///
/// [`ValueError::UnknownWord`] when there is no such group.
pub fn socket_group(text: &str) -> Result<u32, ValueError> {
    if let Ok(number) = value::number(text, &value::UID) {
        return Ok(number);
    }
    let number_of = |line: &str| {
        let mut fields = line.split(':');
        (fields.next() == Some(text)).then(|| fields.nth(1)?.parse().ok()).flatten()
    };
    let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
    groups.lines().find_map(number_of).ok_or_else(|| ValueError::UnknownWord {
        message: format!("no group `{text}` in /etc/group: give its number"),
    })
}
