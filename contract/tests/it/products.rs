//! Products that nobody wrote: any value in any field, and kept values that look like words of the standards.

use std::collections::BTreeMap;

use meshweave_contract::model::*;
use meshweave_contract::name::{DomainName, ProductId, ProductName, TableName};
use meshweave_contract::types::{LogicalType as T, StructField, TimeUnit};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::{export, schema};

fn text() -> impl Strategy<Value = String> {
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

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        (-1000..1000i64).prop_map(Value::from),
        (-8000..8000i32).prop_map(|n| json!(f64::from(n) / 8.0)),
        any::<u64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ]
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![4 => scalar(), 1 => Just(Value::Null)];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..3).prop_map(|map| map.into_iter().collect::<Value>()),
        ]
    })
}

/// Values as the standards have them, so that some of what is kept may be written back where it stood.
fn standard() -> impl Strategy<Value = (String, Value)> {
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

fn custom() -> impl Strategy<Value = Custom> {
    let own = ("[a-z]{1,6}", anything());
    let odd = (standard().prop_map(|(key, _)| key), anything());
    let entry = prop_oneof![2 => own, 2 => standard(), 1 => odd];
    prop_oneof![2 => Just(Custom::new()), 1 => vec(entry, 1..4).prop_map(|all| all.into_iter().collect())]
}

fn span() -> impl Strategy<Value = Span> {
    let all = ["PT5M", "P1Y", "P1Y6M", "PT0.5S", "P2W", "P7D", "PT24H", "PT90S", "P1M", "PT1.000000001S", "P3DT4H"];
    select(all.to_vec()).prop_map(|text| Span(text.parse().unwrap()))
}

fn logical_type() -> impl Strategy<Value = T> {
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
        1 => (1..=76u8, 0..=9i8).prop_map(|(precision, scale)| T::Decimal { precision, scale }),
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

prop_compose! {
    fn column(name: String)(
        logical_type in logical_type(),
        flags in any::<(bool, bool)>(),
        key_position in of(1..4u32),
        texts in (of(text()), of(text()), of(text()), of(text())),
        pii in of(any::<bool>()),
        encrypted in of(any::<bool>()),
        allowed_values in of(vec(scalar(), 0..3)),
        bounds in (of(scalar()), of(scalar()), of(0..9u64), of(0..99u64)),
        declared in of(select(vec!["vector", "decimal(10,2)", "varchar(20)", "timestamptz", "string", "strange type", "int32"])),
        tags in vec(text(), 0..2),
        custom in custom(),
    ) -> Column {
        let (description, classification, pattern, glossary_ref) = texts;
        let (min, below, min_length, max_length) = bounds;
        Column {
            name: name.clone(), logical_type, nullable: flags.0, unique: flags.1, key_position, description, classification, pii,
            encrypted, allowed_values, pattern, range: Range { min, below, min_length, max_length, ..Range::default() },
            glossary_ref, declared_type: declared.map(str::to_owned), tags, custom,
        }
    }
}

fn storage() -> impl Strategy<Value = StorageSpec> {
    let places = [
        "s3://b/x/orders/",
        "file://./data/a",
        "file:///srv/a",
        "abfss://c@a.example/x",
        "gs://b/x",
        "s3://b/x/items/",
    ];
    let granularity = of(select(vec!["day", "month"]));
    (
        select(vec!["parquet", "delta"]),
        of(select(places.to_vec())),
        vec((0..3usize, granularity), 0..2),
        of(text()),
        any::<bool>(),
    )
        .prop_map(|(format, location, parts, layout, layout_trusted)| StorageSpec {
            format: format.to_owned(),
            location: location.map(str::to_owned),
            partitioning: parts
                .into_iter()
                .map(|(i, g)| Partitioning { field: format!("c{i}"), granularity: g.map(str::to_owned) })
                .collect(),
            layout,
            layout_trusted,
        })
}

fn table(name: &'static str) -> impl Strategy<Value = Table> {
    let columns = (0..4usize).prop_flat_map(|n| (0..n).map(|i| column(format!("c{i}"))).collect::<Vec<_>>());
    let to = select(vec!["commerce.orders", "items", "a.b.c"]);
    let relationship = (1..3usize, to).prop_map(|(n, to)| Relationship {
        columns: (0..n).map(|i| format!("c{i}")).collect(),
        to: to.to_owned(),
        to_columns: (0..n).map(|i| format!("t{i}")).collect(),
    });
    (of(text()), columns, of(storage()), vec(relationship, 0..2), custom()).prop_map(
        move |(description, columns, storage, relationships, custom)| Table {
            name: TableName::new(name).unwrap(),
            description,
            columns,
            storage,
            relationships,
            custom,
        },
    )
}

fn rule() -> impl Strategy<Value = Check> {
    let metrics = vec![
        "not_null",
        "unique",
        "in_list",
        "pattern",
        "completeness",
        "row_count",
        "row_count_delta",
        "range",
        "sql",
        "text",
        "custom",
        "null_values",
        "anything else",
    ];
    let argument = prop_oneof![
        select(vec![
            ("values", json!(["a", 1])),
            ("pattern", json!("a+")),
            ("min", json!(1)),
            ("max", json!(9.5)),
            ("columns", json!(["c0", "c1"])),
            ("query", json!("SELECT 1")),
            ("mustBe", json!(0)),
            ("mustBeBetween", json!([1, 2])),
            ("metric", json!("nullValues")),
            ("type", json!("sql")),
            ("type", json!("custom")),
            ("engine", json!("soda")),
            ("engine", json!("meshweave")),
            ("implementation", json!({"rule": "x", "a": 1})),
            ("unit", json!("percent")),
            ("dimension", json!("completeness")),
            ("dimension", json!("beauty")),
            ("tags", json!(["t"])),
            ("id", json!("not an id")),
        ])
        .prop_map(|(k, v)| (k.to_owned(), v)),
        ("[a-z]{1,5}", anything()),
    ];
    let about = (of(select(vec!["items"])), of(select(vec!["c0", "c1", "gone", "c0.inner"])));
    (select(metrics), about, of(0..=16u8), vec(argument, 0..3), of(text()), of(text())).prop_map(
        |(metric, (table, column), threshold, arguments, severity, description)| Check {
            metric: metric.to_owned(),
            table: table.map(str::to_owned),
            column: column.map(str::to_owned),
            threshold: threshold.map(|n| f64::from(n) / 15.0),
            arguments: arguments.into_iter().collect::<BTreeMap<_, _>>(),
            severity,
            description,
        },
    )
}

prop_compose! {
    fn levels()(
        freshness in of(span()),
        column in of(select(vec!["c0", "c1", "nowhere"])),
        availability_ppm in of(1..=1_000_000u32),
        latency in vec((1..10_000u32, span()), 0..2),
        support in of(text()),
        custom in custom(),
    ) -> ServiceLevels {
        let latency = latency.into_iter().map(|(percentile, below)| Latency { percentile, below }).collect();
        let freshness_column = column.map(str::to_owned);
        ServiceLevels { freshness, freshness_column, availability_ppm, latency, support, custom }
    }
}

prop_compose! {
    fn port(name: &'static str)(
        main in table("orders"),
        further in of(table("items")),
        source in any::<bool>(),
        quality in vec(rule(), 0..4),
        service_levels in levels(),
        protocols in vec(text(), 0..2),
        custom in custom(),
    ) -> OutputPort {
        let location = "s3://schemas/x.avsc".to_owned();
        let schema_source = source.then(|| SchemaSource { kind: "avro".to_owned(), location });
        let tables = std::iter::once(main).chain(further).collect();
        OutputPort { name: name.to_owned(), tables, schema_source, quality, service_levels, protocols, custom }
    }
}

fn visibility() -> impl Strategy<Value = Visibility> {
    select(vec![Visibility::Public, Visibility::Restricted, Visibility::Private])
}

fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        3 => Just(Body::Stored),
        1 => text().prop_map(|sql| Body::View { sql }),
        1 => (text(), anything()).prop_map(|(sql, refresh)| Body::Materialization { sql, refresh }),
    ]
}

