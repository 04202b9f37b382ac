//! Names in SQL: parts, folding, majors, further tables, visibility, suggestions.

use std::sync::Arc;

use meshweave_contract::model::{Product, Status};
use meshweave_contract::name::DomainName;
use meshweave_contract::name::TableName;
use meshweave_contract::parse::parse;
use meshweave_engine::Failure;
use meshweave_engine::catalog::{CatalogSnapshot, Domain, Entry, NamePart, ResolvedTable};
use meshweave_engine::settings::Settings;
use meshweave_engine::storage::{DomainStorage, StorageContext};

use super::support::columns_contract;

fn domain(name: &str) -> Arc<Domain> {
    let name = DomainName::new(name).unwrap();
    let context = StorageContext::new(".", &Settings::default());
    let storage = DomainStorage::local(name.clone(), &[], &context).unwrap();
    Arc::new(Domain {
        name,
        owner_team: None,
        contact: None,
        storage,
        location_template: None,
        drift: Default::default(),
    })
}

/// `orders@1.0.0`, with a status, and further tables.
fn entry(domain: &Arc<Domain>, product: &str, version: &str, status: Status, further: &[&str]) -> Arc<Entry> {
    let text = columns_contract(domain.name.as_str(), product, version, &[("id", "string")]);
    let mut product: Product = parse(text.as_bytes(), "x.yaml").product.unwrap();
    product.status = status;
    let main = product.id.name.product.to_string();
    let tables = std::iter::once(main.as_str()).chain(further.iter().copied());
    let table = |name: &str| ResolvedTable { name: TableName::new(name).unwrap(), schema: None, columns: Vec::new() };
    Arc::new(Entry {
        tables: tables.map(table).collect(),
        product,
        domain: Arc::clone(domain),
        text: text.as_bytes().into(),
        contracts: Vec::new(),
        schema_file: None,
        form: "spec 1.0".to_owned(),
        hash: "sha256:0".to_owned(),
        registered_at: None,
        registered_by: None,
        drift_policy: Default::default(),
    })
}

fn snapshot() -> CatalogSnapshot {
    let (commerce, customer) = (domain("commerce"), domain("Customer"));
    let entries = vec![
        entry(&commerce, "orders", "1.0.0", Status::Deprecated, &["items"]),
        entry(&commerce, "orders", "2.0.0", Status::Active, &["items", "notes"]),
        entry(&commerce, "orders", "2.1.0", Status::Active, &["items", "notes"]),
        entry(&commerce, "orders", "3.0.0", Status::Draft, &[]),
        entry(&commerce, "old", "1.0.0", Status::Retired, &[]),
        entry(&commerce, "fading", "1.0.0", Status::Deprecated, &[]),
        entry(&commerce, "planned", "1.0.0", Status::Draft, &[]),
        entry(&commerce, "hidden", "1.0.0", Status::Active, &[]),
        entry(&customer, "customer-lifetime-value", "1.0.0", Status::Active, &[]),
    ];
    CatalogSnapshot::new(7, "mesh", vec![commerce, customer], entries, Vec::new())
}

fn visible(product: &Product) -> bool {
    product.id.name.product.as_str() != "hidden"
}

/// A name as it is typed: parts in double quotes are quoted.
fn parts(name: &str) -> Vec<NamePart> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let (part, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let (text, after) = quoted.split_once('"').unwrap();
                (NamePart::quoted(text), after)
            }
            None => {
                let end = rest.find('.').unwrap_or(rest.len());
                (NamePart::plain(&rest[..end]), &rest[end..])
            }
        };
        parts.push(part);
        rest = after.strip_prefix('.').unwrap_or(after);
    }
    parts
}

fn resolve(name: &str, default: Option<&str>) -> Result<String, meshweave_engine::Error> {
    use meshweave_engine::catalog::Resolved;
    snapshot().resolve(&parts(name), default, &visible).map(|resolved| match &resolved {
        Resolved::Product { entry, .. } => format!("{} = {}", resolved.key().unwrap(), entry.id().version),
        Resolved::System(name) => format!("system {name}"),
        Resolved::InformationSchema(name) => format!("standard {name}"),
    })
}

