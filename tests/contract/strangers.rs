//! A client in front of something that is no daemon of its own build.

use factord::abi;
use factord::channel::{AttachError, MESSAGE_LEN, Message, Refusal, Welcome};
use factord::client::{AttachOptions, Client};
use factord::region::OpenError;
use factord::ring::Geometry;
use factord::sys::{memory, socket};
use std::os::fd::{AsFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// Attaches to a daemon that answers the greeting as `reply` makes it; `None` says nothing.
fn attach_to(
    reply: impl FnOnce(Welcome) -> Option<(Message, Vec<OwnedFd>)> + Send + 'static,
) -> AttachError {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stranger.sock");
    let listener = socket::listen_at(&path).unwrap();
    let stranger = thread::spawn(move || {
        assert!(socket::wait_readable(listener.as_fd(), 5 * SECOND).unwrap());
        let peer = socket::accept(listener.as_fd()).unwrap().unwrap();
        assert!(socket::wait_readable(peer.as_fd(), 5 * SECOND).unwrap());
        let mut buffer = [0; MESSAGE_LEN];
        let len = socket::receive(peer.as_fd(), &mut buffer).unwrap().len;
        let Some(Message::Hello { feature_count, slot_count, nonce, .. }) =
            Message::decode(&buffer[..len])
        else {
            panic!("no greeting");
        };
        let welcome = Welcome {
            abi: abi::ABI_WORD,
            layout_hash: abi::LAYOUT_HASH,
            epoch: 1,
            client_id: 2,
            feature_count,
            slot_count,
            nonce,
        };
        if let Some((message, files)) = reply(welcome) {
            let files: Vec<_> = files.iter().map(AsFd::as_fd).collect();
            socket::send(peer.as_fd(), &message.encode(), &files).unwrap();
        }
        // Open until the client has had enough.
        let _ = socket::wait_readable(peer.as_fd(), 5 * SECOND);
    });
    let options = AttachOptions { socket: Some(path), ..AttachOptions::default() };
    let error = Client::attach(&options).map(drop).unwrap_err();
    stranger.join().unwrap();
    error
}

/// The four regions of a channel, of the right sizes, `extra` bytes longer, sealed or not.
fn regions(extra: u64, sealed: bool) -> Vec<OwnedFd> {
    let shape = Geometry::new(3, 64).unwrap();
    let lines = [
        abi::status_region::LINES,
        abi::models_region::LINES,
        shape.req_lines(),
        shape.resp_lines(),
    ];
    let make = |lines: usize| {
        let file = memory::create("stranger", (lines * abi::LINE_LEN) as u64 + extra).unwrap();
        if sealed {
            memory::seal_size(file.as_fd()).unwrap();
        }
        file
    };
    lines.into_iter().map(make).collect()
}

#[test]
fn a_client_of_another_layout_is_told_to_be_built_anew() {
    let error = attach_to(|welcome| {
        let layout_hash = welcome.layout_hash ^ 1;
        Some((Message::Welcome(Welcome { layout_hash, ..welcome }), regions(0, true)))
    });
    assert!(matches!(error, AttachError::Abi { .. }), "{error}");
    let refused = Message::Refused { abi: 9 << 16 | 7, refusal: Refusal::Abi };
    let error = attach_to(|_| Some((refused, Vec::new()))).to_string();
    let ours = format!("{}.{}", abi::ABI_MAJOR, abi::ABI_MINOR);
    let expected = format!("daemon speaks ABI 9.7, this client {ours}: rebuild the client");
    assert_eq!(error, expected);
}

#[test]
fn a_client_maps_no_memory_that_is_not_sealed_or_not_of_the_size_it_was_told() {
    let error = attach_to(|welcome| Some((Message::Welcome(welcome), regions(0, false))));
    assert!(matches!(error, AttachError::Open(OpenError::Seals { .. })), "{error}");
    let error = attach_to(|welcome| Some((Message::Welcome(welcome), regions(4096, true))));
    assert!(matches!(error, AttachError::Open(OpenError::Size { .. })), "{error}");
    for count in [0, 1, 3] {
        let error = attach_to(move |welcome| {
            let mut files = regions(0, true);
            files.truncate(count);
            Some((Message::Welcome(welcome), files))
        });
        assert!(matches!(error, AttachError::Protocol { .. }), "{count} descriptors: {error}");
    }
}

#[test]
fn a_client_takes_no_answer_to_another_greeting() {
    let error = attach_to(|welcome| {
        let nonce = welcome.nonce ^ 1;
        Some((Message::Welcome(Welcome { nonce, ..welcome }), regions(0, true)))
    });
    assert!(matches!(error, AttachError::Protocol { .. }), "{error}");
    let error = attach_to(|_| Some((Message::Ready, Vec::new())));
    assert!(matches!(error, AttachError::Protocol { .. }), "{error}");
}

#[test]
fn a_daemon_that_says_nothing_is_given_up_after_a_second() {
    let start = Instant::now();
    let error = attach_to(|_| None);
    assert!(matches!(error, AttachError::Deadline), "{error}");
    assert!(start.elapsed() >= SECOND && start.elapsed() < 4 * SECOND, "{:?}", start.elapsed());
}
