//! The columns of a table of files, its files with their partition values, and how it is named in reports.
//!
//! Holds always: the promised order is the port's, wherever the partition columns stand; a scan has the columns of files first, then
//! those of folders.
//!
//! Start reading at [`Columns`].

use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use object_store::ObjectMeta;

use super::hidden::{Bounds, HiddenColumns};

/// How a table is named in reports.
#[derive(Debug)]
pub(crate) struct Identity {
    /// The connector that reads it.
    pub(crate) connector: &'static str,
    /// The key of the version vector.
    pub(crate) key: String,
    /// The owning domain.
    pub(crate) domain: String,
    /// The pinned version in words.
    pub(crate) version: String,
}

/// One file and the values of its partition folders.
#[derive(Debug)]
pub(crate) struct TableFile {
    /// As it was pinned.
    pub(crate) meta: ObjectMeta,
    /// In the order of the partition columns.
    pub(crate) values: Vec<ScalarValue>,
    /// What its folders stand for, in the order of the hidden columns.
    pub(crate) hidden: Vec<Option<Bounds>>,
}

/// The columns of a table: as promised, and as a scan has them (file columns, then partition columns).
#[derive(Debug)]
pub(crate) struct Columns {
    /// As promised.
    pub(crate) schema: SchemaRef,
    /// Those that files hold, in the promised order.
    pub(crate) file_schema: SchemaRef,
    /// Those that folders hold, in the promised order.
    pub(crate) partitions: Vec<FieldRef>,
    /// File columns, then partition columns.
    pub(crate) scanned: TableSchema,
    /// Those by whose time folders are named.
    pub(crate) hidden: HiddenColumns,
}

impl Columns {
    /// Parts the promised columns.
    ///
    /// - `partitions`: names of columns that folders hold.
    pub(crate) fn new(schema: SchemaRef, partitions: &[String]) -> Self {
        let (folders, held): (Vec<FieldRef>, Vec<FieldRef>) =
            schema.fields().iter().cloned().partition(|field| partitions.contains(field.name()));
        // The same pointer where nothing is parted: what was found out about it is found again without a comparison.
        let is_whole = folders.is_empty() && schema.metadata().is_empty();
        let file_schema = if is_whole { Arc::clone(&schema) } else { Arc::new(Schema::new(held)) };
        let scanned = TableSchema::builder(Arc::clone(&file_schema)).with_table_partition_cols(folders.clone()).build();
        Self { schema, file_schema, partitions: folders, scanned, hidden: HiddenColumns::default() }
    }

    /// The same columns, by whose time folders are named.
    pub(crate) fn with_hidden(self, hidden: HiddenColumns) -> Self {
        Self { hidden, ..self }
    }

    /// Names of the partition columns.
    pub(crate) fn partition_names(&self) -> Vec<String> {
        self.partitions.iter().map(|field| field.name().clone()).collect()
    }

    /// The columns that a projection of the promised columns asks for, in its order.
    pub(crate) fn projected<'a>(&'a self, projection: Option<&'a Vec<usize>>) -> Vec<&'a Field> {
        match projection {
            None => self.schema.fields().iter().map(AsRef::as_ref).collect(),
            Some(indexes) => indexes.iter().map(|i| self.schema.field(*i)).collect(),
        }
    }

    /// Where columns stand in the scan.
    pub(crate) fn scanned_indexes(&self, columns: &[&Field]) -> Result<Vec<usize>> {
        let scanned = self.scanned.table_schema();
        columns.iter().map(|field| Ok(scanned.index_of(field.name())?)).collect()
    }
}
