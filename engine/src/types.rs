//! Logical types of contracts and Arrow types of batches: one map, total both ways.
//!
//! In: a [`LogicalType`] or an Arrow [`DataType`]. Out: the other.
//! Holds always:
//! - every logical type has exactly one Arrow type, and [`logical_type`] of it gives the concrete logical type back;
//! - text and bytes of a column are views (`Utf8View`, `BinaryView`), as DataFusion reads them fastest; inside lists, structs and
//!   maps they are `Utf8` and `Binary`, for its Parquet reader makes views of columns only. Doors make of them what clients read;
//! - an instant is `Timestamp(unit, "UTC")`; whatever time zone a file names, it is an instant.
//!
//! Start reading at [`arrow_type`].

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, Schema, SchemaRef, TimeUnit as ArrowUnit};
use meshweave_contract::model::Column;
use meshweave_contract::types::{LogicalType, StructField, TimeUnit};

/// The largest number of digits that 128 bits hold.
const DECIMAL128_DIGITS: u8 = 38;

/// The Arrow type of a column; abstract words become concrete first.
pub fn arrow_type(logical: &LogicalType) -> DataType {
    match plain_type(logical) {
        DataType::Utf8 => DataType::Utf8View,
        DataType::Binary => DataType::BinaryView,
        other => other,
    }
}

/// The type that clients get of a column: text and bytes without views.
pub(crate) fn for_clients(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        other => other.clone(),
    }
}

/// The Arrow type of a value wherever it stands: text and bytes without views, as clients of every age read them.
pub(crate) fn plain_type(logical: &LogicalType) -> DataType {
    use LogicalType as T;
    match logical {
        T::Boolean => DataType::Boolean,
        T::Int8 => DataType::Int8,
        T::Int16 => DataType::Int16,
        T::Int32 => DataType::Int32,
        T::Int64 | T::Integer => DataType::Int64,
        T::UInt8 => DataType::UInt8,
        T::UInt16 => DataType::UInt16,
        T::UInt32 => DataType::UInt32,
        T::UInt64 => DataType::UInt64,
        T::Float16 => DataType::Float16,
        T::Float32 => DataType::Float32,
        T::Float64 | T::Number => DataType::Float64,
        T::Decimal { precision, scale } if *precision <= DECIMAL128_DIGITS => DataType::Decimal128(*precision, *scale),
        T::Decimal { precision, scale } => DataType::Decimal256(*precision, *scale),
        T::String | T::Uuid | T::Json | T::Any => DataType::Utf8,
        T::Binary => DataType::Binary,
        T::FixedBinary { size } => DataType::FixedSizeBinary(*size),
        T::Date => DataType::Date32,
        T::Time { unit: unit @ (TimeUnit::Second | TimeUnit::Milli) } => DataType::Time32(arrow_unit(*unit)),
        T::Time { unit } => DataType::Time64(arrow_unit(*unit)),
        T::Timestamp { unit, utc } => DataType::Timestamp(arrow_unit(*unit), utc.then(|| Arc::from("UTC"))),
        T::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
        T::Duration { unit } => DataType::Duration(arrow_unit(*unit)),
        T::List { item, item_nullable } => {
            DataType::List(Arc::new(Field::new_list_field(plain_type(item), *item_nullable)))
        }
        T::Struct { fields } => DataType::Struct(
            fields.iter().map(|f| Field::new(&f.name, plain_type(&f.logical_type), f.nullable)).collect::<Fields>(),
        ),
        T::Map { key, value, value_nullable } => {
            let entry = Fields::from(vec![
                Field::new("key", plain_type(key), false),
                Field::new("value", plain_type(value), *value_nullable),
            ]);
            DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entry), false)), false)
        }
    }
}

/// The logical type of what a file or an expression holds.
///
/// Encodings vanish (dictionaries, runs, views, 32 and 64 bit offsets); a union is [`LogicalType::Any`].
pub fn logical_type(arrow: &DataType) -> LogicalType {
    use LogicalType as T;
    match arrow {
        DataType::Null | DataType::Union(..) => T::Any,
        DataType::Boolean => T::Boolean,
        DataType::Int8 => T::Int8,
        DataType::Int16 => T::Int16,
        DataType::Int32 => T::Int32,
        DataType::Int64 => T::Int64,
        DataType::UInt8 => T::UInt8,
        DataType::UInt16 => T::UInt16,
        DataType::UInt32 => T::UInt32,
        DataType::UInt64 => T::UInt64,
        DataType::Float16 => T::Float16,
        DataType::Float32 => T::Float32,
        DataType::Float64 => T::Float64,
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => T::Decimal { precision: *precision, scale: *scale },
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => T::String,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => T::Binary,
        DataType::FixedSizeBinary(size) => T::FixedBinary { size: *size },
        DataType::Date32 | DataType::Date64 => T::Date,
        DataType::Time32(unit) | DataType::Time64(unit) => T::Time { unit: time_unit(*unit) },
        DataType::Timestamp(unit, zone) => T::Timestamp { unit: time_unit(*unit), utc: zone.is_some() },
        DataType::Interval(_) => T::Interval,
        DataType::Duration(unit) => T::Duration { unit: time_unit(*unit) },
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => {
            T::List { item: Box::new(logical_type(item.data_type())), item_nullable: item.is_nullable() }
        }
        DataType::Struct(fields) => T::Struct { fields: fields.iter().map(|f| struct_field(f)).collect() },
        DataType::Map(entries, _) => map_type(entries.data_type()),
        DataType::Dictionary(_, value) => logical_type(value),
        DataType::RunEndEncoded(_, values) => logical_type(values.data_type()),
    }
}

