//! Statements that write to the session's `temp` schema: what they change, and the query that gives the rows.
//!
//! In: a parsed statement. Out: a [`Change`] and an ordinary query, which goes the way of every query: names, policy, pins.
//! Holds always:
//! - only tables of the session are written; whatever names a product is refused as before;
//! - a clause that is not understood refuses the statement, never the clause alone.
//!
//! Start reading at [`read`], then [`resolve`].

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::execution::session_state::SessionState;
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::planner::SqlToRel;
use datafusion::sql::sqlparser::ast::{
    Assignment, AssignmentTarget, CaseWhen, ColumnDef, ColumnOption, CreateTable, Delete, Expr, FromTable, Ident,
    Insert, ObjectName, ObjectType, Query, Select, SelectItem, SetExpr, Statement as SqlStatement, TableAlias,
    TableFactor, TableObject, TableWithJoins, Update, VisitMut, VisitorMut,
};
use meshweave_contract::name::alike;

use crate::catalog::NamePart;
use crate::connect::AsOf;
use crate::context::QueryContext;
use crate::error::{Error, Failure, Result};
use crate::plan::names::{Resolution, Resolver, name_parts, parts_of};
use crate::plan::parse::{self, Parsed, Request, refusal};
use crate::plan::tokens::Style;
use crate::run::session::Tables;
use crate::temp::{Change, IfExists, TEMP, TempSchema, TempTable, What, checked_columns, checked_name};

/// A statement that writes, not yet known to what.
#[derive(Debug)]
pub(super) struct Write {
    target: ObjectName,
    kind: Kind,
    /// Its first keywords, for a refusal.
    words: String,
    parameters: Style,
    as_of: Vec<AsOf>,
}

impl Write {
    /// Its first keywords.
    pub(super) fn words(&self) -> &str {
        &self.words
    }
}

#[derive(Debug)]
enum Kind {
    Create { columns: Vec<ColumnDef>, query: Option<Box<Query>>, if_exists: IfExists },
    Insert(Box<Insert>),
    Update { alias: Option<TableAlias>, set: Vec<Assignment>, selection: Option<Expr> },
    Delete { alias: Option<TableAlias>, selection: Option<Expr> },
    Drop { if_exists: bool },
}

/// The query of statements that have none: no rows.
const NO_ROWS: &str = "SELECT CAST(NULL AS BIGINT) AS nothing WHERE false";
/// The column that tells changed rows from the others; no identifier that is typed holds such a character.
const MARK: &str = "\u{1}changed";

/// Tells a statement that writes from others, which are given back.
///
/// # Errors
/// One that writes with clauses that are not offered.
pub(super) fn read(
    statement: SqlStatement,
    words: String,
    parameters: Style,
    as_of: Vec<AsOf>,
) -> Result<Result<Write, SqlStatement>> {
    let (target, kind) = match statement {
        SqlStatement::CreateTable(create) => create_table(create)?,
        SqlStatement::Insert(insert) => match &insert.table {
            TableObject::TableName(name) if insert.source.is_some() && !insert.overwrite && !insert.replace_into => {
                (name.clone(), Kind::Insert(Box::new(insert)))
            }
            _ => return Err(refusal(&words)),
        },
        SqlStatement::Update(update) => match update_of(update) {
            Ok(read) => read,
            Err(()) => return Err(refusal(&words)),
        },
        SqlStatement::Delete(delete) => match delete_of(delete) {
            Ok(read) => read,
            Err(()) => return Err(refusal(&words)),
        },
        SqlStatement::Drop { object_type: ObjectType::Table, if_exists, mut names, cascade: false, .. }
            if names.len() == 1 =>
        {
            (names.swap_remove(0), Kind::Drop { if_exists })
        }
        SqlStatement::Truncate(mut truncate) if truncate.table_names.len() == 1 && truncate.partitions.is_none() => {
            (truncate.table_names.swap_remove(0).name, Kind::Delete { alias: None, selection: None })
        }
        other => return Ok(Err(other)),
    };
    Ok(Ok(Write { target, kind, words, parameters, as_of }))
}

