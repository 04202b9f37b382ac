//! The table that the checks look at: several files, every common type, nulls, NaN, and a column to partition by.
//!
//! Start reading at [`facts`].

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListBuilder, RecordBatch,
    StringArray, StringBuilder, StringViewArray, StructArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;

/// A table to make.
#[derive(Debug, Clone)]
pub struct NewTable {
    /// Its columns, in the order in which the port promises them.
    pub schema: SchemaRef,
    /// Its rows: one file (or commit) per batch. Within a batch every partition column has one value.
    pub batches: Vec<RecordBatch>,
    /// Columns to partition by, where the connector's format knows partitions.
    pub partition_by: Vec<String>,
}

impl NewTable {
    /// The same columns without any rows.
    #[must_use]
    pub fn emptied(&self) -> Self {
        Self { schema: Arc::clone(&self.schema), batches: Vec::new(), partition_by: self.partition_by.clone() }
    }

    /// Rows of all batches.
    pub fn num_rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }
}

const REGIONS: [Option<&str>; 5] = [Some("north"), Some("south"), None, Some("a=b/c d"), Some("ünï")];

/// `files` files of `rows` rows each, partitioned by `region`, which stands in the middle of the columns.
///
/// # Errors
/// When Arrow refuses the columns, which would be a mistake here.
pub fn facts(files: usize, rows: usize) -> Result<NewTable, ArrowError> {
    make(files, rows, 0)
}

/// The same shape with other values everywhere: no row is equal to one of [`facts`].
///
/// # Errors
/// As [`facts`].
pub fn facts_changed(files: usize, rows: usize) -> Result<NewTable, ArrowError> {
    make(files, rows, 1_000_000_000)
}

fn make(files: usize, rows: usize, offset: i64) -> Result<NewTable, ArrowError> {
    let schema = schema();
    let batches = (0..files).map(|file| batch(&schema, file, rows, offset)).collect::<Result<_, _>>()?;
    Ok(NewTable { schema, batches, partition_by: vec!["region".to_owned()] })
}

fn place_fields() -> Fields {
    Fields::from(vec![Field::new("city", DataType::Utf8, true), Field::new("zip", DataType::Int64, true)])
}

fn schema() -> SchemaRef {
    let item = Arc::new(Field::new_list_field(DataType::Utf8, true));
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("Name", DataType::Utf8View, true),
        Field::new("region", DataType::Utf8, true),
        Field::new("amount", DataType::Float64, true),
        Field::new("price", DataType::Decimal128(12, 2), true),
        Field::new("day", DataType::Date32, true),
        Field::new("at", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true),
        Field::new("open", DataType::Boolean, true),
        Field::new("tags", DataType::List(item), true),
        Field::new("place", DataType::Struct(place_fields()), true),
    ]))
}

fn batch(schema: &SchemaRef, file: usize, rows: usize, offset: i64) -> Result<RecordBatch, ArrowError> {
    let first = i64::try_from(file * rows).unwrap_or(i64::MAX);
    let ids: Vec<i64> = (first..).take(rows).collect();
    let region = REGIONS[file % REGIONS.len()];
    let every = |n: i64, id: i64| id % n == n - 1;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(ids.iter().map(|id| Some(id + offset)).collect::<Int64Array>()),
        Arc::new(
            ids.iter().map(|id| (!every(7, *id)).then(|| format!("name {}", id + offset))).collect::<StringViewArray>(),
        ),
        Arc::new(ids.iter().map(|_| region).collect::<StringArray>()),
        Arc::new(ids.iter().map(|id| amount(*id, offset)).collect::<Float64Array>()),
        Arc::new(
            ids.iter()
                .map(|id| (!every(5, *id)).then_some(i128::from(id * 25 + offset)))
                .collect::<Decimal128Array>()
                .with_precision_and_scale(12, 2)?,
        ),
        Arc::new(ids.iter().map(|id| i32::try_from(20_000 + id / 10).ok()).collect::<Date32Array>()),
        Arc::new(
            ids.iter()
                .map(|id| (!every(11, *id)).then_some(1_700_000_000_000_000 + id * 1_000_003 + offset))
                .collect::<TimestampMicrosecondArray>()
                .with_timezone("UTC"),
        ),
        Arc::new(ids.iter().map(|id| (!every(3, *id)).then_some(id % 2 == 0)).collect::<BooleanArray>()),
        tags(&ids),
        place(&ids),
    ];
    RecordBatch::try_new(Arc::clone(schema), columns)
}

/// NaN now and then, also as the only value that is no null of a stretch.
fn amount(id: i64, offset: i64) -> Option<f64> {
    #[allow(clippy::cast_precision_loss, reason = "small test numbers")]
    let value = (id + offset) as f64 / 4.0;
    match id % 13 {
        3 => None,
        5 => Some(f64::NAN),
        _ => Some(value),
    }
}

fn tags(ids: &[i64]) -> ArrayRef {
    let mut builder = ListBuilder::new(StringBuilder::new());
    for id in ids {
        for n in 0..id % 3 {
            builder.values().append_value(format!("tag {n}"));
        }
        builder.append(id % 6 != 5);
    }
    Arc::new(builder.finish())
}

fn place(ids: &[i64]) -> ArrayRef {
    let cities: StringArray = ids.iter().map(|id| (id % 4 != 1).then(|| format!("city {}", id % 10))).collect();
    let zips: Int64Array = ids.iter().map(|id| Some(id % 100)).collect();
    Arc::new(StructArray::new(place_fields(), vec![Arc::new(cities), Arc::new(zips)], None))
}
