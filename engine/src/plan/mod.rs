//! From SQL text to a physical plan over pinned tables.
//!
//! The way: [`parse`] (one statement, its parameters, its time travel), [`names`] (every name resolved at once, the policy
//! asked), [`pin`] (one version of every granted table), [`columns`] (spellings), the planner, [`parameters`], the optimizer.
//! Holds always:
//! - a name is resolved once, against the one snapshot that the query keeps;
//! - no storage is touched before every product of the statement is granted;
//! - [`describe`] goes the same way over the catalog's columns, without storage.
//!
//! Start reading at [`plan`].

mod analyze;
mod columns;
mod decide;
mod explain;
mod ground;
mod names;
mod parameters;
mod parse;
mod pin;
mod reads;
mod system;
mod tokens;
mod write;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::datasource::empty::EmptyTable;
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::error::Result as DfResult;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{LogicalPlan, TableSource};
use datafusion::sql::planner::SqlToRel;
use tracing::{Instrument as _, Span, info_span};

use crate::catalog::CatalogSnapshot;
use crate::context::QueryContext;
use crate::engine::{Engine, Planned, Statement, StatementInfo};
use crate::error::{Error, Failure, Kind, Result};
use crate::observe::record::Recorder;
use crate::run::session::Tables;
use crate::run::{self, Head, ResultLimits, Runnable};
use crate::temp::count_schema;
use crate::version::VersionVector;
use analyze::Watched;
pub(crate) use analyze::{Measured, spilled};
pub(crate) use decide::Decisions;
pub(crate) use explain::Given;
pub(crate) use ground::Ground;
use names::{Resolution, Resolver, Scope, Target, View};
use parse::{Listing, Request};
pub(crate) use pin::port_of;
pub(crate) use reads::names_in;
pub(crate) use tokens::lower_first;
pub(crate) use write::no_session;

/// Grants, pins and plans one statement.
///
/// The statement's time starts here: the context's deadline is narrowed to the settings' limit.
pub(crate) async fn plan(
    engine: &Engine,
    ctx: &QueryContext,
    statement: &Statement,
    pins: Option<&VersionVector>,
) -> Result<Planned> {
    let limits = &engine.settings.limits;
    let mut ctx = ctx.clone().with_timeout(limits.statement_timeout.0);
    ctx.usage = Arc::new(ctx.usage.statement(limits.scanned_bytes, &engine.metrics.traffic));
    engine.log.start();
    let mut recorder = Recorder::new(&engine.log, &ctx, &statement.sql);
    let work = Box::pin(planned(engine, &ctx, statement, pins).instrument(recorder.span().clone()));
    match ctx.bounded(work).await {
        Ok((runnable, given)) => {
            recorder.planned();
            Ok(Planned::new(Arc::clone(&engine.runtime), runnable, recorder, given))
        }
        Err(error) => {
            // The limit on what may be read, where its error came back as another.
            let reached = ctx.usage.may_read().err().filter(|_| error.kind() != Kind::Cancelled);
            let error = reached.unwrap_or(error);
            recorder.failed(&error);
            Err(error)
        }
    }
}

