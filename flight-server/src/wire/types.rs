//! Which wire type stands for which Arrow type, and the driver metadata of a column.
//!
//! Start reading at [`wire_type`].

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, FieldRef, Fields, TimeUnit};

use super::Profile;
use super::json::is_nested;

/// The wire type of an Arrow type.
fn wire_type(data_type: &DataType, profile: Profile) -> DataType {
    use DataType as T;
    let compat = profile != Profile::Arrow;
    match (profile, data_type) {
        (Profile::Odbc, other) => {
            if let Some(other) = odbc_type(other) {
                return other;
            }
        }
        (Profile::Grafana, other) => {
            if let Some(other) = grafana_type(other) {
                return other;
            }
        }
        (Profile::Compat | Profile::Arrow | Profile::Jdbc, _) => {}
    }
    let signed = profile == Profile::Jdbc;
    match data_type {
        T::Dictionary(_, value) => wire_type(value, profile),
        T::RunEndEncoded(_, values) => wire_type(values.data_type(), profile),
        T::Utf8View | T::LargeUtf8 if compat => T::Utf8,
        T::BinaryView | T::LargeBinary if compat => T::Binary,
        T::Float16 if compat => T::Float32,
        T::UInt8 if signed => T::Int16,
        T::UInt16 if signed => T::Int32,
        // Positions and counts fit; a value that does not is an error, where the driver would show a negative number.
        T::UInt32 | T::UInt64 if signed => T::Int64,
        T::Decimal32(precision, scale) | T::Decimal64(precision, scale) if compat => T::Decimal128(*precision, *scale),
        T::Timestamp(unit, Some(zone)) if is_utc(zone) => T::Timestamp(*unit, Some("UTC".into())),
        T::Union(..) if compat => T::Utf8,
        T::List(item) | T::ListView(item) => T::List(nested(item, profile)),
        T::LargeList(item) | T::LargeListView(item) if compat => T::List(nested(item, profile)),
        T::LargeList(item) | T::LargeListView(item) => T::LargeList(nested(item, profile)),
        T::FixedSizeList(item, size) => T::FixedSizeList(nested(item, profile), *size),
        T::Struct(fields) => T::Struct(fields.iter().map(|f| nested(f, profile)).collect::<Fields>()),
        T::Map(entries, sorted) => T::Map(nested(entries, profile), *sorted),
        other => other.clone(),
    }
}

/// The type that every driver reads.
pub(super) fn plain(data_type: &DataType) -> DataType {
    wire_type(data_type, Profile::Compat)
}

/// What ODBC has no type for, as what it has.
fn odbc_type(data_type: &DataType) -> Option<DataType> {
    use DataType as T;
    match data_type {
        T::Decimal256(precision, scale) if *precision <= DECIMAL128_MAX_PRECISION => {
            Some(T::Decimal128(*precision, *scale))
        }
        T::Decimal256(..) | T::Interval(_) | T::Null => Some(T::Utf8),
        T::Duration(_) => Some(T::Int64),
        _ => None,
    }
}

/// What Grafana's frames have no type for, as what they have; nested values as JSON text.
fn grafana_type(data_type: &DataType) -> Option<DataType> {
    use DataType as T;
    match data_type {
        T::Decimal32(..) | T::Decimal64(..) | T::Decimal128(..) | T::Decimal256(..) => Some(T::Float64),
        T::Date32 | T::Date64 => Some(T::Timestamp(TimeUnit::Millisecond, None)),
        T::Time32(_) | T::Time64(_) | T::Interval(_) | T::Null => Some(T::Utf8),
        other if is_nested(other) => Some(T::Utf8),
        _ => None,
    }
}

/// The extension type of identifiers of 16 bytes.
const UUID: &str = "arrow.uuid";
/// Where a field names its extension type.
const EXTENSION: &str = "ARROW:extension:name";

/// Whether a client that knows no extension types would see 16 bytes where a text is meant.
fn is_foreign_uuid(field: &Field, profile: Profile) -> bool {
    matches!(profile, Profile::Odbc | Profile::Grafana)
        && *field.data_type() == DataType::FixedSizeBinary(16)
        && field.metadata().get(EXTENSION).is_some_and(|name| name == UUID)
}

/// Whether a zone's name is one of the names of UTC.
fn is_utc(zone: &str) -> bool {
    matches!(
        zone.to_ascii_lowercase().as_str(),
        "utc" | "z" | "+00:00" | "-00:00" | "+0000" | "+00" | "etc/utc" | "zulu"
    )
}

fn nested(field: &FieldRef, profile: Profile) -> FieldRef {
    Arc::new(plain_field(field, profile))
}

/// A field with its wire type; keeps name, nullability and metadata that says what the values are.
fn plain_field(field: &Field, profile: Profile) -> Field {
    let is_uuid = is_foreign_uuid(field, profile);
    let data_type = if is_uuid { DataType::Utf8 } else { wire_type(field.data_type(), profile) };
    let nullable = field.is_nullable() || holds_hidden_nulls(field.data_type());
    let metadata = field
        .metadata()
        .iter()
        .filter(|(key, _)| !(is_storage_detail(key) || is_uuid && key.starts_with("ARROW:extension:")));
    Field::new(field.name(), data_type, nullable).with_metadata(metadata.map(|(k, v)| (k.clone(), v.clone())).collect())
}

