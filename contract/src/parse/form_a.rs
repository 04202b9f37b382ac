//! The form `apiVersion: datamesh.io/v1, kind: DataProduct`, and our own `View` and `Materialization`, which share its blocks.
//!
//! Start reading at [`product`] and [`definition`].

use super::blocks::access::AccessWords;
use super::blocks::{columns, head, levels, policies, quality, storage};
use super::fields::{Fields, Value};
use super::parts::{FoundTable, Parts};
use super::report::Report;
use crate::model::Body;

/// Reads a stored product.
pub(crate) fn product(root: &Value<'_>, report: &mut Report) -> Parts {
    let mut parts = Parts::default();
    let Some(mut top) = root.fields(report) else { return parts };
    envelope(&mut top);
    metadata(&mut top, &mut parts, report);
    let spec = top.need("spec", "Say where the rows lie and what is promised of them.", report);
    if let Some(mut spec) = spec.and_then(|v| v.fields(report)) {
        let mut found = FoundTable::empty(None, spec.place);
        if let (Some(value), Some(found)) = (spec.take("storage"), found.as_mut()) {
            storage::storage(&value, found, &mut parts, report);
        }
        shared(&mut spec, &mut parts, found, report);
        spec.finish_into(&mut parts.head.custom, report);
    }
    top.finish_into(&mut parts.head.custom, report);
    parts
}

/// Reads a view or a materialization.
pub(crate) fn definition(root: &Value<'_>, kept: bool, report: &mut Report) -> Parts {
    let mut parts = Parts::default();
    let Some(mut top) = root.fields(report) else { return parts };
    envelope(&mut top);
    metadata(&mut top, &mut parts, report);
    let spec = top.need("spec", "Write `spec.sql`, one SELECT over product names.", report);
    if let Some(mut spec) = spec.and_then(|v| v.fields(report)) {
        let mut found = FoundTable::empty(None, spec.place);
        let sql = spec.need("sql", "Write one SELECT over product names.", report).and_then(|v| v.text(report));
        let sql = sql.unwrap_or_default().to_owned();
        parts.body = Some(if kept {
            let refresh = spec.take("refresh").map_or(serde_json::Value::Null, |v| v.json());
            if let (Some(value), Some(found)) = (spec.take("storage"), found.as_mut()) {
                storage::storage(&value, found, &mut parts, report);
            }
            Body::Materialization { sql, refresh }
        } else {
            Body::View { sql }
        });
        shared(&mut spec, &mut parts, found, report);
        spec.finish_into(&mut parts.head.custom, report);
    }
    top.finish_into(&mut parts.head.custom, report);
    parts
}

/// The words that the form was recognised by.
fn envelope(top: &mut Fields<'_>) {
    top.take("apiVersion");
    top.take("kind");
}

fn metadata(top: &mut Fields<'_>, parts: &mut Parts, report: &mut Report) {
    let Some(value) = top.need("metadata", "Write name, domain and version under `metadata`.", report) else { return };
    let Some(mut fields) = value.fields(report) else { return };
    let name = fields.need("name", "Name the product.", report);
    let domain = fields.need("domain", "Name the domain that owns it.", report);
    let version = fields.need("version", "Write a version such as 1.0.0.", report);
    let version = version.and_then(|v| head::version(&v, report));
    parts.head.id = head::id(domain.as_ref(), name.as_ref(), version, report);
    head::common(&mut fields, &mut parts.head, report);
    fields.finish_into(&mut parts.head.custom, report);
}

/// What stands under `spec` whatever the product's body is.
fn shared(spec: &mut Fields<'_>, parts: &mut Parts, found: Option<FoundTable>, report: &mut Report) {
    let mut access = AccessWords::default();
    if let Some(mut found) = found {
        if let Some(value) = spec.take("schema") {
            columns::schema(&value, &mut found, parts, report);
        }
        if let Some(value) = spec.take("relationships") {
            columns::relationships(&value, &mut found.table, None, parts, report);
        }
        let tables = spec.take("tables");
        // A document that only lists tables means the first of them as the main one.
        if tables.is_none()
            || found.table.storage.is_some()
            || !found.table.columns.is_empty()
            || parts.schema_source.is_some()
        {
            parts.tables.push(found);
        } else {
            parts.head.custom.extend(found.table.custom);
        }
        if let Some(value) = tables {
            columns::tables(&value, parts, report);
        }
    }
    if let Some(value) = spec.take("sla") {
        levels::levels(&value, parts, report);
    }
    if let Some(value) = spec.take("quality") {
        quality::quality(&value, parts, report);
    }
    access.read(spec, report);
    if let Some(value) = spec.take("policies") {
        policies::policies(&value, &mut access, parts, report);
    }
    policies::kept(spec, parts, report);
    parts.access = access.finish(&mut parts.head.custom, report);
    if let Some(value) = spec.take("interoperability") {
        storage::interoperability(&value, parts, report);
    }
    if let Some(value) = spec.take("lineage") {
        storage::lineage(&value, parts, report);
    }
    if let Some(value) = spec.take_any(&["input_ports", "inputPorts"], report) {
        parts.input_ports = storage::input_ports(&value, report);
    }
    if let Some(value) = spec.take("quota") {
        parts.quota = storage::quota(&value, report);
    }
}
