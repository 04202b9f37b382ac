//! Which products a text of SQL names, without asking the policy and without planning: for those who must know whom a change
//! would break.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::{ObjectName, Query, Visit, Visitor};

use super::parse::{self, Request};
use super::tokens::MARK;
use crate::catalog::{CatalogSnapshot, Entry, NamePart, Resolved};

/// Longest text that is looked at, bytes.
const LONGEST: u64 = 1 << 20;

/// The products that a query names, each once; those that do not exist are left out.
///
/// - `schema`: the domain that names without one belong to.
pub(crate) fn names_in(snapshot: &CatalogSnapshot, sql: &str, schema: &str) -> Vec<Arc<Entry>> {
    let Ok(Request::Query(parsed)) = parse::parse(sql, LONGEST) else { return Vec::new() };
    let DfStatement::Statement(statement) = &parsed.statement else { return Vec::new() };
    let mut names = Names::default();
    let _ = statement.visit(&mut names);
    let mut found: Vec<Arc<Entry>> = Vec::new();
    for name in &names.tables {
        if let [only] = name.as_slice()
            && names.defined.contains(&only.text.to_lowercase())
        {
            continue;
        }
        if let Ok(Resolved::Product { entry, .. }) = snapshot.resolve(name, Some(schema), &|_| true)
            && !found.iter().any(|known| known.id() == entry.id())
        {
            found.push(entry);
        }
    }
    found
}

/// What a statement names in the place of a table, and what it defines in `WITH`.
#[derive(Default)]
struct Names {
    tables: Vec<Vec<NamePart>>,
    defined: HashSet<String>,
}

impl Visitor for Names {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let with = query.with.iter().flat_map(|with| &with.cte_tables);
        self.defined.extend(with.map(|table| table.alias.name.value.to_lowercase()));
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
        let parts = name.0.iter().filter_map(|part| part.as_ident());
        let parts = parts.filter(|part| !part.value.starts_with(MARK));
        let part = |ident: &datafusion::sql::sqlparser::ast::Ident| NamePart {
            text: ident.value.clone(),
            quoted: ident.quote_style.is_some(),
        };
        self.tables.push(parts.map(part).collect());
        ControlFlow::Continue(())
    }
}
