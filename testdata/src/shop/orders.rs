//! The products of `commerce`: orders in two majors, their items, and what happened to them.
//!
//! Start reading at [`write`].

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int32Array, Int64Array, ListBuilder, MapBuilder,
    MapFieldNames, RecordBatch, StringArray, StringBuilder, StructArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use chrono::DateTime;

use super::Size;
use super::row::{self, DAY_US, FIRST_DAY_US, Order};
use crate::error::Result;
use crate::file::Files;
use crate::random::Random;

/// The type of every instant in the shop.
pub(super) fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// A column of instants, from microseconds since 1970.
pub(super) fn instants(values: impl IntoIterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}

/// A column of exact numbers, from their digits.
pub(super) fn decimals(
    values: impl IntoIterator<Item = Option<i64>>,
    precision: u8,
    scale: i8,
) -> Result<ArrayRef, ArrowError> {
    let values: Decimal128Array = values.into_iter().map(|value| value.map(i128::from)).collect();
    Ok(Arc::new(values.with_precision_and_scale(precision, scale)?))
}

/// A column of text.
pub(super) fn texts<T: AsRef<str>>(values: impl IntoIterator<Item = T>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

/// Writes every product of the domain.
pub(super) async fn write(files: &Files, size: Size) -> Result<()> {
    for (file, range) in size.cut(size.orders).into_iter().enumerate() {
        let orders: Vec<Order> = range.map(|number| Order::number(number, size)).collect();
        let part = format!("part-{file:05}.parquet");
        write_one(files, &format!("orders/v1/{}/{part}", day_folder(file)), first_major(&orders)).await?;
        write_one(files, &format!("orders/v2/orders/{part}"), second_major(&orders)).await?;
        write_one(files, &format!("orders/v2/items/{part}"), items(&orders)).await?;
        let is_newer = file * 2 >= usize::from(size.files_per_table);
        write_one(files, &format!("order_events/v1/{part}"), events(&orders, is_newer)).await?;
    }
    Ok(())
}

/// Writes one batch as one file.
pub(super) async fn write_one(files: &Files, name: &str, batch: Result<RecordBatch, ArrowError>) -> Result<()> {
    let batch = batch?;
    files.write(name, batch.schema(), batch.num_rows(), std::iter::once(Ok(batch))).await?;
    Ok(())
}

/// `2026/10/01`: the folder of a day, from 0.
fn day_folder(day: usize) -> String {
    let micros = FIRST_DAY_US + i64::try_from(day).unwrap_or(0) * DAY_US;
    DateTime::from_timestamp_micros(micros).unwrap_or_default().format("%Y/%m/%d").to_string()
}

fn schema(fields: Vec<Field>) -> SchemaRef {
    Arc::new(Schema::new(fields))
}

fn first_major(orders: &[Order]) -> Result<RecordBatch, ArrowError> {
    let schema = schema(vec![
        Field::new("orderId", DataType::Utf8, false),
        Field::new("customerId", DataType::Utf8, false),
        Field::new("amount", DataType::Decimal128(12, 2), false),
        Field::new("status", DataType::Utf8, false),
        Field::new("timestamp", instant(), false),
        Field::new("note", DataType::Utf8, true),
    ]);
    let columns: Vec<ArrayRef> = vec![
        texts(orders.iter().map(|order| &order.id)),
        texts(orders.iter().map(|order| row::customer_id(order.customer))),
        decimals(orders.iter().map(|order| Some(order.cents)), 12, 2)?,
        texts(orders.iter().map(|order| order.status.word())),
        instants(orders.iter().map(|order| Some(order.placed_us))),
        Arc::new(orders.iter().map(|order| order.note).collect::<StringArray>()),
    ];
    RecordBatch::try_new(schema, columns)
}

fn address_fields() -> Fields {
    Fields::from(vec![
        Field::new("street", DataType::Utf8, false),
        Field::new("city", DataType::Utf8, false),
        Field::new("postcode", DataType::Utf8, true),
        Field::new("country", DataType::Utf8, false),
    ])
}

fn second_major(orders: &[Order]) -> Result<RecordBatch, ArrowError> {
    let (addresses, tags, attributes) = (addresses(orders)?, tags(orders), attributes(orders)?);
    let schema = schema(vec![
        Field::new("order_id", DataType::Utf8, false),
        Field::new("customer_id", DataType::Utf8, false),
        Field::new("placed_at", instant(), false),
        Field::new("status", DataType::Utf8, false),
        Field::new("currency", DataType::Utf8, false),
        Field::new("total", DataType::Decimal128(12, 2), true),
        Field::new("shipping_address", DataType::Struct(address_fields()), false),
        Field::new("tags", arrow::array::Array::data_type(&tags).clone(), false),
        Field::new("attributes", arrow::array::Array::data_type(&attributes).clone(), true),
        Field::new("note", DataType::Utf8, true),
    ]);
    let columns: Vec<ArrayRef> = vec![
        texts(orders.iter().map(|order| &order.id)),
        texts(orders.iter().map(|order| row::customer_id(order.customer))),
        instants(orders.iter().map(|order| Some(order.placed_us))),
        texts(orders.iter().map(|order| order.status.word())),
        texts(orders.iter().map(|order| currency(order.customer))),
        decimals(
            orders
                .iter()
                .map(|order| (order.lines > 1 || order.status != row::Status::Cancelled).then_some(order.cents)),
            12,
            2,
        )?,
        addresses,
        tags,
        attributes,
        Arc::new(orders.iter().map(|order| order.note).collect::<StringArray>()),
    ];
    RecordBatch::try_new(schema, columns)
}

fn currency(customer: u64) -> &'static str {
    match row::place_of(customer).0 {
        "JP" => "JPY",
        "US" => "USD",
        "BR" => "BRL",
        "AE" => "AED",
        "PL" => "PLN",
        _ => "EUR",
    }
}

