//! Measures rivals of factord's ring beside it, by turns, in one run.
//!
//! `rivals measure FACTORD CLIENT_CORE WORKER_CORE ROUNDS` prints one CSV line a pair of rounds:
//! what was measured, the round, factord's figure, the rival's. `benches/run` makes a table of it.
//! `rivals broadcast READER_CORE WRITER_CORE ROUNDS` does so for one writer with many readers.

mod broadcast;
mod iceoryx;
mod payload;
mod process;
mod rival;
mod sample;
mod sockets;
mod threads;
mod throughput;

use factord_core::client::Client;
use process::{Engine, Fault};
use quanta::Clock;
use rival::Rival;
use sample::Sample;
use std::path::Path;
use std::time::Duration;
use throughput::{Echo, Moving};

/// Length of a round, short enough that both sides of a pair meet the same machine.
const ROUND: Duration = Duration::from_millis(20);
/// Before it, for caches, branch predictors and a far side that wakes up.
const WARM_UP: Duration = Duration::from_millis(5);
const DEADLINE: Duration = Duration::from_secs(10);
const USAGE: &str = "usage: rivals measure FACTORD CLIENT_CORE WORKER_CORE ROUNDS\n       \
                     rivals broadcast READER_CORE WRITER_CORE ROUNDS";

fn main() -> Result<(), Fault> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["measure", factord, client_core, worker_core, rounds] => {
            let folder =
                std::env::temp_dir().join(format!("factord-rivals-{}", std::process::id()));
            std::fs::create_dir(&folder)?;
            let cores = (client_core.parse()?, worker_core.parse()?);
            let outcome = measure(Path::new(factord), cores, rounds.parse()?, &folder);
            std::fs::remove_dir_all(&folder)?;
            outcome
        }
        ["broadcast", reader_core, writer_core, rounds] => {
            broadcast::measure((reader_core.parse()?, writer_core.parse()?), rounds.parse()?)
        }
        ["peer", kind, core, place] => peer(kind, core.parse()?, place),
        _ => Err(USAGE.into()),
    }
}

fn peer(kind: &str, core: usize, place: &str) -> Result<(), Fault> {
    match kind {
        "publish-subscribe" => iceoryx::publish_subscribe_peer(core, place),
        "request-response" => iceoryx::request_response_peer(core, place),
        "unix" => sockets::unix_peer(core, place),
        "tcp" => sockets::tcp_peer(core, place),
        _ => Err(USAGE.into()),
    }
}

fn measure(
    factord: &Path,
    (client_core, worker_core): (usize, usize),
    rounds: u32,
    folder: &Path,
) -> Result<(), Fault> {
    let clock = Clock::new();
    let engine = Engine::start(factord, worker_core, folder)?;
    let mut client = engine.attach(64)?;
    let mut wide = engine.attach(throughput::SLOT_COUNT)?;
    let model = client.model("regression").ok_or("the engine serves no regression")?.id;
    let mut rivals: Vec<Box<dyn Rival>> = vec![
        Box::new(threads::Rtrb::start(worker_core)),
        Box::new(threads::Crossbeam::start(worker_core)),
        Box::new(iceoryx::PublishSubscribe::start(worker_core)?),
        Box::new(iceoryx::RequestResponse::start(worker_core)?),
        Box::new(sockets::unix(worker_core, folder)?),
        Box::new(sockets::tcp(worker_core)?),
    ];
    let mut echoes = [
        ("rtrb-singly", Echo::start(worker_core, Moving::Singly)),
        ("rtrb-by-chunks", Echo::start(worker_core, Moving::ByChunks)),
    ];
    // Only now: the far sides' threads would have been born on this core.
    process::pin(client_core)?;
    println!("what,round,factord,rival,unit");
    for round in 0..rounds {
        for rival in &mut rivals {
            let ours = ring_round(&clock, &mut client, model)?;
            engine.freeze();
            let theirs = rival_round(&clock, rival.as_mut())?;
            engine.thaw();
            let name = rival.name();
            println!("{name}.p50,{round},{:.2},{:.2},ns", ours.p50_ns, theirs.p50_ns);
            println!("{name}.p99,{round},{:.0},{:.0},ns", ours.p99_ns, theirs.p99_ns);
        }
        for (name, echo) in &mut echoes {
            throughput::factord(&mut wide, model, WARM_UP)?;
            let ours = throughput::factord(&mut wide, model, ROUND)?;
            engine.freeze();
            echo.run(WARM_UP)?;
            let theirs = echo.run(ROUND)?;
            engine.thaw();
            println!("{name}.throughput,{round},{ours:.0},{theirs:.0},1/s");
        }
    }
    Ok(())
}

fn ring_round(clock: &Clock, client: &mut Client, model: u16) -> Result<Sample, Fault> {
    let mut sequence = 0;
    let mut trip = || -> Result<(), Fault> {
        sequence += 1;
        client.predict(model, &payload::Request::new(sequence).x, DEADLINE)?;
        Ok(())
    };
    sample::round(clock, WARM_UP, &mut trip)?;
    sample::round(clock, ROUND, trip)
}

fn rival_round(clock: &Clock, rival: &mut dyn Rival) -> Result<Sample, Fault> {
    rival.wake()?;
    rival.round(clock, WARM_UP)?;
    let sample = rival.round(clock, ROUND)?;
    rival.rest()?;
    Ok(sample)
}
