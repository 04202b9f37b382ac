//! Drops what was kept whole and the model says entirely: what the writer would write again as it was.
//!
//! A contract in the standard then is the same product as the same promises in a short form.
//!
//! Start reading at [`tidy`].

use serde_json::{Map, Value as Json};

use crate::export;
use crate::model::{Column, Custom, OutputPort, Product};

/// Keys at the top whose values the model may say entirely.
const TOP: [&str; 3] = ["support", "team", "roles"];
/// Keys of a column that say its type.
const TYPE: [&str; 8] =
    ["logicalType", "physicalType", "properties", "items", "map", "enum", "partitioned", "partitionKeyPosition"];

/// Drops the second telling from a product that was read from the contract standard.
pub(crate) fn tidy(product: &mut Product) {
    drop_same(product, export::head);
    let Some(port) = product.output_ports.first_mut() else { return };
    for table in &mut port.tables {
        let partitions = table.storage.as_ref().map_or_else(Vec::new, |s| s.partitioning.clone());
        for column in &mut table.columns {
            let at = partitions.iter().position(|p| p.field == column.name).map(|p| p + 1);
            self::column(column, at);
        }
    }
    // What a table's own block says of relationships and what the port says of servers and promises is written from the model alone.
    let Some(port) = product.output_ports.first() else { return };
    let mut bare = port.clone();
    bare.custom.remove("servers");
    bare.service_levels.custom.remove("slaProperties");
    bare.tables.iter_mut().for_each(|table| drop(table.custom.remove("relationships")));
    let (again, _) = export::draft(product, &bare);
    let Some(port) = product.output_ports.first_mut() else { return };
    self::port(port, &again);
}

/// Drops keys at the top that the writer would write the same without them.
pub(crate) fn drop_same(product: &mut Product, write: impl Fn(&Product) -> Map<String, Json>) {
    let mut bare = product.clone();
    TOP.iter().for_each(|key| drop(bare.custom.remove(*key)));
    let again = write(&bare);
    TOP.iter().for_each(|key| forget(&mut product.custom, key, again.get(*key)));
}

fn forget(custom: &mut Custom, key: &str, again: Option<&Json>) {
    if again.is_some() && custom.get(key) == again {
        custom.remove(key);
    }
}

fn port(port: &mut OutputPort, again: &Json) {
    forget(&mut port.custom, "servers", again.get("servers"));
    forget(&mut port.service_levels.custom, "slaProperties", again.get("slaProperties"));
    for (i, table) in port.tables.iter_mut().enumerate() {
        forget(&mut table.custom, "relationships", again["schema"][i].get("relationships"));
    }
}

fn column(column: &mut Column, partition: Option<usize>) {
    let is_option = |key: &str| key.strip_prefix("logicalTypeOptions.").map(str::to_owned);
    let mut bare = column.clone();
    bare.custom.retain(|key, _| !TYPE.contains(&key.as_str()) && is_option(key).is_none());
    let again = export::property(&bare, partition);
    // One part of a type may be written from another, so they go together or stay.
    let part_is_same = |key: &str, value: &Json| match is_option(key) {
        Some(option) => again.get("logicalTypeOptions").and_then(|o| o.get(&option)) == Some(value),
        None if key == "logicalType" || TYPE.contains(&key) => again.get(key) == Some(value),
        None => true,
    };
    if column.custom.iter().all(|(key, value)| part_is_same(key, value)) {
        column.custom = bare.custom;
    }
}
