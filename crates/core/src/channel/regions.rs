//! The regions of a channel, checked before anything in them is used.

use super::{AttachError, Welcome};
use crate::abi;
use crate::region::{Mapping, OpenError, View};
use crate::ring::Geometry;
use crate::sync::{ReadOnlyWord, read_only};
use std::os::fd::OwnedFd;
use std::path::Path;

/// The four regions of a channel, mapped.
#[derive(Debug)]
pub(super) struct Regions {
    pub(super) status: View,
    pub(super) models: View,
    pub(super) req: Mapping,
    pub(super) resp: Mapping,
}

impl Regions {
    /// Maps what came with a welcome.
    pub(super) fn open(
        path: &Path,
        files: &[OwnedFd],
        welcome: &Welcome,
        shape: Geometry,
    ) -> Result<Regions, AttachError> {
        let [status, models, req, resp] = files else {
            let step = "expected four descriptors";
            return Err(AttachError::Protocol { path: path.to_owned(), step });
        };
        let status = map_status(status)?;
        let models = View::open("MODELS", models, abi::models_region::LINES)?;
        let req = Mapping::open("REQ", req, shape.req_lines())?;
        let resp = Mapping::open("RESP", resp, shape.resp_lines())?;
        check_status(&status, welcome)?;
        check_models(&models, welcome)?;
        check_resp(&resp, welcome)?;
        Ok(Regions { status, models, req, resp })
    }
}

/// Maps STATUS.
pub(super) fn open_status(file: &OwnedFd, welcome: &Welcome) -> Result<View, OpenError> {
    let status = map_status(file)?;
    check_status(&status, welcome)?;
    Ok(status)
}

fn map_status(file: &OwnedFd) -> Result<View, OpenError> {
    View::open("STATUS", file, abi::status_region::LINES)
}

/// Compares words of a region's header with the expected ones.
fn check_header(
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
    let layout = (at::LAYOUT_HASH, welcome.layout_hash);
    let header = [(at::MAGIC, abi::MAGIC), (at::ABI, welcome.abi), layout];
    check_header("STATUS", status.words(), &header)
}

fn check_models(models: &View, welcome: &Welcome) -> Result<(), OpenError> {
    use abi::models_region as at;
    let layout = (at::LAYOUT_HASH, welcome.layout_hash);
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
    ];
    check_header("RESP", read_only(resp.words()), &header)
}
