//! What the service manager kept for this engine: the control socket, and the memory and sockets of
//! the engine before it.

use super::ServeError;
use crate::control::KeptChannel;
use factord_core::abi::{self, channels_region, models_region, status_region};
use factord_core::region::Region;
use factord_core::sync::Ordering;
use factord_core::sys::socket;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use tracing::warn;

/// The regions that all clients share.
#[derive(Debug)]
pub(super) struct Objects {
    pub(super) status: Region,
    pub(super) models: Region,
    pub(super) channels: Region,
}

/// Names in the manager's store.
pub(super) const STATUS: &str = "status";
pub(super) const MODELS: &str = "models";
pub(super) const CHANNELS: &str = "channels";

/// All that was passed.
#[derive(Debug, Default)]
pub(super) struct Inherited {
    /// The control socket.
    pub(super) socket: Option<OwnedFd>,
    /// The shared regions; `None` when there are none, or others than this engine's.
    pub(super) objects: Option<Objects>,
    /// The channels, where the shared regions are there.
    pub(super) channels: Vec<KeptChannel>,
    /// The names of what is of no use.
    pub(super) useless: Vec<String>,
}

/// Takes what the service manager passed (LISTEN_FDS).
///
/// # Errors
///
/// [`ServeError::Passed`] when something else than the control socket was passed that is not from
/// the store, or more than one.
pub(super) fn inherit() -> Result<Inherited, ServeError> {
    let passed = |what: String| ServeError::Passed(what);
    let fds = sd_notify::listen_fds_with_names().map_err(|error| match error.kind() {
        ErrorKind::InvalidInput => passed(format!("LISTEN_FDS that are not numbers ({error})")),
        _ => passed(format!("a descriptor that is not open ({error})")),
    })?;
    let mut sockets = Vec::new();
    let mut stored = BTreeMap::new();
    for (fd, name) in fds {
        if is_of_store(&name) {
            stored.insert(name, socket::passed(fd));
        } else {
            sockets.push(fd);
        }
    }
    let mut inherited = Inherited { socket: control_socket(&sockets)?, ..Inherited::default() };
    if stored.is_empty() {
        return Ok(inherited);
    }
    inherited.objects = objects(&mut stored);
    if inherited.objects.is_some() {
        inherited.channels = channels(&mut stored);
    }
    // The manager holds them until it is told: their clients learn it now.
    stored.values().for_each(|descriptor| socket::end(descriptor.as_fd()));
    inherited.useless = stored.into_keys().collect();
    Ok(inherited)
}

fn control_socket(fds: &[RawFd]) -> Result<Option<OwnedFd>, ServeError> {
    match *fds {
        [] => Ok(None),
        [fd] => match socket::adopt(fd) {
            Ok(socket) => Ok(Some(socket)),
            Err(error) => Err(ServeError::Passed(format!("descriptor {fd}, {error}"))),
        },
        _ => Err(ServeError::Passed(format!("{} descriptors", fds.len()))),
    }
}

fn is_of_store(name: &str) -> bool {
    [STATUS, MODELS, CHANNELS].contains(&name) || KeptChannel::part_of(name).is_some()
}

/// The shared regions, if all of them are there and are of this engine's layout.
fn objects(stored: &mut BTreeMap<String, OwnedFd>) -> Option<Objects> {
    let mut take = |name: &'static str, lines: usize, hash: u64| {
        let region = match Region::adopt(name, stored.remove(name)?, lines) {
            Ok(region) => region,
            Err(error) => {
                warn!("what the engine before left cannot be used ({error}): clients attach again");
                return None;
            }
        };
        // The first three words of each are magic, version and layout hash.
        let word = |index: usize| region.mapping().words()[index].load(Ordering::Relaxed);
        let found =
            [status_region::MAGIC, status_region::ABI, status_region::LAYOUT_HASH].map(word);
        (found == [abi::MAGIC, abi::ABI_WORD, hash]).then_some(region)
    };
    Some(Objects {
        status: take(STATUS, status_region::LINES, abi::STATUS_HASH)?,
        models: take(MODELS, models_region::LINES, abi::MODELS_HASH)?,
        channels: take(CHANNELS, channels_region::LINES, abi::CHANNELS_HASH)?,
    })
}

/// The channels of which all three parts are there; what else there is stays.
fn channels(stored: &mut BTreeMap<String, OwnedFd>) -> Vec<KeptChannel> {
    let ids: BTreeMap<u64, usize> = stored
        .keys()
        .filter_map(|name| KeptChannel::part_of(name))
        .fold(BTreeMap::new(), |mut counts, id| {
            *counts.entry(id).or_default() += 1;
            counts
        });
    let whole = ids.into_iter().filter(|&(_, count)| count == KeptChannel::PART_COUNT);
    whole.filter_map(|(id, _)| KeptChannel::take(id, stored)).collect()
}

const _: () = assert!(
    status_region::MAGIC == models_region::MAGIC
        && status_region::ABI == models_region::ABI
        && status_region::LAYOUT_HASH == models_region::LAYOUT_HASH
        && status_region::LAYOUT_HASH == channels_region::LAYOUT_HASH
);
