//! The contracts of the TPC-H products: ODCS 3.1, made from the columns that are written and the words about them.
//!
//! Start reading at [`contract`].

use std::fmt::Write as _;

use arrow::datatypes::{DataType, Field};

use super::{Table, words};

/// The ODCS 3.1 contract of a table's Parquet product, or with `delta` of its Delta product.
///
/// - `root`: the URL of the domain's data, without a slash at its end.
pub fn contract(table: Table, delta: bool, root: &str) -> String {
    let (name, format) =
        if delta { (format!("{}_delta", table.name()), "delta") } else { (table.name().to_owned(), "parquet") };
    let (domain, words) = (table.domain(), words::of(table));
    let mut text = format!(
        "apiVersion: v3.1.0\nkind: DataContract\nid: urn:meshweave:tpch:{domain}:{name}\nname: {name}\nversion: 1.0.0\n\
         status: active\ndomain: {domain}\ndataProduct: {name}\ndescription:\n  purpose: {:?}\n\
         servers:\n  - server: mesh\n    type: local\n    path: {root}/{name}/\n    format: {format}\n\
         schema:\n  - name: {name}\n    physicalType: table\n    description: {:?}\n",
        words.description, words.description
    );
    text.push_str(&relationships(&words, delta, &name));
    text.push_str("    properties:\n");
    for (field, (_, meaning)) in table.schema().fields().iter().zip(words.columns) {
        text.push_str(&property(field, meaning, words.key));
    }
    text.push_str("roles:\n  - role: analytics\n    access: read\nsupport:\n  - channel: data-help@example.com\n    tool: email\n");
    text.push_str("slaProperties:\n  - property: availability\n    value: 99.5\n    unit: percent\n");
    text
}

fn relationships(words: &words::Words, delta: bool, name: &str) -> String {
    if words.references.is_empty() {
        return String::new();
    }
    let suffix = if delta { "_delta" } else { "" };
    let mut text = "    relationships:\n".to_owned();
    for (columns, to, to_columns) in words.references {
        let target = format!("{}.{}{suffix}", to.domain(), to.name());
        let from = list(columns, name);
        let to = list(to_columns, &target);
        // Writing into a string cannot fail.
        let _ = writeln!(text, "      - type: foreignKey\n        from: {from}\n        to: {to}");
    }
    text
}

/// `table.column`, or a list of them for a key of several columns.
fn list(columns: &[&str], table: &str) -> String {
    match columns {
        [one] => format!("{table}.{one}"),
        several => {
            let several: Vec<String> = several.iter().map(|column| format!("{table}.{column}")).collect();
            format!("[{}]", several.join(", "))
        }
    }
}

fn property(field: &Field, meaning: &str, key: &[&str]) -> String {
    let (logical, physical) = types(field.data_type());
    let name = field.name();
    let mut text = format!(
        "      - name: {name}\n        logicalType: {logical}\n        physicalType: {physical}\n        required: {}\n        description: {meaning:?}\n",
        !field.is_nullable()
    );
    if let Some(position) = key.iter().position(|column| column == name) {
        let _ = writeln!(text, "        primaryKey: true\n        primaryKeyPosition: {}", position + 1);
    }
    text
}

/// The logical and the physical type of ODCS.
fn types(data_type: &DataType) -> (&'static str, String) {
    match data_type {
        DataType::Int32 => ("integer", "INTEGER".to_owned()),
        DataType::Int64 => ("integer", "BIGINT".to_owned()),
        DataType::Decimal128(precision, scale) => ("number", format!("\"DECIMAL({precision},{scale})\"")),
        DataType::Date32 => ("date", "DATE".to_owned()),
        _ => ("string", "VARCHAR".to_owned()),
    }
}
