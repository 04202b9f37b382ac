//! Where tables lie, as servers of the standard.
//!
//! Start reading at [`servers`].

use serde_json::{Value as Json, json};

use super::table::written_name;
use crate::model::{OutputPort, StorageSpec};
use crate::standard::keys::SERVERS;

/// The servers: as the document wrote them, else one for the location that the tables share; none when they share
/// none, since a server is where every table of the contract lies.
pub(super) fn servers(port: &OutputPort) -> Option<Json> {
    if let Some(raw) = port.custom.get("servers").filter(|v| SERVERS.fits(v)) {
        return Some(raw.clone());
    }
    let stored = |storage: &StorageSpec| Some((storage.format.clone(), storage.location.clone()?));
    let mut places = Vec::new();
    for (i, table) in port.tables.iter().enumerate() {
        let (format, location) = table.storage.as_ref().and_then(stored)?;
        places.push((format, location, physical_name(table, i == 0)));
    }
    let (format, first, _) = places.first()?;
    let location = if places.len() == 1 { first.clone() } else { shared(&places)? };
    Some(json!([server(format, &location)]))
}

/// The name that stands for a table in a shared location.
fn physical_name(table: &crate::model::Table, is_main: bool) -> String {
    let said = table.custom.get("physicalName").and_then(Json::as_str);
    said.unwrap_or_else(|| written_name(table, is_main)).to_owned()
}

/// One location with `{model}` where each table's has its name.
fn shared(places: &[(String, String, String)]) -> Option<String> {
    let with_model = |(_, location, name): &(String, String, String)| {
        let at = location.rfind(name.as_str()).filter(|_| !name.is_empty())?;
        Some(format!("{}{{model}}{}", &location[..at], &location[at + name.len()..]))
    };
    let first = with_model(places.first()?)?;
    places.iter().all(|place| with_model(place).as_ref() == Some(&first)).then_some(first)
}

fn server(format: &str, location: &str) -> Json {
    let mut server = json!({"server": "production", "environment": "prod", "format": format});
    let scheme = location.split_once("://").map_or("", |(scheme, _)| scheme);
    let (kind, key, value) = match scheme {
        "s3" => ("s3", "location", location),
        "file" => (
            "local",
            "path",
            location.strip_prefix("file://./").or_else(|| location.strip_prefix("file://")).unwrap_or(location),
        ),
        "sftp" => ("sftp", "location", location),
        "az" | "abfs" | "abfss" | "azure" => ("azure", "location", location),
        _ => ("custom", "location", location),
    };
    server["type"] = json!(kind);
    server[key] = json!(value);
    server
}
