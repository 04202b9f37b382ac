//! Reads where rows lie, what they are made from, and the ways in and out.
//!
//! Start reading at [`storage`].

use std::collections::HashSet;

use super::super::parts::{FoundTable, Mention, Parts};
use super::super::report::Report;
use super::super::value::Value;
use crate::intake::WRITERS;
use crate::model::{Custom, InputPort, Partitioning, Quota, StorageSpec, Upstream};
use crate::name::{DomainName, LocalName, fold};
use crate::problem::code;

/// The longest location, in bytes; what object stores take as a key is shorter.
const MAX_LOCATION: usize = 2048;

/// The longest name of a port, in bytes.
const MAX_PORT: usize = 128;

/// The `storage` block: a format and a location, or the names of a warehouse and a catalog that the domain's template turns into them.
pub(crate) fn storage(value: &Value<'_>, found: &mut FoundTable, parts: &mut Parts, report: &mut Report) {
    let Some(mut fields) = value.fields(report) else { return };
    let format = fields.text("format", report);
    let location = fields.take("location");
    let partitioning = fields.take("partitioning");
    let layout = fields.take("layout").and_then(|v| layout(&v, report));
    let csv = fields.take("csv").and_then(|v| super::csv::style(&v, &mut found.table.custom, report));
    let layout_trusted = fields.take_any(&["layout_trusted", "layoutTrusted"], report).and_then(|v| v.flag(report));
    let mut named = Custom::new();
    for key in ["warehouse", "catalog", "database", "schema", "table"] {
        fields.keep(key, &mut named);
    }
    if format.is_none() && (location.is_some() || named.is_empty()) {
        fields.missing("format", "Say how the rows are stored, such as parquet or delta.", report);
    }
    fields.finish_into(&mut named, report);
    for (key, value) in named {
        super::super::fields::keep(&mut found.table.custom, &format!("storage.{key}"), value);
    }
    let partitioning = partitioning.map_or_else(Vec::new, |v| partitions(&v, found, parts, report));
    let location = location.and_then(|v| self::location(&v, report));
    found.table.storage = format.map(|format| StorageSpec {
        format: format.to_ascii_lowercase(),
        location,
        partitioning,
        layout,
        layout_trusted: layout_trusted.unwrap_or_default(),
        csv,
    });
}

fn partitions(value: &Value<'_>, found: &mut FoundTable, parts: &mut Parts, report: &mut Report) -> Vec<Partitioning> {
    let mut partitions = Vec::new();
    for item in value.items(report) {
        let (field, granularity) = if item.node.scalar().is_some() {
            (Some(item), None)
        } else {
            let Some(mut fields) = item.fields(report) else { continue };
            let field = fields.need("field", "Name the column.", report);
            let granularity = fields.take("granularity").and_then(|v| granularity(&v, report));
            fields.finish_under("storage.partitioning", &mut found.table.custom, report);
            (field, granularity)
        };
        let Some(field) = field else { continue };
        let Some(name) = field.text(report) else { continue };
        let mention = Mention { table: found.name.clone(), column: name.to_owned(), place: field.place() };
        parts.mentions.push(mention);
        partitions.push(Partitioning { field: name.to_owned(), granularity });
    }
    partitions
}

fn layout(value: &Value<'_>, report: &mut Report) -> Option<String> {
    let text = value.text(report)?;
    if let Some(fault) = crate::layout::fault(text) {
        let mend = "Write folders with {year}, {month}, {day}, {hour}, {date} or {value}, such as dt={date}/.";
        value.error(code::BAD_LAYOUT, &fault, mend, report);
        return None;
    }
    Some(text.to_owned())
}

fn granularity(value: &Value<'_>, report: &mut Report) -> Option<String> {
    let words = [("year", "year"), ("month", "month"), ("day", "day"), ("hour", "hour")];
    value.word(&words, code::BAD_WORD, report).map(str::to_owned)
}

/// A URL; a secret in it is a problem.
pub(crate) fn location(value: &Value<'_>, report: &mut Report) -> Option<String> {
    let text = value.text(report)?;
    // A location may stand for every table of a contract.
    if text.len() > MAX_LOCATION {
        let what = format!("has {} bytes, more than {MAX_LOCATION}", text.len());
        value.error(code::BAD_LOCATION, &what, "Shorten the URL.", report);
        return None;
    }
    match location_fault(text) {
        None => return Some(text.to_owned()),
        Some(code::CREDENTIALS) => {
            let mend = "Remove the user and the password; the domain's configuration names the credentials.";
            value.error(code::CREDENTIALS, "holds credentials", mend, report);
        }
        Some(code) => {
            let mend = "Write a URL, such as s3://bucket/folder/ or file://./data/folder/.";
            value.error(code, &format!("is no URL: `{text}`"), mend, report);
        }
    }
    None
}

/// What is wrong with a location: the code of the problem; none when it is a URL without a secret.
pub(crate) fn location_fault(text: &str) -> Option<&'static str> {
    let scheme = text.split_once("://").filter(|(s, rest)| {
        let letters = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        s.starts_with(|c: char| c.is_ascii_alphabetic()) && s.chars().all(letters) && !rest.is_empty()
    });
    let Some((scheme, rest)) = scheme else { return Some(code::BAD_LOCATION) };
    let authority = rest.split('/').next().unwrap_or_default();
    let before = authority.rsplit_once('@').map(|(before, _)| before)?;
    // Azure writes `abfss://container@account/`; a user's name there would bring a password.
    let is_container = matches!(scheme, "abfs" | "abfss" | "wasb" | "wasbs") && !before.contains([':', '@']);
    (scheme != "file" && !is_container).then_some(code::CREDENTIALS)
}

