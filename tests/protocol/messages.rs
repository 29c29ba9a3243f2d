//! Messages of the control socket.

use factord_core::abi::{ABI_WORD, MAGIC};
use factord_core::channel::{
    Hello, MESSAGE_LEN, MODEL_NAME_LEN, MORE_WORDS, Message, NAME_LEN, Refusal, Verb, Welcome,
};
use proptest::prelude::*;

fn refusals() -> impl Strategy<Value = Refusal> {
    (0u64..30, any::<u64>(), any::<u64>()).prop_map(|(kind, a, b)| match kind {
        0 => Refusal::NotAHello,
        1 => Refusal::Abi,
        2 => Refusal::Geometry { feature_count: a, slot_count: b },
        3 => Refusal::ChannelQuota { used: a, limit: b },
        4 => Refusal::ByteQuota { wanted: a, limit: b },
        5 => Refusal::NoMemory { bytes: a },
        6 => Refusal::NotAllowed { uid: a },
        7 => Refusal::Sealed,
        8 => Refusal::Busy,
        9 => Refusal::NoSuchClass { class: a },
        10 => Refusal::Outputs { output_count: a, slot_count: b },
        other => Refusal::Other(other + 1000),
    })
}

fn messages() -> impl Strategy<Value = Message> {
    let welcome = any::<[u64; 10]>().prop_map(|w| {
        let [abi, layout_hash, epoch, client_id, feature_count, slot_count, nonce, ..] = w;
        let [.., output_count, class, rights] = w;
        Message::Welcome(Welcome {
            abi,
            layout_hash,
            epoch,
            client_id,
            feature_count,
            slot_count,
            nonce,
            output_count,
            class,
            rights,
        })
    });
    let hello = (any::<[u64; 6]>(), any::<[u8; NAME_LEN]>()).prop_map(|(w, name)| {
        let [abi, feature_count, slot_count, nonce, output_count, class] = w;
        let greeting = Hello { abi, feature_count, slot_count, nonce, name, output_count, class };
        Message::Hello(greeting)
    });
    let words = (any::<[u64; 3]>(), any::<[u8; MODEL_NAME_LEN]>(), any::<[u64; MORE_WORDS]>());
    let command = words.prop_map(|([abi, verb, argument], name, more)| Message::Command {
        abi,
        verb,
        argument,
        name,
        more,
    });
    prop_oneof![
        welcome,
        hello,
        command,
        Just(Message::Mapped),
        Just(Message::Ready),
        any::<u64>().prop_map(|code| Message::Reply { code }),
        (any::<u64>(), refusals()).prop_map(|(abi, refusal)| Message::Refused { abi, refusal }),
    ]
}

/// Bytes that are nearly a message, so that decoding gets beyond the first word.
fn nearly_messages() -> impl Strategy<Value = Vec<u8>> {
    (0u64..12, prop::collection::vec(any::<u8>(), MESSAGE_LEN)).prop_map(|(kind, mut bytes)| {
        bytes[..8].copy_from_slice(&MAGIC.to_le_bytes());
        bytes[8..16].copy_from_slice(&kind.to_le_bytes());
        bytes
    })
}

proptest! {
    #[test]
    fn a_message_is_read_as_it_was_written(message in messages()) {
        prop_assert_eq!(Message::decode(&message.encode()), Some(message));
    }

    #[test]
    fn any_bytes_are_a_message_or_none(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert_eq!(Message::decode(&bytes), None, "random bytes do not carry the magic");
    }

    #[test]
    fn what_decodes_is_written_as_the_same_message_again(bytes in nearly_messages()) {
        let kind = bytes[8];
        let message = Message::decode(&bytes);
        prop_assert_eq!(message.is_some(), (1..=7).contains(&kind));
        if let Some(message) = message {
            // The version of a reply is not kept: every other word is.
            prop_assert_eq!(Message::decode(&message.encode()), Some(message));
        }
    }

    #[test]
    fn a_message_of_another_length_is_none(bytes in nearly_messages(), len in 0..2 * MESSAGE_LEN) {
        let mut cut = bytes;
        cut.resize(len, 0);
        let whole = len == MESSAGE_LEN && (1..=7).contains(&cut[8]);
        prop_assert_eq!(Message::decode(&cut).is_some(), whole);
    }
}

#[test]
fn the_layout_of_a_greeting_stands() {
    let name = *b"somebody\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let (feature_count, slot_count, output_count, class) = (3, 64, 2, 1);
    let greeting =
        Hello { abi: ABI_WORD, feature_count, slot_count, nonce: 9, name, output_count, class };
    let bytes = Message::Hello(greeting).encode();
    let mut expected = [0u8; MESSAGE_LEN];
    expected[..8].copy_from_slice(b"FACTORD\x01");
    let words = [1, ABI_WORD, 3, 64, 9];
    for (index, word) in words.into_iter().enumerate() {
        expected[8 * index + 8..8 * index + 16].copy_from_slice(&u64::to_le_bytes(word));
    }
    expected[48..56].copy_from_slice(b"somebody");
    expected[80..88].copy_from_slice(&u64::to_le_bytes(2));
    expected[88..96].copy_from_slice(&u64::to_le_bytes(1));
    assert_eq!(bytes, expected);
}

#[test]
fn every_verb_has_a_code_of_its_own() {
    let reading = [Verb::Reload, Verb::Artifact, Verb::Image, Verb::Tap];
    let changing =
        [Verb::Publish, Verb::Promote, Verb::Rollback, Verb::Pin, Verb::Withdraw, Verb::Split];
    for (verb, code) in reading.into_iter().chain(changing).zip(1..) {
        assert_eq!((verb as u64, Verb::from_code(code)), (code, Some(verb)));
    }
    assert!([0, 11, 99, u64::MAX].iter().all(|&code| Verb::from_code(code).is_none()));
}
