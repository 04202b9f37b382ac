//! The engine from outside: one binary, one module per room.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what tests share fails by panicking, as the tests themselves do"
)]

mod catalog;
mod plan;