fn check(name: &str, expected: &str) {
    assert_eq!(resolve(name, None).unwrap(), expected, "{name}");
}

fn lost(name: &str, default: Option<&str>) -> (String, Vec<String>) {
    let error = resolve(name, default).unwrap_err();
    match error.failure() {
        Failure::ProductNotFound { nearest, .. } | Failure::NameNotFound { nearest, .. } => {
            (error.to_string(), nearest.clone())
        }
        _ => (error.to_string(), Vec::new()),
    }
}

#[test]
fn one_to_four_parts() {
    assert_eq!(resolve("orders", Some("commerce")).unwrap(), "commerce.orders@2 = 2.1.0");
    check("commerce.orders", "commerce.orders@2 = 2.1.0");
    check("mesh.commerce.orders", "commerce.orders@2 = 2.1.0");
    check("commerce.orders.items", "commerce.orders.items@2 = 2.1.0");
    check("mesh.commerce.orders.items", "commerce.orders.items@2 = 2.1.0");
    check("commerce.\"orders.items\"", "commerce.orders.items@2 = 2.1.0");
    check("mesh.commerce.\"orders.items\"", "commerce.orders.items@2 = 2.1.0");
    check("commerce.orders.orders", "commerce.orders@2 = 2.1.0");
    assert_eq!(resolve("\"orders.items\"", Some("commerce")).unwrap(), "commerce.orders.items@2 = 2.1.0");
}

#[test]
fn majors() {
    check("commerce.\"orders@1\"", "commerce.orders@1 = 1.0.0");
    check("commerce.orders@1", "commerce.orders@1 = 1.0.0");
    check("commerce.\"orders@2\"", "commerce.orders@2 = 2.1.0");
    check("commerce.\"orders@v2\"", "commerce.orders@2 = 2.1.0");
    check("commerce.\"orders.items@1\"", "commerce.orders.items@1 = 1.0.0");
    check("commerce.\"orders@1\".items", "commerce.orders.items@1 = 1.0.0");
    check("commerce.orders.\"items@1\"", "commerce.orders.items@1 = 1.0.0");
    check("commerce.fading", "commerce.fading@1 = 1.0.0");
    check("commerce.\"orders@3\"", "commerce.orders@3 = 3.0.0");
    let (error, nearest) = lost("commerce.\"orders@9\"", None);
    assert_eq!(error, "major version \"9\" does not exist in commerce.orders");
    assert_eq!(nearest, ["\"orders@3\"", "\"orders@2\"", "\"orders@1\""]);
    assert!(lost("commerce.\"orders@1.2\"", None).0.contains("does not end in a major version"));
    assert!(lost("commerce.\"orders@1\".\"items@2\"", None).0.contains("names two major versions"));
    assert!(lost("commerce.\"orders@1\".notes", None).0.contains("table \"notes\" does not exist in commerce.orders"));
}

#[test]
fn drafts_and_retired_versions_do_not_answer_by_themselves() {
    let (error, nearest) = lost("commerce.planned", None);
    assert_eq!(error, "active version of product \"commerce.planned\" does not exist");
    assert_eq!(nearest, ["commerce.\"planned@1\""]);
    assert_eq!(lost("commerce.old", None).1, [] as [&str; 0]);
    assert!(lost("commerce.\"old@1\"", None).0.contains("does not exist"));
}

#[test]
fn unquoted_names_fold_and_quoted_ones_are_exact() {
    let value = "Customer.customer-lifetime-value@1 = 1.0.0";
    check("customer.customer_lifetime_value", value);
    check("CUSTOMER.Customer_Lifetime_VALUE", value);
    check("\"Customer\".\"customer-lifetime-value\"", value);
    check("MESH.Commerce.ORDERS.Items", "commerce.orders.items@2 = 2.1.0");
    assert_eq!(resolve("customer_lifetime_value", Some("customer")).unwrap(), value);
    for name in
        ["\"customer\".\"customer-lifetime-value\"", "customer.\"customer_lifetime_value\"", "commerce.\"Orders\""]
    {
        assert!(resolve(name, None).is_err(), "{name}");
    }
    assert!(resolve("commerce.orders.\"Items\"", None).is_err());
}

