//! Hostile ONNX files: refused within bounds, or a sound artifact; never a panic.

use super::*;
use factord_models::file::Artifact;
use proptest::prelude::*;

fn read(bytes: &[u8]) -> Result<Import, ImportError> {
    import::bytes(bytes, &Options::default())
}

/// A field of length-delimited content.
fn field(tag: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::encode_varint(u64::from(tag << 3 | 2), &mut bytes);
    prost::encoding::encode_varint(content.len() as u64, &mut bytes);
    bytes.extend_from_slice(content);
    bytes
}

/// A model of one graph.
fn of_graph(graph: &[u8]) -> Vec<u8> {
    let opset = Opset { domain: String::new(), version: 13 }.encode_to_vec();
    [vec![0x08, 8], field(7, graph), field(8, &opset)].concat()
}

#[test]
fn a_file_that_ends_at_any_byte_is_refused() {
    for model in [regression(), classification()] {
        let whole = model.encode_to_vec();
        assert!(read(&whole).is_ok());
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).is_err(), "{end} of {} bytes", whole.len());
        }
    }
}

#[test]
fn files_of_neither_format_are_told_what_is_read() {
    for bytes in [&b""[..], b"PK\x03\x04", b"{}", b"(dp0"] {
        let said = read(bytes).unwrap_err();
        assert_eq!(said, ImportError::Format);
        let all = "a dump of joblib, an ONNX model nor LightGBM's text";
        assert!(said.to_string().contains(all), "{said}");
    }
}

#[test]
fn a_file_beyond_the_limit_is_refused_before_it_is_read() {
    let mut bytes = regression().encode_to_vec();
    bytes.resize((1 << 20) + 1, 0);
    let said = read(&bytes).unwrap_err().to_string();
    assert_eq!(said, "1048577 bytes: an ONNX model may have at most 1048576");
}

#[test]
fn floods_of_empty_messages_are_counted_before_they_are_read() {
    for (tag, what) in [(1, "nodes"), (5, "initializers"), (11, "inputs"), (12, "outputs")] {
        let flood = field(tag, b"").repeat(500_000);
        let said = read(&of_graph(&flood)).unwrap_err().to_string();
        assert!(said.contains(&format!("500000 {what}, at most")), "{said}");
    }
    let attributes = field(5, b"").repeat(500_000);
    let node = [field(4, b"Identity"), field(2, b"y"), attributes].concat();
    let said = read(&of_graph(&field(1, &node))).unwrap_err().to_string();
    assert!(said.contains("500000 attributes of a node, at most 64"), "{said}");
}

#[test]
fn chains_that_would_multiply_columns_end_at_a_limit() {
    let mut nodes = Vec::new();
    for index in 0..40 {
        let (from, to) = (format!("v{index}"), format!("v{}", index + 1));
        let inputs = [from.as_str(), from.as_str()];
        nodes.push(node("Concat", &inputs, &[to.as_str()], vec![integer("axis", 1)]));
    }
    let doubled = model(vec![matrix("v0", FLOAT, 1)], vec![], nodes, &["v40"]);
    let said = import(&doubled).unwrap_err().to_string();
    assert!(said.contains("numbers in all values, at most 65536"), "{said}");
}

#[test]
fn graphs_inside_of_graphs_are_not_descended_into() {
    let mut graph = Vec::new();
    for _ in 0..10_000 {
        // A node with an attribute that holds the graph so far.
        let attribute = [field(1, b"body"), field(6, &graph)].concat();
        graph = field(1, &[field(4, b"Loop"), field(5, &attribute)].concat());
        if graph.len() > 900_000 {
            break;
        }
    }
    let said = read(&of_graph(&graph)).unwrap_err().to_string();
    assert!(said.contains("is the operator Loop"), "{said}");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4096, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn arbitrary_bytes_are_refused_without_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..256),
    ) {
        prop_assert!(read(&[&[0x08, 8], &bytes[..]].concat()).is_err());
    }

    #[test]
    fn edited_onnx_models_are_refused_or_give_a_sound_artifact(
        which in any::<bool>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 1..6),
    ) {
        let model = if which { regression() } else { classification() };
        let mut bytes = model.encode_to_vec();
        for (index, value, edit) in edits {
            let offset = index.index(bytes.len());
            match edit {
                0 => bytes[offset] = value,
                1 => bytes.insert(offset, value),
                _ => { bytes.remove(offset); }
            }
        }
        if let Ok(import) = read(&bytes) {
            let bytes = import.artifact.encode();
            prop_assert_eq!(Artifact::decode(&bytes), Ok(import.artifact));
        }
    }
}
