//! What is known of queries: one record for each that ended, kept in the state database for a while; those that run or wait now.
//!
//! In: the end of every query, whichever way it came. Out: rows of `mesh.queries` and `mesh.drift`, who uses a product, and the process's numbers.
//! Holds always:
//! - a query never waits for its record, and never fails because of it;
//! - what is not written yet is written before it is read;
//! - the queue, each text and the whole log have an end; a record that did not fit is counted.
//!
//! Start reading at [`log::QueryLog`].

pub(crate) mod drift;
pub(crate) mod live;
pub(crate) mod log;
pub mod metrics;
pub(crate) mod queries;
pub(crate) mod record;
pub(crate) mod table;
