//! Products that nobody wrote: any value in any field, and kept values that look like words of the standards.

use std::collections::BTreeMap;

use meshweave_contract::model::*;
use meshweave_contract::name::{DomainName, ProductId, ProductName, TableName};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use crate::values::{anything, custom, logical_type, scalar, span, text};
use crate::{export, schema};

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

fn csv() -> impl Strategy<Value = CsvStyle> {
    let marks = (select(vec![',', ';', '\t', '|']), select(vec!['"', '\'']), of(select(vec!['\\', '"'])));
    (marks, any::<bool>(), text()).prop_map(|((delimiter, quote, escape), header, null)| CsvStyle {
        delimiter,
        header,
        quote,
        escape,
        null,
    })
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
        select(vec!["parquet", "delta", "csv", "json"]),
        of(select(places.to_vec())),
        vec((0..3usize, granularity), 0..2),
        of(select(vec!["dt={date}/", "{year}/{month}/", "{field}_{granularity}={value}/"])),
        any::<bool>(),
        of(csv()),
    )
        .prop_map(|(format, location, parts, layout, layout_trusted, csv)| StorageSpec {
            format: format.to_owned(),
            location: location.map(str::to_owned),
            partitioning: parts
                .into_iter()
                .map(|(i, g)| Partitioning { field: format!("c{i}"), granularity: g.map(str::to_owned) })
                .collect(),
            layout: layout.map(str::to_owned),
            layout_trusted,
            csv,
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
        1 => text().prop_map(|sql| Body::View { sql: format!("SELECT {sql}") }),
        1 => (text(), anything()).prop_map(|(sql, refresh)| Body::Materialization { sql: format!("SELECT {sql}"), refresh }),
    ]
}

prop_compose! {
    fn head()(
        status in select(vec![Status::Draft, Status::Active, Status::Deprecated, Status::Retired]),
        description in of(text()),
        owner in (of(text()), of(text()), vec(text(), 0..2)),
        lists in (vec(text(), 0..2), vec(text(), 0..2)),
        samples in vec((of(text()), text()), 0..2),
        lifecycle in of(select(vec!["a.b", "a.b@2"])),
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
            lifecycle: Lifecycle { successor: lifecycle.map(str::to_owned), ..Lifecycle::default() },
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
