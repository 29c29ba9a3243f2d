//! Reads numbers and short arrays out of pickled NumPy objects.

use super::ImportError;
use super::pickle::{Class, Node, NodeId, Tree, kept};
use factord_eval::FEATURE_COUNT_MAX;
use std::borrow::Cow;

/// The most elements of an array that is read.
// A row a feature, with room for a second output so that it can be refused by name.
const ELEMENT_COUNT_MAX: usize = 4 * FEATURE_COUNT_MAX;

/// An array of numbers in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Array {
    /// Elements along each axis; empty for a single number.
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    F8,
    F4,
    I8,
    I4,
    I2,
    I1,
    U8,
    U4,
    U2,
    U1,
    Bool,
    Object,
}

impl Element {
    fn size(self) -> usize {
        match self {
            Element::F8 | Element::I8 | Element::U8 | Element::Object => 8,
            Element::F4 | Element::I4 | Element::U4 => 4,
            Element::I2 | Element::U2 => 2,
            Element::I1 | Element::U1 | Element::Bool => 1,
        }
    }
}

/// An element type with its byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Dtype {
    element: Element,
    big_endian: bool,
}

/// Reads a Python number or a NumPy scalar. Booleans are not numbers here.
pub(super) fn number(tree: &Tree<'_>, id: NodeId, field: &str) -> Result<Number, ImportError> {
    match tree.node(id) {
        Node::Int(value) => Ok(Number::Integer(*value)),
        Node::Float(value) => Ok(Number::Real(*value)),
        Node::Object { class: Class::Scalar, args, .. } => {
            let Some(&[dtype, bytes]) = tree.items(*args) else {
                return Err(problem(field, "a scalar does not consist of a type and bytes"));
            };
            let dtype = dtype_of(tree, dtype, field)?;
            let bytes = bytes_of(tree, bytes, dtype.element.size(), field)?;
            match elements(&bytes, dtype, field)?.as_slice() {
                [value] => Ok(*value),
                _ => Err(problem(field, "a scalar does not hold one value")),
            }
        }
        _ => Err(problem(field, &format!("{} is not a number", tree.describe(id)))),
    }
}

/// A number as it was written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Integer(i64),
    Real(f64),
}

impl Number {
    /// The value as a float; integers beyond 2^53 are rounded.
    pub(super) fn real(self) -> f64 {
        match self {
            Number::Integer(value) => value as f64,
            Number::Real(value) => value,
        }
    }
}

/// Reads an array of numbers; a single number is an array without axes.
pub(super) fn array(tree: &Tree<'_>, id: NodeId, field: &str) -> Result<Array, ImportError> {
    let Some(raw) = raw(tree, id, field)? else {
        let value = number(tree, id, field)?.real();
        return Ok(Array { shape: Vec::new(), values: vec![value] });
    };
    if raw.dtype.element == Element::Object {
        return Err(problem(field, "an array of objects where numbers are needed"));
    }
    let count: usize = raw.shape.iter().product();
    let bytes = bytes_of(tree, raw.content, count * raw.dtype.element.size(), field)?;
    let values: Vec<f64> =
        elements(&bytes, raw.dtype, field)?.into_iter().map(Number::real).collect();
    let values = match (raw.fortran, raw.shape.as_slice()) {
        (true, &[rows, columns]) => transposed(&values, rows, columns),
        _ => values,
    };
    Ok(Array { shape: raw.shape, values })
}

/// Reads a one-dimensional array of strings.
pub(super) fn texts(tree: &Tree<'_>, id: NodeId, field: &str) -> Result<Vec<String>, ImportError> {
    let not_texts = || problem(field, "not a one-dimensional array of strings");
    let raw = raw(tree, id, field)?.ok_or_else(not_texts)?;
    let items = tree.items(raw.content).ok_or_else(not_texts)?;
    if raw.dtype.element != Element::Object || raw.shape != [items.len()] {
        return Err(not_texts());
    }
    if items.len() > FEATURE_COUNT_MAX {
        return Err(problem(field, "more than 1,024 strings"));
    }
    let text = |&item| {
        let text = tree.text(item).ok_or_else(not_texts)?;
        kept(text).ok_or_else(|| problem(field, "a string of more than 256 bytes"))
    };
    items.iter().map(text).collect()
}

