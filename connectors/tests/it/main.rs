//! One binary for all integration tests of the connectors.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of a test may fail like the test itself")]

mod conformance;
mod delta;
mod parquet;
mod remote;
mod rows;
mod support;
