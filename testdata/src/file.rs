//! Writes record batches as Parquet files into an object store.
//!
//! In: batches, one after the other. Out: a [`WrittenFile`] with the footer that was written.
//! Holds always:
//! - types come from Parquet alone (no Arrow schema is embedded), as in files of other writers;
//! - a file holds several row groups as soon as it holds a few thousand rows.
//!
//! Start reading at [`Files::write`].

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use object_store::ObjectStore;
use object_store::ObjectStoreExt;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use parquet::arrow::AsyncArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::WriterProperties;

use crate::error::Result;

/// Rows of the largest row group that is written.
const LARGEST_ROW_GROUP: usize = 122_880;
/// Rows of the smallest row group that is worth having.
const SMALLEST_ROW_GROUP: usize = 1_000;

/// Writes files under one prefix of one store.
#[derive(Debug, Clone)]
pub struct Files {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

/// One Parquet file as it was written.
#[derive(Debug, Clone)]
pub struct WrittenFile {
    /// Its path in the store.
    pub path: Path,
    /// Its size on storage.
    pub bytes: u64,
    /// The columns that were written.
    pub schema: SchemaRef,
    /// Its footer.
    pub footer: Arc<ParquetMetaData>,
}

impl WrittenFile {
    /// Rows in the file.
    pub fn rows(&self) -> u64 {
        u64::try_from(self.footer.file_metadata().num_rows()).unwrap_or(0)
    }
}

impl Files {
    /// Files of `store` below `prefix`.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: Path) -> Self {
        Self { store, prefix }
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// The path of `name` (which may have folders) below the prefix.
    pub fn path(&self, name: &str) -> Path {
        name.split('/').filter(|part| !part.is_empty()).fold(self.prefix.clone(), |path, part| path.join(part))
    }

    /// The same store, one folder deeper.
    #[must_use]
    pub fn folder(&self, name: &str) -> Self {
        Self { store: Arc::clone(&self.store), prefix: self.path(name) }
    }

    /// Writes one Parquet file, batch by batch.
    ///
    /// - `expected_rows`: decides the size of row groups, three or more to a file.
    ///
    /// # Errors
    /// The first error of the batches, of the encoder or of the store.
    pub async fn write(
        &self,
        name: &str,
        schema: SchemaRef,
        expected_rows: usize,
        batches: impl Iterator<Item = Result<RecordBatch, ArrowError>> + Send,
    ) -> Result<WrittenFile> {
        let path = self.path(name);
        let sink = BufWriter::new(Arc::clone(&self.store), path.clone());
        let options =
            ArrowWriterOptions::new().with_properties(properties(expected_rows)).with_skip_arrow_metadata(true);
        let mut writer = AsyncArrowWriter::try_new_with_options(sink, Arc::clone(&schema), options)?;
        for batch in batches {
            writer.write(&batch?).await?;
        }
        let footer = Arc::new(writer.finish().await?);
        let bytes = writer.bytes_written() as u64;
        Ok(WrittenFile { path, bytes, schema, footer })
    }

    /// Writes one small object whole.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn put(&self, name: &str, content: impl Into<bytes::Bytes> + Send) -> Result<()> {
        self.store.put(&self.path(name), content.into().into()).await?;
        Ok(())
    }

    /// Gives an object that is there already a second name; on a local file system it takes no further space.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn copy(&self, from: &WrittenFile, name: &str) -> Result<WrittenFile> {
        let path = self.path(name);
        self.store.copy(&from.path, &path).await?;
        Ok(WrittenFile { path, ..from.clone() })
    }
}

/// How files are encoded: snappy, page statistics, and three or more row groups.
fn properties(expected_rows: usize) -> WriterProperties {
    WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some((expected_rows / 3 + 1).clamp(SMALLEST_ROW_GROUP, LARGEST_ROW_GROUP)))
        .build()
}
