//! A product in which every field of the model says something.

use std::collections::BTreeMap;

use meshweave_contract::model::{
    Access, Body, Check, Column, CsvStyle, InputPort, Latency, Lifecycle, OutputPort, Owner, Partitioning, Product,
    Quota, Range, Relationship, SampleQuery, SchemaSource, ServiceLevels, Span, Status, StorageSpec, Table, Upstream,
    Visibility,
};
use meshweave_contract::name::{DomainName, ProductId, ProductName, TableName};
use meshweave_contract::types::{LogicalType as T, StructField, TimeUnit};
use serde_json::{Value, json};

fn custom() -> BTreeMap<String, Value> {
    [("x-own", json!("word")), ("unit", json!("EUR"))].map(|(k, v)| (k.to_owned(), v)).into()
}

fn text(word: &str) -> Option<String> {
    Some(word.to_owned())
}

fn span(text: &str) -> Span {
    Span(text.parse().unwrap())
}

fn column(name: &str, logical_type: T) -> Column {
    Column {
        name: name.to_owned(),
        logical_type,
        nullable: true,
        unique: true,
        key_position: Some(1),
        description: text("What it is"),
        classification: text("internal"),
        pii: Some(true),
        encrypted: Some(true),
        allowed_values: Some(vec![json!("a"), json!("b")]),
        pattern: text("[a-z]+"),
        range: Range {
            min: Some(json!(1)),
            above: Some(json!(0)),
            max: Some(json!(10)),
            below: Some(json!(11)),
            min_length: Some(1),
            max_length: Some(9),
        },
        glossary_ref: text("term"),
        declared_type: text("text"),
        tags: vec!["gdpr".to_owned()],
        custom: custom(),
    }
}

/// A product in which every field of the model says something. Written without `..`, so that a new field must be added here.
pub(crate) fn full() -> Product {
    let member = |name: &str, logical_type| StructField { name: name.to_owned(), logical_type, nullable: false };
    let nested = T::List {
        item: Box::new(T::Struct { fields: vec![member("x", T::Int32), member("y", T::String)] }),
        item_nullable: false,
    };
    let map = T::Map {
        key: Box::new(T::String),
        value: Box::new(T::Decimal { precision: 9, scale: 2 }),
        value_nullable: true,
    };
    let mut second = column("b", nested);
    second.key_position = None;
    let table = |name: &str| Table {
        name: TableName::new(name).unwrap(),
        description: text("What it holds"),
        columns: vec![
            column("a", T::Timestamp { unit: TimeUnit::Milli, utc: true }),
            second.clone(),
            Column::new("c", map.clone()),
        ],
        storage: Some(StorageSpec {
            format: "parquet".to_owned(),
            location: text("s3://data/a/"),
            partitioning: vec![Partitioning { field: "a".to_owned(), granularity: text("day") }],
            layout: text("dt={date}/"),
            layout_trusted: true,
            csv: Some(CsvStyle {
                delimiter: ';',
                header: false,
                quote: '\'',
                escape: Some('\\'),
                null: "NULL".to_owned(),
            }),
        }),
        relationships: vec![Relationship { columns: vec!["a".into()], to: "d.p".into(), to_columns: vec!["k".into()] }],
        custom: custom(),
    };
    Product {
        id: ProductId { name: ProductName::new("commerce", "orders").unwrap(), version: semver::Version::new(1, 2, 3) },
        status: Status::Active,
        description: text("Every order"),
        owner: Owner { team: text("shop"), contact: text("a@b.c"), support: vec!["#help".to_owned()] },
        tags: vec!["sales".to_owned()],
        glossary: vec!["order".to_owned()],
        sample_queries: vec![SampleQuery { description: text("All"), sql: "SELECT 1".to_owned() }],
        lifecycle: Lifecycle {
            deprecated_at: text("2027-01-01"),
            sunset_at: text("2028-01-01"),
            successor: text("commerce.orders@2"),
        },
        input_ports: vec![InputPort { name: "in".to_owned(), kind: text("batch"), custom: custom() }],
        output_ports: vec![OutputPort {
            name: "main".to_owned(),
            tables: vec![table("orders"), table("items")],
            schema_source: Some(SchemaSource { kind: "avro".to_owned(), location: "s3://s/a.avsc".to_owned() }),
            quality: vec![Check {
                metric: "completeness".to_owned(),
                table: text("items"),
                column: text("a"),
                threshold: Some(0.5),
                arguments: custom(),
                severity: text("error"),
                description: text("Why"),
            }],
            service_levels: ServiceLevels {
                freshness: Some(span("PT5M")),
                freshness_column: text("a"),
                availability_ppm: Some(999_000),
                latency: vec![Latency { percentile: 9900, below: span("PT1S") }],
                support: text("#help"),
                custom: custom(),
            },
            protocols: vec!["rest".to_owned()],
            custom: custom(),
        }],
        upstream: vec![Upstream { domain: Some(DomainName::new("crm").unwrap()), product: "customer".to_owned() }],
        access: Access {
            discovery: Visibility::Restricted,
            read: Visibility::Restricted,
            readers: vec!["finance".to_owned()],
            row_policy_required: true,
        },
        retention: Some(span("P1Y")),
        encryption: text("aes-128"),
        quota: Some(Quota { concurrent_queries: Some(5), scanned_bytes_per_day: Some(9), custom: custom() }),
        body: Body::Materialization { sql: "SELECT a".to_owned(), refresh: json!({"every": "1h"}) },
        custom: custom(),
    }
}
