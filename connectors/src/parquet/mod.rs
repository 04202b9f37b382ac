//! Plain Parquet files as a table: a file, a folder or a glob, with Hive partition folders.
//!
//! A version is a manifest: every object's path, size and ETag. What is read later is exactly those objects, or an error.
//! Which objects of a folder belong to the table: see `listing.rs`.
//!
//! Start reading at [`Parquet`].

mod adapter;
mod column;
mod filters;
pub(crate) mod footer;
pub(crate) mod hive;
pub(crate) mod known;
mod layout;
mod listing;
mod manifest;
mod promise;
mod prune;
mod reader;
mod scan;
mod schema;
pub(crate) mod source;
mod statistics;
pub(crate) mod table;

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, SchemaRef};
use async_trait::async_trait;
use bytes::Bytes;
use datafusion::common::ScalarValue;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use meshweave_engine::connect::{AsOf, Capabilities, Connector, Observed, Opened, Pinned, Port};
use meshweave_engine::drift::DriftPolicy;
use meshweave_engine::settings::Limits;
use meshweave_engine::version::Version;
use meshweave_engine::{Error, Failure, QueryContext, Result};

use self::footer::{Footer, Footers};
use self::hive::Folder;
use self::manifest::Manifest;
use self::source::Source;
use self::table::{Columns, Identity, ParquetTable, TableFile};
use crate::common::{drift, store_url};

/// The word of a contract's `format`.
const FORMAT: &str = "parquet";
/// Footers that are read at a time when a table is observed.
const FOOTERS_AT_A_TIME: usize = 16;

/// The connector for Parquet files.
#[derive(Debug)]
pub struct Parquet {
    footers: Arc<Footers>,
}

impl Parquet {
    /// A connector with a footer cache of the size that the settings give.
    pub fn new(limits: &Limits) -> Self {
        Self { footers: Arc::new(Footers::new(limits.footer_cache.0)) }
    }

    async fn latest(ctx: &QueryContext, port: &Port) -> Result<Manifest> {
        let source = Source::of(ctx, port);
        let files = listing::list(port, source.store.as_ref()).await?;
        Manifest::of(files).map_err(|cause| Error::internal("a manifest could not be written", cause))
    }

    async fn observe(&self, ctx: &QueryContext, port: &Port, manifest: &Manifest) -> Result<Observed> {
        let source = Source::of(ctx, port);
        let asked: Vec<_> = manifest.files.iter().map(|file| self.footers.get(&source, file).boxed()).collect();
        let footers: Vec<Arc<Footer>> = stream::iter(asked).buffered(FOOTERS_AT_A_TIME).try_collect().await?;
        let mut merge = schema::Merge::default();
        for (file, footer) in manifest.files.iter().zip(&footers) {
            merge
                .add(file.location.as_ref(), &footer.schema)
                .map_err(|message| broken(port, message, Some("Files of one table hold the same columns.")))?;
        }
        let schema = match (merge.finish(partition_fields(port, manifest)), &port.schema) {
            (Some(schema), _) => schema,
            (None, Some(promised)) => Arc::clone(promised),
            (None, None) => return Err(nothing_to_observe(port)),
        };
        Ok(Observed {
            schema,
            version: manifest.version(),
            files: manifest.files.len() as u64,
            bytes: manifest.bytes(),
            rows: Some(footers.iter().map(|footer| footer.rows()).sum()),
        })
    }
}

#[async_trait]
impl Connector for Parquet {
    fn format(&self) -> &'static str {
        FORMAT
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { time_travel: false }
    }

    async fn probe(&self, ctx: &QueryContext, port: &Port) -> Result<Observed> {
        ctx.bounded(async {
            let manifest = Self::latest(ctx, port).await?;
            self.observe(ctx, port, &manifest).await
        })
        .await
    }

    async fn pin(&self, ctx: &QueryContext, port: &Port, as_of: &AsOf) -> Result<Pinned> {
        let manifest = match as_of {
            AsOf::Latest => ctx.bounded(Self::latest(ctx, port)).await?,
            AsOf::Recorded { version, manifest } => recorded(port, version, manifest.as_ref())?,
            AsOf::Number(_) | AsOf::Timestamp(_) => return Err(no_time_travel(port)),
        };
        Ok(Pinned { version: manifest.version(), manifest: Some(manifest.text.clone()), detail: Arc::new(manifest) })
    }

    async fn open(&self, ctx: &QueryContext, port: &Port, pinned: &Pinned) -> Result<Opened> {
        let manifest = Arc::clone(&pinned.detail).downcast::<Manifest>().map_err(|_| Failure::Internal {
            message: format!("what was pinned of {} is no manifest of Parquet files", port.key),
            cause: None,
        })?;
        let schema = match &port.schema {
            // Whoever widens must know every file's types before anything is planned.
            Some(schema) if ctx.drift.policy(&port.key) == DriftPolicy::Widen => {
                let stored = ctx.bounded(self.observe(ctx, port, &manifest)).await?.schema;
                drift::widened(ctx, &port.key, schema, &stored)
            }
            Some(schema) => Arc::clone(schema),
            None => ctx.bounded(self.observe(ctx, port, &manifest)).await?.schema,
        };
        let source = Source::of(ctx, port);
        let url = store_url(FORMAT, &source.store_id)?;
        let stores = vec![(url.clone(), Arc::clone(&source.store))];
        let (columns, files) = files(port, &manifest, schema)?;
        let identity = Identity {
            connector: FORMAT,
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
            url,
            log: None,
        };
        Ok(Opened { provider: Arc::new(table), stores })
    }
}

