//! Writes the log of a Delta table whose data files are Parquet files written here.
//!
//! In: files as they were written. Out: `_delta_log/<version>.json` with statistics of every top-level column.
//! Holds always:
//! - a commit is made once: a version that exists is never overwritten;
//! - statistics never lie: a bound that was shortened still bounds, and what cannot be told is left out.
//!
//! Start reading at [`DeltaTable::commit`].
//!
//! # Source
//! Delta protocol, sections "Actions" and "Per-file Statistics".

use arrow::datatypes::{DataType, Field, Fields, SchemaRef, TimeUnit};
use object_store::{PutMode, PutOptions};
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::file::{Files, WrittenFile};
use crate::random::Random;

mod stats;

/// Milliseconds since 1970 of the first commit of every table: 2026-10-01T00:00:00Z.
const FIRST_COMMIT_MS: i64 = 1_790_812_800_000;
/// Milliseconds from one commit to the next: a day.
const COMMIT_STEP_MS: i64 = 86_400_000;

/// A Delta table that is being written, commit by commit.
#[derive(Debug)]
pub struct DeltaTable {
    files: Files,
    schema: SchemaRef,
    partition_columns: Vec<String>,
    next_version: i64,
}

/// One data file of a commit.
#[derive(Debug, Clone)]
pub struct Added {
    /// The file, below the table's folder.
    pub file: WrittenFile,
    /// Values of the partition columns, in their order; none is null.
    pub partition: Vec<Option<String>>,
}

impl From<WrittenFile> for Added {
    fn from(file: WrittenFile) -> Self {
        Self { file, partition: Vec::new() }
    }
}

impl DeltaTable {
    /// A table in the folder of `files`, without a commit yet.
    ///
    /// - `schema`: all columns, those of the partition included.
    /// - `partition_columns`: text columns whose values stand in the log and not in the files.
    pub fn new(files: Files, schema: SchemaRef, partition_columns: &[&str]) -> Self {
        let partition_columns = partition_columns.iter().map(|&name| name.to_owned()).collect();
        Self { files, schema, partition_columns, next_version: 0 }
    }

    /// Writes the next version: its new files, and those it does without. The first also writes protocol and schema.
    ///
    /// Returns the version's number.
    ///
    /// # Errors
    /// Those of the store; [`Error::Malformed`] for a column type that Delta does not have.
    pub async fn commit(&mut self, operation: &str, added: &[Added], removed: &[Added]) -> Result<i64> {
        let version = self.next_version;
        let time = FIRST_COMMIT_MS + version * COMMIT_STEP_MS;
        let info = json!({"timestamp": time, "operation": operation, "operationParameters": {}, "engineInfo": "meshweave-testdata"});
        let mut actions = vec![json!({ "commitInfo": info })];
        if version == 0 {
            actions.push(json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}));
            actions.push(json!({ "metaData": self.meta_data(time)? }));
        }
        for gone in removed {
            actions
                .push(json!({"remove": {"path": self.relative(gone)?, "deletionTimestamp": time, "dataChange": true}}));
        }
        for new in added {
            actions.push(json!({ "add": self.add(new, time)? }));
        }
        let text: String = actions.iter().map(|action| format!("{action}\n")).collect();
        let path = self.files.path(&format!("_delta_log/{version:020}.json"));
        let once = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        self.files.store().put_opts(&path, text.into(), once).await?;
        self.next_version += 1;
        Ok(version)
    }

    fn meta_data(&self, time: i64) -> Result<Value> {
        let schema = json!({"type": "struct", "fields": fields(self.schema.fields())?});
        Ok(json!({
            "id": Random::of(self.files.path("").as_ref(), 0).uuid(),
            "format": {"provider": "parquet", "options": {}},
            "schemaString": schema.to_string(),
            "partitionColumns": self.partition_columns,
            "configuration": {},
            "createdTime": time,
        }))
    }

    fn add(&self, added: &Added, time: i64) -> Result<Value> {
        let partition: Map<String, Value> =
            self.partition_columns.iter().cloned().zip(added.partition.iter().map(|value| json!(value))).collect();
        Ok(json!({
            "path": self.relative(added)?,
            "partitionValues": partition,
            "size": added.file.bytes,
            "modificationTime": time,
            "dataChange": true,
            "stats": stats::of(&added.file)?.to_string(),
        }))
    }

    /// The path of a file from the table's folder, percent-encoded as the log wants it.
    fn relative(&self, added: &Added) -> Result<String> {
        let outside = || Error::Malformed(format!("file \"{}\" lies outside its table", added.file.path));
        let parts = added.file.path.prefix_match(&self.files.path("")).ok_or_else(outside)?;
        let parts: Vec<String> = parts.map(|part| part.as_ref().replace('%', "%25")).collect();
        Ok(parts.join("/"))
    }
}

fn fields(fields: &Fields) -> Result<Vec<Value>> {
    fields.iter().map(|field| self::field(field)).collect()
}

fn field(field: &Field) -> Result<Value> {
    let data_type = delta_type(field.data_type())?;
    Ok(json!({"name": field.name(), "type": data_type, "nullable": field.is_nullable(), "metadata": {}}))
}

/// The Delta type of an Arrow type, in the JSON of a schema.
fn delta_type(data_type: &DataType) -> Result<Value> {
    Ok(match data_type {
        DataType::Boolean => json!("boolean"),
        DataType::Int8 => json!("byte"),
        DataType::Int16 => json!("short"),
        DataType::Int32 => json!("integer"),
        DataType::Int64 => json!("long"),
        DataType::Float32 => json!("float"),
        DataType::Float64 => json!("double"),
        DataType::Decimal128(precision, scale) => json!(format!("decimal({precision},{scale})")),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => json!("string"),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => json!("binary"),
        DataType::Date32 => json!("date"),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => json!("timestamp"),
        DataType::List(item) | DataType::LargeList(item) => {
            json!({"type": "array", "elementType": delta_type(item.data_type())?, "containsNull": item.is_nullable()})
        }
        DataType::Struct(members) => json!({"type": "struct", "fields": fields(members)?}),
        DataType::Map(entries, _) => map_type(entries)?,
        other => return Err(Error::Malformed(format!("Delta has no type for the Arrow type {other}"))),
    })
}

fn map_type(entries: &Field) -> Result<Value> {
    match entries.data_type() {
        DataType::Struct(pair) if pair.len() == 2 => Ok(json!({
            "type": "map",
            "keyType": delta_type(pair[0].data_type())?,
            "valueType": delta_type(pair[1].data_type())?,
            "valueContainsNull": pair[1].is_nullable(),
        })),
        other => Err(Error::Malformed(format!("a map's entries are not pairs: {other}"))),
    }
}
