//! STATUS, for all who attach, and CHANNELS, for observers.

layout! {
    STATUS_LAYOUT, STATUS_HASH;

    /// STATUS, by word index from its start unless said otherwise.
    pub mod status_region {
        use super::super::{LINE_WORDS, MODEL_COUNT_MAX, WORKER_COUNT_MAX};
        /// [`crate::abi::MAGIC`].
        pub const MAGIC: usize = 0;
        /// `major << 16 | minor`.
        pub const ABI: usize = 1;
        /// [`crate::abi::STATUS_HASH`].
        pub const LAYOUT_HASH: usize = 2;
        /// Grows with every start of an engine: nanoseconds since 1970 at its start.
        pub const EPOCH: usize = 3;
        /// A code of [`crate::abi::state`].
        pub const STATE: usize = 4;
        /// Process id of the daemon.
        pub const PID: usize = 5;
        /// Nanoseconds since 1970.
        pub const STARTED_UNIX_NS: usize = 6;
        /// Worker blocks in use.
        pub const WORKER_COUNT: usize = 7;
        /// Grows while the worker sweeps.
        pub const HEARTBEAT_COUNT: usize = 8;
        /// CLOCK_MONOTONIC nanoseconds of the last heartbeat.
        pub const HEARTBEAT_NS: usize = 9;
        /// Channels attached now.
        pub const CHANNEL_COUNT: usize = 10;
        /// Channels ever attached.
        pub const ATTACHED_TOTAL: usize = 11;
        /// Channels ever freed.
        pub const FREED_TOTAL: usize = 12;
        /// Attach attempts refused.
        pub const REFUSED_TOTAL: usize = 13;
        /// Model reloads adopted.
        pub const RELOADS_TOTAL: usize = 14;
        /// Model reloads refused.
        pub const RELOAD_FAILURES_TOTAL: usize = 15;
        /// TSC ticks per second; 0 until calibrated.
        pub const TSC_HZ: usize = 16;
        /// The daemon's version, NUL-padded.
        pub const PROGRAM_VERSION: usize = 17;
        /// Bytes of the version.
        pub const PROGRAM_VERSION_LEN: usize = 32;
        /// Grows by one with every change of rows, after they have changed.
        pub const ROWS_SEQUENCE: usize = 21;
        /// Grows by one when names come or go, after the rows have changed; alone on its line.
        pub const NAMES_SEQUENCE: usize = 24;
        /// Rows that ever held a name; those behind them are zero.
        pub const ROW_COUNT: usize = 25;
        /// Evaluations in the clients' own processes by status code, eight words, as clients claim.
        pub const LOCAL_BY_STATUS: usize = 32;

        /// First word of the model rows; a row's place is the number that requests carry.
        pub const ROWS: usize = 512;
        /// Words of a row.
        pub const ROW_WORDS: usize = 24;
        /// Within a row: odd while it is being written.
        pub const ROW_SEQUENCE: usize = 0;
        /// Within a row: [`crate::abi::shape`] of the champion.
        pub const ROW_SHAPE: usize = 1;
        /// Within a row: the deployment's generation, `arm_count << 32`, `class << 48`; 0 when
        /// nothing is served.
        pub const ROW_SERVED: usize = 2;
        /// Within a row: nanoseconds of one evaluation as measured at load, of the dearest arm.
        pub const ROW_COST_NS: usize = 3;
        /// Within a row: the name, NUL-padded.
        pub const ROW_NAME: usize = 4;
        /// Bytes of a name.
        pub const ROW_NAME_LEN: usize = 64;
        /// Within a row: SHA-256 of the champion's artifact.
        pub const ROW_SHA256: usize = 12;
        /// Within a row: fingerprints of the second to the fourth arm.
        pub const ROW_ARM_FINGERPRINTS: usize = 16;
        /// Within a row: [`crate::abi::split`] of the deployment.
        pub const ROW_SPLIT: usize = 19;
        /// Within a row: the check of the name, which its requests carry: the first four bytes of
        /// the name's SHA-256, little-endian.
        pub const ROW_CHECK: usize = 20;

        /// First word of the worker blocks.
        pub const WORKERS: usize = ROWS + MODEL_COUNT_MAX * ROW_WORDS;
        /// Words of a worker block.
        pub const WORKER_WORDS: usize = 512;
        /// Within a block: turns of the duty cycle, stored every 1,024.
        pub const TURN_COUNT: usize = 0;
        /// Within a block: the CPU the worker is pinned to, plus one; 0 when it is not.
        pub const CORE: usize = 16;
        /// Within a block: index in `IdleStrategy::ALL`.
        pub const IDLE: usize = 17;
        /// Within a block: a code of [`crate::abi::class`].
        pub const CLASS: usize = 18;
        /// Within a block: protocol violations.
        pub const VIOLATIONS: usize = 19;
        /// Within a block: channels detached for their violations.
        pub const DETACHED: usize = 20;
        /// Within a block: sampled messages.
        pub const SAMPLE_COUNT: usize = 21;
        /// Within a block: sum of the sampled service times.
        pub const SAMPLE_SUM_TICKS: usize = 22;
        /// Within a block: answers by status code, eight words.
        pub const BY_STATUS: usize = 24;
        /// Within a block: the histogram's counts.
        pub const HISTOGRAM: usize = 32;
        /// Number of histogram counts.
        pub const HISTOGRAM_COUNTS: usize = 304;

        /// Lines of STATUS.
        pub const LINES: usize = (WORKERS + WORKER_COUNT_MAX * WORKER_WORDS) / LINE_WORDS;
    }

    /// States of the daemon.
    pub mod state {
        /// Not serving yet.
        pub const STARTING: u64 = 1;
        /// Answering.
        pub const SERVING: u64 = 2;
        /// Told to stop.
        pub const STOPPING: u64 = 3;
    }
}

