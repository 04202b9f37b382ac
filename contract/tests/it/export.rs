//! What is written for others is read back as the same product.

use meshweave_contract::export::{self, Contract, ExportError};
use meshweave_contract::model::{Product, Visibility};
use meshweave_contract::name::DomainName;
use meshweave_contract::parse::{
    ContractRef, Parsed, Surroundings, Text, canonical_hash, parse, parse_files, parse_with,
};

use crate::forms::{document, names, read};

/// Reads an exported product document with its contracts.
pub(crate) fn read_together(document: &str, file: &str, contracts: &[Contract]) -> Product {
    let find = |wanted: &ContractRef<'_>| {
        let contract = contracts.iter().find(|c| c.id == wanted.id)?;
        Some(Text { text: contract.document.yaml().into_bytes(), file: "contract.yaml".to_owned() })
    };
    let parsed = parse_with(document.as_bytes(), file, &Surroundings { domain: None, contracts: &find });
    parsed.product.unwrap_or_else(|| panic!("{:#?}\n{document}", parsed.problems))
}

/// Checks that the contract alone says the product: for products that have no product document.
fn check_alone(name: &str, product: &Product, contracts: &[Contract]) {
    let [contract] = contracts else { panic!("{name} has {} contracts", contracts.len()) };
    for (file, text) in [("c.yaml", contract.document.yaml()), ("c.json", contract.document.json())] {
        let again = parse(text.as_bytes(), file);
        assert_eq!(again.product.as_ref(), Some(product), "{name} as {file}: {:#?}\n{text}", again.problems);
        let again = again.product.unwrap();
        assert_eq!(canonical_hash(&again), canonical_hash(product), "{name}");
        assert_eq!(export::odcs(&again).unwrap(), contracts, "{name}: writing twice differs");
    }
}

/// Checks that the product document and its contracts together say the product.
fn check_together(name: &str, product: &Product, contracts: &[Contract]) {
    let document = export::odps(product).unwrap_or_else(|e| panic!("{name}: {e:?}"));
    for (file, text) in [("p.yaml", document.yaml()), ("p.json", document.json())] {
        let again = read_together(&text, file, contracts);
        assert_eq!(&again, product, "{name} as {file}\n{text}");
        assert_eq!(export::odps(&again).unwrap(), document, "{name}: writing twice differs");
    }
}

/// Checks both ways back of one product.
pub(crate) fn check(name: &str, product: &Product) {
    let contracts = export::odcs(product).unwrap_or_else(|e| panic!("{name}: {e:?}"));
    let has_product_document = name.contains("odps");
    if !has_product_document {
        check_alone(name, product, &contracts);
    }
    check_together(name, product, &contracts);
}

/// The product document of `testdata/contracts/odps` with the contracts beside it.
pub(crate) fn orders() -> Parsed {
    let text = |name: &str| Text { text: document(&format!("odps/{name}")), file: name.to_owned() };
    parse_files(&[text("stream.odcs.yaml"), text("product.yaml"), text("files.odcs.yaml")], None)
}

#[test]
fn every_document_survives_the_standards() {
    for name in names("") {
        check(&name, &read(&name).product.unwrap());
    }
}

#[test]
fn a_product_document_and_its_contracts_are_one_product() {
    let parsed = orders();
    assert_eq!(parsed.problems, []);
    assert_eq!(parsed.form.as_deref(), Some("ODPS 1.1.0"));
    let product = parsed.product.unwrap();
    check("odps orders", &product);
    insta::with_settings!({ snapshot_path => "golden", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("odps-orders", serde_json::to_string_pretty(&product).unwrap());
    });
    let mut written = export::odps(&product).unwrap().yaml();
    for contract in export::odcs(&product).unwrap() {
        written.push_str(&format!("---\n{}", contract.document.yaml()));
    }
    insta::with_settings!({ snapshot_path => "golden", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("odps-orders-written", written);
    });
}

#[test]
fn short_forms_as_the_standards() {
    for name in ["form-a.datamesh-v1.yaml", "form-b.spec-1.0.yaml", "form-c.object.json", "view-order-facts.yaml"] {
        let product = read(name).product.unwrap();
        let contract = export::odcs(&product).unwrap().remove(0).document.yaml();
        let written = format!("{}---\n{contract}", export::odps(&product).unwrap().yaml());
        insta::with_settings!({ snapshot_path => "golden/written", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, written);
        });
    }
}

#[test]
fn without_its_contracts_a_product_has_no_columns() {
    let parsed = parse(&document("odps/product.yaml"), "product.yaml");
    let warnings: Vec<String> = parsed.problems.iter().map(|p| format!("{} {}", p.line, p.code)).collect();
    assert_eq!(warnings, ["19 missing", "25 missing"]);
    let product = parsed.product.unwrap();
    assert_eq!(product.output_ports.len(), 2);
    assert_eq!(product.access.read, Visibility::Private);
    assert!(product.tables()[0].columns.is_empty());
}

