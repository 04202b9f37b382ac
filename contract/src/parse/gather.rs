//! Puts documents together that belong together: a product document and the contracts of its output ports.
//!
//! In: documents in any order. Out: one [`Bundle`] per product version, in the order of the documents.
//! Holds always: a contract that a product document refers to does not stand for a product of its own; nothing is left out.
//!
//! Start reading at [`gather`].

use std::cell::RefCell;

use super::node::Node;
use super::report::Report;
use super::{ContractRef, Parsed, Surroundings, Text, odps, parse, parse_files, parse_with, text};

/// The folder of a product document's contracts is named like the document, with this ending in the place of its own.
pub const CONTRACTS: &str = ".contracts";

/// The documents of one product version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// What says who the product is.
    pub main: Text,
    /// The contracts of its output ports, as far as they are at hand; none for every other form than a product document.
    pub contracts: Vec<Text>,
}

impl Bundle {
    /// Reads the product version; problems of a contract bear the name of its own file.
    pub fn parse(&self) -> Parsed {
        if self.contracts.is_empty() {
            return parse(&self.main.text, &self.main.file);
        }
        let documents: Vec<Text> = std::iter::once(&self.main).chain(&self.contracts).cloned().collect();
        parse_files(&documents, None)
    }
}

/// What a document says of itself, before it is read.
struct Head<'t> {
    text: &'t Text,
    /// Whether it is a product document, which refers to contracts.
    is_product: bool,
    id: Option<String>,
    version: Option<String>,
}

impl<'t> Head<'t> {
    fn of(text: &'t Text) -> Self {
        let root = text::read(&text.text, &text.file, &mut Report::new(&text.file));
        let said = |key: &str| root.as_ref().and_then(|root| root.get(key)).and_then(Node::scalar).map(str::to_owned);
        let is_odcs = said("kind").as_deref() == Some("DataContract");
        // Only these two kinds are looked for by what they say; an `id` of another form means nothing here.
        let of_contract = |key: &str| if is_odcs { said(key) } else { None };
        let is_odps = said("apiVersion").is_some_and(|api| odps::is_known(&api));
        let is_product = is_odps && said("kind").as_deref() == Some("DataProduct");
        Self { text, is_product, id: of_contract("id"), version: of_contract("version") }
    }

    fn refers(&self) -> bool {
        self.is_product
    }
}

/// Puts product documents together with their contracts; every other document stays alone.
///
/// Of several contracts with the identifier that is asked for, the one with the port's version is taken, then the one that
/// lies nearest: in the document's own folder of contracts, then beside it.
///
/// - `documents`: `n` of them, any order; those that cannot be read stay alone.
/// - `beside`: documents that count where a product document refers to them, and not by themselves.
/// - returns `m <= n` bundles; a contract that two products refer to stands in both.
///
/// Cost: every document is read once, product documents twice.
pub fn gather(documents: &[Text], beside: &[Text]) -> Vec<Bundle> {
    let heads: Vec<Head<'_>> = documents.iter().chain(beside).map(Head::of).collect();
    let bundles: Vec<Option<Vec<usize>>> =
        heads[..documents.len()].iter().map(|head| head.refers().then(|| referred(head, &heads))).collect();
    let is_taken = |index: usize| bundles.iter().flatten().any(|contracts| contracts.contains(&index));
    let together = |(index, contracts): (usize, &Option<Vec<usize>>)| {
        let main = heads[index].text.clone();
        match contracts {
            Some(found) => Some(Bundle { main, contracts: found.iter().map(|i| heads[*i].text.clone()).collect() }),
            None if is_taken(index) => None,
            None => Some(Bundle { main, contracts: Vec::new() }),
        }
    };
    bundles.iter().enumerate().filter_map(together).collect()
}

/// Whether a document is a product document, whose contracts are other documents.
pub fn refers(document: &Text) -> bool {
    Head::of(document).refers()
}

/// The contract among `documents` that is asked for; see [`gather`].
///
/// - `near`: the file of the document that asks.
pub(super) fn find(documents: &[Text], near: &str, wanted: &ContractRef<'_>) -> Option<Text> {
    let heads: Vec<Head<'_>> = documents.iter().map(Head::of).collect();
    best(&heads, near, wanted).map(|index| heads[index].text.clone())
}

