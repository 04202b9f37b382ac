//! Ports of a product document.
//!
//! Start reading at [`outputs`].

use std::collections::HashMap;

use super::super::fields::Fields;
use super::super::node::Place;
use super::super::odcs::keep_shaped;
use super::super::report::Report;
use super::super::value::Value;
use crate::model::{Custom, InputPort, OutputPort, ServiceLevels};
use crate::standard::keys::{self, Kept};
use crate::standard::own::{self, Own};

/// An output port before its contract is known.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) port: OutputPort,
    pub(super) contract: Option<String>,
    pub(super) version: Option<String>,
    pub(super) place: Place,
    pub(super) own: Vec<Own>,
}

/// Ways in.
pub(super) fn inputs(value: &Value<'_>, report: &mut Report) -> Vec<InputPort> {
    let mut all = Vec::new();
    for found in named(value, report) {
        let mut custom = Custom::new();
        let Some(mut fields) = found.value.fields(report) else { continue };
        let own = kept(&mut fields, keys::INPUT_PORT, "customProperties", own::INPUT_PORT, &mut custom, report);
        fields.finish_into(&mut custom, report);
        forget_name(&found, &mut custom);
        let mut port = InputPort { name: found.name, kind: None, custom };
        own::apply(&mut port, &own, "", own::INPUT_PORT, report);
        all.push(port);
    }
    all
}

/// Ways out, each with the identifier of its contract.
pub(super) fn outputs(value: &Value<'_>, report: &mut Report) -> Vec<Output> {
    let mut all = Vec::new();
    for found in named(value, report) {
        let mut custom = Custom::new();
        let Some(mut fields) = found.value.fields(report) else { continue };
        let text = |key: &str, fields: &Fields<'_>| fields.look(key).and_then(|v| v.node.scalar()).map(str::to_owned);
        let (contract, version) = (text("contractId", &fields), text("version", &fields));
        let (at, fields_of) = ("port.customProperties", own::OUTPUT_PORT);
        let own = kept(&mut fields, keys::OUTPUT_PORT, at, fields_of, &mut custom, report);
        fields.finish_under("port", &mut custom, report);
        forget_name(&found, &mut custom);
        let port = OutputPort {
            name: found.name,
            tables: Vec::new(),
            schema_source: None,
            quality: Vec::new(),
            service_levels: ServiceLevels::default(),
            protocols: Vec::new(),
            custom,
        };
        all.push(Output { port, contract, version, place: found.value.place(), own });
    }
    all
}

/// Keys of a port that are kept as they are, and what of its custom properties is ours.
fn kept(
    fields: &mut Fields<'_>,
    table: &'static [Kept],
    at: &str,
    known: &'static [&'static str],
    custom: &mut Custom,
    report: &mut Report,
) -> Vec<Own> {
    keep_shaped(fields, table, custom, report);
    let Some(list) = fields.take("customProperties") else { return Vec::new() };
    keys::CUSTOM.check(&list, report);
    let (own, others) = own::split(&list, &[("", known)], report);
    custom.extend(others.map(|others| (at.to_owned(), others)));
    own
}

/// A port with the name that is its own: two versions of one port are told apart by their version.
struct Named<'n> {
    name: String,
    value: Value<'n>,
}

fn named<'n>(value: &Value<'n>, report: &mut Report) -> Vec<Named<'n>> {
    let mut ports = Vec::new();
    let mut count: HashMap<String, usize> = HashMap::new();
    for item in value.items(report) {
        let Some(mut fields) = item.fields(report) else { continue };
        let name = fields.need("name", "Give the port a name.", report).and_then(|v| v.text(report));
        let Some(name) = name.map(str::to_owned) else { continue };
        *count.entry(name.clone()).or_default() += 1;
        ports.push(Named { name, value: item });
    }
    let mut seen = std::collections::HashSet::new();
    for port in &mut ports {
        let version = port.value.node.get("version").and_then(|v| v.scalar());
        if let (Some(2..), Some(version)) = (count.get(&port.name), version) {
            port.name = format!("{}@{version}", port.name);
        }
        if !seen.insert(port.name.clone()) {
            let mend = "Give each port its own name, or each version of a port its own version.";
            port.value.error(crate::problem::code::DUPLICATE_NAME, "is a second port alike", mend, report);
        }
    }
    ports
}

/// The name as written is kept only where the port got another.
fn forget_name(found: &Named<'_>, custom: &mut Custom) {
    if custom.get("port.name").and_then(serde_json::Value::as_str) == Some(&found.name) {
        custom.remove("port.name");
    }
}
