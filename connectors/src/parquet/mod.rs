//! Plain Parquet files as a table: a file, a folder or a glob, with Hive partition folders.
//!
//! A version is a manifest: every object's path, size and ETag. What is read later is exactly those objects, or an error.
//! Which objects of a folder belong to the table: see `common/listing.rs`.
//!
//! Start reading at [`Parquet`].

mod adapter;
mod column;
pub(crate) mod confirmed;
pub(crate) mod footer;
mod groups;
pub(crate) mod known;
mod promise;
mod prune;
mod reader;
mod scan;
mod statistics;
pub(crate) mod table;

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use meshweave_engine::connect::{AsOf, Capabilities, Connector, Observed, Opened, Pinned, Port};
use meshweave_engine::drift::DriftPolicy;
use meshweave_engine::settings::Limits;
use meshweave_engine::{QueryContext, Result};

use self::confirmed::Confirmed;
use self::footer::{Footer, Footers};
use self::table::ParquetTable;
use crate::common::columns::Identity;
use crate::common::kind::Kind;
use crate::common::manifest::Manifest;
use crate::common::merge::Merge;
use crate::common::read_only::ReadOnly;
use crate::common::source::Source;
use crate::common::{drift, plain, store_url};

/// What Parquet files are called, and how they are named.
const KIND: Kind = Kind { word: "parquet", people: "Parquet", endings: &[".parquet"], may_be_packed: false };
/// Footers that are read at a time when a table is observed.
const FOOTERS_AT_A_TIME: usize = 16;

/// The connector for Parquet files.
#[derive(Debug)]
pub struct Parquet {
    footers: Arc<Footers>,
    confirmed: Arc<Confirmed>,
}

impl Parquet {
    /// A connector with caches of the sizes that the settings give.
    pub fn new(limits: &Limits) -> Self {
        let footers = Arc::new(Footers::new(limits.footer_cache.0));
        Self { footers, confirmed: Arc::new(Confirmed::new(limits.layout_cache.0)) }
    }

    /// Every file's footer, in the order of the manifest.
    async fn all_footers(&self, ctx: &QueryContext, port: &Port, manifest: &Manifest) -> Result<Vec<Arc<Footer>>> {
        let source = Source::of(ctx, port);
        let asked: Vec<_> = manifest.files.iter().map(|file| self.footers.get(&source, file).boxed()).collect();
        stream::iter(asked).buffered(FOOTERS_AT_A_TIME).try_collect().await
    }

    /// The promised columns as stored; what nobody promised may differ from file to file.
    async fn stored_as_promised(
        &self,
        ctx: &QueryContext,
        port: &Port,
        manifest: &Manifest,
        promised: &SchemaRef,
    ) -> Result<SchemaRef> {
        let footers = self.all_footers(ctx, port, manifest).await?;
        let merge = merged(port, manifest, footers.iter().map(|footer| plain::only(&footer.schema, promised)))?;
        Ok(merge.finish(plain::partition_fields(port, manifest)).unwrap_or_else(|| Arc::clone(promised)))
    }

    async fn observe(&self, ctx: &QueryContext, port: &Port, manifest: &Manifest) -> Result<Observed> {
        let footers = self.all_footers(ctx, port, manifest).await?;
        let merge = merged(port, manifest, footers.iter().map(|footer| footer.schema.as_ref().clone()))?;
        let schema = match (merge.finish(plain::partition_fields(port, manifest)), &port.schema) {
            (Some(schema), _) => schema,
            (None, Some(promised)) => Arc::clone(promised),
            (None, None) => return Err(plain::nothing_to_observe(&KIND, port)),
        };
        Ok(Observed {
            schema,
            version: manifest.version(),
            files: manifest.files.len() as u64,
            bytes: manifest.bytes(),
            rows: Some(footers.iter().map(|footer| footer.groups.all_rows).sum()),
        })
    }
}

/// The columns of files as one.
fn merged(port: &Port, manifest: &Manifest, schemas: impl Iterator<Item = Schema>) -> Result<Merge> {
    let mut merge = Merge::default();
    for (file, schema) in manifest.files.iter().zip(schemas) {
        merge
            .add(file.location.as_ref(), &schema)
            .map_err(|message| plain::broken(port, message, Some("Files of one table hold the same columns.")))?;
    }
    Ok(merge)
}

#[async_trait]
impl Connector for Parquet {
    fn format(&self) -> &'static str {
        KIND.word
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { time_travel: false }
    }

    async fn probe(&self, ctx: &QueryContext, port: &Port) -> Result<Observed> {
        ctx.bounded(async {
            let manifest = plain::latest(&KIND, ctx, port).await?;
            self.observe(ctx, port, &manifest).await
        })
        .await
    }

    async fn pin(&self, ctx: &QueryContext, port: &Port, as_of: &AsOf) -> Result<Pinned> {
        plain::pin(&KIND, ctx, port, as_of).await
    }

    async fn open(&self, ctx: &QueryContext, port: &Port, pinned: &Pinned) -> Result<Opened> {
        let manifest = plain::pinned(&KIND, port, pinned)?;
        let schema: SchemaRef = match &port.schema {
            // Whoever widens must know every file's types before anything is planned.
            Some(schema) if ctx.drift.policy(&port.key) == DriftPolicy::Widen => {
                let stored = ctx.bounded(self.stored_as_promised(ctx, port, &manifest, schema)).await?;
                drift::widened(ctx, &port.key, schema, &stored)
            }
            Some(schema) => Arc::clone(schema),
            None => ctx.bounded(self.observe(ctx, port, &manifest)).await?.schema,
        };
        let source = Source::of(ctx, port);
        let url = store_url(KIND.word, &source.store_id)?;
        let stores = vec![(url.clone(), Arc::clone(&source.store))];
        let (columns, files) = plain::files(port, &manifest, schema)?;
        let identity = Identity {
            connector: KIND.word,
            key: port.key.clone(),
            domain: port.product.name.domain.to_string(),
            version: manifest.in_words(),
        };
        let table = ParquetTable {
            ctx: ctx.clone(),
            identity,
            columns,
            files,
            source,
            footers: Arc::clone(&self.footers),
            confirmed: Arc::clone(&self.confirmed),
            url,
            log: None,
        };
        Ok(Opened { provider: Arc::new(ReadOnly(table)), stores })
    }
}
