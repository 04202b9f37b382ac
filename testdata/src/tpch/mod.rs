//! TPC-H, split over five domains, each table as a Parquet product and as a Delta product.
//!
//! In: a scale factor and a number of files. Out: files, Delta logs and ODCS contracts.
//! Holds always: rows are generated and written batch by batch; the Delta product holds the same bytes as the Parquet one.
//!
//! Start reading at [`write_table`].

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use tpchgen::generators as generate;
use tpchgen_arrow as batches;

use crate::delta::{Added, DeltaTable};
use crate::error::Result;
use crate::file::{Files, WrittenFile};

mod contract;
mod words;

pub use contract::contract;

/// Rows of one generated batch.
const BATCH_ROWS: usize = 8_192;

/// A table of TPC-H.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Five continents.
    Region,
    /// Twenty-five countries.
    Nation,
    /// What is sold.
    Part,
    /// Who sells it to us.
    Supplier,
    /// Which supplier sells which part.
    Partsupp,
    /// Who buys.
    Customer,
    /// What was ordered.
    Orders,
    /// The lines of the orders.
    Lineitem,
}

impl Table {
    /// Every table; a table comes after those that it refers to.
    pub const ALL: [Self; 8] = [
        Self::Region,
        Self::Nation,
        Self::Part,
        Self::Supplier,
        Self::Partsupp,
        Self::Customer,
        Self::Orders,
        Self::Lineitem,
    ];

    /// The table's name, and its Parquet product's.
    pub fn name(self) -> &'static str {
        match self {
            Self::Region => "region",
            Self::Nation => "nation",
            Self::Part => "part",
            Self::Supplier => "supplier",
            Self::Partsupp => "partsupp",
            Self::Customer => "customer",
            Self::Orders => "orders",
            Self::Lineitem => "lineitem",
        }
    }

    /// The domain that owns it.
    pub fn domain(self) -> &'static str {
        match self {
            Self::Region | Self::Nation => "reference",
            Self::Part => "inventory",
            Self::Supplier | Self::Partsupp => "supply",
            Self::Customer => "crm",
            Self::Orders | Self::Lineitem => "sales",
        }
    }

    /// Its columns, as they are written.
    pub fn schema(self) -> SchemaRef {
        match self {
            Self::Region => batches::RegionArrow::schema_ref(),
            Self::Nation => batches::NationArrow::schema_ref(),
            Self::Part => batches::PartArrow::schema_ref(),
            Self::Supplier => batches::SupplierArrow::schema_ref(),
            Self::Partsupp => batches::PartSuppArrow::schema_ref(),
            Self::Customer => batches::CustomerArrow::schema_ref(),
            Self::Orders => batches::OrderArrow::schema_ref(),
            Self::Lineitem => batches::LineItemArrow::schema_ref(),
        }
    }

    /// Rows at scale factor 1; of `lineitem` about as many.
    fn rows_at_scale_one(self) -> f64 {
        match self {
            Self::Region => 5.0,
            Self::Nation => 25.0,
            Self::Part => 200_000.0,
            Self::Supplier => 10_000.0,
            Self::Partsupp => 800_000.0,
            Self::Customer => 150_000.0,
            Self::Orders => 1_500_000.0,
            Self::Lineitem => 6_001_215.0,
        }
    }

    /// Whether it is cut into several files.
    pub fn is_large(self) -> bool {
        self.rows_at_scale_one() > 100_000.0
    }

    /// The rows of part `part` of `parts`, from 1, in batches.
    fn batches(self, scale: f64, part: i32, parts: i32) -> Batches {
        macro_rules! rows {
            ($arrow:ident, $generator:ident) => {
                Box::new(
                    batches::$arrow::new(generate::$generator::new(scale, part, parts)).with_batch_size(BATCH_ROWS),
                )
            };
        }
        match self {
            Self::Region => rows!(RegionArrow, RegionGenerator),
            Self::Nation => rows!(NationArrow, NationGenerator),
            Self::Part => rows!(PartArrow, PartGenerator),
            Self::Supplier => rows!(SupplierArrow, SupplierGenerator),
            Self::Partsupp => rows!(PartSuppArrow, PartSuppGenerator),
            Self::Customer => rows!(CustomerArrow, CustomerGenerator),
            Self::Orders => rows!(OrderArrow, OrderGenerator),
            Self::Lineitem => rows!(LineItemArrow, LineItemGenerator),
        }
    }
}

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>;

/// How much is written, and how it is cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Size {
    /// The scale factor: 1 is about 1 GB of text.
    pub scale: f64,
    /// Files of each large table.
    pub files_per_table: u16,
}

/// Writes one table as Parquet files `<name>/part-00000.parquet`, … below `files`.
///
/// # Errors
/// Those of the store.
pub async fn write_table(files: &Files, table: Table, size: Size) -> Result<Vec<WrittenFile>> {
    let folder = files.folder(table.name());
    let parts = if table.is_large() { size.files_per_table.max(1) } else { 1 };
    let mut written = Vec::new();
    for part in 1..=parts {
        let rows = rows_per_file(table, size.scale, parts);
        let batches = table.batches(size.scale, i32::from(part), i32::from(parts));
        written.push(folder.write(&file_name(part), table.schema(), rows, batches).await?);
    }
    Ok(written)
}

/// Makes the Delta product `<name>_delta` from the files of the Parquet product.
///
/// # Errors
/// Those of the store.
pub async fn write_delta(files: &Files, table: Table, parquet: &[WrittenFile]) -> Result<()> {
    let folder = files.folder(&format!("{}_delta", table.name()));
    let mut added = Vec::new();
    for (part, file) in (1..).zip(parquet) {
        added.push(Added::from(folder.copy(file, &file_name(part)).await?));
    }
    DeltaTable::new(folder, table.schema(), &[]).commit("WRITE", &added, &[]).await?;
    Ok(())
}

fn file_name(part: u16) -> String {
    format!("part-{:05}.parquet", part - 1)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate of rows, far below 2^53")]
fn rows_per_file(table: Table, scale: f64, parts: u16) -> usize {
    (table.rows_at_scale_one() * scale / f64::from(parts)) as usize
}
