//! Things that belong to one process.
//!
//! After a fork the child has a copy of everything but the threads: what waits for them waits for ever, and what they held
//! stays locked. So the child neither uses nor drops what its parent opened.
//!
//! Start reading at [`Home`].

use std::ops::Deref;

use pyo3::prelude::*;
use tokio::runtime::{Handle, Runtime};

use crate::fault;

/// A value, and the process that made it. Dropping it elsewhere leaks it.
#[derive(Debug)]
pub(crate) struct Home<T> {
    value: Option<T>,
    process: u32,
}

impl<T> Home<T> {
    /// A value of this process.
    pub(crate) fn new(value: T) -> Self {
        Self { value: Some(value), process: std::process::id() }
    }

    /// Whether this is the process that made it.
    pub(crate) fn is_here(&self) -> bool {
        self.process == std::process::id()
    }

    /// The value.
    ///
    /// # Errors
    /// `ForkError` in another process than the one that made it.
    pub(crate) fn get(&self, py: Python<'_>) -> PyResult<&T> {
        match &self.value {
            Some(value) if self.is_here() => Ok(value),
            _ => Err(forked(py)),
        }
    }

    /// The value, in the process that made it.
    pub(crate) fn peek(&self) -> Option<&T> {
        self.value.as_ref().filter(|_| self.process == std::process::id())
    }

    /// The same, to change it.
    pub(crate) fn here(&mut self) -> Option<&mut T> {
        let is_here = self.is_here();
        self.value.as_mut().filter(|_| is_here)
    }

    /// The value itself, in the process that made it.
    pub(crate) fn into_inner(mut self) -> Option<T> {
        if self.is_here() { self.value.take() } else { None }
    }
}

impl<T> Drop for Home<T> {
    fn drop(&mut self) {
        if !self.is_here() {
            std::mem::forget(self.value.take());
        }
    }
}

/// The exception of what was opened before a fork.
pub(crate) fn forked(py: Python<'_>) -> PyErr {
    let hint = "Open the mesh again after the fork, or start processes with `spawn`.";
    fault::misused(py, "ForkError", "the mesh was opened before this process was forked", hint)
}

/// A runtime that does not wait for its threads when it is dropped: one may sit in a system call that nothing interrupts.
#[derive(Debug)]
pub(crate) struct Threads {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Threads {
    /// Stack of each thread, bytes of address space: plans of deep statements recurse.
    const STACK_BYTES: usize = 16 << 20;

    /// # Errors
    /// The system gives no threads.
    pub(crate) fn start() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_name("meshweave")
            .thread_stack_size(Self::STACK_BYTES)
            .build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }
}

impl Deref for Threads {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
