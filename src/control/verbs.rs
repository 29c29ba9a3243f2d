//! What is asked for on a connection without a channel: verbs, the right that each takes, and where
//! it is carried out.

use super::Control;
use super::change::{Change, Wanted};
use super::reload::Extent;
use factord_core::abi::right;
use factord_core::channel::{MORE_WORDS, Message, Verb};
use std::os::fd::OwnedFd;

/// The right that a verb takes; any at all for one that this daemon does not know, and says so.
pub(super) fn needed_for(verb: u64) -> u64 {
    match Verb::from_code(verb) {
        Some(Verb::Reload | Verb::Publish | Verb::Promote | Verb::Rollback | Verb::Pin)
        | Some(Verb::Withdraw | Verb::Split) => right::PUBLISH,
        Some(Verb::Artifact) => right::READ,
        Some(Verb::Image) => right::LOCAL,
        Some(Verb::Tap) => right::OBSERVE,
        None => u64::MAX,
    }
}

/// Whether a file may come along with a message.
pub(super) fn takes_a_file(message: &Message) -> bool {
    let verb = |code| Verb::from_code(code) == Some(Verb::Publish);
    matches!(message, Message::Command { verb: code, .. } if verb(*code))
}

impl Control {
    /// Carries out a verb for a connection that has the right for it.
    pub(super) fn command(
        &mut self,
        key: u64,
        (code, argument, more): (u64, u64, [u64; MORE_WORDS]),
        name: &[u8],
        file: Option<OwnedFd>,
    ) {
        let Some(verb) = Verb::from_code(code) else {
            let text = format!("this daemon does not know the verb {code}");
            return self.reply(key, 3, text.as_bytes());
        };
        match verb {
            Verb::Reload => match Extent::of(name) {
                Some(extent) => self.ask_for_models(Some(key), extent),
                None => self.reply(key, 2, b"no model can have that name"),
            },
            Verb::Artifact => self.reply_with_artifact(key, argument),
            Verb::Image => self.reply_with_image(key, argument),
            Verb::Tap => self.reply_with_tap(key, argument),
            Verb::Publish
            | Verb::Promote
            | Verb::Rollback
            | Verb::Pin
            | Verb::Withdraw
            | Verb::Split => {
                let Some(connection) = self.connections.get(&key) else { return };
                let uid = connection.credentials.uid;
                match Change::of(verb, (argument, more), name, file) {
                    Ok(change) => self.ask_for_change(key, Wanted { change, uid }),
                    Err(why) => self.reply(key, 2, why.as_bytes()),
                }
            }
        }
    }
}