/// Which documents a product document refers to, each once, in its order.
fn referred(product: &Head<'_>, heads: &[Head<'_>]) -> Vec<usize> {
    let found = RefCell::new(Vec::new());
    let contracts = |wanted: &ContractRef<'_>| {
        let index = best(heads, &product.text.file, wanted)?;
        let mut found = found.borrow_mut();
        if !found.contains(&index) {
            found.push(index);
        }
        Some(heads[index].text.clone())
    };
    parse_with(&product.text.text, &product.text.file, &Surroundings { domain: None, contracts: &contracts });
    found.into_inner()
}

fn best(heads: &[Head<'_>], near: &str, wanted: &ContractRef<'_>) -> Option<usize> {
    let home = own_folder(near);
    let fits = |head: &Head<'_>| {
        let same_version = wanted.version.is_some() && head.version.as_deref() == wanted.version;
        (same_version, common(&home, &head.text.file))
    };
    let named = heads.iter().enumerate().filter(|(_, head)| head.id.as_deref() == Some(wanted.id));
    // Of equals the first is taken.
    named.rev().max_by_key(|(_, head)| fits(head)).map(|(index, _)| index)
}

/// The folder that is made for a document's contracts: `…/1.0.0.contracts/` for `…/1.0.0.yaml`.
fn own_folder(file: &str) -> String {
    let stem = match file.rsplit_once('.') {
        Some((stem, ending)) if !ending.contains('/') => stem,
        _ => file,
    };
    format!("{stem}{CONTRACTS}/")
}

/// How many bytes two paths have in common at their beginning.
fn common(one: &str, other: &str) -> usize {
    one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(file: &str, text: &str) -> Text {
        Text { text: text.as_bytes().to_vec(), file: file.to_owned() }
    }

    fn product(file: &str, ports: &[(&str, &str)]) -> Text {
        let port = |(id, version): &(&str, &str)| format!("  - {{name: p, version: {version}, contractId: {id}}}\n");
        let ports: String = ports.iter().map(port).collect();
        let head = "apiVersion: v1.0.0\nkind: DataProduct\nid: x\nname: orders\ndomain: shop\nversion: 1.0.0\nstatus: active\n";
        document(file, &format!("{head}outputPorts:\n{ports}"))
    }

    fn contract(file: &str, id: &str, version: &str) -> Text {
        let head = format!("apiVersion: v3.1.0\nkind: DataContract\nid: {id}\nversion: {version}\nstatus: active\n");
        document(file, &format!("{head}schema: []\n"))
    }

    fn check(documents: &[Text], expected: &[(&str, &[&str])]) {
        let bundles = gather(documents, &[]);
        let found: Vec<(&str, Vec<&str>)> = bundles
            .iter()
            .map(|b| (b.main.file.as_str(), b.contracts.iter().map(|c| c.file.as_str()).collect()))
            .collect();
        let expected: Vec<(&str, Vec<&str>)> = expected.iter().map(|(main, all)| (*main, all.to_vec())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn contracts_go_with_the_product_that_refers_to_them() {
        let documents = [
            contract("a.yaml", "one", "1.0.0"),
            product("p.yaml", &[("one", "1.0.0")]),
            contract("b.yaml", "two", "1.0.0"),
        ];
        check(&documents, &[("p.yaml", &["a.yaml"]), ("b.yaml", &[])]);
    }

    #[test]
    fn the_ports_version_decides_then_the_nearest_file() {
        let documents = [
            contract("d/1.0.0.contracts/o.yaml", "one", "1.0.0"),
            contract("d/2.0.0.contracts/o.yaml", "one", "1.0.0"),
            contract("d/elsewhere.yaml", "one", "9.0.0"),
            product("d/2.0.0.yaml", &[("one", "3.0.0")]),
            product("d/3.0.0.yaml", &[("one", "9.0.0")]),
        ];
        let expected: [(&str, &[&str]); 3] = [
            ("d/1.0.0.contracts/o.yaml", &[]),
            ("d/2.0.0.yaml", &["d/2.0.0.contracts/o.yaml"]),
            ("d/3.0.0.yaml", &["d/elsewhere.yaml"]),
        ];
        check(&documents, &expected);
    }

    #[test]
    fn what_lies_beside_does_not_stand_by_itself() {
        let beside = [contract("a.yaml", "one", "1.0.0"), contract("b.yaml", "two", "1.0.0")];
        let bundles = gather(&[product("p.yaml", &[("one", "1.0.0")])], &beside);
        assert_eq!(bundles.len(), 1);
        assert_eq!(bundles[0].contracts, [beside[0].clone()]);
    }

    #[test]
    fn what_cannot_be_read_stays_alone() {
        check(&[document("torn.yaml", "kind: ["), document("x.json", "{}")], &[("torn.yaml", &[]), ("x.json", &[])]);
    }
}
