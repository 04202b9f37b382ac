//! Says everything that a contract says, for people, and how much of it the engine enforces.
//!
//! In: a [`Product`]. Out: a flat list in the order in which people ask: what is it, whose, where, which columns, how good, how
//! fresh, for whom.
//! Holds always: every value of the product stands in the list; nothing in a contract is silently dropped.
//!
//! Start reading at [`describe`].

mod words;

use std::fmt::Display;

use serde::Serialize;

use crate::model::{Column, Custom, OutputPort, Product, Table};
use words::Words;

/// Whether the engine acts on a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The engine acts on it: it names, finds, reads or refuses by it.
    Enforced,
    /// It is kept and shown, and nothing acts on it yet.
    Declared,
}

/// One thing that a contract says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// What it is about: `product`, `owner`, `access`, `storage`, `table orders`, `quality`, `service levels`, ….
    pub group: String,
    /// Which value: `version`, `column amount`, `freshness`.
    pub name: String,
    /// The value in words.
    pub value: String,
    /// Whether the engine acts on it.
    pub state: State,
}

/// Everything that a contract says, as a flat list for people.
pub fn describe(product: &Product) -> Vec<Item> {
    let mut list = List { items: Vec::new() };
    list.product(product);
    list.owner(product);
    list.access(product);
    list.body(product);
    for port in &product.output_ports {
        list.port(port, product.output_ports.len() > 1);
    }
    list.promises(product);
    list.custom("custom", &product.custom);
    list.items
}

struct List {
    items: Vec<Item>,
}

impl List {
    fn add(&mut self, group: &str, name: &str, value: &dyn Display, state: State) {
        let (group, name, value) = (group.to_owned(), name.to_owned(), value.to_string());
        self.items.push(Item { group, name, value, state });
    }

    fn enforced(&mut self, group: &str, name: &str, value: impl Display) {
        self.add(group, name, &value, State::Enforced);
    }

