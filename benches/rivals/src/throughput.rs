//! Pipelined throughput: lines that go out and come back, as many as the machine moves.
//!
//! factord's side is a batch with everything production has switched on. rtrb's far side
//! only copies each line into another one; both sides go line by line, or both by chunks.

use crate::payload::{REST, Request, Response};
use crate::process::{Fault, LOOK_COUNT_MAX, pin};
use factord_core::client::{Answer, Batch, Client};
use rtrb::{Consumer, Producer, RingBuffer};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Slots of factord's rings, which are fastest when few lines take turns.
pub const SLOT_COUNT: usize = 64;
/// Slots of the rival's rings, whose positions travel less often when there are many.
const RIVAL_SLOT_COUNT: usize = 256;
/// Lines between two looks at the clock.
const BATCH: usize = 10_000;
const WIDTH: usize = 3;
/// A batch that takes longer than this has failed, however busy the machine is.
const DEADLINE: Duration = Duration::from_secs(60);
/// Lines that one chunk moves at most.
// 16: as many as factord's client pushes and takes by turns.
const CHUNK: usize = 16;

/// Answers a second of factord's ring.
pub fn factord(client: &mut Client, model: u16, length: Duration) -> Result<f64, Fault> {
    let rows: Vec<f64> =
        (0..BATCH as u64).flat_map(|row| Request::new(row).x).collect::<Vec<f64>>();
    assert_eq!(rows.len(), BATCH * WIDTH);
    let mut answers = vec![0.0; BATCH];
    rate(length, || {
        let mut refused = None;
        let take = |row: usize, answer: Answer| match answer {
            Ok(prediction) => answers[row] = prediction.y,
            Err(error) => refused = Some(error),
        };
        client.advance_batch(&mut Batch::default(), model, &rows, take, DEADLINE)?;
        refused.map_or(Ok(()), |error| Err(error.into()))
    })
}

/// Lines a second over a round: those of its middle batch, so that time given to other processes
/// does not count.
fn rate(length: Duration, mut batch: impl FnMut() -> Result<(), Fault>) -> Result<f64, Fault> {
    let start = Instant::now();
    let mut took = Vec::new();
    while start.elapsed() < length || took.is_empty() {
        let before = Instant::now();
        batch()?;
        took.push(before.elapsed());
    }
    took.sort_unstable();
    Ok(BATCH as f64 / took[took.len() / 2].as_secs_f64())
}

/// How both sides of rtrb move lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moving {
    /// `push` and `pop`.
    Singly,
    /// `write_chunk_uninit` and `read_chunk`.
    ByChunks,
}

/// Two rtrb rings and a far side that copies.
pub struct Echo {
    moving: Moving,
    requests: Producer<Request>,
    responses: Consumer<Response>,
    far: JoinHandle<()>,
}

impl Echo {
    /// Starts the far side on `core`, asleep.
    pub fn start(core: usize, moving: Moving) -> Echo {
        let (requests, mut far_requests) = RingBuffer::new(RIVAL_SLOT_COUNT);
        let (mut far_responses, responses) = RingBuffer::new(RIVAL_SLOT_COUNT);
        let far = thread::spawn(move || {
            if let Err(error) = pin(core) {
                eprintln!("rivals: a far side runs anywhere: {error}");
            }
            // Ends with the process.
            loop {
                thread::park();
                match moving {
                    Moving::Singly => echo_singly(&mut far_requests, &mut far_responses),
                    Moving::ByChunks => echo_by_chunks(&mut far_requests, &mut far_responses),
                }
            }
        });
        Echo { moving, requests, responses, far }
    }

    /// Echoes a second.
    pub fn run(&mut self, length: Duration) -> Result<f64, Fault> {
        self.far.thread().unpark();
        let mut answers = vec![0.0; BATCH];
        let rate = rate(length, || self.batch(&mut answers))?;
        self.requests.push(Request::rest()).map_err(|_| "rtrb: the ring is full")?;
        Ok(rate)
    }

    fn batch(&mut self, answers: &mut [f64]) -> Result<(), Fault> {
        let (mut pushed, mut taken) = (0, 0);
        for _ in 0..LOOK_COUNT_MAX {
            let wanted = (answers.len() - pushed).min(CHUNK);
            pushed += match self.moving {
                Moving::Singly => push_singly(&mut self.requests, pushed, wanted),
                Moving::ByChunks => push_chunk(&mut self.requests, pushed, wanted),
            };
            taken += match self.moving {
                Moving::Singly => pop_singly(&mut self.responses, &mut answers[taken..]),
                Moving::ByChunks => pop_chunk(&mut self.responses, &mut answers[taken..]),
            };
            if taken == answers.len() {
                return Ok(());
            }
        }
        Err("rtrb: no answer".into())
    }
}

fn push_singly(requests: &mut Producer<Request>, first: usize, count: usize) -> usize {
    let lines = first as u64..(first + count) as u64;
    lines.take_while(|sequence| requests.push(Request::new(*sequence)).is_ok()).count()
}

fn push_chunk(requests: &mut Producer<Request>, first: usize, count: usize) -> usize {
    let room = requests.slots().min(count);
    match requests.write_chunk_uninit(room) {
        Ok(chunk) => chunk.fill_from_iter((first as u64..).map(Request::new)),
        Err(_) => 0,
    }
}

fn pop_singly(responses: &mut Consumer<Response>, answers: &mut [f64]) -> usize {
    let mut taken = 0;
    for answer in answers.iter_mut().take(CHUNK) {
        let Ok(response) = responses.pop() else { break };
        *answer = response.y;
        taken += 1;
    }
    taken
}

fn pop_chunk(responses: &mut Consumer<Response>, answers: &mut [f64]) -> usize {
    let there = responses.slots().min(CHUNK).min(answers.len());
    let Ok(chunk) = responses.read_chunk(there) else { return 0 };
    for (answer, response) in answers.iter_mut().zip(chunk) {
        *answer = response.y;
    }
    there
}

/// The far side, line by line, until told to rest.
fn echo_singly(requests: &mut Consumer<Request>, responses: &mut Producer<Response>) {
    // The event loop of a round.
    loop {
        let Ok(request) = requests.pop() else {
            std::hint::spin_loop();
            continue;
        };
        if request.sequence == REST {
            return;
        }
        let mut response = copy(&request);
        while let Err(rtrb::PushError::Full(again)) = responses.push(response) {
            response = again;
            std::hint::spin_loop();
        }
    }
}

/// The far side, by chunks, until told to rest.
fn echo_by_chunks(requests: &mut Consumer<Request>, responses: &mut Producer<Response>) {
    // The event loop of a round.
    loop {
        let count = requests.slots().min(responses.slots()).min(CHUNK);
        let (Ok(lines), Ok(room)) =
            (requests.read_chunk(count), responses.write_chunk_uninit(count))
        else {
            continue;
        };
        if count == 0 {
            std::hint::spin_loop();
            continue;
        }
        let mut rest = false;
        let copied = lines.into_iter().map_while(|request| {
            rest = request.sequence == REST;
            (!rest).then(|| copy(&request))
        });
        room.fill_from_iter(copied);
        if rest {
            return;
        }
    }
}

fn copy(request: &Request) -> Response {
    let [a, b, _] = request.x;
    Response::new(request.sequence, a, b)
}
