//! The schema of a listed table as an encapsulated IPC message, small and fast to write.
//!
//! In: the columns of a table and what they mean. Out: the bytes of `table_schema` in GetTables.
//! What a listing says of columns is the same for most of them: catalog, schema, table, the name of the type. Arrow's writer writes it
//! out for each column; here it is written once for each type, and the columns point at it, as flatbuffers may. For a mesh of
//! 5,000 products with 100 columns that is a quarter of the bytes, and a small part of the time.
//! Holds always: what is read back equals, field by field, what [`table_field`] says; a table with a type that is not written here goes
//! through Arrow's writer.
//!
//! Start reading at [`table_schema`].

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use arrow::ipc;
use arrow::ipc::writer::{EncodedData, IpcWriteOptions, write_message};
use bytes::Bytes;
use flatbuffers::{FlatBufferBuilder, ForwardsUOffset, UnionWIPOffset, Vector, WIPOffset};

use super::types::{REMARKS, table_field};
use super::{Profile, schema_to_ipc};
use crate::status::{Fault, Outcome};

/// Where a table is listed, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) profile: Profile,
    /// Catalog, schema and table.
    pub(crate) names: [&'a str; 3],
    /// Whether statements may change it.
    pub(crate) is_writable: bool,
}

impl Place<'_> {
    fn field(&self, field: &Field, remarks: Option<&str>) -> Field {
        table_field(field, self.profile, self.names, remarks, self.is_writable)
    }
}

/// The schema of a listed table.
///
/// - `columns`: in order, each with what it means.
///
/// Cost: one pass; a table of many columns of few types is mostly the names and meanings of its columns.
pub(crate) fn table_schema<'a>(
    columns: impl Iterator<Item = (&'a Field, Option<&'a str>)> + Clone,
    place: Place<'_>,
) -> Outcome<Bytes> {
    let mut writer = Writer::new(place);
    let fields: Option<Vec<_>> = columns.clone().map(|(field, remarks)| writer.field(field, remarks)).collect();
    match fields {
        Some(fields) => writer.finish(&fields),
        None => {
            let fields: Vec<Field> = columns.map(|(field, remarks)| place.field(field, remarks)).collect();
            schema_to_ipc(&Schema::new(fields))
        }
    }
}

type Vectors<'b, T> = WIPOffset<Vector<'b, ForwardsUOffset<T>>>;

/// What the columns of one type have in common.
struct Kind<'b> {
    /// The type as the product has it; none for a column that has metadata of its own.
    of: Option<DataType>,
    /// Whether a column without nulls may show them on the wire.
    hides_nulls: bool,
    code: ipc::Type,
    data_type: WIPOffset<UnionWIPOffset>,
    /// Sorted by key; `remarks` is where those of a column belong.
    metadata: Vec<WIPOffset<ipc::KeyValue<'b>>>,
    remarks: usize,
    /// The same without remarks.
    shared: Vectors<'b, ipc::KeyValue<'b>>,
}

/// One schema in the making.
struct Writer<'a, 'b> {
    place: Place<'a>,
    buffer: FlatBufferBuilder<'b>,
    kinds: Vec<Kind<'b>>,
    remarks: WIPOffset<&'b str>,
    /// Some readers expect an empty list where there are no children.
    no_children: Vectors<'b, ipc::Field<'b>>,
}

impl<'a, 'b> Writer<'a, 'b> {
    fn new(place: Place<'a>) -> Self {
        let mut buffer = FlatBufferBuilder::new();
        let remarks = buffer.create_string(REMARKS);
        let no_children = buffer.create_vector::<WIPOffset<ipc::Field<'_>>>(&[]);
        Self { place, buffer, kinds: Vec::new(), remarks, no_children }
    }

