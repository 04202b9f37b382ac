//! Rows that clients send into a product, through an input port that takes them.
//!
//! In: the name of a product's table and a stream of rows. Out: how many rows the table has more, and the version that has them.
//! The way: `target` (which table, and whether it takes rows at all), `columns` (by name), `cast` (without loss), `rules` and
//! `keys` (what the contract says of each row), then the connector's [`Intake`](crate::connect::Intake).
//! Holds always:
//! - the policy decides before anything else is said of a product, and no storage is touched before that;
//! - all rows or none: one that breaks its contract, an error on the way, a caller who goes away, and nothing is added;
//! - everything that is wrong is told at once: a count per rule, and the first row that breaks it.
//!
//! Start reading at [`Engine::append`].

mod cast;
mod check;
mod columns;
mod findings;
mod keys;
mod rules;
mod target;

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::MemoryReservation;
use futures::StreamExt as _;
use meshweave_contract::name::ProductId;
use tracing::Instrument as _;

use crate::connect::{Inflow, Landed};
use crate::context::QueryContext;
use crate::engine::Engine;
use crate::error::{Failure, Result};
use crate::observe::record::Recorder;
use crate::run::bytes_of;
use crate::temp::IngestMode;
use crate::version::{Version, VersionVector};
use check::Check;
use target::Target;

/// How long a caller waits until what was written is gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// Which table of which product rows are for, as a door was told.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The domain.
    pub schema: String,
    /// The product, with `.table` for a further table and `@major` for an older major version.
    pub table: String,
    /// What to do with the table; products take rows by [`IngestMode::Append`] only.
    pub mode: IngestMode,
}

/// What was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The table's key in version vectors: `domain.product@major`.
    pub key: String,
    /// Rows that were added.
    pub rows: u64,
    /// The version that has them; none when no row came.
    pub version: Option<Version>,
    /// Files that were added.
    pub files: u64,
    /// Their size on storage, bytes.
    pub bytes: u64,
}

impl Engine {
    /// Adds rows to a table of a product that takes them, all or none.
    ///
    /// Columns go by name, as SQL finds them; one that may be null and does not come is null. Values must fit without loss, and
    /// rows keep what the contract says of each. Memory stays within `limits.ingest_memory`, whatever comes.
    ///
    /// The caller's cancellation and deadline end it up to the commit, which then runs to its end.
    ///
    /// # Errors
    /// [`Failure::ProductNotFound`], [`Failure::Denied`]; [`Failure::TakesNoRows`] for products without such an input port;
    /// [`Failure::RowsRefused`] with everything that is wrong; those of `rows` and of the storage.
    pub async fn append(&self, ctx: &QueryContext, offer: Offer, rows: SendableRecordBatchStream) -> Result<Taken> {
        let limits = &self.settings.limits;
        let mut ctx = ctx.clone().with_timeout(limits.statement_timeout.0);
        ctx.usage = Arc::new(ctx.usage.statement(limits.scanned_bytes, &self.metrics.traffic));
        self.log.start();
        let mut recorder = Recorder::new(&self.log, &ctx, &format!("INGEST INTO {}.{}", offer.schema, offer.table));
        let span = recorder.span().clone();
        let taken = Box::pin(self.taken(&ctx, &offer, rows, &mut recorder)).instrument(span).await;
        match &taken {
            Ok(_) => recorder.finished(),
            Err(error) => recorder.failed(error),
        }
        taken
    }

    /// The product version that an offer is for, and the columns of its table; touches no storage.
    ///
    /// # Errors
    /// As [`Self::append`]: whoever may not add rows learns nothing here either.
    pub fn columns_for(&self, ctx: &QueryContext, offer: &Offer) -> Result<(ProductId, SchemaRef)> {
        let port = Target::find(self, ctx, offer)?.port;
        Ok((port.product, port.schema.unwrap_or_else(|| Arc::new(Schema::empty()))))
    }

