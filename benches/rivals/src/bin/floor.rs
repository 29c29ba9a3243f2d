//! The floor, independently: two cache lines bounced between two processes pinned to two cores.
//!
//! `floor CORE CORE ROUNDS MILLISECONDS` prints one CSV line a round: the median round trip with
//! bare waiting and with a pause between looks. Nothing of factord is used here, so that its own
//! floor can be checked against this one.

#[path = "../sample.rs"]
#[allow(dead_code)]
mod sample;

use quanta::Clock;
use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Words of a page; ping and pong lie two lines apart, because lines are fetched in pairs.
const WORD_COUNT: usize = 512;
const PING: usize = 0;
const PONG: usize = 16;
/// Set in a turn that is waited for politely.
const POLITE: u64 = 1 << 63;
/// The turn that ends the child.
const END: u64 = u64::MAX;
/// Looks before a silent child is given up.
const LOOK_COUNT_MAX: u64 = 1 << 31;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<usize> =
        std::env::args().skip(1).map(|word| word.parse()).collect::<Result<_, _>>()?;
    let [near, far, rounds, milliseconds] = words[..] else {
        return Err("usage: floor CORE CORE ROUNDS MILLISECONDS".into());
    };
    let clock = Clock::new();
    let lines = shared_page()?;
    let parent = std::process::id();
    // SAFETY: this process has one thread.
    if unsafe { libc::fork() } == 0 {
        pin(far)?;
        echo(lines, parent)?;
        return Ok(());
    }
    pin(near)?;
    let length = Duration::from_millis(milliseconds as u64) / 2;
    let mut turn = 0;
    println!("round,bare_ns,polite_ns");
    for round in 0..rounds {
        let bare = sample::round(&clock, length, || bounce(lines, &mut turn, 0, || {}))?.p50_ns;
        let wait = std::hint::spin_loop;
        let polite = sample::round(&clock, length, || bounce(lines, &mut turn, POLITE, wait))?;
        println!("{round},{bare:.2},{:.2}", polite.p50_ns);
    }
    lines[PING].store(END, Ordering::Release);
    Ok(())
}

/// One bounce; `kind` tells the child how to wait.
#[inline]
fn bounce(
    lines: &[AtomicU64],
    turn: &mut u64,
    kind: u64,
    mut wait: impl FnMut(),
) -> Result<(), &'static str> {
    *turn += 1;
    let sent = *turn | kind;
    lines[PING].store(sent, Ordering::Release);
    for _ in 0..LOOK_COUNT_MAX {
        if lines[PONG].load(Ordering::Acquire) == sent {
            return Ok(());
        }
        wait();
    }
    Err("no answer from the other process")
}

/// The child: copies ping to pong until told to end, or its parent is gone.
fn echo(lines: &[AtomicU64], parent: u32) -> io::Result<()> {
    // SAFETY: prctl with this option touches no memory.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    if std::os::unix::process::parent_id() != parent {
        return Ok(());
    }
    let mut seen = 0;
    // The event loop.
    loop {
        let turn = lines[PING].load(Ordering::Acquire);
        if turn == END {
            return Ok(());
        }
        if turn != seen {
            seen = turn;
            lines[PONG].store(turn, Ordering::Release);
        } else if turn & POLITE != 0 {
            std::hint::spin_loop();
        }
    }
}

/// A page that a forked child shares.
fn shared_page() -> io::Result<&'static [AtomicU64; WORD_COUNT]> {
    let (protection, flags) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
    let len = size_of::<[AtomicU64; WORD_COUNT]>();
    // SAFETY: a new anonymous mapping overlaps nothing.
    let page = unsafe { libc::mmap(std::ptr::null_mut(), len, protection, flags, -1, 0) };
    if page == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the mapping is page-aligned, zeroed, as long as the array, and never unmapped.
    Ok(unsafe { &*page.cast() })
}

fn pin(core: usize) -> io::Result<()> {
    // SAFETY: an all-zero cpu_set_t is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: CPU_SET checks the index against the set's size.
    unsafe { libc::CPU_SET(core, &mut set) };
    // SAFETY: `set` is a whole cpu_set_t, and 0 names the calling thread.
    match unsafe { libc::sched_setaffinity(0, size_of_val(&set), &set) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
