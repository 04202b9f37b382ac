//! Values for generated products: texts that readers stumble over, JSON, types, and what the standards have words for.

use meshweave_contract::model::{Custom, Span};
use meshweave_contract::types::{LogicalType as T, StructField, TimeUnit};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

pub(crate) fn text() -> impl Strategy<Value = String> {
    let odd = select(vec![
        "",
        "no",
        "null",
        "1_000",
        "010",
        "0x1",
        " a ",
        "a: b",
        "- x",
        "#c",
        "'q'",
        "\"d\"",
        "a\nb",
        "\t",
        "é荷🚚",
        "\u{85}",
        "\u{feff}x",
        "2026-01-01",
        "1e3",
        "~",
        "{a}",
        "[b]",
        "*c",
        "&d",
        "!e",
        "%f",
        "@g",
        "`h`",
        "|",
        ">",
        "?",
        "a,b",
        "\u{7f}",
        "domain.product",
        "x@y.example",
        "https://e.example/x",
        "meshweave.storage",
        "${VAR:-x}",
        "back\\slash",
    ]);
    prop_oneof![3 => "[a-zA-Z][a-zA-Z0-9 _.-]{0,12}", 2 => odd.prop_map(str::to_owned)]
}

pub(crate) fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        (-1000..1000i64).prop_map(Value::from),
        (-8000..8000i32).prop_map(|n| json!(f64::from(n) / 8.0)),
        any::<u64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ]
}

pub(crate) fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![4 => scalar(), 1 => Just(Value::Null)];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..3).prop_map(|map| map.into_iter().collect::<Value>()),
        ]
    })
}

/// Values as the standards have them, so that some of what is kept may be written back where it stood.
pub(crate) fn standard() -> impl Strategy<Value = (String, Value)> {
    select(vec![
        ("id", json!("x-1")),
        ("name", json!("A name")),
        ("dataProduct", json!("orders")),
        ("domain", json!("Some where")),
        ("version", json!("v1.2")),
        ("status", json!("proposed")),
        ("tenant", json!("t")),
        ("price", json!({"priceAmount": 1.5})),
        ("team", json!([{"username": "a@b.example", "role": "Owner"}])),
        ("team", json!({"name": "x", "members": [{"username": "c@d.example"}]})),
        ("support", json!([{"channel": "c", "url": "https://e.example"}])),
        ("roles", json!([{"role": "r", "access": "read"}])),
        ("customProperties", json!([{"property": "p", "value": null}, {"property": "retention", "value": "5d"}])),
        ("description.usage", json!("u")),
        ("contractCreatedTs", json!("2026-01-01")),
        ("productCreatedTs", json!("yesterday")),
        ("servers", json!([{"server": "a", "type": "s3", "location": "s3://x/{model}/", "format": "delta"}])),
        ("slaProperties", json!([{"property": "freshness", "value": 1, "unit": "h", "element": "a.b"}])),
        ("slaDefaultElement", json!("a.b")),
        ("logicalType", json!("string")),
        ("physicalType", json!("varchar(7)")),
        ("physicalName", json!("p_1")),
        ("logicalTypeOptions.format", json!("uuid")),
        ("logicalTypeOptions.timezone", json!(true)),
        ("enum", json!([{"value": 1, "label": "one"}])),
        ("properties", json!([{"name": "a", "logicalType": "string"}])),
        ("items", json!({"logicalType": "integer"})),
        ("map", json!({"key": {"logicalType": "string"}, "value": {"logicalType": "date"}})),
        ("partitioned", json!(true)),
        ("primaryKeyPosition", json!(-1)),
        ("relationships", json!([{"to": "a.b"}])),
        ("relationships", json!([{"from": "a.b", "to": "c.d"}])),
        ("examples", json!([1, "a"])),
        ("managementPorts", json!([{"name": "m", "content": "control"}])),
        ("type", json!("aggregate")),
        ("contractId", json!("c")),
    ])
    .prop_map(|(key, value)| (key.to_owned(), value))
}

pub(crate) fn custom() -> impl Strategy<Value = Custom> {
    let own = ("[a-z]{1,6}", anything());
    let odd = (standard().prop_map(|(key, _)| key), anything());
    let entry = prop_oneof![2 => own, 2 => standard(), 1 => odd];
    prop_oneof![2 => Just(Custom::new()), 1 => vec(entry, 1..4).prop_map(|all| all.into_iter().collect())]
}

pub(crate) fn span() -> impl Strategy<Value = Span> {
    let all = ["PT5M", "P1Y", "P1Y6M", "PT0.5S", "P2W", "P7D", "PT24H", "PT90S", "P1M", "PT1.000000001S", "P3DT4H"];
    select(all.to_vec()).prop_map(|text| Span(text.parse().unwrap()))
}

pub(crate) fn logical_type() -> impl Strategy<Value = T> {
    let unit = || select(vec![TimeUnit::Second, TimeUnit::Milli, TimeUnit::Micro, TimeUnit::Nano]);
    let plain = select(vec![
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
        T::Number,
        T::Integer,
        T::String,
        T::Uuid,
        T::Json,
        T::Binary,
        T::Date,
        T::Interval,
        T::Any,
    ]);
    let leaf = prop_oneof![
        6 => plain,
        1 => (9..=76u8, 0..=9i8).prop_map(|(precision, scale)| T::Decimal { precision, scale }),
        1 => (1..99i32).prop_map(|size| T::FixedBinary { size }),
        1 => unit().prop_map(|unit| T::Time { unit }),
        1 => unit().prop_map(|unit| T::Duration { unit }),
        2 => (unit(), any::<bool>()).prop_map(|(unit, utc)| T::Timestamp { unit, utc }),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let field = (inner.clone(), any::<bool>());
        let fields = vec(field, 0..3).prop_map(|all| {
            let one = |(i, (logical_type, nullable))| StructField { name: format!("f{i}"), logical_type, nullable };
            T::Struct { fields: all.into_iter().enumerate().map(one).collect() }
        });
        prop_oneof![
            (inner.clone(), any::<bool>()).prop_map(|(item, n)| T::List { item: Box::new(item), item_nullable: n }),
            (inner.clone(), inner, any::<bool>()).prop_map(|(key, value, value_nullable)| T::Map {
                key: Box::new(key),
                value: Box::new(value),
                value_nullable
            }),
            fields,
        ]
    })
}