layout! {
    CHANNELS_LAYOUT, CHANNELS_HASH;

    /// CHANNELS, by word index.
    pub mod channels_region {
        use super::super::{CHANNEL_COUNT_MAX, LINE_WORDS};
        /// [`crate::abi::MAGIC`].
        pub const MAGIC: usize = 0;
        /// `major << 16 | minor`.
        pub const ABI: usize = 1;
        /// [`crate::abi::CHANNELS_HASH`].
        pub const LAYOUT_HASH: usize = 2;
        /// Rows of the region.
        pub const ROW_COUNT: usize = 3;
        /// First word of the rows.
        pub const ROWS: usize = 512;
        /// Words of a row.
        pub const ROW_WORDS: usize = 16;
        /// Within a row: odd while it is being written.
        pub const ROW_SEQUENCE: usize = 0;
        /// Within a row: the daemon's number of the client; 0 when the row is free.
        pub const ROW_CLIENT_ID: usize = 1;
        /// Within a row: `uid | pid << 32`.
        pub const ROW_PEER: usize = 2;
        /// Within a row: `feature_count | slot_count << 16 | output_count << 32 | class << 48`.
        pub const ROW_SHAPE: usize = 3;
        /// Within a row: the client's name, NUL-padded.
        pub const ROW_NAME: usize = 4;
        /// Bytes of a client's name.
        pub const ROW_NAME_LEN: usize = 32;
        /// Within a row: `worker | right << 32`.
        pub const ROW_PLACE: usize = 8;
        /// Within a row: nanoseconds since 1970 at attach.
        pub const ROW_ATTACHED_UNIX_NS: usize = 9;
        /// Within a row: evaluations in the client's own process, as it claims.
        pub const ROW_LOCAL: usize = 10;
        /// Within a row: requests answered.
        pub const ROW_ANSWERED: usize = 11;
        /// Lines of CHANNELS.
        pub const LINES: usize = (ROWS + CHANNEL_COUNT_MAX * ROW_WORDS) / LINE_WORDS;
    }
}

const _: () = {
    use status_region::*;
    assert!(LOCAL_BY_STATUS + super::status::COUNT <= ROWS);
    assert!(PROGRAM_VERSION + PROGRAM_VERSION_LEN / 8 <= ROWS_SEQUENCE);
    assert!(ROW_CHECK < ROW_WORDS && ROW_NAME + ROW_NAME_LEN / 8 == ROW_SHA256);
    assert!(BY_STATUS + super::status::COUNT <= HISTOGRAM);
    assert!(HISTOGRAM + HISTOGRAM_COUNTS <= WORKER_WORDS);
    assert!(HEARTBEAT_COUNT.is_multiple_of(super::LINE_WORDS));
    assert!(NAMES_SEQUENCE.is_multiple_of(super::LINE_WORDS));
    assert!(CORE.is_multiple_of(2 * super::LINE_WORDS));
    assert!(WORKERS.is_multiple_of(512), "blocks are on pages of their own");
};
