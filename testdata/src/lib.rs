//! The mesh that demos, tests and benchmarks run on: data, contracts, and the right answers.
//!
//! In: a scale, a folder or an object store. Out: Parquet and Delta products with their contracts, and golden TPC-H answers.
//! Holds always:
//! - the same options give the same rows, in the same files, on every machine;
//! - tables are streamed: memory does not grow with the scale.
//!
//! Start reading at [`demo::write_mesh`].

pub mod delta;
pub mod demo;
mod error;
mod file;
mod random;
pub mod shop;
pub mod tpch;

pub use error::{Error, Result};
pub use file::{Files, WrittenFile};
