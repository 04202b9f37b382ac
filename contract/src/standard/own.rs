//! What the standards cannot say: custom properties named `meshweave.FIELD`, one per field of the model.
//!
//! `meshweave.storage` among the custom properties of a table sets the table's `storage`, in the form the model has as JSON; null
//! says that the field is empty. `meshweave.custom` adds entries to the element's `custom` map and `meshweave.absent` names entries
//! that it does not have. The writer adds one only where a reader of the standard's own words would understand something else.
//!
//! Start reading at [`apply`] and [`differences`].

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json, json};

use super::sound::is_sound;
use crate::model::Custom;
use crate::parse::node::Place;
use crate::parse::report::Report;
use crate::parse::value::Value;
use crate::problem::code;

/// How the names of these properties start.
pub(crate) const PREFIX: &str = "meshweave.";

/// Fields of a product that a property may set.
pub(crate) const PRODUCT: &[&str] = &[
    "status",
    "description",
    "owner",
    "tags",
    "glossary",
    "sample_queries",
    "lifecycle",
    "input_ports",
    "upstream",
    "access",
    "retention",
    "encryption",
    "quota",
    "body",
];
/// Fields of an output port.
pub(crate) const PORT: &[&str] = &["name", "schema_source", "quality", "protocols"];
/// Fields of service levels.
pub(crate) const LEVELS: &[&str] = &["freshness", "freshness_column", "availability_ppm", "latency", "support"];
/// Fields of a table.
pub(crate) const TABLE: &[&str] = &["description", "storage", "relationships"];
/// Fields of a column.
pub(crate) const COLUMN: &[&str] = &[
    "type",
    "nullable",
    "unique",
    "key_position",
    "description",
    "classification",
    "pii",
    "encrypted",
    "allowed_values",
    "pattern",
    "range",
    "glossary_ref",
    "declared_type",
    "tags",
];
/// Fields of a quality rule; `position` is its place among the rules of the port, from 0.
pub(crate) const CHECK: &[&str] =
    &["metric", "table", "column", "threshold", "arguments", "severity", "description", "position"];
/// Fields of an input port.
pub(crate) const INPUT_PORT: &[&str] = &["name", "kind"];

/// Fields of an output port in a product document; the rest stands in its contract.
pub(crate) const OUTPUT_PORT: &[&str] = &["name"];

/// Entries that go into the element's `custom` map, and those that do not stand there.
const CUSTOM: [&str; 2] = ["custom", "absent"];

/// One such property of a document.
#[derive(Debug, Clone)]
pub(crate) struct Own {
    /// `storage`, `sla.freshness`.
    pub(crate) field: String,
    pub(crate) value: Json,
    pub(crate) place: Place,
}

/// Splits `customProperties` into those that set fields of the model and the others, which are given back as they were written.
///
/// - `groups`: the fields that may be set here, each group with the prefix of its names (`sla.`).
/// - returns no others when there were only ours.
pub(crate) fn split(list: &Value<'_>, groups: &[(&str, &[&str])], report: &mut Report) -> (Vec<Own>, Option<Json>) {
    let (mut own, mut others) = (Vec::new(), Vec::new());
    let items = list.items(report);
    for item in &items {
        let name = item.node.get("property").and_then(|p| p.scalar()).unwrap_or_default();
        let Some(field) = name.strip_prefix(PREFIX) else {
            others.push(item.json());
            continue;
        };
        if !groups.iter().any(|(prefix, fields)| is_known(field, prefix, fields)) {
            let all = || groups.iter().flat_map(|(prefix, fields)| fields.iter().map(move |f| format!("{prefix}{f}")));
            let all: Vec<String> = all().collect();
            let mend = match report.nearest(field, all.iter().map(String::as_str)) {
                Some(near) => format!("Did you mean `{PREFIX}{near}`?"),
                None => format!("Names that start with `{PREFIX}` are ours; known here: {}.", all.join(", ")),
            };
            item.error(code::UNKNOWN_KEY, &format!("is named `{name}`, which is no field"), &mend, report);
            continue;
        }
        let value = item.node.get("value").map_or(Json::Null, |v| v.json());
        own.push(Own { field: field.to_owned(), value, place: item.place() });
    }
    let kept = items.is_empty() || !others.is_empty();
    (own, kept.then_some(Json::Array(others)))
}

