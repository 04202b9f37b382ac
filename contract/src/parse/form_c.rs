//! The object that TypeScript teams export: `domain`, `product`, `version`, and a JSON Schema made from zod.
//!
//! Start reading at [`product`].

use super::blocks::access::AccessWords;
use super::blocks::{columns, head, levels, policies, quality, storage};
use super::fields::{Fields, Value};
use super::json_schema;
use super::parts::{FoundTable, Parts};
use super::report::Report;

/// Reads a product.
pub(crate) fn product(root: &Value<'_>, report: &mut Report) -> Parts {
    let mut parts = Parts::default();
    let Some(mut top) = root.fields(report) else { return parts };
    let name = top.need("product", "Name the product.", report);
    let domain = top.need("domain", "Name the domain that owns it.", report);
    let version = top.need("version", "Write a version such as 1.0.0.", report);
    let version = version.and_then(|v| head::version(&v, report));
    parts.head.id = head::id(domain.as_ref(), name.as_ref(), version, report);
    head::common(&mut top, &mut parts.head, report);
    top.keep("$schema", &mut parts.head.custom);
    tables(&mut top, &mut parts, report);
    promises(&mut top, &mut parts, report);
    top.finish_into(&mut parts.head.custom, report);
    parts
}

fn tables(top: &mut Fields<'_>, parts: &mut Parts, report: &mut Report) {
    let Some(mut found) = FoundTable::empty(None, top.place) else { return };
    if let Some(value) = top.take("schema") {
        json_schema::table(&value, &mut found.table, report);
    }
    if let Some(value) = top.take_any(&["primaryKey", "primary_key"], report) {
        columns::table_key(&value, &mut found.table, None, parts, report);
    }
    if let Some(value) = top.take("storage") {
        storage::storage(&value, &mut found, parts, report);
    }
    if let Some(value) = top.take("relationships") {
        columns::relationships(&value, &mut found.table, None, parts, report);
    }
    parts.tables.push(found);
    if let Some(value) = top.take("tables") {
        further(&value, parts, report);
    }
}

/// Further tables: `{ "items": { "schema": …, "storage": … } }`.
fn further(value: &Value<'_>, parts: &mut Parts, report: &mut Report) {
    for (name, place, value) in value.entries(report) {
        let Some(mut fields) = value.fields(report) else { continue };
        let Some(mut found) = FoundTable::empty(Some(name.to_owned()), place) else { continue };
        found.table.description = fields.text("description", report);
        if let Some(value) = fields.take("schema") {
            json_schema::table(&value, &mut found.table, report);
        }
        if let Some(value) = fields.take_any(&["primaryKey", "primary_key"], report) {
            columns::table_key(&value, &mut found.table, Some(name), parts, report);
        }
        if let Some(value) = fields.take("storage") {
            storage::storage(&value, &mut found, parts, report);
        }
        fields.finish_into(&mut found.table.custom, report);
        parts.tables.push(found);
    }
}

fn promises(top: &mut Fields<'_>, parts: &mut Parts, report: &mut Report) {
    if let Some(value) = top.take("sla") {
        levels::levels(&value, parts, report);
    }
    // The exported object also has freshness and availability loose at the top.
    if let Some(value) = top.take("freshness") {
        levels::freshness(&value, parts, report);
    }
    if let Some(value) = top.take("availability") {
        let availability = levels::availability(&value, report);
        parts.service_levels.availability_ppm = parts.service_levels.availability_ppm.or(availability);
    }
    if let Some(value) = top.take("quality") {
        quality::quality(&value, parts, report);
    }
    let mut access = AccessWords::default();
    access.read(top, report);
    if let Some(value) = top.take("policies") {
        policies::policies(&value, &mut access, parts, report);
    }
    policies::kept(top, parts, report);
    parts.access = access.finish(&mut parts.head.custom, report);
    parts.protocols = top.texts("protocols", report);
    if let Some(value) = top.take("lineage") {
        storage::lineage(&value, parts, report);
    }
    for value in top.items("upstream", report) {
        storage::upstream(&value, parts, report);
    }
    if let Some(value) = top.take_any(&["inputPorts", "input_ports"], report) {
        parts.input_ports = storage::input_ports(&value, report);
    }
    if let Some(value) = top.take("quota") {
        parts.quota = storage::quota(&value, report);
    }
}
