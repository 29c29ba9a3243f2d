//! The roles that actors play.

use crate::actor::{ROLE, SEED, SOCKET, Tale, begin};
use crate::data::{self, Random, is_exact};
use crate::{forests, forks, identity, neighbours, quota};
use factord_core::channel::{self, CommandError, Shape};
use factord_core::client::{Answer, AttachOptions, Client, PredictError};
use factord_core::idle::IdleStrategy;
use factord_core::ring::Geometry;
use factord_eval::Model;
use std::collections::{HashMap, VecDeque};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

#[test]
fn an_actor_plays_its_role() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let socket = PathBuf::from(std::env::var_os(SOCKET).unwrap());
    let seed = std::env::var(SEED).unwrap().parse().unwrap();
    let options = AttachOptions {
        socket: Some(socket.clone()),
        name: role.clone(),
        idle: IdleStrategy::Backoff,
        ..AttachOptions::default()
    };
    if role == "fork" {
        return fork(&socket);
    }
    if role == "parent" {
        return forks::parent(&options);
    }
    if role == "forest" {
        return println!("\n{}", forests::local(&options, seed).line());
    }
    if role == "again" {
        return println!("\n{}", quota::again(&options, seed).line());
    }
    let mut client = Client::attach(&options).unwrap();
    let tale = match role.as_str() {
        "predict" => predict(&mut client, seed, Duration::from_secs(1)),
        "patient" => predict(&mut client, seed, Duration::from_secs(20)),
        "hasty" => predict(&mut client, seed, Duration::from_millis(10)),
        "pipeline" => pipeline(&mut client, seed),
        "outcast" => outcast(&mut client),
        "crowd" => neighbours::crowd(&socket, &begin()),
        "reload" => reload(&mut client, &socket, seed),
        "bound pipeline" => identity::pipeline(&mut client, seed),
        "bound batches" => identity::batches(&mut client, seed),
        "bound local" => identity::local(&mut client, seed),
        other => panic!("no role `{other}`"),
    };
    println!("\n{}", tale.line());
}

