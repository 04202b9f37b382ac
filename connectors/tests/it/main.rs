//! One binary for all integration tests of the connectors.

mod conformance;
mod delta;
mod parquet;
mod support;
