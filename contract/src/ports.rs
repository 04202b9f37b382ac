//! The tables of all output ports of a product, under the names that SQL has for them.
//!
//! The main port's tables keep their names; the main table bears the product's. The first table of a further port bears the
//! port's name, its other tables keep theirs. A name that an earlier table has (folded) gets the port's before it, then a number.
//!
//! Holds always: names are unique under folding, and a port that is added behind the others renames no table.
//!
//! Start reading at [`Product::sql_tables`].

use std::collections::HashSet;

use crate::model::{OutputPort, Product, Table};
use crate::name::{TableName, fold};
use crate::parse::slug;

/// One table of a product as SQL names it.
#[derive(Debug, Clone)]
pub struct SqlTable<'p> {
    /// `domain.product.<name>`; the first one is `domain.product`.
    pub name: TableName,
    /// The output port that it belongs to.
    pub port: &'p OutputPort,
    /// What the contract says of it.
    pub table: &'p Table,
}

impl Product {
    /// The tables of every output port, in order; the first is the main table.
    pub fn sql_tables(&self) -> Vec<SqlTable<'_>> {
        let mut taken = HashSet::new();
        let mut tables = Vec::new();
        for (at, port) in self.output_ports.iter().enumerate() {
            for (index, table) in port.tables.iter().enumerate() {
                let name = match (at, index) {
                    (0, _) => table.name.clone(),
                    (_, 0) => free(&taken, None, &port.name, &table.name),
                    _ => free(&taken, Some(&port.name), table.name.as_str(), &table.name),
                };
                taken.insert(fold(name.as_str()));
                tables.push(SqlTable { name, port, table });
            }
        }
        tables
    }

    /// What the contract says of the table that SQL calls so.
    pub fn sql_table(&self, name: &TableName) -> Option<&Table> {
        self.sql_tables().into_iter().find(|table| table.name == *name).map(|table| table.table)
    }
}

/// The first name that is free: `wanted`, `before-wanted`, `wanted-2`, ….
fn free(taken: &HashSet<String>, before: Option<&str>, wanted: &str, otherwise: &TableName) -> TableName {
    let numbered = (2_u32..).map(|number| format!("{wanted}-{number}"));
    let names = std::iter::once(wanted.to_owned()).chain(before.map(|port| format!("{port}-{wanted}"))).chain(numbered);
    // Of this many at least one is free.
    names
        .take(taken.len() + 3)
        // A free text that has no letter at all gives no name; its table keeps its own, which a number makes unique.
        .map(|name| slug(&name))
        .filter(|name| !taken.contains(&fold(name)))
        .find_map(|name| TableName::new(&name).ok())
        .unwrap_or_else(|| otherwise.clone())
}

#[cfg(test)]
mod tests {
    use crate::parse::{Text, parse_files};

    /// A product whose ports have these names, each with these tables.
    fn names(ports: &[(&str, &[&str])]) -> Vec<String> {
        let text = |file: &str, text: String| Text { text: text.into_bytes(), file: file.to_owned() };
        let said: String = ports
            .iter()
            .enumerate()
            .map(|(i, (name, _))| format!("  - {{name: \"{name}\", version: 1.0.0, contractId: c{i}}}\n"))
            .collect();
        let head = "apiVersion: v1.0.0\nkind: DataProduct\nid: x\nname: orders\ndomain: shop\nversion: 1.0.0\nstatus: active\n";
        let mut documents = vec![text("p.yaml", format!("{head}outputPorts:\n{said}"))];
        for (i, (_, tables)) in ports.iter().enumerate() {
            let table =
                |name: &&str| format!("  - name: {name}\n    properties: [{{name: id, logicalType: string}}]\n");
            let tables: String = tables.iter().map(table).collect();
            let head = format!("apiVersion: v3.1.0\nkind: DataContract\nid: c{i}\nversion: 1.0.0\nstatus: active\n");
            documents.push(text(&format!("c{i}.yaml"), format!("{head}schema:\n{tables}")));
        }
        let parsed = parse_files(&documents, None);
        let product = parsed.product.unwrap_or_else(|| panic!("{:#?}", parsed.problems));
        product.sql_tables().iter().map(|table| table.name.to_string()).collect()
    }

    #[test]
    fn the_first_port_gives_the_product_and_its_further_tables() {
        assert_eq!(names(&[("main", &["orders", "items"])]), ["orders", "items"]);
    }

    #[test]
    fn a_further_port_gives_its_name_to_its_first_table() {
        assert_eq!(names(&[("main", &["a"]), ("history", &["a", "days"])]), ["orders", "history", "days"]);
    }

    #[test]
    fn no_two_tables_fold_alike() {
        let ports: [(&str, &[&str]); 3] = [("x", &["orders", "items"]), ("Items", &["i", "ITEMS"]), ("orders", &["o"])];
        assert_eq!(names(&ports), ["orders", "items", "Items-2", "Items-ITEMS", "orders-2"]);
    }

    #[test]
    fn free_words_become_names() {
        assert_eq!(names(&[("main", &["a"]), ("daily sums (beta)", &["b"])]), ["orders", "daily-sums-beta"]);
    }
}