fn is_known(field: &str, prefix: &str, fields: &[&str]) -> bool {
    field.strip_prefix(prefix).is_some_and(|f| fields.contains(&f) || CUSTOM.contains(&f))
}

/// Sets the fields of an element; a value that does not fit is a problem.
///
/// - `prefix`: the group of names that is about this element; the others are left alone.
pub(crate) fn apply<T>(element: &mut T, own: &[Own], prefix: &str, fields: &[&str], report: &mut Report)
where
    T: Serialize + DeserializeOwned,
{
    for one in own.iter().filter(|one| is_known(&one.field, prefix, fields)) {
        let field = one.field.strip_prefix(prefix).unwrap_or_default();
        let sound = is_sound(field, &one.value).then(|| serde_json::to_value(&*element).ok()).flatten();
        let changed = sound.and_then(|json| with(json, field, &one.value));
        match changed.and_then(|json| serde_json::from_value(json).ok()) {
            Some(changed) => *element = changed,
            None => {
                let message = format!("the value of `{PREFIX}{}` does not fit the field", one.field);
                let mend = "Write it as `describe` shows it, or remove the property.";
                report.error(one.place, code::BAD_PROPERTY, message, mend);
            }
        }
    }
}

/// The element with one field changed; none when it is not made of fields.
fn with(mut element: Json, field: &str, value: &Json) -> Option<Json> {
    let map = element.as_object_mut()?;
    match field {
        "custom" => {
            let custom = map.entry("custom").or_insert_with(|| json!({})).as_object_mut()?;
            custom.extend(value.as_object()?.clone());
        }
        "absent" => {
            let custom = map.entry("custom").or_insert_with(|| json!({})).as_object_mut()?;
            for name in value.as_array()? {
                custom.remove(name.as_str()?);
            }
        }
        // A number with more digits than a document's numbers keep is read as text.
        "threshold" if value.is_string() => {
            let number: f64 = value.as_str()?.parse().ok()?;
            map.insert(field.to_owned(), json!(number));
        }
        _ if value.is_null() => drop(map.remove(field)),
        _ => drop(map.insert(field.to_owned(), value.clone())),
    }
    Some(element)
}

/// The properties that make a reader who understood `understood` understand `meant`.
///
/// - both: the same element as JSON; `fields`: those that count, beside `custom`.
pub(crate) fn differences(meant: &Json, understood: &Json, prefix: &str, fields: &[&str]) -> Vec<Json> {
    let null = Json::Null;
    let get = |element: &Json, field: &str| element.get(field).unwrap_or(&null).clone();
    let property = |field: &str, value: Json| json!({"property": format!("{PREFIX}{prefix}{field}"), "value": value});
    let mut all = Vec::new();
    for field in fields {
        let value = get(meant, field);
        if value != get(understood, field) {
            all.push(property(field, value));
        }
    }
    let empty = Map::new();
    let custom = |element: &Json| element.get("custom").and_then(Json::as_object).unwrap_or(&empty).clone();
    let (meant, understood) = (custom(meant), custom(understood));
    let added: Map<String, Json> = meant.iter().filter(|(k, v)| understood.get(*k) != Some(v)).map(owned).collect();
    let absent: Vec<Json> = understood.keys().filter(|k| !meant.contains_key(*k)).map(|k| json!(k)).collect();
    if !added.is_empty() {
        all.push(property("custom", Json::Object(added)));
    }
    if !absent.is_empty() {
        all.push(property("absent", Json::Array(absent)));
    }
    all
}

fn owned((key, value): (&String, &Json)) -> (String, Json) {
    (key.clone(), value.clone())
}

/// Adds properties to the `customProperties` of an element of a document.
pub(crate) fn add(element: &mut Json, properties: Vec<Json>) {
    if properties.is_empty() {
        return;
    }
    let Some(map) = element.as_object_mut() else { return };
    let list = map.entry("customProperties").or_insert_with(|| json!([]));
    if let Some(list) = list.as_array_mut() {
        list.extend(properties);
    }
}

/// Puts the custom properties that are not ours where a reader finds them again.
pub(crate) fn keep_others(others: Option<Json>, custom: &mut Custom) {
    if let Some(others) = others {
        crate::parse::fields::keep(custom, "customProperties", others);
    }
}
