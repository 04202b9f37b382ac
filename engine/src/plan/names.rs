//! Finds every table name of a statement, resolves it against one snapshot, and gives it the name that the planner sees.
//!
//! In: a parsed statement. Out: the same statement with `"domain"."product"` names, and what each of them stands for
//! ([`Scope`]), the tables to pin ([`Wanted`]) and the views to expand ([`View`]).
//!
//! Holds always:
//! - the name of a WITH query hides a product, exactly where SQL says it is in scope;
//! - one internal name per table and point in time in a scope; names are those a reader knows, so they may show in plans;
//! - the policy decides on a product before anything else is done with it;
//! - every `AS OF` clause is used by exactly one name, or the statement is refused.
//!
//! Start reading at [`Resolver::scope`].

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::{
    Ident, ObjectName, ObjectNamePart, Query, TableAlias, TableFactor, VisitMut, VisitorMut, With,
};
use meshweave_contract::model::Body;
use meshweave_contract::name::{ProductId, alike};

use crate::catalog::{CatalogSnapshot, Entry, NamePart, Resolved};
use crate::connect::AsOf;
use crate::error::{Error, Failure, Result};
use crate::observe::log::QueryLog;
use crate::observe::table::LogTable;
use crate::plan::decide::Decisions;
use crate::plan::parse::{self, Parsed, Request};
use crate::plan::tokens::{MARK, Style};
use crate::temp::{Change, TEMP, TempSchema, TempTable};

/// How deeply views may stand on views.
const VIEW_DEPTH: usize = 16;

/// One statement (or one view's definition) with resolved names.
#[derive(Debug)]
pub(super) struct Scope {
    /// With the planner's names.
    pub(super) statement: DfStatement,
    /// Its parameters.
    pub(super) parameters: Style,
    /// What the planner's names stand for.
    pub(super) sources: Vec<Source>,
    /// Aliases of tables and names of WITH queries, normalised, with the sources they stand for (none: something derived).
    pub(super) aliases: HashMap<String, Vec<Option<usize>>>,
    /// The table that an `INSERT` names; its columns are no part of the statement's query.
    pub(super) into: Option<(TableReference, Arc<dyn TableProvider>)>,
}

/// One table of a scope.
#[derive(Debug)]
pub(super) struct Source {
    /// The planner's name.
    pub(super) reference: TableReference,
    /// What it is.
    pub(super) target: Target,
    /// What a column may be qualified with, part by part.
    pub(super) forms: Vec<Vec<String>>,
    /// Whether it stands somewhere without an alias.
    pub(super) unaliased: bool,
}

/// What a name stands for.
#[derive(Debug, Clone)]
pub(super) enum Target {
    /// A stored table: index in [`Resolution::wanted`].
    Table(usize),
    /// A view: index in [`Resolution::views`].
    View(usize),
    /// A system table or a temporary one, ready to be read.
    Ready(Arc<dyn TableProvider>),
}

impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Table(a), Self::Table(b)) | (Self::View(a), Self::View(b)) => a == b,
            _ => false,
        }
    }
}

/// A stored table at a point in time; pinned once per statement.
#[derive(Debug)]
pub(super) struct Wanted {
    /// The product version.
    pub(super) entry: Arc<Entry>,
    /// Index in [`Entry::tables`].
    pub(super) table: usize,
    /// `domain.product@major`.
    pub(super) key: String,
    /// Which state.
    pub(super) as_of: AsOf,
}

/// A view's definition.
#[derive(Debug)]
pub(super) struct View {
    /// Whose it is.
    pub(super) entry: Arc<Entry>,
    /// Its definition.
    pub(super) scope: Scope,
}

/// Everything a statement stands on.
#[derive(Debug)]
pub(super) struct Resolution {
    /// The statement.
    pub(super) scope: Scope,
    /// Stored tables, in the order of their first use.
    pub(super) wanted: Vec<Wanted>,
    /// Views, each after those it stands on.
    pub(super) views: Vec<View>,
    /// What is done with the statement's rows, when it writes.
    pub(super) change: Option<Change>,
}

