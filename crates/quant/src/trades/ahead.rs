//! [`Ahead`]: a stream read and unpacked by a thread of its own, a few blocks ahead.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Bytes of a block.
// 256 KiB: unpacked in a fraction of a millisecond, and a few of them stay in the cache.
const BLOCK_LEN: usize = 256 * 1024;

/// Blocks that wait at most.
const BLOCKS_AHEAD: usize = 4;

/// The blocks of a stream, in order. Dropping it ends the thread after its next block.
pub(super) struct Ahead {
    blocks: Receiver<io::Result<Vec<u8>>>,
    empty: SyncSender<Vec<u8>>,
}

impl Ahead {
    /// Starts reading.
    pub(super) fn new(mut input: Box<dyn Read + Send>) -> Ahead {
        let (full, blocks) = sync_channel(BLOCKS_AHEAD);
        let (empty, spare) = sync_channel::<Vec<u8>>(2 * BLOCKS_AHEAD);
        thread::spawn(move || {
            // Bounded by the stream.
            loop {
                let mut block = spare.try_recv().unwrap_or_default();
                let read = fill(&mut input, &mut block);
                let last = block.is_empty() || read.is_err();
                // What was read before an error is given before it.
                if !block.is_empty() && full.send(Ok(block)).is_err() {
                    return;
                }
                if let Err(error) = read {
                    // Nobody is left to tell if this fails.
                    let _ = full.send(Err(error));
                }
                if last {
                    return;
                }
            }
        });
        Ahead { blocks, empty }
    }

    /// Appends the next block; false at the end of the stream.
    pub(super) fn append(&mut self, buffer: &mut Vec<u8>) -> io::Result<bool> {
        // The sender is gone after the last block.
        let Ok(block) = self.blocks.recv() else { return Ok(false) };
        let block = block?;
        buffer.extend_from_slice(&block);
        // The thread may have ended, and then needs no block.
        let _ = self.empty.try_send(block);
        Ok(true)
    }
}

/// Fills a block, but for the stream's end or an error. `read_to_end` would ask for a little at a
/// time, and each answer costs a copy of the decoder's window.
fn fill(input: &mut dyn Read, block: &mut Vec<u8>) -> io::Result<()> {
    // Writes nothing to a block that was full before.
    block.resize(BLOCK_LEN, 0);
    let mut len = 0;
    let ended = loop {
        match input.read(&mut block[len..]) {
            Ok(0) => break Ok(()),
            Ok(more) => len += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
    };
    block.truncate(len);
    ended
}
