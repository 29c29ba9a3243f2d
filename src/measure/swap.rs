//! A thread that wakes a thousand times a second, and each time swaps a model or does nothing.
//!
//! The two are compared: what a wake-up costs whoever shares the core is then on both sides.

use super::engine::Variants;
use crate::channel::CommandError;
use crate::sys::sched;
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use std::io;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Time between two wake-ups.
const PERIOD: Duration = Duration::from_millis(1);

/// What the thread does when it wakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Nothing.
    Wake,
    /// A model swap.
    Swap,
}

/// What the thread did until it was told to rest.
#[derive(Debug, Default)]
pub struct Report {
    /// Wake-ups on time or late.
    pub wakes: u64,
    /// Swaps that the engine carried out.
    pub swaps: u64,
    /// The first failure.
    pub failure: Option<CommandError>,
}

enum Order {
    Start(Duty),
    Rest(Sender<Report>),
}

/// The thread; it ends when dropped.
#[derive(Debug)]
pub struct Swapper {
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Swapper {
    /// Starts the thread at rest, on `cpus` if there are any, else where the caller runs.
    ///
    /// # Errors
    ///
    /// The system's error when no thread can be made.
    pub fn start(variants: Variants, cpus: Vec<usize>) -> io::Result<Swapper> {
        let (orders, inbox) = unbounded();
        let thread = thread::Builder::new().name("factord-swap".to_owned()).spawn(move || {
            // Where it may not choose, it stays on the caller's CPU.
            let _ = if cpus.is_empty() { Ok(()) } else { sched::allow_cpus(&cpus) };
            run(variants, &inbox);
        })?;
        Ok(Swapper { orders: Some(orders), thread: Some(thread) })
    }

    /// Has the thread wake from now on.
    pub fn begin(&self, duty: Duty) {
        self.order(Order::Start(duty));
    }

    /// Has the thread rest, and waits until it does.
    pub fn rest(&self) -> Report {
        let (reply, report) = bounded(1);
        self.order(Order::Rest(reply));
        report.recv().unwrap_or_default()
    }

    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // The thread ends only after this side.
            let _ = orders.send(order);
        }
    }
}

impl Drop for Swapper {
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(mut variants: Variants, inbox: &Receiver<Order>) {
    let mut report = Report::default();
    let mut duty = None;
    let mut due = Instant::now();
    // The event loop, ended by the other side.
    loop {
        let order = match duty {
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(_) => inbox.recv_timeout(due.saturating_duration_since(Instant::now())),
        };
        match order {
            Ok(Order::Start(wanted)) => {
                duty = Some(wanted);
                due = Instant::now() + PERIOD;
            }
            Ok(Order::Rest(reply)) => {
                duty = None;
                let _ = reply.send(std::mem::take(&mut report));
            }
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                report.wakes += 1;
                if duty == Some(Duty::Swap) {
                    match variants.swap() {
                        Ok(()) => report.swaps += 1,
                        Err(error) => report.failure = report.failure.take().or(Some(error)),
                    }
                }
                // A late wake-up is not made up for: the rate that was reached is reported.
                due = (due + PERIOD).max(Instant::now());
            }
        }
    }
}
