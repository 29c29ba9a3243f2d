//! The messages of the control socket: what they say and how they are laid out.

use crate::abi;
use thiserror::Error;

/// Words of a message.
pub const MESSAGE_WORDS: usize = 32;
/// Bytes of a message.
pub const MESSAGE_LEN: usize = MESSAGE_WORDS * 8;
/// Bytes of a client's name.
pub const NAME_LEN: usize = 32;
/// Bytes of a model's name.
pub const MODEL_NAME_LEN: usize = abi::status_region::ROW_NAME_LEN;

/// Words of a command behind its name.
pub const MORE_WORDS: usize = 6;

/// One message of the control socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Asks for a channel or, with `slot_count` 0, only for STATUS.
    Hello(Hello),
    /// Grants it; descriptors come along.
    Welcome(Welcome),
    /// The client has mapped its regions.
    Mapped,
    /// The worker serves the channel.
    Ready,
    /// The daemon's no.
    Refused {
        /// The daemon's `ABI_WORD`.
        abi: u64,
        /// Why.
        refusal: Refusal,
    },
    /// A control verb.
    Command {
        /// The client's `ABI_WORD`.
        abi: u64,
        /// A code of [`Verb`].
        verb: u64,
        /// What the verb is about.
        argument: u64,
        /// The model that the verb is about, NUL-padded; all 0 for none.
        name: [u8; MODEL_NAME_LEN],
        /// Of [`Verb::Split`] its further words; all 0 otherwise.
        more: [u64; MORE_WORDS],
    },
    /// The answer to a control verb; its text or bytes come along in a memory file.
    Reply {
        /// 0 when it was done.
        code: u64,
    },
}

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The client's `ABI_WORD`.
    pub abi: u64,
    /// Features a request, 1 to 1,024.
    pub feature_count: u64,
    /// Slots a ring, or 0.
    pub slot_count: u64,
    /// Comes back in the answer.
    pub nonce: u64,
    /// Shown to operators; NUL-padded.
    pub name: [u8; NAME_LEN],
    /// Outputs that a response has room for, 2 to 64.
    pub output_count: u64,
    /// A code of [`crate::abi::class`].
    pub class: u64,
}

/// What the daemon grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The daemon's `ABI_WORD`.
    pub abi: u64,
    /// The daemon's [`abi::RINGS_HASH`].
    pub layout_hash: u64,
    /// Grows with every start of the daemon.
    pub epoch: u64,
    /// The daemon's number of this client.
    pub client_id: u64,
    /// As asked for.
    pub feature_count: u64,
    /// As asked for.
    pub slot_count: u64,
    /// As asked for.
    pub nonce: u64,
    /// As asked for.
    pub output_count: u64,
    /// As asked for.
    pub class: u64,
    /// What the client's user may do, by the bits of [`crate::abi::right`].
    pub rights: u64,
}

