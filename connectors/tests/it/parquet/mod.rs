//! The Parquet connector, promise by promise.

pub(crate) mod collision;
mod drift;
mod hidden;
mod hive;
mod locations;
mod pruning;
mod random;
pub(crate) mod replaced;
mod statistics;
