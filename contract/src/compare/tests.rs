//! What each change weighs, as a table of cases; the old contract is `OLD`, the new one differs in one place.

use super::{Class, Comparison, compare};
use crate::model::Product;
use crate::parse::parse;

const OLD: &str = r#"
apiVersion: datamesh.io/v1
kind: DataProduct
metadata:
  name: orders
  domain: commerce
  version: 1.2.3
  description: Every order
  owner: { team: shop, contact: shop@example.com }
  status: active
  lifecycle: { sunset_at: 2028-01-01 }
spec:
  storage: { format: delta, location: s3://data/orders/ }
  schema:
    primary_key: [id]
    columns:
      - { name: id, type: int32, nullable: false }
      - { name: amount, type: "decimal(10,2)", nullable: false, min: 0, max: 100, x-unit: EUR }
      - { name: state, type: string, enum: [new, paid], classification: internal, pii: false, pattern: "[a-z]+" }
      - { name: at, type: date, description: When, glossary_ref: order date, max_length: 20 }
      - { name: place, type: "struct<city: string, zip: int32>", unique: true, encrypted: true }
      - { name: any, type: integer }
  tables:
    - { name: items, columns: [{ name: id, type: int64 }] }
  relationships: [{ columns: [id], to: crm.customer, to_columns: [id] }]
  sla: { freshness: 5m, freshness_column: at, availability: 99.9, latency: "p99 < 1s", x-recovery: 4h }
  quality:
    - { column: amount, rule: not_null }
    - { column: state, rule: in_list, values: [new, paid] }
    - { rule: row_count_delta, threshold: 20% }
    - { column: at, rule: completeness, threshold: 0.95 }
    - { rule: row_count, min: 10, severity: error }
    - { name: mine, rule: sql, query: SELECT 1 }
  policies: { retention: 1y, encryption: aes-128, discovery: public, read_access: [a, b], row_policy: none }
  interoperability: { protocols: [rest, graphql], lineage: { upstream: [{ product: carts, domain: shop }] } }
  quota: { concurrent_queries: 5 }
"#;

fn read(text: &str) -> Product {
    let parsed = parse(text.as_bytes(), "t.yaml");
    parsed.product.unwrap_or_else(|| panic!("{:#?}\n{text}", parsed.problems))
}

fn change(from: &str, to: &str) -> Comparison {
    assert!(OLD.contains(from), "{from}");
    compare(&read(OLD), &read(&OLD.replacen(from, to, 1)))
}

/// One replacement, and what must be found: the class and the way, one line per change.
fn check(from: &str, to: &str, expected: &[&str]) {
    let got: Vec<String> = change(from, to)
        .changes
        .iter()
        .map(|c| format!("{}{} {}", c.class, if c.warns { "!" } else { "" }, c.path))
        .collect();
    assert_eq!(got, expected, "{from} -> {to}");
}

const COLUMNS: &str = "output_ports.main.tables.orders.columns";

fn column(from: &str, to: &str, class: &str, path: &str) {
    check(from, to, &[&format!("{class} {COLUMNS}.{path}")]);
}

#[test]
fn nothing_changed() {
    assert!(compare(&read(OLD), &read(OLD)).changes.is_empty());
    check("version: 1.2.3", "version: 1.3.0", &[]);
}

#[test]
fn types() {
    column("type: int32, nullable", "type: int64, nullable", "MINOR!", "id.type");
    check("type: int32, nullable", "type: int32 , nullable", &[]);
    column("type: int32, nullable", "type: int16, nullable", "MAJOR", "id.type");
    column("type: int32, nullable", "type: float64, nullable", "MAJOR", "id.type");
    column("type: int32, nullable", "type: string, nullable", "MAJOR", "id.type");
    column("decimal(10,2)", "decimal(12,2)", "MINOR!", "amount.type");
    column("decimal(10,2)", "decimal(12,4)", "MINOR!", "amount.type");
    column("decimal(10,2)", "decimal(10,4)", "MAJOR", "amount.type");
    column("type: date", "type: timestamp", "MINOR!", "at.type");
    column("type: date", "type: timestamptz", "MAJOR", "at.type");
    column("type: integer", "type: int64", "MINOR!", "any.type");
    column("type: integer", "type: number", "MAJOR", "any.type");
    column("struct<city: string, zip: int32>", "struct<city: string, zip: int64>", "MINOR!", "place.type.zip.type");
    column("struct<city: string, zip: int32>", "struct<city: string>", "MAJOR", "place.type.zip");
    column("struct<city: string, zip: int32>", "struct<zip: int32, city: string>", "MINOR", "place.type.order");
    column("struct<city: string, zip: int32>", "struct<city: string, zip: int32, x: date>", "MINOR", "place.type.x");
}

#[test]
fn columns_and_keys() {
    column("      - { name: any, type: integer }\n", "", "MAJOR", "any");
    column("type: integer }\n", "type: integer }\n      - { name: new, type: string }\n", "MINOR", "new");
    column("name: any", "name: ANY", "MAJOR", "any.name");
    column("name: any", "name: other", "MAJOR", "any.name");
    column("name: state, type: string", "name: state, nullable: false, type: string", "MINOR", "state.nullable");
    column("nullable: false, min", "nullable: true, min", "MAJOR", "amount.nullable");
    column("unique: true", "unique: false", "MAJOR", "place.unique");
    let key = "output_ports.main.tables.orders.primary_key";
    check("primary_key: [id]", "primary_key: [id, amount]", &[&format!("MAJOR {key}")]);
    check("    primary_key: [id]\n", "", &[&format!("MAJOR {key}")]);
}

#[test]
fn meaning_and_bounds() {
    column("x-unit: EUR", "x-unit: USD", "MAJOR", "amount.custom.x-unit");
    column(", x-unit: EUR", "", "MAJOR", "amount.custom.x-unit");
    column("enum: [new, paid]", "enum: [new, paid, sent]", "MINOR!", "state.allowed_values");
    column("enum: [new, paid]", "enum: [new]", "MINOR", "state.allowed_values");
    column("enum: [new, paid]", "enum: [paid, new]", "PATCH", "state.allowed_values");
    column("enum: [new, paid], ", "", "MAJOR", "state.allowed_values");
    column("classification: internal", "classification: secret", "MAJOR", "state.classification");
    column("pii: false", "pii: true", "MAJOR", "state.pii");
    column("pattern: \"[a-z]+\"", "pattern: \"[a-z]*\"", "MAJOR", "state.pattern");
    column("min: 0", "min: 1", "MINOR", "amount.range.min");
    column("min: 0", "min: -1", "MAJOR", "amount.range.min");
    column("max: 100", "max: 99.5", "MINOR", "amount.range.max");
    column("max: 100, ", "", "MAJOR", "amount.range.max");
    column("max_length: 20", "max_length: 40", "MINOR!", "at.range.max_length");
    column("max_length: 20", "max_length: 10", "MINOR", "at.range.max_length");
    column("glossary_ref: order date", "glossary_ref: pay day", "MAJOR", "at.glossary_ref");
    column("encrypted: true", "encrypted: false", "MAJOR", "place.encrypted");
    column("description: When", "description: When it was made", "PATCH", "at.description");
}

#[test]
fn tables_and_storage() {
    let tables = "output_ports.main.tables";
    check(
        "    - { name: items, columns: [{ name: id, type: int64 }] }\n",
        "    []\n",
        &[&format!("MAJOR {tables}.items")],
    );
    check("  tables:\n", "  tables:\n    - { name: more }\n", &[&format!("MINOR {tables}.more")]);
    check("name: items", "name: Items", &[&format!("MAJOR {tables}.items.name")]);
    check("format: delta", "format: parquet", &[&format!("MAJOR {tables}.orders.storage.format")]);
    check("s3://data/orders/", "s3://data/o/", &[&format!("PATCH {tables}.orders.storage.location")]);
    let reference = format!("{tables}.orders.relationships.id");
    let relationships = "  relationships: [{ columns: [id], to: crm.customer, to_columns: [id] }]\n";
    check(relationships, "", &[&format!("MAJOR {reference}")]);
    check("to: crm.customer", "to: crm.person", &[&format!("MAJOR {reference}"), &format!("MINOR {reference}")]);
}

#[test]
fn promises_about_time() {
    let levels = "output_ports.main.service_levels";
    let one = |from: &str, to: &str, class: &str, name: &str| check(from, to, &[&format!("{class} {levels}.{name}")]);
    one("freshness: 5m", "freshness: 10m", "MAJOR", "freshness");
    one("freshness: 5m", "freshness: 1m", "MINOR", "freshness");
    one("freshness: 5m", "freshness: 300s", "PATCH", "freshness");
    one("freshness_column: at, ", "", "MAJOR", "freshness_column");
    one("availability: 99.9", "availability: 99.5", "MAJOR", "availability_ppm");
    one("availability: 99.9", "availability: 99.99", "MINOR", "availability_ppm");
    one("p99 < 1s", "p99 < 2s", "MAJOR", "latency.p99");
    one("p99 < 1s", "p99 < 1s, p50 < 100ms", "MINOR", "latency.p50");
    check(
        "p99 < 1s",
        "p99.9 < 1s",
        &[&format!("MINOR {levels}.latency.p99"), &format!("MINOR {levels}.latency.p99_9")],
    );
    one(", x-recovery: 4h", "", "MAJOR", "custom.x-recovery");
    one("recovery: 4h", "recovery: 2h", "MINOR!", "custom.x-recovery");
}

#[test]
fn rules() {
    let quality = "output_ports.main.quality";
    let one = |from: &str, to: &str, class: &str, name: &str| check(from, to, &[&format!("{class} {quality}.{name}")]);
    one("    - { column: amount, rule: not_null }\n", "", "MAJOR", "\"amount.not_null\"");
    one("  quality:\n", "  quality:\n    - { column: id, rule: not_null }\n", "MINOR", "\"id.not_null\"");
    one("values: [new, paid]", "values: [new, paid, sent]", "MINOR!", "\"state.in_list\".arguments.values");
    one("threshold: 20%", "threshold: 30%", "MAJOR", "row_count_delta.threshold");
    one("threshold: 20%", "threshold: 10%", "MINOR", "row_count_delta.threshold");
    one("threshold: 0.95", "threshold: 0.9", "MAJOR", "\"at.completeness\".threshold");
    one("threshold: 0.95", "threshold: 1.0", "MINOR", "\"at.completeness\".threshold");
    one("min: 10", "min: 5", "MAJOR", "row_count.arguments.min");
    one("severity: error", "severity: warning", "MAJOR", "row_count.severity");
    one("query: SELECT 1", "query: SELECT 2", "MAJOR", "sql:mine.arguments.query");
}

#[test]
fn access_and_life() {
    check("read_access: [a, b]", "read_access: [a]", &["MAJOR access.readers"]);
    check("read_access: [a, b]", "read_access: [a, b, c]", &["MINOR access.readers"]);
    check("discovery: public", "discovery: restricted", &["MAJOR access.discovery"]);
    check("row_policy: none", "row_policy: required", &["MAJOR access.row_policy_required"]);
    check("retention: 1y", "retention: 6 months", &["MAJOR retention"]);
    check("retention: 1y", "retention: 12 months", &["PATCH retention"]);
    check("retention: 1y", "retention: 2y", &["MINOR retention"]);
    check("aes-128", "aes-256", &["MINOR encryption"]);
    check("aes-128", "chacha20", &["MAJOR encryption"]);
    check("concurrent_queries: 5", "concurrent_queries: 4", &["MAJOR quota.concurrent_queries"]);
    check("status: active", "status: deprecated", &["MINOR! status"]);
    check("status: active", "status: retired", &["MAJOR status"]);
    check("2028-01-01", "2027-01-01", &["MINOR! lifecycle.sunset_at"]);
    check("2028-01-01", "2029-01-01", &["MINOR lifecycle.sunset_at"]);
    check("team: shop", "team: shop-2", &["PATCH! owner.team"]);
    check("Every order", "Each order", &["PATCH description"]);
    check("domain: commerce", "domain: shop", &["MAJOR domain"]);
    check("[rest, graphql]", "[rest]", &["MAJOR output_ports.main.protocols"]);
    check("product: carts", "product: baskets", &["PATCH upstream", "PATCH upstream"]);
}

#[test]
fn who_writes_relies_on_other_things() {
    let with_port = |text: &str| {
        text.replace(
            "  quota:",
            "  input_ports: [{ name: in, type: batch, schema: { columns: [{ name: id, type: int32 }] } }]\n  quota:",
        )
    };
    let one = |from: &str, to: &str, expected: &[&str]| {
        let (old, new) = (with_port(OLD), with_port(OLD).replacen(from, to, 1));
        let got: Vec<String> =
            compare(&read(&old), &read(&new)).changes.iter().map(|c| format!("{} {}", c.class, c.path)).collect();
        assert_eq!(got, expected, "{from} -> {to}");
    };
    let path = |rest: &str| format!("MAJOR {COLUMNS}.{rest}");
    one(
        "type: integer }\n",
        "type: integer }\n      - { name: new, type: string, nullable: false }\n",
        &[&path("new")],
    );
    one("name: state, type: string", "name: state, nullable: false, type: string", &[&path("state.nullable")]);
    one("enum: [new, paid]", "enum: [new]", &[&path("state.allowed_values")]);
    one("min: 0", "min: 1", &[&path("amount.range.min")]);
    one("type: int32, nullable", "type: int64, nullable", &[&format!("MINOR {COLUMNS}.id.type")]);
    // The port's own schema is about writers only: what it takes beside the old rows is a MINOR, what it refuses a MAJOR.
    let schema = "input_ports.in.custom.schema";
    one("[{ name: id, type: int32 }]", "[{ name: id, type: int64 }]", &[&format!("MINOR {schema}.id.type")]);
    one("[{ name: id, type: int32 }]", "[{ name: id, type: int16 }]", &[&format!("MAJOR {schema}.id.type")]);
    one(
        "{ name: id, type: int32 }]",
        "{ name: id, type: int32 }, { name: b, type: date }]",
        &[&format!("MINOR {schema}.b")],
    );
    one(
        "{ name: id, type: int32 }]",
        "{ name: id, type: int32, required: true }]",
        &[&format!("MAJOR {schema}.id.nullable")],
    );
    one("name: in,", "name: out,", &["MAJOR input_ports.in", "MINOR input_ports.out"]);
    one("type: batch", "type: stream", &["MAJOR input_ports.in.kind"]);
    one("type: batch,", "type: batch, writers: [till],", &["MINOR input_ports.in.writers"]);
}

#[test]
fn lists_of_the_standard_are_taken_apart() {
    let old = "apiVersion: v3.1.0\nkind: DataContract\nid: x\nname: a\nversion: 1.0.0\nstatus: active\ndomain: d\n\
        schema: [{name: a, properties: [{name: n, logicalType: number, \
        customProperties: [{property: unit, value: EUR, description: Money}, {property: steward, value: ann}]}]}]\n\
        slaProperties: [{property: freshness, value: 5, unit: minutes}, {property: frequency, value: 1, unit: d}]\n";
    let column = "output_ports.contract.tables.a.columns.n.custom.customProperties";
    let levels = "output_ports.contract.service_levels";
    let cases = [
        ("value: EUR", "value: USD", vec![format!("MAJOR {column}.unit")]),
        ("description: Money", "description: Cash", vec![format!("PATCH {column}.unit.description")]),
        ("value: ann", "value: bob", vec![format!("PATCH {column}.steward")]),
        (
            "value: 5, unit",
            "value: 4, unit",
            vec![format!("MINOR {levels}.freshness"), format!("PATCH {levels}.custom.slaProperties.freshness")],
        ),
        ("value: 1, unit: d", "value: 2, unit: d", vec![format!("MINOR {levels}.custom.slaProperties.frequency")]),
        (
            ", {property: frequency, value: 1, unit: d}",
            "",
            // The list is kept for what the model has no field for; without that, it goes, and what is promised stays.
            vec![
                format!("MAJOR {levels}.custom.slaProperties.frequency"),
                format!("PATCH {levels}.custom.slaProperties.freshness"),
            ],
        ),
    ];
    for (from, to, expected) in cases {
        let changes = compare(&read(old), &read(&old.replacen(from, to, 1))).changes;
        let got: Vec<String> = changes.iter().map(|c| format!("{} {}", c.class, c.path.replace('"', ""))).collect();
        assert_eq!(got, expected, "{from} -> {to}");
    }
}

#[test]
fn a_change_reads_as_a_sentence() {
    let changes = change("max: 100", "max: 200");
    assert_eq!(changes.class(), Some(Class::Major));
    assert_eq!(
        changes.changes[0].to_string(),
        "MAJOR output_ports.main.tables.orders.columns.amount.range.max: 100 -> 200 (values may lie outside the old bounds)"
    );
    assert_eq!(changes.needed_version().to_string(), "2.0.0");
}
