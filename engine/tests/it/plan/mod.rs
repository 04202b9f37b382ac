//! The way of a query, over an in-memory connector and a hand-built catalog.

mod corpus;
mod explain;
mod ingest;
mod limits;
mod mesh;
mod names;
mod parameters;
mod policy;
mod queries;
mod temp;
mod versions;