/// `CREATE TABLE` with columns, or with a query.
fn create_table(create: CreateTable) -> Result<(ObjectName, Kind)> {
    let CreateTable { name, columns, query, or_replace, if_not_exists, external, constraints, like, clone, .. } =
        create;
    let if_exists = match (or_replace, if_not_exists) {
        (true, true) => return Err(Error::invalid_query("a table cannot be both replaced and kept when it exists")),
        (true, false) => IfExists::Replace,
        (false, true) => IfExists::Keep,
        (false, false) => IfExists::Fail,
    };
    let constraint = |column: &ColumnDef| {
        column.options.iter().any(|o| !matches!(o.option, ColumnOption::Null | ColumnOption::NotNull))
    };
    refuse(&[
        (external, "CREATE EXTERNAL TABLE"),
        (like.is_some() || clone.is_some(), "CREATE TABLE LIKE"),
        (!constraints.is_empty() || columns.iter().any(constraint), "a key, a default or a check of a temporary table"),
        (query.is_some() && !columns.is_empty(), "CREATE TABLE with columns and a query"),
    ])?;
    Ok((name, Kind::Create { columns, query, if_exists }))
}

fn refuse(clauses: &[(bool, &str)]) -> Result<()> {
    match clauses.iter().find(|(there, _)| *there) {
        Some((_, what)) => Err(Failure::Unsupported { what: (*what).to_owned(), hint: None }.into()),
        None => Ok(()),
    }
}

fn update_of(update: Update) -> Result<(ObjectName, Kind), ()> {
    let Update { table, assignments: set, from: None, selection, returning: None, output: None, or: None, .. } = update
    else {
        return Err(());
    };
    if !update.order_by.is_empty() || update.limit.is_some() {
        return Err(());
    }
    let (target, alias) = only_table(table)?;
    Ok((target, Kind::Update { alias, set, selection }))
}

fn delete_of(delete: Delete) -> Result<(ObjectName, Kind), ()> {
    let Delete { tables, from, using: None, selection, returning: None, output: None, order_by, limit: None, .. } =
        delete
    else {
        return Err(());
    };
    let (FromTable::WithFromKeyword(mut from) | FromTable::WithoutKeyword(mut from)) = from;
    if !tables.is_empty() || !order_by.is_empty() || from.len() != 1 {
        return Err(());
    }
    let (target, alias) = only_table(from.swap_remove(0))?;
    Ok((target, Kind::Delete { alias, selection }))
}

/// A table without joins.
fn only_table(table: TableWithJoins) -> Result<(ObjectName, Option<TableAlias>), ()> {
    match table.relation {
        TableFactor::Table { name, alias, args: None, .. } if table.joins.is_empty() => Ok((name, alias)),
        _ => Err(()),
    }
}

/// The error for a caller who has nowhere to keep a table.
pub(crate) fn no_session() -> Error {
    Failure::Unsupported {
        what: "a temporary table without a session".to_owned(),
        hint: Some("Connect with a user and a password, or let the client keep cookies.".to_owned()),
    }
    .into()
}

/// Resolves a statement that writes: its query like any other, its table among those of the session.
///
/// - `state`: knows the types that columns may have.
///
/// # Errors
/// A table that is none of the session's; whatever the query's names are refused with.
pub(super) fn resolve(
    write: Write,
    resolver: Resolver<'_>,
    ctx: &QueryContext,
    state: &SessionState,
    limit_bytes: u64,
) -> Result<Resolution> {
    let schema = ctx.default_schema.as_deref();
    let (temp, target) = target(&write, &resolver, ctx)?;
    let Write { kind, parameters, as_of, .. } = write;
    let parsed = |statement| Parsed { statement, parameters, as_of };
    let query = |query| DfStatement::Statement(Box::new(SqlStatement::Query(query)));
    let there = resolver.temporary(&[NamePart::plain(TEMP), target.clone()]).ok().flatten();
    let table = || there.clone().ok_or_else(|| temp.no_table(&target.text));
    let name = there.as_ref().map_or_else(|| spelled(&target), |table| table.name().to_owned());
    let (what, parsed) = match kind {
        Kind::Create { if_exists: IfExists::Keep, .. } if temp.has(&name) => {
            (What::Create { schema: None, if_exists: IfExists::Keep }, no_rows(limit_bytes)?)
        }
        Kind::Create { if_exists: IfExists::Fail, .. } if temp.has(&name) => return Err(crate::temp::exists(&name)),
        Kind::Create { query: Some(rows), if_exists, .. } => {
            checked_name(&name)?;
            (What::Create { schema: None, if_exists }, parsed(query(rows)))
        }
        Kind::Create { columns, if_exists, .. } => {
            checked_name(&name)?;
            let tables = Tables { state, tables: Default::default() };
            let columns = Arc::new(SqlToRel::new(&tables).build_schema(columns)?);
            checked_columns(&columns)?;
            (What::Create { schema: Some(columns), if_exists }, no_rows(limit_bytes)?)
        }
        Kind::Insert(insert) => {
            let table = table()?;
            return insertion(*insert, &table, &temp, resolver, schema, parsed);
        }
        Kind::Update { alias, set, selection } => {
            let table = table()?;
            let statement = updated(&table, alias.as_ref(), &set, selection, limit_bytes)?;
            (What::Update(table), parsed(statement))
        }
        Kind::Delete { alias, selection } => {
            let table = table()?;
            let statement = kept(&table, alias.as_ref(), selection, limit_bytes)?;
            (What::Keep(table), parsed(statement))
        }
        Kind::Drop { if_exists } if there.is_some() || if_exists => (What::Drop { if_exists }, no_rows(limit_bytes)?),
        Kind::Drop { .. } => return Err(temp.no_table(&target.text)),
    };
    let mut resolution = resolver.resolve(parsed, schema)?;
    resolution.change = Some(Change { temp, table: name, what });
    Ok(resolution)
}

