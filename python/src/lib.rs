//! The Python door: `meshweave._native`, on which the package `meshweave` stands.
//!
//! In: calls from Python, with Arrow data through the C interfaces. Out: plans, streams of batches, JSON, our errors as exceptions.
//! Holds always:
//! - the interpreter's lock is released while anything is waited for, and Ctrl-C is heard then;
//! - dropping a stream, a plan or the engine stops its work down to the storage requests;
//! - what was opened before a fork is refused after it, and never touched: its threads are gone.
//!
//! Start reading at `engine.rs`.

mod catalog;
mod engine;
mod fault;
mod frames;
mod home;
mod query;
mod reader;
mod values;
mod waiting;

use pyo3::prelude::*;

/// The native half of the package.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    // Two libraries bring cryptography of their own; whoever asks for the usual one gets this. A second call finds the first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<engine::Engine>()?;
    module.add_class::<query::Query>()?;
    module.add_class::<reader::Reading>()?;
    module.add_function(wrap_pyfunction!(catalog::contract, module)?)?;
    module.add_function(wrap_pyfunction!(catalog::documents, module)?)?;
    Ok(())
}
