//! The control socket, word by word.

use crate::harness::{Engine, eventually};
use factord_core::abi;
use factord_core::channel::{Hello, MESSAGE_LEN, Message, NAME_LEN, Refusal, Welcome};
use factord_core::region::Mapping;
use factord_core::ring::Geometry;
use factord_core::sys::socket;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

/// A connection that says what a test wants it to say.
pub(crate) struct Wire {
    pub(crate) socket: OwnedFd,
}

/// What came back.
#[derive(Debug)]
pub(crate) enum Heard {
    Message(Message, Vec<OwnedFd>),
    Closed,
    Nothing,
}

impl Wire {
    pub(crate) fn open(path: &Path) -> Wire {
        Wire { socket: socket::connect_to(path).unwrap() }
    }

    pub(crate) fn say(&self, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) {
        // The daemon may have closed its end before it heard all.
        let _ = socket::send(self.socket.as_fd(), bytes, descriptors);
    }

    pub(crate) fn hear(&self, limit: Duration) -> Heard {
        match socket::wait_readable(self.socket.as_fd(), limit) {
            Ok(true) => {}
            _ => return Heard::Nothing,
        }
        let mut buffer = [0; MESSAGE_LEN];
        match socket::receive(self.socket.as_fd(), &mut buffer) {
            Ok(received) if received.len > 0 => {
                let message = Message::decode(&buffer[..received.len]).unwrap();
                Heard::Message(message, received.descriptors)
            }
            _ => Heard::Closed,
        }
    }

    /// The refusal that must come, and the end of the connection after it.
    #[track_caller]
    pub(crate) fn is_refused(&self) -> Refusal {
        let refusal = match self.hear(Duration::from_secs(1)) {
            Heard::Message(Message::Refused { abi, refusal }, descriptors) => {
                assert_eq!((abi, descriptors.len()), (abi::ABI_WORD, 0));
                refusal
            }
            other => panic!("expected a refusal: {other:?}"),
        };
        assert!(matches!(self.hear(Duration::from_secs(1)), Heard::Closed), "left open");
        refusal
    }

    /// Waits until the daemon closes the connection.
    pub(crate) fn is_closed_within(&self, limit: Duration) {
        eventually("the daemon to hang up", limit, || {
            matches!(self.hear(Duration::from_millis(5)), Heard::Closed).then_some(())
        });
    }

    pub(crate) fn greet(&self, feature_count: u64, slot_count: u64) {
        self.say(&hello(abi::ABI_WORD, feature_count, slot_count).encode(), &[]);
    }

    /// Greets and takes the welcome with its four descriptors.
    #[track_caller]
    pub(crate) fn welcomed(&self, feature_count: u64, slot_count: u64) -> (Welcome, [OwnedFd; 4]) {
        self.greet(feature_count, slot_count);
        match self.hear(Duration::from_secs(1)) {
            Heard::Message(Message::Welcome(welcome), descriptors) => {
                (welcome, descriptors.try_into().unwrap())
            }
            other => panic!("expected a welcome: {other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn is_ready(&self) {
        match self.hear(Duration::from_secs(1)) {
            Heard::Message(Message::Ready, descriptors) => assert!(descriptors.is_empty()),
            other => panic!("expected ready: {other:?}"),
        }
    }
}

pub(crate) fn hello(abi: u64, feature_count: u64, slot_count: u64) -> Message {
    Message::Hello(Hello {
        abi,
        feature_count,
        slot_count,
        nonce: 7,
        name: [b'h'; NAME_LEN],
        output_count: if slot_count == 0 { 0 } else { 2 },
        class: abi::class::LIGHT,
    })
}

/// What a request for `regression` carries, where it stands first.
// printf regression | sha256sum
pub(crate) const REGRESSION: u64 = 0x7a53_74f2 << abi::request::CHECK_SHIFT;

/// A channel whose descriptors and request words are in the test's own hands.
pub(crate) struct Channel {
    pub(crate) wire: Wire,
    /// STATUS, REQ, RESP, MODELS.
    pub(crate) descriptors: [OwnedFd; 4],
    pub(crate) req: Mapping,
    pub(crate) resp: Mapping,
    geometry: Geometry,
}

impl Channel {
    pub(crate) fn open(engine: &Engine, features: usize, slots: usize) -> Channel {
        let wire = Wire::open(engine.socket());
        let (_, descriptors) = wire.welcomed(features as u64, slots as u64);
        let geometry = Geometry::new(features, slots).unwrap();
        let [_, req, resp, _] = &descriptors;
        let req = Mapping::open("REQ", req, geometry.req_lines()).unwrap();
        let resp = Mapping::open("RESP", resp, geometry.resp_lines()).unwrap();
        wire.say(&Message::Mapped.encode(), &[]);
        wire.is_ready();
        Channel { wire, descriptors, req, resp, geometry }
    }

    /// A word of the request slot of a position.
    pub(crate) fn word(&self, position: u64, word: usize) -> &factord_core::sync::AtomicU64 {
        let stride = abi::request_stride_lines(self.geometry.feature_count());
        let index = position as usize & (self.geometry.slot_count() - 1);
        &self.req.words()[(abi::RING_HEADER_LINES + index * stride) * abi::LINE_WORDS + word]
    }
}