/// Resolves the names of one statement and of the views below it.
pub(super) struct Resolver<'a> {
    snapshot: &'a CatalogSnapshot,
    decisions: &'a Decisions<'a>,
    log: &'a Arc<QueryLog>,
    statement_bytes: u64,
    /// The session's own tables.
    temp: Option<&'a Arc<TempSchema>>,
    wanted: Vec<Wanted>,
    views: Vec<View>,
    view_of: HashMap<String, usize>,
    open: Vec<ProductId>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(
        snapshot: &'a CatalogSnapshot,
        decisions: &'a Decisions<'a>,
        log: &'a Arc<QueryLog>,
        statement_bytes: u64,
        temp: Option<&'a Arc<TempSchema>>,
    ) -> Self {
        Self {
            snapshot,
            decisions,
            log,
            statement_bytes,
            temp,
            wanted: Vec::new(),
            views: Vec::new(),
            view_of: HashMap::new(),
            open: Vec::new(),
        }
    }

    /// Resolves a statement.
    ///
    /// # Errors
    /// Names that lead nowhere, refusals of the policy, time travel that cannot be.
    pub(super) fn resolve(mut self, parsed: Parsed, default_schema: Option<&str>) -> Result<Resolution> {
        let scope = self.scope(parsed, default_schema)?;
        Ok(Resolution { scope, wanted: self.wanted, views: self.views, change: None })
    }

    /// The session's own table that a name means: `x`, `temp.x` or `catalog.temp.x`. Views of the mesh never see one.
    ///
    /// # Errors
    /// The schema `temp` is named, and has no such table.
    pub(super) fn temporary(&self, parts: &[NamePart]) -> Result<Option<Arc<TempTable>>> {
        if !self.open.is_empty() {
            return Ok(None);
        }
        let Some((table, is_explicit)) = self.in_temp(parts) else { return Ok(None) };
        let found = self.temp.and_then(|temp| temp.find(table));
        match (found, self.temp) {
            (None, Some(temp)) if is_explicit => Err(temp.no_table(&table.text)),
            (None, None) if is_explicit => Err(super::write::no_session()),
            (found, _) => Ok(found),
        }
    }

    /// The table's part of a name that may mean a temporary table, and whether the schema is named.
    pub(super) fn in_temp<'n>(&self, parts: &'n [NamePart]) -> Option<(&'n NamePart, bool)> {
        let means = |part: &NamePart, name: &str| {
            if part.quoted { part.text == name } else { alike(&part.text, name) }
        };
        match parts {
            [table] => Some((table, false)),
            [schema, table] if means(schema, TEMP) => Some((table, true)),
            [catalog, schema, table] if means(schema, TEMP) && means(catalog, &self.snapshot.catalog_name) => {
                Some((table, true))
            }
            _ => None,
        }
    }

    fn scope(&mut self, parsed: Parsed, default_schema: Option<&str>) -> Result<Scope> {
        let Parsed { mut statement, parameters, as_of } = parsed;
        let mut relations = Relations {
            resolver: self,
            default_schema,
            as_of: as_of.into_iter().map(Some).collect(),
            sources: Vec::new(),
            aliases: HashMap::new(),
            ctes: Vec::new(),
            frames: Vec::new(),
        };
        if let Some(query) = parse::query_mut(&mut statement)
            && let ControlFlow::Break(error) = VisitMut::visit(query, &mut relations)
        {
            return Err(*error);
        }
        let Relations { as_of, sources, aliases, .. } = relations;
        if as_of.iter().any(Option::is_some) {
            return Err(Error::invalid_query_hint(
                "an AS OF clause does not follow a data product",
                "Write it after the product's name: FROM commerce.orders VERSION AS OF 12.",
            ));
        }
        Ok(Scope { statement, parameters, sources, aliases, into: None })
    }

    /// Finds what a name stands for, and its planner's name before it is made unique.
    fn find(&mut self, parts: &[NamePart], default_schema: Option<&str>, as_of: AsOf) -> Result<Found> {
        if let Some(table) = self.temporary(parts)? {
            return self.own(&table, &as_of);
        }
        let visible = |product: &_| self.decisions.visible(product);
        match self.snapshot.resolve(parts, default_schema, &visible)? {
            Resolved::Product { entry, table } => {
                self.decisions.read(&entry)?;
                let schema = entry.id().name.domain.to_string();
                let name = match table {
                    0 => entry.id().name.product.to_string(),
                    _ => format!("{}.{}", entry.id().name.product, entry.tables[table].name),
                };
                let forms = self.forms(&entry, table, parts);
                let version = format!("{name}@{}", entry.id().version.major);
                let exact = format!("{version} {}", in_words(&as_of));
                let names = vec![name, version, exact];
                let target = self.target(&entry, table, as_of)?;
                Ok(Found { schema, names, forms, target })
            }
            Resolved::System(name) => self.system("mesh", name, &as_of),
            Resolved::InformationSchema(name) => self.system("information_schema", name, &as_of),
        }
    }

    fn own(&self, table: &TempTable, as_of: &AsOf) -> Result<Found> {
        if *as_of != AsOf::Latest {
            let what = format!("time travel on {TEMP}.{}", table.name());
            return Err(Failure::Unsupported { what, hint: None }.into());
        }
        let full = [self.snapshot.catalog_name.clone(), TEMP.to_owned(), table.name().to_owned()];
        Ok(Found {
            schema: TEMP.to_owned(),
            names: vec![table.name().to_owned()],
            forms: suffixes(&full).collect(),
            target: Target::Ready(table.provider()?),
        })
    }

    fn forms(&self, entry: &Entry, table: usize, written: &[NamePart]) -> Vec<Vec<String>> {
        let name = &entry.id().name;
        let mut full = vec![self.snapshot.catalog_name.clone(), name.domain.to_string(), name.product.to_string()];
        if table != 0 {
            full.push(entry.tables[table].name.to_string());
        }
        let written: Vec<String> = written.iter().map(|part| part.text.clone()).collect();
        suffixes(&full).chain(suffixes(&written)).collect()
    }

    fn target(&mut self, entry: &Arc<Entry>, table: usize, as_of: AsOf) -> Result<Target> {
        match &entry.product.body {
            Body::Stored => self.table(entry, table, as_of).map(Target::Table),
            Body::View { sql } | Body::Materialization { sql, .. } => {
                if as_of != AsOf::Latest {
                    return Err(Failure::Unsupported {
                        what: format!("time travel on the view {}", entry.id().name),
                        hint: Some("Travel in time on the products it is made from.".to_owned()),
                    }
                    .into());
                }
                self.view(entry, sql).map(Target::View)
            }
        }
    }

    fn table(&mut self, entry: &Arc<Entry>, table: usize, as_of: AsOf) -> Result<usize> {
        if entry.tables.get(table).is_none_or(|t| t.schema.is_none()) {
            return Err(Failure::ContractBroken {
                product: entry.id().name.to_string(),
                message: "its columns are not known yet".to_owned(),
                hint: Some("`SELECT * FROM mesh.problems` says why.".to_owned()),
            }
            .into());
        }
        let resolved = Resolved::Product { entry: Arc::clone(entry), table };
        let key = resolved.key().unwrap_or_default();
        let known = self.wanted.iter().position(|wanted| wanted.key == key && wanted.as_of == as_of);
        Ok(known.unwrap_or_else(|| {
            self.wanted.push(Wanted { entry: Arc::clone(entry), table, key, as_of });
            self.wanted.len() - 1
        }))
    }

    fn view(&mut self, entry: &Arc<Entry>, sql: &str) -> Result<usize> {
        let id = entry.id();
        if let Some(known) = self.view_of.get(&id.to_string()) {
            return Ok(*known);
        }
        let broken = |message: String| -> Error {
            Failure::ContractBroken { product: id.name.to_string(), message, hint: None }.into()
        };
        if self.open.contains(id) {
            let path: Vec<String> = self.open.iter().map(|id| id.name.to_string()).collect();
            return Err(broken(format!("the view stands on itself: {} -> {}", path.join(" -> "), id.name)));
        }
        if self.open.len() >= VIEW_DEPTH {
            return Err(broken(format!("views stand on views more than {VIEW_DEPTH} deep")));
        }
        let parsed = match parse::parse(sql, self.statement_bytes) {
            Ok(Request::Query(parsed)) if matches!(parsed.statement, DfStatement::Statement(_)) => parsed,
            Ok(Request::Write(write)) => {
                return Err(broken(format!("its definition is not a query: it begins with {}", write.words())));
            }
            Ok(_) => return Err(broken("its definition is not a query".to_owned())),
            Err(error) => return Err(broken(format!("its definition is wrong: {error}"))),
        };
        if parsed.parameters != Style::None {
            return Err(broken("its definition has parameters".to_owned()));
        }
        self.open.push(id.clone());
        let scope = self.scope(parsed, Some(id.name.domain.as_str()));
        self.open.pop();
        self.views.push(View { entry: Arc::clone(entry), scope: scope? });
        let index = self.views.len() - 1;
        self.view_of.insert(id.to_string(), index);
        Ok(index)
    }

    fn system(&self, schema: &str, name: String, as_of: &AsOf) -> Result<Found> {
        if *as_of != AsOf::Latest {
            return Err(Failure::Unsupported { what: format!("time travel on {schema}.{name}"), hint: None }.into());
        }
        let visible = |product: &_| self.decisions.visible(product);
        let provider: Arc<dyn TableProvider> = match (schema, name.as_str()) {
            ("mesh", "queries") => Arc::new(LogTable::new(self.log, self.decisions.queries(self.snapshot))),
            ("mesh", "drift") => Arc::new(LogTable::new(self.log, self.decisions.drift(self.snapshot))),
            _ => super::system::provider(self.snapshot, schema, &name, &visible, self.temp)?,
        };
        let full = [self.snapshot.catalog_name.clone(), schema.to_owned(), name.clone()];
        Ok(Found {
            schema: schema.to_owned(),
            names: vec![name],
            forms: suffixes(&full).collect(),
            target: Target::Ready(provider),
        })
    }
}

