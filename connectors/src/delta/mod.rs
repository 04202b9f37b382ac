//! Delta tables: pinned to a version, read through deltalake's scan.
//!
//! In: a [`Port`] whose location is the folder that holds `_delta_log`. Out: a table over exactly one version of it.
//! Holds always:
//! - deltalake never sees a URL of the mesh, a credential or a process-wide registry: it gets one [`store::TableFolder`], named by a
//!   URL that no other store identity or folder has;
//! - nothing that is cached is keyed by a path alone (see [`snapshots`] and [`footers`]);
//! - a newer version in the log is never overlooked: every pin of the newest state asks the log.
//!
//! Start reading at [`DeltaConnector`].

mod columns;
mod failure;
mod filters;
mod footers;
mod history;
mod provider;
mod session;
mod snapshots;
mod store;

use std::sync::Arc;

use async_trait::async_trait;
use meshweave_engine::connect::{AsOf, Capabilities, Connector, Observed, Opened, Pinned, Port};
use meshweave_engine::version::Version;
use meshweave_engine::{Error, Failure, QueryContext, Result};

use footers::FooterCache;
use provider::DeltaTable;
use snapshots::{Loaded, Snapshots};
use store::TableFolder;

/// What the connector may remember between queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeltaLimits {
    /// Memory for decoded file footers of all tables together, bytes.
    pub footer_bytes: usize,
    /// Table versions whose list of files is kept.
    pub snapshots: usize,
    /// Files in all kept lists together; a larger list is read again for every query.
    pub snapshot_files: u64,
}

impl Default for DeltaLimits {
    fn default() -> Self {
        Self { footer_bytes: 64 << 20, snapshots: 256, snapshot_files: 2_000_000 }
    }
}

/// Reads Delta tables.
#[derive(Debug)]
pub struct DeltaConnector {
    snapshots: Snapshots,
    footers: FooterCache,
}

impl Default for DeltaConnector {
    fn default() -> Self {
        Self::new(DeltaLimits::default())
    }
}

impl DeltaConnector {
    /// A connector that remembers at most what `limits` allows.
    pub fn new(limits: DeltaLimits) -> Self {
        Self {
            snapshots: Snapshots::new(limits.snapshots, limits.snapshot_files),
            footers: FooterCache::new(limits.footer_bytes),
        }
    }

    async fn load(&self, ctx: &QueryContext, port: &Port, as_of: &AsOf) -> Result<Arc<Loaded>> {
        // The guard stops a log replay that runs on a blocking thread when this future is dropped.
        let stop = ctx.cancel.child_token();
        let _stop_when_dropped = stop.clone().drop_guard();
        let folder = TableFolder::new(ctx, port, stop)?;
        ctx.bounded(async {
            let number = match as_of {
                AsOf::Latest => return self.snapshots.newest(&folder).await,
                AsOf::Number(number) => *number,
                AsOf::Timestamp(moment) => history::version_at(&self.snapshots, &folder, *moment).await?,
                AsOf::Recorded { version: Version::Delta(number), .. } => *number,
                AsOf::Recorded { version, .. } => return Err(not_a_delta_version(port, version)),
            };
            self.snapshots.at(&folder, number).await
        })
        .await
    }
}

fn not_a_delta_version(port: &Port, version: &Version) -> Error {
    Failure::InvalidQuery {
        message: format!("the version recorded for {} is not one of a delta table: {version:?}", port.key),
        hint: Some("The product was stored in another format when the version was recorded.".to_owned()),
    }
    .into()
}

#[async_trait]
impl Connector for DeltaConnector {
    fn format(&self) -> &'static str {
        "delta"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { time_travel: true }
    }

    async fn probe(&self, ctx: &QueryContext, port: &Port) -> Result<Observed> {
        let loaded = self.load(ctx, port, &AsOf::Latest).await?;
        Ok(Observed {
            schema: columns::observed(&loaded),
            version: Version::Delta(loaded.version),
            files: loaded.files,
            bytes: loaded.bytes,
            rows: loaded.rows,
        })
    }

    async fn pin(&self, ctx: &QueryContext, port: &Port, as_of: &AsOf) -> Result<Pinned> {
        let loaded = self.load(ctx, port, as_of).await?;
        Ok(Pinned { version: Version::Delta(loaded.version), manifest: None, detail: loaded })
    }

    async fn open(&self, ctx: &QueryContext, port: &Port, pinned: &Pinned) -> Result<Opened> {
        let loaded = match Arc::clone(&pinned.detail).downcast::<Loaded>() {
            Ok(loaded) => loaded,
            Err(_) => {
                let recorded = AsOf::Recorded { version: pinned.version.clone(), manifest: None };
                self.load(ctx, port, &recorded).await?
            }
        };
        let folder = TableFolder::new(ctx, port, ctx.cancel.clone())?;
        let schema = match &port.schema {
            Some(schema) => Arc::clone(schema),
            None => columns::observed(&loaded),
        };
        columns::check(port, &loaded, &schema)?;
        let stores = vec![(folder.url(), folder.store())];
        let footers = self.footers.of(&folder, &loaded);
        let provider = DeltaTable::new(ctx, port, &loaded, schema, &folder, footers)?;
        Ok(Opened { provider: Arc::new(provider), stores })
    }
}
