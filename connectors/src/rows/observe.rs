//! What files of rows tell of their columns before a query reads them: from the first rows of each.
//!
//! In: the files of a version. Out: one schema.
//!
//! Start reading at [`RowFiles::observe`].

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use futures::{FutureExt, StreamExt, TryFutureExt, TryStreamExt, stream};
use meshweave_engine::connect::{Observed, Port};
use meshweave_engine::{Error, QueryContext, Result};
use object_store::ObjectMeta;

use super::format::Look;
use super::{RowFiles, input, learnt, thread};
use crate::common::manifest::Manifest;
use crate::common::merge::Merge;
use crate::common::plain;
use crate::common::source::Source;

/// Files that are looked at when a table is observed: the first, the last, and some between.
const FILES_LOOKED_AT: usize = 16;
/// Files that are looked at, at a time.
const AT_A_TIME: usize = 4;

impl RowFiles {
    /// The columns as stored, from the first rows of some files.
    ///
    /// # Errors
    /// Files that cannot be read, or whose columns cannot be one.
    pub(super) async fn observe(&self, ctx: &QueryContext, port: &Port, manifest: &Manifest) -> Result<Observed> {
        let merge = self.merged(ctx, port, manifest, some_of(&manifest.files), false).await?;
        let folders = plain::partition_fields(port, manifest);
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

    /// The promised columns as stored, from the first rows of every file.
    ///
    /// # Errors
    /// As [`Self::observe`].
    pub(super) async fn stored_as_promised(
        &self,
        ctx: &QueryContext,
        port: &Port,
        manifest: &Manifest,
    ) -> Result<SchemaRef> {
        let merge = self.merged(ctx, port, manifest, manifest.files.iter().collect(), true).await?;
        Ok(merge.finish(Vec::new()).unwrap_or_else(|| Arc::new(Schema::empty())))
    }

    /// - `only_promised`: leaves out what the contract does not name.
    async fn merged(
        &self,
        ctx: &QueryContext,
        port: &Port,
        manifest: &Manifest,
        files: Vec<&ObjectMeta>,
        only_promised: bool,
    ) -> Result<Merge> {
        let folders = plain::partition_fields(port, manifest);
        let promised = port.schema.as_ref().map(|schema| {
            let held = schema.fields().iter().filter(|field| !folders.iter().any(|f| f.name() == field.name()));
            Arc::new(Schema::new(held.cloned().collect::<Vec<_>>()))
        });
        let asked: Vec<_> = files
            .into_iter()
            .map(|file| self.look(ctx, port, file, promised.clone()).map_ok(move |schema| (file, schema)).boxed())
            .collect();
        let looked: Vec<(&ObjectMeta, Schema)> = stream::iter(asked).buffered(AT_A_TIME).try_collect().await?;
        let (files, mut found): (Vec<&ObjectMeta>, Vec<Schema>) = looked.into_iter().unzip();
        learnt::alike(&mut found, promised.as_deref());
        let mut merge = Merge::default();
        for (file, schema) in files.iter().zip(found) {
            let schema = match &promised {
                Some(promised) if only_promised => plain::only(&schema, promised),
                _ => schema,
            };
            merge
                .add(file.location.as_ref(), &schema)
                .map_err(|message| plain::broken(port, message, Some("Name the columns in the contract.")))?;
        }
        Ok(merge)
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
        let seen = thread::run(move || format.look(input, &Look { rules, promised, sample_bytes }))?.await;
        drop(fetching);
        seen.map_err(|cause| Error::internal(format!("\"{}\" could not be looked at", file.location), cause))?
    }
}

/// The first, the last, and some files between.
fn some_of(files: &[ObjectMeta]) -> Vec<&ObjectMeta> {
    let count = files.len().min(FILES_LOOKED_AT);
    (0..count).map(|i| &files[i * (files.len() - 1) / (count.max(2) - 1)]).collect()
}
