//! The reader of CHANNELS: who has a channel.

use super::observer::text;
use crate::abi::{self, channels_region as at};
use crate::region::View;
use crate::row;

/// One channel, as the daemon shows it to observers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelInfo {
    /// The daemon's number of the client.
    pub client_id: u64,
    /// What the client calls itself.
    pub name: String,
    /// Its user.
    pub uid: u32,
    /// Its process.
    pub pid: u32,
    /// Features a request.
    pub feature_count: u16,
    /// Slots a ring.
    pub slot_count: u16,
    /// Outputs a response has room for.
    pub output_count: u16,
    /// A code of [`crate::abi::class`].
    pub class: u16,
    /// The worker that serves it.
    pub worker: u32,
    /// What the client's user may do, by the bits of [`crate::abi::right`].
    pub rights: u32,
    /// Nanoseconds since 1970 at attach.
    pub attached_unix_ns: u64,
    /// Evaluations in its own process, as it claims.
    pub local: u64,
}

/// A reader of CHANNELS.
#[derive(Debug)]
pub struct ChannelsObserver {
    view: View,
}

impl ChannelsObserver {
    /// Reads through a view that was checked at attach.
    pub fn new(view: View) -> ChannelsObserver {
        ChannelsObserver { view }
    }

    /// The channels there are, in no order. One that is being written is left out.
    pub fn channels(&self) -> Vec<ChannelInfo> {
        (0..abi::CHANNEL_COUNT_MAX).filter_map(|place| self.channel(place)).collect()
    }

    fn channel(&self, place: usize) -> Option<ChannelInfo> {
        let start = at::ROWS + place * at::ROW_WORDS;
        let words = self.view.words().get(start..start + at::ROW_WORDS)?;
        row::read(words, channel_info).filter(|channel| channel.client_id != 0)
    }
}

fn channel_info(word: &dyn Fn(usize) -> u64) -> ChannelInfo {
    let (peer, shape, place) = (word(at::ROW_PEER), word(at::ROW_SHAPE), word(at::ROW_PLACE));
    let field = |from: u32| abi::bits(shape, from, 16) as u16;
    let name = (0..at::ROW_NAME_LEN / 8).flat_map(|i| word(at::ROW_NAME + i).to_le_bytes());
    ChannelInfo {
        client_id: word(at::ROW_CLIENT_ID),
        name: text(name),
        uid: peer as u32,
        pid: (peer >> 32) as u32,
        feature_count: field(0),
        slot_count: field(16),
        output_count: field(32),
        class: field(48),
        worker: place as u32,
        rights: (place >> 32) as u32,
        attached_unix_ns: word(at::ROW_ATTACHED_UNIX_NS),
        local: word(at::ROW_LOCAL),
    }
}
