//! Artifacts: what is written is read, and nothing else is.

use crate::common::{artifact, details, model};
use factord_eval::Model;
use factord_models::catalogue;
use factord_models::file::{
    Artifact, ArtifactError, ArtifactFileError, Facts, Metric, MetricValue, PAYLOAD_LEN_MAX,
    PAYLOAD_LEN_MAX_FIRST,
};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

const HEADER_LEN: usize = 52;

/// Makes the header vouch for whatever payload follows it.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let payload_len = (bytes.len() - HEADER_LEN) as u64;
    bytes[12..20].copy_from_slice(&payload_len.to_le_bytes());
    let hash = Sha256::digest(&bytes[HEADER_LEN..]);
    bytes[20..HEADER_LEN].copy_from_slice(&hash);
    bytes
}

/// The two artifacts that ship, in format 1, and the golden one of format 2.
fn both_formats() -> [Vec<u8>; 3] {
    let [regression, classification] =
        catalogue::embedded().try_into().expect("there are two of them");
    [regression.bytes, classification.bytes, include_bytes!("golden_2.fmodel").to_vec()]
}

#[test]
fn models_of_every_width_survive_a_round_trip() {
    for width in [1, 2, 3, 64, 1000, 1024] {
        for logistic in [false, true] {
            let artifact = artifact("wide", width, logistic);
            let bytes = artifact.encode();
            let read = Artifact::decode(&bytes).unwrap();
            assert_eq!(read, artifact);
            assert_eq!(read.encode(), bytes);
            assert_eq!(read.sha256()[..], Sha256::digest(&bytes)[..]);
            assert_eq!(read.format_version(), 1);
            let (model, details) = (artifact.model().clone(), artifact.details().clone());
            let second = Artifact::with_facts(model, details, Facts::default()).unwrap();
            let bytes = second.encode();
            let read = Artifact::decode(&bytes).unwrap();
            assert_eq!((read.format_version(), read.encode()), (2, bytes));
            assert_eq!(read, second);
            assert_eq!(read.golden(), artifact.golden());
            assert!(read.golden().len() >= 24, "{} golden vectors", read.golden().len());
        }
    }
}

#[test]
fn the_widest_model_with_the_longest_texts_fits() {
    let mut details = details("widest", 1024);
    for (index, name) in details.feature_names.iter_mut().enumerate() {
        *name = format!("{index:0256}");
    }
    let artifact = Artifact::new(model(1024, true, 3), details).unwrap();
    let bytes = artifact.encode();
    assert!(bytes.len() < HEADER_LEN + PAYLOAD_LEN_MAX_FIRST);
    assert_eq!(Artifact::decode(&bytes), Ok(artifact));
}

#[test]
fn every_flipped_bit_is_refused() {
    let mut refused = 0;
    for whole in both_formats() {
        for offset in 0..whole.len() {
            for mask in [1, 2, 4, 8, 16, 32, 64, 128, 255] {
                let mut bytes = whole.clone();
                bytes[offset] ^= mask;
                assert!(Artifact::decode(&bytes).is_err(), "byte {offset} ^ {mask}");
                refused += 1;
            }
        }
    }
    assert!(refused > 10_000);
}

#[test]
fn every_truncation_and_every_longer_file_is_refused() {
    for whole in both_formats() {
        for length in 0..whole.len() {
            assert!(Artifact::decode(&whole[..length]).is_err(), "{length} bytes");
        }
        let mut longer = whole.clone();
        longer.push(0);
        assert!(matches!(Artifact::decode(&longer), Err(ArtifactError::Length { .. })));
        let refusal = Artifact::decode(&sealed(longer)).unwrap_err();
        let expected = match whole[8] {
            1 => matches!(refusal, ArtifactError::NotCanonical),
            _ => matches!(refusal, ArtifactError::Sections { .. }),
        };
        assert!(expected, "{refusal}");
    }
}

#[test]
fn truncated_payloads_with_a_matching_hash_are_refused() {
    for whole in both_formats() {
        for length in HEADER_LEN..whole.len() {
            let bytes = sealed(whole[..length].to_vec());
            assert!(Artifact::decode(&bytes).is_err(), "{length} bytes");
        }
    }
}

#[test]
fn lengths_beyond_the_limit_are_refused_before_anything_is_read() {
    let mut bytes = artifact("a", 3, false).encode();
    for (version, limit) in [(1, PAYLOAD_LEN_MAX_FIRST), (2, PAYLOAD_LEN_MAX)] {
        bytes[8] = version;
        for found in [limit as u64 + 1, u64::MAX] {
            bytes[12..20].copy_from_slice(&found.to_le_bytes());
            let refusal = Artifact::decode(&bytes);
            assert_eq!(refusal, Err(ArtifactError::PayloadLength { found, limit }));
        }
    }
}

