//! A product with one output port as a document of the contract standard.
//!
//! The document is first written in the standard's own words; it is read back, and where a reader understands something else, custom
//! properties of ours say what was meant.
//!
//! Start reading at [`document`].

use serde_json::{Map, Value as Json, json};

use super::{Document, ExportError, kept, levels, others, same, servers, table};
use crate::model::{Check, Column, Custom, OutputPort, Product, ServiceLevels, Status, Visibility};
use crate::parse::{self, date_is_known, slug, version_of};
use crate::standard::{keys, own};

/// The version of the standard that is written.
pub(super) const API_VERSION: &str = "v3.2.0";

/// The document that says what `product` says.
///
/// # Errors
/// [`ExportError`] when the product cannot be read back, so that nobody could have written its contract.
pub(super) fn document(product: &Product) -> Result<Json, ExportError> {
    let Some(port) = product.output_ports.first() else { return Err(ExportError::NoPort) };
    let (mut document, mut rules) = draft(product, port);
    let understood = match read(&document) {
        Ok(understood) => understood,
        // What was kept may contradict the rest in the standard's words; then all of it is ours to carry.
        Err(_) => {
            let plain = plain(product, port);
            (document, rules) = draft(&plain, plain.output_ports.first().unwrap_or(port));
            read(&document)?
        }
    };
    add_own(&mut document, product, &understood, &rules)?;
    same(product, &read(&document)?)?;
    Ok(document)
}

/// The product without what a reader looks up elsewhere in the document or reads a second meaning in.
fn plain(product: &Product, port: &OutputPort) -> Product {
    let (mut plain, mut port) = (product.clone(), port.clone());
    plain.custom.clear();
    port.custom.clear();
    port.service_levels = ServiceLevels::default();
    for table in &mut port.tables {
        table.custom.clear();
        table.relationships.clear();
        table.storage = None;
        table.columns.iter_mut().for_each(|column| *column = Column::new(&column.name, column.logical_type.clone()));
    }
    for check in &mut port.quality {
        check.metric = "text".to_owned();
        check.arguments.clear();
    }
    plain.output_ports = vec![port];
    plain
}

fn read(document: &Json) -> Result<Product, ExportError> {
    let parsed = parse::parse(&Document(document.clone()).bytes(), "export.json");
    parsed.product.ok_or(ExportError::Unreadable { problems: parsed.problems })
}

/// The document in the standard's own words, and the way to each rule.
pub(crate) fn draft(product: &Product, port: &OutputPort) -> (Json, Vec<(usize, String)>) {
    let mut all = head(product);
    all.extend(servers::servers(port).map(|v| ("servers".to_owned(), v)));
    let (mut objects, mut ways) = (Vec::new(), Vec::new());
    for (i, table) in port.tables.iter().enumerate() {
        let here = |check: &Check| table::table_of(check, &port.tables) == i;
        let rules: Vec<(usize, &Check)> = port.quality.iter().enumerate().filter(|(_, c)| here(c)).collect();
        let (object, places) = table::object(table, i == 0, &rules);
        objects.push(object);
        ways.extend(places.into_iter().map(|(number, way)| (number, format!("/schema/{i}{way}"))));
    }
    all.insert("schema".to_owned(), Json::Array(objects));
    all.extend(levels::levels(product, port).map(|v| ("slaProperties".to_owned(), v)));
    let element = port.service_levels.custom.get("slaDefaultElement").filter(|v| v.is_string());
    all.extend(element.map(|v| ("slaDefaultElement".to_owned(), v.clone())));
    others(&product.custom, "customProperties", &mut all);
    (Json::Object(all), ways)
}

/// Names, version, status, people.
pub(crate) fn head(product: &Product) -> Map<String, Json> {
    let mut all = Map::from_iter([
        ("apiVersion".to_owned(), json!(API_VERSION)),
        ("kind".to_owned(), json!("DataContract")),
        ("id".to_owned(), json!(product.name().to_string())),
        ("dataProduct".to_owned(), json!(product.name().product)),
        ("domain".to_owned(), json!(product.name().domain)),
        ("version".to_owned(), json!(product.id.version)),
        ("status".to_owned(), json!(product.status)),
    ]);
    let fits = |key: &str, value: &Json| match key {
        "dataProduct" | "domain" | "version" | "status" => is_same(product, key, value),
        "contractCreatedTs" => value.as_str().is_some_and(date_is_known),
        _ => true,
    };
    let contract: Custom =
        product.custom.iter().filter(|(k, v)| fits(k, v)).map(|(k, v)| (k.clone(), v.clone())).collect();
    people(product, &mut all);
    all.extend(support(product, false).map(|v| ("support".to_owned(), v)));
    kept(&contract, keys::CONTRACT, &mut all);
    described(product, &mut all);
    all
}

