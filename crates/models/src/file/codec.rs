//! The encoding of artifacts, and the only place that knows it.
//!
//! ```text
//! offset  size  field
//!      0     8  magic "FMODEL\r\n": the line end shows a copy that went through text mode
//!      8     4  format version, little-endian
//!     12     8  payload length, little-endian, at most PAYLOAD_LEN_MAX
//!     20    32  SHA-256 of the payload
//!     52        payload: bincode's standard configuration, canonical
//! ```

use super::limits::{FORMAT_VERSION, HEADER_LEN, MAGIC, PAYLOAD_LEN_MAX};
use super::{Artifact, ArtifactError, Details, Golden};
use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use factord_eval::{Kind, Model};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The payload, field by field in this order; changing it takes a new format version.
#[derive(Serialize, Deserialize)]
struct Payload {
    kind_code: u32,
    intercept: f64,
    weights: Vec<f64>,
    mean: Vec<f64>,
    scale: Vec<f64>,
    details: Details,
    golden_inputs: Vec<f64>,
    golden_outputs: Vec<(u64, u64)>,
}

// NB: the limit also bounds what the decoder allocates for a length it has only read.
fn config() -> Configuration<LittleEndian, Varint, Limit<PAYLOAD_LEN_MAX>> {
    bincode::config::standard().with_limit::<PAYLOAD_LEN_MAX>()
}

/// Encodes only the payload.
pub(super) fn payload(artifact: &Artifact) -> Vec<u8> {
    let model = &artifact.model;
    let payload = Payload {
        kind_code: model.kind() as u32,
        intercept: model.intercept(),
        weights: model.weights().to_vec(),
        mean: model.mean().to_vec(),
        scale: model.scale().to_vec(),
        details: artifact.details.clone(),
        golden_inputs: artifact.golden.iter().flat_map(|golden| golden.x.clone()).collect(),
        golden_outputs: artifact
            .golden
            .iter()
            .map(|golden| (golden.y_bits, golden.second_bits))
            .collect(),
    };
    bincode::serde::encode_to_vec(&payload, bincode::config::standard())
        .expect("writing plain fields to memory has no error")
}

/// Encodes header and payload.
pub(super) fn encode(artifact: &Artifact) -> Vec<u8> {
    frame(&payload(artifact))
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_LEN + payload.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&Sha256::digest(payload));
    bytes.extend_from_slice(payload);
    bytes
}

