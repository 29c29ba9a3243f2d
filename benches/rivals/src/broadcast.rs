//! One writer and many readers: what an answer costs the one who writes it, by factord's tap and by
//! iceoryx2's publish/subscribe, with so many readers on another core that look every 100 us.

use crate::iceoryx;
use crate::payload::Response;
use crate::process::{self, Fault};
use factord_core::abi::{self, tap_record};
use factord_core::region::{Mapping, Region, View};
use factord_core::tap::{Step, TapReader, TapWriter};
use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How many read at once.
const READERS: [usize; 4] = [0, 1, 8, 32];
/// Answers of a round.
const ANSWERS: u64 = 500_000;
/// Between two looks of a reader that found nothing.
const PAUSE: Duration = Duration::from_micros(100);

/// Prints one CSV line a pair of rounds: nanoseconds an answer takes its writer.
pub fn measure((reader_core, writer_core): (usize, usize), rounds: u32) -> Result<(), Fault> {
    println!("what,round,factord,rival,unit");
    for round in 0..rounds {
        for count in READERS {
            let ours = pair(reader_core, writer_core, count, tap)?;
            let theirs = pair(reader_core, writer_core, count, publish_subscribe)?;
            println!("broadcast-to-{count},{round},{ours:.2},{theirs:.2},ns");
        }
    }
    Ok(())
}

type Round = fn(usize, usize, usize, &AtomicBool) -> Result<f64, Fault>;

/// One round; readers end with it.
fn pair(reader_core: usize, writer_core: usize, count: usize, round: Round) -> Result<f64, Fault> {
    let ended = AtomicBool::new(false);
    process::pin(reader_core)?;
    round(writer_core, count, reader_core, &ended)
}

/// Nanoseconds that each of [`ANSWERS`] writes takes, on a core of its own.
fn timed(core: usize, mut write: impl FnMut(u64) -> Result<(), Fault>) -> Result<f64, Fault> {
    process::pin(core)?;
    let start = Instant::now();
    for answer in 0..ANSWERS {
        write(answer)?;
        spin_loop();
    }
    Ok(start.elapsed().as_nanos() as f64 / ANSWERS as f64)
}

fn tap(core: usize, count: usize, _: usize, ended: &AtomicBool) -> Result<f64, Fault> {
    let region = Region::create_tap(tap_record::CELL_COUNT)?;
    let lines = abi::tap_lines(tap_record::CELL_COUNT);
    let (to_write, to_read) = (region.fd().try_clone_to_owned()?, region.read_only()?);
    thread::scope(|scope| {
        for _ in 0..count {
            let view = View::open("tap", &to_read, lines)?;
            scope.spawn(move || {
                let mut reader = TapReader::new(view.words(), tap_record::CELL_COUNT);
                while !ended.load(Ordering::Relaxed) {
                    if reader.step(view.words()) == Step::Empty {
                        thread::sleep(PAUSE);
                    }
                }
            });
        }
        let writing = scope.spawn(move || {
            let mapping = Mapping::open("tap", &to_write, lines).map_err(|e| e.to_string());
            let mut writer = TapWriter::new(mapping?, tap_record::CELL_COUNT);
            let request = abi::tap_request(0, 1, 3);
            let mut run = [
                [tap_record::FIRST, tap_record::RUN, 0, 0, 0, 0, 0, 0],
                [tap_record::FIRST, request, 1, 2, 3, 4, 5, 6],
            ];
            let time = timed(core, |answer| {
                run[0][tap_record::RUN_COUNT] = answer;
                writer.write(black_box(&run), answer + 1);
                Ok(())
            });
            time.map_err(|error| error.to_string())
        });
        let time = writing.join().unwrap_or_else(|_| Err("the writer panicked".to_owned()));
        ended.store(true, Ordering::Relaxed);
        time.map_err(Fault::from)
    })
}

fn publish_subscribe(
    core: usize,
    count: usize,
    reader_core: usize,
    ended: &AtomicBool,
) -> Result<f64, Fault> {
    let name = format!("factord-rivals-{}/broadcast-{count}", std::process::id());
    let name = &name;
    thread::scope(|scope| {
        // The ports of a service stay in their threads.
        let writing = scope.spawn(move || {
            let broadcast = iceoryx::Broadcast::open(name).map_err(|error| error.to_string())?;
            let readers: Vec<_> = (0..count)
                .map(|_| {
                    scope.spawn(move || -> Result<u64, String> {
                        process::pin(reader_core).map_err(|error| error.to_string())?;
                        let read = || -> Result<u64, Fault> {
                            let subscriber = iceoryx::Broadcast::open(name)?.subscriber()?;
                            let mut seen = 0;
                            while !ended.load(Ordering::Relaxed) {
                                match subscriber.receive()? {
                                    Some(_) => seen += 1,
                                    None => thread::sleep(PAUSE),
                                }
                            }
                            Ok(seen)
                        };
                        read().map_err(|error| error.to_string())
                    })
                })
                .collect();
            let time = (|| -> Result<f64, Fault> {
                let publisher = broadcast.publisher()?;
                let end = Instant::now() + Duration::from_secs(10);
                while broadcast.subscriber_count() < count {
                    if Instant::now() > end {
                        return Err("iceoryx2: subscribers do not come".into());
                    }
                    thread::sleep(PAUSE);
                }
                timed(core, |answer| {
                    let response = black_box(Response::new(answer, 0.5, 0.0));
                    publisher.loan_uninit()?.write_payload(response).send()?;
                    Ok(())
                })
            })();
            ended.store(true, Ordering::Relaxed);
            for reader in readers {
                reader.join().unwrap_or_else(|_| Err("a reader panicked".to_owned()))?;
            }
            time.map_err(|error| error.to_string())
        });
        let time = writing.join().unwrap_or_else(|_| Err("the writer panicked".to_owned()));
        time.map_err(Fault::from)
    })
}