    /// One column; none when its type is not written here.
    fn field(&mut self, field: &Field, remarks: Option<&str>) -> Option<WIPOffset<ipc::Field<'b>>> {
        let known = |kind: &Kind<'_>| field.metadata().is_empty() && kind.of.as_ref() == Some(field.data_type());
        let at = match self.kinds.iter().position(known) {
            Some(at) => at,
            None => {
                let kind = self.kind(field)?;
                self.kinds.push(kind);
                self.kinds.len() - 1
            }
        };
        let remarks = remarks.map(|text| self.pair_with(self.remarks, text));
        let kind = self.kinds.get(at)?;
        let metadata = match remarks {
            None => kind.shared,
            Some(remarks) => {
                let (before, after) = kind.metadata.split_at(kind.remarks);
                self.buffer.create_vector(&[before, &[remarks], after].concat())
            }
        };
        let name = self.buffer.create_string(field.name());
        let mut builder = ipc::FieldBuilder::new(&mut self.buffer);
        builder.add_name(name);
        builder.add_type_type(kind.code);
        builder.add_nullable(field.is_nullable() || kind.hides_nulls);
        builder.add_children(self.no_children);
        builder.add_type_(kind.data_type);
        builder.add_custom_metadata(metadata);
        Some(builder.finish())
    }

    /// What a column has in common with others of its type.
    fn kind(&mut self, field: &Field) -> Option<Kind<'b>> {
        let sample = self.place.field(&field.clone().with_nullable(false), None);
        let (code, data_type) = flat_type(&mut self.buffer, sample.data_type())?;
        let mut pairs: Vec<_> = sample.metadata().iter().collect();
        pairs.sort();
        let remarks = pairs.partition_point(|(key, _)| key.as_str() < REMARKS);
        let metadata: Vec<_> = pairs.into_iter().map(|(key, value)| self.pair(key, value)).collect();
        let shared = self.buffer.create_vector(&metadata);
        let of = field.metadata().is_empty().then(|| field.data_type().clone());
        Some(Kind { of, hides_nulls: sample.is_nullable(), code, data_type, metadata, remarks, shared })
    }

    fn pair(&mut self, key: &str, value: &str) -> WIPOffset<ipc::KeyValue<'b>> {
        // The same few keys and values come again with every type.
        let key = self.buffer.create_shared_string(key);
        let value = self.buffer.create_shared_string(value);
        ipc::KeyValue::create(&mut self.buffer, &ipc::KeyValueArgs { key: Some(key), value: Some(value) })
    }

    fn pair_with(&mut self, key: WIPOffset<&'b str>, value: &str) -> WIPOffset<ipc::KeyValue<'b>> {
        let value = self.buffer.create_string(value);
        ipc::KeyValue::create(&mut self.buffer, &ipc::KeyValueArgs { key: Some(key), value: Some(value) })
    }

    /// The message with all columns.
    fn finish(mut self, fields: &[WIPOffset<ipc::Field<'b>>]) -> Outcome<Bytes> {
        let fields = self.buffer.create_vector(fields);
        let mut schema = ipc::SchemaBuilder::new(&mut self.buffer);
        schema.add_fields(fields);
        let schema = schema.finish().as_union_value();
        let options = IpcWriteOptions::default();
        let mut message = ipc::MessageBuilder::new(&mut self.buffer);
        message.add_version(ipc::MetadataVersion::V5);
        message.add_header_type(ipc::MessageHeader::Schema);
        message.add_bodyLength(0);
        message.add_header(schema);
        let message = message.finish();
        self.buffer.finish(message, None);
        let encoded = EncodedData { ipc_message: self.buffer.finished_data().to_vec(), arrow_data: Vec::new() };
        let mut bytes = Vec::new();
        write_message(&mut bytes, encoded, &options).map_err(|e| Fault::internal("writing a schema", &e))?;
        Ok(bytes.into())
    }
}

/// A type without children; none for others.
fn flat_type(
    buffer: &mut FlatBufferBuilder<'_>,
    data_type: &DataType,
) -> Option<(ipc::Type, WIPOffset<UnionWIPOffset>)> {
    use DataType as T;
    let written = match data_type {
        T::Boolean => (ipc::Type::Bool, ipc::BoolBuilder::new(buffer).finish().as_union_value()),
        T::Int8 => (ipc::Type::Int, int(buffer, 8, true)),
        T::Int16 => (ipc::Type::Int, int(buffer, 16, true)),
        T::Int32 => (ipc::Type::Int, int(buffer, 32, true)),
        T::Int64 => (ipc::Type::Int, int(buffer, 64, true)),
        T::UInt8 => (ipc::Type::Int, int(buffer, 8, false)),
        T::UInt16 => (ipc::Type::Int, int(buffer, 16, false)),
        T::UInt32 => (ipc::Type::Int, int(buffer, 32, false)),
        T::UInt64 => (ipc::Type::Int, int(buffer, 64, false)),
        T::Float32 => (ipc::Type::FloatingPoint, float(buffer, ipc::Precision::SINGLE)),
        T::Float64 => (ipc::Type::FloatingPoint, float(buffer, ipc::Precision::DOUBLE)),
        T::Utf8 => (ipc::Type::Utf8, ipc::Utf8Builder::new(buffer).finish().as_union_value()),
        T::Utf8View => (ipc::Type::Utf8View, ipc::Utf8ViewBuilder::new(buffer).finish().as_union_value()),
        T::Binary => (ipc::Type::Binary, ipc::BinaryBuilder::new(buffer).finish().as_union_value()),
        T::BinaryView => (ipc::Type::BinaryView, ipc::BinaryViewBuilder::new(buffer).finish().as_union_value()),
        T::Decimal128(precision, scale) => (ipc::Type::Decimal, decimal(buffer, *precision, *scale, 128)),
        T::Decimal256(precision, scale) => (ipc::Type::Decimal, decimal(buffer, *precision, *scale, 256)),
        T::Date32 => {
            let mut builder = ipc::DateBuilder::new(buffer);
            builder.add_unit(ipc::DateUnit::DAY);
            (ipc::Type::Date, builder.finish().as_union_value())
        }
        T::Timestamp(of, zone) => {
            let zone = zone.as_deref().filter(|zone| !zone.is_empty()).map(|zone| buffer.create_string(zone));
            let mut builder = ipc::TimestampBuilder::new(buffer);
            builder.add_unit(unit(*of));
            if let Some(zone) = zone {
                builder.add_timezone(zone);
            }
            (ipc::Type::Timestamp, builder.finish().as_union_value())
        }
        _ => return None,
    };
    Some(written)
}

fn int(buffer: &mut FlatBufferBuilder<'_>, bits: i32, is_signed: bool) -> WIPOffset<UnionWIPOffset> {
    let mut builder = ipc::IntBuilder::new(buffer);
    builder.add_bitWidth(bits);
    builder.add_is_signed(is_signed);
    builder.finish().as_union_value()
}

fn float(buffer: &mut FlatBufferBuilder<'_>, precision: ipc::Precision) -> WIPOffset<UnionWIPOffset> {
    let mut builder = ipc::FloatingPointBuilder::new(buffer);
    builder.add_precision(precision);
    builder.finish().as_union_value()
}

fn decimal(buffer: &mut FlatBufferBuilder<'_>, precision: u8, scale: i8, bits: i32) -> WIPOffset<UnionWIPOffset> {
    let mut builder = ipc::DecimalBuilder::new(buffer);
    builder.add_precision(precision.into());
    builder.add_scale(scale.into());
    builder.add_bitWidth(bits);
    builder.finish().as_union_value()
}

fn unit(unit: TimeUnit) -> ipc::TimeUnit {
    match unit {
        TimeUnit::Second => ipc::TimeUnit::SECOND,
        TimeUnit::Millisecond => ipc::TimeUnit::MILLISECOND,
        TimeUnit::Microsecond => ipc::TimeUnit::MICROSECOND,
        TimeUnit::Nanosecond => ipc::TimeUnit::NANOSECOND,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use arrow_flight::IpcMessage;

    use super::*;

    const PROFILES: [Profile; 5] = [Profile::Compat, Profile::Arrow, Profile::Odbc, Profile::Grafana, Profile::Jdbc];

    fn flat() -> Vec<DataType> {
        use DataType as T;
        let units = [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond];
        let mut types = vec![
            T::Boolean,
            T::Int8,
            T::Int16,
            T::Int32,
            T::Int64,
            T::UInt8,
            T::UInt16,
            T::UInt32,
            T::UInt64,
            T::Float16,
            T::Float32,
            T::Float64,
            T::Utf8,
            T::LargeUtf8,
            T::Utf8View,
            T::Binary,
            T::BinaryView,
            T::Decimal32(5, 2),
            T::Decimal128(38, -3),
            T::Decimal256(70, 9),
            T::Date32,
            T::Dictionary(Box::new(T::Int32), Box::new(T::Utf8)),
        ];
        types.extend(units.map(|unit| T::Timestamp(unit, None)));
        types.extend(units.map(|unit| T::Timestamp(unit, Some("Europe/Oslo".into()))));
        types.push(T::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())));
        types
    }

    fn nested() -> Vec<DataType> {
        use DataType as T;
        let item = || Arc::new(Field::new("item", T::Utf8View, true));
        vec![T::List(item()), T::Struct(vec![item()].into()), T::Duration(TimeUnit::Second), T::Null]
    }

    /// Every type three times: as it is, without nulls, and with metadata and a meaning.
    fn columns(types: &[DataType]) -> Vec<(Field, Option<String>)> {
        let mut columns = Vec::new();
        for (number, data_type) in types.iter().enumerate() {
            let field = |nullable| Field::new(format!("column {number} {nullable}"), data_type.clone(), nullable);
            let own = HashMap::from([("a key".to_owned(), "a value".to_owned()), ("zz".to_owned(), String::new())]);
            columns.push((field(true), None));
            columns.push((field(false), Some(format!("what {number} means"))));
            columns.push((field(true).with_metadata(own), Some("own".to_owned())));
        }
        columns
    }

    fn read_back(columns: &[(Field, Option<String>)], place: Place<'_>) -> (Schema, usize) {
        let bytes = table_schema(columns.iter().map(|(field, text)| (field, text.as_deref())), place).unwrap();
        let len = bytes.len();
        (Schema::try_from(IpcMessage(bytes)).unwrap(), len)
    }

    #[test]
    fn what_is_read_back_is_what_is_said_of_each_column() {
        for profile in PROFILES {
            for is_writable in [false, true] {
                for types in [flat(), [flat(), nested()].concat(), Vec::new()] {
                    let columns = columns(&types);
                    let place = Place { profile, names: ["mesh", "shop", "orders"], is_writable };
                    let expected: Vec<Field> =
                        columns.iter().map(|(field, text)| place.field(field, text.as_deref())).collect();
                    assert_eq!(read_back(&columns, place).0, Schema::new(expected), "{profile:?}");
                }
            }
        }
    }

    #[test]
    fn many_columns_take_a_quarter_of_the_bytes() {
        let place = Place { profile: Profile::Compat, names: ["mesh", "shop", "orders"], is_writable: false };
        let column = |n: usize| (Field::new(format!("column_{n}"), DataType::Int64, true), Some("meant".to_owned()));
        let columns: Vec<_> = (0..100).map(column).collect();
        let plain: Vec<Field> = columns.iter().map(|(field, text)| place.field(field, text.as_deref())).collect();
        let plain = schema_to_ipc(&Schema::new(plain)).unwrap().len();
        let (_, bytes) = read_back(&columns, place);
        assert!(bytes * 4 < plain, "{bytes} bytes instead of {plain}");
    }
}
