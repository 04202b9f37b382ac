//! What the reader and the writer of the Bitol standards both know: the shapes of their blocks, their words for types, and the
//! names under which a document carries what the standards cannot say.
//!
//! Holds always: what is written back by these tables is read by these tables, so a key added here is added to both ways.
//!
//! Start reading at [`shape::Shape`] for what may stand where, and at [`own`] for what is ours.

pub(crate) mod keys;
pub(crate) mod nested;
pub(crate) mod options;
pub(crate) mod own;
pub(crate) mod rule;
pub(crate) mod servers;
pub(crate) mod shape;
mod sound;
pub(crate) mod spell;
