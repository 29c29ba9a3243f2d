//! Format 1: one value of fixed fields. It is read for ever, and written for what needs no more.

use super::super::limits::{NAME_LEN_MAX_FIRST, PAYLOAD_LEN_MAX_FIRST};
use super::super::{Artifact, ArtifactError, Details};
use factord_eval::{Affine, Kind};
use serde::{Deserialize, Serialize};

/// The payload, field by field in this order, in bincode's standard configuration; it never
/// changes.
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

pub(super) fn payload(artifact: &Artifact) -> Vec<u8> {
    let model = &artifact.model;
    // Format 2 alone holds what is not affine, and an artifact of another kind is never made in 1.
    let affine = model.affine();
    let values = |of: fn(&Affine) -> &[f64]| affine.map_or(Vec::new(), |a| of(a).to_vec());
    let (golden_inputs, golden_outputs) = super::vectors(&artifact.golden);
    super::to_bytes(&Payload {
        kind_code: model.kind() as u32,
        intercept: affine.map_or(0.0, Affine::intercept),
        weights: values(Affine::weights),
        mean: values(Affine::mean),
        scale: values(Affine::scale),
        details: artifact.details.clone(),
        golden_inputs,
        golden_outputs,
    })
}

pub(super) fn decode(encoded: &[u8]) -> Result<Artifact, ArtifactError> {
    let payload: Payload = super::from_bytes::<_, PAYLOAD_LEN_MAX_FIRST>(encoded)?;
    let kind = Kind::from_code(payload.kind_code)
        .ok_or(ArtifactError::Kind { code: payload.kind_code })?;
    let scaler = (payload.mean, payload.scale);
    let model = super::model(kind, payload.intercept, payload.weights, scaler)?;
    if payload.details.name.len() > NAME_LEN_MAX_FIRST {
        return Err(ArtifactError::Name { name: payload.details.name });
    }
    let golden = super::golden(&payload.golden_inputs, &payload.golden_outputs, model.width())?;
    let artifact = Artifact::checked(model, payload.details, golden, None)?;
    // A length may be spelt in more than one way; one model must not have two hashes.
    if self::payload(&artifact) != encoded {
        return Err(ArtifactError::NotCanonical);
    }
    Ok(artifact)
}

#[cfg(test)]
mod tests {
    use super::super::{decode, encode, from_bytes, to_bytes};
    use super::*;
    use factord_eval::Model;

    fn frame(payload: &[u8]) -> Vec<u8> {
        super::super::frame(1, payload)
    }

    fn artifact() -> Artifact {
        let model = Model::logistic(vec![1.5, -2.0], 0.25, vec![0.5, 0.1], vec![2.0, 3.0]).unwrap();
        let feature_names = vec!["a".to_owned(), "b".to_owned()];
        let details = Details { name: "small".to_owned(), feature_names, ..Details::default() };
        Artifact::new(model, details).unwrap()
    }

    /// Encodes whatever the payload says, with a header that vouches for it.
    fn forged(change: impl FnOnce(&mut Payload)) -> Vec<u8> {
        let encoded = payload(&artifact());
        let mut payload = from_bytes::<Payload, PAYLOAD_LEN_MAX_FIRST>(&encoded).unwrap();
        change(&mut payload);
        frame(&to_bytes(&payload))
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
    fn a_name_that_only_format_2_may_have_is_refused() {
        let bytes = forged(|payload| payload.details.name = "n".repeat(32));
        assert_eq!(decode(&bytes), Err(ArtifactError::Name { name: "n".repeat(32) }));
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
        assert_eq!(changed(8, 3), ArtifactError::Version { found: 3 });
        assert_eq!(changed(8, 0), ArtifactError::Version { found: 0 });
        assert!(matches!(changed(19, 255), ArtifactError::PayloadLength { .. }));
        assert!(matches!(changed(12, good[12] ^ 1), ArtifactError::Length { .. }));
        assert_eq!(changed(20, good[20] ^ 1), ArtifactError::Hash);
    }
}