/// All endings of a name, longest first.
fn suffixes(full: &[String]) -> impl Iterator<Item = Vec<String>> + '_ {
    (0..full.len()).map(|from| full[from..].to_vec())
}

/// A point in time in words; different points have different words.
pub(super) fn in_words(as_of: &AsOf) -> String {
    match as_of {
        AsOf::Latest => "latest".to_owned(),
        AsOf::Number(number) => format!("version as of {number}"),
        AsOf::Timestamp(micros) => match jiff::Timestamp::from_microsecond(*micros) {
            Ok(moment) => format!("timestamp as of {moment}"),
            Err(_) => format!("timestamp as of {micros}"),
        },
        AsOf::Recorded { version, .. } => format!("recorded {version:?}"),
    }
}

/// What a name was found to stand for.
struct Found {
    schema: String,
    /// Names to choose from; the first that nothing else in the scope bears is taken.
    names: Vec<String>,
    forms: Vec<Vec<String>>,
    target: Target,
}

/// Walks one statement with the names that are in scope.
struct Relations<'r, 'a> {
    resolver: &'r mut Resolver<'a>,
    default_schema: Option<&'r str>,
    as_of: Vec<Option<AsOf>>,
    sources: Vec<Source>,
    aliases: HashMap<String, Vec<Option<usize>>>,
    /// Names of the WITH queries in scope.
    ctes: Vec<String>,
    /// What to put back when a query has been left.
    frames: Vec<(Option<With>, usize)>,
}