/// The session's schema and the table's name in it.
///
/// # Errors
/// The name means a product or nothing; there is no session.
fn target(write: &Write, resolver: &Resolver<'_>, ctx: &QueryContext) -> Result<(Arc<TempSchema>, NamePart)> {
    let idents: Option<Vec<Ident>> = write.target.0.iter().map(|part| part.as_ident().cloned()).collect();
    let parts = name_parts(&idents.unwrap_or_default());
    let Some((table, is_explicit)) = resolver.in_temp(&parts) else { return Err(refusal(&write.words)) };
    let Some(temp) = &ctx.temp else {
        return Err(if is_explicit || matches!(write.kind, Kind::Create { .. }) {
            no_session()
        } else {
            refusal(&write.words)
        });
    };
    Ok((Arc::clone(temp), table.clone()))
}

/// The spelling of a new name: as it is quoted, else in lower case.
fn spelled(name: &NamePart) -> String {
    if name.quoted { name.text.clone() } else { name.text.to_lowercase() }
}

fn no_rows(limit_bytes: u64) -> Result<Parsed> {
    match parse::parse(NO_ROWS, limit_bytes.max(NO_ROWS.len() as u64))? {
        Request::Query(parsed) => Ok(parsed),
        Request::Listing(_) | Request::Write(_) => Err(Error::invalid_query("the statement gives no rows")),
    }
}

/// An `INSERT` keeps its form: the planner casts its rows to the table's columns and fills those that are left out.
fn insertion(
    mut insert: Insert,
    table: &Arc<TempTable>,
    temp: &Arc<TempSchema>,
    resolver: Resolver<'_>,
    default_schema: Option<&str>,
    parsed: impl FnOnce(DfStatement) -> Parsed,
) -> Result<Resolution> {
    let reference = TableReference::partial(TEMP, table.name());
    insert.table = TableObject::TableName(ObjectName(parts_of(&reference)));
    for column in &mut insert.columns {
        *column = ObjectName::from(vec![spelled_column(column, table)?]);
    }
    let statement = DfStatement::Statement(Box::new(SqlStatement::Insert(insert)));
    let mut resolution = resolver.resolve(parsed(statement), default_schema)?;
    resolution.scope.into = Some((reference, table.provider()?));
    let what = What::Append(Arc::clone(table));
    resolution.change = Some(Change { temp: Arc::clone(temp), table: table.name().to_owned(), what });
    Ok(resolution)
}

/// A column as the table spells it.
fn spelled_column(name: &ObjectName, table: &TempTable) -> Result<Ident> {
    let ident = name.0.last().and_then(|part| part.as_ident().cloned()).unwrap_or_else(|| Ident::new(""));
    let is_it = |spelling: &str| match ident.quote_style {
        Some(_) => spelling == ident.value,
        None => alike(spelling, &ident.value),
    };
    let found = table.schema().fields().iter().find(|field| is_it(field.name()));
    let found = found.ok_or_else(|| Failure::NameNotFound {
        what: "column",
        name: ident.value.clone(),
        product: Some(format!("{TEMP}.{}", table.name())),
        nearest: Vec::new(),
    })?;
    Ok(Ident::with_quote('"', found.name()))
}

