//! From text to one statement that may run, or a helpful refusal.
//!
//! In: SQL text. Out: a [`Parsed`] query (with its `EXPLAIN`, when it has one), a [`Listing`] to be read from the system tables, or a
//! [`Write`] to a temporary table.
//!
//! Holds always:
//! - one statement; what is inside a query reads and never writes;
//! - a text longer than the limit is refused before it is looked at.
//!
//! Start reading at [`parse`].

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use datafusion::error::DataFusionError;
use datafusion::sql::parser::{DFParserBuilder, Statement as DfStatement};
use datafusion::sql::sqlparser::ast::{
    DescribeAlias, Expr, Ident, ObjectName, Query, Select, SetExpr, ShowStatementFilter, ShowStatementFilterPosition,
    ShowStatementOptions, Statement as SqlStatement, Value, ValueWithSpan, VisitMut, VisitorMut,
};

use crate::connect::AsOf;
use crate::error::{Error, Failure, Result};
use crate::plan::tokens::{self, Style};
use crate::plan::write::{self, Write};
use crate::types;

/// One statement that may run.
#[derive(Debug)]
pub(super) enum Request {
    /// A query, maybe inside `EXPLAIN`.
    Query(Parsed),
    /// `SHOW` or `DESCRIBE`: answered from `information_schema`.
    Listing(Listing),
    /// A statement that writes, if its table is a temporary one.
    Write(Box<Write>),
}

/// A query, parsed.
#[derive(Debug)]
pub(super) struct Parsed {
    /// A query or an `EXPLAIN` of one.
    pub(super) statement: DfStatement,
    /// Its parameters.
    pub(super) parameters: Style,
    /// The `AS OF` clauses that marked names refer to.
    pub(super) as_of: Vec<AsOf>,
}

/// What `SHOW` and `DESCRIBE` ask for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Listing {
    /// The schemas.
    Schemas {
        /// A condition over `schema_name`.
        filter: Option<String>,
    },
    /// The tables, maybe of one schema.
    Tables {
        /// The schema's name as it was written.
        schema: Option<Ident>,
        /// A condition over `table_name`.
        filter: Option<String>,
    },
    /// The columns of one table.
    Columns {
        /// The table's name as it was written.
        table: ObjectName,
        /// A condition over `column_name`.
        filter: Option<String>,
    },
}

/// Parses one statement and refuses what writes.
///
/// - `limit_bytes`: the longest text that is looked at.
///
/// # Errors
/// [`Failure::Exhausted`] for a text that is too long; [`Failure::InvalidQuery`] for wrong SQL;
/// [`Failure::Unsupported`] for statements that are not queries.
pub(super) fn parse(sql: &str, limit_bytes: u64) -> Result<Request> {
    if sql.len() as u64 > limit_bytes {
        return Err(Failure::Exhausted {
            message: format!("the statement is {} bytes long, more than the limit of {limit_bytes}", sql.len()),
            hint: Some("Raise limits.statement_text, or send values as parameters.".to_owned()),
        }
        .into());
    }
    let tokens = tokens::prepare(sql)?;
    let (parameters, as_of) = (tokens.parameters, tokens.as_of);
    let mut statements = DFParserBuilder::new(tokens.tokens)
        .build()
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|error| syntax(error, &as_of))?;
    let statement = match (statements.pop_front(), statements.len()) {
        (Some(statement), 0) => statement,
        (None, _) => return Err(Error::invalid_query("the statement is empty")),
        (Some(_), more) => {
            return Err(Error::invalid_query_hint(
                format!("the text holds {} statements", more + 1),
                "Send one statement at a time.",
            ));
        }
    };
    admit(statement, parameters, as_of)
}

/// The query inside a statement that [`parse`] let through.
pub(super) fn query_mut(statement: &mut DfStatement) -> Option<&mut SqlStatement> {
    match statement {
        DfStatement::Statement(statement) => Some(statement),
        DfStatement::Explain(explain) => query_mut(&mut explain.statement),
        DfStatement::CreateExternalTable(_) | DfStatement::CopyTo(_) | DfStatement::Reset(_) => None,
    }
}

/// Whether a statement is an `EXPLAIN` that runs what it explains.
pub(super) fn analyzes(statement: &DfStatement) -> bool {
    matches!(statement, DfStatement::Explain(explain) if explain.options.analyze)
}

fn syntax(error: DataFusionError, as_of: &[AsOf]) -> Error {
    let text = match error {
        DataFusionError::SQL(error, _) => error.to_string(),
        other => other.strip_backtrace(),
    };
    let text = text.trim_start_matches("sql parser error: ").trim_start_matches("SQL error: ");
    if text.contains("recursion limit") {
        return Error::invalid_query_hint("the statement is nested too deeply", "Use WITH to name its parts.");
    }
    if as_of.is_empty() {
        return Error::invalid_query(tokens::lower_first(text));
    }
    Error::invalid_query_hint(
        tokens::lower_first(&text.replace(tokens::MARK, "as of ")),
        "An AS OF clause follows the product's name, before its alias: FROM commerce.orders VERSION AS OF 12 AS o.",
    )
}