/// Why the daemon refuses, by number; texts are the client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The first message was not a greeting.
    #[error("the daemon did not understand the greeting")]
    NotAHello,
    /// The majors of the ABI differ.
    #[error("the daemon speaks a different ABI")]
    Abi,
    /// No ring has this shape.
    #[error(
        "a ring cannot have {feature_count} features and {slot_count} slots: use 1 to 1024 \
         features, and a power of two of up to 4096 slots, with at most 8 MiB per region"
    )]
    Geometry {
        /// As asked for.
        feature_count: u64,
        /// As asked for.
        slot_count: u64,
    },
    /// The user has too many channels.
    #[error("user has {used} of {limit} channels: close one, or raise channels_per_uid")]
    ChannelQuota {
        /// Channels in use.
        used: u64,
        /// The limit.
        limit: u64,
    },
    /// The user's channels would take too much memory.
    #[error(
        "channels of this user would take {wanted} of {limit} bytes: use fewer slots, or raise bytes_per_uid"
    )]
    ByteQuota {
        /// Bytes after this attach.
        wanted: u64,
        /// The limit.
        limit: u64,
    },
    /// The system has no memory for the regions.
    #[error("the daemon has no memory for {bytes} bytes of rings")]
    NoMemory {
        /// What was asked for.
        bytes: u64,
    },
    /// The user is not on the allow-list.
    #[error(
        "user {uid} is not on the daemon's allow-list: add it to allow_uids, or a group of it to may_attach"
    )]
    NotAllowed {
        /// Who asked.
        uid: u64,
    },
    /// The request region could not be closed to other writers.
    #[error("the request region was sealed by the client before the daemon could")]
    Sealed,
    /// Too many clients are attaching at once, or the daemon is full.
    #[error("the daemon is busy: try again")]
    Busy,
    /// The user may do something, but not this.
    #[error(
        "user {uid} may not do this: it takes root, the daemon's own user, one of operator_uids, or the \
         right for it: may_attach, may_evaluate, may_observe, may_read, may_publish"
    )]
    NotPermitted {
        /// Who asked.
        uid: u64,
    },
    /// The user has too many connections, or this connection too many requests, in progress.
    #[error(
        "user has {used} of {limit} connections or requests in progress: end one, or try \
        again"
    )]
    TooMany {
        /// Under way already.
        used: u64,
        /// The limit.
        limit: u64,
    },
    /// No worker serves channels of this class.
    #[error(
        "the daemon has no worker for class {class}: start it with --heavy-core, or attach to class 0"
    )]
    NoSuchClass {
        /// As asked for.
        class: u64,
    },
    /// No response has this many outputs.
    #[error(
        "a response cannot have {output_count} outputs and {slot_count} slots: use 2 to 64 outputs, \
         with at most 8 MiB per region"
    )]
    Outputs {
        /// As asked for.
        output_count: u64,
        /// As asked for.
        slot_count: u64,
    },
    /// A code this version does not know.
    #[error("refused with code {0}: the daemon is newer than this client")]
    Other(u64),
}

impl Refusal {
    fn words(self) -> [u64; 3] {
        match self {
            Refusal::NotAHello => [1, 0, 0],
            Refusal::Abi => [2, 0, 0],
            Refusal::Geometry { feature_count, slot_count } => [3, feature_count, slot_count],
            Refusal::ChannelQuota { used, limit } => [4, used, limit],
            Refusal::ByteQuota { wanted, limit } => [5, wanted, limit],
            Refusal::NoMemory { bytes } => [6, bytes, 0],
            Refusal::NotAllowed { uid } => [7, uid, 0],
            Refusal::Sealed => [8, 0, 0],
            Refusal::Busy => [9, 0, 0],
            Refusal::NotPermitted { uid } => [10, uid, 0],
            Refusal::TooMany { used, limit } => [11, used, limit],
            Refusal::NoSuchClass { class } => [12, class, 0],
            Refusal::Outputs { output_count, slot_count } => [13, output_count, slot_count],
            Refusal::Other(code) => [code, 0, 0],
        }
    }

    fn from_words([code, a, b]: [u64; 3]) -> Refusal {
        match code {
            1 => Refusal::NotAHello,
            2 => Refusal::Abi,
            3 => Refusal::Geometry { feature_count: a, slot_count: b },
            4 => Refusal::ChannelQuota { used: a, limit: b },
            5 => Refusal::ByteQuota { wanted: a, limit: b },
            6 => Refusal::NoMemory { bytes: a },
            7 => Refusal::NotAllowed { uid: a },
            8 => Refusal::Sealed,
            9 => Refusal::Busy,
            10 => Refusal::NotPermitted { uid: a },
            11 => Refusal::TooMany { used: a, limit: b },
            12 => Refusal::NoSuchClass { class: a },
            13 => Refusal::Outputs { output_count: a, slot_count: b },
            other => Refusal::Other(other),
        }
    }
}

/// The control verbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Verb {
    /// Reads the models again, or the named one alone, and swaps in what changed.
    Reload = 1,
    /// Sends the served artifact whose fingerprint is the argument.
    Artifact = 2,
    /// Sends the image of the served version whose fingerprint is the argument; also on a
    /// connection that has a channel.
    Image = 3,
    /// Sends the tap of the worker whose number is the argument.
    Tap = 4,
    /// Adds the artifact in the frozen memory file that comes along to the store; where the
    /// argument is 1, it serves its name.
    Publish = 5,
    /// Has the version whose hash begins as the argument says ([`super::version_word`]) serve the
    /// name.
    Promote = 6,
    /// Has what served the name before serve it again.
    Rollback = 7,
    /// Refuses changes of the name where the argument is 1, and allows them where it is 0.
    Pin = 8,
    /// Has nothing serve the name any more.
    Withdraw = 9,
    /// Divides the requests for the name among the versions that [`super::Shares`] says.
    Split = 10,
}

