//! Memory and spill space: one pool for the process, a counted share of it for each query.
//!
//! Holds always:
//! - the limit holds over all queries together, and operators that can spill share it fairly;
//! - what a query reserves is counted apart, so that it can be seen to return to zero; the most of it is remembered.
//!
//! Start reading at [`QueryPool`].

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::error::Result as DfResult;
use datafusion::execution::disk_manager::{DiskManager, DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{
    FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation, TrackConsumersPool,
};

use crate::context::Usage;
use crate::settings::Limits;

/// The process's pool: fair among operators that can spill; a refusal names the largest consumers.
pub(super) fn process_pool(limits: &Limits) -> Arc<dyn MemoryPool> {
    let bytes = usize::try_from(limits.memory.0).unwrap_or(usize::MAX);
    let named = NonZeroUsize::MIN.saturating_add(2);
    Arc::new(TrackConsumersPool::new(FairSpillPool::new(bytes), named))
}

/// The process's spill space: one quota for all queries.
pub(super) fn spill(limits: &Limits) -> DfResult<Arc<DiskManager>> {
    let mode = match &limits.spill_folder {
        Some(folder) => DiskManagerMode::Directories(vec![folder.clone()]),
        None => DiskManagerMode::OsTmpDirectory,
    };
    let builder = DiskManagerBuilder::default().with_mode(mode).with_max_temp_directory_size(limits.spill.0);
    builder.build().map(Arc::new)
}

/// One query's share of the process's pool: counts what the query holds.
#[derive(Debug)]
pub(super) struct QueryPool {
    process: Arc<dyn MemoryPool>,
    held_bytes: AtomicUsize,
    usage: Arc<Usage>,
}

impl QueryPool {
    /// - `usage`: is told how much the query holds.
    pub(super) fn new(process: Arc<dyn MemoryPool>, usage: Arc<Usage>) -> Self {
        Self { process, held_bytes: AtomicUsize::new(0), usage }
    }

    fn grew(&self, additional: usize) {
        let held = self.held_bytes.fetch_add(additional, Ordering::Relaxed) + additional;
        self.usage.holds(held as u64);
    }
}

impl fmt::Display for QueryPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "query({} bytes of {})", self.held_bytes.load(Ordering::Relaxed), self.process)
    }
}

#[deny(clippy::missing_trait_methods, reason = "a default would lose the process's accounting")]
impl MemoryPool for QueryPool {
    fn name(&self) -> &str {
        "query"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.process.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.process.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.process.grow(reservation, additional);
        self.grew(additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.process.shrink(reservation, shrink);
        self.held_bytes.fetch_sub(shrink, Ordering::Relaxed);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> DfResult<()> {
        self.process.try_grow(reservation, additional)?;
        self.grew(additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.held_bytes.load(Ordering::Relaxed)
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.process.memory_limit()
    }
}
