//! The HTTP door over a real engine: what it answers, what it counts, and that its page in the book says the same.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what tests share fails by panicking, as the tests themselves do"
)]

mod door;
mod openmetrics;
mod routes;
