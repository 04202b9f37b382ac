//! The Delta connector: tables that deltalake writes here, and tables that Spark wrote once.

mod cancellation;
mod collision;
mod columns;
pub(crate) mod conformance;
mod filters;
mod spark;
mod support;
mod taking;
mod travel;