async fn planned(
    engine: &Engine,
    ctx: &QueryContext,
    statement: &Statement,
    pins: Option<&VersionVector>,
) -> Result<(Runnable, Given)> {
    let snapshot = engine.snapshot();
    let resolution = resolve(engine, ctx, &snapshot, &statement.sql)?;
    let pinner = pin::Pinner { ctx, connectors: &engine.connectors, state: &engine.state, pins };
    let ground = Ground::of(&resolution, &snapshot, &engine.policy);
    let reports_before = ctx.scans.count();
    let products: Arc<[String]> = resolution.wanted.iter().map(|wanted| wanted.entry.id().name.to_string()).collect();
    Span::current().record("products", products.join(", "));
    let pinned = Box::pin(pin::pin(&pinner, &resolution.wanted)).instrument(info_span!("pin")).await?;
    let planning = info_span!("plan");
    let ours = |error| Error::from_datafusion(error, &products);

    let state = engine.runtime.template.planning();
    let keys: Vec<String> = pinned.entries.iter().map(|entry| entry.key.clone()).collect();
    let scans = analyze::Scans::default();
    let providers = match parse::analyzes(&resolution.scope.statement) {
        true => pinned.providers.into_iter().zip(&keys).map(|(table, key)| Watched::over(table, key, &scans)).collect(),
        false => pinned.providers,
    };
    let described = explain::views(&resolution);
    let Resolution { scope, views, change, .. } = resolution;
    let style = scope.parameters.clone();
    let plan = planning.in_scope(|| {
        let logical = logical(&state, scope, views, &providers)?;
        let bound = parameters::bind(logical, &style, &statement.parameters)?;
        optimized(&state, bound).map_err(ours)
    })?;
    let physical = state.query_planner().create_physical_plan(&plan, state.as_ref());
    let physical = physical.instrument(planning).await.map_err(ours)?;

    let schema = answer_schema(plan.schema().as_arrow(), &physical.schema());
    let given = Given { views: described, entries: pinned.entries, scans: ctx.scans.since(reports_before) };
    let runs = !matches!(plan, LogicalPlan::Explain(_));
    let (plan, counted) = run::counted(physical).map_err(ours)?;
    let schema = if change.is_some() { count_schema() } else { schema };
    let (head, limits) = match counted {
        Some(count) => {
            let measured = Measured { given: given.rows(), keys, scans, rows: count };
            (Head::Measured(measured), ResultLimits::default())
        }
        None if runs && change.is_some() => (Head::None, ResultLimits::default()),
        None if runs => (Head::None, ResultLimits::new(&engine.settings.limits)),
        None => (explain::batch(&schema, &given.rows())?.map_or(Head::None, Head::Ready), ResultLimits::default()),
    };
    let scan_bytes = if runs { given.scans.iter().map(|report| report.bytes_kept).sum() } else { 0 };
    let task = engine.runtime.template.task(&state, pinned.stores, &ctx.usage);
    let versions = pinned.versions;
    let ctx = ctx.clone();
    let runnable = Runnable { ctx, schema, plan, task, versions, head, scan_bytes, limits, products, change, ground };
    Ok((runnable, given))
}

/// The optimized plan: the one that [`SessionState::optimize`] makes, which copies every node first.
fn optimized(state: &SessionState, plan: LogicalPlan) -> DfResult<LogicalPlan> {
    if matches!(plan, LogicalPlan::Explain(_)) {
        return state.optimize(&plan);
    }
    let analyzed = state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {})?;
    state.optimizer().optimize(analyzed, state, |_, _| {})
}

/// Tells the columns and the parameters of a statement, over the catalog's columns alone.
pub(crate) fn describe(engine: &Engine, ctx: &QueryContext, sql: &str) -> Result<StatementInfo> {
    let snapshot = engine.snapshot();
    let resolution = resolve(engine, ctx, &snapshot, sql)?;
    let (style, writes) = (resolution.scope.parameters.clone(), resolution.change.is_some());
    let plan = schema_only(engine, resolution)?;
    let parameters = parameters::describe(&plan, &style)?;
    if writes {
        return Ok(StatementInfo { schema: count_schema(), parameters, writes: true });
    }
    let optimized = optimized(&engine.runtime.template.planning(), plan)?;
    Ok(StatementInfo { schema: Arc::new(optimized.schema().as_arrow().clone()), parameters, writes: false })
}

/// Parses a statement and resolves its names. Touches no storage.
fn resolve(engine: &Engine, ctx: &QueryContext, snapshot: &CatalogSnapshot, sql: &str) -> Result<Resolution> {
    let bytes = engine.settings.limits.statement_text.0;
    let decisions = Decisions::new(ctx, engine.policy.as_ref());
    let resolver = Resolver::new(snapshot, &decisions, &engine.log, bytes, ctx.temp.as_ref());
    let schema = ctx.default_schema.as_deref();
    match info_span!("parse").in_scope(|| parse::parse(sql, bytes))? {
        Request::Query(parsed) => info_span!("resolve").in_scope(|| resolver.resolve(parsed, schema)),
        Request::Listing(listing) => {
            let query = listing_query(engine, ctx, snapshot, &listing, &decisions)?;
            match parse::parse(&query, bytes)? {
                Request::Query(parsed) => resolver.resolve(parsed, schema),
                Request::Listing(_) | Request::Write(_) => {
                    Err(Error::invalid_query("a listing was written as a listing"))
                }
            }
        }
        Request::Write(write) => {
            let state = engine.runtime.template.planning();
            info_span!("resolve").in_scope(|| write::resolve(*write, resolver, ctx, &state, bytes))
        }
    }
}

