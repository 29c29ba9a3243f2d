//! An engine whose memory and sockets the service manager keeps: what it had under way is answered
//! by the next one, over the same rings.

use crate::classes;
use crate::data::{self, Random, is_exact};
use crate::harness::{Process, Setup, Watchdog, eventually};
use factord_core::client::{AttachOptions, Client, PredictError};
use factord_core::counters::Observer;
use factord_core::sys::socket;
use std::collections::{BTreeMap, VecDeque};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// What stands for the service manager: its store, and the control socket that it made.
pub(crate) struct Manager {
    pub(crate) setup: Setup,
    pub(crate) path: PathBuf,
    listener: OwnedFd,
    notices: UnixDatagram,
    store: BTreeMap<String, OwnedFd>,
}

impl Manager {
    fn new() -> Manager {
        Manager::of(Setup::new())
    }

    pub(crate) fn of(setup: Setup) -> Manager {
        let path = setup.directory.path().join("passed.sock");
        let listener = socket::listen_at(&path).unwrap();
        let notices = UnixDatagram::bind(setup.directory.path().join("notify")).unwrap();
        notices.set_nonblocking(true).unwrap();
        Manager { setup, path, listener, notices, store: BTreeMap::new() }
    }

    /// Takes the notices that have come.
    pub(crate) fn listen(&mut self) {
        let mut buffer = [0; 512];
        while let Ok(mut received) = socket::receive(self.notices.as_fd(), &mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..received.len]).into_owned();
            let name = text.lines().find_map(|line| line.strip_prefix("FDNAME="));
            let has = |line: &str| text.lines().any(|l| l == line);
            match name {
                Some(name) if has("FDSTORE=1") => {
                    self.store.insert(name.to_owned(), received.descriptors.remove(0));
                }
                Some(name) if has("FDSTOREREMOVE=1") => _ = self.store.remove(name),
                _ => {}
            }
        }
    }

    /// Starts the engine with the control socket and what is stored.
    pub(crate) fn start(&self) -> Process {
        let plain = self.setup.command();
        let high = |fd: &OwnedFd| rustix::io::fcntl_dupfd_cloexec(fd, 1000).unwrap();
        let passed: Vec<(&str, OwnedFd)> = [("factord.socket", high(&self.listener))]
            .into_iter()
            .chain(self.store.iter().map(|(name, fd)| (name.as_str(), high(fd))))
            .collect();
        let names: Vec<&str> = passed.iter().map(|(name, _)| *name).collect();
        let script = format!("LISTEN_PID=$$ LISTEN_FDS={} exec \"$@\"", passed.len());
        let mut command = Command::new("sh");
        command.args(["-c", &script, "sh"]).arg(plain.get_program()).args(plain.get_args());
        command.arg("--fd-store");
        command.env("LISTEN_FDNAMES", names.join(":"));
        command.env("NOTIFY_SOCKET", self.setup.directory.path().join("notify"));
        let log = self.setup.directory.path().join("stderr.log");
        let log = std::fs::File::options().append(true).create(true).open(log).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let numbers: Vec<i32> = passed.iter().map(|(_, fd)| fd.as_raw_fd()).collect();
        let place_all =
            move || (3..).zip(&numbers).try_for_each(|(place, &number)| copy_to(number, place));
        // SAFETY: between fork and exec, dup2 alone is called.
        unsafe { command.pre_exec(place_all) };
        Process::spawn(&mut command)
    }

    pub(crate) fn attach(&self) -> Client {
        let options = AttachOptions {
            socket: Some(self.path.clone()),
            slot_count: 64,
            wait: 20 * SECOND,
            ..AttachOptions::default()
        };
        Client::attach(&options).unwrap()
    }

    pub(crate) fn observe(&self) -> Observer {
        let attach = || Observer::attach(Some(&self.path)).ok();
        eventually("an engine", 20 * SECOND, attach)
    }

    /// Waits until this many descriptors are stored.
    pub(crate) fn holds(&mut self, count: usize) {
        eventually("the store", 10 * SECOND, || {
            self.listen();
            (self.store.len() == count).then_some(())
        });
    }
}

/// Makes a descriptor's number another one, which an exec leaves open.
fn copy_to(number: i32, place: i32) -> std::io::Result<()> {
    // SAFETY: no pointer is passed; a number that is not open is an error.
    let result = unsafe { libc::dup2(number, place) };
    if result < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
}

/// What one client met.
#[derive(Debug, Default)]
struct Tale {
    answered: u64,
    wrong: u64,
    lost: u64,
    epochs: u64,
    longest: Duration,
}

