//! What the contract room promises, seen from outside.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what tests share fails by panicking, as the tests themselves do"
)]

mod bad;
mod compare;
mod complete;
mod export;
mod foreign;
mod forms;
mod full;
mod fuzz;
mod generator;
mod hash;
mod hostile;
mod judge;
mod mutations;
mod products;
mod schema;
mod spelling;
mod values;
