//! Objects of the standard: tables and their columns.
//!
//! Start reading at [`tables`].

use super::super::blocks::columns::Names;
use super::super::fields::{Fields, keep};
use super::super::parts::{FoundTable, Parts, TableOwn};
use super::super::report::Report;
use super::super::value::Value;
use super::ids::Ids;
use super::property::property;
use super::relationship::relationship;
use super::{identity, keep_shaped, own_of, quality};
use crate::model::{Column, Partitioning, Relationship};
use crate::name::TableName;
use crate::problem::code;
use crate::standard::{keys, own};
use crate::types::LogicalType as T;

/// Reads `schema`: one table per object.
pub(super) fn tables(value: &Value<'_>, parts: &mut Parts, report: &mut Report) {
    let ids = Ids::of(value);
    for item in value.items(report) {
        table(&item, &ids, parts, report);
    }
}

fn table(value: &Value<'_>, ids: &Ids<'_>, parts: &mut Parts, report: &mut Report) {
    let Some(mut fields) = value.fields(report) else { return };
    let name = fields.need("name", "Name the object.", report);
    let text = name.as_ref().and_then(|v| v.text(report)).unwrap_or_default();
    let place = name.as_ref().map_or(fields.place, Value::place);
    let usable = name.as_ref().filter(|_| !text.is_empty()).and_then(|v| identity::usable(v, TableName::new, report));
    // A name that cannot be used is reported with the other names of tables.
    let used = usable.map_or_else(|| text.to_owned(), |name| name.to_string());
    let Some(mut found) = FoundTable::empty(Some(used.clone()), place) else { return };
    if used != text {
        keep(&mut found.table.custom, "name", text.into());
    }
    found.table.description = fields.text("description", report);
    match fields.take("logicalType") {
        // Version 3.1 had objects without columns beside tables.
        Some(kind) if kind.node.scalar() == Some("blob") => keep(&mut found.table.custom, "logicalType", "blob".into()),
        Some(kind) => drop(kind.word(&[("object", ())], code::BAD_TYPE, report)),
        None => {}
    }
    keep_shaped(&mut fields, keys::TABLE, &mut found.table.custom, report);
    found.own.table = own_of(&mut fields, own::TABLE, &mut found.table.custom, report);
    let mut reader = Columns { table: &used, ids, partitions: Vec::new(), next_key: 1 };
    if let Some(list) = fields.take("properties") {
        let (relationships, own) = (&mut found.table.relationships, &mut found.own);
        found.table.columns = reader.columns(&list, relationships, own, parts, report);
    }
    if let Some(value) = fields.take("relationships") {
        keys::RELATIONSHIPS.check(&value, report);
        for item in value.one_or_many() {
            found.table.relationships.extend(relationship(&item, None, (&used, ids), parts, report));
        }
        keep(&mut found.table.custom, "relationships", value.json());
    }
    if let Some(value) = fields.take("quality") {
        quality::rules(&value, &used, None, parts, report);
    }
    fields.finish_into(&mut found.table.custom, report);
    reader.partitions.sort_by_key(|(position, _)| *position);
    found.partitioning = reader.partitions.into_iter().map(|(_, p)| p).collect();
    parts.tables.push(found);
}

/// Reads the columns of one table.
struct Columns<'t> {
    table: &'t str,
    ids: &'t Ids<'t>,
    partitions: Vec<(u64, Partitioning)>,
    next_key: u32,
}

impl Columns<'_> {
    fn columns(
        &mut self,
        list: &Value<'_>,
        relationships: &mut Vec<Relationship>,
        own: &mut TableOwn,
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
            let set = property(&mut fields, &mut column, own::COLUMN, 0, report);
            own.columns.extend((!set.is_empty()).then_some((columns.len(), set)));
            if let Some(value) = fields.take("quality") {
                quality::rules(&value, self.table, Some(name), parts, report);
            }
            if let Some(value) = fields.take("relationships") {
                keys::RELATIONSHIPS.check(&value, report);
                for item in value.one_or_many() {
                    relationships.extend(relationship(&item, Some(name), (self.table, self.ids), parts, report));
                }
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
        } else if let Some(position) = position {
            keep(&mut column.custom, "primaryKeyPosition", position.into());
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
