//! The products of `logistics`: parcels with a history, what lies in the warehouses, and who carries.
//!
//! Start reading at [`write`].

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;

use super::Size;
use super::orders::{decimals, instant, instants, texts, write_one};
use super::row::{self, DAY_US, Order, Status};
use crate::delta::{Added, DeltaTable};
use crate::error::Result;
use crate::file::Files;
use crate::random::Random;

/// Versions of the Delta table `shipments`, from 0; each has other rows than the one before.
pub const SHIPMENT_VERSIONS: i64 = 3;

const CARRIERS: [&str; 4] = ["Brieftaube", "Ruckzuck", "Søby Kurér", "宅急便"];
const WAREHOUSES: [&str; 4] = ["GDN", "HAM", "LYS", "OSA"];
/// 2026-09-30 as days since 1970.
const COUNTED_ON: i32 = 20_726;

/// Writes every product of the domain but `returns`, which is empty.
pub(super) async fn write(files: &Files, size: Size) -> Result<()> {
    write_shipments(&files.folder("shipments/v1"), size).await?;
    for (warehouse, name) in (0..).zip(WAREHOUSES) {
        let file = format!("inventory/v1/warehouse={name}/part-00000.parquet");
        write_one(files, &file, inventory(warehouse)).await?;
    }
    write_one(files, "carriers/v1/part-00000.parquet", carriers()).await
}

/// Three commits: the older half of the parcels; the newer half; and the first file again, its parcels delivered by now.
async fn write_shipments(files: &Files, size: Size) -> Result<()> {
    let mut table = DeltaTable::new(files.clone(), shipment_schema(true), &["carrier"]);
    let chunks = (size.files_per_table / 4).max(2);
    let cut = Size { files_per_table: chunks, ..size }.cut(size.orders);
    let mut halves = [Vec::new(), Vec::new()];
    for (chunk, range) in cut.into_iter().enumerate() {
        let orders: Vec<Order> = range.map(|number| Order::number(number, size)).collect();
        for carrier in CARRIERS {
            let added = write_parcels(files, &orders, carrier, &format!("part-{chunk:05}.parquet"), false).await?;
            halves[usize::from(chunk >= usize::from(chunks / 2))].push((orders.clone(), added));
        }
    }
    let [older, newer] = halves;
    let files_of = |half: &[(Vec<Order>, Added)]| half.iter().map(|(_, added)| added.clone()).collect::<Vec<_>>();
    table.commit("WRITE", &files_of(&older), &[]).await?;
    table.commit("WRITE", &files_of(&newer), &[]).await?;
    if let Some((orders, replaced)) = older.into_iter().next() {
        let again = write_parcels(files, &orders, CARRIERS[0], "part-00000-delivered.parquet", true).await?;
        table.commit("MERGE", &[again], &[replaced]).await?;
    }
    Ok(())
}

/// Writes the parcels of `orders` that `carrier` carries, in the carrier's folder and without the carrier's column.
async fn write_parcels(
    files: &Files,
    orders: &[Order],
    carrier: &str,
    name: &str,
    all_delivered: bool,
) -> Result<Added> {
    let parcels: Vec<&Order> =
        orders.iter().filter(|order| order.status == Status::Shipped && carrier_of(order) == carrier).collect();
    let batch = shipments(&parcels, all_delivered)?;
    let folder = format!("carrier={}", carrier.replace(' ', "_"));
    let rows = batch.num_rows();
    let file = files.write(&format!("{folder}/{name}"), batch.schema(), rows, std::iter::once(Ok(batch))).await?;
    Ok(Added { file, partition: vec![Some(carrier.to_owned())] })
}

fn carrier_of(order: &Order) -> &'static str {
    Random::of(&order.id, 77).pick(&CARRIERS)
}

fn shipment_schema(with_carrier: bool) -> SchemaRef {
    let mut fields = vec![
        Field::new("shipment_id", DataType::Utf8, false),
        Field::new("order_id", DataType::Utf8, false),
        Field::new("warehouse", DataType::Utf8, false),
        Field::new("shipped_at", instant(), false),
        Field::new("delivered_at", instant(), true),
        Field::new("weight_kg", DataType::Decimal128(8, 3), false),
        Field::new("cost", DataType::Decimal128(10, 2), true),
        Field::new("label", DataType::Utf8, false),
    ];
    if with_carrier {
        fields.push(Field::new("carrier", DataType::Utf8, false));
    }
    Arc::new(Schema::new(fields))
}

fn shipments(parcels: &[&Order], all_delivered: bool) -> Result<RecordBatch, ArrowError> {
    let of = |salt: u64| parcels.iter().map(move |order| (*order, Random::of(&order.id, salt)));
    let shipped = |order: &Order| order.placed_us + DAY_US;
    let delivered = |(order, mut random): (&Order, Random)| {
        let hours = random.between(12, 96);
        (all_delivered || random.chance(75)).then(|| shipped(order) + hours * 3_600_000_000)
    };
    let columns: Vec<ArrayRef> = vec![
        texts(of(1).map(|(_, mut random)| random.uuid())),
        texts(parcels.iter().map(|order| &order.id)),
        texts(of(2).map(|(_, mut random)| random.pick(&WAREHOUSES))),
        instants(parcels.iter().map(|order| Some(shipped(order)))),
        instants(of(3).map(delivered)),
        decimals(of(4).map(|(_, mut random)| Some(random.between(50, 31_500))), 8, 3)?,
        decimals(of(5).map(|(_, mut random)| random.chance(80).then(|| random.between(290, 4_900))), 10, 2)?,
        texts(of(6).map(|(_, mut random)| row::prose(&mut random, 16))),
    ];
    RecordBatch::try_new(shipment_schema(false), columns)
}

/// The articles of one warehouse; its name stands in the folder's.
fn inventory(warehouse: u64) -> Result<RecordBatch, ArrowError> {
    let of =
        |salt: u64| (0..row::ARTICLES).map(move |article| Random::of("stock", article * 100 + warehouse * 10 + salt));
    let pieces = |mut random: Random| i32::try_from(random.between(0, 400)).unwrap_or(0);
    let schema = Schema::new(vec![
        Field::new("sku", DataType::Utf8, false),
        Field::new("on_hand", DataType::Int32, false),
        Field::new("reorder_at", DataType::Int32, true),
        Field::new("counted_on", DataType::Date32, false),
    ]);
    let reorder = of(1).map(|mut random| random.chance(80).then(|| pieces(random)));
    let columns: Vec<ArrayRef> = vec![
        texts((0..row::ARTICLES).map(row::sku)),
        Arc::new(Int32Array::from_iter_values(of(0).map(pieces))),
        Arc::new(reorder.collect::<Int32Array>()),
        Arc::new(Date32Array::from_iter_values((0..row::ARTICLES).map(|_| COUNTED_ON))),
    ];
    RecordBatch::try_new(Arc::new(schema), columns)
}

fn carriers() -> Result<RecordBatch, ArrowError> {
    let schema =
        Schema::new(vec![Field::new("carrier", DataType::Utf8, false), Field::new("hotline", DataType::Utf8, true)]);
    let columns: Vec<ArrayRef> = vec![
        texts(CARRIERS),
        Arc::new(StringArray::from(vec![None, Some("+49 800 0000"), Some("+45 8000 0000"), Some("0120-00-0000")])),
    ];
    RecordBatch::try_new(Arc::new(schema), columns)
}