impl Verb {
    /// Reads a verb from its code.
    pub fn from_code(code: u64) -> Option<Verb> {
        match code {
            1 => Some(Verb::Reload),
            2 => Some(Verb::Artifact),
            3 => Some(Verb::Image),
            4 => Some(Verb::Tap),
            5 => Some(Verb::Publish),
            6 => Some(Verb::Promote),
            7 => Some(Verb::Rollback),
            8 => Some(Verb::Pin),
            9 => Some(Verb::Withdraw),
            10 => Some(Verb::Split),
            _ => None,
        }
    }
}

impl Message {
    /// Lays the message out.
    pub fn encode(&self) -> [u8; MESSAGE_LEN] {
        let mut words = [0u64; MESSAGE_WORDS];
        words[0] = abi::MAGIC;
        let tail: &[u64] = &match self {
            Message::Hello(h) => {
                let mut tail = vec![1, h.abi, h.feature_count, h.slot_count, h.nonce];
                let name = h.name.as_chunks::<8>().0;
                tail.extend(name.iter().map(|bytes| u64::from_le_bytes(*bytes)));
                tail.extend([h.output_count, h.class]);
                tail
            }
            Message::Welcome(w) => vec![
                2,
                w.abi,
                w.layout_hash,
                w.epoch,
                w.client_id,
                w.feature_count,
                w.slot_count,
                w.nonce,
                w.output_count,
                w.class,
                w.rights,
            ],
            Message::Mapped => vec![3],
            Message::Ready => vec![4],
            Message::Refused { abi, refusal } => {
                let [code, a, b] = refusal.words();
                vec![5, *abi, code, a, b]
            }
            Message::Command { abi, verb, argument, name, more } => {
                let mut tail = vec![6, *abi, *verb, *argument];
                tail.extend(name.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)));
                tail.extend(more);
                tail
            }
            Message::Reply { code } => vec![7, abi::ABI_WORD, *code],
        };
        words[1..=tail.len()].copy_from_slice(tail);
        let mut bytes = [0; MESSAGE_LEN];
        for (target, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *target = word.to_le_bytes();
        }
        bytes
    }

    /// Reads a message; `None` when the bytes are not one.
    pub fn decode(bytes: &[u8]) -> Option<Message> {
        let bytes: &[u8; MESSAGE_LEN] = bytes.try_into().ok()?;
        let mut w = [0u64; MESSAGE_WORDS];
        for (word, chunk) in w.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*chunk);
        }
        if w[0] != abi::MAGIC {
            return None;
        }
        Some(match w[1] {
            1 => {
                let mut name = [0; NAME_LEN];
                name.copy_from_slice(&bytes[48..48 + NAME_LEN]);
                Message::Hello(Hello {
                    abi: w[2],
                    feature_count: w[3],
                    slot_count: w[4],
                    nonce: w[5],
                    name,
                    output_count: w[10],
                    class: w[11],
                })
            }
            2 => Message::Welcome(Welcome {
                abi: w[2],
                layout_hash: w[3],
                epoch: w[4],
                client_id: w[5],
                feature_count: w[6],
                slot_count: w[7],
                nonce: w[8],
                output_count: w[9],
                class: w[10],
                rights: w[11],
            }),
            3 => Message::Mapped,
            4 => Message::Ready,
            5 => Message::Refused { abi: w[2], refusal: Refusal::from_words([w[3], w[4], w[5]]) },
            6 => {
                let mut name = [0; MODEL_NAME_LEN];
                name.copy_from_slice(&bytes[40..40 + MODEL_NAME_LEN]);
                let mut more = [0; MORE_WORDS];
                more.copy_from_slice(&w[13..13 + MORE_WORDS]);
                Message::Command { abi: w[2], verb: w[3], argument: w[4], name, more }
            }
            7 => Message::Reply { code: w[3] },
            _ => return None,
        })
    }
}