/// The form under which the planner compares a name.
pub(super) fn normal(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_ascii_lowercase() }
}

impl Relations<'_, '_> {
    fn enter(&mut self, query: &mut Query) -> Result<()> {
        let before = self.ctes.len();
        let mut with = query.with.take();
        if let Some(with) = &mut with {
            for cte in &mut with.cte_tables {
                let name = normal(&cte.alias.name);
                if name.contains('.') {
                    return Err(Error::invalid_query(format!(
                        "the WITH query \"{name}\" may not have a point in its name"
                    )));
                }
                self.aliases.entry(name.clone()).or_default().push(None);
                if with.recursive {
                    self.ctes.push(name.clone());
                }
                if let ControlFlow::Break(error) = VisitMut::visit(&mut cte.query, self) {
                    return Err(*error);
                }
                if !with.recursive {
                    self.ctes.push(name);
                }
            }
        }
        self.frames.push((with, before));
        Ok(())
    }

    fn factor(&mut self, factor: &mut TableFactor) -> Result<()> {
        match factor {
            TableFactor::Table {
                name,
                alias,
                args,
                with_hints,
                version,
                with_ordinality,
                partitions,
                json_path,
                sample,
                index_hints,
            } => {
                refuse(&[
                    (!with_hints.is_empty() || !index_hints.is_empty(), "a table hint"),
                    (version.is_some(), "this form of time travel"),
                    (*with_ordinality, "WITH ORDINALITY"),
                    (!partitions.is_empty(), "PARTITION"),
                    (json_path.is_some(), "a path into a table"),
                    (sample.is_some(), "TABLESAMPLE"),
                ])?;
                let source = if args.is_some() { None } else { self.relation(name, alias.is_some())? };
                self.alias(alias.as_ref(), source);
            }
            TableFactor::Derived { alias, sample, .. } => {
                refuse(&[(sample.is_some(), "TABLESAMPLE")])?;
                self.alias(alias.as_ref(), None);
            }
            TableFactor::UNNEST { alias, .. }
            | TableFactor::Function { alias, .. }
            | TableFactor::TableFunction { alias, .. }
            | TableFactor::NestedJoin { alias, .. } => self.alias(alias.as_ref(), None),
            other => refuse(&[(true, &format!("the table expression {}", first_word(&other.to_string())))])?,
        }
        Ok(())
    }