#[test]
fn details_that_do_not_fit_are_refused() {
    let refuse = |change: fn(&mut factord_models::file::Details)| {
        let mut details = details("fits", 3);
        change(&mut details);
        Artifact::new(model(3, true, 1), details).unwrap_err()
    };
    for name in ["", "a b", "../a", ".a", "-a", "a/b", "\u{e9}", &"a".repeat(65)] {
        let mut details = details("fits", 3);
        details.name = name.to_owned();
        let refusal = Artifact::new(model(3, true, 1), details).unwrap_err();
        assert!(matches!(refusal, ArtifactError::Name { .. }), "{name:?}: {refusal}");
    }
    let refusals = [
        refuse(|details| details.feature_names.truncate(2)),
        refuse(|details| details.feature_names[1] = details.feature_names[0].clone()),
        refuse(|details| details.feature_names[1].clear()),
        refuse(|details| details.feature_names[1] = "\u{1b}[2J".to_owned()),
        refuse(|details| details.target = "t".repeat(257)),
        refuse(|details| details.feature_stats.truncate(1)),
        refuse(|details| details.feature_stats[2].std = -1.0),
        refuse(|details| details.feature_stats[2].min = Some(f64::NAN)),
        refuse(|details| details.threshold = Some(f64::INFINITY)),
    ];
    let said: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "2 feature names for a model of 3 features",
            "feature name \"feature 0\" occurs twice",
            "feature name is empty",
            "feature name holds control characters",
            "target has more than 256 bytes",
            "1 feature statistics for a model of 3 features",
            "feature 2's standard deviation is -1: it must be finite, and a deviation must not be \
             negative",
            "feature 2's minimum is NaN: it must be finite, and a deviation must not be negative",
            "threshold is inf: it must be finite, and a deviation must not be negative",
        ]
    );
}

#[test]
fn reports_that_do_not_nest_are_refused() {
    let metric = |path: &[&str], value| Metric {
        path: path.iter().map(|key| (*key).to_owned()).collect(),
        value: MetricValue::Real(value),
    };
    let with = |metrics: Vec<Metric>| {
        let details = factord_models::file::Details { metrics, ..details("fits", 3) };
        Artifact::new(model(3, true, 1), details)
    };
    let nested = with(vec![metric(&["a", "b"], 1.5), metric(&["c"], 2.0)]).unwrap();
    assert_eq!(nested.metrics_json(), serde_json::json!({"a": {"b": 1.5}, "c": 2.0}));
    assert!(with(vec![metric(&["a"], 1.0), metric(&["a"], 1.0)]).is_err());
    assert!(with(vec![metric(&["a", "b"], 1.0), metric(&["a"], 1.0)]).is_err());
    assert!(with(vec![metric(&["a"], 1.0), metric(&["a", "b"], 1.0)]).is_err());
    assert!(with(vec![metric(&[], 1.0)]).is_err());
    assert!(with(vec![metric(&["k"; 9], 1.0)]).is_err());
    assert!(with(vec![metric(&["a"], f64::NAN)]).is_err());
    assert!(with((0..513).map(|i| metric(&[&i.to_string()], 0.0)).collect()).is_err());
}

#[test]
fn a_model_that_overflows_near_its_data_is_refused() {
    let model = Model::linear(vec![f64::MAX, f64::MAX], 0.0).unwrap();
    let refusal = Artifact::new(model, details("huge", 2)).unwrap_err();
    assert!(matches!(refusal, ArtifactError::GoldenOverflow { .. }), "{refusal}");
}

#[test]
fn a_file_is_replaced_whole_or_not_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.fmodel");
    let (old, new) = (artifact("old", 3, false), artifact("new", 3, true));
    old.save(&path).unwrap();
    new.save(&path).unwrap();
    assert_eq!(Artifact::load(&path).unwrap(), new);
    // Renaming onto a directory fails after everything was written.
    let blocked = directory.path().join("blocked.fmodel");
    std::fs::create_dir(&blocked).unwrap();
    assert!(matches!(new.save(&blocked), Err(ArtifactFileError::Write { .. })));
    let left = std::fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(left, 2, "a temporary file was left behind");
}

#[test]
fn files_that_are_too_long_or_no_files_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let long = directory.path().join("long.fmodel");
    std::fs::write(&long, vec![0; HEADER_LEN + PAYLOAD_LEN_MAX_FIRST + 1]).unwrap();
    let said = Artifact::load(&long).unwrap_err().to_string();
    assert!(said.contains("long.fmodel: longer than 2097204"), "{said}");
    let mut second = artifact("a", 3, false).encode();
    second[8] = 2;
    std::fs::write(&long, second).unwrap();
    let file = std::fs::File::options().write(true).open(&long).unwrap();
    file.set_len((HEADER_LEN + PAYLOAD_LEN_MAX + 1) as u64).unwrap();
    let said = Artifact::load(&long).unwrap_err().to_string();
    assert!(said.contains("long.fmodel: longer than 67108916"), "{said}");
    assert!(matches!(Artifact::load(directory.path()), Err(ArtifactFileError::Read { .. })));
    let missing = directory.path().join("missing.fmodel");
    let said = Artifact::load(&missing).unwrap_err().to_string();
    assert!(said.contains("missing.fmodel: No such file"), "{said}");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4096, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn arbitrary_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        prop_assert!(Artifact::decode(&bytes).is_err());
    }

    #[test]
    fn a_changed_payload_with_a_matching_hash_is_refused_or_sound(
        which in 0usize..3,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = both_formats()[which].clone();
        for (index, value) in edits {
            let offset = HEADER_LEN + index.index(bytes.len() - HEADER_LEN);
            bytes[offset] = value;
        }
        let bytes = sealed(bytes);
        if let Ok(artifact) = Artifact::decode(&bytes) {
            prop_assert_eq!(artifact.encode(), bytes);
        }
    }

    #[test]
    fn arbitrary_payloads_with_a_matching_hash_are_refused(
        which in 1usize..3,
        payload in prop::collection::vec(any::<u8>(), 0..512),
    ) {
        let mut bytes = both_formats()[which][..HEADER_LEN].to_vec();
        bytes.extend(payload);
        prop_assert!(Artifact::decode(&sealed(bytes)).is_err());
    }
}
