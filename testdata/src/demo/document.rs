//! The documents of a mesh that is made here: `mesh.yaml`, `meshweave.yaml`, each `domain.yaml`, schemas and contracts.
//!
//! Start reading at [`all`].

use super::{ANALYST, DOMAINS, Options, Place};
use crate::{shop, tpch};

/// Every document, as names and texts.
pub(super) struct Documents {
    /// `mesh.yaml`, which is written last.
    pub(super) mesh: String,
    /// Paths in the mesh folder, and texts.
    pub(super) fixed: Vec<(String, String)>,
    /// Names in the folder of contracts, and texts, in the order of registration.
    pub(super) contracts: Vec<(String, String)>,
}

/// The documents of a mesh with these domains.
pub(super) fn all(options: &Options, domains: &[&str]) -> Documents {
    let mesh = "apiVersion: meshweave/v1\nkind: Mesh\nname: demo\ncatalog: { source: folder }\n".to_owned();
    let mut fixed = vec![("meshweave.yaml".to_owned(), process())];
    for &domain in domains {
        fixed.push((format!("domains/{domain}/domain.yaml"), domain_yaml(domain, options.places.get(domain))));
    }
    if options.orders.is_some() {
        fixed.extend(
            shop::contract::schemas().into_iter().map(|schema| (schema_path(schema.domain, schema.file), schema.text)),
        );
    }
    Documents { mesh, fixed, contracts: numbered(contracts(options)) }
}

fn schema_path(domain: &str, file: &str) -> String {
    format!("schemas/{domain}/{file}")
}

/// The settings of a process that serves the mesh.
fn process() -> String {
    let (user, teams) = ANALYST.split_once('@').unwrap_or((ANALYST, ""));
    let teams = teams.split(',').collect::<Vec<_>>().join(", ");
    format!(
        "# Who asks when nobody logs in. Everything else has its default.\nprincipal:\n  user: {user}\n  teams: [{teams}]\n"
    )
}

/// The URL of a domain's data, without a slash at its end.
fn root(domain: &str, options: &Options) -> String {
    options.places.get(domain).map_or_else(|| format!("file://./data/{domain}"), |place| place.url.clone())
}

fn domain_yaml(domain: &str, place: Option<&Place>) -> String {
    let team = DOMAINS.iter().find(|(name, _)| *name == domain).map_or("", |(_, team)| *team);
    let storage = match place {
        None => format!("  - prefix: file://./data/{domain}/\n"),
        Some(place) => storage(place),
    };
    let data = place.map_or_else(|| format!("file://./data/{domain}"), |place| place.url.clone());
    format!(
        "apiVersion: meshweave/v1\nkind: Domain\nname: {domain}\nowner: {{ team: {team}, contact: {team}@example.com }}\n\
         storage:\n{storage}schema_prefixes: [ \"file://./schemas/{domain}/\" ]\nlocation_template: {data}/{{product}}/v{{major}}/\n"
    )
}

fn storage(place: &Place) -> String {
    let mut text = format!("  - prefix: {}/\n", place.url);
    if let Some(endpoint) = &place.endpoint {
        text.push_str(&format!("    endpoint: {endpoint}\n    region: us-east-1\n"));
    }
    if let Some((key, secret)) = &place.credentials {
        text.push_str(&format!("    credentials: {{ access_key_id_env: {key}, secret_access_key_env: {secret} }}\n"));
    }
    text
}

/// Domain, file name and text of every contract: first the shop's, then TPC-H's, each after what it refers to.
fn contracts(options: &Options) -> Vec<(&'static str, String, String)> {
    let mut contracts = Vec::new();
    if options.orders.is_some() {
        let schemas = |domain: &str| schema_path(domain, "").trim_end_matches('/').to_owned();
        let documents =
            shop::contract::contracts(|domain| root(domain, options), |domain| format!("file://./{}", schemas(domain)));
        contracts
            .extend(documents.into_iter().map(|document| (document.domain, document.file.to_owned(), document.text)));
    }
    let kinds: &[bool] = if options.delta { &[false, true] } else { &[false] };
    for table in tpch::Table::ALL.into_iter().filter(|_| options.scale.is_some()) {
        for &delta in kinds {
            let suffix = if delta { "_delta" } else { "" };
            let text = tpch::contract(table, delta, &root(table.domain(), options));
            contracts.push((table.domain(), format!("{}{suffix}-1.0.0.yaml", table.name()), text));
        }
    }
    contracts
}

fn numbered(contracts: Vec<(&'static str, String, String)>) -> Vec<(String, String)> {
    (1..).zip(contracts).map(|(number, (domain, file, text))| (format!("{number:02}-{domain}-{file}"), text)).collect()
}
