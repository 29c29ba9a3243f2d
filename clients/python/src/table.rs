//! Arrow tables as Python's half reads them: columns as NumPy arrays in the same memory.

use crate::arrow::{self, Batches};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, StringArray};
use arrow_schema::{DataType, Field, Metadata, Schema, TimeUnit};
use numpy::PyArray1;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict};
use std::collections::HashMap;
use std::sync::Arc;

/// The key under which a table notes the settings of its windows.
pub(crate) const SETTINGS: &str = "factord.factors";

/// A table that was taken through Arrow's interface: batches of columns.
#[pyclass(frozen, module = "factord._native")]
pub(crate) struct Table {
    batches: Batches,
}

#[pymethods]
impl Table {
    /// Takes a table; `settings` are noted where it states none itself.
    #[new]
    #[pyo3(signature = (table, settings=None))]
    fn new(table: &Bound<'_, PyAny>, settings: Option<String>) -> PyResult<Table> {
        let Some((schema, batches)) = arrow::take(table)? else {
            let class = table.get_type().name()?;
            return Err(PyTypeError::new_err(format!("a {class} is no Arrow table")));
        };
        let mut metadata = schema.metadata().clone();
        if let Some(settings) = settings {
            let stated = metadata.get(SETTINGS).cloned();
            metadata.insert(SETTINGS, stated.unwrap_or(settings));
        }
        let schema = Arc::new(Schema::new(schema.fields().clone()).with_metadata(metadata));
        Ok(Table { batches: (schema, batches) })
    }

    /// The names of its columns.
    #[getter]
    fn names(&self) -> Vec<String> {
        self.batches.0.fields().iter().map(|field| field.name().clone()).collect()
    }

    /// How many batches there are.
    #[getter]
    fn batch_count(&self) -> usize {
        self.batches.1.len()
    }

    /// Whether a column holds integers.
    fn is_integer(&self, column: usize) -> bool {
        self.batches.0.field(column).data_type().is_integer()
    }

    /// A column of a batch as an array; what is missing is NaN, or NaT.
    fn values<'py>(
        &self,
        py: Python<'py>,
        batch: usize,
        column: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let name = self.batches.0.field(column).name();
        array(py, self.batches.1[batch].column(column))?.ok_or_else(|| {
            let kind = self.batches.0.field(column).data_type();
            PyTypeError::new_err(format!(
                "{name:?} is of Arrow's type {kind}: convert it to float64"
            ))
        })
    }

    /// A column of texts as numbers into a list of the different ones; -1 for what is missing.
    fn texts<'py>(
        &self,
        py: Python<'py>,
        column: usize,
    ) -> PyResult<(Bound<'py, PyArray1<i64>>, Vec<String>)> {
        let (mut codes, mut words) = (Vec::new(), Words::default());
        for batch in &self.batches.1 {
            if !words.code(batch.column(column), &mut codes) {
                let field = self.batches.0.field(column);
                let (name, kind) = (field.name(), field.data_type());
                return Err(PyTypeError::new_err(format!(
                    "{name} is of Arrow's type {kind}: give text"
                )));
            }
        }
        Ok((PyArray1::from_vec(py, codes), words.list))
    }

    /// The first text of a column; None where there is none, or no text.
    fn first_text(&self, column: usize) -> Option<String> {
        let batch = self.batches.1.iter().find(|batch| batch.num_rows() > 0)?;
        let (mut codes, mut words) = (Vec::new(), Words::default());
        words.code(&batch.column(column).slice(0, 1), &mut codes).then_some(())?;
        words.list.pop()
    }
}

impl Table {
    pub(crate) fn batches(&self) -> Batches {
        self.batches.clone()
    }
}

/// The different texts so far, in the order in which they came.
#[derive(Default)]
struct Words {
    list: Vec<String>,
    numbers: HashMap<String, i64>,
}

