//! `products` and `describe`: what is listed and told, and to whom.

use crate::mesh::{on_shared, shared};

#[test]
fn products_are_listed_by_domain_and_for_the_caller() {
    let text = on_shared(&["products"]).ok();
    assert!(text.starts_with("product"), "{text}");
    assert!(text.contains("commerce.orders") && text.contains("analytics.order_facts"), "{text}");
    assert!(text.lines().last().unwrap().contains("domains"), "{text}");

    let commerce = on_shared(&["products", "--domain", "Commerce", "--output", "json"]).json();
    let commerce = commerce.as_array().unwrap();
    assert!(!commerce.is_empty() && commerce.iter().all(|product| product["domain"] == "commerce"), "{commerce:?}");
    let versions: Vec<_> =
        commerce.iter().filter(|one| one["product"] == "orders").map(|one| one["version"].clone()).collect();
    assert_eq!(versions, ["1.0.0", "2.0.0"]);

    let error = on_shared(&["products", "--domain", "comerce", "-o", "json"]).error(7);
    assert_eq!(error["hint"], "Did you mean commerce?");
}

#[test]
fn a_private_product_is_listed_to_its_owners_team_only() {
    let count = |args: &[&str]| {
        let mut all = vec!["products", "-o", "json"];
        all.extend(args);
        on_shared(&all).json().as_array().unwrap().len()
    };
    let (owner, stranger) = (count(&["--as", "olga@identity-security"]), count(&["--as", "stranger"]));
    assert_eq!(stranger + 1, owner);
    assert!(stranger > 0);
}

#[test]
fn a_contract_is_told_in_words() {
    let text = on_shared(&["describe", "commerce.orders"]).ok();
    for expected in [
        "commerce.orders@2.0.0",
        "commerce-engineering",
        "columns of commerce.orders\n",
        "columns of commerce.orders.items",
        "order_id",
        "decimal(12,2)",
        "parquet at ",
        "refers         (customer_id) to identity.customers (customer_id)",
        "freshness",
        "PT15M",
        "declared, not enforced by the engine",
        "sha256:",
        "ODCS",
    ] {
        assert!(text.contains(expected), "{expected:?} is missing in:\n{text}");
    }
}

#[test]
fn versions_are_chosen_by_major_or_in_full() {
    let id = |typed: &str| on_shared(&["describe", typed, "-o", "json"]).json()["id"].clone();
    assert_eq!(id("commerce.orders"), "commerce.orders@2.0.0");
    assert_eq!(id("Commerce.ORDERS@1"), "commerce.orders@1.0.0");
    assert_eq!(id("commerce.orders@1.0.0"), "commerce.orders@1.0.0");
    assert_eq!(id("customer.customer_lifetime_value"), "customer.customer-lifetime-value@1.0.0");
    let error = on_shared(&["describe", "commerce.orders@9", "-o", "json"]).error(7);
    assert!(error["hint"].as_str().unwrap().contains("commerce.orders@2.0.0"), "{error}");
    let error = on_shared(&["describe", "commerce.ordrs", "-o", "json"]).error(7);
    assert!(error["hint"].as_str().unwrap().contains("commerce.orders"), "{error}");
}

#[test]
fn the_contracts_text_comes_back_byte_for_byte() {
    for product in ["commerce.orders@1", "commerce.orders@2", "commerce.order_events", "identity.customers"] {
        let told = on_shared(&["describe", product, "--contract"]);
        told.ok();
        let written: Vec<_> = std::fs::read_dir(shared().join("contracts"))
            .unwrap()
            .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
            .filter(|text| *text == told.stdout)
            .collect();
        assert_eq!(written.len(), 1, "{product}");
    }
}

#[test]
fn columns_are_rows_in_other_formats() {
    let csv = on_shared(&["describe", "identity.customers", "-o", "csv"]).ok();
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("table,column,type,nullable,description"));
    assert_eq!(lines.next(), Some("customers,customer_id,string,false,Unique number of the customer."));
}

#[test]
fn what_may_not_be_found_does_not_exist() {
    let error = on_shared(&["describe", "identity.login_events", "--as", "stranger", "-o", "json"]).error(7);
    assert_eq!(error["kind"], "not_found");
}

#[test]
fn products_are_written_in_the_standards_forms_and_read_back() {
    let folder = tempfile::tempdir().unwrap();
    for product in ["commerce.orders", "logistics.shipments", "customer.customer-lifetime-value", "sales.lineitem"] {
        let contract = on_shared(&["describe", product, "--export", "odcs"]).ok();
        assert!(contract.contains("apiVersion: v3.2.0") && contract.contains("kind: DataContract"), "{contract}");
        let file = folder.path().join("contract.yaml");
        std::fs::write(&file, contract).unwrap();
        on_shared(&["check", crate::mesh::path(&file)]).ok();
        let json = on_shared(&["describe", product, "--export", "odps", "-o", "json"]).json();
        assert_eq!(json["kind"], "DataProduct", "{json}");
    }
}
