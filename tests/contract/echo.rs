//! The echo, word by word.

use crate::data::{self, Random};
use crate::harness::{Engine, eventually};
use crate::wire::{Channel, REGRESSION};
use factord_core::abi::{self, request, response};
use factord_core::region::View;
use factord_core::ring::Geometry;
use factord_core::sync::{Ordering, fence};
use factord_eval::eval::eval;
use std::time::Duration;

#[test]
fn an_answer_is_for_the_words_its_echo_names() {
    let engine = Engine::start();
    let channel = Channel::open(&engine, 3, 4);
    let lines = Geometry::new(3, 4).unwrap().resp_lines();
    let resp = View::open("RESP", &channel.descriptors[2], lines).unwrap();
    let model = &data::embedded()[0];
    let mut random = Random(21);
    let mut echoes = std::collections::BTreeSet::new();
    for sequence in 1..=40u64 {
        // Every row twice: the turn alone makes another echo.
        let x = if sequence % 2 == 1 { random.row(3) } else { vec![0.5, 0.2, 0.3] };
        for (place, value) in x.iter().enumerate() {
            let word = channel.word(sequence, request::FEATURES + place);
            word.store(value.to_bits(), Ordering::Relaxed);
        }
        channel.word(sequence, request::META).store(REGRESSION, Ordering::Relaxed);
        channel.word(sequence, request::KEY).store(sequence / 2, Ordering::Relaxed);
        // SYNC(test.request): the daemon's look is the other side.
        channel.word(sequence, request::SEQUENCE).store(sequence, Ordering::Release);
        let slot = (abi::RING_HEADER_LINES + sequence as usize % 4) * abi::LINE_WORDS;
        let word = |index: usize| resp.words()[slot + index].load_relaxed();
        let answered = || (word(response::SEQUENCE) == sequence).then_some(());
        eventually("an answer", Duration::from_secs(1), answered);
        // SYNC(test.response): the daemon's push is the other side.
        fence(Ordering::Acquire);
        let bits = x.iter().map(|value| value.to_bits());
        assert_eq!(word(response::ECHO), abi::echo(sequence, REGRESSION, sequence / 2, bits));
        assert_eq!(word(response::Y), eval(model, &x).y.to_bits());
        echoes.insert(word(response::ECHO));
    }
    assert_eq!(echoes.len(), 40);
}
