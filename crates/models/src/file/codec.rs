//! The encodings of artifacts, and the only place that knows them.
//!
//! ```text
//! offset  size  field
//!      0     8  magic "FMODEL\r\n": the line end shows a copy that went through text mode
//!      8     4  format version, little-endian: 1 or 2
//!     12     8  payload length, little-endian, at most that version's limit
//!     20    32  SHA-256 of the payload
//!     52        payload: `first` has that of version 1, `second` that of version 2
//! ```

mod first;
mod second;
mod sections;
mod trees;

use super::limits::{HEADER_LEN, MAGIC, PAYLOAD_LEN_MAX, PAYLOAD_LEN_MAX_FIRST};
use super::{Artifact, ArtifactError, Golden};
use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use factord_eval::{Kind, Model};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

/// Encodes header and payload.
pub(super) fn encode(artifact: &Artifact) -> Vec<u8> {
    let payload = payload(artifact);
    frame(artifact.format_version(), &payload)
}

/// Encodes only the payload.
fn payload(artifact: &Artifact) -> Vec<u8> {
    match &artifact.facts {
        None => first::payload(artifact),
        Some(facts) => second::payload(artifact, facts),
    }
}

/// Sees to it that an artifact made here can be read again.
pub(super) fn check(artifact: &Artifact) -> Result<(), ArtifactError> {
    let (found, limit) = (payload(artifact).len() as u64, limit(artifact.format_version()));
    if found > limit as u64 {
        return Err(ArtifactError::PayloadLength { found, limit });
    }
    artifact.facts.as_ref().map_or(Ok(()), |facts| second::check_sections(artifact, facts))
}

/// Decodes and checks everything.
pub(super) fn decode(bytes: &[u8]) -> Result<Artifact, ArtifactError> {
    let (version, payload) = unframe(bytes)?;
    if version == 1 { first::decode(payload) } else { second::decode(payload) }
}

fn frame(version: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_LEN + payload.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&Sha256::digest(payload));
    bytes.extend_from_slice(payload);
    bytes
}

/// The most bytes of a version's payload.
fn limit(version: u32) -> usize {
    if version == 2 { PAYLOAD_LEN_MAX } else { PAYLOAD_LEN_MAX_FIRST }
}

/// The most bytes of a file that starts so: what is no artifact of version 2 is not read further
/// than one of version 1.
pub(super) fn file_len_max(first: &[u8]) -> usize {
    let version = first.strip_prefix(&MAGIC).and_then(|rest| rest.first_chunk::<4>());
    HEADER_LEN + limit(version.map_or(1, |version| u32::from_le_bytes(*version)))
}

/// Checks the header; returns the version and the payload that it vouches for.
fn unframe(bytes: &[u8]) -> Result<(u32, &[u8]), ArtifactError> {
    let short = || ArtifactError::TooShort { found: bytes.len() };
    let (magic, rest) = bytes.split_first_chunk::<8>().ok_or_else(short)?;
    if *magic != MAGIC {
        return Err(ArtifactError::Magic);
    }
    let (version, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
    let version = u32::from_le_bytes(*version);
    if !(1..=2).contains(&version) {
        return Err(ArtifactError::Version { found: version });
    }
    let (length, rest) = rest.split_first_chunk::<8>().ok_or_else(short)?;
    let (length, limit) = (u64::from_le_bytes(*length), limit(version));
    if length > limit as u64 {
        return Err(ArtifactError::PayloadLength { found: length, limit });
    }
    let (hash, payload) = rest.split_first_chunk::<32>().ok_or_else(short)?;
    if payload.len() as u64 != length {
        return Err(ArtifactError::Length { expected: length, found: payload.len() as u64 });
    }
    if Sha256::digest(payload)[..] != hash[..] {
        return Err(ArtifactError::Hash);
    }
    Ok((version, payload))
}

// NB: the limit also bounds what the decoder allocates for a length it has only read.
fn config<const LIMIT: usize>() -> Configuration<LittleEndian, Varint, Limit<LIMIT>> {
    bincode::config::standard().with_limit::<LIMIT>()
}

fn to_bytes(value: &impl Serialize) -> Vec<u8> {
    bincode::serde::encode_to_vec(value, bincode::config::standard())
        .expect("writing plain fields to memory has no error")
}

/// Decodes a value of at most `LIMIT` bytes that takes all of the bytes.
fn from_bytes<T: DeserializeOwned, const LIMIT: usize>(bytes: &[u8]) -> Result<T, ArtifactError> {
    let (value, used) = bincode::serde::decode_from_slice::<T, _>(bytes, config::<LIMIT>())
        .map_err(|error| ArtifactError::Encoding { reason: error.to_string() })?;
    if used != bytes.len() {
        return Err(ArtifactError::NotCanonical);
    }
    Ok(value)
}

/// The linear or logistic model of a kind.
fn model(
    kind: Kind,
    intercept: f64,
    weights: Vec<f64>,
    (mean, scale): (Vec<f64>, Vec<f64>),
) -> Result<Model, ArtifactError> {
    Ok(match kind {
        Kind::Linear if mean.is_empty() && scale.is_empty() => Model::linear(weights, intercept)?,
        Kind::Linear => return Err(ArtifactError::NotCanonical),
        Kind::Logistic => Model::logistic(weights, intercept, mean, scale)?,
        Kind::Forest => return Err(ArtifactError::Kind { code: kind as u32 }),
    })
}

/// Inputs and outputs of golden vectors, each in one list.
fn vectors(golden: &[Golden]) -> (Vec<f64>, Vec<(u64, u64)>) {
    let inputs = golden.iter().flat_map(|golden| golden.x.clone()).collect();
    (inputs, golden.iter().map(|golden| (golden.y_bits, golden.second_bits)).collect())
}

/// Pairs inputs with outputs. There is one vector an output.
fn golden(
    inputs: &[f64],
    outputs: &[(u64, u64)],
    width: usize,
) -> Result<Vec<Golden>, ArtifactError> {
    if inputs.len() != outputs.len() * width {
        return Err(ArtifactError::GoldenInput { index: inputs.len() / width });
    }
    let pair = |(x, &(y_bits, second_bits)): (&[f64], &(u64, u64))| Golden {
        x: x.to_vec(),
        y_bits,
        second_bits,
    };
    Ok(inputs.chunks_exact(width).zip(outputs).map(pair).collect())
}
