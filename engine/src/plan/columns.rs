//! Gives every unquoted column name the spelling that the statement's products have, since the planner only lower-cases.
//!
//! In: a statement with resolved table names, and the columns of its tables. Out: the same statement, with `"orderId"` where
//! somebody wrote `orderid`, and with the planner's table names where columns are qualified by a product's name.
//!
//! Holds always:
//! - quoted names, function names and string literals are never touched;
//! - a name that folds to one spelling gets it everywhere, aliases included, so they stay consistent;
//! - a name that folds to several spellings must be one of them as typed, or the statement is refused with both.
//!
//! Start reading at [`spell`].

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::sql::sqlparser::ast::{
    ExceptSelectItem, ExcludeSelectItem, Expr, Ident, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, Query,
    RenameSelectItem, Select, SelectItem, SelectItemQualifiedWildcardKind, TableAlias, TableFactor, TableWithJoins,
    VisitMut, VisitorMut, WildcardAdditionalOptions,
};
use meshweave_contract::name::{alike, folded};

use crate::error::{Error, Result};
use crate::plan::names::{Scope, Source, normal, parts_of};
use crate::plan::parse;

/// Spells the columns of a scope.
///
/// - `schemas`: the columns of each of the scope's sources, same order.
///
/// # Errors
/// A name that may be several columns.
pub(super) fn spell(scope: &mut Scope, schemas: &[SchemaRef]) -> Result<()> {
    let Scope { statement, sources, aliases, .. } = scope;
    let Some(query) = parse::query_mut(statement) else { return Ok(()) };
    let mut own = OwnNames::default();
    let _ = VisitMut::visit(query, &mut own);
    let mut spelling = Spelling { sources, schemas, aliases, columns: spellings(schemas), own: own.0 };
    match VisitMut::visit(query, &mut spelling) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(*error),
    }
}

/// The spellings of one folded name.
struct Spellings<'a> {
    first: &'a str,
    /// Most names have one spelling.
    others: Vec<&'a str>,
}

impl<'a> Spellings<'a> {
    fn all(&self) -> impl Iterator<Item = &'a str> {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }

    fn find(&self, name: &str) -> Option<&'a str> {
        self.all().find(|spelled| *spelled == name)
    }

    fn add(&mut self, name: &'a str) {
        if self.find(name).is_none() {
            self.others.push(name);
        }
    }
}

/// Folded form to the spellings there are.
fn spellings(schemas: &[SchemaRef]) -> HashMap<Cow<'_, str>, Spellings<'_>> {
    let mut found: HashMap<Cow<'_, str>, Spellings<'_>> =
        HashMap::with_capacity(schemas.iter().map(|schema| schema.fields().len()).sum());
    for field in schemas.iter().flat_map(|schema| schema.fields()) {
        let (name, spelled) = (folded(field.name()), field.name().as_str());
        found.entry(name).or_insert_with(|| Spellings { first: spelled, others: Vec::new() }).add(spelled);
    }
    found
}

/// Collects the names that a statement gives itself, in the form the planner compares.
#[derive(Default)]
struct OwnNames(HashSet<Own>);

/// A name that a statement gives itself.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Own {
    name: String,
    quoted: bool,
}

impl OwnNames {
    fn add(&mut self, ident: &Ident) {
        self.0.insert(Own { name: normal(ident), quoted: ident.quote_style.is_some() });
    }
}

