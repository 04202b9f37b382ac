//! The contracts of the shop's products, as teams wrote them, with the places of this mesh filled in.
//!
//! Start reading at [`contracts`].

/// One document of a team: where it goes, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The domain it belongs to.
    pub domain: &'static str,
    /// `orders-1.0.0.yaml`.
    pub file: &'static str,
    /// Its text.
    pub text: String,
}

macro_rules! text {
    ($domain:literal, $file:literal) => {
        ($domain, $file, include_str!(concat!("../../shop/", $domain, "/", $file)))
    };
}

/// Contracts in the order in which they can be registered: what others refer to comes first.
const CONTRACTS: [(&str, &str, &str); 12] = [
    text!("identity", "customers-1.0.0.yaml"),
    text!("identity", "login_events-1.0.0.yaml"),
    text!("commerce", "orders-1.0.0.yaml"),
    text!("commerce", "orders-2.0.0.yaml"),
    text!("commerce", "order_events-1.0.0.json"),
    text!("logistics", "shipments-1.0.0.yaml"),
    text!("logistics", "inventory-1.0.0.yaml"),
    text!("logistics", "carriers-1.0.0.yaml"),
    text!("logistics", "returns-1.0.0.yaml"),
    text!("customer", "customer-lifetime-value-1.0.yaml"),
    text!("analytics", "order_facts-1.0.0.yaml"),
    text!("analytics", "revenue_by_country-1.0.0.yaml"),
];

/// Avro schemas that contracts name by location: domain, path below the domain's schemas, text.
const SCHEMAS: [(&str, &str, &str); 3] = [
    ("commerce", "orders/v1.avsc", include_str!("../../shop/commerce/orders-v1.avsc")),
    ("identity", "login_events/v1.avsc", include_str!("../../shop/identity/login_events-v1.avsc")),
    ("logistics", "inventory/v1.avsc", include_str!("../../shop/logistics/inventory-v1.avsc")),
];

/// Every contract, in the order in which they can be registered.
///
/// - `root`: the URL of a domain's data, without a slash at its end.
/// - `schemas`: the URL of a domain's Avro schemas, likewise.
pub fn contracts(root: impl Fn(&str) -> String, schemas: impl Fn(&str) -> String) -> Vec<Document> {
    let fill = |domain, text: &str| text.replace("{root}", &root(domain)).replace("{schemas}", &schemas(domain));
    CONTRACTS.iter().map(|&(domain, file, text)| Document { domain, file, text: fill(domain, text) }).collect()
}

/// Every Avro schema, with its path below its domain's schemas.
pub fn schemas() -> Vec<Document> {
    SCHEMAS.iter().map(|&(domain, file, text)| Document { domain, file, text: text.to_owned() }).collect()
}
