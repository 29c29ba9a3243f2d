//! The daemon's half of the attach handshake: make the regions, send them, close them to writers,
//! hand the channel to the worker.

use super::channel_rows::ChannelRow;
use super::claims::Claims;
use super::connection::Connection;
use super::{Control, Phase, deadline};
use crate::sys::epoll::Interest;
use factord_core::abi::{self, resp_header, right, status_region as at};
use factord_core::channel::{Hello, Message, NAME_LEN, Refusal, Shape, Welcome};
use factord_core::counters::set;
use factord_core::region::Region;
use factord_core::ring::{self, Geometry};
use factord_core::sys::{clock, memory, socket};
use factord_core::worker::Lane;
use std::io;
use std::os::fd::AsFd;
use tracing::{info, warn};

/// Where the rings of a new channel begin.
const FIRST_POSITION: u64 = 1;

impl Control {
    /// Answers a greeting: STATUS for an observer, three or four regions for a client.
    pub(super) fn greet(&mut self, key: u64, hello: &Hello) -> Result<(), Refusal> {
        let Some(connection) = self.connections.get(&key) else { return Ok(()) };
        let (rights, uid) = (connection.rights, connection.credentials.uid);
        let &Hello { feature_count, slot_count, nonce, output_count, class, .. } = hello;
        let welcome = Welcome {
            abi: abi::ABI_WORD,
            layout_hash: abi::RINGS_HASH,
            epoch: self.parts.epoch,
            client_id: key,
            feature_count,
            slot_count,
            nonce,
            output_count,
            class,
            rights,
        };
        let name = printable(&hello.name);
        if slot_count == 0 {
            return self.show_status(key, &welcome, name);
        }
        if rights & right::ATTACH == 0 {
            return Err(Refusal::NotPermitted { uid: uid.into() });
        }
        let shape = Shape::of_greeting(feature_count, slot_count, output_count, class)?;
        let geometry = shape.geometry;
        if self.parts.outlets.stations.iter().all(|station| station.class != class) {
            return Err(Refusal::NoSuchClass { class });
        }
        let len = ((geometry.req_lines() + geometry.resp_lines()) * abi::LINE_LEN) as u64;
        self.charge(key, uid, len)?;
        let Some(connection) = self.connections.get_mut(&key) else { return Ok(()) };
        connection.name = name;
        let (req, resp) = self.make_regions(geometry, &welcome).map_err(|error| {
            self.trouble(format_args!("the rings of a client cannot be made: {error}"));
            if socket::out_of_descriptors(&error) {
                Refusal::Busy
            } else {
                Refusal::NoMemory { bytes: len }
            }
        })?;
        self.accounts.watch(key, &req);
        self.accounts.watch(key, &resp);
        self.send_regions(key, &welcome, &req, &resp).map_err(|error| {
            self.trouble(format_args!("cannot send the rings to a client: {error}"));
            Refusal::Busy
        })?;
        if let Some(connection) = self.connections.get_mut(&key) {
            connection.phase = Phase::Mapping { shape, req, resp };
            connection.was_sent_descriptors = true;
            connection.deadline_ns = deadline();
        }
        Ok(())
    }

    /// Answers a greeting, or holds it while only channels that its user has closed stand in its
    /// way: a worker gives a lane back between two turns.
    pub(super) fn greet_or_hold(&mut self, key: u64, hello: Hello) -> Result<(), Refusal> {
        let answered = self.greet(key, &hello);
        let Err(refusal @ (Refusal::ChannelQuota { .. } | Refusal::ByteQuota { .. })) = answered
        else {
            return answered;
        };
        let uid_of = |connection: &Connection| connection.credentials.uid;
        let uid = self.connections.get(&key).map(uid_of);
        // One that hung up just now is heard of in a later event.
        let hung_up = |connection: &Connection| {
            connection.socket.as_ref().is_some_and(|socket| socket::hung_up(socket.as_fd()))
        };
        let leaves = |connection: &Connection| match connection.phase {
            _ if Some(uid_of(connection)) != uid => false,
            Phase::Serving { .. } => hung_up(connection),
            _ => matches!(connection.phase, Phase::Leaving { .. }),
        };
        if !self.connections.values().any(leaves) {
            return answered;
        }
        if let Some(connection) = self.connections.get_mut(&key) {
            connection.phase = Phase::Held { hello, refusal };
        }
        Ok(())
    }

