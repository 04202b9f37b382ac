//! One binary for all integration tests of the connectors.

mod conformance;
mod parquet;
mod support;
