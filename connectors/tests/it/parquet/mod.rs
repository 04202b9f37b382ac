//! The Parquet connector, promise by promise.

mod collision;
mod drift;
mod hidden;
mod hive;
mod locations;
mod pruning;
mod random;
mod replaced;
mod statistics;