    /// Answers the greetings that were held, now that some channels may have ended.
    pub(super) fn greet_held(&mut self) {
        let held = |(&key, connection): (&u64, &Connection)| match connection.phase {
            Phase::Held { hello, .. } => Some((key, hello)),
            _ => None,
        };
        let held: Vec<(u64, Hello)> = self.connections.iter().filter_map(held).collect();
        for (key, hello) in held {
            if let Some(connection) = self.connections.get_mut(&key) {
                connection.phase = Phase::Fresh;
            }
            if let Err(refusal) = self.greet_or_hold(key, hello) {
                self.refuse(key, refusal);
            }
        }
    }

    /// Charges a channel to its user. From then on the charge is on the connection's account,
    /// whatever becomes of it.
    fn charge(&mut self, key: u64, uid: u32, len: u64) -> Result<(), Refusal> {
        let owns = self.parts.rights.owns(uid);
        if self.accounts.charge(key, uid, owns, len).is_ok() {
            return Ok(());
        }
        // What the user has let go of may wait for the next tick.
        self.free_returned();
        self.accounts.take_ended();
        self.accounts.charge(key, uid, owns, len)
    }

    fn show_status(&mut self, key: u64, welcome: &Welcome, name: String) -> Result<(), Refusal> {
        let Some(connection) = self.connections.get_mut(&key) else { return Ok(()) };
        connection.name = name;
        connection.answered();
        let Some(socket) = &connection.socket else { return Ok(()) };
        let message = Message::Welcome(*welcome).encode();
        let all = [self.parts.status.as_fd(), self.parts.channels.as_fd()];
        let count = if welcome.rights & right::OBSERVE != 0 { 2 } else { 1 };
        socket::send(socket.as_fd(), &message, &all[..count]).map_err(|_| Refusal::Busy)
    }

    fn make_regions(
        &mut self,
        geometry: Geometry,
        welcome: &Welcome,
    ) -> io::Result<(Region, Region)> {
        // NB: each side maps both writable, though either only reads one of them: loads through a
        // read-only page leave the line shared, and the writer's next store then waits some 25 ns
        // to get it back for itself.
        let req = Region::create("factord-req", geometry.req_lines())?;
        let resp = Region::create("factord-resp", geometry.resp_lines())?;
        let header = [
            (resp_header::MAGIC, abi::MAGIC),
            (resp_header::ABI, welcome.abi),
            (resp_header::LAYOUT_HASH, welcome.layout_hash),
            (resp_header::CLIENT_ID, welcome.client_id),
            (resp_header::FEATURE_COUNT, welcome.feature_count),
            (resp_header::SLOT_COUNT, welcome.slot_count),
            (resp_header::OUTPUT_COUNT, welcome.output_count),
            (resp_header::CLASS, welcome.class),
        ];
        for (index, value) in header {
            set(&resp.mapping().words()[index], value);
        }
        ring::begin_epoch(resp.mapping().as_ref(), welcome.epoch, FIRST_POSITION);
        for region in [&req, &resp] {
            region.mapping().populate()?;
            if let Err(error) = region.mapping().lock()
                && !self.lock_refused
            {
                self.lock_refused = true;
                warn!(
                    "rings cannot be locked in memory ({error}): serving anyway; raise \
                     LimitMEMLOCK or `ulimit -l` to keep them from being swapped out"
                );
            }
        }
        Ok((req, resp))
    }

    fn send_regions(
        &self,
        key: u64,
        welcome: &Welcome,
        req: &Region,
        resp: &Region,
    ) -> io::Result<()> {
        let gone = || io::Error::from(io::ErrorKind::NotConnected);
        let connection = self.connections.get(&key).ok_or_else(gone)?;
        let socket = connection.socket.as_ref().ok_or_else(gone)?;
        let (status, models) = (self.parts.status.as_fd(), self.parts.models.as_fd());
        let all = [status, req.fd(), resp.fd(), models];
        let count = if welcome.rights & right::LOCAL != 0 { 4 } else { 3 };
        socket::send(socket.as_fd(), &Message::Welcome(*welcome).encode(), &all[..count])
    }

