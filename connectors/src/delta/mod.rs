//! Delta tables: pinned to a version; plain data files are read by our own scan, other tables through deltalake's. Rows are added by
//! files and one commit (see `inflow`).
//!
//! In: a [`Port`] whose location is the folder that holds `_delta_log`. Out: a table over exactly one version of it.
//! Holds always:
//! - deltalake never sees a URL of the mesh, a credential or a process-wide registry: it gets one `store::TableFolder`, named by a
//!   URL that no other store identity or folder has;
//! - nothing that is cached is keyed by a path alone (see `snapshots` and `footers`);
//! - a newer version in the log is never overlooked: every pin of the newest state asks the log.
//!
//! Start reading at [`Delta`].

mod columns;
mod commit;
mod failure;
mod filters;
mod footers;
mod guard;
mod history;
mod inflow;
mod intake;
mod log;
mod own;
mod provider;
mod session;
mod snapshots;
mod storable;
mod store;
mod writes;

use std::sync::Arc;

use async_trait::async_trait;
use meshweave_engine::connect::{AsOf, Capabilities, Connector, Inflow, Intake, Observed, Opened, Pinned, Port};
use meshweave_engine::settings::Limits;
use meshweave_engine::version::Version;
use meshweave_engine::{Error, Failure, QueryContext, Result};

use crate::common::drift;
use footers::FooterCache;
use inflow::Workers;
use provider::DeltaTable;
use snapshots::{Loaded, Snapshots};
use store::TableFolder;

use crate::common::read_only::ReadOnly;
use crate::parquet::footer::Footers;

/// Table versions whose list of files is kept.
const KEPT_VERSIONS: usize = 256;
/// Files in all kept lists together, about a kilobyte each; a larger list is read again for every query.
const KEPT_FILES: u64 = 250_000;

/// Reads Delta tables, and adds rows to them.
#[derive(Debug)]
pub struct Delta {
    snapshots: Arc<Snapshots>,
    /// Those that our own scan reads.
    own_footers: Arc<Footers>,
    /// Those that deltalake's scan reads.
    footers: FooterCache,
    /// Those that write.
    workers: Workers,
}

impl Delta {
    /// A connector that keeps at most `limits.footer_cache` bytes of decoded footers between queries, half of them for
    /// each of its two scans.
    pub fn new(limits: &Limits) -> Self {
        let half = limits.footer_cache.0 / 2;
        Self {
            snapshots: Arc::new(Snapshots::new(KEPT_VERSIONS, KEPT_FILES)),
            own_footers: Arc::new(Footers::new(half)),
            footers: FooterCache::new(usize::try_from(half).unwrap_or(usize::MAX)),
            workers: Workers::default(),
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
impl Connector for Delta {
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
            Some(schema) => drift::widened(ctx, &port.key, schema, &columns::stored(&loaded)),
            None => columns::observed(&loaded),
        };
        columns::check(ctx, port, &loaded, &schema)?;
        let stores = vec![(folder.url(), folder.store())];
        if let Some(data) = loaded.data_files()
            && let Some(table) = own::table(ctx, port, &loaded, data, Arc::clone(&schema), &folder, &self.own_footers)?
        {
            return Ok(Opened { provider: Arc::new(ReadOnly(table)), stores });
        }
        let footers = self.footers.of(&folder, &loaded);
        let provider = DeltaTable::new(ctx, port, &loaded, schema, &folder, footers)?;
        Ok(Opened { provider: Arc::new(ReadOnly(provider)), stores })
    }
}

#[async_trait]
impl Intake for Delta {
    fn format(&self) -> &'static str {
        "delta"
    }

    async fn open(&self, ctx: &QueryContext, port: &Port) -> Result<Box<dyn Inflow>> {
        intake::open(&self.workers, &self.snapshots, ctx, port).await
    }
}
