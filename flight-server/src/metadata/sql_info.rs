//! GetSqlInfo: what the server can do, in the words of the specification.
//!
//! Holds always:
//! - every code has the member of the union that drivers read; some read it without looking (ODBC). Where the specification's text
//!   and the drivers differ (503, 505, 507, 562), the drivers' 64-bit integer is sent;
//! - a bit mask has bit `n` set for the enumeration's value `n`;
//! - nothing is claimed that would then be refused.
//!
//! Start reading at [`values`].

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arrow::array::{ArrayRef, AsArray as _, RecordBatch, UnionArray};
use arrow::compute::can_cast_types;
use arrow::datatypes::{DataType, FieldRef, IntervalUnit, Schema, SchemaRef, TimeUnit};
use arrow_flight::error::FlightError;
use arrow_flight::sql::metadata::{SqlInfoData, SqlInfoDataBuilder};
use arrow_flight::sql::{
    CommandGetSqlInfo, SqlNullOrdering, SqlOuterJoinsSupportLevel, SqlSupportedCaseSensitivity, SqlSupportedGroupBy,
    SqlSupportedResultSetConcurrency, SqlSupportedResultSetType, SqlSupportedSubqueries, SqlSupportedTransaction,
    SqlSupportedUnions, SqlSupportsConvert, SqlTransactionIsolationLevel, SupportedSqlGrammar,
};
use datafusion::logical_expr::ScalarUDF;
use datafusion::sql::sqlparser::keywords::ALL_KEYWORDS;

use super::built;
use crate::status::{Fault, Outcome};
use crate::wire::Profile;

/// One member of the specification's union.
#[derive(Debug, Clone)]
enum Value {
    Text(String),
    Flag(bool),
    Long(i64),
    Int(i32),
    Texts(Vec<String>),
    Lists(BTreeMap<i32, Vec<i32>>),
}

/// The code of the time that a prepared statement can be used.
const STATEMENT_TIMEOUT: u32 = 100;

/// The codes of bulk ingestion, the youngest of the specification.
const BULK_INGESTION: [u32; 2] = [10, 11];

static VALUES: LazyLock<BTreeMap<u32, Value>> = LazyLock::new(|| values().into_iter().collect());

/// The builder's columns, with no member of the union nullable: as Arrow's own servers have them.
static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let members = |field: &FieldRef| match field.data_type() {
        DataType::Union(members, mode) => {
            let members =
                members.iter().map(|(id, member)| (id, Arc::new(member.as_ref().clone().with_nullable(false))));
            Arc::new(field.as_ref().clone().with_data_type(DataType::Union(members.collect(), *mode)))
        }
        _ => Arc::clone(field),
    };
    Arc::new(Schema::new(SqlInfoDataBuilder::schema().fields().iter().map(members).collect::<Vec<_>>()))
});

pub(super) fn schema() -> SchemaRef {
    Arc::clone(&SCHEMA)
}

/// The same rows with the columns of [`schema`].
fn labelled(batch: &RecordBatch) -> Outcome<RecordBatch> {
    let column = |(field, column): (&FieldRef, &ArrayRef)| match (field.data_type(), column.as_union_opt()) {
        (DataType::Union(members, _), Some(union)) => {
            let (_, type_ids, offsets, children) = union.clone().into_parts();
            UnionArray::try_new(members.clone(), type_ids, offsets, children).map(|union| Arc::new(union) as ArrayRef)
        }
        _ => Ok(Arc::clone(column)),
    };
    let columns = SCHEMA.fields().iter().zip(batch.columns()).map(column).collect::<Result<Vec<_>, _>>();
    let columns = columns.map_err(|e| Fault::internal("building the server's description", &e))?;
    super::batch(&SCHEMA, columns)
}

/// The asked codes that we know, or all; sorted by code.
///
/// JDBC asks for all and binds nothing in bulk: it is not told [`BULK_INGESTION`], since its driver up to version 16 fails at codes
/// that it does not know, and loses all others with them.
pub(super) fn sql_info(
    command: &CommandGetSqlInfo,
    profile: Profile,
    handle_lifetime: Duration,
) -> Outcome<RecordBatch> {
    let is_for_all = command.info.is_empty();
    let data =
        data(handle_lifetime, |code| !(is_for_all && profile == Profile::Jdbc && BULK_INGESTION.contains(&code)))
            .map_err(|e| Fault::internal("building the server's description", &e))?;
    labelled(&built(data.record_batch(command.info.iter().copied()))?)
}

