//! Servers of the standard: where the tables of a contract lie.
//!
//! One server is the one that is read: the first of environment `prod` or `production`, else the first. A server of files gives
//! each table its location; a server of another kind (a database) is kept as declared, since connections belong to the domain.
//! With several tables, `{model}`, `{schema}` or `{table}` in the location stands for the table; without it, folders are taken to
//! lie below the location by the table's physical name.
//!
//! Start reading at [`servers`].

use super::super::blocks::storage;
use super::super::node::{Kind, Node, Place};
use super::super::parts::{FoundTable, Parts};
use super::super::report::Report;
use super::super::value::Value;
use super::variables;
use crate::model::StorageSpec;
use crate::problem::code;
use crate::standard::keys::SERVERS;

/// Reads the servers, and gives every table its storage.
pub(super) fn servers(value: &Value<'_>, parts: &mut Parts, report: &mut Report) {
    SERVERS.check(value, report);
    let items = value.one_or_many();
    parts.port_custom.insert("servers".to_owned(), value.json());
    items.iter().for_each(|item| secrets(&item.path, item.node, report));
    let is_prod = |v: &&Value<'_>| {
        v.node.get("environment").and_then(Node::scalar).is_some_and(|e| matches!(e, "prod" | "production"))
    };
    let Some(server) = items.iter().find(is_prod).or_else(|| items.first()) else { return };
    let Some((base, at)) = location(server, report) else { return };
    let Some(format) = server.node.get("format").and_then(Node::scalar) else {
        let message = format!("`{}.format` is missing, so nothing says how the rows are stored", server.path);
        return report.warning(at, code::MISSING, message, "Add `format: parquet` or `format: delta`.");
    };
    let several = parts.tables.len() > 1;
    for found in &mut parts.tables {
        let partitioning = std::mem::take(&mut found.partitioning);
        let location = Some(table_location(&base, found, several));
        let format = format.to_ascii_lowercase();
        found.table.storage = Some(StorageSpec { location, partitioning, ..StorageSpec::new(format) });
    }
}

/// The URL of a server of files; none while a variable in it is unknown.
fn location(server: &Value<'_>, report: &mut Report) -> Option<(String, Place)> {
    let kind = server.node.get("type").and_then(Node::scalar)?;
    let key = if kind == "local" { "path" } else { "location" };
    // An API or a stream has a location too, but no files.
    if !matches!(kind, "local" | "s3" | "azure" | "sftp" | "custom") {
        return None;
    }
    let node = server.node.get(key).filter(|node| !node.is_null())?;
    let value = Value { path: format!("{}.{key}", server.path), node };
    let written = value.text(report)?;
    let text = match variables::resolved(written) {
        Ok(text) => text,
        Err(name) => {
            let message = format!("`{}` has the variable `{name}`, whose value nothing says", value.path);
            let mend =
                format!("Write `${{{name}:-…}}` with a default, or leave the location to the domain's template.");
            report.warning(value.place(), code::UNKNOWN_VARIABLE, message, mend);
            return None;
        }
    };
    if kind == "local" && !text.contains("://") {
        let url = if text.starts_with('/') { format!("file://{text}") } else { format!("file://./{text}") };
        return Some((url, value.place()));
    }
    let kind = Kind::Scalar { text, quoted: true };
    let node = Node { place: value.place(), kind };
    storage::location(&Value { path: value.path.clone(), node: &node }, report).map(|url| (url, value.place()))
}

fn table_location(base: &str, found: &FoundTable, several: bool) -> String {
    let physical = found.table.custom.get("physicalName").and_then(serde_json::Value::as_str);
    let name = physical.or(found.name.as_deref()).unwrap_or_default();
    let places = ["{model}", "{schema}", "{table}"];
    if places.iter().any(|p| base.contains(p)) {
        return places.iter().fold(base.to_owned(), |url, place| url.replace(place, name));
    }
    if several { format!("{}/{name}/", base.trim_end_matches('/')) } else { base.to_owned() }
}

/// Reports keys of a server that hold a secret.
fn secrets(path: &str, node: &Node, report: &mut Report) {
    let Kind::Map(entries) = &node.kind else { return };
    for entry in entries {
        let key = entry.key.to_lowercase().replace(['_', '-'], "");
        let secret =
            ["password", "passwd", "secretaccesskey", "accesskey", "secretkey", "token", "credentials", "accountkey"];
        if secret.contains(&key.as_str()) && !entry.value.is_null() {
            let message = format!("`{path}.{}` holds a secret", entry.key);
            let mend = "Remove it; the domain's configuration names the credentials.";
            report.error(entry.place, code::CREDENTIALS, message, mend);
        }
    }
}
