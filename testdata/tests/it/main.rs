//! The mesh that is written, looked at through readers that are not ours.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(
    clippy::disallowed_methods,
    reason = "the readers here are stock ones on purpose: nothing of ours may vouch for our data"
)]

mod mesh;
mod read;
mod tpch;