/// Checks the header and returns the payload it vouches for.
fn unframe(bytes: &[u8]) -> Result<&[u8], ArtifactError> {
    let short = || ArtifactError::TooShort { found: bytes.len() };
    let (magic, rest) = bytes.split_first_chunk::<8>().ok_or_else(short)?;
    if *magic != MAGIC {
        return Err(ArtifactError::Magic);
    }
    let (version, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
    let version = u32::from_le_bytes(*version);
    if version != FORMAT_VERSION {
        return Err(ArtifactError::Version { found: version });
    }
    let (length, rest) = rest.split_first_chunk::<8>().ok_or_else(short)?;
    let length = u64::from_le_bytes(*length);
    if length > PAYLOAD_LEN_MAX as u64 {
        return Err(ArtifactError::PayloadLength { found: length });
    }
    let (hash, payload) = rest.split_first_chunk::<32>().ok_or_else(short)?;
    if payload.len() as u64 != length {
        return Err(ArtifactError::Length { expected: length, found: payload.len() as u64 });
    }
    if Sha256::digest(payload)[..] != hash[..] {
        return Err(ArtifactError::Hash);
    }
    Ok(payload)
}

/// Decodes and checks everything.
pub(super) fn decode(bytes: &[u8]) -> Result<Artifact, ArtifactError> {
    let encoded = unframe(bytes)?;
    let (payload, used) = bincode::serde::decode_from_slice::<Payload, _>(encoded, config())
        .map_err(|error| ArtifactError::Encoding { reason: error.to_string() })?;
    if used != encoded.len() {
        return Err(ArtifactError::NotCanonical);
    }
    let model = match Kind::from_code(payload.kind_code) {
        Some(Kind::Linear) if payload.mean.is_empty() && payload.scale.is_empty() => {
            Model::linear(payload.weights, payload.intercept)?
        }
        Some(Kind::Linear) => return Err(ArtifactError::NotCanonical),
        Some(Kind::Logistic) => {
            Model::logistic(payload.weights, payload.intercept, payload.mean, payload.scale)?
        }
        None => return Err(ArtifactError::Kind { code: payload.kind_code }),
    };
    let golden = golden(&payload.golden_inputs, &payload.golden_outputs, model.width())?;
    let artifact = Artifact::checked(model, payload.details, golden)?;
    // A length may be spelt in more than one way; one model must not have two hashes.
    if self::payload(&artifact) != encoded {
        return Err(ArtifactError::NotCanonical);
    }
    Ok(artifact)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn artifact() -> Artifact {
        let model = Model::logistic(vec![1.5, -2.0], 0.25, vec![0.5, 0.1], vec![2.0, 3.0]).unwrap();
        let feature_names = vec!["a".to_owned(), "b".to_owned()];
        let details = Details { name: "small".to_owned(), feature_names, ..Details::default() };
        Artifact::new(model, details).unwrap()
    }

    /// Encodes whatever the payload says, with a header that vouches for it.
    fn forged(change: impl FnOnce(&mut Payload)) -> Vec<u8> {
        let encoded = payload(&artifact());
        let (mut payload, _) =
            bincode::serde::decode_from_slice::<Payload, _>(&encoded, config()).unwrap();
        change(&mut payload);
        frame(&bincode::serde::encode_to_vec(&payload, bincode::config::standard()).unwrap())
    }

    #[test]
    fn an_unchanged_forgery_is_the_artifact() {
        assert_eq!(decode(&forged(|_| ())), Ok(artifact()));
    }

    #[test]
    fn an_artifact_without_golden_vectors_is_refused() {
        let bytes = forged(|payload| {
            payload.golden_inputs.clear();
            payload.golden_outputs.clear();
        });
        assert_eq!(decode(&bytes), Err(ArtifactError::GoldenCount { found: 0 }));
    }

    #[test]
    fn a_golden_answer_that_is_off_by_one_bit_is_refused() {
        let bytes = forged(|payload| payload.golden_outputs[7].0 ^= 1);
        let refusal = decode(&bytes).unwrap_err();
        assert!(matches!(refusal, ArtifactError::GoldenAnswer { index: 7, .. }), "{refusal}");
    }

    #[test]
    fn a_weight_that_is_off_by_one_bit_is_refused() {
        let bytes =
            forged(|payload| payload.weights[0] = f64::from_bits(1.5f64.to_bits() + (1 << 20)));
        let refusal = decode(&bytes).unwrap_err();
        assert!(matches!(refusal, ArtifactError::GoldenAnswer { .. }), "{refusal}");
    }

    #[test]
    fn golden_vectors_of_another_width_are_refused() {
        let bytes = forged(|payload| payload.golden_inputs.push(0.0));
        assert!(matches!(decode(&bytes), Err(ArtifactError::GoldenInput { .. })));
        let bytes = forged(|payload| payload.golden_inputs[3] = f64::NAN);
        assert_eq!(decode(&bytes), Err(ArtifactError::GoldenInput { index: 1 }));
    }

    #[test]
    fn unknown_kinds_and_left_over_parameters_are_refused() {
        let bytes = forged(|payload| payload.kind_code = 3);
        assert_eq!(decode(&bytes), Err(ArtifactError::Kind { code: 3 }));
        let bytes = forged(|payload| payload.kind_code = 1);
        assert_eq!(decode(&bytes), Err(ArtifactError::NotCanonical));
    }

    #[test]
    fn parameters_of_0_and_of_1025_features_are_refused() {
        for width in [0, 1025] {
            let bytes = forged(|payload| {
                payload.weights.resize(width, 1.0);
                payload.mean.resize(width, 0.0);
                payload.scale.resize(width, 1.0);
            });
            let width = factord_eval::ModelError::Width { found: width };
            assert_eq!(decode(&bytes), Err(ArtifactError::Model(width)));
        }
    }

    #[test]
    fn bytes_behind_the_last_field_are_refused() {
        let mut encoded = payload(&artifact());
        encoded.push(0);
        assert_eq!(decode(&frame(&encoded)), Err(ArtifactError::NotCanonical));
    }

    #[test]
    fn a_length_spelt_the_long_way_is_refused() {
        let encoded = payload(&artifact());
        // Byte 0 is the kind, 2, which fits one byte; 251 announces two.
        assert_eq!(encoded[0], 2);
        let longer: Vec<u8> = [251, 2, 0].iter().chain(&encoded[1..]).copied().collect();
        assert_eq!(decode(&frame(&longer)), Err(ArtifactError::NotCanonical));
    }

    #[test]
    fn hostile_lengths_inside_the_payload_are_refused() {
        // The number of weights, behind the kind and the intercept: 2^64 - 1, 2^32 and 2^21.
        for length in [u64::MAX, 1 << 32, 1 << 21] {
            let mut encoded = payload(&artifact())[..9].to_vec();
            encoded.push(253);
            encoded.extend_from_slice(&length.to_le_bytes());
            let refusal = decode(&frame(&encoded)).unwrap_err();
            assert!(matches!(refusal, ArtifactError::Encoding { .. }), "{refusal}");
        }
    }

    #[test]
    fn the_header_is_checked_before_anything_is_read() {
        let good = encode(&artifact());
        let changed = |offset: usize, value: u8| {
            let mut bytes = good.clone();
            bytes[offset] = value;
            decode(&bytes).unwrap_err()
        };
        assert_eq!(changed(0, b'f'), ArtifactError::Magic);
        assert_eq!(changed(8, 2), ArtifactError::Version { found: 2 });
        assert!(matches!(changed(19, 255), ArtifactError::PayloadLength { .. }));
        assert!(matches!(changed(12, good[12] ^ 1), ArtifactError::Length { .. }));
        assert_eq!(changed(20, good[20] ^ 1), ArtifactError::Hash);
    }
}
