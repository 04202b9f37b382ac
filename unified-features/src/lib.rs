//! Nothing but dependencies: every shared crate with the union of its features, so that one crate, the binary and the whole workspace
//! are built from the same artifacts. Written by `cargo hakari generate`.
