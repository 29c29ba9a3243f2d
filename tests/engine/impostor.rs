//! A client in front of something that is no daemon, or one that lies.

use crate::harness::{Watchdog, eventually};
use factord_core::abi;
use factord_core::channel::{AttachError, Hello, MESSAGE_LEN, Message, Refusal, Welcome};
use factord_core::client::{AttachOptions, Client};
use factord_core::counters::Observer;
use factord_core::region::Region;
use factord_core::ring::Geometry;
use factord_core::sys::{memory, socket};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// What a false daemon answers to a greeting: nothing, or bytes with descriptors.
type Lie = Option<(Vec<u8>, Vec<OwnedFd>)>;

/// Attaches a client to a false daemon that has one answer.
fn attach_to(lie: impl FnOnce(Welcome) -> Lie + Send) -> AttachError {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("false.sock");
    let listener = socket::listen_at(&path).unwrap();
    std::thread::scope(|scope| {
        let daemon = scope.spawn(move || {
            let accept = || socket::accept(listener.as_fd()).unwrap();
            let peer = eventually("a client", SECOND, accept);
            assert!(socket::wait_readable(peer.as_fd(), SECOND).unwrap());
            let mut buffer = [0; MESSAGE_LEN];
            let len = socket::receive(peer.as_fd(), &mut buffer).unwrap().len;
            let Some(Message::Hello(hello)) = Message::decode(&buffer[..len]) else {
                panic!("no greeting");
            };
            let truth = granted(&hello);
            if let Some((bytes, files)) = lie(truth) {
                let files: Vec<_> = files.iter().map(AsFd::as_fd).collect();
                socket::send(peer.as_fd(), &bytes, &files).unwrap();
                // Stays until the client has judged.
                let _ = socket::wait_readable(peer.as_fd(), 3 * SECOND);
            } else {
                std::thread::sleep(2 * SECOND);
            }
        });
        let options =
            AttachOptions { socket: Some(path), slot_count: 64, ..AttachOptions::default() };
        let error = Client::attach(&options).unwrap_err();
        daemon.join().unwrap();
        error
    })
}

/// What a daemon grants that lets its client do everything.
pub(crate) fn granted(hello: &Hello) -> Welcome {
    let &Hello { abi, feature_count, slot_count, nonce, output_count, class, .. } = hello;
    Welcome {
        abi,
        layout_hash: abi::RINGS_HASH,
        epoch: 1,
        client_id: 2,
        feature_count,
        slot_count,
        nonce,
        output_count,
        class,
        rights: 31,
    }
}

/// The four regions of a channel of 3 features and 64 slots, sealed as they must be.
fn regions() -> Vec<OwnedFd> {
    let ring = Geometry::new(3, 64).unwrap();
    let lines =
        [abi::status_region::LINES, ring.req_lines(), ring.resp_lines(), abi::models_region::LINES];
    let file = |lines| Region::create("false", lines).unwrap();
    lines.map(|lines| file(lines).fd().try_clone_to_owned().unwrap()).into()
}

fn welcome(welcome: Welcome, files: Vec<OwnedFd>) -> Lie {
    Some((Message::Welcome(welcome).encode().to_vec(), files))
}

#[test]
fn a_daemon_of_another_abi_is_refused_and_both_versions_are_named() {
    let client = format!("{}.{}", abi::ABI_MAJOR, abi::ABI_MINOR);
    let abi = 7 << 16 | 3;
    let refusal = Message::Refused { abi, refusal: Refusal::Abi }.encode().to_vec();
    let error = attach_to(|_| Some((refusal, Vec::new()))).to_string();
    let said = format!("daemon speaks ABI 7.3, this client {client}: rebuild the client");
    assert_eq!(error, said);
    let error = attach_to(|truth| welcome(Welcome { abi, ..truth }, regions())).to_string();
    assert!(error.contains("ABI 7.3") && error.contains(&format!("client {client}")), "{error}");
    let error = attach_to(|truth| welcome(Welcome { layout_hash: 1, ..truth }, regions()));
    assert!(matches!(error, AttachError::Abi { .. }), "{error}");
}

#[test]
fn a_welcome_that_is_not_for_this_greeting_is_refused() {
    let lies: [fn(Welcome) -> Welcome; 6] = [
        |truth| Welcome { output_count: 3, ..truth },
        |truth| Welcome { class: 1, ..truth },
        // Four descriptors come all the same.
        |truth| Welcome { rights: 1, ..truth },
        |truth| Welcome { nonce: truth.nonce ^ 1, ..truth },
        |truth| Welcome { slot_count: 128, ..truth },
        |truth| Welcome { feature_count: 4, ..truth },
    ];
    for lie in lies {
        let error = attach_to(move |truth| welcome(lie(truth), regions()));
        assert!(matches!(error, AttachError::Protocol { .. }), "{error}");
    }
}

#[test]
fn regions_that_are_not_what_was_said_are_refused() {
    let _watchdog = Watchdog::start("false regions", 30);
    for missing in [0, 1, 3] {
        let error = attach_to(move |truth| {
            let mut files = regions();
            files.truncate(missing);
            welcome(truth, files)
        });
        assert!(matches!(error, AttachError::Protocol { .. }), "{missing}: {error}");
    }
    for wrong in 0..4 {
        let name = ["STATUS", "REQ", "RESP", "MODELS"][wrong];
        let error = attach_to(move |truth| {
            let mut files = regions();
            let len = memory::len(files[wrong].as_fd()).unwrap();
            // Of the right size, but anybody may cut it.
            files[wrong] = memory::create("unsealed", len).unwrap();
            welcome(truth, files)
        });
        assert_eq!(
            error.to_string(),
            format!("attach failed: {name} is not sealed: a peer could truncate it")
        );
        let error = attach_to(move |truth| {
            let mut files = regions();
            files[wrong] = Region::create("short", 1).unwrap().fd().try_clone_to_owned().unwrap();
            welcome(truth, files)
        });
        let text = error.to_string();
        assert!(text.contains(&format!("{name} has 64 bytes, the handshake says")), "{text}");
    }
}

#[test]
fn regions_whose_headers_are_not_written_are_refused() {
    let _watchdog = Watchdog::start("half-made regions", 30);
    let text = attach_to(|truth| welcome(truth, regions())).to_string();
    assert!(text.contains("STATUS says 0x0 at offset 0"), "{text}");
}

#[test]
fn a_daemon_that_says_nothing_or_nonsense_is_left_at_the_deadline_or_at_once() {
    let start = Instant::now();
    let error = attach_to(|_| None);
    assert!(matches!(error, AttachError::Deadline), "{error}");
    assert!(start.elapsed() >= SECOND, "{:?}", start.elapsed());
    for bytes in
        [vec![1, 2, 3], vec![0; MESSAGE_LEN], vec![7; 4096], Message::Ready.encode().into()]
    {
        let error = attach_to(move |_| Some((bytes, Vec::new())));
        assert!(matches!(error, AttachError::Protocol { .. }), "{error}");
    }
}

#[test]
fn without_a_daemon_the_path_that_was_tried_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("nobody.sock");
    let said = Observer::attach(Some(&path)).unwrap_err().to_string();
    assert!(said.contains(path.to_str().unwrap()) && said.contains("factord serve"), "{said}");
    let options = AttachOptions { socket: Some(path.clone()), ..AttachOptions::default() };
    let error = Client::attach(&options).unwrap_err();
    assert!(matches!(error, AttachError::Unreachable { .. }), "{error}");
    let long = directory.path().join("x".repeat(200));
    assert!(Observer::attach(Some(&long)).is_err(), "too long for a socket's address");
}
