//! Values of parameters: arrays of one value, as pyarrow makes them of any Python object.
//!
//! Start reading at [`parameters`].

use std::collections::BTreeMap;

use arrow::array::{ArrayData, make_array};
use arrow_pyarrow::FromPyArrow;
use datafusion::common::ScalarValue;
use meshweave_engine::Parameters;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

/// The values of a statement's parameters.
///
/// - `given`: none, a list for parameters in order, or a dictionary for named ones; of Arrow arrays with one value each.
///
/// # Errors
/// `TypeError` for anything else.
pub(crate) fn parameters(given: Option<&Bound<'_, PyAny>>) -> PyResult<Parameters> {
    let Some(given) = given else { return Ok(Parameters::None) };
    if let Ok(list) = given.cast::<PyList>() {
        return list.iter().map(|array| value(&array)).collect::<PyResult<_>>().map(Parameters::Positional);
    }
    let named = given.cast::<PyDict>().map_err(|_| PyTypeError::new_err("parameters are a list or a dictionary"))?;
    let pairs = named.iter().map(|(name, array)| Ok((name.extract::<String>()?, value(&array)?)));
    pairs.collect::<PyResult<BTreeMap<_, _>>>().map(Parameters::Named)
}

fn value(array: &Bound<'_, PyAny>) -> PyResult<ScalarValue> {
    let array = make_array(ArrayData::from_pyarrow_bound(array)?);
    if array.len() != 1 {
        return Err(PyValueError::new_err("a parameter is an array of one value"));
    }
    ScalarValue::try_from_array(&array, 0).map_err(|error| PyTypeError::new_err(error.strip_backtrace()))
}
