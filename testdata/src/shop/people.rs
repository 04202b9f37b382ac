//! The products of `identity` and `customer`: who the customers are, how they log in, and what they are worth.
//!
//! Start reading at [`write_identity`].

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Float32Array, Float64Array, ListBuilder, RecordBatch, StringArray,
    StringBuilder,
};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;

use super::Size;
use super::orders::{instant, instants, texts, write_one};
use super::row::{self, DAY_US, FIRST_DAY_US};
use crate::error::Result;
use crate::file::Files;
use crate::random::Random;

const FIRST_NAMES: [&str; 10] =
    ["Zoë", "Jürgen", "Ana María", "Łukasz", "陽子", "Олена", "Niamh", "Çağlar", "Amélie", "John"];
const LAST_NAMES: [&str; 10] =
    ["Müller", "O'Brien", "García-López", "Nowak", "佐藤", "Шевченко", "N'Diaye", "Yıldız", "Lefèvre", "Smith"];

/// Writes `customers` and `login_events`.
pub(super) async fn write_identity(files: &Files, size: Size) -> Result<()> {
    for (file, range) in size.cut(size.customers()).into_iter().enumerate() {
        write_one(files, &format!("customers/v1/part-{file:05}.parquet"), customers(range)).await?;
    }
    write_one(files, "login_events/v1/part-00000.parquet", login_events(size.customers())).await
}

/// Writes `customer-lifetime-value`: scores of the model's last run, in two files.
pub(super) async fn write_customer(files: &Files, size: Size) -> Result<()> {
    let half = size.customers() / 2;
    for (file, range) in [0..half, half..size.customers()].into_iter().enumerate() {
        write_one(files, &format!("customer-lifetime-value/v1/part-{file:05}.parquet"), lifetime_values(range)).await?;
    }
    Ok(())
}

fn customers(range: Range<u64>) -> Result<RecordBatch, ArrowError> {
    let of = |subject: &'static str| range.clone().map(move |number| (number, Random::of(subject, number)));
    let phones = phones(range.clone());
    let schema = Schema::new(vec![
        Field::new("customer_id", DataType::Utf8, false),
        Field::new("name", DataType::Utf8, false),
        Field::new("email", DataType::Utf8, true),
        Field::new("country", DataType::Utf8, false),
        Field::new("birth_date", DataType::Date32, true),
        Field::new("joined_at", instant(), false),
        Field::new("phones", phones.data_type().clone(), false),
        Field::new("newsletter", DataType::Boolean, true),
        Field::new("profile", DataType::Utf8, false),
    ]);
    let birth =
        of("birth").map(|(_, mut r)| r.chance(70).then(|| i32::try_from(r.between(-12_000, 14_000)).unwrap_or(0)));
    let email = of("email").map(|(number, mut r)| r.chance(90).then(|| format!("c{number}@example.com")));
    let columns: Vec<ArrayRef> = vec![
        texts(range.clone().map(row::customer_id)),
        texts(of("name").map(|(_, mut r)| format!("{} {}", r.pick(&FIRST_NAMES), r.pick(&LAST_NAMES)))),
        Arc::new(email.collect::<StringArray>()),
        texts(range.clone().map(|number| row::place_of(number).0)),
        Arc::new(birth.collect::<Date32Array>()),
        instants(
            of("joined")
                .map(|(_, mut r)| Some(FIRST_DAY_US - r.between(1, 86_400_000) * 1_000 - r.between(0, 900) * DAY_US)),
        ),
        phones,
        Arc::new(of("newsletter").map(|(_, mut r)| r.chance(60).then(|| r.chance(50))).collect::<BooleanArray>()),
        texts(of("profile").map(|(_, mut r)| row::prose(&mut r, 24))),
    ];
    RecordBatch::try_new(Arc::new(schema), columns)
}

fn phones(range: Range<u64>) -> ArrayRef {
    let mut lists = ListBuilder::new(StringBuilder::new()).with_field(Field::new("element", DataType::Utf8, false));
    for number in range {
        let mut random = Random::of("phone", number);
        for _ in 0..random.below(3) {
            lists.values().append_value(format!("+{:02} {:07}", random.between(1, 98), random.below(10_000_000)));
        }
        lists.append(true);
    }
    Arc::new(lists.finish())
}

fn login_events(customers: u64) -> Result<RecordBatch, ArrowError> {
    let of = |subject: &'static str| (0..customers * 2).map(move |number| Random::of(subject, number));
    let schema = Schema::new(vec![
        Field::new("customer_id", DataType::Utf8, false),
        Field::new("at", instant(), false),
        Field::new("address", DataType::Utf8, false),
        Field::new("succeeded", DataType::Boolean, false),
    ]);
    let columns: Vec<ArrayRef> = vec![
        texts(of("login").map(|mut r| row::customer_id(r.below(customers)))),
        instants(of("login-time").map(|mut r| Some(FIRST_DAY_US + r.between(0, 86_400_000) * 1_000))),
        texts(of("login-address").map(|mut r| format!("192.0.2.{}", r.below(256)))),
        Arc::new(of("login-success").map(|mut r| Some(r.chance(93))).collect::<BooleanArray>()),
    ];
    RecordBatch::try_new(Arc::new(schema), columns)
}

/// Scores: three in a hundred are missing, and now and then the model's confidence is not a number.
fn lifetime_values(range: Range<u64>) -> Result<RecordBatch, ArrowError> {
    let of = |subject: &'static str| range.clone().map(move |number| Random::of(subject, number));
    let schema = Schema::new(vec![
        Field::new("customer_id", DataType::Utf8, false),
        Field::new("predicted_ltv", DataType::Float64, true),
        Field::new("confidence_score", DataType::Float32, true),
    ]);
    #[allow(clippy::cast_possible_truncation, reason = "the score is stored in 32 bits on purpose")]
    let confidence = of("confidence").map(|mut r| Some(if r.chance(1) { f32::NAN } else { r.thousandths() as f32 }));
    let columns: Vec<ArrayRef> = vec![
        texts(range.clone().map(row::customer_id)),
        Arc::new(of("value").map(|mut r| r.chance(97).then(|| r.thousandths() * 5_000.0)).collect::<Float64Array>()),
        Arc::new(confidence.collect::<Float32Array>()),
    ];
    RecordBatch::try_new(Arc::new(schema), columns)
}
