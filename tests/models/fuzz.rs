//! Random pickles: refused, or a sound artifact; never a panic.

use crate::hostile::{import, sample};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4096, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn arbitrary_programs_never_panic(
        protocol in 2u8..=5,
        bytes in prop::collection::vec(any::<u8>(), 0..256),
    ) {
        let bytes = [&[0x80, protocol], &bytes[..], b"."].concat();
        prop_assert!(import(&bytes).is_err());
    }

    #[test]
    fn programs_of_known_opcodes_never_panic(
        picks in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..200),
    ) {
        let opcodes: [&[u8]; 30] = [
            b"N", b"(", b"]", b"}", b")", b"t", b"a", b"e", b"s", b"u", b"R", b"b", b"\x81",
            b"\x85", b"\x86", b"\x87", b"\x88", b"\x94", b"\x93", b"X\x01\0\0\0x", b"C\x08abcdefgh",
            b"cnumpy\ndtype\n", b"cnumpy\nndarray\n", b"csklearn.pipeline\nPipeline\n",
            b"cnumpy.core.multiarray\n_reconstruct\n", b"csklearn.linear_model.base\nLinearRegression\n",
            b"X\x05\0\0\0coef_", b"X\x05\0\0\0model", b"X\x05\0\0\0steps", b"h",
        ];
        let mut bytes = vec![0x80, 4];
        for (pick, argument) in picks {
            let opcode = opcodes[pick.index(opcodes.len())];
            bytes.extend(opcode);
            if opcode == b"h" {
                bytes.push(argument % 16);
            }
        }
        bytes.push(b'.');
        prop_assert!(import(&bytes).is_err());
    }

    #[test]
    fn edited_pickles_are_refused_or_give_a_sound_artifact(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 1..8),
    ) {
        let mut bytes = sample();
        for (index, value, edit) in edits {
            let offset = index.index(bytes.len());
            match edit {
                0 => bytes[offset] = value,
                1 => bytes.insert(offset, value),
                _ => { bytes.remove(offset); }
            }
        }
        if let Ok(import) = import(&bytes) {
            let bytes = import.artifact.encode();
            prop_assert_eq!(factord_models::file::Artifact::decode(&bytes), Ok(import.artifact));
        }
    }
}
