//! TAP, for observers: a copy of requests and answers, one a worker.

layout! {
    TAP_LAYOUT, TAP_HASH;

    /// TAP, by word index. A record is one cell, or as many in a row as its features need.
    pub mod tap_region {
        use super::super::{LINE_WORDS};
        /// [`crate::abi::MAGIC`].
        pub const MAGIC: usize = 0;
        /// `major << 16 | minor`.
        pub const ABI: usize = 1;
        /// [`crate::abi::TAP_HASH`].
        pub const LAYOUT_HASH: usize = 2;
        /// Cells of the region, a power of two.
        pub const CELL_COUNT: usize = 3;
        /// The worker's number.
        pub const WORKER: usize = 4;
        /// Epoch of the engine that writes.
        pub const EPOCH: usize = 5;
        /// The position that the writer takes next; a hint for those who come late.
        pub const NEXT: usize = LINE_WORDS;
        /// First word of the cells.
        pub const CELLS: usize = 512;
        /// Words of a cell.
        pub const CELL_WORDS: usize = LINE_WORDS;
        /// Within a cell: `position << 2`, bit 0 set while it is being written, bit 1 for the first
        /// cell of a record.
        pub const CELL_TURN: usize = 0;
        /// Within a record's first cell: `number | client << 16`.
        pub const CELL_REQUEST: usize = 1;
        /// Within a record's first cell: [`crate::abi::verdict`] of the answer.
        pub const CELL_VERDICT: usize = 2;
        /// Within a record's first cell: the unit key.
        pub const CELL_KEY: usize = 3;
        /// Within a record's first cell: the first output, as bits.
        pub const CELL_Y: usize = 4;
        /// Within a record's first cell: the first three features; in further ones they begin
        /// behind the turn.
        pub const CELL_FEATURES: usize = 5;
    }
}

const _: () = assert!(tap_region::CELL_FEATURES + 3 == tap_region::CELL_WORDS);