#[test]
fn system_tables_and_information_schema_are_known() {
    check("mesh.products", "system products");
    check("mesh.PRODUCTS", "system products");
    check("mesh.mesh.columns", "system columns");
    check("information_schema.tables", "standard tables");
    check("mesh.information_schema.columns", "standard columns");
    assert_eq!(resolve("products", Some("mesh")).unwrap(), "system products");
    assert_eq!(lost("mesh.product", None).1, ["mesh.products"]);
    assert!(resolve("information_schema.nothing", None).is_err());
}

#[test]
fn what_is_not_visible_does_not_exist() {
    let (hidden, nothing) = (lost("commerce.hidden", None), lost("commerce.hiddex", None));
    assert_eq!(hidden.0.replace("hidden", "hiddex"), nothing.0);
    assert_eq!(hidden.1, nothing.1);
    let (hidden, nothing) = (lost("commerce.\"hidden@1\"", None), lost("commerce.\"hiddex@1\"", None));
    assert_eq!(hidden.1, nothing.1);
    assert!(!lost("commerce.hiden", None).1.iter().any(|name| name.contains("hidden")));
}

#[test]
fn mistyped_names_get_the_nearest() {
    assert_eq!(lost("commerce.ordres", None).1[0], "commerce.orders");
    assert_eq!(lost("comerce.orders", None).1[0], "commerce.orders");
    assert_eq!(lost("orders", None).1, ["commerce.orders"]);
    assert_eq!(lost("oders", None).1, ["commerce.orders"]);
    assert_eq!(lost("commerce.orders.item", None).1, ["items"]);
    let (error, nearest) = lost("shop.commerce.orders.items", None);
    assert_eq!((error.as_str(), nearest), ("catalog \"shop\" does not exist", vec!["mesh".to_owned()]));
    assert!(lost("a.b.c.d.e", None).0.contains("is no name of a table"));
}

#[test]
fn drivers_see_the_newest_major_plainly_and_others_by_number() {
    let listed: Vec<String> = snapshot()
        .listing(&visible)
        .iter()
        .map(|l| format!("{}/{}={}", l.schema, l.table, l.entry.id().version))
        .collect();
    assert_eq!(
        listed,
        [
            "commerce/fading=1.0.0",
            "commerce/orders=2.1.0",
            "commerce/orders.items=2.1.0",
            "commerce/orders.notes=2.1.0",
            "commerce/orders@1=1.0.0",
            "commerce/orders.items@1=1.0.0",
            "Customer/customer-lifetime-value=1.0.0",
        ]
    );
}

#[test]
fn every_listed_table_is_found_by_its_listed_name() {
    use meshweave_engine::catalog::Resolved;
    let snapshot = snapshot();
    for listed in snapshot.listing(&visible) {
        let name = [NamePart::quoted(&listed.schema), NamePart::quoted(&listed.table)];
        match snapshot.resolve(&name, None, &visible).unwrap() {
            Resolved::Product { entry, table } => {
                assert!(Arc::ptr_eq(&entry, &listed.entry) && table == listed.index, "{}", listed.table);
            }
            other => unreachable!("{other:?}"),
        }
    }
}

#[test]
fn a_catalog_may_have_another_name() {
    let commerce = domain("commerce");
    let entries = vec![entry(&commerce, "orders", "1.0.0", Status::Active, &[])];
    let snapshot = CatalogSnapshot::new(1, "acme", vec![commerce], entries, Vec::new());
    for name in ["acme.commerce.orders", "commerce.orders", "mesh.products", "acme.mesh.products"] {
        assert!(snapshot.resolve(&parts(name), None, &visible).is_ok(), "{name}");
    }
    assert!(snapshot.resolve(&parts("mesh.commerce.orders"), None, &visible).is_err());
}
