//! CSV, JSON lines and Avro files, promise by promise.

mod avro;
mod conformance;
mod csv;
mod drift;
mod folders;
mod hidden;
mod json;
mod packed;
mod replaced;
mod support;
mod threads;
