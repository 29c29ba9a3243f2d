//! Channels of the engine before: checked anew, since their clients could write meanwhile, and
//! served from behind their last answer.

use super::channel_rows::ChannelRow;
use super::claims::Claims;
use super::connection::{Connection, Phase};
use super::keeper::KeptChannel;
use super::{Control, deadline};
use crate::sys::epoll::Interest;
use factord_core::abi::{self, resp_header};
use factord_core::channel::Shape;
use factord_core::region::Region;
use factord_core::ring;
use factord_core::sys::{clock, socket};
use factord_core::worker::Lane;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use tracing::{info, warn};

impl Control {
    /// Takes over the channels that the service manager kept. One that is not what it should be is
    /// let go; its client attaches again.
    pub(super) fn adopt_channels(&mut self, kept: Vec<KeptChannel>) {
        let (mut adopted, count) = (0, kept.len());
        for channel in kept {
            let id = channel.id;
            let socket = channel.socket.try_clone();
            self.next_key = self.next_key.max(id.saturating_add(2));
            match self.adopt_channel(channel) {
                Ok(()) => adopted += 1,
                Err(why) => {
                    // The manager holds it until it is told: its client learns it now.
                    if let Ok(socket) = socket {
                        socket::end(socket.as_fd());
                    }
                    self.accounts.close(id);
                    self.parts.keeper.forget_channel(id);
                    warn!("client {id} has to attach again: {why}");
                }
            }
        }
        if count > 0 {
            info!("{adopted} of {count} channels of the engine before are served");
        }
        self.show_channel_count();
    }

    fn adopt_channel(&mut self, kept: KeptChannel) -> Result<(), String> {
        let KeptChannel { id: key, socket, req, resp } = kept;
        if !key.is_multiple_of(2) || self.connections.contains_key(&key) {
            return Err("its number is another's".to_owned());
        }
        if socket::hung_up(socket.as_fd()) {
            return Err("it has gone".to_owned());
        }
        let said = |error: &dyn std::fmt::Display| error.to_string();
        let credentials = socket::credentials(socket.as_fd()).map_err(|e| said(&e))?;
        let rights = self.parts.rights.of_peer(socket.as_fd(), credentials);
        if rights & abi::right::ATTACH == 0 {
            return Err(format!("user {} may not attach any more", credentials.uid));
        }
        let shape = shape_of(&resp, key)?;
        let geometry = shape.geometry;
        let req = Region::adopt("REQ", req, geometry.req_lines()).map_err(|e| said(&e))?;
        let resp = Region::adopt("RESP", resp, geometry.resp_lines()).map_err(|e| said(&e))?;
        let stations = &self.parts.outlets.stations;
        let worker = self.worker_for(shape.class).ok_or("no worker serves its class")?;
        let len = ((geometry.req_lines() + geometry.resp_lines()) * abi::LINE_LEN) as u64;
        self.accounts
            .charge(key, credentials.uid, self.parts.rights.owns(credentials.uid), len)
            .map_err(|e| said(&e))?;
        self.accounts.watch(key, &req);
        self.accounts.watch(key, &resp);
        let head = req.view_head(abi::RING_HEADER_LINES).map_err(|e| said(&e))?;
        self.epoll.add(socket.as_fd(), key, Interest::Read).map_err(|e| said(&e))?;
        let process = socket::peer_process(socket.as_fd(), credentials).ok();
        if let Some(process) = &process {
            // A process that cannot be watched is still noticed by its socket.
            let _ = self.epoll.add(process.as_fd(), key + 1, Interest::Read);
        }
        let first = ring::position_behind(resp.mapping().as_ref(), geometry);
        ring::begin_epoch(resp.mapping().as_ref(), self.parts.epoch, first);
        let rings = (req.into_mapping(), resp.into_mapping());
        if !stations[worker].handle.attach(Lane::new(key, geometry, rings, first)) {
            return Err("no worker has room for it".to_owned());
        }
        self.lane_counts[worker] += 1;
        self.channel_count += 1;
        let claims = Claims::resumed(head, clock::monotonic_ns());
        let mut connection = Connection::new(socket, credentials, rights, deadline());
        connection.name = self.parts.names_before.remove(&key).unwrap_or_default();
        let row = ChannelRow { name: &connection.name, credentials, shape, worker, rights };
        self.parts.rows.show(key, &row);
        connection.phase = Phase::Serving { worker, claims, _process: process };
        self.connections.insert(key, connection);
        Ok(())
    }
}

/// What the header of a response ring claims: its client may have written there.
fn shape_of(resp: &OwnedFd, client_id: u64) -> Result<Shape, String> {
    let file = File::from(resp.try_clone().map_err(|error| error.to_string())?);
    let mut bytes = [0; abi::LINE_LEN];
    file.read_exact_at(&mut bytes, 0).map_err(|error| format!("RESP cannot be read: {error}"))?;
    let mut words = [0; abi::LINE_WORDS];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    let opening = [resp_header::MAGIC, resp_header::ABI, resp_header::LAYOUT_HASH];
    let found = opening.map(|index| words[index]);
    if found != [abi::MAGIC, abi::ABI_WORD, abi::RINGS_HASH]
        || words[resp_header::CLIENT_ID] != client_id
    {
        return Err("its RESP has another header".to_owned());
    }
    Shape::of_greeting(
        words[resp_header::FEATURE_COUNT],
        words[resp_header::SLOT_COUNT],
        words[resp_header::OUTPUT_COUNT],
        words[resp_header::CLASS],
    )
    .map_err(|refusal| refusal.to_string())
}

const _: () = assert!(resp_header::CLASS < abi::LINE_WORDS);