    /// The worker of a class with the fewest lanes, so that they are spread evenly.
    pub(super) fn worker_for(&self, class: u64) -> Option<usize> {
        let stations = &self.parts.outlets.stations;
        let of_class = (0..stations.len()).filter(|&worker| stations[worker].class == class);
        of_class.min_by_key(|&worker| self.lane_counts[worker])
    }

    /// Shows how many channels there are.
    pub(super) fn show_channel_count(&self) {
        set(self.parts.outlets.status.word(at::CHANNEL_COUNT), self.channel_count);
    }

    /// Takes a channel into service once its client has mapped the regions.
    pub(super) fn mapped(&mut self, key: u64) -> Result<(), Refusal> {
        let Some(connection) = self.connections.get_mut(&key) else { return Ok(()) };
        let phase = std::mem::replace(&mut connection.phase, Phase::Fresh);
        let Phase::Mapping { shape, req, resp } = phase else { return Err(Refusal::NotAHello) };
        let no_memory = |_| Refusal::NoMemory { bytes: 0 };
        for region in [&req, &resp] {
            self.close_to_writers(region)?;
            // The client could punch holes until now.
            region.mapping().populate().map_err(no_memory)?;
        }
        let worker = self.worker_for(shape.class).ok_or(Refusal::Busy)?;
        self.keep(key, &req, &resp);
        let head = req.view_head(abi::RING_HEADER_LINES).map_err(no_memory)?;
        let rings = (req.into_mapping(), resp.into_mapping());
        let lane = Lane::new(key, shape.geometry, rings, FIRST_POSITION);
        let Some(connection) = self.connections.get_mut(&key) else { return Ok(()) };
        let Some(socket) = &connection.socket else { return Ok(()) };
        let credentials = connection.credentials;
        let process = socket::peer_process(socket.as_fd(), credentials).ok();
        if let Some(process) = &process {
            // A process that cannot be watched is still noticed by its socket.
            let _ = self.epoll.add(process.as_fd(), key + 1, Interest::Read);
        }
        if !self.parts.outlets.stations[worker].handle.attach(lane) {
            return Err(Refusal::Busy);
        }
        self.lane_counts[worker] += 1;
        self.places.give_back(credentials.uid);
        let claims = Claims::new(head, clock::monotonic_ns());
        connection.phase = Phase::Serving { worker, claims, _process: process };
        let rights = connection.rights;
        let row = ChannelRow { name: &connection.name, credentials, shape, worker, rights };
        self.parts.rows.show(key, &row);
        info!(
            "attached `{}`, process {}, {} features, {} slots",
            connection.name,
            credentials.pid,
            shape.geometry.feature_count(),
            shape.geometry.slot_count()
        );
        self.channel_count += 1;
        self.parts.outlets.status.count(at::ATTACHED_TOTAL);
        set(self.parts.outlets.status.word(at::CHANNEL_COUNT), self.channel_count);
        if socket::send(socket.as_fd(), &Message::Ready.encode(), &[]).is_err() {
            self.part(key);
        }
        Ok(())
    }

    /// Refuses all writers to a ring but the two sides.
    fn close_to_writers(&self, ring: &Region) -> Result<(), Refusal> {
        if !self.parts.keeper.keeps() {
            return ring.seal_write().map_err(|_| Refusal::Sealed);
        }
        // NB: the next engine has to map it for writing, so that it stays open to the two users
        // that can have it.
        match memory::seals(ring.fd()) {
            Ok(seals) if !seals.write && !seals.closed => Ok(()),
            _ => Err(Refusal::Sealed),
        }
    }

    /// Has the service manager keep a channel for the next engine.
    fn keep(&mut self, key: u64, req: &Region, resp: &Region) {
        let socket = self.connections.get(&key).and_then(|connection| connection.socket.as_ref());
        let Some(socket) = socket else { return };
        let kept = self.parts.keeper.keep_channel(key, socket.as_fd(), req.fd(), resp.fd());
        if let Err(error) = kept {
            warn!("client {key} has to attach again after a restart: {error}");
        }
    }
}

/// A client's name as a log may hold it: printable ASCII up to the first NUL.
fn printable(name: &[u8; NAME_LEN]) -> String {
    let end = name.iter().position(|&byte| byte == 0).unwrap_or(NAME_LEN);
    let keep =
        |&byte: &u8| if byte.is_ascii_graphic() || byte == b' ' { byte as char } else { '?' };
    name[..end].iter().map(keep).collect()
}