fn addresses(orders: &[Order]) -> Result<ArrayRef, ArrowError> {
    let places: Vec<_> = orders.iter().map(|order| row::place_of(order.customer)).collect();
    let streets = orders.iter().map(|order| format!("Markt {}", order.customer % 97 + 1));
    let columns: Vec<ArrayRef> = vec![
        texts(streets),
        texts(places.iter().map(|place| place.1)),
        Arc::new(places.iter().map(|place| place.2).collect::<StringArray>()),
        texts(places.iter().map(|place| place.0)),
    ];
    Ok(Arc::new(StructArray::try_new(address_fields(), columns, None)?))
}

fn tags(orders: &[Order]) -> ArrayRef {
    let mut lists = ListBuilder::new(StringBuilder::new()).with_field(Field::new("element", DataType::Utf8, false));
    for order in orders {
        let mut random = order.random.clone();
        for _ in 0..random.below(4) {
            lists.values().append_value(random.pick(&["new", "b2b", "sale", "eilig", "été", "再注文"]));
        }
        lists.append(true);
    }
    Arc::new(lists.finish())
}

fn attributes(orders: &[Order]) -> Result<ArrayRef, ArrowError> {
    let names = MapFieldNames { entry: "key_value".to_owned(), key: "key".to_owned(), value: "value".to_owned() };
    let mut maps = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
    for order in orders {
        let mut random = order.random.clone();
        let is_there = random.chance(85);
        if is_there {
            maps.keys().append_value("channel");
            maps.values().append_value(random.pick(&["web", "app", "phone"]));
            maps.keys().append_value("voucher");
            maps.values().append_option(random.chance(30).then(|| format!("V{}", random.below(1000))));
        }
        maps.append(is_there)?;
    }
    Ok(Arc::new(maps.finish()))
}