/// A version that was kept before.
fn recorded(port: &Port, version: &Version, text: Option<&Bytes>) -> Result<Manifest> {
    let gone = |message: String| Failure::Unavailable { what: port.product.name.to_string(), message, cause: None };
    let Version::Manifest(hash) = version else {
        return Err(gone("the recorded version is not one of Parquet files".to_owned()).into());
    };
    let Some(text) = text else {
        return Err(gone(format!("manifest {hash} is no longer kept")).into());
    };
    let manifest = Manifest::read(text, hash).map_err(gone)?;
    let folder = &port.location.path;
    match manifest.files.iter().find(|file| !file.location.prefix_matches(folder)) {
        None => Ok(manifest),
        Some(file) => Err(gone(format!("the kept manifest names \"{}\", which lies outside it", file.location)).into()),
    }
}

fn no_time_travel(port: &Port) -> Error {
    Failure::Unsupported {
        what: format!("time travel on {}, a product of plain Parquet files,", port.product.name),
        hint: Some("Products of the format delta keep their versions.".to_owned()),
    }
    .into()
}

fn nothing_to_observe(port: &Port) -> Error {
    Failure::Unavailable {
        what: port.product.name.to_string(),
        message: format!(
            "its contract names no columns, and no Parquet file lies at {} to learn them from",
            port.location.url
        ),
        cause: None,
    }
    .into()
}

fn broken(port: &Port, message: String, hint: Option<&str>) -> Error {
    Failure::ContractBroken { product: port.product.name.to_string(), message, hint: hint.map(str::to_owned) }.into()
}

/// The partition folders of every file, in the order of the manifest.
fn folders(port: &Port, manifest: &Manifest) -> Vec<Vec<Folder>> {
    manifest.files.iter().map(|file| hive::folders(&listing::below(&port.location.path, &file.location))).collect()
}

/// Names of the partition columns of a manifest, outermost first.
fn partition_names(folders: &[Vec<Folder>]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (name, _) in folders.iter().flatten() {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// The partition columns as observed: typed as promised where something is promised, else as their values look.
fn partition_fields(port: &Port, manifest: &Manifest) -> Vec<Field> {
    let folders = folders(port, manifest);
    let promised = |name: &str| -> Option<DataType> {
        Some(port.schema.as_ref()?.field_with_name(name).ok()?.data_type().clone())
    };
    partition_names(&folders)
        .into_iter()
        .map(|name| {
            let values = folders.iter().map(|folders| {
                folders.iter().rev().find(|(column, _)| *column == name).and_then(|(_, value)| value.as_deref())
            });
            let is_nullable = values.clone().any(|value| value.is_none());
            let data_type = promised(&name).unwrap_or_else(|| hive::inferred(values));
            Field::new(name, data_type, is_nullable)
        })
        .collect()
}

/// Parts the columns, and gives every file its partition values.
///
/// A column that folders hold is read from the folders, also when the files hold it too.
fn files(port: &Port, manifest: &Manifest, schema: SchemaRef) -> Result<(Columns, Vec<TableFile>)> {
    let folders = folders(port, manifest);
    let columns = Columns::new(schema, &partition_names(&folders));
    let files = manifest
        .files
        .iter()
        .zip(&folders)
        .map(|(meta, folders)| {
            let values = columns
                .partitions
                .iter()
                .map(|field| partition_value(port, meta.location.as_ref(), folders, field))
                .collect::<Result<_>>()?;
            Ok(TableFile { meta: meta.clone(), values })
        })
        .collect::<Result<_>>()?;
    Ok((columns, files))
}

fn partition_value(port: &Port, path: &str, folders: &[Folder], field: &Field) -> Result<ScalarValue> {
    let name = field.name();
    let Some((_, value)) = folders.iter().rev().find(|(column, _)| column == name) else {
        return Err(broken(port, format!("\"{path}\" lies in no folder of partition column \"{name}\""), None));
    };
    let data_type = field.data_type();
    if value.is_none() && !field.is_nullable() {
        let message =
            format!("\"{path}\" has null in partition column \"{name}\" ({data_type}), which may not be null");
        return Err(broken(port, message, None));
    }
    hive::typed(value.as_deref(), data_type).map_err(|_| {
        let text = value.as_deref().unwrap_or_default();
        broken(port, format!("\"{path}\" has \"{text}\" in partition column \"{name}\", promised is {data_type}"), None)
    })
}