/// A full ring until the end is said, and every answer once, in order.
fn pipeline(mut client: Client, seed: u64, ended: &AtomicBool) -> Tale {
    let models = data::embedded();
    let (mut tale, mut random, mut epoch) = (Tale::default(), Random(seed), 0);
    let mut waiting: VecDeque<(u64, usize, Vec<f64>)> = VecDeque::new();
    let mut moved = Instant::now();
    while !(ended.load(Ordering::Relaxed) && waiting.is_empty()) {
        while !ended.load(Ordering::Relaxed) {
            let (which, x) = (random.bits() as usize % 2, random.row(3));
            match client.submit(which as u16, &x) {
                Ok(ticket) => waiting.push_back((ticket, which, x)),
                Err(PredictError::BackPressure | PredictError::NotConnected) => break,
                Err(other) => panic!("{other}"),
            }
        }
        if let Ok(Some((ticket, answer))) = client.poll() {
            tale.longest = tale.longest.max(moved.elapsed());
            moved = Instant::now();
            let (expected, which, x) = waiting.pop_front().unwrap();
            let exact = |p| ticket == expected && is_exact(&models[which], &x, p);
            match &answer {
                Ok(prediction) if exact(prediction) => tale.answered += 1,
                _ => tale.wrong += 1,
            }
            if let Ok(prediction) = answer
                && prediction.epoch != epoch
            {
                assert!(prediction.epoch > epoch, "epochs grow");
                (epoch, tale.epochs) = (prediction.epoch, tale.epochs + 1);
            }
        } else {
            thread::sleep(Duration::from_micros(20));
        }
        if moved.elapsed() > 20 * SECOND {
            tale.lost = waiting.len() as u64;
            break;
        }
    }
    assert!(client.connected());
    tale
}

