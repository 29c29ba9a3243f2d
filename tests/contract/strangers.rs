//! A client in front of a daemon that answers wrongly.

use factord_core::abi::{self, request, response, status};
use factord_core::channel::{Hello, MESSAGE_LEN, Message, Welcome};
use factord_core::client::{AttachOptions, Client, PredictError};
use factord_core::region::{Mapping, View};
use factord_core::ring::Geometry;
use factord_core::sync::{Ordering, fence};
use factord_core::sys::{memory, socket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::thread;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// Takes the first client and its greeting; returns its socket and the welcome it expects.
fn greeted(listener: &OwnedFd) -> (OwnedFd, Welcome) {
    assert!(socket::wait_readable(listener.as_fd(), 5 * SECOND).unwrap());
    let peer = socket::accept(listener.as_fd()).unwrap().unwrap();
    let Message::Hello(hello) = heard(&peer) else { panic!("no greeting") };
    let Hello { feature_count, slot_count, nonce, output_count, class, .. } = hello;
    let welcome = Welcome {
        abi: abi::ABI_WORD,
        layout_hash: abi::RINGS_HASH,
        epoch: 1,
        client_id: 2,
        feature_count,
        slot_count,
        nonce,
        output_count,
        class,
        rights: abi::right::ATTACH | abi::right::LOCAL,
    };
    (peer, welcome)
}

fn heard(peer: &OwnedFd) -> Message {
    assert!(socket::wait_readable(peer.as_fd(), 5 * SECOND).unwrap());
    let mut buffer = [0; MESSAGE_LEN];
    let len = socket::receive(peer.as_fd(), &mut buffer).unwrap().len;
    Message::decode(&buffer[..len]).expect("a message")
}

fn say(peer: &OwnedFd, message: &Message, files: &[OwnedFd]) {
    let files: Vec<_> = files.iter().map(AsFd::as_fd).collect();
    socket::send(peer.as_fd(), &message.encode(), &files).unwrap();
}

/// The four regions of a channel, sealed, with their headers.
fn regions(welcome: &Welcome) -> Vec<OwnedFd> {
    let shape = Geometry::new(3, 64).unwrap();
    let lines = [
        abi::status_region::LINES,
        shape.req_lines(),
        shape.resp_lines(),
        abi::models_region::LINES,
    ];
    // The words that every header but that of REQ begins with.
    let opening = |hash: u64| vec![abi::MAGIC, welcome.abi, hash];
    let granted = [
        welcome.client_id,
        welcome.feature_count,
        welcome.slot_count,
        welcome.output_count,
        welcome.class,
    ];
    let headers = [
        opening(abi::STATUS_HASH),
        Vec::new(),
        [&opening(abi::RINGS_HASH)[..], &granted].concat(),
        [&opening(abi::MODELS_HASH)[..], &[abi::MODEL_COUNT_MAX as u64]].concat(),
    ];
    let make = |(lines, header): (usize, Vec<u64>)| {
        let file = memory::create("stranger", (lines * abi::LINE_LEN) as u64).unwrap();
        memory::seal_size(file.as_fd()).unwrap();
        let bytes: Vec<u8> = header.into_iter().flat_map(u64::to_le_bytes).collect();
        std::fs::File::from(file.try_clone().unwrap()).write_all_at(&bytes, 0).unwrap();
        file
    };
    lines.into_iter().zip(headers).map(make).collect()
}

/// Answers requests 1 to `count` with y = sequence; the echo of each is spoilt by `spoil`.
fn answer_requests(peer: &OwnedFd, files: &[OwnedFd], count: u64, spoil: fn(u64) -> u64) {
    let shape = Geometry::new(3, 64).unwrap();
    let req = View::open("REQ", &files[1], shape.req_lines()).unwrap();
    let resp = Mapping::open("RESP", &files[2], shape.resp_lines()).unwrap();
    say(peer, &Message::Ready, &[]);
    let end = Instant::now() + 10 * SECOND;
    for sequence in 1..=count {
        let slot = (abi::RING_HEADER_LINES + sequence as usize) * abi::LINE_WORDS;
        let asked = |word: usize| req.words()[slot + word].load_relaxed();
        while asked(request::SEQUENCE) != sequence {
            assert!(Instant::now() < end, "request {sequence} never came");
            thread::sleep(Duration::from_micros(50));
        }
        // SYNC(test.request): the client's push is the other side.
        fence(Ordering::Acquire);
        let bits = (0..3).map(|index| asked(request::FEATURES + index));
        let echo =
            abi::echo(sequence, asked(request::META), asked(request::KEY), bits) ^ spoil(sequence);
        let tell = |word: usize, value: u64, ordering: Ordering| {
            resp.words()[slot + word].store(value, ordering);
        };
        tell(response::Y, (sequence as f64).to_bits(), Ordering::Relaxed);
        tell(response::VERDICT, abi::verdict(status::OK, 0, 1), Ordering::Relaxed);
        tell(response::ECHO, echo, Ordering::Relaxed);
        tell(response::SEQUENCE, sequence, Ordering::Release);
    }
}

#[test]
fn an_answer_for_other_words_is_an_error_and_no_prediction() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stranger.sock");
    let listener = socket::listen_at(&path).unwrap();
    let stranger = thread::spawn(move || {
        let (peer, welcome) = greeted(&listener);
        let files = regions(&welcome);
        say(&peer, &Message::Welcome(welcome), &files);
        assert_eq!(heard(&peer), Message::Mapped);
        // Every third answer is for words that differ in a single bit.
        answer_requests(&peer, &files, 30, |sequence| {
            if sequence.is_multiple_of(3) { 1 << sequence } else { 0 }
        });
        let _ = socket::wait_readable(peer.as_fd(), 5 * SECOND);
    });
    let options = AttachOptions { socket: Some(path), slot_count: 64, ..AttachOptions::default() };
    let mut client = Client::attach(&options).unwrap();
    for sequence in 1..=30u32 {
        let answer = client.predict(0, &[0.5, 0.2, f64::from(sequence)], 5 * SECOND);
        if sequence.is_multiple_of(3) {
            assert_eq!(answer, Err(PredictError::EchoMismatch), "request {sequence}");
        } else {
            assert_eq!(answer.unwrap().y, f64::from(sequence));
        }
    }
    drop(client);
    stranger.join().unwrap();
}