/// Whether a name, version or status that a document wrote is read as what the product has.
pub(super) fn is_same(product: &Product, key: &str, written: &Json) -> bool {
    let Some(text) = written.as_str() else { return false };
    match key {
        "dataProduct" | "name" => slug(text) == product.name().product.as_str(),
        "domain" => slug(text) == product.name().domain.as_str(),
        "version" => version_of(text).as_ref() == Some(&product.id.version),
        _ => text.eq_ignore_ascii_case("proposed") && product.status == Status::Draft,
    }
}

/// Description and tags.
pub(super) fn described(product: &Product, all: &mut Map<String, Json>) {
    let mut description = Map::new();
    description.extend(product.description.as_ref().map(|text| ("purpose".to_owned(), json!(text))));
    kept(&product.custom, keys::DESCRIPTION, &mut description);
    if !description.is_empty() {
        all.insert("description".to_owned(), Json::Object(description));
    }
    if !product.tags.is_empty() {
        all.insert("tags".to_owned(), json!(product.tags));
    }
}

/// Channels of support; the product standard wants a URL for each.
pub(super) fn support(product: &Product, with_url: bool) -> Option<Json> {
    let channel =
        |text: &String| if with_url { json!({"channel": text, "url": text}) } else { json!({"channel": text}) };
    let support = &product.owner.support;
    (!support.is_empty()).then(|| support.iter().map(channel).collect())
}

/// The team with the address that is read.
pub(super) fn team(product: &Product) -> Option<Json> {
    let mut team = Map::new();
    team.extend(product.owner.team.as_ref().map(|name| ("name".to_owned(), json!(name))));
    let contact = product.owner.contact.as_ref().map(|address| json!([{"username": address, "role": "owner"}]));
    team.extend(contact.map(|members| ("members".to_owned(), members)));
    (!team.is_empty()).then_some(Json::Object(team))
}

/// Team, and roles for those who may read.
fn people(product: &Product, all: &mut Map<String, Json>) {
    all.extend(team(product).map(|v| ("team".to_owned(), v)));
    let access = &product.access;
    if access.read == Visibility::Restricted && !access.readers.is_empty() {
        let roles = access.readers.iter().map(|reader| json!({"role": reader, "access": "read"})).collect();
        all.insert("roles".to_owned(), roles);
    }
}

/// Adds what a reader of the draft did not understand.
fn add_own(
    document: &mut Json,
    meant: &Product,
    understood: &Product,
    rules: &[(usize, String)],
) -> Result<(), ExportError> {
    let json = |product: &Product| serde_json::to_value(product).map_err(|source| ExportError::NotData { source });
    let (meant_json, understood_json) = (json(meant)?, json(understood)?);
    let (port, other) = (&meant_json["output_ports"][0], &understood_json["output_ports"][0]);
    let mut top = own::differences(&meant_json, &understood_json, "", own::PRODUCT);
    let no_tables = port["tables"].as_array().is_none_or(Vec::is_empty);
    // Rules travel with their tables; without tables they are ours to carry.
    let port_fields: Vec<&str> = own::PORT.iter().filter(|f| no_tables || **f != "quality").copied().collect();
    top.extend(own::differences(port, other, "port.", &port_fields));
    let none = json!({});
    let levels = |port: &'_ Json| port.get("service_levels").unwrap_or(&none).clone();
    top.extend(own::differences(&levels(port), &levels(other), "sla.", own::LEVELS));
    own::add(document, top);
    for (i, table) in port["tables"].as_array().into_iter().flatten().enumerate() {
        let other = &other["tables"][i];
        own::add(&mut document["schema"][i], own::differences(table, other, "", own::TABLE));
        for (j, column) in table["columns"].as_array().into_iter().flatten().enumerate() {
            let all = own::differences(column, &other["columns"][j], "", own::COLUMN);
            own::add(&mut document["schema"][i]["properties"][j], all);
        }
    }
    let in_order = rules.iter().enumerate().all(|(read, (number, _))| read == *number);
    for (read, (number, way)) in rules.iter().enumerate() {
        let mut all = own::differences(&port["quality"][*number], &other["quality"][read], "", &own::CHECK[..7]);
        all.extend((!in_order).then(|| json!({"property": format!("{}position", own::PREFIX), "value": number})));
        document.pointer_mut(way).into_iter().for_each(|rule| own::add(rule, all.clone()));
    }
    Ok(())
}