fn items(orders: &[Order]) -> Result<RecordBatch, ArrowError> {
    let lines: Vec<(&Order, i32, Random)> = orders
        .iter()
        .flat_map(|order| {
            (1..=order.lines).map(move |line| (order, line, Random::of(&order.id, line.unsigned_abs().into())))
        })
        .collect();
    let number = |low, high, salt| {
        lines.iter().map(move |(_, _, random)| {
            let mut random = random.clone();
            for _ in 0..salt {
                random.next();
            }
            random.between(low, high)
        })
    };
    let discount = |percent: i64| match percent {
        0..=9 => None,
        10 => Some(f64::NAN),
        other => i32::try_from(other / 5).ok().map(|steps| f64::from(steps) * 0.05),
    };
    let schema = schema(vec![
        Field::new("order_id", DataType::Utf8, false),
        Field::new("line", DataType::Int32, false),
        Field::new("sku", DataType::Utf8, false),
        Field::new("quantity", DataType::Int32, false),
        Field::new("unit_price", DataType::Decimal128(10, 2), false),
        Field::new("discount", DataType::Float64, true),
        Field::new("gift", DataType::Boolean, false),
    ]);
    let last_article = i64::try_from(row::ARTICLES).unwrap_or(1) - 1;
    let columns: Vec<ArrayRef> = vec![
        texts(lines.iter().map(|(order, _, _)| &order.id)),
        Arc::new(Int32Array::from_iter_values(lines.iter().map(|(_, line, _)| *line))),
        texts(number(0, last_article, 0).map(|article| row::sku(article.unsigned_abs()))),
        Arc::new(Int32Array::from_iter_values(number(1, 9, 1).filter_map(|pieces| i32::try_from(pieces).ok()))),
        decimals(number(99, 49_999, 2).map(Some), 10, 2)?,
        Arc::new(number(0, 99, 3).map(discount).collect::<Float64Array>()),
        Arc::new(number(0, 9, 4).map(|digit| Some(digit == 0)).collect::<BooleanArray>()),
    ];
    RecordBatch::try_new(schema, columns)
}

/// What happened to the orders. Newer files know the device, and count in 64 bits.
fn events(orders: &[Order], is_newer: bool) -> Result<RecordBatch, ArrowError> {
    let events: Vec<(&Order, i32, &'static str)> = orders
        .iter()
        .flat_map(|order| (1..).zip(order.status.history()).map(move |(step, status)| (order, step, status.word())))
        .collect();
    let mut fields = vec![
        Field::new("eventId", DataType::Utf8, false),
        Field::new("orderId", DataType::Utf8, false),
        Field::new("kind", DataType::Utf8, false),
        Field::new("occurredAt", instant(), false),
        Field::new("sequence", if is_newer { DataType::Int64 } else { DataType::Int32 }, false),
    ];
    let steps = events.iter().map(|(_, step, _)| *step);
    let sequence: ArrayRef = if is_newer {
        Arc::new(Int64Array::from_iter_values(steps.map(i64::from)))
    } else {
        Arc::new(Int32Array::from_iter_values(steps))
    };
    let mut columns: Vec<ArrayRef> = vec![
        texts(
            events.iter().map(|(order, step, _)| Random::of(&order.id, 1_000 + u64::from(step.unsigned_abs())).uuid()),
        ),
        texts(events.iter().map(|(order, _, _)| &order.id)),
        texts(events.iter().map(|(_, _, kind)| kind)),
        instants(events.iter().map(|(order, step, _)| Some(order.placed_us + i64::from(step - 1) * 3_600_000_000))),
        sequence,
    ];
    if is_newer {
        let device = devices(&events)?;
        fields.push(Field::new("device", device.data_type().clone(), true));
        columns.push(device);
    }
    RecordBatch::try_new(schema(fields), columns)
}

fn devices(events: &[(&Order, i32, &'static str)]) -> Result<ArrayRef, ArrowError> {
    let fields =
        Fields::from(vec![Field::new("os", DataType::Utf8, false), Field::new("version", DataType::Utf8, true)]);
    let known: Vec<bool> =
        events.iter().map(|(order, step, _)| *step == 1 && order.random.clone().chance(80)).collect();
    let os = texts(events.iter().map(|(order, _, _)| order.random.clone().pick(&["android", "ios", "linux", "other"])));
    let version = events
        .iter()
        .map(|(order, _, _)| (order.customer % 3 > 0).then(|| format!("{}.{}", order.customer % 9, order.lines)));
    let columns: Vec<ArrayRef> = vec![os, Arc::new(version.collect::<StringArray>())];
    Ok(Arc::new(StructArray::try_new(fields, columns, Some(known.into()))?))
}
