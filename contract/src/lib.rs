//! The words of the mesh as plain data: names, contracts and what is checked about them.
//!
//! In: the text of a contract in any form users have. Out: the canonical [`model::Product`], and every problem at once.
//! Holds always: no Arrow, no DataFusion, no tokio, no I/O.
//!
//! Start reading at [`model::Product`] for what a contract says, at [`parse::parse`] for how it is read, at
//! [`describe::describe`] for how it is told, at [`export`] for how it is written for others, and at
//! [`compare::compare`] for what a new version changes.

pub mod compare;
pub mod describe;
pub mod drift;
pub mod export;
pub mod intake;
pub mod layout;
pub mod model;
pub mod name;
pub mod parse;
pub mod ports;
pub mod problem;
mod standard;
pub mod types;
