//! Rivals whose two sides must be threads of one process: rtrb and crossbeam channels.

use crate::payload::{REST, Request, Response};
use crate::process::{Fault, LOOK_COUNT_MAX, pin};
use crate::rival::Rival;
use crate::sample::{self, Sample};
use crossbeam_channel::{Receiver, Sender};
use quanta::Clock;
use rtrb::{Consumer, Producer, RingBuffer};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Slots of each ring, as many as factord's default.
const SLOT_COUNT: usize = 64;

/// Starts the far side: parked until woken, then it answers what `pop` gives until that is a rest.
fn far_side(
    core: usize,
    mut pop: impl FnMut() -> Option<Request> + Send + 'static,
    mut push: impl FnMut(Response) + Send + 'static,
) -> JoinHandle<()> {
    thread::spawn(move || {
        if let Err(error) = pin(core) {
            eprintln!("rivals: a far side runs anywhere: {error}");
        }
        // Ends with the process. A wake-up without cause only spins until the next REST.
        loop {
            thread::park();
            // The event loop of a round.
            loop {
                match pop() {
                    None => std::hint::spin_loop(),
                    Some(request) if request.sequence == REST => break,
                    Some(request) => push(request.answer()),
                }
            }
        }
    })
}

/// Waits for the answer to a request.
#[inline]
fn wait_for(request: &Request, mut pop: impl FnMut() -> Option<Response>) -> Result<(), Fault> {
    for _ in 0..LOOK_COUNT_MAX {
        if let Some(response) = pop() {
            return match request.is_answered_by(&response) {
                true => Ok(()),
                false => Err("a wrong answer".into()),
            };
        }
        std::hint::spin_loop();
    }
    Err("no answer".into())
}

/// A pair of rtrb rings.
pub struct Rtrb {
    requests: Producer<Request>,
    responses: Consumer<Response>,
    far: JoinHandle<()>,
    sequence: u64,
}

impl Rtrb {
    pub fn start(core: usize) -> Rtrb {
        let (requests, mut far_requests) = RingBuffer::new(SLOT_COUNT);
        let (mut far_responses, responses) = RingBuffer::new(SLOT_COUNT);
        let far = far_side(
            core,
            move || far_requests.pop().ok(),
            // One request is under way at a time: there is room.
            move |response| {
                let _ = far_responses.push(response);
            },
        );
        Rtrb { requests, responses, far, sequence: 0 }
    }

    #[inline]
    fn trip(&mut self) -> Result<(), Fault> {
        self.sequence += 1;
        let request = Request::new(self.sequence);
        self.requests.push(request).map_err(|_| "rtrb: the ring is full")?;
        wait_for(&request, || self.responses.pop().ok())
    }
}

impl Rival for Rtrb {
    fn name(&self) -> &'static str {
        "rtrb"
    }

    fn wake(&mut self) -> Result<(), Fault> {
        self.far.thread().unpark();
        Ok(())
    }

    fn round(&mut self, clock: &Clock, length: Duration) -> Result<Sample, Fault> {
        sample::round(clock, length, || self.trip())
    }

    fn rest(&mut self) -> Result<(), Fault> {
        let request = Request::rest();
        Ok(self.requests.push(request).map_err(|_| "rtrb: the ring is full")?)
    }
}

/// A pair of bounded crossbeam channels.
pub struct Crossbeam {
    requests: Sender<Request>,
    responses: Receiver<Response>,
    far: JoinHandle<()>,
    sequence: u64,
}

impl Crossbeam {
    pub fn start(core: usize) -> Crossbeam {
        let (requests, far_requests) = crossbeam_channel::bounded::<Request>(SLOT_COUNT);
        let (far_responses, responses) = crossbeam_channel::bounded(SLOT_COUNT);
        let far = far_side(
            core,
            move || far_requests.try_recv().ok(),
            // One request is under way at a time: there is room.
            move |response| {
                let _ = far_responses.try_send(response);
            },
        );
        Crossbeam { requests, responses, far, sequence: 0 }
    }

    #[inline]
    fn trip(&mut self) -> Result<(), Fault> {
        self.sequence += 1;
        let request = Request::new(self.sequence);
        self.requests.try_send(request)?;
        wait_for(&request, || self.responses.try_recv().ok())
    }
}

impl Rival for Crossbeam {
    fn name(&self) -> &'static str {
        "crossbeam"
    }

    fn wake(&mut self) -> Result<(), Fault> {
        self.far.thread().unpark();
        Ok(())
    }

    fn round(&mut self, clock: &Clock, length: Duration) -> Result<Sample, Fault> {
        sample::round(clock, length, || self.trip())
    }

    fn rest(&mut self) -> Result<(), Fault> {
        Ok(self.requests.try_send(Request::rest())?)
    }
}