/// A union or an untyped null has no nulls of its own; its text form has.
fn holds_hidden_nulls(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Union(..) | DataType::Null)
}

/// Where a field says what its column means.
pub(super) const REMARKS: &str = "ARROW:FLIGHT:SQL:REMARKS";

/// Metadata about how a file stores a column, or about the product's table, which must not label an answer.
fn is_storage_detail(key: &str) -> bool {
    key.starts_with("PARQUET:") || key.starts_with("delta.") || key == REMARKS
}

/// A column of an answer; `compat` adds what drivers ask of a column.
pub(super) fn result_field(field: &Field, profile: Profile) -> Field {
    let wire = plain_field(field, profile);
    match profile {
        Profile::Compat | Profile::Jdbc | Profile::Odbc | Profile::Grafana => with_driver_metadata(wire, []),
        Profile::Arrow => wire,
    }
}

/// A column of a listed table, with its place and its description.
///
/// - `place`: catalog, schema and table, as they are listed.
/// - `is_writable`: whether statements may change the table.
pub(super) fn table_field(
    field: &Field,
    profile: Profile,
    place: [&str; 3],
    remarks: Option<&str>,
    is_writable: bool,
) -> Field {
    let wire = plain_field(field, profile);
    let [catalog, schema, table] = place;
    let mut extra = vec![("CATALOG_NAME", catalog), ("SCHEMA_NAME", schema), ("TABLE_NAME", table)];
    extra.extend(is_writable.then_some(("IS_READ_ONLY", "0")));
    extra.extend(remarks.map(|text| ("REMARKS", text)));
    with_driver_metadata(wire, extra)
}

fn with_driver_metadata<'a>(field: Field, extra: impl IntoIterator<Item = (&'a str, &'a str)>) -> Field {
    let mut metadata: HashMap<String, String> = field.metadata().clone();
    let mut put = |key: &str, value: String| {
        metadata.insert(format!("ARROW:FLIGHT:SQL:{key}"), value);
    };
    put("IS_READ_ONLY", "1".to_owned());
    for (key, value) in extra {
        put(key, value.to_owned());
    }
    let data_type = field.data_type();
    put("TYPE_NAME", sql_type(data_type).to_owned());
    if let Some((precision, scale)) = precision(data_type) {
        put("PRECISION", precision.to_string());
        put("SCALE", scale.to_string());
    }
    put("IS_AUTO_INCREMENT", "0".to_owned());
    put(
        "IS_CASE_SENSITIVE",
        if matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) { "1" } else { "0" }
            .to_owned(),
    );
    put("IS_SEARCHABLE", "1".to_owned());
    field.with_metadata(metadata)
}

/// Decimal digits, and how many of them are after the point.
fn precision(data_type: &DataType) -> Option<(u32, i32)> {
    use DataType as T;
    Some(match data_type {
        T::Decimal32(p, s) | T::Decimal64(p, s) | T::Decimal128(p, s) | T::Decimal256(p, s) => {
            (u32::from(*p), i32::from(*s))
        }
        T::Int8 | T::UInt8 => (3, 0),
        T::Int16 | T::UInt16 => (5, 0),
        T::Int32 | T::UInt32 => (10, 0),
        T::Int64 => (19, 0),
        T::UInt64 => (20, 0),
        T::Float16 => (3, 0),
        T::Float32 => (7, 0),
        T::Float64 => (15, 0),
        _ => return None,
    })
}

/// The SQL name of a type; every one has a row in the type information.
pub(crate) fn sql_type(data_type: &DataType) -> &'static str {
    use DataType as T;
    match data_type {
        T::Null => "NULL",
        T::Boolean => "BOOLEAN",
        T::Int8 => "TINYINT",
        T::Int16 => "SMALLINT",
        T::Int32 => "INTEGER",
        T::Int64 => "BIGINT",
        T::UInt8 => "TINYINT UNSIGNED",
        T::UInt16 => "SMALLINT UNSIGNED",
        T::UInt32 => "INTEGER UNSIGNED",
        T::UInt64 => "BIGINT UNSIGNED",
        T::Float16 | T::Float32 => "REAL",
        T::Float64 => "DOUBLE",
        T::Decimal32(..) | T::Decimal64(..) | T::Decimal128(..) | T::Decimal256(..) => "DECIMAL",
        T::Utf8 | T::LargeUtf8 | T::Utf8View | T::Union(..) => "VARCHAR",
        T::Binary | T::LargeBinary | T::BinaryView => "VARBINARY",
        T::FixedSizeBinary(_) => "BINARY",
        T::Date32 | T::Date64 => "DATE",
        T::Time32(_) | T::Time64(_) => "TIME",
        T::Timestamp(_, None) => "TIMESTAMP",
        T::Timestamp(_, Some(_)) => "TIMESTAMP WITH TIME ZONE",
        T::Interval(_) => "INTERVAL",
        T::Duration(_) => "DURATION",
        T::List(_) | T::LargeList(_) | T::ListView(_) | T::LargeListView(_) | T::FixedSizeList(..) => "ARRAY",
        T::Struct(_) => "STRUCT",
        T::Map(..) => "MAP",
        T::Dictionary(_, value) => sql_type(value),
        T::RunEndEncoded(_, values) => sql_type(values.data_type()),
    }
}
