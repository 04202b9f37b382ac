//! What is exported is valid: contracts by the JSON Schema of the standard, products by the keys of each block.

use std::path::Path;

use jsonschema::Validator;
use meshweave_contract::export;
use meshweave_contract::model::Product;
use serde_json::Value;

use crate::forms::{names, read};

/// The JSON Schema of one version of the contract standard.
pub(crate) fn schema(version: &str) -> Validator {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/standards");
    let text = std::fs::read(folder.join(format!("odcs-{version}.schema.json"))).unwrap();
    jsonschema::validator_for(&serde_json::from_slice(&text).unwrap()).unwrap()
}

/// Everything that a schema has against a document.
pub(crate) fn faults(schema: &Validator, document: &Value) -> Vec<String> {
    schema.iter_errors(document).map(|e| format!("{}: {e}", e.instance_path())).collect()
}

/// Checks the contracts and the product document of one product.
pub(crate) fn check(schema: &Validator, name: &str, product: &Product) {
    for contract in export::odcs(product).unwrap_or_else(|e| panic!("{name}: {e:?}")) {
        let found = faults(schema, contract.document.value());
        assert_eq!(found, Vec::<String>::new(), "{name}\n{}", contract.document.yaml());
    }
    let document = export::odps(product).unwrap();
    assert_eq!(unknown(document.value(), "", ""), Vec::<String>::new(), "{name}\n{}", document.yaml());
}

/// Keys of each block of ODPS 1.1, written down from its documentation; a block that is not named here is free.
const BLOCKS: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "apiVersion",
            "kind",
            "id",
            "name",
            "version",
            "status",
            "domain",
            "tenant",
            "type",
            "deprecated",
            "synonyms",
            "context",
            "authoritativeDefinitions",
            "description",
            "customProperties",
            "tags",
            "inputPorts",
            "outputPorts",
            "managementPorts",
            "support",
            "team",
            "productCreatedTs",
        ],
    ),
    ("description", &["purpose", "limitations", "usage", "authoritativeDefinitions", "customProperties"]),
    (
        "inputPorts",
        &["id", "name", "version", "contractId", "tags", "deprecated", "customProperties", "authoritativeDefinitions"],
    ),
    (
        "outputPorts",
        &[
            "id",
            "name",
            "description",
            "type",
            "version",
            "contractId",
            "sbom",
            "inputContracts",
            "synonyms",
            "tags",
            "deprecated",
            "customProperties",
            "authoritativeDefinitions",
            "context",
        ],
    ),
    ("customProperties", &["id", "property", "value", "description"]),
    ("authoritativeDefinitions", &["id", "type", "url", "description"]),
    (
        "managementPorts",
        &[
            "id",
            "name",
            "content",
            "type",
            "url",
            "channel",
            "description",
            "tags",
            "deprecated",
            "customProperties",
            "authoritativeDefinitions",
        ],
    ),
    (
        "support",
        &[
            "id",
            "channel",
            "url",
            "description",
            "tool",
            "scope",
            "invitationUrl",
            "tags",
            "customProperties",
            "authoritativeDefinitions",
        ],
    ),
    ("team", &["name", "description", "members", "tags", "customProperties", "authoritativeDefinitions"]),
    (
        "members",
        &[
            "id",
            "username",
            "name",
            "description",
            "role",
            "dateIn",
            "dateOut",
            "replacedByUsername",
            "tags",
            "customProperties",
            "authoritativeDefinitions",
        ],
    ),
];

/// Keys that a block may not have, and blocks that lack what they need.
fn unknown(value: &Value, block: &str, way: &str) -> Vec<String> {
    match value {
        Value::Object(map) => {
            let known = BLOCKS.iter().find(|(name, _)| *name == block).map(|(_, keys)| *keys);
            let mut all: Vec<String> = map
                .keys()
                .filter(|key| known.is_some_and(|known| !known.contains(&key.as_str())))
                .map(|key| format!("{way}/{key}"))
                .collect();
            let needed: &[&str] = match block {
                "" => &["apiVersion", "kind", "id"],
                "inputPorts" | "outputPorts" => &["name"],
                "customProperties" => &["property", "value"],
                "support" => &["channel", "url"],
                "members" => &["username"],
                _ => &[],
            };
            all.extend(needed.iter().filter(|k| !map.contains_key(**k)).map(|k| format!("{way} lacks {k}")));
            let below = map.iter().filter(|(key, _)| *key != "value");
            all.extend(below.flat_map(|(key, value)| unknown(value, key, &format!("{way}/{key}"))));
            all
        }
        Value::Array(items) => {
            // Until 1.0 a team was a list of its members.
            let block = if block == "team" { "members" } else { block };
            items.iter().enumerate().flat_map(|(i, item)| unknown(item, block, &format!("{way}/{i}"))).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn every_export_is_valid() {
    let schema = schema("3.2.0");
    for name in names("") {
        check(&schema, &name, &read(&name).product.unwrap());
    }
    check(&schema, "odps orders", &crate::export::orders().product.unwrap());
}

#[test]
fn the_schema_would_notice() {
    let schema = schema("3.2.0");
    let product = read("form-a.full.yaml").product.unwrap();
    let mut document = export::odcs(&product).unwrap().remove(0).document.value().clone();
    document["schema"][0]["properties"][0]["logicalType"] = "uuid".into();
    document["team"]["size"] = 3.into();
    assert_eq!(faults(&schema, &document).len(), 2, "{:#?}", faults(&schema, &document));
    let mut document = export::odps(&product).unwrap().value().clone();
    document["outputPorts"][0]["contractID"] = "x".into();
    assert_eq!(unknown(&document, "", ""), ["/outputPorts/0/contractID"]);
}
