//! Readers for the blocks that the short forms share: who, where, what, how good, how fresh, for whom.
//!
//! Each takes the fields of the block around it, asks for its keys, and adds to the [`Parts`](super::parts::Parts) or gives its piece.

pub(crate) mod access;
pub(crate) mod columns;
pub(crate) mod csv;
pub(crate) mod head;
pub(crate) mod levels;
pub(crate) mod policies;
pub(crate) mod quality;
pub(crate) mod storage;
