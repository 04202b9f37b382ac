//! The benchmark program as it is run, with sizes so small that only its way is tried.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what tests share fails by panicking, as the tests themselves do"
)]

mod flight;
