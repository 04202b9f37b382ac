//! The catalog: stores, names, registration, system tables.

mod names;
mod register;
mod snapshot;
mod stores;
mod support;
