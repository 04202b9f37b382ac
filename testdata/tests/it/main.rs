//! The mesh that is written, looked at through readers that are not ours.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod mesh;
mod read;
