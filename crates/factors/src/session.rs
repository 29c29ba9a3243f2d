//! Sessions: windows that follow each other without a pause.

/// Whether a window that starts at `start_ns` goes on from the one before it, given by its
/// start and end: the pause between them is at most `longest_ns` or, without that, shorter than
/// the window before.
pub fn goes_on(before: (i64, i64), start_ns: i64, longest_ns: Option<i64>) -> bool {
    let pause_ns = start_ns.saturating_sub(before.1);
    pause_ns <= 0
        || match longest_ns {
            Some(longest_ns) => pause_ns <= longest_ns,
            None => pause_ns < before.1.saturating_sub(before.0),
        }
}

#[cfg(test)]
mod tests {
    use super::goes_on;

    #[test]
    fn a_session_ends_with_an_empty_window_or_the_longest_pause() {
        assert!(goes_on((0, 60), 60, None));
        assert!(goes_on((0, 60), 30, None), "rolling windows overlap");
        assert!(goes_on((0, 60), 119, None));
        assert!(!goes_on((0, 60), 120, None));
        assert!(goes_on((0, 60), 120, Some(60)));
        assert!(!goes_on((0, 60), 121, Some(60)));
        assert!(goes_on((0, 0), 0, None), "a window of one trade");
        assert!(!goes_on((i64::MIN, i64::MIN + 1), i64::MAX, None));
    }
}
