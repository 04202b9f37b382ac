//! The commands, one file each.
//!
//! Holds always: a command makes its answer and hands it to [`crate::output`]; it never asks what a terminal is.

pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod describe;
pub(crate) mod ingest;
pub(crate) mod init;
pub(crate) mod manual;
pub(crate) mod plan;
pub(crate) mod products;
pub(crate) mod register;
pub(crate) mod search;
pub(crate) mod serve;
pub(crate) mod settings;
pub(crate) mod sql;
pub(crate) mod user;