/// An array before its elements are read.
struct Raw {
    shape: Vec<usize>,
    dtype: Dtype,
    fortran: bool,
    /// Bytes, or a list of objects.
    content: NodeId,
}

/// Takes an array apart; `None` when it is not an array.
fn raw(tree: &Tree<'_>, id: NodeId, field: &str) -> Result<Option<Raw>, ImportError> {
    let Node::Object { class, args, state } = tree.node(id) else { return Ok(None) };
    match (class, state) {
        (Class::Reconstruct, Some(state)) => reconstructed(tree, *args, *state, field).map(Some),
        (Class::Reconstruct, None) => Err(problem(field, "an array has no content")),
        (Class::FromBuffer, _) => from_buffer(tree, *args, field).map(Some),
        _ => Ok(None),
    }
}

/// `_reconstruct(ndarray, (0,), b"b")` with the state (version, shape, dtype, fortran, content).
fn reconstructed(
    tree: &Tree<'_>,
    args: NodeId,
    state: NodeId,
    field: &str,
) -> Result<Raw, ImportError> {
    match tree.items(args) {
        Some(&[class, _, _]) if *tree.node(class) == Node::Class(Class::Ndarray) => {}
        _ => return Err(problem(field, "a subclass of numpy.ndarray, which is not supported")),
    }
    let Some(&[version, shape, dtype, fortran, content]) = tree.items(state) else {
        return Err(problem(field, "an array's state does not have five parts"));
    };
    if *tree.node(version) != Node::Int(1) {
        return Err(problem(field, "an array's state is not of version 1"));
    }
    let Node::Bool(fortran) = *tree.node(fortran) else {
        return Err(problem(field, "an array's order is not a boolean"));
    };
    let shape = shape_of(tree, shape, field)?;
    Ok(Raw { shape, dtype: dtype_of(tree, dtype, field)?, fortran, content })
}

/// `_frombuffer(bytes, dtype, shape, order)`; a newer NumPy adds an axis order, None here.
fn from_buffer(tree: &Tree<'_>, args: NodeId, field: &str) -> Result<Raw, ImportError> {
    let (content, dtype, shape, order) = match tree.items(args) {
        Some(&[content, dtype, shape, order]) => (content, dtype, shape, order),
        Some(&[content, dtype, shape, order, axes]) if *tree.node(axes) == Node::None => {
            (content, dtype, shape, order)
        }
        _ => return Err(problem(field, "a buffer does not have four arguments")),
    };
    let fortran = match tree.text(order) {
        Some("C") => false,
        Some("F") => true,
        _ => return Err(problem(field, "a buffer's order is neither C nor F")),
    };
    let shape = shape_of(tree, shape, field)?;
    Ok(Raw { shape, dtype: dtype_of(tree, dtype, field)?, fortran, content })
}

/// Reads a shape of at most two axes.
fn shape_of(tree: &Tree<'_>, id: NodeId, field: &str) -> Result<Vec<usize>, ImportError> {
    let items = match tree.items(id) {
        Some(items) if items.len() <= 2 => items,
        _ => return Err(problem(field, "a shape is not a tuple of at most two lengths")),
    };
    let too_long = || problem(field, &format!("more than {ELEMENT_COUNT_MAX} elements"));
    let mut shape = Vec::new();
    for &item in items {
        let Node::Int(length) = *tree.node(item) else {
            return Err(problem(field, "a shape contains something that is not an integer"));
        };
        let length = usize::try_from(length).map_err(|_| too_long())?;
        if length > ELEMENT_COUNT_MAX {
            return Err(too_long());
        }
        shape.push(length);
    }
    if shape.iter().product::<usize>() > ELEMENT_COUNT_MAX {
        return Err(too_long());
    }
    Ok(shape)
}

