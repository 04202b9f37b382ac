//! The kinds of servers that the standard names, and the keys of each.
//!
//! Source: ODCS 3.2, "Infrastructure and servers". Databases are kept as declared: connections belong to the domain.

use super::keys::{CUSTOM, ROLES};
use super::shape::Shape;
use crate::parse::report::Report;
use crate::parse::value::Value;

/// Keys that a server of one type must have and may have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServerKeys {
    needed: &'static [&'static str],
    more: &'static [&'static str],
}

const fn keys(needed: &'static [&'static str], more: &'static [&'static str]) -> ServerKeys {
    ServerKeys { needed, more }
}

const HOST: &[&str] = &["host", "port", "database"];
const ANY: &[&str] = &[
    "account",
    "catalog",
    "database",
    "dataset",
    "delimiter",
    "endpointUrl",
    "format",
    "encoding",
    "host",
    "location",
    "path",
    "port",
    "project",
    "region",
    "regionName",
    "schema",
    "serviceName",
    "stagingDir",
    "warehouse",
    "stream",
];
const FILES: &[&str] = &["format", "encoding", "delimiter"];

/// Every type with its keys; sorted by type.
pub(crate) const TYPES: &[(&str, ServerKeys)] = &[
    ("api", keys(&["location"], &[])),
    ("athena", keys(&["schema"], &["stagingDir", "catalog", "regionName", "workgroup"])),
    ("azure", keys(&["location", "format"], &["encoding", "delimiter"])),
    ("bigquery", keys(&["project", "dataset"], &[])),
    ("btrieve", keys(&["host", "database"], &["port"])),
    ("clickhouse", keys(HOST, &[])),
    ("cloudsql", keys(&["host", "port", "database", "schema"], &[])),
    ("custom", keys(&[], ANY)),
    ("databricks", keys(&["catalog", "schema"], &["host"])),
    ("db2", keys(HOST, &["schema"])),
    ("denodo", keys(&["host", "port"], &["database"])),
    ("dremio", keys(&["host", "port"], &["schema"])),
    ("duckdb", keys(&["database"], &["schema"])),
    ("exasol", keys(&["host"], &["port", "schema"])),
    ("fastobjects", keys(&["database"], &["host", "port"])),
    ("glue", keys(&["account", "database"], &["location", "format", "encoding"])),
    ("hana", keys(&["host"], &["port", "database", "schema"])),
    ("hive", keys(&["host", "database"], &["port"])),
    ("iceberg", keys(&["catalog", "catalogUrl"], &["namespace", "warehouse"])),
    ("impala", keys(&["host", "database"], &["port"])),
    ("informix", keys(&["host", "database"], &["port"])),
    ("ingres", keys(&["host", "database"], &["port"])),
    ("kafka", keys(&["host"], &["format", "encoding"])),
    ("kinesis", keys(&[], &["region", "format", "encoding"])),
    ("local", keys(&["path", "format"], &["encoding"])),
    ("mysql", keys(HOST, &[])),
    ("oracle", keys(&["host", "port", "serviceName"], &[])),
    ("poet", keys(&["database"], &["host", "port"])),
    ("postgres", keys(&["host", "port", "database", "schema"], &[])),
    ("postgresql", keys(&["host", "port", "database", "schema"], &[])),
    ("presto", keys(&["host"], &["catalog", "schema"])),
    ("pubsub", keys(&["project"], &[])),
    ("redshift", keys(&["database", "schema"], &["host", "region", "account"])),
    ("s3", keys(&["location"], &["endpointUrl", "format", "encoding", "delimiter"])),
    ("sftp", keys(&["location"], FILES)),
    ("snowflake", keys(&["account", "database", "schema"], &["host", "port", "warehouse"])),
    ("sqlserver", keys(&["host", "database", "schema"], &["port"])),
    ("synapse", keys(HOST, &[])),
    ("teradata", keys(&["host"], &["port", "database"])),
    ("trino", keys(&["host", "port", "catalog", "schema"], &[])),
    ("vectorwise", keys(&["host", "database"], &["port"])),
    ("versant", keys(&["database"], &["host", "port"])),
    ("vertica", keys(&["host", "port", "database", "schema"], &[])),
    ("zen", keys(&["host", "database"], &["port"])),
];

/// The keys of a server of this type; none for a type that the standard does not name.
pub(crate) fn keys_of(kind: &str) -> Option<ServerKeys> {
    TYPES.iter().find(|(name, _)| *name == kind).map(|(_, keys)| *keys)
}

/// Checks one server.
pub(super) fn check(keys: ServerKeys, value: &Value<'_>, writes: bool, report: &mut Report) {
    let Some(mut fields) = value.fields(report) else { return };
    let shape = |key: &str| -> &'static Shape {
        match key {
            "port" => &Shape::Scalar,
            "id" => &Shape::Id,
            "roles" => &ROLES,
            "customProperties" => &CUSTOM,
            _ => &Shape::Text,
        }
    };
    let more = ["id", "type", "description", "environment", "roles", "customProperties"];
    for key in keys.more.iter().chain(&more) {
        if let Some(value) = fields.take(key) {
            shape(key).under(&value, writes, report);
        }
    }
    for key in keys.needed.iter().chain(&["server"]) {
        match fields.take(key) {
            Some(value) => shape(key).under(&value, writes, report),
            None => fields.missing(key, &format!("Add `{key}`."), report),
        }
    }
    let own = fields.finish(report);
    if writes && !own.is_empty() {
        value.error(crate::problem::code::UNKNOWN_KEY, "has keys of its own", "Keep them elsewhere.", report);
    }
}