fn data(handle_lifetime: Duration, is_told: impl Fn(u32) -> bool) -> Result<SqlInfoData, FlightError> {
    let mut builder = SqlInfoDataBuilder::new();
    for (code, value) in VALUES.iter().filter(|(code, _)| is_told(**code)) {
        match value.clone() {
            Value::Text(value) => builder.append(*code, value.as_str()),
            Value::Flag(value) => builder.append(*code, value),
            Value::Long(value) => builder.append(*code, value),
            Value::Int(value) => builder.append(*code, value),
            Value::Texts(values) => builder.append(*code, values),
            Value::Lists(lists) => builder.append(*code, lists),
        }
    }
    builder.append(STATEMENT_TIMEOUT, i32::try_from(handle_lifetime.as_millis()).unwrap_or(i32::MAX));
    builder.build()
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

fn yes() -> Value {
    Value::Flag(true)
}

fn no() -> Value {
    Value::Flag(false)
}

fn long(value: i64) -> Value {
    Value::Long(value)
}

/// An ordinal that is read as a 32-bit integer.
fn int(value: i32) -> Value {
    Value::Int(value)
}

/// A mask with one bit per value.
fn mask(values: &[i32]) -> Value {
    Value::Int(values.iter().fold(0, |mask, value| mask | (1 << value)))
}

/// Every code that does not depend on settings.
fn values() -> Vec<(u32, Value)> {
    let mut values = server();
    values.extend(language());
    values.extend(capabilities());
    values.extend(sizes());
    values.extend(transactions());
    values
}

fn server() -> Vec<(u32, Value)> {
    vec![
        (0, text("Meshweave")),
        (1, text(env!("CARGO_PKG_VERSION"))),
        (2, text(arrow::ARROW_VERSION)),
        // Products are read-only; the session's own tables are not.
        (3, no()),
        (4, yes()),
        (5, no()),
        (8, int(SqlSupportedTransaction::None as i32)),
        (9, yes()),
        (10, yes()),
        (11, no()),
        (101, int(0)),
    ]
}

fn language() -> Vec<(u32, Value)> {
    vec![
        (500, no()),
        (501, no()),
        (502, yes()),
        (503, long(SqlSupportedCaseSensitivity::SqlCaseSensitivityLowercase as i64)),
        (504, text("\"")),
        // The word for "exactly as written": drivers show it as case-sensitive.
        (505, long(SqlSupportedCaseSensitivity::SqlCaseSensitivityUnknown as i64)),
        (506, no()),
        (507, long(SqlNullOrdering::SqlNullsSortedHigh as i64)),
        (508, Value::Texts(ALL_KEYWORDS.iter().map(|word| (*word).to_owned()).collect())),
        (509, names(&datafusion::functions::math::functions())),
        (510, names(&text_functions())),
        (511, names(&datafusion::functions::core::functions())),
        (512, names(&datafusion::functions::datetime::functions())),
        (513, text("\\")),
        (514, text("")),
        (515, yes()),
        (516, yes()),
        (517, Value::Lists(conversions())),
        (518, yes()),
        (519, no()),
        (529, text("schema")),
        (530, text("procedure")),
        (531, text("catalog")),
        (532, yes()),
    ]
}

fn capabilities() -> Vec<(u32, Value)> {
    use SqlSupportedSubqueries as S;
    use SupportedSqlGrammar as G;
    vec![
        (520, yes()),
        (521, yes()),
        (
            522,
            mask(&[
                SqlSupportedGroupBy::SqlGroupByUnrelated as i32,
                SqlSupportedGroupBy::SqlGroupByBeyondSelect as i32,
            ]),
        ),
        (523, yes()),
        (524, yes()),
        (525, mask(&[G::SqlMinimumGrammar as i32, G::SqlCoreGrammar as i32, G::SqlExtendedGrammar as i32])),
        // Entry and intermediate level of SQL-92.
        (526, mask(&[0, 1])),
        (527, no()),
        (
            528,
            mask(&[
                SqlOuterJoinsSupportLevel::SqlLimitedOuterJoins as i32,
                SqlOuterJoinsSupportLevel::SqlFullOuterJoins as i32,
            ]),
        ),
        (533, int(0)),
        (534, int(0)),
        (535, int(0)),
        (536, no()),
        (537, no()),
        (
            538,
            mask(&[
                S::SqlSubqueriesInComparisons as i32,
                S::SqlSubqueriesInExists as i32,
                S::SqlSubqueriesInIns as i32,
                S::SqlSubqueriesInQuantifieds as i32,
            ]),
        ),
        (539, yes()),
        (540, mask(&[SqlSupportedUnions::SqlUnion as i32, SqlSupportedUnions::SqlUnionAll as i32])),
    ]
}

/// Sizes of names are those of the mesh's names; 0 says that there is no limit, or none is known.
fn sizes() -> Vec<(u32, Value)> {
    let size = |code| match code {
        552 | 559 => long(128),
        556 => no(),
        _ => long(0),
    };
    (541..=561).map(|code| (code, size(code))).collect()
}

fn transactions() -> Vec<(u32, Value)> {
    let forward = SqlSupportedResultSetType::SqlResultSetTypeForwardOnly as i32;
    let read_only = SqlSupportedResultSetConcurrency::SqlResultSetConcurrencyReadOnly as i32;
    vec![
        (562, long(SqlTransactionIsolationLevel::SqlTransactionNone as i64)),
        (563, no()),
        (564, mask(&[SqlTransactionIsolationLevel::SqlTransactionNone as i32])),
        (565, no()),
        (566, no()),
        (567, mask(&[forward])),
        (568, int(0)),
        (569, mask(&[read_only])),
        (570, int(0)),
        (571, int(0)),
        (572, yes()),
        (573, no()),
        (574, no()),
        (575, no()),
        (576, no()),
    ]
}

fn text_functions() -> Vec<Arc<ScalarUDF>> {
    let mut functions = datafusion::functions::string::functions();
    functions.extend(datafusion::functions::unicode::functions());
    functions.extend(datafusion::functions::regex::functions());
    functions.extend(datafusion::functions::encoding::functions());
    functions
}

fn names(functions: &[Arc<ScalarUDF>]) -> Value {
    let mut names: Vec<String> = functions.iter().map(|function| function.name().to_owned()).collect();
    names.sort_unstable();
    names.dedup();
    Value::Texts(names)
}

/// Which SQL types can be cast to which, read off the cast kernels.
fn conversions() -> BTreeMap<i32, Vec<i32>> {
    use SqlSupportsConvert as C;
    let types = [
        (C::SqlConvertBigint, DataType::Int64),
        (C::SqlConvertBinary, DataType::FixedSizeBinary(16)),
        (C::SqlConvertBit, DataType::Boolean),
        (C::SqlConvertChar, DataType::Utf8),
        (C::SqlConvertDate, DataType::Date32),
        (C::SqlConvertDecimal, DataType::Decimal128(38, 10)),
        (C::SqlConvertFloat, DataType::Float64),
        (C::SqlConvertInteger, DataType::Int32),
        (C::SqlConvertIntervalDayTime, DataType::Interval(IntervalUnit::DayTime)),
        (C::SqlConvertIntervalYearMonth, DataType::Interval(IntervalUnit::YearMonth)),
        (C::SqlConvertLongvarbinary, DataType::LargeBinary),
        (C::SqlConvertLongvarchar, DataType::LargeUtf8),
        (C::SqlConvertNumeric, DataType::Decimal128(38, 10)),
        (C::SqlConvertReal, DataType::Float32),
        (C::SqlConvertSmallint, DataType::Int16),
        (C::SqlConvertTime, DataType::Time64(TimeUnit::Nanosecond)),
        (C::SqlConvertTimestamp, DataType::Timestamp(TimeUnit::Nanosecond, None)),
        (C::SqlConvertTinyint, DataType::Int8),
        (C::SqlConvertVarbinary, DataType::Binary),
        (C::SqlConvertVarchar, DataType::Utf8),
    ];
    let to =
        |from: &DataType| types.iter().filter(|(_, to)| can_cast_types(from, to)).map(|(id, _)| *id as i32).collect();
    types.iter().map(|(id, from)| (*id as i32, to(from))).collect()
}
