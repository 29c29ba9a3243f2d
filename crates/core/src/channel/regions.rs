//! The regions of a channel, checked before anything in them is used.

use super::{AttachError, Shape, Welcome};
use crate::abi;
use crate::region::{Mapping, OpenError, View};
use crate::sync::{ReadOnlyWord, read_only};
use std::os::fd::OwnedFd;
use std::path::Path;

/// The regions of a channel, mapped.
#[derive(Debug)]
pub(super) struct Regions {
    pub(super) status: View,
    pub(super) req: Mapping,
    pub(super) resp: Mapping,
    pub(super) models: Option<View>,
}

impl Regions {
    /// Maps what came with a welcome.
    pub(super) fn open(
        path: &Path,
        files: &[OwnedFd],
        welcome: &Welcome,
        shape: Shape,
    ) -> Result<Regions, AttachError> {
        let may_evaluate = welcome.rights & abi::right::LOCAL != 0;
        let (status, req, resp, models) = match files {
            [status, req, resp] if !may_evaluate => (status, req, resp, None),
            [status, req, resp, models] if may_evaluate => (status, req, resp, Some(models)),
            _ => {
                let step = "expected three descriptors, or four";
                return Err(AttachError::Protocol { path: path.to_owned(), step });
            }
        };
        let status = map_status(status)?;
        let req = Mapping::open("REQ", req, shape.geometry.req_lines())?;
        let resp = Mapping::open("RESP", resp, shape.geometry.resp_lines())?;
        let open_models = |file| View::open("MODELS", file, abi::models_region::LINES);
        let models = models.map(open_models).transpose()?;
        check_status(&status, welcome)?;
        if let Some(models) = &models {
            check_models(models, welcome)?;
        }
        check_resp(&resp, welcome)?;
        Ok(Regions { status, req, resp, models })
    }
}

/// Maps STATUS.
pub(super) fn open_status(file: &OwnedFd, welcome: &Welcome) -> Result<View, OpenError> {
    let status = map_status(file)?;
    check_status(&status, welcome)?;
    Ok(status)
}

/// Maps CHANNELS.
pub(super) fn open_channels(file: &OwnedFd, welcome: &Welcome) -> Result<View, OpenError> {
    use abi::channels_region as at;
    let channels = View::open("CHANNELS", file, at::LINES)?;
    let layout = (at::LAYOUT_HASH, abi::CHANNELS_HASH);
    let header = [(at::MAGIC, abi::MAGIC), (at::ABI, welcome.abi), layout];
    check_header("CHANNELS", channels.words(), &header)?;
    Ok(channels)
}

fn map_status(file: &OwnedFd) -> Result<View, OpenError> {
    View::open("STATUS", file, abi::status_region::LINES)
}

/// Compares words of a region's header with the expected ones.
pub(super) fn check_header(
    name: &'static str,
    words: &[ReadOnlyWord],
    header: &[(usize, u64)],
) -> Result<(), OpenError> {
    for &(index, expected) in header {
        // Relaxed: the daemon wrote the header before it sent the descriptor.
        let found = words[index].load_relaxed();
        if found != expected {
            return Err(OpenError::Header { name, offset: index * 8, found, expected });
        }
    }
    Ok(())
}

fn check_status(status: &View, welcome: &Welcome) -> Result<(), OpenError> {
    use abi::status_region as at;
    let layout = (at::LAYOUT_HASH, abi::STATUS_HASH);
    let header = [(at::MAGIC, abi::MAGIC), (at::ABI, welcome.abi), layout];
    check_header("STATUS", status.words(), &header)
}

fn check_models(models: &View, welcome: &Welcome) -> Result<(), OpenError> {
    use abi::models_region as at;
    let layout = (at::LAYOUT_HASH, abi::MODELS_HASH);
    let count = (at::MODEL_COUNT, abi::MODEL_COUNT_MAX as u64);
    let header = [(at::MAGIC, abi::MAGIC), (at::ABI, welcome.abi), layout, count];
    check_header("MODELS", models.words(), &header)
}

fn check_resp(resp: &Mapping, welcome: &Welcome) -> Result<(), OpenError> {
    use abi::resp_header as at;
    let header = [
        (at::MAGIC, abi::MAGIC),
        (at::ABI, welcome.abi),
        (at::LAYOUT_HASH, welcome.layout_hash),
        (at::CLIENT_ID, welcome.client_id),
        (at::FEATURE_COUNT, welcome.feature_count),
        (at::SLOT_COUNT, welcome.slot_count),
        (at::OUTPUT_COUNT, welcome.output_count),
        (at::CLASS, welcome.class),
    ];
    check_header("RESP", read_only(resp.words()), &header)
}
