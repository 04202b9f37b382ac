//! The reader that DataFusion is given: our footers, and bytes of pinned objects only.
//!
//! Holds always: no cache of DataFusion is asked; its own are keyed by path alone.
//!
//! Start reading at [`PinnedReaders`].

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{ParquetFileMetrics, ParquetFileReaderFactory};
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet};
use futures::FutureExt;
use futures::future::BoxFuture;
use meshweave_engine::Error;
use object_store::ObjectMeta;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};

use super::footer::Footers;
use crate::common::source::Source;

/// Makes a reader per file of one table.
#[derive(Debug)]
pub(crate) struct PinnedReaders {
    source: Source,
    footers: Arc<Footers>,
}

impl PinnedReaders {
    /// Readers over one store, with the footers of the process.
    pub(crate) fn new(source: Source, footers: Arc<Footers>) -> Self {
        Self { source, footers }
    }
}

#[deny(clippy::missing_trait_methods)]
impl ParquetFileReaderFactory for PinnedReaders {
    fn create_reader(
        &self,
        partition_index: usize,
        partitioned_file: PartitionedFile,
        _metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> datafusion::error::Result<Box<dyn AsyncFileReader + Send>> {
        let file = partitioned_file.object_meta;
        let metrics = ParquetFileMetrics::new(partition_index, file.location.as_ref(), metrics);
        Ok(Box::new(PinnedReader {
            source: self.source.clone(),
            file,
            footers: Some(Arc::clone(&self.footers)),
            bytes_scanned: Some(metrics.bytes_scanned),
        }))
    }
}

/// Reads one pinned object.
pub(crate) struct PinnedReader {
    source: Source,
    file: ObjectMeta,
    footers: Option<Arc<Footers>>,
    bytes_scanned: Option<Count>,
}

impl fmt::Debug for PinnedReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PinnedReader").field("file", &self.file.location).finish_non_exhaustive()
    }
}

impl PinnedReader {
    /// A reader without footers and metrics; for loading a footer.
    pub(crate) fn plain(source: Source, file: ObjectMeta) -> Self {
        Self { source, file, footers: None, bytes_scanned: None }
    }
}

fn external(error: Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

#[deny(clippy::missing_trait_methods)]
impl AsyncFileReader for PinnedReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        async move {
            let mut bytes = self.get_byte_ranges(vec![range]).await?;
            bytes.pop().ok_or_else(|| ParquetError::General("one range gave no bytes".to_owned()))
        }
        .boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>>> {
        async move {
            if let Some(count) = &self.bytes_scanned {
                let total: u64 = ranges.iter().map(|range| range.end - range.start).sum();
                count.add(usize::try_from(total).unwrap_or(usize::MAX));
            }
            self.source.ranges(&self.file, &ranges).await.map_err(external)
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
        async move {
            let footers = self.footers.clone().unwrap_or_else(|| Arc::new(Footers::new(0)));
            let footer = footers.get(&self.source, &self.file).await.map_err(external)?;
            let policy = options.map_or(PageIndexPolicy::Skip, ArrowReaderOptions::column_index_policy);
            if policy == PageIndexPolicy::Skip {
                return Ok(Arc::clone(&footer.metadata));
            }
            let mut reader = ParquetMetaDataReader::new_with_metadata(footer.metadata.as_ref().clone())
                .with_page_index_policy(policy);
            reader.load_page_index(&mut *self).await?;
            Ok(Arc::new(reader.finish()?))
        }
        .boxed()
    }
}