fn admit(statement: DfStatement, parameters: Style, as_of: Vec<AsOf>) -> Result<Request> {
    let statement = match statement {
        // Most statements; nothing else is to be told of them.
        DfStatement::Statement(query) if matches!(*query, SqlStatement::Query(_)) => DfStatement::Statement(query),
        DfStatement::Statement(statement) => match listing(*statement)? {
            Ok(listing) => return Ok(Request::Listing(listing)),
            Err(mut other) => {
                only_reads(&mut other)?;
                let words = first_words(&other.to_string());
                match write::read(other, words, parameters.clone(), as_of.clone())? {
                    Ok(write) => return Ok(Request::Write(Box::new(write))),
                    Err(other) => DfStatement::Statement(Box::new(other)),
                }
            }
        },
        other => other,
    };
    check(&statement)?;
    let mut parsed = Parsed { statement, parameters, as_of };
    if let Some(query) = query_mut(&mut parsed.statement) {
        only_reads(query)?;
    }
    Ok(Request::Query(parsed))
}

/// Refuses what writes inside a query.
fn only_reads(statement: &mut SqlStatement) -> Result<()> {
    match VisitMut::visit(statement, &mut OnlyReads) {
        ControlFlow::Break(error) => Err(*error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// Whether it is a query, or an `EXPLAIN` of one.
fn check(statement: &DfStatement) -> Result<()> {
    match statement {
        DfStatement::Statement(inner) => match inner.as_ref() {
            SqlStatement::Query(_) => Ok(()),
            other => Err(refusal(&first_words(&other.to_string()))),
        },
        DfStatement::Explain(explain) => match explain.statement.as_ref() {
            DfStatement::Explain(_) => Err(Error::invalid_query("an EXPLAIN cannot be explained")),
            other => check(other),
        },
        DfStatement::CreateExternalTable(_) => Err(refusal("CREATE EXTERNAL TABLE")),
        DfStatement::CopyTo(_) => Err(refusal("COPY")),
        DfStatement::Reset(_) => Err(refusal("RESET")),
    }
}

/// The keywords that a statement starts with, at most two.
fn first_words(text: &str) -> String {
    let keyword = |word: &&str| word.chars().all(|c| c.is_ascii_uppercase());
    let words: Vec<&str> = text.split_whitespace().take_while(keyword).take(2).collect();
    if words.is_empty() { "this statement".to_owned() } else { words.join(" ") }
}

pub(super) fn refusal(what: &str) -> Error {
    let hint = match what.split_whitespace().next().unwrap_or_default() {
        "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "TRUNCATE" | "COPY" | "SELECT" => {
            "Data products are read-only through SQL; their owner's pipelines write to their storage. Temporary tables can be written."
        }
        "CREATE" | "ALTER" | "DROP" => {
            "Products are made and changed by registering a contract: meshweave register FILE. Tables can be made in the schema temp."
        }
        "SET" | "RESET" | "USE" => "Options belong to the session or to meshweave.yaml.",
        "BEGIN" | "START" | "COMMIT" | "ROLLBACK" | "SAVEPOINT" => {
            "Every statement reads one pinned version of each product; transactions are not needed."
        }
        _ => "Only queries, EXPLAIN, SHOW TABLES, SHOW COLUMNS and DESCRIBE are answered.",
    };
    Failure::Unsupported { what: format!("{what} through SQL"), hint: Some(hint.to_owned()) }.into()
}

/// Reads `SHOW` and `DESCRIBE`; gives other statements back.
fn listing(statement: SqlStatement) -> Result<Result<Listing, SqlStatement>> {
    Ok(Ok(match statement {
        SqlStatement::ShowTables { show_options, .. } => {
            let filter = filter(&show_options, "table_name")?;
            let schema = scope(show_options).and_then(|name| name.0.last().and_then(|p| p.as_ident().cloned()));
            Listing::Tables { schema, filter }
        }
        SqlStatement::ShowSchemas { show_options, .. } | SqlStatement::ShowDatabases { show_options, .. } => {
            Listing::Schemas { filter: filter(&show_options, "schema_name")? }
        }
        SqlStatement::ShowColumns { show_options, .. } => {
            let filter = filter(&show_options, "column_name")?;
            let table = scope(show_options).ok_or_else(|| {
                Error::invalid_query_hint("SHOW COLUMNS names no table", "Write SHOW COLUMNS FROM commerce.orders.")
            })?;
            Listing::Columns { table, filter }
        }
        SqlStatement::ExplainTable {
            describe_alias: DescribeAlias::Describe | DescribeAlias::Desc,
            table_name,
            ..
        } => Listing::Columns { table: table_name, filter: None },
        other => return Ok(Err(other)),
    }))
}

fn scope(options: ShowStatementOptions) -> Option<ObjectName> {
    options.show_in.and_then(|within| within.parent_name)
}

/// The filter of a `SHOW` as a condition over `column`.
fn filter(options: &ShowStatementOptions, column: &str) -> Result<Option<String>> {
    let Some(ShowStatementFilterPosition::Infix(filter) | ShowStatementFilterPosition::Suffix(filter)) =
        &options.filter_position
    else {
        return Ok(None);
    };
    let literal = |text: &str| Expr::Value(ValueWithSpan::from(Value::SingleQuotedString(text.to_owned())));
    match filter {
        ShowStatementFilter::Like(text) | ShowStatementFilter::NoKeyword(text) => {
            Ok(Some(format!("{column} LIKE {}", literal(text))))
        }
        ShowStatementFilter::ILike(text) => Ok(Some(format!("{column} ILIKE {}", literal(text)))),
        ShowStatementFilter::Where(_) => Err(Error::invalid_query_hint(
            "SHOW with WHERE is not supported",
            "Query information_schema.tables or information_schema.columns.",
        )),
    }
}

impl Listing {
    /// The query that answers it; `columns` are those of the table of [`Self::Columns`].
    pub(super) fn query(&self, catalog: &str, columns: &Schema) -> String {
        let quote = |text: &str| format!("'{}'", text.replace('\'', "''"));
        let and = |filter: &Option<String>| filter.as_ref().map(|f| format!(" AND {f}")).unwrap_or_default();
        match self {
            Self::Schemas { filter } => format!(
                "SELECT catalog_name, schema_name FROM information_schema.schemata WHERE catalog_name = {}{} ORDER BY 2",
                quote(catalog),
                and(filter)
            ),
            Self::Tables { schema, filter } => {
                let within = schema.as_ref().map(|name| match name.quote_style {
                    Some(_) => format!(" AND table_schema = {}", quote(&name.value)),
                    None => format!(
                        " AND lower(replace(table_schema, '-', '_')) = {}",
                        quote(&meshweave_contract::name::fold(&name.value))
                    ),
                });
                format!(
                    "SELECT table_catalog, table_schema, table_name, table_type FROM information_schema.tables \
                     WHERE table_catalog = {}{}{} ORDER BY 2, 3",
                    quote(catalog),
                    within.unwrap_or_default(),
                    and(filter)
                )
            }
            Self::Columns { filter, .. } => {
                let row = |(number, field): (usize, &Arc<Field>)| {
                    let nullable = if field.is_nullable() { "YES" } else { "NO" };
                    let data_type = types::for_clients(field.data_type()).to_string();
                    format!("({number}, {}, {}, '{nullable}')", quote(field.name()), quote(&data_type))
                };
                let rows: Vec<String> = columns.fields().iter().enumerate().map(row).collect();
                let rows = if rows.is_empty() { "(0, '', '', '')".to_owned() } else { rows.join(", ") };
                format!(
                    "SELECT column_name, data_type, is_nullable \
                     FROM (VALUES {rows}) AS t(position, column_name, data_type, is_nullable) \
                     WHERE column_name <> ''{} ORDER BY position",
                    and(filter)
                )
            }
        }
    }
}

/// Refuses what writes, or what the planner would silently leave out, inside a query.
struct OnlyReads;

impl OnlyReads {
    fn set(body: &SetExpr) -> Option<&'static str> {
        match body {
            SetExpr::Insert(_) => Some("INSERT"),
            SetExpr::Update(_) => Some("UPDATE"),
            SetExpr::Delete(_) => Some("DELETE"),
            SetExpr::Merge(_) => Some("MERGE"),
            SetExpr::SetOperation { left, right, .. } => Self::set(left).or_else(|| Self::set(right)),
            SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) | SetExpr::Table(_) => None,
        }
    }
}

impl VisitorMut for OnlyReads {
    type Break = Box<Error>;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Box<Error>> {
        if let Some(what) = Self::set(&query.body) {
            return ControlFlow::Break(Box::new(refusal(what)));
        }
        let dropped = [
            (!query.locks.is_empty(), "a locking clause"),
            (query.for_clause.is_some(), "FOR XML, FOR JSON and FOR BROWSE"),
            (query.settings.is_some(), "SETTINGS"),
            (query.format_clause.is_some(), "FORMAT"),
        ];
        refuse_any(&dropped)
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Box<Error>> {
        if select.into.is_some() {
            return ControlFlow::Break(Box::new(refusal("SELECT INTO")));
        }
        refuse_any(&[(!select.connect_by.is_empty(), "CONNECT BY"), (select.prewhere.is_some(), "PREWHERE")])
    }
}

fn refuse_any(clauses: &[(bool, &str)]) -> ControlFlow<Box<Error>> {
    match clauses.iter().find(|(there, _)| *there) {
        Some((_, what)) => {
            ControlFlow::Break(Box::new(Failure::Unsupported { what: (*what).to_owned(), hint: None }.into()))
        }
        None => ControlFlow::Continue(()),
    }
}