impl Words {
    /// Adds the numbers of an array's texts; false when it holds none.
    fn code(&mut self, array: &ArrayRef, codes: &mut Vec<i64>) -> bool {
        match array.data_type() {
            DataType::Utf8 => self.all(array.as_string::<i32>().iter(), codes),
            DataType::LargeUtf8 => self.all(array.as_string::<i64>().iter(), codes),
            DataType::Utf8View => self.all(array.as_string_view().iter(), codes),
            DataType::Null => codes.extend(std::iter::repeat_n(-1, array.len())),
            DataType::Dictionary(..) => {
                let dictionary = array.as_any_dictionary();
                let mut words = Vec::new();
                if !self.code(dictionary.values(), &mut words) {
                    return false;
                }
                let keys = dictionary.normalized_keys();
                let number = |(row, key): (usize, usize)| {
                    let known = words.get(key).filter(|_| !array.is_null(row));
                    known.copied().unwrap_or(-1)
                };
                codes.extend(keys.into_iter().enumerate().map(number));
            }
            _ => return false,
        }
        true
    }

    fn all<'a>(&mut self, texts: impl Iterator<Item = Option<&'a str>>, codes: &mut Vec<i64>) {
        let mut last: Option<(&str, i64)> = None;
        for text in texts {
            let Some(text) = text else {
                codes.push(-1);
                continue;
            };
            // Runs of one text, as symbols have, are looked up once.
            let number = match last.filter(|(known, _)| *known == text) {
                Some((_, number)) => number,
                None => self.number(text),
            };
            last = Some((text, number));
            codes.push(number);
        }
    }

    fn number(&mut self, text: &str) -> i64 {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        // Far fewer than 2^63.
        let number = self.list.len() as i64;
        self.list.push(text.to_owned());
        self.numbers.insert(text.to_owned(), number);
        number
    }
}

/// Memory of an Arrow array as NumPy's array interface describes it.
#[pyclass(frozen, module = "factord._native")]
struct View {
    address: usize,
    count: usize,
    kind: &'static str,
    #[expect(dead_code, reason = "held, not read")]
    owner: ArrayRef,
}

#[pymethods]
impl View {
    #[getter]
    fn __array_interface__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let interface = PyDict::new(py);
        interface.set_item("version", 3)?;
        interface.set_item("typestr", self.kind)?;
        interface.set_item("shape", (self.count,))?;
        // Others may read the same memory.
        interface.set_item("data", (self.address, true))?;
        Ok(interface)
    }
}

/// An array of numbers or times as NumPy's; `None` for another type.
fn array<'py>(py: Python<'py>, array: &ArrayRef) -> PyResult<Option<Bound<'py, PyAny>>> {
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    let read = match array.data_type() {
        DataType::Float64 => numbers::<Float64Type>(py, array, "<f8", |x| x),
        DataType::Float32 => numbers::<Float32Type>(py, array, "<f4", f64::from),
        DataType::Int8 => numbers::<Int8Type>(py, array, "|i1", f64::from),
        DataType::Int16 => numbers::<Int16Type>(py, array, "<i2", f64::from),
        DataType::Int32 => numbers::<Int32Type>(py, array, "<i4", f64::from),
        DataType::Int64 => numbers::<Int64Type>(py, array, "<i8", |x| x as f64),
        DataType::UInt8 => numbers::<UInt8Type>(py, array, "|u1", f64::from),
        DataType::UInt16 => numbers::<UInt16Type>(py, array, "<u2", f64::from),
        DataType::UInt32 => numbers::<UInt32Type>(py, array, "<u4", f64::from),
        DataType::UInt64 => numbers::<UInt64Type>(py, array, "<u8", |x| x as f64),
        DataType::Boolean => {
            let value = |value: Option<bool>| value.map_or(f64::NAN, |is| f64::from(u8::from(is)));
            let values = array.as_boolean().iter().map(value).collect();
            Ok(PyArray1::from_vec(py, values).into_any())
        }
        DataType::Null => Ok(PyArray1::from_vec(py, vec![f64::NAN; array.len()]).into_any()),
        DataType::Timestamp(Second, _) => times::<TimestampSecondType>(py, array, "<M8[s]"),
        DataType::Timestamp(Millisecond, _) => {
            times::<TimestampMillisecondType>(py, array, "<M8[ms]")
        }
        DataType::Timestamp(Microsecond, _) => {
            times::<TimestampMicrosecondType>(py, array, "<M8[us]")
        }
        DataType::Timestamp(Nanosecond, _) => {
            times::<TimestampNanosecondType>(py, array, "<M8[ns]")
        }
        _ => return Ok(None),
    };
    read.map(Some)
}