/// Kills and starts engines under clients that never attach again.
fn killed(rounds: usize, clients: usize) {
    let mut manager = Manager::new();
    let mut engine = manager.start();
    let ended = AtomicBool::new(false);
    let attached: Vec<Client> = (0..clients).map(|_| manager.attach()).collect();
    manager.holds(3 + 3 * clients);
    let tales: Vec<Tale> = thread::scope(|scope| {
        let start = |(seed, client)| {
            let ended = &ended;
            scope.spawn(move || pipeline(client, seed, ended))
        };
        let clients: Vec<_> = (1u64..).zip(attached).map(start).collect();
        for round in 0..rounds {
            thread::sleep(Duration::from_millis(20 + round as u64 * 7 % 40));
            if round % 5 == 4 {
                // As systemctl restart does it.
                engine.signal(rustix::process::Signal::TERM);
                engine.ends_within(5 * SECOND);
            } else {
                engine.kill();
            }
            manager.listen();
            engine = manager.start();
        }
        thread::sleep(Duration::from_millis(300));
        ended.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    for tale in &tales {
        println!("{tale:?}");
        assert_eq!((tale.wrong, tale.lost), (0, 0), "{tale:?}");
        assert!(tale.answered > 1000 && tale.epochs > 3, "{tale:?}");
    }
    let snapshot = manager.observe().snapshot();
    assert_eq!(snapshot.attached_total, clients as u64, "nobody attached again");
    // The clients have gone, and their memory with them.
    manager.holds(3);
    assert_eq!(manager.observe().snapshot().channel_count, 0);
}

#[test]
fn answers_go_on_over_the_same_rings_through_thirty_engines() {
    let _watchdog = Watchdog::start("thirty engines", 120);
    killed(30, 3);
}

/// The long form: `cargo test --release --test engine stored -- --ignored --nocapture`.
#[test]
#[ignore = "takes minutes"]
fn answers_go_on_over_the_same_rings_through_250_engines() {
    let _watchdog = Watchdog::start("250 engines", 900);
    killed(250, 4);
}

#[test]
fn a_second_channel_goes_on_over_the_same_rings_too() {
    let _watchdog = Watchdog::start("two channels and kept rings", 120);
    let mut manager = Manager::new();
    let Some(arguments) = classes::two_classes(&manager.setup) else { return };
    manager.setup.arguments.extend(arguments);
    let mut engine = manager.start();
    let options = AttachOptions {
        socket: Some(manager.path.clone()),
        feature_count: classes::WIDTH,
        slot_count: 64,
        wait: 20 * SECOND,
        ..AttachOptions::default()
    };
    let mut client = Client::attach(&options).unwrap();
    // The second channel is there, and stored.
    classes::mixed(&mut client, 200, |_| {});
    manager.holds(3 + 3 * 2);
    classes::mixed(&mut client, 3000, |taken| {
        if taken % 500 == 250 {
            engine.kill();
            manager.listen();
            engine = manager.start();
        }
    });
    let snapshot = manager.observe().snapshot();
    assert_eq!(snapshot.attached_total, 2, "neither channel was attached again");
    drop(client);
    manager.holds(3);
    drop(engine);
}

#[test]
fn what_is_stored_in_part_or_spoilt_is_let_go_and_its_client_attaches_again() {
    let _watchdog = Watchdog::start("a spoilt store", 120);
    let mut manager = Manager::new();
    let mut engine = manager.start();
    let mut clients: Vec<Client> = (0..4).map(|_| manager.attach()).collect();
    manager.holds(15);
    engine.kill();
    let names = |letter: char| -> Vec<String> {
        manager
            .store
            .keys()
            .filter(|name| name.starts_with('c') && name.ends_with(letter))
            .cloned()
            .collect()
    };
    let (requests, responses) = (names('q'), names('p'));
    // One part is missing, one is another memory, and one header says what it must not.
    manager.store.remove(&requests[0]);
    let alien = factord_core::region::Region::create("alien", 66).unwrap();
    let alien = alien.fd().try_clone_to_owned().unwrap();
    manager.store.insert(responses[1].clone(), alien);
    let spoilt = std::fs::File::from(manager.store[&responses[2]].try_clone().unwrap());
    std::os::unix::fs::FileExt::write_all_at(&spoilt, &u64::MAX.to_le_bytes(), 4 * 8).unwrap();
    engine = manager.start();
    let x = [0.5, 0.2, 0.3];
    for client in &mut clients {
        let answer = client.predict(0, &x, 20 * SECOND).unwrap();
        assert!(is_exact(&data::embedded()[0], &x, &answer));
    }
    let snapshot = manager.observe().snapshot();
    assert_eq!(snapshot.channel_count, 4, "{}", manager.setup.log());
    manager.holds(15);
    // Another layout of what all share: nothing can be taken over.
    engine.kill();
    let status = std::fs::File::from(manager.store["status"].try_clone().unwrap());
    std::os::unix::fs::FileExt::write_all_at(&status, &7u64.to_le_bytes(), 2 * 8).unwrap();
    engine = manager.start();
    for client in &mut clients {
        let answer = client.predict(0, &x, 20 * SECOND).unwrap();
        assert!(is_exact(&data::embedded()[0], &x, &answer));
    }
    manager.holds(15);
    drop(engine);
}

#[test]
fn names_keep_their_numbers_and_generations_over_a_kept_restart() {
    let _watchdog = Watchdog::start("a restart with other models", 60);
    let mut manager = Manager::new();
    let models = manager.setup.directory.path().join("models");
    std::fs::create_dir(&models).unwrap();
    let put = |name: &str, seed| data::save(&models, name, &data::model(3, false, seed));
    ["aa", "bb", "cc"].iter().zip(1..).for_each(|(name, seed)| put(name, seed));
    manager.setup.arguments.extend(["--models".to_owned(), models.to_str().unwrap().to_owned()]);
    let mut engine = manager.start();
    let mut client = manager.attach();
    let [aa, bb, cc] = ["aa", "bb", "cc"].map(|name| client.number(name).unwrap());
    let before = manager.observe().models().unwrap();
    manager.holds(6);
    engine.kill();
    // aa goes, bb stays, cc has another version, and dd is new.
    std::fs::remove_file(models.join("aa.fmodel")).unwrap();
    put("cc", 9);
    put("dd", 4);
    engine = manager.start();
    let x = [0.25, 0.5, 0.75];
    let answer = client.predict(bb, &x, 20 * SECOND).unwrap();
    assert!(is_exact(&data::model(3, false, 2), &x, &answer));
    assert_eq!(answer.generation, 1);
    let answer = client.predict(cc, &x, SECOND).unwrap();
    assert!(is_exact(&data::model(3, false, 9), &x, &answer));
    assert_eq!(answer.generation, 2);
    assert_eq!(client.predict(aa, &x, SECOND), Err(PredictError::UnknownModel));
    let dd = client.number("dd").unwrap();
    let answer = client.predict(dd, &x, SECOND).unwrap();
    assert!(is_exact(&data::model(3, false, 4), &x, &answer));
    let after = manager.observe().models().unwrap();
    let place = |rows: &[factord_core::counters::ModelRow], name: &str| {
        rows.iter().find(|row| row.name == name).map(|row| row.id)
    };
    for name in ["bb", "cc"] {
        assert_eq!(place(&after, name), place(&before, name), "{name}");
    }
    assert_eq!(place(&after, "aa"), None);
    drop(engine);
}