/// The query that answers `SHOW` or `DESCRIBE`.
fn listing_query(
    engine: &Engine,
    ctx: &QueryContext,
    snapshot: &CatalogSnapshot,
    listing: &Listing,
    decisions: &Decisions<'_>,
) -> Result<String> {
    let Listing::Columns { table, .. } = listing else {
        return Ok(listing.query(&snapshot.catalog_name, &Schema::empty()));
    };
    let bytes = engine.settings.limits.statement_text.0;
    match parse::parse(&format!("SELECT * FROM {table}"), bytes)? {
        Request::Query(parsed) => {
            let resolver = Resolver::new(snapshot, decisions, &engine.log, bytes, ctx.temp.as_ref());
            let plan = schema_only(engine, resolver.resolve(parsed, ctx.default_schema.as_deref())?)?;
            Ok(listing.query(&snapshot.catalog_name, plan.schema().as_arrow()))
        }
        Request::Listing(_) | Request::Write(_) => {
            Err(Error::invalid_query(format!("{table} is not the name of a table")))
        }
    }
}

/// The logical plan over tables that have columns and no rows.
fn schema_only(engine: &Engine, resolution: Resolution) -> Result<LogicalPlan> {
    let state = engine.runtime.template.planning();
    let empty = |wanted: &names::Wanted| -> Arc<dyn TableProvider> {
        let schema = wanted.entry.tables[wanted.table].schema.clone();
        Arc::new(EmptyTable::new(schema.unwrap_or_else(|| Arc::new(Schema::empty()))))
    };
    let providers: Vec<_> = resolution.wanted.iter().map(empty).collect();
    logical(&state, resolution.scope, resolution.views, &providers)
}

/// The logical plan of a statement; views are planned first, each after those it stands on.
fn logical(
    state: &SessionState,
    statement: Scope,
    views: Vec<View>,
    providers: &[Arc<dyn TableProvider>],
) -> Result<LogicalPlan> {
    let mut planned: Vec<Arc<dyn TableProvider>> = Vec::with_capacity(views.len());
    for view in views {
        let plan = scope(state, view.scope, providers, &planned).map_err(|error| Failure::ContractBroken {
            product: view.entry.id().name.to_string(),
            message: format!("its definition does not fit what it stands on: {error}"),
            hint: error.hint(),
        })?;
        planned.push(Arc::new(ViewTable::new(plan, None)));
    }
    scope(state, statement, providers, &planned)
}

/// The logical plan of one scope.
fn scope(
    state: &SessionState,
    mut scope: Scope,
    providers: &[Arc<dyn TableProvider>],
    views: &[Arc<dyn TableProvider>],
) -> Result<LogicalPlan> {
    let of = |target: &Target| match target {
        Target::Table(index) => Arc::clone(&providers[*index]),
        Target::View(index) => Arc::clone(&views[*index]),
        Target::Ready(provider) => Arc::clone(provider),
    };
    let own: Vec<Arc<dyn TableProvider>> = scope.sources.iter().map(|source| of(&source.target)).collect();
    let schemas: Vec<SchemaRef> = own.iter().map(|provider| provider.schema()).collect();
    columns::spell(&mut scope, &schemas)?;
    let Scope { statement, sources, into, .. } = scope;
    let into = into.map(|(reference, provider)| (reference, provider_as_source(provider)));
    let tables: HashMap<TableReference, Arc<dyn TableSource>> = sources
        .into_iter()
        .map(|source| source.reference)
        .zip(own.into_iter().map(provider_as_source))
        .chain(into)
        .collect();
    let tables = Tables { state, tables };
    Ok(match SqlToRel::new(&tables).statement_to_plan(statement)? {
        // Of an INSERT the rows, in the columns of its table: what is done with them is the change's.
        LogicalPlan::Dml(insert) => Arc::unwrap_or_clone(insert.input),
        plan => plan,
    })
}

/// The answer's columns: as [`describe`] tells them, unless the physical plan has other types; nullable when either says so.
fn answer_schema(logical: &Schema, physical: &SchemaRef) -> SchemaRef {
    let same_types = logical.fields().len() == physical.fields().len()
        && logical.fields().iter().zip(physical.fields()).all(|(a, b)| a.data_type() == b.data_type());
    if !same_types {
        return Arc::clone(physical);
    }
    let either = |(a, b): (&Arc<Field>, &Arc<Field>)| -> Field {
        a.as_ref().clone().with_nullable(a.is_nullable() || b.is_nullable())
    };
    let fields: Vec<Field> = logical.fields().iter().zip(physical.fields()).map(either).collect();
    Arc::new(Schema::new_with_metadata(fields, logical.metadata().clone()))
}
