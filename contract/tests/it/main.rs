//! What the contract room promises, seen from outside.

mod bad;
mod complete;
mod forms;
mod hash;
mod mutations;
