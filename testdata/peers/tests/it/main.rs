//! The test servers, tested: rights, conditions, counting, hooks, and that nothing stays behind.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod damage;
mod postgres;
mod proxy;
mod s3;