fn view<'py, A: ArrowPrimitiveType>(
    py: Python<'py>,
    array: &ArrayRef,
    kind: &'static str,
) -> PyResult<Bound<'py, PyAny>> {
    let values = array.as_primitive::<A>().values();
    let (address, count) = (values.as_ptr().addr(), values.len());
    if count == 0 {
        // An empty buffer may have no address that NumPy takes.
        return py.import("numpy")?.call_method1("empty", (0, kind));
    }
    let view = View { address, count, kind, owner: Arc::clone(array) };
    py.import("numpy")?.call_method1("asarray", (view,))
}

fn numbers<'py, A: ArrowPrimitiveType>(
    py: Python<'py>,
    array: &ArrayRef,
    kind: &'static str,
    float: impl Fn(A::Native) -> f64,
) -> PyResult<Bound<'py, PyAny>> {
    if array.null_count() == 0 {
        return view::<A>(py, array, kind);
    }
    let values = array.as_primitive::<A>().iter();
    let values = values.map(|value| value.map_or(f64::NAN, &float)).collect();
    Ok(PyArray1::from_vec(py, values).into_any())
}

fn times<'py, A: ArrowPrimitiveType<Native = i64>>(
    py: Python<'py>,
    array: &ArrayRef,
    kind: &'static str,
) -> PyResult<Bound<'py, PyAny>> {
    if array.null_count() == 0 {
        return view::<A>(py, array, kind);
    }
    // NumPy's word for no time.
    let values = array.as_primitive::<A>().iter().map(|value| value.unwrap_or(i64::MIN));
    PyArray1::from_vec(py, values.collect()).call_method1("view", (kind,))
}

/// Columns of NumPy's, and lists of texts, as the capsule of an Arrow stream in the same memory.
#[pyfunction]
#[pyo3(signature = (columns, settings=None))]
pub(crate) fn arrow_stream<'py>(
    columns: &Bound<'py, PyDict>,
    settings: Option<String>,
) -> PyResult<Bound<'py, PyCapsule>> {
    let (mut fields, mut arrays) = (Vec::new(), Vec::new());
    for (name, values) in columns.iter() {
        let array = column(&values)?;
        fields.push(Field::new(name.extract::<String>()?, array.data_type().clone(), false));
        arrays.push(array);
    }
    let metadata: Metadata = settings.map(|text| (SETTINGS, text)).into_iter().collect();
    let schema = Arc::new(Schema::new(fields).with_metadata(metadata));
    let count = arrays.first().map_or(0, |array: &ArrayRef| array.len());
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options)
        .map_err(|error| pyo3::exceptions::PyValueError::new_err(error.to_string()))?;
    arrow::stream(columns.py(), (schema, vec![batch]))
}

fn column(values: &Bound<'_, PyAny>) -> PyResult<ArrayRef> {
    if let Ok(array) = values.cast::<PyArray1<f64>>() {
        return arrow::shared::<Float64Type>(array);
    }
    if let Ok(array) = values.cast::<PyArray1<i64>>() {
        return arrow::shared::<Int64Type>(array);
    }
    if let Ok(array) = values.cast::<PyArray1<u64>>() {
        return arrow::shared::<UInt64Type>(array);
    }
    if let Ok(array) = values.cast::<PyArray1<u32>>() {
        return arrow::shared::<UInt32Type>(array);
    }
    if let Ok(array) = values.cast::<PyArray1<u16>>() {
        return arrow::shared::<UInt16Type>(array);
    }
    if let Ok(array) = values.cast::<PyArray1<u8>>() {
        return arrow::shared::<UInt8Type>(array);
    }
    let texts: Vec<String> = values.extract()?;
    Ok(Arc::new(StringArray::from(texts)))
}
