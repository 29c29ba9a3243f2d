//! Models of the other class than a client's own: it opens a second channel by itself, and tickets
//! keep their order over both.

use crate::admission::eventually_settled;
use crate::data::{self, Random, assert_exact, is_exact};
use crate::harness::{Engine, Setup, Watchdog, eventually};
use factord_core::abi::class;
use factord_core::client::{Answer, AttachOptions, Client, PredictError};
use factord_core::counters::{ChannelsObserver, ModelRow};
use factord_core::sys::{sched, socket};
use factord_eval::Model;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{SocketAddrUnix, getpeername};
use std::collections::VecDeque;
use std::fs;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
/// Features of both models.
pub(crate) const WIDTH: usize = 1024;
/// A row of the cheap model, and of the costly one, which takes ten times as long and more.
const NAMES: [&str; 2] = ["cheap", "costly"];

fn models() -> [Model; 2] {
    [data::model(WIDTH, false, 1), data::forest(WIDTH as u16, 100, 6, 2)]
}

/// Arguments of an engine that has a worker of its own for the costly model; `None` on a machine
/// with a single CPU.
pub(crate) fn two_classes(setup: &Setup) -> Option<Vec<String>> {
    let cpus = sched::allowed_cpus().unwrap();
    let Some(&heavy) = cpus.first().filter(|_| cpus.len() > 1) else {
        println!("SKIPPED: two workers take two CPUs");
        return None;
    };
    let directory = setup.directory.path().join("models");
    fs::create_dir(&directory).unwrap();
    for (name, model) in NAMES.iter().zip(models()) {
        data::save(&directory, name, &model);
    }
    let models = ["--models".to_owned(), directory.to_str().unwrap().to_owned()];
    // What they take is the machine's business.
    let limit_ns = {
        let arguments: Vec<&str> = models.iter().map(String::as_str).collect();
        let rows = Setup::new().with(&arguments).start().snapshot().models.unwrap();
        let [cheap, costly] = NAMES.map(|name| row(&rows, name).cost_ns);
        assert!(cheap < costly, "{rows:?}");
        (cheap * costly).isqrt()
    };
    let more = ["--max-cost", &limit_ns.to_string(), "--heavy-core", &heavy.to_string()];
    Some(models.into_iter().chain(more.map(str::to_owned)).collect())
}

fn row<'r>(rows: &'r [ModelRow], name: &str) -> &'r ModelRow {
    rows.iter().find(|row| row.name == name).unwrap()
}

fn start(more: &[&str]) -> Option<Engine> {
    let mut setup = Setup::new().with(more);
    let arguments = two_classes(&setup)?;
    setup.arguments.extend(arguments);
    let engine = setup.start();
    let rows = engine.snapshot().models.unwrap();
    let classes = NAMES.map(|name| u64::from(row(&rows, name).class));
    assert_eq!(classes, [class::LIGHT, class::HEAVY], "{rows:?}");
    Some(engine)
}

fn attach(engine: &Engine, slot_count: usize, heavy: bool) -> (Client, [u16; 2]) {
    let options = AttachOptions { heavy, ..engine.options(WIDTH, slot_count) };
    let client = Client::attach(&options).unwrap();
    let numbers = NAMES.map(|name| client.number(name).unwrap());
    (client, numbers)
}

