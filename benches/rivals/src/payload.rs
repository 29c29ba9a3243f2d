//! What travels: one cache line with three features, and one line back with a linear model's
//! answer. Each answer is checked against its request.

use iceoryx2::prelude::ZeroCopySend;

/// The sequence that ends a round: the peer goes to sleep and answers nothing.
pub const REST: u64 = u64::MAX;
/// Different inputs, so that nothing is answered from a branch predictor's memory.
const INPUT_COUNT: u64 = 1024;
const WEIGHTS: [f64; 3] = [-1.0, 0.5, 0.25];

/// A request: as large as a request slot of factord's ring.
#[derive(Clone, Copy, Debug, Default, ZeroCopySend)]
#[repr(C)]
#[repr(align(64))]
pub struct Request {
    pub sequence: u64,
    pub x: [f64; 3],
    spare: [u64; 4],
}

/// An answer: as large as a response slot of factord's ring.
#[derive(Clone, Copy, Debug, Default, ZeroCopySend)]
#[repr(C)]
#[repr(align(64))]
pub struct Response {
    pub sequence: u64,
    pub y: f64,
    pub second: f64,
    pub status: u64,
    pub echo: u64,
    spare: [u64; 3],
}

/// The length of either, bytes.
pub const LEN: usize = 64;
const _: () = assert!(size_of::<Request>() == LEN && size_of::<Response>() == LEN);

impl Request {
    /// The request of a sequence.
    pub fn new(sequence: u64) -> Request {
        let at = (sequence % INPUT_COUNT) as f64;
        let x = [at * 0.001, at * 0.0005, 0.25];
        Request { sequence, x, ..Request::default() }
    }

    /// The request that ends a round.
    pub fn rest() -> Request {
        Request { sequence: REST, ..Request::default() }
    }

    /// The peer's work.
    #[inline]
    pub fn answer(&self) -> Response {
        let [a, b, c] = self.x;
        let y = ((a * WEIGHTS[0] + b * WEIGHTS[1]) + c * WEIGHTS[2]) + 1.0;
        Response { sequence: self.sequence, y, echo: a.to_bits(), ..Response::default() }
    }

    /// Whether `response` answers this request.
    #[inline]
    pub fn is_answered_by(&self, response: &Response) -> bool {
        (response.sequence, response.echo) == (self.sequence, self.x[0].to_bits())
    }

    /// The bytes for a socket.
    pub fn to_bytes(self) -> [u8; LEN] {
        let words = [self.sequence, self.x[0].to_bits(), self.x[1].to_bits(), self.x[2].to_bits()];
        line(&words)
    }

    /// Reads the bytes from a socket.
    pub fn from_bytes(bytes: &[u8; LEN]) -> Request {
        let [sequence, a, b, c] = words(bytes);
        let x = [a, b, c].map(f64::from_bits);
        Request { sequence, x, ..Request::default() }
    }
}

impl Response {
    /// An answer that carries two numbers.
    pub fn new(sequence: u64, y: f64, second: f64) -> Response {
        Response { sequence, y, second, ..Response::default() }
    }

    /// The bytes for a socket.
    pub fn to_bytes(self) -> [u8; LEN] {
        line(&[self.sequence, self.y.to_bits(), self.status, self.echo])
    }

    /// Reads the bytes from a socket.
    pub fn from_bytes(bytes: &[u8; LEN]) -> Response {
        let [sequence, y, status, echo] = words(bytes);
        Response { sequence, y: f64::from_bits(y), status, echo, ..Response::default() }
    }
}

fn line(words: &[u64; 4]) -> [u8; LEN] {
    let mut bytes = [0; LEN];
    for (chunk, word) in bytes.chunks_exact_mut(8).zip(words) {
        chunk.copy_from_slice(&word.to_ne_bytes());
    }
    bytes
}

fn words(bytes: &[u8; LEN]) -> [u64; 4] {
    let word = |at: usize| {
        let mut word = [0; 8];
        word.copy_from_slice(&bytes[at * 8..at * 8 + 8]);
        u64::from_ne_bytes(word)
    };
    [word(0), word(1), word(2), word(3)]
}
