//! [`ConnectionLimits`]: how many connections the guard holds at once.

use super::limits::{CONNECTION_COUNT_MAX, RESERVED_COUNT_MAX, SPARE_DESCRIPTOR_COUNT};

/// Connections held at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ConnectionLimits {
    /// Of anybody.
    pub(super) public: usize,
    /// Beyond those, kept for /health and /metrics.
    pub(super) reserved: usize,
}

impl ConnectionLimits {
    /// As many as fit under a limit of descriptors beside the spare ones: with few, half of them
    /// are reserved, and there is always one of each.
    pub(super) fn within(descriptor_limit: usize) -> ConnectionLimits {
        let left = descriptor_limit.saturating_sub(SPARE_DESCRIPTOR_COUNT);
        let reserved = (left / 2).clamp(1, RESERVED_COUNT_MAX);
        ConnectionLimits {
            public: left.saturating_sub(reserved).clamp(1, CONNECTION_COUNT_MAX),
            reserved,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_never_take_the_spare_descriptors() {
        for limit in 66..4_096 {
            let ConnectionLimits { public, reserved } = ConnectionLimits::within(limit);
            assert!(public + reserved + SPARE_DESCRIPTOR_COUNT <= limit, "{limit}");
        }
        assert_eq!(ConnectionLimits::within(0), ConnectionLimits { public: 1, reserved: 1 });
        assert_eq!(ConnectionLimits::within(96), ConnectionLimits { public: 16, reserved: 16 });
        assert_eq!(ConnectionLimits::within(1_024), ConnectionLimits { public: 512, reserved: 64 });
    }
}
