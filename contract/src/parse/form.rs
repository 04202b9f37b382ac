//! Recognises the form of a document and calls its reader.
//!
//! Start reading at [`read`].

use super::near::nearest;
use super::node::{Kind, Node};
use super::report::Report;
use super::value::Value;
use super::{Surroundings, form_a, form_b, form_c, odcs, odps};
use crate::model::Product;
use crate::problem::code;

const FORMS: &str = "Read are: `apiVersion: datamesh.io/v1` with `kind: DataProduct`; `spec.version: \"1.0\"`; an object with \
    `domain`, `product` and `version`; `apiVersion: v3.2.0` with `kind: DataContract` (ODCS); `apiVersion: v1.1.0` with \
    `kind: DataProduct` (ODPS); `apiVersion: meshweave/v1` with `kind: View` or `Materialization`.";

/// The name of the form, and the product when nothing is wrong with it.
pub(crate) fn read(root: &Node, around: &Surroundings<'_>, report: &mut Report) -> (Option<String>, Option<Product>) {
    let value = Value::root(root);
    if !matches!(root.kind, Kind::Map(_)) {
        report.error(root.place, code::UNKNOWN_FORM, "the document is not a block of keys and values", FORMS);
        return (None, None);
    }
    let api = root.get("apiVersion").and_then(Node::scalar);
    let kind = root.get("kind").and_then(Node::scalar);
    let (form, parts) = match (api, kind) {
        (Some("datamesh.io/v1"), Some("DataProduct")) => ("datamesh.io/v1".to_owned(), form_a::product(&value, report)),
        (Some("meshweave/v1"), Some(kind @ ("View" | "Materialization"))) => {
            (format!("meshweave/v1 {kind}"), form_a::definition(&value, kind == "Materialization", report))
        }
        (Some(api), Some("DataContract")) if odcs::is_known(api) => {
            let given = odcs::Given { domain: around.domain, product: None };
            (format!("ODCS {}", api.trim_start_matches('v')), odcs::product(&value, given, report))
        }
        (Some(api), Some("DataProduct")) if odps::is_known(api) => {
            return (Some(format!("ODPS {}", api.trim_start_matches('v'))), odps::product(&value, around, report));
        }
        (None, None) if root.get("product").is_some() => ("JSON object".to_owned(), form_c::product(&value, report)),
        (None, None) if root.get("spec").is_some() || root.get("metadata").is_some() => {
            ("spec 1.0".to_owned(), form_b::product(&value, report))
        }
        _ => {
            unknown(root, api, kind, report);
            return (None, None);
        }
    };
    (Some(form), parts.product(report))
}

fn unknown(root: &Node, api: Option<&str>, kind: Option<&str>, report: &mut Report) {
    let at = |key| root.get(key).map_or(root.place, |node| node.place);
    let (place, message) = match (api, kind) {
        (Some("meshweave/v1"), Some(kind @ ("Mesh" | "Domain"))) => {
            (at("kind"), format!("`{kind}` is configuration of the mesh, not a contract"))
        }
        (Some("datamesh.io/v1" | "meshweave/v1"), Some(kind)) => {
            (at("kind"), format!("the kind `{kind}` is not known here"))
        }
        (Some(_), None) => (root.place, "`kind` is missing".to_owned()),
        (Some(api), Some(_)) => (at("apiVersion"), format!("the form `{api}` is not known")),
        (None, Some(_)) => (root.place, "`apiVersion` is missing".to_owned()),
        (None, None) => (root.place, "the document is none of the forms that are read".to_owned()),
    };
    let known = [
        "datamesh.io/v1",
        "meshweave/v1",
        "v3.2.0",
        "v1.1.0",
        "DataProduct",
        "View",
        "Materialization",
        "DataContract",
    ];
    let odd = [api, kind].into_iter().flatten().find(|word| !known.contains(word));
    let near = odd.and_then(|word| nearest(word, known).into_iter().next());
    let mend = near.map_or_else(|| FORMS.to_owned(), |near| format!("Did you mean `{near}`? {FORMS}"));
    report.error(place, code::UNKNOWN_FORM, message, mend);
}