/// Holds a channel whose socket a child of its own holds as well.
#[expect(clippy::zombie_processes, reason = "the test ends the child after this process")]
fn fork(socket: &Path) {
    let attached =
        channel::attach(socket, Shape::light(Geometry::new(3, 8).unwrap()), "fork").unwrap();
    rustix::io::fcntl_setfd(attached.connection.fd(), rustix::io::FdFlags::empty()).unwrap();
    let child = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap();
    let ended = begin();
    println!("child {} lives", child.id());
    while !ended.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// One request after the other, each with the same deadline.
fn predict(client: &mut Client, seed: u64, deadline: Duration) -> Tale {
    let models = data::embedded();
    let mut random = Random(seed);
    let mut tale = Tale::default();
    let mut epoch = 0;
    let ended = begin();
    while !ended.load(Ordering::Relaxed) {
        let id = (random.bits() & 1) as usize;
        let x = random.row(3);
        let start = Instant::now();
        let answer = client.predict(id as u16, &x, deadline);
        let took = start.elapsed();
        tale.sent += 1;
        match answer {
            Ok(p) if is_exact(&models[id], &x, &p) => {
                tale.exact += 1;
                if p.epoch != epoch {
                    (epoch, tale.epochs) = (p.epoch, tale.epochs + 1);
                }
            }
            Ok(_) => tale.wrong += 1,
            Err(
                PredictError::Deadline | PredictError::NotConnected | PredictError::BackPressure,
            ) if took >= deadline => {
                tale.late += 1;
            }
            Err(_) => tale.odd += 1,
        }
    }
    tale
}

/// Makes the daemon hang up on this client's channel, and asks on.
fn outcast(client: &mut Client) -> Tale {
    let model = &data::embedded()[0];
    let mut tale = Tale { epochs: 1, ..Tale::default() };
    let files = std::fs::read_dir("/proc/self/fd").unwrap().map(|file| file.unwrap().path());
    let is_socket = |file: &PathBuf| {
        std::fs::read_link(file).is_ok_and(|to| to.to_string_lossy().starts_with("socket:"))
    };
    let sockets: Vec<PathBuf> = files.filter(is_socket).collect();
    let [socket] = sockets.as_slice() else { panic!("{sockets:?}") };
    let number = socket.file_name().unwrap().to_str().unwrap().parse().unwrap();
    // SAFETY: the descriptor is the client's, which lives longer than this borrow.
    let socket = unsafe { BorrowedFd::borrow_raw(number) };
    let ended = begin();
    while !ended.load(Ordering::Relaxed) {
        let x = [0.5, 0.2, tale.sent as f64];
        tale.sent += 1;
        match client.predict(0, &x, Duration::from_secs(5)) {
            Ok(p) if is_exact(model, &x, &p) => tale.exact += 1,
            Ok(_) => tale.wrong += 1,
            Err(_) => tale.odd += 1,
        }
        if tale.sent == 1 {
            factord_core::sys::socket::send(socket, b"nonsense", &[]).unwrap();
            println!("spoke");
        }
    }
    tale
}

/// A full ring all the time; order and number of the answers are checked.
fn pipeline(client: &mut Client, seed: u64) -> Tale {
    let models = data::embedded();
    let mut random = Random(seed);
    let mut tale = Tale::default();
    let mut waiting: VecDeque<(u64, usize, Vec<f64>)> = VecDeque::new();
    let ended = begin();
    let mut moved = Instant::now();
    let mut epoch = 0;
    while !(ended.load(Ordering::Relaxed) && waiting.is_empty()) {
        while !ended.load(Ordering::Relaxed) {
            let id = (random.bits() & 1) as usize;
            let x = random.row(3);
            match client.submit(id as u16, &x) {
                Ok(ticket) => {
                    tale.sent += 1;
                    waiting.push_back((ticket, id, x));
                }
                Err(PredictError::BackPressure | PredictError::NotConnected) => break,
                Err(_) => tale.odd += 1,
            }
        }
        match client.poll() {
            Ok(Some((ticket, answer))) => {
                tale.longest_us = tale.longest_us.max(moved.elapsed().as_micros() as u64);
                moved = Instant::now();
                match (waiting.pop_front(), answer) {
                    (Some((expected, id, x)), Ok(p))
                        if ticket == expected && is_exact(&models[id], &x, &p) =>
                    {
                        tale.exact += 1;
                        if p.epoch != epoch {
                            (epoch, tale.epochs) = (p.epoch, tale.epochs + 1);
                        }
                    }
                    _ => tale.wrong += 1,
                }
            }
            Ok(None) | Err(PredictError::NotConnected) => {
                std::thread::sleep(Duration::from_micros(50));
            }
            Err(_) => tale.odd += 1,
        }
        if moved.elapsed() > Duration::from_secs(20) {
            tale.late += waiting.len() as u64;
            break;
        }
    }
    tale
}

/// The model that generation `generation` of `alternating` is.
pub(crate) fn alternating(generation: u32) -> Model {
    data::model(3, false, 100 + u64::from(generation % 2))
}

/// Requests to a model that changes all the time: each answer is that of the generation it names.
fn reload(client: &mut Client, socket: &Path, seed: u64) -> Tale {
    let row = client.model("alternating").unwrap();
    let id = row.id;
    // It may have been replaced since.
    let fetched = channel::fetch_artifact(socket, row.fingerprint());
    assert!(matches!(fetched, Ok(_) | Err(CommandError::Failed(_))));
    let models: HashMap<u32, Model> = (0..2).map(|g| (g, alternating(g))).collect();
    let mut random = Random(seed);
    let mut tale = Tale::default();
    let mut newest = 0;
    let ended = begin();
    let mut answers: Vec<Answer> = vec![Err(PredictError::Deadline); 32];
    while !ended.load(Ordering::Relaxed) {
        let rows = random.row(3 * answers.len());
        // The entries say what became of each row.
        let _ = client.predict_batch(id, &rows, &mut answers, Duration::from_secs(1));
        for (x, answer) in rows.chunks(3).zip(&answers) {
            tale.sent += 1;
            match answer {
                Ok(p) if p.generation >= newest && is_exact(&models[&(p.generation % 2)], x, p) => {
                    tale.exact += 1;
                    // Counts the generations seen.
                    tale.epochs += u64::from(p.generation > newest);
                    newest = p.generation;
                }
                Ok(_) => tale.wrong += 1,
                Err(PredictError::Deadline) => tale.late += 1,
                Err(_) => tale.odd += 1,
            }
        }
    }
    tale
}
