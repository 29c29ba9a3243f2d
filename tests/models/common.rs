//! What the tests of models share: where test data are, pseudo-random numbers, and a writer of
//! pickles.

use factord_eval::Model;
use factord_models::file::{Artifact, Details, FeatureStats};
use std::path::PathBuf;

/// The folder of test data beside the project, or nothing, said plainly; in CI it must be there.
pub(crate) fn shared(file: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared");
    let root = std::env::var_os("FACTORD_SHARED").map_or_else(|| beside.into(), PathBuf::from);
    let path = root.join(file);
    if path.exists() {
        return Some(path);
    }
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{} is missing", path.display());
    println!("SKIPPED: {} is not there; set FACTORD_SHARED to its root", path.display());
    None
}

/// Pseudo-random numbers by SplitMix64: the same for the same seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [-1, 1).
    pub(crate) fn signed(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}

/// A linear or logistic model of any width.
pub(crate) fn model(width: usize, logistic: bool, seed: u64) -> Model {
    let mut random = Random(seed);
    let mut vector = || -> Vec<f64> { (0..width).map(|_| random.signed()).collect() };
    let (weights, mean) = (vector(), vector());
    let scale: Vec<f64> = vector().iter().map(|x| 1.5 + x).collect();
    let model = if logistic {
        Model::logistic(weights, 0.125, mean, scale)
    } else {
        Model::linear(weights, -0.5)
    };
    model.unwrap()
}

/// Details that fit a width.
pub(crate) fn details(name: &str, width: usize) -> Details {
    Details {
        name: name.to_owned(),
        feature_names: (0..width).map(|index| format!("feature {index}")).collect(),
        feature_stats: (0..width)
            .map(|index| FeatureStats {
                mean: index as f64 / 7.0,
                std: 1.0 / 3.0,
                min: Some(-1.0),
                max: None,
            })
            .collect(),
        target: "target".to_owned(),
        ..Details::default()
    }
}

pub(crate) fn artifact(name: &str, width: usize, logistic: bool) -> Artifact {
    Artifact::new(model(width, logistic, 7), details(name, width)).unwrap()
}

/// A Python value, as a pickle would hold it.
#[derive(Clone, Debug)]
pub(crate) enum Py {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(String),
    Bytes(Vec<u8>),
    List(Vec<Py>),
    Tuple(Vec<Py>),
    Dict(Vec<(Py, Py)>),
    Global(&'static str, &'static str),
    /// Callable and arguments.
    Reduce(Box<Py>, Vec<Py>),
    /// A new object of a class.
    New(Box<Py>),
    /// Object and state.
    Build(Box<Py>, Box<Py>),
}

pub(crate) fn text(text: &str) -> Py {
    Py::Str(text.to_owned())
}

pub(crate) fn dict(pairs: Vec<(&str, Py)>) -> Py {
    Py::Dict(pairs.into_iter().map(|(key, value)| (text(key), value)).collect())
}

/// An estimator with attributes.
pub(crate) fn object(module: &'static str, name: &'static str, state: Vec<(&str, Py)>) -> Py {
    Py::Build(Box::new(Py::New(Box::new(Py::Global(module, name)))), Box::new(dict(state)))
}

pub(crate) fn dtype(code: &str, order: &str) -> Py {
    let dtype = Py::Reduce(
        Box::new(Py::Global("numpy", "dtype")),
        vec![text(code), Py::Bool(false), Py::Bool(true)],
    );
    let rest = [Py::None, Py::None, Py::None, Py::Int(-1), Py::Int(-1), Py::Int(0)];
    let state = [Py::Int(3), text(order)].into_iter().chain(rest).collect();
    Py::Build(Box::new(dtype), Box::new(Py::Tuple(state)))
}

/// An array of any element type, from its raw content.
pub(crate) fn raw_array(shape: &[i64], dtype: Py, fortran: bool, content: Py) -> Py {
    let empty = Py::Reduce(
        Box::new(Py::Global("numpy.core.multiarray", "_reconstruct")),
        vec![Py::Global("numpy", "ndarray"), Py::Tuple(vec![Py::Int(0)]), Py::Bytes(b"b".to_vec())],
    );
    let shape = Py::Tuple(shape.iter().map(|&length| Py::Int(length)).collect());
    let state = vec![Py::Int(1), shape, dtype, Py::Bool(fortran), content];
    Py::Build(Box::new(empty), Box::new(Py::Tuple(state)))
}

/// An array of doubles.
pub(crate) fn array(shape: &[i64], values: &[f64]) -> Py {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    raw_array(shape, dtype("f8", "<"), false, Py::Bytes(bytes))
}

pub(crate) fn names(names: &[&str]) -> Py {
    Py::List(names.iter().map(|name| text(name)).collect())
}