#[test]
fn contracts_that_disagree_on_readers_need_a_word_from_the_product() {
    let read = |product: &str, stream: &str| {
        let stream = String::from_utf8(document("odps/stream.odcs.yaml")).unwrap().replace("role: analytics", stream);
        let own = String::from_utf8(document("odps/product.yaml")).unwrap() + product;
        let text = |file: &str, text: &[u8]| Text { text: text.to_vec(), file: file.to_owned() };
        let files = document("odps/files.odcs.yaml");
        let all = [text("p.yaml", own.as_bytes()), text("s.yaml", stream.as_bytes()), text("f.yaml", &files)];
        let parsed = parse_files(&all, None);
        parsed.product.map_or_else(|| parsed.problems[0].code.to_owned(), |p| format!("{:?}", p.access.readers))
    };
    assert_eq!(read("", "role: analytics"), "[\"analytics\"]");
    assert_eq!(read("", "role: everyone"), "conflict");
    let said = "customProperties: [{property: readAccess, value: [risk]}]\n";
    assert_eq!(read(said, "role: everyone"), "[\"risk\"]");
}

#[test]
fn a_fault_of_a_contract_is_told_with_its_own_file() {
    let text = |file: &str, text: Vec<u8>| Text { text, file: file.to_owned() };
    let files =
        String::from_utf8(document("odps/files.odcs.yaml")).unwrap().replace("mustBeGreaterOrEqualTo", "mustBeMore");
    let all = [
        text("p.yaml", document("odps/product.yaml")),
        text("s.yaml", document("odps/stream.odcs.yaml")),
        text("f.yaml", files.into_bytes()),
    ];
    let parsed = parse_files(&all, None);
    assert_eq!(parsed.product, None);
    let lines: Vec<String> = parsed.problems.iter().map(|p| format!("{}:{} {}", p.file, p.line, p.code)).collect();
    assert_eq!(lines, ["f.yaml:25 bad-check", "f.yaml:25 unknown-key"]);
}

#[test]
fn a_product_without_ports_has_no_contract() {
    let text = b"apiVersion: v0.9.0\nkind: DataProduct\nid: x\nname: orders\ndomain: commerce\nstatus: active\n";
    let product = parse(text, "p.yaml").product.unwrap();
    assert!(matches!(export::odcs(&product), Err(ExportError::NoPort)));
    assert_eq!(read_together(&export::odps(&product).unwrap().yaml(), "p.yaml", &[]), product);
}

#[test]
fn the_domain_of_the_folder_is_taken_where_a_document_names_none() {
    let text = b"apiVersion: v3.2.0\nkind: DataContract\nid: orders\nversion: '1'\n";
    assert_eq!(parse(text, "c.yaml").problems[0].code, "missing");
    let domain = DomainName::new("commerce").unwrap();
    let around = Surroundings { domain: Some(&domain), ..Surroundings::none() };
    let product = parse_with(text, "c.yaml", &around).product.unwrap();
    assert_eq!(product.id.to_string(), "commerce.orders@1.0.0");
    assert_eq!(product.custom["version"], "1");
}

/// References by the identifiers of tables and columns mean the same as those by names, and are written again as they were.
#[test]
fn references_by_identifier_are_followed() {
    let text = |to: &str, from: &str| {
        format!(
            "apiVersion: v3.2.0\nkind: DataContract\nid: shop\nname: shop\nversion: 1.0.0\nstatus: active\ndomain: shop\n\
             schema:\n  - name: orders\n    id: orders_tbl\n    properties:\n\
             \x20     - {{ name: order_id, id: o1, logicalType: string }}\n\
             \x20     - {{ name: customer, id: o2, logicalType: string, relationships: [ {{ to: {to} }} ] }}\n\
             \x20   relationships: [ {{ from: [ {from}, orders.customer ], to: [ lines.order_id, {to} ] }} ]\n\
             \x20 - name: lines\n    id: lines_tbl\n    properties:\n\
             \x20     - {{ name: order_id, id: l1, logicalType: string }}\n\
             \x20     - {{ name: buyer, id: l2, logicalType: string }}\n\
             \x20     - {{ name: again, id: twice, logicalType: string }}\n\
             \x20     - {{ name: once_more, id: twice, logicalType: string }}\n"
        )
    };
    let read = |text: &str| {
        let parsed = parse(text.as_bytes(), "c.yaml");
        assert_eq!(parsed.problems, [], "{text}");
        parsed.product.unwrap()
    };
    let links = |product: &Product| product.output_ports[0].tables[0].relationships.clone();
    let by_name = links(&read(&text("lines.buyer", "order_id")));
    assert_eq!(by_name.len(), 2, "{by_name:?}");
    for (to, from) in [
        ("schema/lines_tbl/properties/l2", "schema/orders_tbl/properties/o1"),
        ("/schema/lines_tbl/properties/l2", "order_id"),
    ] {
        let product = read(&text(to, from));
        assert_eq!(links(&product), by_name, "{to} {from}");
        check("references", &product);
    }
    // What leads out of the document, below a column, or to nothing that is one, is kept and not followed.
    for to in [
        "schema/lines_tbl/properties/twice",
        "schema/lines_tbl/properties/l9",
        "schema/lines_tbl/properties/l2/properties/part",
        "other.yaml#schema/lines_tbl/properties/l2",
    ] {
        let product = read(&text(to, "order_id"));
        assert_eq!(links(&product), [], "{to}");
        check("references", &product);
    }
}
