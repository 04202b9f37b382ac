//! Keeping a long-lived process's catalog current: new registrations, edited domains, contracts that were put in by hand.
//!
//! Holds always: a pass that fails leaves the last good snapshot, and is tried again.
//!
//! Start reading at [`Engine::keep_current`].

use tracing::{info, warn};

use crate::context::QueryContext;
use crate::engine::Engine;
use crate::error::Result;

/// Passes between two looks at contracts whose columns could not be resolved, when nothing else changes.
const PASSES_BETWEEN_RETRIES: u32 = 12;

impl Engine {
    /// Brings the catalog current when its store tells of a change, and every [`crate::settings::CatalogSettings::refresh`],
    /// until the future is dropped. For one caller per engine.
    pub async fn keep_current(&self, ctx: &QueryContext) {
        let mut seen = None;
        let mut passes: u32 = 0;
        loop {
            if let Err(error) = self.catalog.refresh().await {
                warn!(error = %error.report(), "catalog could not be loaded, going on with the last snapshot");
            }
            let version = Some(self.snapshot().version);
            if version != seen || passes.is_multiple_of(PASSES_BETWEEN_RETRIES) {
                seen = version;
                if let Err(error) = self.resolve_what_is_pending(ctx).await {
                    warn!(error = %error.report(), "contracts could not be resolved");
                }
            }
            passes = passes.wrapping_add(1);
            tokio::select! {
                () = self.catalog.changed() => {}
                () = tokio::time::sleep(self.settings.catalog.refresh.0) => {}
            }
        }
    }

    /// Resolves contracts that were put into the mesh folder by hand, when the snapshot has any.
    ///
    /// - `ctx`: carries the deadline and the cancellation; its principal is not asked for.
    ///
    /// # Errors
    /// [`crate::Failure::Unavailable`] when the store does not answer. A contract that cannot be resolved is logged and stays listed
    /// without columns.
    pub async fn resolve_what_is_pending(&self, ctx: &QueryContext) -> Result<()> {
        let snapshot = self.snapshot();
        let is_pending = |entry: &super::Entry| entry.tables.iter().any(|table| table.schema.is_none());
        if !snapshot.entries.iter().any(|entry| is_pending(entry)) {
            return Ok(());
        }
        for (product, why) in self.resolve_pending(ctx).await? {
            info!(product, why, "columns are not known yet");
        }
        Ok(())
    }
}
