//! GetXdbcTypeInfo: one row per SQL type, with the names that columns are listed with.
//!
//! Start reading at [`TYPES`].

use std::sync::LazyLock;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow_flight::error::FlightError;
use arrow_flight::sql::metadata::{XdbcTypeInfo, XdbcTypeInfoData, XdbcTypeInfoDataBuilder};
use arrow_flight::sql::{CommandGetXdbcTypeInfo, Nullable, Searchable, XdbcDataType, XdbcDatetimeSubcode};

use super::built;
use crate::status::{Fault, Outcome};

/// What differs between two types; the rest is the same for all, see [`Row::info`].
struct Row {
    name: &'static str,
    code: XdbcDataType,
    size: Option<i32>,
    /// What stands around a literal.
    quotes: Option<(&'static str, &'static str)>,
    params: &'static [&'static str],
    sign: Option<bool>,
    scale: Option<(i32, i32)>,
    radix: Option<i32>,
    datetime: Option<(XdbcDataType, XdbcDatetimeSubcode)>,
}

const fn row(name: &'static str, code: XdbcDataType, size: Option<i32>) -> Row {
    Row { name, code, size, quotes: None, params: &[], sign: None, scale: None, radix: None, datetime: None }
}

const fn whole(name: &'static str, code: XdbcDataType, digits: i32, unsigned: bool) -> Row {
    let mut row = row(name, code, Some(digits));
    row.sign = Some(unsigned);
    row.scale = Some((0, 0));
    row.radix = Some(10);
    row
}

const fn float(name: &'static str, code: XdbcDataType, bits: i32) -> Row {
    let mut row = row(name, code, Some(bits));
    row.sign = Some(false);
    row.radix = Some(2);
    row
}

const fn quoted(name: &'static str, code: XdbcDataType, quotes: (&'static str, &'static str)) -> Row {
    let mut row = row(name, code, None);
    row.quotes = Some(quotes);
    row
}

const fn datetime(
    name: &'static str,
    code: XdbcDataType,
    prefix: &'static str,
    size: i32,
    sub: XdbcDatetimeSubcode,
) -> Row {
    let mut row = quoted(name, code, (prefix, "'"));
    row.size = Some(size);
    row.scale = Some((0, 9));
    row.datetime = Some((XdbcDataType::XdbcDatetime, sub));
    row
}

const fn decimal() -> Row {
    let mut row = whole("DECIMAL", XdbcDataType::XdbcDecimal, 76, false);
    row.params = &["precision", "scale"];
    row.scale = Some((0, 76));
    row
}

/// Every type that a column can be listed with, any order.
const TYPES: [Row; 25] = [
    row("NULL", XdbcDataType::XdbcUnknownType, None),
    row("BOOLEAN", XdbcDataType::XdbcBit, Some(1)),
    whole("TINYINT", XdbcDataType::XdbcTinyint, 3, false),
    whole("SMALLINT", XdbcDataType::XdbcSmallint, 5, false),
    whole("INTEGER", XdbcDataType::XdbcInteger, 10, false),
    whole("BIGINT", XdbcDataType::XdbcBigint, 19, false),
    whole("TINYINT UNSIGNED", XdbcDataType::XdbcTinyint, 3, true),
    whole("SMALLINT UNSIGNED", XdbcDataType::XdbcSmallint, 5, true),
    whole("INTEGER UNSIGNED", XdbcDataType::XdbcInteger, 10, true),
    whole("BIGINT UNSIGNED", XdbcDataType::XdbcBigint, 20, true),
    float("REAL", XdbcDataType::XdbcReal, 24),
    float("DOUBLE", XdbcDataType::XdbcDouble, 53),
    decimal(),
    quoted("VARCHAR", XdbcDataType::XdbcVarchar, ("'", "'")),
    quoted("VARBINARY", XdbcDataType::XdbcVarbinary, ("X'", "'")),
    quoted("BINARY", XdbcDataType::XdbcBinary, ("X'", "'")),
    datetime("DATE", XdbcDataType::XdbcDate, "DATE '", 10, XdbcDatetimeSubcode::XdbcSubcodeYear),
    datetime("TIME", XdbcDataType::XdbcTime, "TIME '", 18, XdbcDatetimeSubcode::XdbcSubcodeTime),
    datetime("TIMESTAMP", XdbcDataType::XdbcTimestamp, "TIMESTAMP '", 29, XdbcDatetimeSubcode::XdbcSubcodeTimestamp),
    datetime(
        "TIMESTAMP WITH TIME ZONE",
        XdbcDataType::XdbcTimestamp,
        "TIMESTAMP '",
        35,
        XdbcDatetimeSubcode::XdbcSubcodeTimestampWithTimezone,
    ),
    quoted("INTERVAL", XdbcDataType::XdbcInterval, ("INTERVAL '", "'")),
    row("DURATION", XdbcDataType::XdbcUnknownType, None),
    row("ARRAY", XdbcDataType::XdbcUnknownType, None),
    row("STRUCT", XdbcDataType::XdbcUnknownType, None),
    row("MAP", XdbcDataType::XdbcUnknownType, None),
];

impl Row {
    fn info(&self) -> XdbcTypeInfo {
        let is_text = self.code == XdbcDataType::XdbcVarchar;
        let is_number = self.radix.is_some();
        XdbcTypeInfo {
            type_name: self.name.to_owned(),
            data_type: self.code,
            column_size: self.size,
            literal_prefix: self.quotes.map(|(prefix, _)| prefix.to_owned()),
            literal_suffix: self.quotes.map(|(_, suffix)| suffix.to_owned()),
            create_params: Some(self.params.iter().map(|p| (*p).to_owned()).collect()),
            nullable: Nullable::NullabilityNullable,
            case_sensitive: is_text,
            searchable: if is_text || is_number || self.datetime.is_some() {
                Searchable::Full
            } else {
                Searchable::Basic
            },
            unsigned_attribute: self.sign,
            fixed_prec_scale: false,
            auto_increment: is_number.then_some(false),
            local_type_name: Some(self.name.to_owned()),
            minimum_scale: self.scale.map(|(low, _)| low),
            maximum_scale: self.scale.map(|(_, high)| high),
            sql_data_type: self.datetime.map_or(self.code, |(group, _)| group),
            datetime_subcode: self.datetime.map(|(_, sub)| sub),
            num_prec_radix: self.radix,
            interval_precision: None,
        }
    }
}

static DATA: LazyLock<Result<XdbcTypeInfoData, FlightError>> = LazyLock::new(|| {
    let mut builder = XdbcTypeInfoDataBuilder::new();
    for row in &TYPES {
        builder.append(row.info());
    }
    builder.build()
});

pub(super) fn schema() -> SchemaRef {
    XdbcTypeInfoDataBuilder::new().schema()
}

/// The types, or those with the asked code.
pub(super) fn type_info(command: CommandGetXdbcTypeInfo) -> Outcome<RecordBatch> {
    let data = DATA.as_ref().map_err(|e| Fault::internal("building the type information", e))?;
    built(command.into_builder(data).build())
}