/// Requests to both models at random through a full ring, each answered once, in order and with its
/// own bits; `meanwhile` is called with how many were.
pub(crate) fn mixed(client: &mut Client, count: usize, mut meanwhile: impl FnMut(usize)) {
    let numbers = NAMES.map(|name| client.number(name).unwrap());
    let models = models();
    let mut random = Random(7);
    let (mut sent, mut taken) = (0, 0);
    let mut waiting: VecDeque<(u64, usize, Vec<f64>)> = VecDeque::new();
    let mut moved = Instant::now();
    while taken < count {
        while sent < count {
            let (which, x) = (random.bits() as usize % 2, random.row(WIDTH));
            match client.submit(numbers[which], &x) {
                Ok(ticket) => waiting.push_back((ticket, which, x)),
                Err(PredictError::BackPressure | PredictError::NotConnected) => break,
                Err(other) => panic!("{other}"),
            }
            sent += 1;
        }
        match client.poll() {
            Ok(Some((ticket, answer))) => {
                let (expected, which, x) = waiting.pop_front().unwrap();
                assert_eq!(ticket, expected, "after {taken}");
                assert_exact(&models[which], &x, &answer);
                (taken, moved) = (taken + 1, Instant::now());
                meanwhile(taken);
            }
            Ok(None) | Err(PredictError::NotConnected) => {
                assert!(moved.elapsed() < 20 * SECOND, "stands still after {taken}");
                std::thread::sleep(Duration::from_micros(20));
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((client.poll(), client.in_flight()), (Ok(None), 0));
}

#[test]
fn a_client_reaches_models_of_both_classes_in_the_order_of_its_tickets() {
    let _watchdog = Watchdog::start("both classes", 60);
    let Some(engine) = start(&[]) else { return };
    let base = eventually_settled(&engine);
    for heavy in [false, true] {
        let (mut client, numbers) = attach(&engine, 64, heavy);
        let own = numbers[usize::from(heavy)];
        let x = Random(3).row(WIDTH);
        assert_exact(&models()[usize::from(heavy)], &x, &client.predict(own, &x, SECOND));
        assert_eq!(engine.holdings().channels, 1, "no second channel before it is needed");
        let ticket = client.submit(own, &x).unwrap();
        for (number, model) in numbers.into_iter().zip(models()) {
            assert_exact(&model, &x, &client.predict(number, &x, 5 * SECOND));
            assert_exact(&model, &x, &client.predict_keyed(number, 9, &x, 5 * SECOND));
        }
        let kept = client.poll().unwrap().unwrap();
        assert_eq!(kept.0, ticket, "what was submitted before is still its caller's");
        mixed(&mut client, 3000, |_| {});
        let mut answers: Vec<Answer> = vec![Err(PredictError::Deadline); 300];
        let rows = Random(5).row(300 * WIDTH);
        for (number, model) in numbers.into_iter().zip(models()) {
            client.predict_batch(number, &rows, &mut answers, 20 * SECOND).unwrap();
            for (x, answer) in rows.chunks(WIDTH).zip(&answers) {
                assert_exact(&model, x, answer);
            }
        }
        let asked = [numbers[0], numbers[1], numbers[0], numbers[1]];
        client.predict_each(&asked, &x, 5 * SECOND, &mut answers[..4]).unwrap();
        for (index, answer) in answers[..4].iter().enumerate() {
            assert_exact(&models()[index % 2], &x, answer);
        }
        let channels = ChannelsObserver::attach(Some(engine.socket())).unwrap().unwrap().channels();
        let mut classes: Vec<u64> = channels.iter().map(|c| c.class.into()).collect();
        classes.sort_unstable();
        assert_eq!(classes, [class::LIGHT, class::HEAVY], "one channel of each class");
        assert!(channels.iter().all(|c| c.pid == std::process::id() && c.name == "test"));
        drop(client);
        engine.returns_to(&base);
    }
}

#[test]
fn what_is_under_way_over_both_channels_survives_engines_that_die() {
    let _watchdog = Watchdog::start("both classes and kills", 120);
    let Some(mut engine) = start(&[]) else { return };
    let (mut client, _) = attach(&engine, 64, false);
    let mut epochs = vec![client.epoch()];
    mixed(&mut client, 4000, |taken| {
        if taken % 500 == 250 {
            engine.process.kill();
            engine.start_again();
            epochs.push(engine.snapshot().epoch);
        }
    });
    assert!(epochs.len() == 9 && epochs.is_sorted_by(|a, b| a < b), "{epochs:?}");
    assert_eq!(client.epoch(), epochs[8]);
}

/// The descriptors of this process that are connected to a socket.
fn connected_to(path: &Path) -> Vec<i32> {
    let wanted = SocketAddrUnix::new(path).unwrap();
    let files = fs::read_dir("/proc/self/fd").unwrap();
    let numbers = files.filter_map(|file| file.ok()?.file_name().to_str()?.parse().ok());
    let is_it = |number: &i32| {
        // SAFETY: whatever it is by now, only its peer's name is asked for.
        let fd = unsafe { BorrowedFd::borrow_raw(*number) };
        getpeername(fd).ok().flatten().and_then(|name| SocketAddrUnix::try_from(name).ok())
            == Some(wanted.clone())
    };
    numbers.filter(is_it).collect()
}

#[test]
fn a_second_channel_that_the_daemon_hangs_up_on_is_opened_again() {
    let _watchdog = Watchdog::start("a second channel that ends", 60);
    let Some(engine) = start(&[]) else { return };
    let (mut client, [_, costly]) = attach(&engine, 16, false);
    let own = connected_to(engine.socket());
    let x = Random(3).row(WIDTH);
    assert!(client.predict(costly, &x, 5 * SECOND).is_ok());
    let attached = engine.snapshot().attached_total;
    mixed(&mut client, 1500, |taken| {
        if taken % 500 == 250 {
            let both = connected_to(engine.socket());
            let second: Vec<&i32> = both.iter().filter(|fd| !own.contains(fd)).collect();
            let [&second] = *second else { panic!("{both:?}, {own:?}") };
            // SAFETY: the descriptor is the client's, which lives longer than this borrow.
            let second = unsafe { BorrowedFd::borrow_raw(second) };
            socket::send(second, b"nonsense", &[]).unwrap();
            let mut hung_up = [PollFd::from_borrowed_fd(second, PollFlags::empty())];
            let limit = Timespec { tv_sec: 20, tv_nsec: 0 };
            assert_eq!(poll(&mut hung_up, Some(&limit)), Ok(1), "the daemon hangs up");
        }
    });
    let gone = engine.snapshot().attached_total - attached;
    assert_eq!(gone, 3, "each was followed by another one, and the client's own stayed");
}

#[test]
fn where_no_second_channel_can_be_had_the_answer_is_wrong_class() {
    let _watchdog = Watchdog::start("no room for a second channel", 60);
    let Some(engine) = start(&["--channels-per-uid", "2"]) else { return };
    let (mut client, [cheap, costly]) = attach(&engine, 16, false);
    let (other, _) = attach(&engine, 16, false);
    let x = Random(3).row(WIDTH);
    for _ in 0..100 {
        assert_eq!(client.predict(costly, &x, 5 * SECOND), Err(PredictError::WrongClass));
        assert_exact(&models()[0], &x, &client.predict(cheap, &x, SECOND));
    }
    let refused = engine.snapshot().refused_total;
    assert!((1..50).contains(&refused), "{refused} attempts for 100 requests: one a second");
    let tickets = [cheap, costly, cheap].map(|number| client.submit(number, &x).unwrap());
    for (index, ticket) in tickets.into_iter().enumerate() {
        let next = || client.poll().unwrap();
        let (taken, answer) = eventually("an answer", 5 * SECOND, next);
        assert_eq!(taken, ticket);
        match index {
            1 => assert_eq!(answer, Err(PredictError::WrongClass)),
            _ => _ = assert_exact(&models()[0], &x, &answer),
        }
    }
    drop(other);
    let right = || client.predict(costly, &x, SECOND).ok();
    let prediction = eventually("room for a second channel", 5 * SECOND, right);
    assert!(is_exact(&models()[1], &x, &prediction));
    let error = Client::attach(&engine.options(WIDTH, 16)).unwrap_err().to_string();
    assert!(error.contains('2'), "both channels count: {error}");
}

#[test]
fn a_call_waits_for_its_second_channel_no_longer_than_its_deadline() {
    let _watchdog = Watchdog::start("a silent second channel", 60);
    let Some(engine) = start(&[]) else { return };
    let (mut client, [cheap, costly]) = attach(&engine, 16, false);
    let away = engine.socket().with_extension("away");
    fs::rename(engine.socket(), &away).unwrap();
    // Somebody who takes connections and says nothing.
    let silent = socket::listen_at(engine.socket()).unwrap();
    let x = Random(3).row(WIDTH);
    let limit = Duration::from_millis(50);
    let timely = |start: Instant| start.elapsed() < limit + Duration::from_millis(450);
    for _ in 0..5 {
        let start = Instant::now();
        assert_eq!(client.predict(costly, &x, limit), Err(PredictError::Deadline));
        assert!(start.elapsed() >= limit && timely(start), "{:?}", start.elapsed());
    }
    let ticket = client.submit(costly, &x).unwrap();
    let start = Instant::now();
    while start.elapsed() < 2 * SECOND {
        let each = Instant::now();
        assert_eq!(client.poll(), Ok(None));
        assert!(timely(each), "{:?}", each.elapsed());
    }
    drop(silent);
    fs::rename(&away, engine.socket()).unwrap();
    let next = || client.poll().unwrap();
    let (taken, answer) = eventually("the answer", 10 * SECOND, next);
    assert_eq!(taken, ticket, "those before it were given up");
    assert_exact(&models()[1], &x, &answer);
    assert_exact(&models()[0], &x, &client.predict(cheap, &x, SECOND));
}