impl VisitorMut for OwnNames {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for item in &select.projection {
            match item {
                SelectItem::ExprWithAlias { alias, .. } => self.add(alias),
                SelectItem::ExprWithAliases { aliases, .. } => aliases.iter().for_each(|alias| self.add(alias)),
                SelectItem::UnnamedExpr(_) | SelectItem::QualifiedWildcard(..) | SelectItem::Wildcard(_) => {}
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            cte.alias.columns.iter().for_each(|column| self.add(&column.name));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        for column in alias_mut(factor).iter().flat_map(|alias| &alias.columns) {
            self.add(&column.name);
        }
        ControlFlow::Continue(())
    }
}

/// The alias of a table expression.
fn alias_mut(factor: &mut TableFactor) -> Option<&mut TableAlias> {
    match factor {
        TableFactor::Table { alias, .. }
        | TableFactor::Derived { alias, .. }
        | TableFactor::UNNEST { alias, .. }
        | TableFactor::Function { alias, .. }
        | TableFactor::TableFunction { alias, .. }
        | TableFactor::NestedJoin { alias, .. } => alias.as_mut(),
        _ => None,
    }
}

/// What names are compared with.
struct Spelling<'a> {
    sources: &'a [Source],
    schemas: &'a [SchemaRef],
    aliases: &'a HashMap<String, Vec<Option<usize>>>,
    columns: HashMap<Cow<'a, str>, Spellings<'a>>,
    own: HashSet<Own>,
}

/// What stands before a column.
enum Qualifier {
    /// So many parts name this source; they are to be replaced by its name when `rename` is set.
    Source { parts: usize, index: usize, rename: bool },
    /// One part is the alias of something derived.
    Derived,
    /// Nothing: the first part is a column.
    None,
}

