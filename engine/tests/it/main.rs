//! The engine from outside: one binary, one module per room.

mod catalog;
mod plan;