/// A LinearRegression with these coefficients.
pub(crate) fn linear(coef: Py, intercept: Py) -> Py {
    let state = vec![("fit_intercept", Py::Bool(true)), ("coef_", coef), ("intercept_", intercept)];
    object("sklearn.linear_model._base", "LinearRegression", state)
}

/// A LogisticRegression of two features.
pub(crate) fn logistic(more: Vec<(&'static str, Py)>) -> Py {
    let classes = [0i64, 1].iter().flat_map(|class| class.to_le_bytes()).collect();
    let mut state = vec![
        ("classes_", raw_array(&[2], dtype("i8", "<"), false, Py::Bytes(classes))),
        ("n_features_in_", Py::Int(2)),
        ("coef_", array(&[1, 2], &[0.5, -2.0])),
        ("intercept_", array(&[1], &[0.25])),
    ];
    state.extend(more);
    object("sklearn.linear_model._logistic", "LogisticRegression", state)
}

/// A StandardScaler of two features.
pub(crate) fn scaler(with_mean: bool, with_std: bool) -> Py {
    let state = vec![
        ("with_mean", Py::Bool(with_mean)),
        ("with_std", Py::Bool(with_std)),
        ("n_features_in_", Py::Int(2)),
        ("mean_", array(&[2], &[0.25, 4.0])),
        ("scale_", if with_std { array(&[2], &[0.5, 8.0]) } else { Py::None }),
    ];
    object("sklearn.preprocessing._data", "StandardScaler", state)
}

pub(crate) fn pipeline(steps: Vec<Py>) -> Py {
    let named = |(index, step): (usize, Py)| Py::Tuple(vec![text(&format!("step{index}")), step]);
    let steps = Py::List(steps.into_iter().enumerate().map(named).collect());
    object("sklearn.pipeline", "Pipeline", vec![("steps", steps), ("memory", Py::None)])
}

/// Writes a pickle of one of the protocols 2 to 5, as Python would but for the memo.
pub(crate) fn dump(value: &Py, protocol: u8) -> Vec<u8> {
    let mut bytes = vec![0x80, protocol];
    write(value, protocol, &mut bytes);
    bytes.push(b'.');
    bytes
}

fn write(value: &Py, protocol: u8, out: &mut Vec<u8>) {
    match value {
        Py::None => out.push(b'N'),
        Py::Bool(value) => out.push(if *value { 0x88 } else { 0x89 }),
        Py::Int(value) => {
            out.extend([0x8a, 8]);
            out.extend(value.to_le_bytes());
        }
        Py::Float(value) => {
            out.push(b'G');
            out.extend(value.to_be_bytes());
        }
        Py::Str(text) => {
            out.push(b'X');
            out.extend((text.len() as u32).to_le_bytes());
            out.extend(text.as_bytes());
        }
        Py::Bytes(bytes) => write_bytes(bytes, protocol, out),
        Py::List(items) => {
            out.extend(b"](");
            items.iter().for_each(|item| write(item, protocol, out));
            out.push(b'e');
        }
        Py::Tuple(items) => {
            out.push(b'(');
            items.iter().for_each(|item| write(item, protocol, out));
            out.push(b't');
        }
        Py::Dict(pairs) => {
            out.extend(b"}(");
            for (key, value) in pairs {
                write(key, protocol, out);
                write(value, protocol, out);
            }
            out.push(b'u');
        }
        Py::Global(module, name) if protocol < 4 => {
            out.extend(format!("c{module}\n{name}\n").as_bytes());
        }
        Py::Global(module, name) => {
            write(&text(module), protocol, out);
            write(&text(name), protocol, out);
            out.push(0x93);
        }
        Py::Reduce(callable, args) => {
            write(callable, protocol, out);
            write(&Py::Tuple(args.clone()), protocol, out);
            out.push(b'R');
        }
        Py::New(class) => {
            write(class, protocol, out);
            out.extend([b')', 0x81]);
        }
        Py::Build(object, state) => {
            write(object, protocol, out);
            write(state, protocol, out);
            out.push(b'b');
        }
    }
}

/// Protocol 2 has no bytes: Python writes a string and asks for its latin1 form.
fn write_bytes(bytes: &[u8], protocol: u8, out: &mut Vec<u8>) {
    if protocol >= 3 {
        out.push(b'B');
        out.extend((bytes.len() as u32).to_le_bytes());
        out.extend(bytes);
    } else {
        let letters = bytes.iter().map(|&byte| char::from(byte)).collect();
        let encode = Box::new(Py::Global("_codecs", "encode"));
        write(&Py::Reduce(encode, vec![Py::Str(letters), text("latin1")]), protocol, out);
    }
}