    async fn taken(
        &self,
        ctx: &QueryContext,
        offer: &Offer,
        rows: SendableRecordBatchStream,
        recorder: &mut Recorder,
    ) -> Result<Taken> {
        let target = Target::find(self, ctx, offer)?;
        let mut check = Check::new(&target, &rows.schema(), &self.reservation("keys of rows that come in"))?;
        recorder.runs(&VersionVector::default());
        let arrived = Instant::now();
        let _place = self.runtime.admission.enter(ctx).await?;
        recorder.admitted(arrived.elapsed());
        let for_product = ctx.for_product(&target.port.key);
        let inflow = ctx.bounded(target.intake.open(&for_product, &target.port)).await?;
        check.stored_as(&inflow.schema());
        let room = Room { held: self.reservation("rows that come in"), limit: self.settings.limits.ingest_memory.0 };
        let mut inflow = Some(inflow);
        let poured = ctx.bounded(pour(rows, &mut inflow, &mut check, room)).await;
        let key = target.port.key;
        let inflow = match (poured, inflow) {
            (Ok(()), Some(inflow)) if check.rows() > 0 => inflow,
            (poured, inflow) => {
                if let Some(inflow) = inflow {
                    abandon(inflow).await;
                }
                return poured.map(|()| Taken { key, rows: 0, version: None, files: 0, bytes: 0 });
            }
        };
        // From here on the rows become visible or not, whatever the caller does: no deadline may cut between.
        let Landed { version, files, bytes } = inflow.commit().await?;
        recorder.wrote(&key, &version);
        tracing::info!(product = %key, rows = check.rows(), files, bytes, "took rows in");
        Ok(Taken { key, rows: check.rows(), version: Some(version), files, bytes })
    }
}

/// Hands checked rows on, until the last one is in storage, where nobody sees it yet.
///
/// Once a row is refused nothing is written any more, and what was is removed; the rest is only looked at.
async fn pour(
    mut rows: SendableRecordBatchStream,
    inflow: &mut Option<Box<dyn Inflow>>,
    check: &mut Check,
    mut room: Room,
) -> Result<()> {
    while let Some(batch) = rows.next().await {
        match (check.take(&batch?)?, inflow.as_mut()) {
            (Some(batch), Some(open)) if batch.num_rows() > 0 => {
                room.make(bytes_of(&batch), open.as_mut()).await?;
                open.write(&batch).await?;
            }
            (Some(_), _) => {}
            (None, _) => {
                if let Some(open) = inflow.take() {
                    abandon(open).await;
                }
            }
        }
    }
    check.outcome()?;
    match inflow {
        Some(open) => open.seal().await,
        None => Ok(()),
    }
}

/// Takes back what was written. A store that does not answer is not waited for: whoever writes goes on by itself.
async fn abandon(inflow: Box<dyn Inflow>) {
    if tokio::time::timeout(PATIENCE, inflow.abandon()).await.is_err() {
        tracing::warn!("files of rows that are not taken are still being removed");
    }
}

/// What rows may hold in memory before they are files.
struct Room {
    held: MemoryReservation,
    limit: u64,
}

impl Room {
    /// Makes room for a batch: what is held becomes files when it does not fit beside it.
    ///
    /// # Errors
    /// [`Failure::Exhausted`] when the memory of all queries has no room for this batch alone; those of the storage.
    async fn make(&mut self, bytes: u64, inflow: &mut dyn Inflow) -> Result<()> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        let fits = (self.held.size() as u64).saturating_add(bytes as u64) <= self.limit;
        if fits && self.held.try_grow(bytes).is_ok() {
            return Ok(());
        }
        if self.held.size() > 0 {
            inflow.seal().await?;
            self.held.free();
        }
        self.held.try_grow(bytes).map_err(|error| {
            let hint = Some("Send it again later, or in smaller batches.".to_owned());
            Failure::Exhausted { message: format!("no memory for the rows that come in: {error}"), hint }.into()
        })
    }
}
