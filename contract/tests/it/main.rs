//! What the contract room promises, seen from outside.

mod forms;