    fn alias(&mut self, alias: Option<&TableAlias>, source: Option<usize>) {
        if let Some(alias) = alias {
            let source = if alias.columns.is_empty() { source } else { None };
            self.aliases.entry(normal(&alias.name)).or_default().push(source);
        }
    }

    /// Resolves one table name and replaces it; none for a WITH query.
    fn relation(&mut self, name: &mut ObjectName, aliased: bool) -> Result<Option<usize>> {
        let mut idents = Vec::with_capacity(name.0.len());
        for part in &name.0 {
            match part.as_ident() {
                Some(ident) => idents.push(ident.clone()),
                None => return Err(Error::invalid_query(format!("{name} is not the name of a table"))),
            }
        }
        let marked = idents.last().and_then(|last| last.value.strip_prefix(MARK)).and_then(|n| n.parse::<usize>().ok());
        let as_of = marked.and_then(|number| self.as_of.get_mut(number).and_then(Option::take));
        if marked.is_some() {
            idents.pop();
        }
        if let [only] = idents.as_slice()
            && self.ctes.contains(&normal(only))
        {
            if as_of.is_some() {
                return Err(Error::invalid_query(format!("{only} is a WITH query: it has no versions to travel to")));
            }
            return Ok(None);
        }
        let parts = name_parts(&idents);
        let found = self.resolver.find(&parts, self.default_schema, as_of.unwrap_or(AsOf::Latest))?;
        let index = self.source(found, aliased);
        name.0 = parts_of(&self.sources[index].reference);
        Ok(Some(index))
    }

    fn source(&mut self, found: Found, aliased: bool) -> usize {
        let known = self.sources.iter_mut().position(|source| {
            source.target == found.target
                || matches!(source.target, Target::Ready(_))
                    && matches!(found.target, Target::Ready(_))
                    && source.reference == TableReference::partial(found.schema.as_str(), found.names[0].as_str())
        });
        if let Some(index) = known {
            let source = &mut self.sources[index];
            source.unaliased |= !aliased;
            source.forms.extend(found.forms);
            return index;
        }
        let taken = |name: &TableReference| self.sources.iter().any(|source| source.reference == *name);
        let mut names = found.names.iter().map(|name| TableReference::partial(found.schema.as_str(), name.as_str()));
        let last = found.names.last().map(|name| TableReference::partial(found.schema.as_str(), name.as_str()));
        let reference = names.find(|name| !taken(name)).or(last).unwrap_or_else(|| TableReference::bare(""));
        self.sources.push(Source { reference, target: found.target, forms: found.forms, unaliased: !aliased });
        self.sources.len() - 1
    }
}

/// The parts of a name as they were typed.
pub(super) fn name_parts(idents: &[Ident]) -> Vec<NamePart> {
    idents.iter().map(|ident| NamePart { text: ident.value.clone(), quoted: ident.quote_style.is_some() }).collect()
}

/// The quoted parts of a planner's name.
pub(super) fn parts_of(reference: &TableReference) -> Vec<ObjectNamePart> {
    let quoted = |text: &str| ObjectNamePart::Identifier(Ident::with_quote('"', text));
    reference.schema().into_iter().chain([reference.table()]).map(quoted).collect()
}

fn first_word(text: &str) -> String {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default().to_owned()
}

fn refuse(clauses: &[(bool, &str)]) -> Result<()> {
    match clauses.iter().find(|(there, _)| *there) {
        Some((_, what)) => Err(Failure::Unsupported { what: (*what).to_owned(), hint: None }.into()),
        None => Ok(()),
    }
}

fn flow(result: Result<()>) -> ControlFlow<Box<Error>> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(Box::new(error)),
    }
}

impl VisitorMut for Relations<'_, '_> {
    type Break = Box<Error>;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Box<Error>> {
        flow(self.enter(query))
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Box<Error>> {
        if let Some((with, before)) = self.frames.pop() {
            query.with = with;
            self.ctes.truncate(before);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Box<Error>> {
        flow(self.factor(factor))
    }
}
