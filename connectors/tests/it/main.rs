//! The connectors against real storage: one binary, one folder per connector.

mod delta;