impl Spelling<'_> {
    /// Spells a name that stands alone.
    fn ident(&self, ident: &mut Ident) -> Result<()> {
        if ident.quote_style.is_some() {
            return Ok(());
        }
        let Some(spellings) = self.columns.get(&folded(&ident.value)) else { return Ok(()) };
        let lower = ident.value.to_ascii_lowercase();
        let own = |quoted| !self.own.is_empty() && self.own.contains(&Own { name: lower.clone(), quoted });
        let only = spellings.others.is_empty().then_some(spellings.first);
        let chosen = match only {
            Some(only) => (only == lower || !own(true)).then_some(only),
            None => match spellings.find(&ident.value) {
                _ if own(true) => None,
                None if own(false) => None,
                None => return Err(several(ident, &spellings.all().collect())),
                typed => typed,
            },
        };
        if let Some(chosen) = chosen {
            set(ident, chosen);
        }
        Ok(())
    }

    /// Spells `qualifier.column.member`.
    fn compound(&self, idents: &mut Vec<Ident>) -> Result<()> {
        let at = match self.qualifier(idents) {
            Qualifier::Source { parts, index, rename } => {
                self.column_of(index, &mut idents[parts..])?;
                if rename {
                    let name = parts_of(&self.sources[index].reference);
                    idents.splice(..parts, name.iter().filter_map(|part| part.as_ident().cloned()));
                }
                return Ok(());
            }
            Qualifier::Derived => 1,
            Qualifier::None => 0,
        };
        match idents.get_mut(at) {
            Some(column) => {
                self.ident(column)?;
                let name = column.value.clone();
                let types = self.schemas.iter().filter_map(|schema| schema.field_with_name(&name).ok());
                if let Some(field) = types.take(1).next() {
                    members(field.data_type(), &mut idents[at + 1..]);
                }
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Spells a column of one source, and the members behind it.
    fn column_of(&self, index: usize, idents: &mut [Ident]) -> Result<()> {
        let [column, tail @ ..] = idents else { return Ok(()) };
        let schema = &self.schemas[index];
        if column.quote_style.is_none() {
            let names = schema.fields().iter().map(|field| field.name().as_str());
            let fits: BTreeSet<&str> = names.filter(|name| alike(name, &column.value)).collect();
            match fits.first() {
                Some(only) if fits.len() == 1 => set(column, only),
                Some(_) => match fits.get(column.value.as_str()) {
                    Some(typed) => set(column, typed),
                    None => return Err(several(column, &fits)),
                },
                None => {}
            }
        }
        if let Ok(field) = schema.field_with_name(&column.value) {
            members(field.data_type(), tail);
        }
        Ok(())
    }

    /// Finds what the first parts of a compound name stand for; the longest reading that leaves a column wins.
    fn qualifier(&self, idents: &[Ident]) -> Qualifier {
        for parts in (2..idents.len().min(5)).rev() {
            if let Some(index) = self.source(&idents[..parts], Some(&idents[parts])) {
                return Qualifier::Source { parts, index, rename: true };
            }
        }
        let Some(first) = idents.first() else { return Qualifier::None };
        if let Some(meanings) = self.aliases.get(&normal(first)) {
            return match meanings.as_slice() {
                [Some(index)] => Qualifier::Source { parts: 1, index: *index, rename: false },
                _ => Qualifier::Derived,
            };
        }
        let column = idents.get(1);
        match self.source(&idents[..1], column).or_else(|| self.source(&idents[..1], None)) {
            Some(index) => Qualifier::Source { parts: 1, index, rename: true },
            None => Qualifier::None,
        }
    }

    /// The one source that stands without an alias, bears the name, and has the column.
    fn source(&self, name: &[Ident], column: Option<&Ident>) -> Option<usize> {
        let bears = |source: &Source| {
            source.unaliased
                && source.forms.iter().any(|form| {
                    form.len() == name.len() && form.iter().zip(name).all(|(form, ident)| same(ident, form))
                })
        };
        let has = |index: usize| {
            column.is_none_or(|column| self.schemas[index].fields().iter().any(|field| same(column, field.name())))
        };
        let mut found = (0..self.sources.len()).filter(|index| bears(&self.sources[*index]) && has(*index));
        match (found.next(), found.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    }

    fn name(&self, name: &mut ObjectName) -> Result<()> {
        match name.0.as_mut_slice() {
            [ObjectNamePart::Identifier(only)] => self.ident(only),
            _ => Ok(()),
        }
    }

    fn item(&self, item: &mut SelectItem) -> Result<()> {
        match item {
            SelectItem::UnnamedExpr(_) => Ok(()),
            SelectItem::ExprWithAlias { alias, .. } => self.ident(alias),
            SelectItem::ExprWithAliases { aliases, .. } => aliases.iter_mut().try_for_each(|alias| self.ident(alias)),
            SelectItem::Wildcard(options) => self.wildcard(options),
            SelectItem::QualifiedWildcard(kind, options) => {
                if let SelectItemQualifiedWildcardKind::ObjectName(name) = kind {
                    self.star(name);
                }
                self.wildcard(options)
            }
        }
    }

    /// `commerce.orders.*`.
    fn star(&self, name: &mut ObjectName) {
        let idents: Vec<Ident> = name.0.iter().filter_map(|part| part.as_ident().cloned()).collect();
        let is_alias = matches!(idents.as_slice(), [only] if self.aliases.contains_key(&normal(only)));
        if !is_alias && let Some(index) = self.source(&idents, None) {
            name.0 = parts_of(&self.sources[index].reference);
        }
    }

    fn wildcard(&self, options: &mut WildcardAdditionalOptions) -> Result<()> {
        match &mut options.opt_exclude {
            Some(ExcludeSelectItem::Single(name)) => self.name(name)?,
            Some(ExcludeSelectItem::Multiple(names)) => names.iter_mut().try_for_each(|name| self.name(name))?,
            None => {}
        }
        if let Some(ExceptSelectItem { first_element, additional_elements }) = &mut options.opt_except {
            self.ident(first_element)?;
            additional_elements.iter_mut().try_for_each(|ident| self.ident(ident))?;
        }
        if let Some(replace) = &mut options.opt_replace {
            replace.items.iter_mut().try_for_each(|item| self.ident(&mut item.column_name))?;
        }
        match &mut options.opt_rename {
            Some(RenameSelectItem::Single(one)) => self.ident(&mut one.ident).and_then(|()| self.ident(&mut one.alias)),
            Some(RenameSelectItem::Multiple(many)) => {
                many.iter_mut().try_for_each(|one| self.ident(&mut one.ident).and_then(|()| self.ident(&mut one.alias)))
            }
            None => Ok(()),
        }
    }

    fn joins(&self, tables: &mut [TableWithJoins]) -> Result<()> {
        for join in tables.iter_mut().flat_map(|table| &mut table.joins) {
            if let Some(JoinConstraint::Using(names)) = constraint_mut(&mut join.join_operator) {
                names.iter_mut().try_for_each(|name| self.name(name))?;
            }
        }
        Ok(())
    }

    fn expr(&self, expr: &mut Expr) -> Result<()> {
        match expr {
            Expr::Identifier(ident) => self.ident(ident),
            Expr::CompoundIdentifier(idents) => self.compound(idents),
            Expr::QualifiedWildcard(name, _) => {
                self.star(name);
                Ok(())
            }
            Expr::Lambda(lambda) => match &mut lambda.params {
                datafusion::sql::sqlparser::ast::OneOrManyWithParens::One(one) => self.ident(&mut one.name),
                datafusion::sql::sqlparser::ast::OneOrManyWithParens::Many(many) => {
                    many.iter_mut().try_for_each(|parameter| self.ident(&mut parameter.name))
                }
            },
            _ => Ok(()),
        }
    }
}

/// Whether an identifier names `spelled`: quoted exactly, unquoted folded.
fn same(ident: &Ident, spelled: &str) -> bool {
    match ident.quote_style {
        Some(_) => ident.value == spelled,
        None => alike(&ident.value, spelled),
    }
}

/// Writes a spelling so that the planner takes it as it is.
fn set(ident: &mut Ident, spelled: &str) {
    ident.value.clear();
    ident.value.push_str(spelled);
    ident.quote_style = Some('"');
}

/// Spells the members of structs behind a column.
fn members(data_type: &DataType, idents: &mut [Ident]) {
    let ([member, rest @ ..], DataType::Struct(fields)) = (idents, data_type) else { return };
    let mut fits = fields.iter().filter(|field| same(member, field.name()));
    if let (Some(field), None) = (fits.next(), fits.next()) {
        set(member, field.name());
        members(field.data_type(), rest);
    }
}

fn several(ident: &Ident, spellings: &BTreeSet<&str>) -> Error {
    let quoted: Vec<String> = spellings.iter().map(|name| format!("\"{name}\"")).collect();
    Error::invalid_query_hint(
        format!("column {} may be {}", ident.value, quoted.join(" or ")),
        "Write the one you mean in double quotes.",
    )
}

fn constraint_mut(operator: &mut JoinOperator) -> Option<&mut JoinConstraint> {
    match operator {
        JoinOperator::Join(c)
        | JoinOperator::Inner(c)
        | JoinOperator::Left(c)
        | JoinOperator::LeftOuter(c)
        | JoinOperator::Right(c)
        | JoinOperator::RightOuter(c)
        | JoinOperator::FullOuter(c)
        | JoinOperator::CrossJoin(c)
        | JoinOperator::Semi(c)
        | JoinOperator::LeftSemi(c)
        | JoinOperator::RightSemi(c)
        | JoinOperator::Anti(c)
        | JoinOperator::LeftAnti(c)
        | JoinOperator::RightAnti(c) => Some(c),
        _ => None,
    }
}

fn flow(result: Result<()>) -> ControlFlow<Box<Error>> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(Box::new(error)),
    }
}

impl VisitorMut for Spelling<'_> {
    type Break = Box<Error>;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Box<Error>> {
        let mut ctes = query.with.iter_mut().flat_map(|with| &mut with.cte_tables);
        flow(ctes.try_for_each(|cte| cte.alias.columns.iter_mut().try_for_each(|column| self.ident(&mut column.name))))
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Box<Error>> {
        let items = select.projection.iter_mut().try_for_each(|item| self.item(item));
        flow(items.and_then(|()| self.joins(&mut select.from)))
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Box<Error>> {
        if let TableFactor::NestedJoin { table_with_joins, .. } = factor
            && let Err(error) = self.joins(std::slice::from_mut(table_with_joins))
        {
            return ControlFlow::Break(Box::new(error));
        }
        let columns = alias_mut(factor).map(|alias| &mut alias.columns);
        flow(columns.into_iter().flatten().try_for_each(|column| self.ident(&mut column.name)))
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Box<Error>> {
        flow(self.expr(expr))
    }
}
