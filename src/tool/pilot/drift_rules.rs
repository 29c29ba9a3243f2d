//! When drift is judged, and what is called drift.

/// When a window is over, and what is called drift.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Requests of a window.
    pub(super) rows: u64,
    /// It is over after so many seconds, too, if it has [`ROWS_MIN`] requests.
    pub(super) seconds: u64,
    /// The share of windows without drift that raise an alarm, of all series of an arm together.
    pub(super) level: f64,
}

/// Reads a level.
///
/// # Errors
///
/// It is not above 0 and at most 0.5.
pub(super) fn level(text: &str) -> Result<f64, String> {
    let level = text.parse::<f64>().ok().filter(|level| *level > 0.0 && *level <= 0.5);
    level.ok_or_else(|| "a level is a share above 0 and at most 0.5".to_owned())
}

/// The fewest requests of a window.
// 200: twenty a bin.
pub(super) const ROWS_MIN: u64 = 200;
