//! Decoded footers, cached by the identity of the object: store, path and ETag, and nothing less.
//!
//! In: a pinned object. Out: its metadata as DataFusion and our pruning may believe it.
//! Holds always:
//! - two objects never share an entry, whatever their paths, sizes and times are;
//! - the cache keeps to its size; several queries that want one footer read it once;
//! - statistics that may lead to a lost row are taken out before anybody sees them, see [`believable`].
//!
//! Start reading at [`Footers::get`].

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, SchemaRef};
use meshweave_engine::drift::Difference;
use meshweave_engine::storage::StoreId;
use meshweave_engine::{Error, Failure, Result};
use object_store::ObjectMeta;
use parking_lot::Mutex;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::{LogicalType, SortOrder, Type as PhysicalType};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use tokio::sync::OnceCell;

use super::column::ColumnFacts;
use super::groups::Groups;
use super::reader::PinnedReader;
use crate::common::find;
use crate::common::source::Source;

/// Bytes of a file's end that are read first; most footers fit.
const TAIL: usize = 64 << 10;

/// The facts of one column, by the type that they are told in; most columns are promised in one.
type Typed = Vec<(DataType, Arc<ColumnFacts>)>;

/// What is known of one object without reading its rows.
#[derive(Debug)]
pub(crate) struct Footer {
    /// Row groups and columns; statistics as [`believable`] leaves them.
    pub(crate) metadata: Arc<ParquetMetaData>,
    /// The columns as Arrow reads them.
    pub(crate) schema: SchemaRef,
    /// What every plan weighs of it.
    pub(crate) groups: Groups,
    /// By name; for each type that was promised of it.
    columns: Mutex<HashMap<String, Typed>>,
    /// The promise that this file was compared with last, and what differs.
    compared: Mutex<Option<(SchemaRef, Arc<[Difference]>)>>,
}

impl Footer {
    /// The type of a stored column where a log has the last word: the old 96 bit times are instants.
    pub(crate) fn by_log(&self, stored: &Field) -> DataType {
        let columns = self.metadata.file_metadata().schema_descr();
        let is_old = (0..columns.num_columns()).any(|leaf| {
            columns.get_column_root(leaf).name() == stored.name()
                && columns.column(leaf).physical_type() == PhysicalType::INT96
        });
        match stored.data_type() {
            DataType::Timestamp(unit, None) if is_old => DataType::Timestamp(*unit, Some("UTC".into())),
            other => other.clone(),
        }
    }

    /// What the statistics say of a column, in the type of `promised`; computed once per footer and type.
    pub(crate) fn column(&self, promised: &Field) -> Arc<ColumnFacts> {
        let data_type = promised.data_type();
        let known =
            |facts: &Typed| facts.iter().find(|(known, _)| known == data_type).map(|(_, facts)| Arc::clone(facts));
        if let Some(facts) = self.columns.lock().get(promised.name()).and_then(known) {
            return facts;
        }
        let facts = Arc::new(ColumnFacts::of(self, promised));
        let mut columns = self.columns.lock();
        let of_name = columns.entry(promised.name().clone()).or_default();
        // Another query may have been first.
        if let Some(facts) = known(of_name) {
            return facts;
        }
        of_name.push((data_type.clone(), Arc::clone(&facts)));
        facts
    }

    /// How this file differs from a promise; `find` is asked unless it was for the same promise before.
    pub(crate) fn differences(&self, promise: &SchemaRef, find: impl FnOnce() -> Vec<Difference>) -> Arc<[Difference]> {
        if let Some((known, found)) = self.compared.lock().as_mut()
            && (Arc::ptr_eq(known, promise) || known == promise)
        {
            known.clone_from(promise);
            return Arc::clone(found);
        }
        let found: Arc<[Difference]> = find().into();
        *self.compared.lock() = Some((Arc::clone(promise), Arc::clone(&found)));
        found
    }

    /// Its place in memory, bytes: the metadata, and as much again for what is derived from it.
    fn weight(&self) -> u64 {
        2 * self.metadata.memory_size() as u64
    }
}

/// The identity of an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    store: StoreId,
    path: String,
    state: String,
}

impl Key {
    /// Of an object as it was pinned.
    pub(crate) fn of(source: &Source, file: &ObjectMeta) -> Self {
        let state = match &file.e_tag {
            Some(etag) => format!("etag {etag}"),
            None => format!("modified {} size {}", file.last_modified.to_rfc3339(), file.size),
        };
        Self { store: source.store_id.clone(), path: file.location.to_string(), state }
    }

    /// Store, path and state.
    pub(crate) fn parts(&self) -> [&str; 3] {
        [&self.store.0, &self.path, &self.state]
    }
}

type Flight = Arc<OnceCell<Arc<Footer>>>;

/// The cache of a process; bounded in bytes, the longest unused goes first.
#[derive(Debug)]
pub(crate) struct Footers {
    limit: u64,
    kept: Mutex<Kept>,
    flights: Mutex<HashMap<Key, Flight>>,
}

#[derive(Debug, Default)]
struct Kept {
    entries: HashMap<Key, (u64, Arc<Footer>)>,
    by_use: BTreeMap<u64, Key>,
    clock: u64,
    bytes: u64,
}

impl Kept {
    fn get(&mut self, key: &Key) -> Option<Arc<Footer>> {
        self.clock += 1;
        let (used, footer) = self.entries.get_mut(key)?;
        let key = self.by_use.remove(used)?;
        *used = self.clock;
        self.by_use.insert(self.clock, key);
        Some(Arc::clone(footer))
    }

