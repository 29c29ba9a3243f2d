//! Tables through Arrow's C interface (`__arrow_c_stream__`, `__arrow_c_array__`), in and out
//! without copies. What comes in keeps the producer's memory, what goes out keeps NumPy's.
//!
//! The only module with unsafe code: a capsule holds a bare pointer, by the protocol.

#![expect(unsafe_code, reason = "Arrow's C interface passes pointers")]

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi};
use arrow_array::ffi_stream::{FFI_ArrowArrayStream, RecordBatchStreamReader};
use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{
    ArrayRef, PrimitiveArray, RecordBatch, RecordBatchIterator, RecordBatchOptions,
    RecordBatchReader, StructArray,
};
use arrow_buffer::{Buffer, ScalarBuffer};
use arrow_schema::{ArrowError, Schema, SchemaRef};
use numpy::{Element, PyArray1, PyArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};
use std::ffi::CStr;
use std::panic::AssertUnwindSafe;
use std::ptr::NonNull;
use std::sync::Arc;

const STREAM: &CStr = c"arrow_array_stream";
const SCHEMA: &CStr = c"arrow_schema";
const ARRAY: &CStr = c"arrow_array";

/// Batches of one schema.
pub(crate) type Batches = (SchemaRef, Vec<RecordBatch>);

/// Takes all of a table that speaks Arrow; `None` for anything else.
///
/// # Errors
///
/// TypeError for what speaks Arrow and is no table, ValueError when its producer fails.
pub(crate) fn take(table: &Bound<'_, PyAny>) -> PyResult<Option<Batches>> {
    if table.hasattr("__arrow_c_stream__")? {
        let capsule = table.call_method0("__arrow_c_stream__")?.cast_into::<PyCapsule>()?;
        let reader = RecordBatchStreamReader::try_new(stream_of(&capsule)?)
            .map_err(|error| refused(&error))?;
        let schema = reader.schema();
        // A producer may want the interpreter meanwhile, as one that is written in Python does.
        let batches = table.py().detach(|| reader.collect::<Result<Vec<_>, _>>());
        return Ok(Some((schema, batches.map_err(|error| refused(&error))?)));
    }
    if table.hasattr("__arrow_c_array__")? {
        let capsules = table.call_method0("__arrow_c_array__")?.cast_into::<PyTuple>()?;
        let schema = capsules.get_item(0)?.cast_into::<PyCapsule>()?;
        let array = capsules.get_item(1)?.cast_into::<PyCapsule>()?;
        return batch(&schema, &array).map(|batch| Some((batch.schema(), vec![batch])));
    }
    Ok(None)
}

fn stream_of(capsule: &Bound<'_, PyCapsule>) -> PyResult<FFI_ArrowArrayStream> {
    let pointer = capsule.pointer_checked(Some(STREAM))?;
    // SAFETY: a capsule of that name holds such a stream, and nothing ran since it was checked;
    // what is taken out is replaced by a released one, which the capsule may drop.
    Ok(unsafe { FFI_ArrowArrayStream::from_raw(pointer.cast().as_ptr()) })
}

fn batch(schema: &Bound<'_, PyCapsule>, array: &Bound<'_, PyCapsule>) -> PyResult<RecordBatch> {
    let schema = schema.pointer_checked(Some(SCHEMA))?;
    let array = array.pointer_checked(Some(ARRAY))?;
    // SAFETY: as for a stream.
    let array = unsafe { FFI_ArrowArray::from_raw(array.cast().as_ptr()) };
    // SAFETY: a capsule of that name holds such a schema, and its caller holds the capsule.
    let schema: &FFI_ArrowSchema = unsafe { schema.cast().as_ref() };
    let fields = Schema::try_from(schema).map_err(|error| refused(&error))?;
    // SAFETY: array and schema come from one call, which promises that they fit.
    let data = unsafe { from_ffi(array, schema) }.map_err(|error| refused(&error))?;
    let (count, nulls) = (data.len(), data.null_count());
    if nulls > 0 {
        return Err(PyValueError::new_err("the Arrow array has rows that are null: drop them"));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    let columns = StructArray::from(data).into_parts().1;
    RecordBatch::try_new_with_options(Arc::new(fields), columns, &options)
        .map_err(|error| refused(&error))
}

fn refused(error: &ArrowError) -> PyErr {
    match error {
        // A stream or an array of something else than rows.
        ArrowError::CDataInterface(reason) if reason.contains("as a Schema") => {
            PyTypeError::new_err("an Arrow array of single values: give a table")
        }
        other => PyValueError::new_err(format!("the Arrow table cannot be read: {other}")),
    }
}

/// Gives batches as the capsule of a stream.
pub(crate) fn stream<'py>(
    py: Python<'py>,
    (schema, batches): Batches,
) -> PyResult<Bound<'py, PyCapsule>> {
    let reader = RecordBatchIterator::new(batches.into_iter().map(Ok), schema);
    PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(Box::new(reader)), STREAM)
}

/// Keeps an array of NumPy's for as long as Arrow needs its memory.
struct Owner(#[expect(dead_code, reason = "held, not read")] AssertUnwindSafe<Py<PyAny>>);

/// An array of NumPy's as Arrow's, in the same memory.
///
/// # Errors
///
/// ValueError when its values do not stand side by side.
pub(crate) fn shared<A>(values: &Bound<'_, PyArray1<A::Native>>) -> PyResult<ArrayRef>
where
    A: ArrowPrimitiveType,
    A::Native: Element,
{
    let borrowed = values.try_readonly()?;
    let slice = borrowed.as_slice()?;
    let owner = Owner(AssertUnwindSafe(values.clone().into_any().unbind()));
    let memory = NonNull::from(slice).cast();
    // SAFETY: the array has these bytes, and neither moves nor frees them while the owner holds it:
    // NumPy refuses to resize what others refer to.
    let buffer =
        unsafe { Buffer::from_custom_allocation(memory, size_of_val(slice), Arc::new(owner)) };
    let values = ScalarBuffer::new(buffer, 0, slice.len());
    Ok(Arc::new(PrimitiveArray::<A>::new(values, None)))
}
