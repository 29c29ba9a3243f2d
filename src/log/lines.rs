//! Lines on their way out: a queue of bounded size and one thread that writes it to stderr, so that
//! logging never waits for the reader. What finds no room is dropped and counted.

use crossbeam::channel::{Receiver, Sender, TryRecvError, unbounded};
use factord_core::sync::{AtomicU64, Ordering};
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

// 1 MiB: some thousands of lines, a second or two of a busy sidecar.
const QUEUED_LEN_MAX: u64 = 1 << 20;
// 4 KiB: what a pipe takes whole or not at all (PIPE_BUF), as engine and sidecar share one.
const WRITE_LEN_MAX: usize = 4096;
/// How long the first line of a batch waits for others, so that a writer that is woken for each
/// line costs the threads that log no more than a thousand wake-ups a second.
const GATHER: Duration = Duration::from_millis(1);
/// At most so often is it said that lines were dropped, while the reader is merely slow.
const NOTE_INTERVAL: Duration = Duration::from_secs(1);
/// How long the end of the process waits for its last lines to be read.
const FLUSH_LIMIT: Duration = Duration::from_millis(200);

static QUEUE: OnceLock<Sender<Box<[u8]>>> = OnceLock::new();
/// Bytes that were queued and are not written yet.
static QUEUED_LEN: AtomicU64 = AtomicU64::new(0);
static DROPPED_TOTAL: AtomicU64 = AtomicU64::new(0);
/// Those of `DROPPED_TOTAL` that no line has reported yet.
static DROPPED_UNTOLD: AtomicU64 = AtomicU64::new(0);
/// Texts on their way to stdout.
static ANNOUNCED_COUNT: AtomicU64 = AtomicU64::new(0);

/// Starts the thread that writes; a second call changes nothing. Without a thread, or a descriptor
/// for it, lines are written by those who log.
pub(super) fn start(note: fn(u64) -> String) {
    let Ok(stderr) = io::stderr().as_fd().try_clone_to_owned() else { return };
    let (sender, lines) = unbounded();
    let writer = Writer { lines, stderr: stderr.into(), note, noted: None };
    let spawn = || thread::Builder::new().name("factord-log".to_owned()).spawn(|| writer.run());
    if QUEUE.get().is_none() && spawn().is_ok() {
        // Only `init` calls this, and once.
        let _ = QUEUE.set(sender);
    }
}

/// Queues whole lines for stderr; without a writer, writes them.
pub(super) fn push(lines: &[u8]) {
    let Some(queue) = QUEUE.get() else {
        // With stderr closed there is no one left to tell.
        let _ = io::stderr().write_all(lines);
        return;
    };
    let len = lines.len() as u64;
    // Relaxed, here and below: counts alone; the channel orders the lines themselves.
    if QUEUED_LEN.fetch_add(len, Ordering::Relaxed) + len > QUEUED_LEN_MAX
        || queue.send(lines.into()).is_err()
    {
        QUEUED_LEN.fetch_sub(len, Ordering::Relaxed);
        count_dropped(lines);
    }
}

fn count_dropped(lines: &[u8]) {
    let count = lines.iter().filter(|&&byte| byte == b'\n').count() as u64;
    // Relaxed: counts.
    DROPPED_TOTAL.fetch_add(count, Ordering::Relaxed);
    DROPPED_UNTOLD.fetch_add(count, Ordering::Relaxed);
}

/// Lines of this process that were dropped since its start, as nobody read the log.
pub fn dropped_total() -> u64 {
    // Relaxed: a count.
    DROPPED_TOTAL.load(Ordering::Relaxed)
}

/// Writes a text to stdout from a thread of its own, so that only that thread waits for the reader.
pub fn announce(text: String) {
    // Relaxed: a count.
    ANNOUNCED_COUNT.fetch_add(1, Ordering::Relaxed);
    let write = move || {
        let mut stdout = io::stdout().lock();
        // Whoever read stdout may be gone; the process serves all the same.
        let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
        ANNOUNCED_COUNT.fetch_sub(1, Ordering::Relaxed);
    };
    if thread::Builder::new().name("factord-stdout".to_owned()).spawn(write).is_err() {
        ANNOUNCED_COUNT.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Waits until everything is out, for 200 ms at most: the process is about to end.
pub fn flush() {
    let end = Instant::now() + FLUSH_LIMIT;
    // Relaxed: counts alone.
    let waiting =
        || [&QUEUED_LEN, &ANNOUNCED_COUNT].iter().any(|count| count.load(Ordering::Relaxed) > 0);
    while waiting() && Instant::now() < end {
        thread::sleep(GATHER);
    }
}

struct Writer {
    lines: Receiver<Box<[u8]>>,
    stderr: File,
    /// The line that says how many were dropped.
    note: fn(u64) -> String,
    noted: Option<Instant>,
}

impl Writer {
    fn run(mut self) {
        let mut batch = Vec::with_capacity(WRITE_LEN_MAX);
        let mut left_over = None;
        // Ends with the process.
        loop {
            let Some(first) = left_over.take().or_else(|| self.lines.recv().ok()) else { return };
            if self.lines.is_empty() {
                thread::sleep(GATHER);
            }
            batch.clear();
            batch.extend_from_slice(&first);
            let drained = loop {
                match self.lines.try_recv() {
                    Ok(line) if batch.len() + line.len() <= WRITE_LEN_MAX => {
                        batch.extend_from_slice(&line);
                    }
                    Ok(line) => {
                        left_over = Some(line);
                        break false;
                    }
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => break true,
                }
            };
            if self.write(&batch) {
                self.note_dropped(drained);
            } else {
                count_dropped(&batch);
            }
            // NB: after the line that tells of dropped ones, which the end waits for as well.
            // Relaxed: a count.
            QUEUED_LEN.fetch_sub(batch.len() as u64, Ordering::Relaxed);
        }
    }

    /// Says how many lines were dropped, once those before them are out.
    fn note_dropped(&mut self, drained: bool) {
        let due = drained || self.noted.is_none_or(|at| at.elapsed() >= NOTE_INTERVAL);
        // Relaxed: a count.
        let count = if due { DROPPED_UNTOLD.swap(0, Ordering::Relaxed) } else { 0 };
        if count > 0 {
            self.noted = Some(Instant::now());
            let line = (self.note)(count);
            self.write(line.as_bytes());
        }
    }

    /// Writes lines, however long the reader takes; false when there is none.
    fn write(&mut self, mut lines: &[u8]) -> bool {
        while !lines.is_empty() {
            match self.stderr.write(lines) {
                Ok(0) => return false,
                Ok(len) => lines = &lines[len..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Somebody who shares the pipe made it so.
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(GATHER),
                Err(_) => return false,
            }
        }
        true
    }
}