/// All rows of the table, the changed ones with their new values, and a mark on them.
///
/// The condition is evaluated once for each row, below, and its outcome is what every column asks.
fn updated(
    table: &TempTable,
    alias: Option<&TableAlias>,
    set: &[Assignment],
    selection: Option<Expr>,
    limit_bytes: u64,
) -> Result<DfStatement> {
    let mark = quoted(MARK);
    let outer = alias.map_or_else(|| quoted(table.name()), |alias| format!("{}", alias.name));
    let (from, name) = (from(table, alias), Ident::with_quote('"', MARK));
    let sql = format!("SELECT 1 FROM (SELECT *, (true) IS TRUE AS {mark} FROM {from}) AS {outer}");
    let mut values: Vec<Option<Expr>> = vec![None; table.schema().fields().len()];
    for assignment in set {
        let AssignmentTarget::ColumnName(column) = &assignment.target else {
            return Err(Failure::Unsupported { what: "setting several columns at once".to_owned(), hint: None }.into());
        };
        let column = spelled_column(column, table)?;
        let place = table.schema().index_of(&column.value).map_err(|e| Error::internal("finding a column", e))?;
        if values[place].replace(assignment.value.clone()).is_some() {
            return Err(Error::invalid_query(format!("the column {column} is set twice")));
        }
    }
    let item = |(field, value): (&Arc<arrow::datatypes::Field>, Option<Expr>)| {
        let column = Ident::with_quote('"', field.name());
        let old = Expr::Identifier(column.clone());
        let expr = match value {
            None => old,
            Some(result) => case(Expr::Identifier(name.clone()), result, old),
        };
        SelectItem::ExprWithAlias { expr, alias: column }
    };
    let mut projection: Vec<SelectItem> = table.schema().fields().iter().zip(values).map(item).collect();
    projection.push(SelectItem::UnnamedExpr(Expr::Identifier(name.clone())));
    shaped(&sql, limit_bytes, |outer| {
        outer.projection = projection;
        let TableFactor::Derived { subquery, .. } = &mut outer.from[0].relation else { return };
        if let (SetExpr::Select(inner), Some(selection)) = (subquery.body.as_mut(), selection)
            && let Some(SelectItem::ExprWithAlias { expr: Expr::IsTrue(condition), .. }) = inner.projection.last_mut()
        {
            **condition = Expr::Nested(Box::new(selection));
        }
    })
}

/// The rows that a `DELETE` leaves.
fn kept(
    table: &TempTable,
    alias: Option<&TableAlias>,
    selection: Option<Expr>,
    limit_bytes: u64,
) -> Result<DfStatement> {
    let sql = format!("SELECT * FROM {} WHERE (true) IS NOT TRUE", from(table, alias));
    shaped(&sql, limit_bytes, |select| {
        if let (Some(Expr::IsNotTrue(condition)), Some(selection)) = (&mut select.selection, selection) {
            **condition = Expr::Nested(Box::new(selection));
        }
    })
}

fn from(table: &TempTable, alias: Option<&TableAlias>) -> String {
    let name = format!("{}.{}", quoted(TEMP), quoted(table.name()));
    alias.map_or_else(|| name.clone(), |alias| format!("{name} AS {}", alias.name))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn case(condition: Expr, result: Expr, otherwise: Expr) -> Expr {
    Expr::Case {
        case_token: datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken::empty(),
        end_token: datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition, result }],
        else_result: Some(Box::new(otherwise)),
    }
}

/// A query of ours with parts of a statement put in.
fn shaped(sql: &str, limit_bytes: u64, put: impl FnOnce(&mut Select)) -> Result<DfStatement> {
    let Request::Query(mut parsed) = parse::parse(sql, limit_bytes.max(sql.len() as u64))? else {
        return Err(Error::invalid_query("the statement gives no rows"));
    };
    let mut first = First(Some(put));
    if let Some(query) = parse::query_mut(&mut parsed.statement) {
        let _ = VisitMut::visit(query, &mut first);
    }
    Ok(parsed.statement)
}

/// Hands the outermost `SELECT` on.
struct First<F>(Option<F>);

impl<F: FnOnce(&mut Select)> VisitorMut for First<F> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        if let Some(put) = self.0.take() {
            put(select);
        }
        ControlFlow::Break(())
    }
}
