//! Hostile pickles: refused by name, within bounds, whatever they hold.

use crate::common::*;
use factord_models::import::{
    self, BYTES_MAX, Import, ImportError, NODE_COUNT_MAX, Options, PickleError,
};
use std::time::Duration;

pub(crate) fn import(bytes: &[u8]) -> Result<Import, ImportError> {
    import::pickle(bytes, &Options::default())
}

fn pickle_error(bytes: &[u8]) -> PickleError {
    match import(bytes) {
        Err(ImportError::Pickle(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// A pickle of protocol 4 from its opcodes.
pub(crate) fn program(opcodes: &[&[u8]]) -> Vec<u8> {
    [&[0x80, 4]]
        .into_iter()
        .map(|head| &head[..])
        .chain(opcodes.iter().copied())
        .flatten()
        .copied()
        .collect()
}

/// A sound pickle of a pipeline with a report, without the test data.
pub(crate) fn sample() -> Vec<u8> {
    let value = dict(vec![
        ("model", pipeline(vec![scaler(true, true), logistic(vec![])])),
        ("feature_names", names(&["a", "b"])),
        ("threshold", Py::Float(0.5)),
        ("performance", dict(vec![("accuracy", Py::Float(0.9)), ("n", Py::Int(7))])),
        ("metadata", dict(vec![("trained_at", text("then"))])),
    ]);
    dump(&value, 4)
}

/// Ends the test when the work does not end.
fn within_a_minute(work: impl FnOnce() + Send + 'static) {
    let (done, finished) = std::sync::mpsc::channel();
    let worker = std::thread::spawn(move || {
        work();
        // The receiver may have given up; then the test has failed already.
        let _ = done.send(());
    });
    let in_time = finished.recv_timeout(Duration::from_secs(60));
    assert_ne!(in_time, Err(std::sync::mpsc::RecvTimeoutError::Timeout), "still reading");
    worker.join().unwrap();
}

#[test]
fn calls_outside_the_allow_list_are_refused_by_name() {
    let mut refused = 0;
    for (module, name) in [
        ("os", "system"),
        ("posix", "system"),
        ("builtins", "eval"),
        ("builtins", "exec"),
        ("builtins", "getattr"),
        ("builtins", "__import__"),
        ("subprocess", "Popen"),
        ("importlib", "import_module"),
        ("pickle", "loads"),
        ("operator", "attrgetter"),
        ("copyreg", "_reconstructor"),
        ("functools", "partial"),
        ("numpy", "fromfile"),
        ("numpy.core.multiarray", "fromfile"),
        ("numpy._core.multiarray", "_reconstruct.__globals__"),
        ("_codecs", "decode"),
        ("sklearn.pipeline", "Pipeline.fit"),
        ("sklearn.pipeline.Pipeline", "fit"),
        ("sklearn.ensemble._forest", "RandomForestRegressor"),
        ("joblib.numpy_pickle", "load"),
        ("numpy", "ndarray "),
        ("", ""),
    ] {
        for protocol in 2..=5 {
            let call = Py::Reduce(Box::new(Py::Global(module, name)), vec![text("id")]);
            let bytes = dump(&dict(vec![("model", call)]), protocol);
            let said = pickle_error(&bytes).to_string();
            let expected = format!("refused: {module}.{name} is not on the allow-list (byte ");
            assert!(said.starts_with(&expected), "{said}");
            refused += 1;
        }
    }
    assert_eq!(refused, 22 * 4);
}

#[test]
fn names_with_control_characters_are_shown_escaped_and_short() {
    let bytes = dump(&Py::Global("\u{1b}[2Jos", "system"), 4);
    assert!(pickle_error(&bytes).to_string().starts_with("refused: \\u{1b}[2Jos.system is"));
    let long = "m".repeat(100_000);
    let bytes = dump(&Py::List(vec![text(&long), text(&long)]), 4);
    assert!(import(&bytes).unwrap_err().to_string().len() < 300);
    let bytes = program(&[b"X", &100_000u32.to_le_bytes(), long.as_bytes(), b"X\x01\0\0\0n\x93"]);
    assert!(pickle_error(&bytes).to_string().len() < 300);
}

#[test]
fn opcodes_that_call_construct_or_reach_outside_are_refused_by_name() {
    for (opcodes, expected) in [
        (&b"(S'id'\nios\nsystem\n."[..], "opcode STRING"),
        (b"(ios\nsystem\n.", "os.system"),
        (b"(isklearn.pipeline\nPipeline\n.", "opcode INST"),
        (b"(cnumpy\ndtype\no.", "opcode OBJ"),
        (b"csklearn.pipeline\nPipeline\n)}\x92.", "opcode NEWOBJ_EX"),
        (b"\x82\x01.", "opcode EXT1"),
        (b"\x83\x01\x00.", "opcode EXT2"),
        (b"\x84\x01\x00\x00\x00.", "opcode EXT4"),
        (b"Pos.system\n.", "opcode PERSID"),
        (b"NQ.", "opcode BINPERSID"),
        (b"\x97.", "opcode NEXT_BUFFER"),
        (b"\x98.", "opcode READONLY_BUFFER"),
        (b"\x8f.", "opcode EMPTY_SET"),
        (b"(\x91.", "opcode FROZENSET"),
        (b"N2.", "opcode DUP"),
        (b"NN0.", "opcode POP"),
        (b"N(1.", "opcode POP_MARK"),
        (b"I1\n.", "opcode INT"),
        (b"g0\n.", "opcode GET"),
        (b"\x80\x04N.", "opcode PROTO"),
        (b"\xff.", "opcode 0xff"),
    ] {
        let said = pickle_error(&program(&[opcodes])).to_string();
        let expected = format!("refused: {expected} is not on the allow-list");
        assert!(said.starts_with(&expected), "{said:?} for {expected:?}");
    }
}

#[test]
fn allowed_classes_used_in_other_ways_are_refused() {
    let pipeline = || Box::new(Py::Global("sklearn.pipeline", "Pipeline"));
    let ndarray = || Box::new(Py::Global("numpy", "ndarray"));
    let reconstruct = || Box::new(Py::Global("numpy.core.multiarray", "_reconstruct"));
    for value in [
        Py::Reduce(pipeline(), vec![]),
        Py::Reduce(ndarray(), vec![Py::Int(1 << 40)]),
        Py::New(ndarray()),
        Py::New(Box::new(Py::Global("numpy", "dtype"))),
        Py::Reduce(Box::new(text("os.system")), vec![]),
        Py::Build(Box::new(Py::List(vec![])), Box::new(Py::Dict(vec![]))),
        Py::Build(pipeline(), Box::new(Py::Dict(vec![]))),
        Py::Build(Box::new(one_feature()), Box::new(Py::Dict(vec![]))),
    ] {
        let error = pickle_error(&dump(&value, 4));
        assert!(matches!(error, PickleError::Malformed { .. }), "{error}");
    }
    // An ndarray whose class is another one: read as an array, refused as a subclass.
    let args = vec![*pipeline(), Py::Tuple(vec![Py::Int(0)]), Py::Bytes(b"b".to_vec())];
    let state = vec![
        Py::Int(1),
        Py::Tuple(vec![Py::Int(1)]),
        dtype("f8", "<"),
        Py::Bool(false),
        Py::Bytes(vec![0; 8]),
    ];
    let array = Py::Build(Box::new(Py::Reduce(reconstruct(), args)), Box::new(Py::Tuple(state)));
    let said = import(&dump(&linear(array, Py::Int(0)), 4)).unwrap_err().to_string();
    assert!(said.contains("a subclass of numpy.ndarray"), "{said}");
}

pub(crate) fn one_feature() -> Py {
    linear(array(&[1], &[1.0]), Py::Int(0))
}

#[test]
fn malformed_programs_are_refused() {
    for opcodes in [
        &b"."[..],
        b"NN.",
        b"(N.",
        b"t.",
        b"N(a.",
        b"](N\x86.",
        b"}(Nu.",
        b"N(Ne.",
        b"h\0.",
        b"\x94.",
        b"NN\x93.",
        b"X\x01\0\0\0\xff.",
        b"\x8a\x09\0\0\0\0\0\0\0\0\x01.",
        b"c\xff\nname\n.",
        b"cnumpy\ndtype\nNR.",
    ] {
        let error = pickle_error(&program(&[opcodes]));
        assert!(matches!(error, PickleError::Malformed { .. }), "{opcodes:?}: {error}");
    }
    let mut trailing = sample();
    trailing.push(b'N');
    assert_eq!(pickle_error(&trailing), PickleError::Trailing { count: 1 });
}

#[test]
fn hostile_lengths_end_at_the_end_of_the_input() {
    let huge = u64::MAX.to_le_bytes();
    for opcode in [0x8d, 0x8e, 0x96, 0x95] {
        let error = pickle_error(&program(&[&[opcode], &huge, b"N."]));
        assert!(matches!(error, PickleError::Truncated { .. }), "{opcode:#x}: {error}");
    }
    for opcode in [b'X', b'B', 0x8b] {
        let error = pickle_error(&program(&[&[opcode], &huge[..4], b"N."]));
        assert!(matches!(error, PickleError::Truncated { .. }), "{opcode:#x}: {error}");
    }
}

/// The most resident memory this process has had, in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn bombs_end_within_the_limits_of_time_and_memory() {
    within_a_minute(|| {
        let before = peak_kib();
        let flood = |opcode: &[u8]| program(&[&opcode.repeat(BYTES_MAX / opcode.len() - 2)]);
        let limit = |bytes: &[u8]| match pickle_error(bytes) {
            PickleError::Limit { what, .. } => what,
            other => panic!("{other}"),
        };
        assert_eq!(limit(&flood(b"]")), "values");
        assert_eq!(limit(&flood(b"(")), "open marks");
        assert_eq!(limit(&flood(b"N(")), "values");
        let recall = [b"]\x94".as_slice(), &b"h\0".repeat(BYTES_MAX / 2 - 8)].concat();
        assert_eq!(limit(&program(&[&recall])), "stack entries");
        let append = [b"]\x94".as_slice(), &b"h\0a".repeat(BYTES_MAX / 3 - 8)].concat();
        assert_eq!(limit(&program(&[&append])), "opcodes");
        let put: Vec<u8> = std::iter::once(b'N')
            .chain((0..NODE_COUNT_MAX as u32 + 1).flat_map(|index| {
                let index = (u32::MAX - index).to_le_bytes();
                [b'r', index[0], index[1], index[2], index[3]]
            }))
            .collect();
        assert_eq!(limit(&program(&[&put])), "memo entries");
        let too_long = vec![0x80; BYTES_MAX + 1];
        assert!(matches!(pickle_error(&too_long), PickleError::TooLong { .. }));
        let grown = peak_kib() - before;
        assert!(grown < 128 * 1024, "the bombs took {grown} KiB");
    });
}

#[test]
fn a_dictionary_of_exponentially_many_paths_is_refused() {
    within_a_minute(|| {
        // Level n holds level n - 1 under sixteen keys: 16^8 paths in a few hundred bytes.
        let mut performance = b"}".to_vec();
        for level in 0..8u8 {
            performance.extend([b'q', level, b'}', b'(']);
            for key in 0..16u8 {
                performance.extend([b'X', 1, 0, 0, 0, b'a' + key, b'h', level]);
            }
            performance.push(b'u');
        }
        let model = dump(&one_feature(), 4);
        performance.extend([b'q', 99]);
        // The levels stay behind as a tuple in the metadata, which is left out unread; the last
        // one is recalled as the report.
        let bytes = program(&[
            b"}(X\x05\0\0\0model",
            &model[2..model.len() - 1],
            b"X\x08\0\0\0metadata}(X\x01\0\0\0x(",
            &performance,
            b"tuX\x0b\0\0\0performanceh\x63u.",
        ]);
        let said = import(&bytes).unwrap_err().to_string();
        assert!(said.contains("a report of more than 4096 values"), "{said}");
    });
}

#[test]
fn values_that_contain_themselves_are_refused_or_left_out() {
    within_a_minute(|| {
        let model = dump(&one_feature(), 4);
        let with = |entry: &[u8]| {
            let model = &model[2..model.len() - 1];
            import(&program(&[b"}q\x01(X\x05\0\0\0model", model, entry, b"u."]))
        };
        let left_out = with(b"X\x0b\0\0\0performance}q\x02X\x01\0\0\0ah\x02s").unwrap().left_out;
        assert_eq!(left_out, ["a/a/a/a/a/a/a/a"]);
        assert!(with(b"X\x0d\0\0\0feature_names]q\x02h\x02a").is_err());
        let own_report = with(b"X\x0b\0\0\0performanceh\x01").unwrap();
        assert!(own_report.artifact.details().metrics.is_empty());
        assert!(own_report.left_out.contains(&"model".to_owned()));
        assert!(with(b"X\x05\0\0\0modelh\x01").is_err());
        let own_step = program(&[
            b"csklearn.pipeline\nPipeline\n)\x81q\x01}X\x05\0\0\0steps]X\x01\0\0\0sh\x01\x86asb.",
        ]);
        let said = import(&own_step).unwrap_err().to_string();
        assert!(said.contains("Pipeline is not a model that predicts"), "{said}");
    });
}

#[test]
fn latin1_texts_are_not_decoded_beyond_the_bytes_that_are_needed() {
    let letters = "\u{ff}".repeat(1 << 20);
    let encode = Box::new(Py::Global("_codecs", "encode"));
    let content = Py::Reduce(encode, vec![Py::Str(letters), text("latin1")]);
    let coef = raw_array(&[1], dtype("f8", "<"), false, content);
    let said = import(&dump(&linear(coef, Py::Int(0)), 2)).unwrap_err().to_string();
    assert!(said.contains("bytes instead of 8"), "{said}");
}

/// The real pickles where they are, and one that is always there.
fn pickles() -> Vec<Vec<u8>> {
    let real = ["jay/regression_model.pkl", "jay/classification_model.pkl"];
    let mut pickles: Vec<Vec<u8>> = real
        .iter()
        .filter_map(|file| shared(file))
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    pickles.push(sample());
    pickles
}

#[test]
fn every_truncation_of_a_pickle_is_refused_as_one() {
    for pickle in pickles() {
        assert!(import(&pickle).is_ok());
        for length in 0..pickle.len() {
            let error = pickle_error(&pickle[..length]);
            assert!(matches!(error, PickleError::Truncated { .. }), "{length} bytes: {error}");
        }
    }
}

#[test]
fn every_flipped_byte_of_a_pickle_is_refused_or_gives_a_sound_artifact() {
    within_a_minute(|| {
        let (mut refused, mut sound) = (0, 0);
        for pickle in pickles() {
            for offset in 0..pickle.len() {
                for mask in [0x01, 0x20, 0x80, 0xff] {
                    let mut bytes = pickle.clone();
                    bytes[offset] ^= mask;
                    match import(&bytes) {
                        Err(_) => refused += 1,
                        Ok(import) => {
                            let bytes = import.artifact.encode();
                            let read = factord_models::file::Artifact::decode(&bytes);
                            assert_eq!(read, Ok(import.artifact));
                            sound += 1;
                        }
                    }
                }
            }
        }
        // A flipped bit of a weight gives another weight: the format cannot tell.
        assert!(refused > 1000 && sound > 100, "{refused} refused, {sound} sound");
    });
}
