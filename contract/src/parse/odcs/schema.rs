//! Objects of the standard: tables and their columns.
//!
//! Start reading at [`tables`].

use super::super::blocks::columns::Names;
use super::super::fields::{Fields, keep};
use super::super::parts::{FoundTable, Parts};
use super::super::report::Report;
use super::super::value::Value;
use super::property::property;
use super::quality;
use super::relationship::relationship;
use crate::model::{Column, Partitioning, Relationship};
use crate::problem::code;
use crate::types::LogicalType as T;

/// Reads `schema`: one table per object.
pub(super) fn tables(value: &Value<'_>, parts: &mut Parts, report: &mut Report) {
    for item in value.items(report) {
        table(&item, parts, report);
    }
}

fn table(value: &Value<'_>, parts: &mut Parts, report: &mut Report) {
    let Some(mut fields) = value.fields(report) else { return };
    let name = fields.need("name", "Name the object.", report);
    let text = name.as_ref().and_then(|v| v.text(report)).unwrap_or_default();
    let place = name.as_ref().map_or(fields.place, Value::place);
    let Some(mut found) = FoundTable::empty(Some(text.to_owned()), place) else { return };
    found.table.description = fields.text("description", report);
    if let Some(kind) = fields.take("logicalType") {
        kind.word(&[("object", ())], code::BAD_TYPE, report);
    }
    let kept = [
        "id",
        "physicalName",
        "physicalType",
        "businessName",
        "dataGranularityDescription",
        "tags",
        "authoritativeDefinitions",
        "customProperties",
        "context",
        "synonyms",
        "deprecated",
    ];
    for key in kept {
        fields.keep(key, &mut found.table.custom);
    }
    let mut reader = Columns { table: text, partitions: Vec::new(), next_key: 1 };
    if let Some(list) = fields.take("properties") {
        found.table.columns = reader.columns(&list, &mut found.table.relationships, parts, report);
    }
    for item in fields.items("relationships", report) {
        found.table.relationships.extend(relationship(&item, None, text, parts, report));
    }
    if let Some(value) = fields.take("relationships") {
        keep(&mut found.table.custom, "relationships", value.json());
    }
    if let Some(value) = fields.take("quality") {
        quality::rules(&value, text, None, parts, report);
    }
    fields.finish_into(&mut found.table.custom, report);
    reader.partitions.sort_by_key(|(position, _)| *position);
    found.partitioning = reader.partitions.into_iter().map(|(_, p)| p).collect();
    parts.tables.push(found);
}

/// Reads the columns of one table.
struct Columns<'t> {
    table: &'t str,
    partitions: Vec<(u64, Partitioning)>,
    next_key: u32,
}

impl Columns<'_> {
    fn columns(
        &mut self,
        list: &Value<'_>,
        relationships: &mut Vec<Relationship>,
        parts: &mut Parts,
        report: &mut Report,
    ) -> Vec<Column> {
        let mut names = Names::default();
        let mut columns = Vec::new();
        for item in list.items(report) {
            let Some(mut fields) = item.fields(report) else { continue };
            let name = fields.need("name", "Name the property.", report).and_then(|v| v.text(report));
            let Some(name) = name else { continue };
            names.add(name, &item, report);
            let mut column = Column::new(name, T::Any);
            self.key(&mut fields, &mut column, report);
            self.partition(&mut fields, &mut column, report);
            property(&mut fields, &mut column, 0, report);
            if let Some(value) = fields.take("quality") {
                quality::rules(&value, self.table, Some(name), parts, report);
            }
            for item in fields.items("relationships", report) {
                relationships.extend(relationship(&item, Some(name), self.table, parts, report));
            }
            if let Some(value) = fields.take("relationships") {
                keep(&mut column.custom, "relationships", value.json());
            }
            fields.finish_into(&mut column.custom, report);
            columns.push(column);
        }
        columns
    }

    fn key(&mut self, fields: &mut Fields<'_>, column: &mut Column, report: &mut Report) {
        let is_key = fields.flag("primaryKey", report).unwrap_or_default();
        // The standard's default position is -1: none.
        let written = fields.take("primaryKeyPosition");
        let position = match &written {
            Some(value) if value.node.scalar() == Some("-1") => {
                keep(&mut column.custom, "primaryKeyPosition", value.json());
                None
            }
            Some(value) => value.whole(report).and_then(|p| u32::try_from(p).ok()).filter(|p| *p > 0),
            None => None,
        };
        column.nullable = !fields.flag("required", report).unwrap_or_default() && !is_key;
        if is_key {
            column.key_position = Some(position.unwrap_or(self.next_key));
            self.next_key = column.key_position.unwrap_or_default().saturating_add(1).max(self.next_key);
        }
    }

    fn partition(&mut self, fields: &mut Fields<'_>, column: &mut Column, report: &mut Report) {
        let is_partition = fields.flag("partitioned", report).unwrap_or_default();
        for key in ["partitioned", "partitionKeyPosition"] {
            fields.keep(key, &mut column.custom);
        }
        let position = fields.take("partitionKeyPosition").filter(|v| v.node.scalar() != Some("-1"));
        let position = position.and_then(|v| v.whole(report));
        if is_partition {
            let position = position.unwrap_or(u64::MAX);
            self.partitions.push((position, Partitioning { field: column.name.clone(), granularity: None }));
        }
    }
}