    fn declared(&mut self, group: &str, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.add(group, name, &value, State::Declared);
        }
    }

    fn all(&mut self, group: &str, name: &str, values: &[String]) {
        for value in values {
            self.declared(group, name, Some(value));
        }
    }

    fn custom(&mut self, group: &str, custom: &Custom) {
        for (name, value) in custom {
            self.add(group, name, &Words(value), State::Declared);
        }
    }

    fn product(&mut self, product: &Product) {
        let group = "product";
        self.enforced(group, "name", product.name());
        self.enforced(group, "version", &product.id.version);
        self.declared(group, "status", Some(words::status(product.status)));
        self.declared(group, "description", product.description.as_ref());
        self.all(group, "tag", &product.tags);
        self.all(group, "glossary", &product.glossary);
        for query in &product.sample_queries {
            let name = query.description.as_deref().unwrap_or("an example");
            self.declared("sample queries", name, Some(&query.sql));
        }
        self.declared(group, "deprecated at", product.lifecycle.deprecated_at.as_ref());
        self.declared(group, "sunset at", product.lifecycle.sunset_at.as_ref());
        self.declared(group, "successor", product.lifecycle.successor.as_ref());
    }

    fn owner(&mut self, product: &Product) {
        if let Some(team) = &product.owner.team {
            self.enforced("owner", "team", team);
        }
        self.declared("owner", "contact", product.owner.contact.as_ref());
        self.all("owner", "support", &product.owner.support);
    }

    fn access(&mut self, product: &Product) {
        let (group, access) = ("access", &product.access);
        self.enforced(group, "discovery", words::visibility(access.discovery));
        self.enforced(group, "read", words::visibility(access.read));
        for reader in &access.readers {
            self.enforced(group, "reader", reader);
        }
        if access.row_policy_required {
            self.declared(group, "row policy", Some("required"));
        }
    }

    fn body(&mut self, product: &Product) {
        match &product.body {
            crate::model::Body::Stored => {}
            crate::model::Body::View { sql } => self.enforced("definition", "view", sql),
            crate::model::Body::Materialization { sql, refresh } => {
                self.enforced("definition", "materialization", sql);
                self.declared("definition", "refresh", (!refresh.is_null()).then_some(Words(refresh)));
            }
        }
    }

    fn port(&mut self, port: &OutputPort, several: bool) {
        let prefix = if several { format!("port {}, ", port.name) } else { String::new() };
        for table in &port.tables {
            self.table(&format!("{prefix}table {}", table.name), table);
        }
        if let Some(source) = &port.schema_source {
            self.enforced(&format!("{prefix}schema"), &source.kind, &source.location);
        }
        for check in &port.quality {
            let (name, value) = words::check(check);
            self.declared(&format!("{prefix}quality"), &name, Some(value));
        }
        self.levels(&format!("{prefix}service levels"), port);
        self.all(&format!("{prefix}interoperability"), "protocol", &port.protocols);
        self.custom(&format!("{prefix}custom"), &port.custom);
    }

    fn levels(&mut self, group: &str, port: &OutputPort) {
        let levels = &port.service_levels;
        self.declared(group, "freshness", levels.freshness.as_ref());
        self.declared(group, "freshness column", levels.freshness_column.as_ref());
        self.declared(group, "availability", levels.availability_ppm.map(words::percent));
        for latency in &levels.latency {
            self.declared(group, "latency", Some(words::latency(latency)));
        }
        self.declared(group, "support", levels.support.as_ref());
        self.custom(group, &levels.custom);
    }

    fn table(&mut self, group: &str, table: &Table) {
        self.declared(group, "description", table.description.as_ref());
        if let Some(storage) = &table.storage {
            self.enforced(group, "format", &storage.format);
            let unset = "none yet; the domain's location template fills it";
            self.enforced(group, "location", storage.location.as_deref().unwrap_or(unset));
            for partition in &storage.partitioning {
                let value = partition.granularity.as_ref().map_or_else(
                    || partition.field.clone(),
                    |granularity| format!("{} by {granularity}", partition.field),
                );
                self.declared(group, "partitioned by", Some(value));
            }
            if let Some(csv) = &storage.csv {
                self.enforced(group, "csv", csv.in_words());
            }
            self.declared(group, "layout", storage.layout.as_ref());
            self.declared(group, "layout trusted", storage.layout_trusted.then_some("true"));
        }
        let key = table.primary_key();
        self.declared(group, "primary key", (!key.is_empty()).then(|| key.join(", ")));
        for column in &table.columns {
            self.column(group, column);
        }
        for relationship in &table.relationships {
            self.declared(group, "refers to", Some(words::relationship(relationship)));
        }
        self.custom(group, &table.custom);
    }

    fn column(&mut self, group: &str, column: &Column) {
        let name = format!("column {}", column.name);
        let null = if column.nullable { "" } else { ", not null" };
        self.enforced(group, &name, format!("{}{null}", column.logical_type));
        for (what, value) in words::column(column) {
            self.declared(group, &format!("{name}, {what}"), Some(value));
        }
        for (key, value) in &column.custom {
            self.declared(group, &format!("{name}, {key}"), Some(Words(value)));
        }
    }

    fn promises(&mut self, product: &Product) {
        for upstream in &product.upstream {
            let name = upstream
                .domain
                .as_ref()
                .map_or_else(|| upstream.product.clone(), |d| format!("{d}.{}", upstream.product));
            self.declared("lineage", "made from", Some(name));
        }
        for port in &product.input_ports {
            self.declared("input ports", &port.name, Some(port.kind.as_deref().unwrap_or("of no stated kind")));
            for (key, value) in &port.custom {
                self.declared("input ports", &format!("{}, {key}", port.name), Some(Words(value)));
            }
        }
        self.declared("policies", "retention", product.retention.as_ref());
        self.declared("policies", "encryption", product.encryption.as_ref());
        if let Some(quota) = &product.quota {
            self.declared("quota", "concurrent queries", quota.concurrent_queries);
            self.declared("quota", "scanned bytes per day", quota.scanned_bytes_per_day);
            self.custom("quota", &quota.custom);
        }
    }
}

#[cfg(test)]
mod tests;
