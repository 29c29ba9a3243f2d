//! Feature rows where Python keeps them: an array of any strides, or columns of their own. The
//! ring and the vectors take whole rows, so what is not stored row by row is gathered into a block
//! at a time, small enough for a cache; nothing is copied as a whole.

use crate::error;
use factord_eval::fenv;
use numpy::ndarray::{ArrayView1, ArrayView2, Axis, Slice};
use numpy::{PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::ops::Range;

/// Values of one block, at most, unless a few rows are wider.
// 12,288: 4,096 rows of three and their answers stay in a second-level cache of 512 KiB.
const BLOCK_VALUES: usize = 12_288;

/// One piece of the caller's rows, borrowed from Python.
pub(crate) enum Segment<'py> {
    /// An array of whole rows.
    Matrix(PyReadonlyArray2<'py, f64>),
    /// One array a feature.
    Columns(Vec<PyReadonlyArray1<'py, f64>>),
}

/// The same piece as the library sees it, free of the interpreter.
pub(crate) struct Rows<'a> {
    count: usize,
    width: usize,
    form: Form<'a>,
}

enum Form<'a> {
    Stored(&'a [f64]),
    Columns(Vec<ArrayView1<'a, f64>>),
}

/// Rows read block by block.
pub(crate) struct Blocks<'a> {
    rows: Rows<'a>,
    at: Range<usize>,
    gathered: Vec<f64>,
}

/// Takes the caller's rows apart; `names` are the column names looked for in a table.
///
/// # Errors
///
/// TypeError and ValueError by `factord._rows`; WidthMismatchError when they are no rows of
/// `width`.
pub(crate) fn segments<'py>(
    rows: &Bound<'py, PyAny>,
    width: usize,
    names: &Bound<'py, PyTuple>,
) -> PyResult<Vec<Segment<'py>>> {
    let py = rows.py();
    let pieces = py.import("factord._rows")?.getattr("pieces")?;
    // DAZ would make zeros of the subnormal ones among float32.
    let pieces = fenv::with_default(|| pieces.call1((rows, width, names)))?;
    let mut segments = Vec::new();
    for piece in pieces.try_iter()? {
        let piece = piece?;
        let segment = match piece.extract::<PyReadonlyArray2<'py, f64>>() {
            Ok(matrix) => Segment::Matrix(matrix),
            Err(_) => Segment::Columns(piece.extract()?),
        };
        let found = segment.width();
        if found != width {
            let message = format!("rows of {found} features where {width} are needed");
            return Err(error::raise(py, "WidthMismatchError", message));
        }
        segments.push(segment);
    }
    Ok(segments)
}

impl Segment<'_> {
    fn width(&self) -> usize {
        match self {
            Segment::Matrix(matrix) => matrix.shape()[1],
            Segment::Columns(columns) => columns.len(),
        }
    }

    pub(crate) fn count(&self) -> usize {
        match self {
            Segment::Matrix(matrix) => matrix.shape()[0],
            Segment::Columns(columns) => {
                columns.iter().map(|column| column.len()).min().unwrap_or(0)
            }
        }
    }

    pub(crate) fn blocks(&self) -> Blocks<'_> {
        let form = match self {
            // NB: NumPy's own `as_slice` takes columns in a row for rows.
            Segment::Matrix(matrix) => match matrix.as_array().to_slice() {
                Some(values) => Form::Stored(values),
                None => Form::Columns(split(matrix.as_array())),
            },
            Segment::Columns(columns) => {
                Form::Columns(columns.iter().map(|column| column.as_array()).collect())
            }
        };
        Blocks::new(Rows { count: self.count(), width: self.width(), form })
    }
}

fn split<'a>(matrix: ArrayView2<'a, f64>) -> Vec<ArrayView1<'a, f64>> {
    (0..matrix.ncols()).map(|column| matrix.index_axis_move(Axis(1), column)).collect()
}

impl<'a> Blocks<'a> {
    fn new(rows: Rows<'a>) -> Blocks<'a> {
        let mut blocks = Blocks { rows, at: 0..0, gathered: Vec::new() };
        blocks.next();
        blocks
    }

    /// Goes to the next block.
    pub(crate) fn next(&mut self) {
        let Rows { count, width, form } = &self.rows;
        // Whole vectors of eight rows, so that only the last block has rows left over.
        let length = (BLOCK_VALUES / width).next_multiple_of(8);
        self.at = self.at.end..(self.at.end + length).min(*count);
        if let Form::Columns(columns) = form {
            self.gathered.resize(self.at.len() * width, 0.0);
            for (index, column) in columns.iter().enumerate() {
                let values = column.slice_axis(Axis(0), Slice::from(self.at.clone()));
                for (row, value) in values.iter().enumerate() {
                    self.gathered[row * width + index] = *value;
                }
            }
        }
    }

    /// The rows of this block, one behind the other; empty after the last.
    pub(crate) fn rows(&self) -> &[f64] {
        match &self.rows.form {
            Form::Stored(values) => {
                &values[self.at.start * self.rows.width..self.at.end * self.rows.width]
            }
            Form::Columns(_) => &self.gathered,
        }
    }

    /// Rows of this block.
    pub(crate) fn count(&self) -> usize {
        self.at.len()
    }

    /// Values a row.
    pub(crate) fn width(&self) -> usize {
        self.rows.width
    }
}
