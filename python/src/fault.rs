//! The engine's errors as Python exceptions, one class per kind.
//!
//! Start reading at [`raise`].

use meshweave_engine::Error;
use pyo3::prelude::*;
use uuid::Uuid;

/// The exception for an error: its class is that of the kind, and it carries hint, product, query and problems.
pub(crate) fn raise(py: Python<'_>, error: &Error, query: Option<Uuid>) -> PyErr {
    made(py, error, query).unwrap_or_else(|trouble| trouble)
}

fn made(py: Python<'_>, error: &Error, query: Option<Uuid>) -> PyResult<PyErr> {
    let class = py.import("meshweave.errors")?.getattr("of_kind")?.call1((error.kind().word(),))?;
    let problems = error.problems().to_vec();
    let hint = error.hint().filter(|hint| !hint.is_empty());
    let query = query.map(|id| id.to_string());
    let value = class.call1((error.report(), hint, error.product().map(str::to_owned), query, problems))?;
    Ok(PyErr::from_value(value))
}

/// The exception for something that was used wrongly: after a close, after a fork, twice.
pub(crate) fn misused(py: Python<'_>, class: &str, message: &str, hint: &str) -> PyErr {
    let made = || -> PyResult<PyErr> {
        let class = py.import("meshweave.errors")?.getattr(class)?;
        Ok(PyErr::from_value(class.call1((message, hint))?))
    };
    made().unwrap_or_else(|trouble| trouble)
}