    fn put(&mut self, key: Key, footer: Arc<Footer>, limit: u64) {
        let weight = footer.weight();
        if weight > limit || self.entries.contains_key(&key) {
            return;
        }
        self.clock += 1;
        self.bytes += weight;
        self.by_use.insert(self.clock, key.clone());
        self.entries.insert(key, (self.clock, footer));
        while self.bytes > limit
            && let Some((_, oldest)) = self.by_use.pop_first()
        {
            if let Some((_, footer)) = self.entries.remove(&oldest) {
                self.bytes -= footer.weight();
            }
        }
    }
}

impl Footers {
    /// An empty cache of at most `limit` bytes.
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, kept: Mutex::default(), flights: Mutex::default() }
    }

    /// The footer of a pinned object, when it is in the cache.
    pub(crate) fn known(&self, source: &Source, file: &ObjectMeta) -> Option<Arc<Footer>> {
        self.kept.lock().get(&Key::of(source, file))
    }

    /// The footer of a pinned object, from the cache or from the store.
    ///
    /// Cost: nothing when cached; else one request, two when the footer is larger than 64 KiB.
    ///
    /// # Errors
    /// [`Failure::PinnedObjectChanged`], [`Failure::Unavailable`]; [`Failure::ContractBroken`] when it is no Parquet file.
    pub(crate) async fn get(&self, source: &Source, file: &ObjectMeta) -> Result<Arc<Footer>> {
        let key = Key::of(source, file);
        if let Some(known) = self.kept.lock().get(&key) {
            return Ok(known);
        }
        let flight = Arc::clone(self.flights.lock().entry(key.clone()).or_default());
        let passenger = Passenger { footers: self, key: &key, flight };
        let footer = Arc::clone(passenger.flight.get_or_try_init(|| load(source, file)).await?);
        self.kept.lock().put(key.clone(), Arc::clone(&footer), self.limit);
        Ok(footer)
    }
}

/// One of those who wait for a footer; the last to leave, or the first after it has landed, forgets the flight.
struct Passenger<'a> {
    footers: &'a Footers,
    key: &'a Key,
    flight: Flight,
}

impl Drop for Passenger<'_> {
    fn drop(&mut self) {
        let mut flights = self.footers.flights.lock();
        let is_last = Arc::strong_count(&self.flight) <= 2;
        if (is_last || self.flight.initialized()) && flights.get(self.key).is_some_and(|f| Arc::ptr_eq(f, &self.flight))
        {
            flights.remove(self.key);
        }
    }
}

async fn load(source: &Source, file: &ObjectMeta) -> Result<Arc<Footer>> {
    let broken = |error: ParquetError| -> Error {
        find(&error).cloned().unwrap_or_else(|| {
            Failure::ContractBroken {
                product: source.product().to_owned(),
                message: format!("\"{}\" is no readable Parquet file: {error}", file.location),
                hint: None,
            }
            .into()
        })
    };
    let mut reader = PinnedReader::plain(source.clone(), file.clone());
    let metadata = ParquetMetaDataReader::new()
        .with_page_index_policy(PageIndexPolicy::Skip)
        .with_prefetch_hint(Some(TAIL))
        .load_and_finish(&mut reader, file.size)
        .await
        .map_err(broken)?;
    let metadata = Arc::new(believable(metadata).map_err(broken)?);
    let arrow = ArrowReaderMetadata::try_new(Arc::clone(&metadata), ArrowReaderOptions::new()).map_err(broken)?;
    let schema = Arc::clone(arrow.schema());
    let groups = Groups::of(&metadata);
    Ok(Arc::new(Footer { metadata, schema, groups, columns: Mutex::default(), compared: Mutex::default() }))
}

/// Takes out the statistics that pruning must not believe.
///
/// - floating point: writers leave NaN out of min and max, so a row group with NaN looks as if it had none;
/// - old min and max of text and unsigned numbers: they were compared as signed bytes;
/// - statistics without a null count: DataFusion reads a missing count as none.
///
/// # Source
/// Parquet format, `Statistics` and `ColumnOrder`; apache/datafusion #19089.
fn believable(metadata: ParquetMetaData) -> Result<ParquetMetaData, ParquetError> {
    let mut builder = metadata.into_builder();
    let groups = builder.take_row_groups();
    let mut kept = Vec::with_capacity(groups.len());
    for group in groups {
        let mut builder = group.into_builder();
        let columns =
            builder.take_columns().into_iter().map(believable_column).collect::<Result<Vec<_>, ParquetError>>()?;
        kept.push(builder.set_column_metadata(columns).build()?);
    }
    Ok(builder.set_row_groups(kept).build())
}

fn believable_column(column: ColumnChunkMetaData) -> Result<ColumnChunkMetaData, ParquetError> {
    if is_float(&column) {
        return column
            .into_builder()
            .clear_statistics()
            .set_column_index_offset(None)
            .set_column_index_length(None)
            .build();
    }
    let Some(statistics) = column.statistics() else {
        return Ok(column);
    };
    let is_signed = matches!(column.column_type(), PhysicalType::INT32 | PhysicalType::INT64)
        && column.column_descr().sort_order() == SortOrder::SIGNED;
    if statistics.null_count_opt().is_none() || (statistics.is_min_max_deprecated() && !is_signed) {
        return column.into_builder().clear_statistics().build();
    }
    Ok(column)
}

fn is_float(column: &ColumnChunkMetaData) -> bool {
    matches!(column.column_type(), PhysicalType::FLOAT | PhysicalType::DOUBLE)
        || matches!(column.column_descr().logical_type_ref(), Some(LogicalType::Float16))
}
