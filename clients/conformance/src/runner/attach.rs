//! Cases about coming to a channel, or not.

use super::{PLENTY, SLOTS, Suite, options};
use crate::fault::{During, Fault, ensure, fail};
use factord_client::{AttachError, AttachOptions, Client, Kind, Refusal};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Channels of one user.
pub(super) const CHANNELS: usize = 16;

/// The error of an attach that must fail.
pub(super) fn refusal(options: &AttachOptions) -> Result<AttachError, Fault> {
    match Client::attach(options) {
        Ok(_) => fail("attached"),
        Err(error) => Ok(error),
    }
}

/// Fails unless the error's message names all these words.
pub(super) fn names(error: &AttachError, words: &[&str]) -> Result<(), Fault> {
    let text = error.to_string();
    for word in words {
        ensure(text.contains(word), || format!("the message does not name {word}: {text}"))?;
    }
    Ok(())
}

/// Attaching to a false daemon must fail.
pub(super) fn fails(suite: &Suite, impostor: &str) -> Result<AttachError, Fault> {
    let socket = suite.impostor(impostor)?;
    refusal(&options(&socket)).during(impostor)
}

pub(super) fn attach(suite: &Suite) -> Result<(), Fault> {
    let client = suite.channel()?;
    let models = [
        ("regression", Kind::Linear, 3),
        ("classification", Kind::Logistic, 3),
        ("swing", Kind::Linear, 3),
        ("wide", Kind::Linear, 1000),
        ("wide-logistic", Kind::Logistic, 1000),
    ];
    for (name, kind, width) in models {
        let row = client.model(name).ok_or("not in the model table").during(name)?;
        ensure(row.kind == kind && row.width == width, || format!("{row:?}"))?;
    }
    ensure(client.models().len() == models.len(), || format!("{:?}", client.models()))?;
    ensure(client.epoch() != 0, || "the epoch is 0".to_owned())?;
    ensure((client.feature_count(), client.slot_count()) == (3, SLOTS), || "shape".to_owned())?;
    drop(client);
    suite.channel()?;
    let nobody = format!("{}.nobody", suite.socket.display());
    let error = refusal(&options(Path::new(&nobody)))?;
    ensure(matches!(error, AttachError::Unreachable { .. }), || format!("{error:?}"))?;
    names(&error, &[&nobody])
}

pub(super) fn wrong_abi(suite: &Suite) -> Result<(), Fault> {
    let first = ["daemon speaks ABI 1.0", "this client 2.0", "rebuild the client"];
    let impostors: [(&str, &[&str]); 5] = [
        ("abi-refused", &["7.3", "2.0"]),
        ("abi-welcomed", &["7.3", "2.0"]),
        ("abi-1-refused", &first),
        ("abi-1-welcomed", &first),
        ("layout", &[]),
    ];
    for (impostor, words) in impostors {
        let error = fails(suite, impostor)?;
        ensure(matches!(error, AttachError::Abi { .. }), || format!("{impostor}: {error:?}"))?;
        names(&error, words).during(impostor)?;
    }
    Ok(())
}

pub(super) fn refused_peer(suite: &Suite) -> Result<(), Fault> {
    let mut channels = Vec::new();
    let end = Instant::now() + PLENTY;
    // The channels of the cases before may still be on their way out.
    while channels.len() < CHANNELS && Instant::now() < end {
        match Client::attach(&options(&suite.socket)) {
            Ok(client) => channels.push(client),
            Err(_) => sleep(Duration::from_millis(10)),
        }
    }
    ensure(channels.len() == CHANNELS, || format!("only {} channels", channels.len()))?;
    let error = refusal(&options(&suite.socket))?;
    let quota = matches!(error, AttachError::Refused(Refusal::ChannelQuota { .. }));
    ensure(quota, || format!("{error:?}"))?;
    names(&error, &["16"])?;
    channels.pop();
    let end = Instant::now() + Duration::from_secs(5);
    while Client::attach(&options(&suite.socket)).is_err() {
        ensure(Instant::now() < end, || "a channel that was closed is not free".to_owned())?;
        sleep(Duration::from_millis(10));
    }
    let error = fails(suite, "stranger")?;
    let refused = matches!(error, AttachError::Refused(Refusal::NotAllowed { .. }));
    ensure(refused, || format!("{error:?}"))?;
    names(&error, &["4711"])?;
    let start = Instant::now();
    let error = fails(suite, "silent")?;
    ensure(matches!(error, AttachError::Deadline), || format!("{error:?}"))?;
    super::took(start, Duration::ZERO, Duration::from_secs(5))?;
    fails(suite, "hang-up")?;
    fails(suite, "babble").map(drop)
}