/// Reads `dtype("f8", False, True)` with the state (3, "<", ...).
fn dtype_of(tree: &Tree<'_>, id: NodeId, field: &str) -> Result<Dtype, ImportError> {
    let not_a_dtype = || problem(field, "an element type is not a numpy.dtype");
    let Node::Object { class: Class::Dtype, args, state } = tree.node(id) else {
        return Err(not_a_dtype());
    };
    let code = tree.items(*args).and_then(|args| tree.text(*args.first()?));
    let element = match code.ok_or_else(not_a_dtype)? {
        "f8" => Element::F8,
        "f4" => Element::F4,
        "i8" => Element::I8,
        "i4" => Element::I4,
        "i2" => Element::I2,
        "i1" => Element::I1,
        "u8" => Element::U8,
        "u4" => Element::U4,
        "u2" => Element::U2,
        "u1" => Element::U1,
        "b1" => Element::Bool,
        "O8" | "O" => Element::Object,
        other => {
            let other = super::pickle::shortened(other);
            let why =
                format!("elements of type {other:?}, not f4, f8, or integers of 1 to 8 bytes");
            return Err(problem(field, &why));
        }
    };
    let order = state.and_then(|state| tree.text(*tree.items(state)?.get(1)?));
    let big_endian = match (order, element) {
        (Some("<"), _) => false,
        (Some(">"), _) => true,
        (Some("|"), Element::I1 | Element::U1 | Element::Bool | Element::Object) => false,
        _ => return Err(problem(field, "an element type does not say its byte order")),
    };
    Ok(Dtype { element, big_endian })
}

/// Reads bytes of a known length, of whichever protocol.
fn bytes_of<'a>(
    tree: &Tree<'a>,
    id: NodeId,
    expected: usize,
    field: &str,
) -> Result<Cow<'a, [u8]>, ImportError> {
    let wrong = |found: usize| problem(field, &format!("{found} bytes instead of {expected}"));
    let bytes = match tree.node(id) {
        Node::Bytes(bytes) => Cow::Borrowed(*bytes),
        Node::Object { class: Class::Encode, args, .. } => {
            let (text, encoding) = match tree.items(*args) {
                Some(&[text, encoding]) => (tree.text(text), tree.text(encoding)),
                _ => (None, None),
            };
            let (Some(text), Some("latin1")) = (text, encoding) else {
                return Err(problem(field, "bytes are not a string encoded as latin1"));
            };
            // Two bytes of UTF-8 make one of latin1, so this bounds what is made of it.
            if text.len() > 2 * expected {
                return Err(wrong(text.len()));
            }
            let byte = |letter| u8::try_from(u32::from(letter)).ok();
            let bytes: Option<Vec<u8>> = text.chars().map(byte).collect();
            Cow::Owned(bytes.ok_or_else(|| problem(field, "a string is not latin1"))?)
        }
        _ => return Err(problem(field, &format!("{} is not bytes", tree.describe(id)))),
    };
    if bytes.len() == expected { Ok(bytes) } else { Err(wrong(bytes.len())) }
}

/// Reads elements one after another.
fn elements(bytes: &[u8], dtype: Dtype, field: &str) -> Result<Vec<Number>, ImportError> {
    let element = |chunk: &[u8]| {
        let mut word = [0u8; 8];
        // Padded in front and reversed if need be, each chunk is the low end of a big-endian word.
        let low = &mut word[8 - chunk.len()..];
        low.copy_from_slice(chunk);
        if !dtype.big_endian {
            low.reverse();
        }
        let word = u64::from_be_bytes(word);
        match dtype.element {
            Element::F8 => Number::Real(f64::from_bits(word)),
            Element::I8 => Number::Integer(word.cast_signed()),
            // The low half, which is all there is of a four-byte element.
            Element::F4 => Number::Real(f64::from(f32::from_bits(word as u32))),
            Element::I4 => Number::Integer(i64::from((word as u32).cast_signed())),
            Element::I2 => Number::Integer(i64::from((word as u16).cast_signed())),
            Element::I1 => Number::Integer(i64::from((word as u8).cast_signed())),
            // Beyond 2^63 it is rounded, as every integer beyond 2^53 is.
            Element::U8 => i64::try_from(word).map_or(Number::Real(word as f64), Number::Integer),
            Element::U4 | Element::U2 | Element::U1 => Number::Integer(word.cast_signed()),
            Element::Bool | Element::Object => Number::Integer(i64::from(word != 0)),
        }
    };
    if dtype.element == Element::Object {
        return Err(problem(field, "an object where a number is needed"));
    }
    Ok(bytes.chunks_exact(dtype.element.size()).map(element).collect())
}

/// Reorders a column-major matrix to row-major.
fn transposed(values: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    (0..rows).flat_map(|row| (0..columns).map(move |column| values[column * rows + row])).collect()
}

fn problem(field: &str, problem: &str) -> ImportError {
    ImportError::Array { field: field.to_owned(), problem: problem.to_owned() }
}