fn struct_field(field: &Field) -> StructField {
    StructField {
        name: field.name().clone(),
        logical_type: logical_type(field.data_type()),
        nullable: field.is_nullable(),
    }
}

fn map_type(entries: &DataType) -> LogicalType {
    match entries {
        DataType::Struct(fields) if fields.len() == 2 => LogicalType::Map {
            key: Box::new(logical_type(fields[0].data_type())),
            value: Box::new(logical_type(fields[1].data_type())),
            value_nullable: fields[1].is_nullable(),
        },
        _ => LogicalType::Any,
    }
}

/// The Arrow columns of contract columns, in order.
pub fn arrow_schema(columns: &[Column]) -> SchemaRef {
    let fields = columns.iter().map(|c| Field::new(&c.name, arrow_type(&c.logical_type), c.nullable));
    Arc::new(Schema::new(fields.collect::<Fields>()))
}

/// Plain columns (name, concrete type, nullability) for observed Arrow columns, in order.
pub fn columns_of(schema: &Schema) -> Vec<Column> {
    schema
        .fields()
        .iter()
        .map(|f| Column { nullable: f.is_nullable(), ..Column::new(f.name(), logical_type(f.data_type()).concrete()) })
        .collect()
}

fn arrow_unit(unit: TimeUnit) -> ArrowUnit {
    match unit {
        TimeUnit::Second => ArrowUnit::Second,
        TimeUnit::Milli => ArrowUnit::Millisecond,
        TimeUnit::Micro => ArrowUnit::Microsecond,
        TimeUnit::Nano => ArrowUnit::Nanosecond,
    }
}

fn time_unit(unit: ArrowUnit) -> TimeUnit {
    match unit {
        ArrowUnit::Second => TimeUnit::Second,
        ArrowUnit::Millisecond => TimeUnit::Milli,
        ArrowUnit::Microsecond => TimeUnit::Micro,
        ArrowUnit::Nanosecond => TimeUnit::Nano,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use LogicalType as T;

    fn round_trips(logical: &T) {
        assert_eq!(logical_type(&arrow_type(logical)), *logical, "{logical}");
    }

    #[test]
    fn every_concrete_type_comes_back() {
        for unit in [TimeUnit::Second, TimeUnit::Milli, TimeUnit::Micro, TimeUnit::Nano] {
            round_trips(&T::Time { unit });
            round_trips(&T::Duration { unit });
            round_trips(&T::Timestamp { unit, utc: true });
            round_trips(&T::Timestamp { unit, utc: false });
        }
        let simple = [T::Boolean, T::Int8, T::Int16, T::Int32, T::Int64, T::UInt8, T::UInt16, T::UInt32, T::UInt64]
            .into_iter()
            .chain([T::Float16, T::Float32, T::Float64, T::String, T::Binary, T::Date, T::Interval])
            .chain([T::FixedBinary { size: 16 }, T::Decimal { precision: 38, scale: 2 }]);
        for logical in simple.chain([T::Decimal { precision: 76, scale: -3 }]) {
            round_trips(&logical);
            let list = T::List { item: Box::new(logical.clone()), item_nullable: false };
            let field = StructField { name: "inner".into(), logical_type: list.clone(), nullable: true };
            round_trips(&T::Struct { fields: vec![field] });
            round_trips(&T::Map { key: Box::new(T::String), value: Box::new(list), value_nullable: true });
        }
    }

    #[test]
    fn abstract_words_become_what_concrete_says() {
        for logical in [T::Number, T::Integer, T::Any] {
            assert_eq!(arrow_type(&logical), arrow_type(&logical.concrete()), "{logical}");
        }
    }

    #[test]
    fn encodings_vanish() {
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::LargeUtf8));
        for text in [DataType::Utf8, DataType::LargeUtf8, DataType::Utf8View, dictionary] {
            assert_eq!(logical_type(&text), T::String, "{text}");
        }
        let paris = DataType::Timestamp(ArrowUnit::Nanosecond, Some("Europe/Paris".into()));
        assert_eq!(logical_type(&paris), T::Timestamp { unit: TimeUnit::Nano, utc: true });
    }
}
