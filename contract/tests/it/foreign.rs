//! Contracts that others wrote: what is refused of them, and why.
//!
//! The documents lie in `testdata/contracts/foreign` (source and licence in its README). Most name no domain, which a folder of the
//! mesh gives; here it is `foreign`. The golden list names every document that has a problem, beside what the standard's own JSON
//! Schema has against it.

use meshweave_contract::name::DomainName;
use meshweave_contract::parse::{Parsed, Surroundings, parse_with};
use meshweave_contract::problem::Severity;
use serde_json::Value;

use crate::forms::{document, names};
use crate::schema::{faults, schema};

fn read(name: &str) -> (Value, Parsed) {
    let text = document(&format!("foreign/{name}"));
    let domain = DomainName::new("foreign").unwrap();
    let parsed = parse_with(&text, name, &Surroundings { domain: Some(&domain), ..Surroundings::none() });
    (yaml_serde::from_slice(&text).unwrap(), parsed)
}

#[test]
fn documents_of_others() {
    let schemas = [("v3.0", schema("3.0.2")), ("v3.1", schema("3.1.0")), ("v3.2", schema("3.2.0"))];
    let (mut lines, mut accepted, mut refused) = (Vec::new(), 0, 0);
    let names = names("foreign");
    for name in &names {
        let (value, parsed) = read(name);
        let version = value["apiVersion"].as_str().unwrap_or_default();
        let schema = schemas.iter().find(|(start, _)| version.starts_with(start));
        let faults = schema.map_or_else(Vec::new, |(_, schema)| faults(schema, &value));
        let errors = parsed.problems.iter().any(|p| p.severity == Severity::Error);
        if errors {
            refused += 1
        } else {
            accepted += 1
        }
        if errors || !faults.is_empty() {
            let verdict = if errors { "refused" } else { "accepted" };
            lines.push(format!("\n{name} ({version}): {verdict}"));
            lines.extend(
                parsed.problems.iter().filter(|p| errors || p.severity == Severity::Error).map(|p| format!("  {p}")),
            );
            let short =
                |f: &String| format!("  schema: {}", f.chars().take(160).collect::<String>().replace('\n', " "));
            lines.extend(faults.iter().map(short));
        }
    }
    lines.insert(0, format!("{} documents, {accepted} accepted, {refused} refused", names.len()));
    insta::with_settings!({ snapshot_path => "golden", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("foreign", lines.join("\n"));
    });
}

#[test]
fn what_is_accepted_survives_the_standards_and_is_valid() {
    let valid = schema("3.2.0");
    for name in names("foreign") {
        let Some(product) = read(&name).1.product else { continue };
        crate::export::check(&name, &product);
        crate::schema::check(&valid, &name, &product);
    }
}
