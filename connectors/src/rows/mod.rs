//! Formats whose files are read row by row, from the first row to the last: CSV, JSON lines, Avro.
//!
//! A version is a manifest, as for Parquet files. The files tell nothing of their rows before they are read: only partition
//! folders leave files out.
//! Holds always: a file is read in one piece by one thread; a row that does not keep the contract ends the query with the
//! file and the line.
//!
//! Start reading at [`RowFiles`], then `format.rs`; `watch.rs` is about files that do not hold what is promised.

pub(crate) mod cells;
pub(crate) mod format;
pub(crate) mod input;
pub(crate) mod learnt;
pub(crate) mod lines;
pub(crate) mod nested;
mod observe;
mod parse;
pub(crate) mod place;
mod scan;
mod source;
mod stream;
mod table;
mod thread;
pub(crate) mod watch;

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use meshweave_engine::connect::{AsOf, Capabilities, Connector, Observed, Opened, Pinned, Port};
use meshweave_engine::drift::DriftPolicy;
use meshweave_engine::settings::{ByteSize, Limits};
use meshweave_engine::{QueryContext, Result};

use self::format::{RowFormat, Rules};
use self::table::RowTable;
use crate::common::columns::Identity;
use crate::common::kind::Kind;
use crate::common::read_only::ReadOnly;
use crate::common::source::Source;
use crate::common::{drift, plain, store_url};

pub(crate) use parse::{date, has_offset, moment, whole};

/// The connector for files of one such format.
#[derive(Debug)]
pub struct RowFiles {
    format: Arc<dyn RowFormat>,
    row_bytes: usize,
    block_bytes: usize,
    sample_bytes: u64,
}

impl RowFiles {
    /// The connector for files of `format`.
    pub(crate) fn new(format: Arc<dyn RowFormat>, limits: &Limits) -> Self {
        let bytes = |size: ByteSize| usize::try_from(size.0).unwrap_or(usize::MAX);
        let (row_bytes, block_bytes) = (bytes(limits.row_size), bytes(limits.avro_block));
        Self { format, row_bytes, block_bytes, sample_bytes: limits.schema_sample.0 }
    }

    fn kind(&self) -> &Kind {
        self.format.kind()
    }

    fn rules(&self, port: &Port, file_schema: SchemaRef) -> Rules {
        let (row_bytes, block_bytes) = (self.row_bytes, self.block_bytes);
        Rules { csv: port.spec.csv.clone().unwrap_or_default(), file_schema, row_bytes, block_bytes }
    }
}

#[async_trait]
impl Connector for RowFiles {
    fn format(&self) -> &'static str {
        self.kind().word
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { time_travel: false }
    }

    async fn probe(&self, ctx: &QueryContext, port: &Port) -> Result<Observed> {
        ctx.bounded(async {
            let manifest = plain::latest(self.kind(), ctx, port).await?;
            self.observe(ctx, port, &manifest).await
        })
        .await
    }

    async fn pin(&self, ctx: &QueryContext, port: &Port, as_of: &AsOf) -> Result<Pinned> {
        plain::pin(self.kind(), ctx, port, as_of).await
    }

    async fn open(&self, ctx: &QueryContext, port: &Port, pinned: &Pinned) -> Result<Opened> {
        let manifest = plain::pinned(self.kind(), port, pinned)?;
        let schema: SchemaRef = match &port.schema {
            // Whoever widens must know every file's types before anything is planned.
            Some(schema) if ctx.drift.policy(&port.key) == DriftPolicy::Widen => {
                let stored = ctx.bounded(self.stored_as_promised(ctx, port, &manifest)).await?;
                drift::widened(ctx, &port.key, schema, &stored)
            }
            Some(schema) => Arc::clone(schema),
            None => ctx.bounded(self.observe(ctx, port, &manifest)).await?.schema,
        };
        let source = Source::of(ctx, port);
        let url = store_url(self.kind().word, &source.store_id)?;
        let stores = vec![(url.clone(), Arc::clone(&source.store))];
        let (columns, files) = plain::files(port, &manifest, schema)?;
        self.format.can_hold(&columns.file_schema).map_err(|message| plain::broken(port, message, None))?;
        let identity = Identity {
            connector: self.kind().word,
            key: port.key.clone(),
            domain: port.product.name.domain.to_string(),
            version: manifest.in_words(),
        };
        let rules = Arc::new(self.rules(port, Arc::clone(&columns.file_schema)));
        let format = Arc::clone(&self.format);
        let table = RowTable { ctx: ctx.clone(), identity, columns, files, source, format, rules, url };
        Ok(Opened { provider: Arc::new(ReadOnly(table)), stores })
    }
}
