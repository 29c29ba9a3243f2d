//! The CHANNELS region: who has a channel, for observers.

use factord_core::abi::{self, channels_region as at};
use factord_core::channel::Shape;
use factord_core::counters::set;
use factord_core::region::Region;
use factord_core::row;
use factord_core::sync::{AtomicU64, Ordering};
use factord_core::sys::clock;
use factord_core::sys::socket::Credentials;
use std::collections::HashMap;
use std::sync::Arc;

/// What a row says of a channel.
#[derive(Debug)]
pub(super) struct ChannelRow<'c> {
    pub(super) name: &'c str,
    pub(super) credentials: Credentials,
    pub(super) shape: Shape,
    pub(super) worker: usize,
    pub(super) rights: u64,
}

/// The rows, and whose each is.
#[derive(Debug)]
pub struct ChannelRows {
    region: Arc<Region>,
    by_client: HashMap<u64, usize>,
    free: Vec<usize>,
}

impl ChannelRows {
    /// Writes rows into a region.
    pub fn new(region: Arc<Region>) -> ChannelRows {
        let free = (0..abi::CHANNEL_COUNT_MAX).rev().collect();
        ChannelRows { region, by_client: HashMap::new(), free }
    }

    /// Clears all rows of the engine before; returns its channels' names.
    pub fn take_names(&self) -> HashMap<u64, String> {
        let mut names = HashMap::new();
        for place in 0..abi::CHANNEL_COUNT_MAX {
            let row = self.row(place);
            // Relaxed: the engine that wrote it is gone.
            let word = |index: usize| row[index].load(Ordering::Relaxed);
            let bytes =
                (0..at::ROW_NAME_LEN / 8).flat_map(|i| word(at::ROW_NAME + i).to_le_bytes());
            let bytes: Vec<u8> = bytes.take_while(|&byte| byte != 0).collect();
            if word(at::ROW_CLIENT_ID) != 0 {
                // Whoever may open the memory may have written there: logs get printable words.
                let shown =
                    |byte| if (b' '..=b'~').contains(&byte) { char::from(byte) } else { '?' };
                let name = bytes.into_iter().map(shown).collect();
                names.insert(word(at::ROW_CLIENT_ID), name);
            }
            self.write(place, &[0; at::ROW_WORDS]);
        }
        names
    }

    /// Shows a channel; there is a row for each that there can be.
    pub(super) fn show(&mut self, client_id: u64, row: &ChannelRow<'_>) {
        let Some(place) = self.free.pop() else { return };
        self.by_client.insert(client_id, place);
        let count = |number: usize| number as u64;
        let geometry = row.shape.geometry;
        let mut words = [0; at::ROW_WORDS];
        words[at::ROW_CLIENT_ID] = client_id;
        words[at::ROW_PEER] =
            u64::from(row.credentials.uid) | u64::from(row.credentials.pid as u32) << 32;
        words[at::ROW_SHAPE] = count(geometry.feature_count())
            | count(geometry.slot_count()) << 16
            | count(geometry.output_count()) << 32
            | row.shape.class << 48;
        let mut name = [0; at::ROW_NAME_LEN];
        let len = row.name.len().min(name.len());
        name[..len].copy_from_slice(&row.name.as_bytes()[..len]);
        for (word, bytes) in words[at::ROW_NAME..].iter_mut().zip(name.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        words[at::ROW_PLACE] = count(row.worker) | row.rights << 32;
        words[at::ROW_ATTACHED_UNIX_NS] = clock::unix_ns();
        self.write(place, &words);
    }

    /// Shows how many evaluations a client claims.
    pub(super) fn set_local(&self, client_id: u64, count: u64) {
        if let Some(&place) = self.by_client.get(&client_id) {
            set(&self.row(place)[at::ROW_LOCAL], count);
        }
    }

    /// Clears a channel's row.
    pub(super) fn clear(&mut self, client_id: u64) {
        if let Some(place) = self.by_client.remove(&client_id) {
            self.write(place, &[0; at::ROW_WORDS]);
            self.free.push(place);
        }
    }

    fn row(&self, place: usize) -> &[AtomicU64] {
        let start = at::ROWS + place * at::ROW_WORDS;
        &self.region.mapping().words()[start..start + at::ROW_WORDS]
    }

    fn write(&self, place: usize, words: &[u64; at::ROW_WORDS]) {
        row::write(self.row(place), words);
    }
}