prop_compose! {
    fn head()(
        status in select(vec![Status::Draft, Status::Active, Status::Deprecated, Status::Retired]),
        description in of(text()),
        owner in (of(text()), of(text()), vec(text(), 0..2)),
        lists in (vec(text(), 0..2), vec(text(), 0..2)),
        samples in vec((of(text()), text()), 0..2),
        lifecycle in of(text()),
        inputs in vec((of(text()), custom()), 0..2),
        upstream in vec(any::<bool>(), 0..2),
        access in (visibility(), visibility(), vec(text(), 0..2), any::<bool>()),
        retention in of(span()),
        encryption in of(text()),
        quota in of((of(0..9u64), custom())),
        body in body(),
        custom in custom(),
    ) -> Product {
        let input = |(i, (kind, custom))| InputPort { name: format!("in{i}"), kind, custom };
        let up = |named: bool| Upstream { domain: named.then(|| DomainName::new("d").unwrap()), product: "p".to_owned() };
        let (discovery, read, readers, row_policy_required) = access;
        Product {
            id: ProductId { name: ProductName::new("commerce", "orders").unwrap(), version: semver::Version::new(1, 2, 0) },
            status,
            description,
            owner: Owner { team: owner.0, contact: owner.1, support: owner.2 },
            tags: lists.0,
            glossary: lists.1,
            sample_queries: samples.into_iter().map(|(description, sql)| SampleQuery { description, sql }).collect(),
            lifecycle: Lifecycle { successor: lifecycle, ..Lifecycle::default() },
            input_ports: inputs.into_iter().enumerate().map(input).collect(),
            output_ports: Vec::new(),
            upstream: upstream.into_iter().map(up).collect(),
            access: Access { discovery, read, readers, row_policy_required },
            retention,
            encryption,
            quota: quota.map(|(concurrent_queries, custom)| Quota { concurrent_queries, scanned_bytes_per_day: None, custom }),
            body,
            custom,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, max_shrink_iters: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_product_survives_the_standards_and_is_valid(head in head(), port in port("main")) {
        let product = Product { output_ports: vec![port], ..head };
        export::check("generated", &product);
        VALID.with(|valid| schema::check(valid, "generated", &product));
    }

    #[test]
    fn any_product_of_two_ports_survives_with_its_product_document(head in head(), one in port("one"), two in port("two")) {
        let product = Product { output_ports: vec![one, two], ..head };
        export::check("odps generated", &product);
    }
}

thread_local! {
    static VALID: jsonschema::Validator = schema::schema("3.2.0");
}
