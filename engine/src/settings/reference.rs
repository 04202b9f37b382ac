//! Every setting with its type, default and meaning, told from the code: the source of the reference page.
//!
//! Start reading at [`Settings::reference`].

use serde_json::Value;

use super::Settings;

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SettingDoc {
    /// Its path in `meshweave.yaml`: `limits.memory`.
    pub name: String,
    /// The variable that overrides it: `MESHWEAVE_LIMITS__MEMORY`.
    pub variable: String,
    /// What is written: `size`, `duration`, `integer`, `text`, `path`, `list of text`, ….
    pub kind: String,
    /// Its default as it would be written; none when it is not set by default.
    pub default: Option<String>,
    /// What it means.
    pub doc: String,
}

impl Settings {
    /// Every setting, in the order of the document.
    pub fn reference() -> Vec<SettingDoc> {
        let schema = schemars::schema_for!(Self).to_value();
        let defaults = serde_json::to_value(Self::default()).unwrap_or(Value::Null);
        let mut settings = Vec::new();
        walk(&schema, &schema, &defaults, &[], &mut settings);
        settings
    }
}

/// Goes through the properties of one object of the schema.
fn walk(root: &Value, object: &Value, defaults: &Value, path: &[&str], settings: &mut Vec<SettingDoc>) {
    let Some(properties) = object.get("properties").and_then(Value::as_object) else { return };
    for (key, property) in properties {
        let mut path = path.to_vec();
        path.push(key);
        let default = defaults.get(key).unwrap_or(&Value::Null);
        let target = resolved(root, property);
        if target.get("properties").is_some() {
            walk(root, target, default, &path, settings);
            continue;
        }
        let name = path.join(".");
        settings.push(SettingDoc {
            variable: format!("{}{}", super::PREFIX, path.join("__").to_uppercase()),
            kind: kind(root, property),
            default: written(default),
            doc: property.get("description").and_then(Value::as_str).unwrap_or_default().replace('\n', " "),
            name,
        });
    }
}

/// Follows `$ref`, and the one real branch of an optional value.
fn resolved<'a>(root: &'a Value, property: &'a Value) -> &'a Value {
    let branch = property
        .get("anyOf")
        .and_then(Value::as_array)
        .and_then(|branches| branches.iter().find(|b| b.get("type").and_then(Value::as_str) != Some("null")))
        .unwrap_or(property);
    let target = branch.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix('#'));
    target.and_then(|pointer| root.pointer(pointer)).unwrap_or(branch)
}

fn kind(root: &Value, property: &Value) -> String {
    let target = resolved(root, property);
    let named = match target.get("type") {
        Some(Value::String(one)) => Some(one.as_str()),
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).find(|t| *t != "null"),
        _ => None,
    };
    match (named, target.get("format").and_then(Value::as_str)) {
        (Some("string"), Some(format)) => format.to_owned(),
        (Some("string"), None) => "text".to_owned(),
        (Some("array"), _) => {
            let item = target.get("items").map_or_else(|| "values".to_owned(), |items| kind(root, items));
            format!("list of {item}")
        }
        (Some(other), _) => other.to_owned(),
        (None, _) => "value".to_owned(),
    }
}

fn written(default: &Value) -> Option<String> {
    match default {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
