//! One reader a setting, from text; flags and environment use them as they are, the file through
//! its typed values.

use super::value::{self, CoreList, Party, ValueError};
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

/// Reads how many cells each worker's tap has, 0 for none.
///
/// # Errors
///
/// [`ValueError`] when it is not 0 and no power of two in [`value::TAP`].
pub fn tap(text: &str) -> Result<usize, ValueError> {
    if text == "0" {
        return Ok(0);
    }
    let cells: u64 = value::number(text, &value::TAP)?;
    usize::try_from(cells).ok().filter(|cells| cells.is_power_of_two()).ok_or_else(|| {
        let below = cells.next_power_of_two() / 2;
        let message = format!("{cells} is no power of two, such as {below}");
        ValueError::UnknownWord { message }
    })
}

/// Reads whether clients may evaluate in their own processes: `allow` or `refuse`.
///
/// # Errors
///
/// [`ValueError::UnknownWord`].
pub fn audit_local(text: &str) -> Result<bool, ValueError> {
    match text {
        "allow" => Ok(true),
        "refuse" => Ok(false),
        _ => Err(ValueError::UnknownWord {
            message: format!("`{text}` is neither `allow` nor `refuse`"),
        }),
    }
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

/// Reads a group: its number, or its name in /etc/group.
///
/// # Errors
///
/// [`ValueError`] when there is no such group.
pub fn group(text: &str) -> Result<u32, ValueError> {
    id(text, "group", "/etc/group")
}

/// Reads a user, by number or by name in /etc/passwd, or a group behind an `@`.
///
/// # Errors
///
/// [`ValueError`] when there is no such user or group.
pub fn party(text: &str) -> Result<Party, ValueError> {
    match text.strip_prefix('@') {
        Some(name) => group(name).map(Party::Group),
        None => id(text, "user", "/etc/passwd").map(Party::User),
    }
}

/// Reads users and groups separated by commas.
///
/// # Errors
///
/// [`ValueError`] of the first that is neither.
pub fn parties(text: &str) -> Result<Vec<Party>, ValueError> {
    text.split(',').map(|part| party(part.trim())).collect()
}

/// A number, or that of a name in a file whose third field it is.
fn id(text: &str, what: &str, file: &str) -> Result<u32, ValueError> {
    match value::number(text, &value::UID) {
        Err(ValueError::NotANumber { .. }) => {}
        other => return other,
    }
    let number_of = |line: &str| {
        let mut fields = line.split(':');
        (fields.next() == Some(text)).then(|| fields.nth(1)?.parse().ok()).flatten()
    };
    let lines = std::fs::read_to_string(file).unwrap_or_default();
    let named = (!text.is_empty()).then(|| lines.lines().find_map(number_of)).flatten();
    named.ok_or_else(|| ValueError::UnknownWord {
        message: format!("no {what} `{text}` in {file}: give its number"),
    })
}
