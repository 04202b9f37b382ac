//! Formats whose files are read row by row, from the first row to the last: CSV, JSON lines, Avro.
//!
//! A version is a manifest, as for Parquet files. The files tell nothing of their rows before they are read: only partition
//! folders leave files out.
//! Holds always: a file is read in one piece by one thread; a row that does not keep the contract ends the query with the
//! file and the line.
//!
//! Start reading at [`RowFiles`], then `format.rs`.

pub(crate) mod cells;
pub(crate) mod format;
pub(crate) mod input;
pub(crate) mod learnt;
pub(crate) mod lines;
pub(crate) mod nested;
mod parse;
pub(crate) mod place;
mod scan;
mod source;
mod stream;
mod table;

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::common::runtime::SpawnedTask;
use futures::{FutureExt, StreamExt, TryFutureExt, TryStreamExt, stream as futures_stream};
use meshweave_engine::connect::{AsOf, Capabilities, Connector, Observed, Opened, Pinned, Port};
use meshweave_engine::settings::Limits;
use meshweave_engine::{Error, QueryContext, Result};
use object_store::ObjectMeta;

use self::format::{Look, RowFormat, Rules};
use self::table::RowTable;
use crate::common::columns::Identity;
use crate::common::kind::Kind;
use crate::common::manifest::Manifest;
use crate::common::merge::Merge;
use crate::common::read_only::ReadOnly;
use crate::common::source::Source;
use crate::common::{plain, store_url};

pub(crate) use parse::{date, has_offset, moment, whole};

/// Files that are looked at when a table is observed: the first, the last, and some between.
const FILES_LOOKED_AT: usize = 16;
/// Files that are looked at, at a time.
const AT_A_TIME: usize = 4;

/// The connector for files of one such format.
#[derive(Debug)]
pub struct RowFiles {
    format: Arc<dyn RowFormat>,
    row_bytes: usize,
    sample_bytes: u64,
}

impl RowFiles {
    /// The connector for files of `format`.
    pub(crate) fn new(format: Arc<dyn RowFormat>, limits: &Limits) -> Self {
        let row_bytes = usize::try_from(limits.row_size.0).unwrap_or(usize::MAX);
        Self { format, row_bytes, sample_bytes: limits.schema_sample.0 }
    }

    fn kind(&self) -> &Kind {
        self.format.kind()
    }

    fn rules(&self, port: &Port, file_schema: SchemaRef) -> Rules {
        Rules { csv: port.spec.csv.clone().unwrap_or_default(), file_schema, row_bytes: self.row_bytes }
    }

    /// The columns as stored, from the first rows of some files.
    async fn observe(&self, ctx: &QueryContext, port: &Port, manifest: &Manifest) -> Result<Observed> {
        let folders = plain::partition_fields(port, manifest);
        let promised = port.schema.as_ref().map(|schema| {
            let held = schema.fields().iter().filter(|field| !folders.iter().any(|f| f.name() == field.name()));
            Arc::new(Schema::new(held.cloned().collect::<Vec<_>>()))
        });
        let asked: Vec<_> = some_of(&manifest.files)
            .into_iter()
            .map(|file| self.look(ctx, port, file, promised.clone()).map_ok(move |schema| (file, schema)).boxed())
            .collect();
        let looked: Vec<(&ObjectMeta, Schema)> = futures_stream::iter(asked).buffered(AT_A_TIME).try_collect().await?;
        let (files, mut found): (Vec<&ObjectMeta>, Vec<Schema>) = looked.into_iter().unzip();
        learnt::alike(&mut found, promised.as_deref());
        let mut merge = Merge::default();
        for (file, schema) in files.iter().zip(&found) {
            merge
                .add(file.location.as_ref(), schema)
                .map_err(|message| plain::broken(port, message, Some("Name the columns in the contract.")))?;
        }
        let schema = match (merge.finish(folders), &port.schema) {
            (Some(schema), _) => Arc::new(learnt::all_settled(&schema)),
            (None, Some(promised)) => Arc::clone(promised),
            (None, None) => return Err(plain::nothing_to_observe(self.kind(), port)),
        };
        Ok(Observed {
            schema,
            version: manifest.version(),
            files: manifest.files.len() as u64,
            bytes: manifest.bytes(),
            rows: None,
        })
    }

    async fn look(
        &self,
        ctx: &QueryContext,
        port: &Port,
        file: &ObjectMeta,
        promised: Option<SchemaRef>,
    ) -> Result<Schema> {
        let source = Source::of(ctx, port);
        let packing = self.kind().packing(file.location.as_ref());
        let (input, fetching) = input::open(source, file.clone(), packing);
        let rules = self.rules(port, promised.clone().unwrap_or_else(|| Arc::new(Schema::empty())));
        let (format, sample_bytes) = (Arc::clone(&self.format), self.sample_bytes);
        let looking = SpawnedTask::spawn_blocking(move || format.look(input, &Look { rules, promised, sample_bytes }));
        let seen = looking.join().await;
        drop(fetching);
        seen.map_err(|cause| Error::internal(format!("\"{}\" could not be looked at", file.location), cause))?
    }
}

/// The first, the last, and some files between.
fn some_of(files: &[ObjectMeta]) -> Vec<&ObjectMeta> {
    let count = files.len().min(FILES_LOOKED_AT);
    (0..count).map(|i| &files[i * (files.len() - 1) / (count.max(2) - 1)]).collect()
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
