//! What the contract room promises, seen from outside.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking, as the tests themselves do"
)]

mod bad;
mod complete;
mod forms;
mod hash;
mod mutations;
