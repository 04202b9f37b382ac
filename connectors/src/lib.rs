//! Where data lives: one room per kind of storage, each behind the engine's `Connector` trait.

pub mod delta;
