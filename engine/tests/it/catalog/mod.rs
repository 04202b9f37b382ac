//! The catalog: stores, several servers, outages, names, registration, system tables.

mod bucket;
mod folder;
mod names;
mod outages;
mod ports;
mod register;
mod servers;
mod snapshot;
mod stores;
mod support;
