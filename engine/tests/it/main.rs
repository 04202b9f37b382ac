//! Integration tests of the engine: one binary.

mod catalog;
mod plan;
