//! The form `spec.version: "1.0"` with metadata, schema, quality, access and sla beside `spec` or indented under it.
//!
//! The form has no place for the product's own version: `metadata.version` is it when given, else `spec.version`, filled up
//! to three numbers (`1.0` is 1.0.0).
//!
//! Start reading at [`product`].

use super::blocks::access::AccessWords;
use super::blocks::{columns, head, levels, policies, quality, storage};
use super::fields::{Fields, Value};
use super::parts::{FoundTable, Parts};
use super::report::Report;
use crate::problem::code;

/// Reads a product.
pub(crate) fn product(root: &Value<'_>, report: &mut Report) -> Parts {
    let mut parts = Parts::default();
    let Some(mut top) = root.fields(report) else { return parts };
    let spec = top.need("spec", "Write `spec.version: \"1.0\"`.", report);
    let Some(mut spec) = spec.and_then(|v| v.fields(report)) else { return parts };
    let form_version = spec.need("version", "Write `version: \"1.0\"`.", report);
    let mut place = Both { top: &mut top, spec: &mut spec };
    metadata(&mut place, form_version, &mut parts, report);
    tables(&mut place, &mut parts, report);
    promises(&mut place, &mut parts, report);
    spec.finish_into(&mut parts.head.custom, report);
    top.finish_into(&mut parts.head.custom, report);
    parts
}

/// A block may stand at the top or under `spec`.
struct Both<'f, 'n> {
    top: &'f mut Fields<'n>,
    spec: &'f mut Fields<'n>,
}

impl<'n> Both<'_, 'n> {
    fn take(&mut self, key: &'static str, report: &mut Report) -> Option<Value<'n>> {
        let (outer, inner) = (self.top.take(key), self.spec.take(key));
        if let (Some(_), Some(inner)) = (&outer, &inner) {
            let what = format!("stands here and at the top as `{key}`");
            inner.error(code::CONFLICT, &what, "Keep one of the two.", report);
        }
        outer.or(inner)
    }
}

fn metadata(place: &mut Both<'_, '_>, form_version: Option<Value<'_>>, parts: &mut Parts, report: &mut Report) {
    let Some(value) = place.take("metadata", report) else {
        return place.top.missing("metadata", "Write name and domain under `metadata`.", report);
    };
    let Some(mut fields) = value.fields(report) else { return };
    let name = fields.need("name", "Name the product.", report);
    let domain = fields.need("domain", "Name the domain that owns it.", report);
    let version = match (fields.take("version"), form_version) {
        (Some(own), form) => {
            form.iter().for_each(|form| form_is_known(form, report));
            head::version(&own, report)
        }
        (None, Some(form)) => filled_version(&form, report),
        (None, None) => None,
    };
    parts.head.id = head::id(domain.as_ref(), name.as_ref(), version, report);
    head::common(&mut fields, &mut parts.head, report);
    fields.finish_into(&mut parts.head.custom, report);
}

fn form_is_known(form: &Value<'_>, report: &mut Report) {
    if form.text(report).is_some_and(|text| text != "1.0") {
        let mend = "Write \"1.0\"; the product's own version is `metadata.version`.";
        form.error(code::BAD_VERSION, "is no version of this form", mend, report);
    }
}

/// `1.0` as 1.0.0.
fn filled_version(value: &Value<'_>, report: &mut Report) -> Option<semver::Version> {
    let text = value.text(report)?;
    let full = if text.split('.').count() == 2 { format!("{text}.0") } else { text.to_owned() };
    semver::Version::parse(&full).ok().or_else(|| head::version(value, report))
}

fn tables(place: &mut Both<'_, '_>, parts: &mut Parts, report: &mut Report) {
    let Some(mut found) = FoundTable::empty(None, place.top.place) else { return };
    if let Some(value) = place.take("schema", report) {
        columns::schema(&value, &mut found, parts, report);
    }
    if let Some(value) = place.take("storage", report) {
        storage::storage(&value, &mut found, parts, report);
    }
    if let Some(value) = place.take("relationships", report) {
        columns::relationships(&value, &mut found.table, None, parts, report);
    }
    parts.tables.push(found);
    if let Some(value) = place.take("tables", report) {
        columns::tables(&value, parts, report);
    }
}

fn promises(place: &mut Both<'_, '_>, parts: &mut Parts, report: &mut Report) {
    if let Some(value) = place.take("quality", report) {
        quality::quality(&value, parts, report);
    }
    if let Some(value) = place.take("sla", report) {
        levels::levels(&value, parts, report);
    }
    let mut access = AccessWords::default();
    access.read(place.top, report);
    access.read(place.spec, report);
    if let Some(value) = place.take("policies", report) {
        policies::policies(&value, &mut access, parts, report);
    }
    parts.access = access.finish(&mut parts.head.custom, report);
    policies::kept(place.top, parts, report);
    policies::kept(place.spec, parts, report);
    if let Some(value) = place.take("interoperability", report) {
        storage::interoperability(&value, parts, report);
    }
    if let Some(value) = place.take("lineage", report) {
        storage::lineage(&value, parts, report);
    }
    if let Some(value) = place.take("input_ports", report) {
        parts.input_ports = storage::input_ports(&value, report);
    }
    if let Some(value) = place.take("quota", report) {
        parts.quota = storage::quota(&value, report);
    }
}
