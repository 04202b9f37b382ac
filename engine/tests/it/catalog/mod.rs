//! The catalog: stores, several servers, outages, names, registration, system tables.

mod names;
mod outages;
mod register;
mod servers;
mod snapshot;
mod stores;
mod support;
