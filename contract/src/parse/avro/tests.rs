//! Schemas as they are found in registries, and what becomes of them.

use super::avro_columns;

fn read(text: &str) -> String {
    match avro_columns(text.as_bytes(), "t.avsc") {
        Ok(columns) => columns
            .iter()
            .map(|c| {
                let null = if c.nullable { "" } else { " not null" };
                let allowed = c.allowed_values.as_ref().map(|v| format!(" in {}", serde_json::Value::from(v.clone())));
                let custom = if c.custom.is_empty() { String::new() } else { format!(" {:?}", c.custom.keys()) };
                format!("{}: {}{null}{}{custom}\n", c.name, c.logical_type, allowed.unwrap_or_default())
            })
            .collect(),
        Err(problems) => {
            problems.iter().map(|p| format!("{}:{} {} {}\n", p.line, p.column, p.code, p.message)).collect()
        }
    }
}

#[test]
fn an_orders_schema() {
    let text = r#"{
      "type": "record", "name": "Order", "namespace": "com.company.commerce", "doc": "One order.",
      "fields": [
        {"name": "orderId", "type": {"type": "string", "logicalType": "uuid"}, "doc": "Its key."},
        {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
        {"name": "status", "type": {"type": "enum", "name": "Status", "symbols": ["created", "paid"]}, "default": "created"},
        {"name": "previous", "type": ["null", "Status"], "default": null},
        {"name": "timestamp", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "local", "type": {"type": "long", "logicalType": "local-timestamp-millis"}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}, "aliases": ["date"]},
        {"name": "count", "type": ["int", "null"]},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "prices", "type": {"type": "map", "values": ["null", "double"]}},
        {"name": "address", "type": ["null", {"type": "record", "name": "Address", "fields": [
          {"name": "city", "type": "string"}, {"name": "zip", "type": ["null", "string"]}]}]},
        {"name": "second", "type": ["null", "com.company.commerce.Address"]},
        {"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 32}},
        {"name": "mixed", "type": ["null", "string", "long"]},
        {"name": "took", "type": {"type": "fixed", "name": "D", "size": 12, "logicalType": "duration"}},
        {"name": "email", "type": "string", "pii": true, "steward": "ann"}
      ]}"#;
    insta::assert_snapshot!(read(text), @r#"
    orderId: uuid not null
    amount: decimal(12,2) not null
    status: string not null in ["created","paid"] ["default"]
    previous: string in ["created","paid"]
    timestamp: timestamp(us, utc) not null
    local: timestamp(ms) not null
    day: date not null ["aliases"]
    count: int32
    tags: list<string> not null
    prices: map<string, float64> not null
    address: struct<city: string, zip: string>
    second: struct<city: string, zip: string>
    hash: binary(32) not null
    mixed: any
    took: interval not null
    email: string not null ["steward"]
    "#);
}

#[test]
fn faults_have_places_and_come_at_once() {
    let text = "{\"type\": \"record\", \"name\": \"Order\", \"fields\": [\n  {\"name\": \"a\", \"type\": \"strng\"},\n  {\"type\": \"int\"},\n  {\"name\": \"a\", \"type\": {\"type\": \"array\"}},\n  {\"name\": \"e\", \"type\": {\"type\": \"enum\", \"name\": \"E\", \"symbols\": []}}\n]}";
    insta::assert_snapshot!(read(text), @"
    2:25 bad-type `fields[0].type` is no Avro type: `strng`
    3:3 missing `fields[1].name` is missing
    4:3 duplicate-column `fields[2]` is a second field named `a`
    4:25 missing `fields[2].type.items` is missing
    5:66 bad-schema `fields[3].type.symbols` lists no symbols
    ");
}

#[test]
fn what_is_no_table_is_refused() {
    insta::assert_snapshot!(read("\"string\""), @"1:1 bad-schema the document is no record; a table is a record whose fields are its columns");
    insta::assert_snapshot!(read("{"), @"1:2 syntax a quoted key is missing");
    insta::assert_snapshot!(
        read(r#"{"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}"#),
        @"1:72 bad-schema `fields[0].type` has the record `Node` inside itself"
    );
    insta::assert_snapshot!(
        read(r#"{"type": "record", "name": "T", "fields": [{"name": "orderId", "type": "int"}, {"name": "order_id", "type": "int"}, {"name": "ORDER_ID", "type": "int"}]}"#),
        @"1:117 duplicate-column `fields[2]` is named `ORDER_ID`, like the column `order_id`"
    );
}