/// `interoperability: {protocols, lineage: {upstream}}`.
pub(crate) fn interoperability(value: &Value<'_>, parts: &mut Parts, report: &mut Report) {
    let Some(mut fields) = value.fields(report) else { return };
    parts.protocols = fields.texts("protocols", report);
    if let Some(value) = fields.take("lineage") {
        lineage(&value, parts, report);
    }
    fields.finish_into(&mut parts.port_custom, report);
}

/// `lineage: {upstream: […]}`.
pub(crate) fn lineage(value: &Value<'_>, parts: &mut Parts, report: &mut Report) {
    let Some(mut fields) = value.fields(report) else { return };
    for item in fields.items("upstream", report) {
        upstream(&item, parts, report);
    }
    fields.finish_under("lineage", &mut parts.head.custom, report);
}

/// `{product, domain}`, `domain.product`, or the name of a product alone.
pub(crate) fn upstream(value: &Value<'_>, parts: &mut Parts, report: &mut Report) {
    if let Some(text) = value.node.scalar() {
        let (domain, product) = text.split_once('.').map_or((None, text), |(d, p)| (Some(d), p));
        add_upstream(value, domain, product, parts, report);
        return;
    }
    let Some(mut fields) = value.fields(report) else { return };
    let product = fields.need("product", "Name the product.", report).and_then(|v| v.text(report));
    let domain = fields.take("domain").and_then(|v| v.text(report));
    fields.finish_under("lineage", &mut parts.head.custom, report);
    if let Some(product) = product {
        add_upstream(value, domain, product, parts, report);
    }
}

fn add_upstream(value: &Value<'_>, domain: Option<&str>, product: &str, parts: &mut Parts, report: &mut Report) {
    let name = product.split('@').next().unwrap_or(product);
    let bad = match (domain.map(DomainName::new).transpose(), LocalName::new(name)) {
        (Ok(domain), Ok(_)) => {
            parts.upstream.push(Upstream { domain, product: product.to_owned() });
            return;
        }
        (Err(bad), _) | (_, Err(bad)) => bad,
    };
    value.error(code::BAD_REFERENCE, &format!("names no product: {bad}"), "Write domain.product.", report);
}

/// `input_ports: [{name, type, writers}]`.
pub(crate) fn input_ports(value: &Value<'_>, report: &mut Report) -> Vec<InputPort> {
    let (mut ports, mut seen) = (Vec::new(), HashSet::new());
    for item in value.items(report) {
        let Some(mut fields) = item.fields(report) else { continue };
        let name = fields.need("name", "Give the port a name.", report);
        let kind = fields.take_any(&["kind", "type"], report).and_then(|v| v.text(report)).map(str::to_owned);
        let mut custom = Custom::new();
        if let Some(writers) = fields.look(WRITERS) {
            writers.texts_ref(report);
        }
        for key in ["description", "format", "topic", "location", "schema", "version", "schedule", WRITERS] {
            fields.keep(key, &mut custom);
        }
        fields.finish_into(&mut custom, report);
        let Some(value) = name else { continue };
        let Some(name) = value.text(report).map(str::to_owned) else { continue };
        if name.len() > MAX_PORT {
            let what = format!("has {} bytes, more than {MAX_PORT}", name.len());
            value.error(code::BAD_NAME, &what, "Shorten the name of the port.", report);
            continue;
        }
        if !seen.insert(fold(&name)) {
            value.error(code::DUPLICATE_NAME, "names a second port alike", "Give each port its own name.", report);
        }
        ports.push(InputPort { name, kind, custom });
    }
    ports
}

/// `quota: {concurrent_queries, scanned_bytes_per_day}`.
pub(crate) fn quota(value: &Value<'_>, report: &mut Report) -> Option<Quota> {
    let mut fields = value.fields(report)?;
    let whole = |v: Value<'_>, report: &mut Report| v.whole(report);
    let concurrent = fields.take_any(&["concurrent_queries", "concurrentQueries"], report);
    let bytes = fields.take_any(&["scanned_bytes_per_day", "scannedBytesPerDay"], report);
    Some(Quota {
        concurrent_queries: concurrent.and_then(|v| whole(v, report)),
        scanned_bytes_per_day: bytes.and_then(|v| whole(v, report)),
        custom: fields.finish(report),
    })
}

#[cfg(test)]
mod tests {
    use super::{code, location_fault};

    #[test]
    fn a_container_is_no_user() {
        let cases = [
            ("s3://data/orders/", None),
            ("file:///srv/a@b/", None),
            ("abfss://lake@account.dfs.core.windows.net/orders/", None),
            ("abfss://lake:secret@account.dfs.core.windows.net/", Some(code::CREDENTIALS)),
            ("s3://key@bucket/", Some(code::CREDENTIALS)),
            ("postgres://me:secret@host/db", Some(code::CREDENTIALS)),
            ("/srv/orders", Some(code::BAD_LOCATION)),
            ("s3://", Some(code::BAD_LOCATION)),
        ];
        for (location, expected) in cases {
            assert_eq!(location_fault(location), expected, "{location}");
        }
    }
}
