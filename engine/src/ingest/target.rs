//! Which table rows are for, and whether it takes any.
//!
//! Start reading at [`Target::find`].

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use meshweave_contract::intake::INGEST;
use meshweave_contract::model::{Body, Check, Column};

use super::Offer;
use crate::catalog::{CatalogSnapshot, Entry, NamePart, Resolved};
use crate::connect::{Intake, Port};
use crate::context::QueryContext;
use crate::engine::Engine;
use crate::error::{Error, Failure, Result};
use crate::plan::{Decisions, port_of};
use crate::temp::IngestMode;

/// A table that takes rows from this caller.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) port: Port,
    pub(super) intake: Arc<dyn Intake>,
    /// What the contract says of each column, in the order of the port's schema.
    pub(super) columns: Vec<Column>,
    /// What it says of the table's rows beside.
    pub(super) quality: Vec<Check>,
}

impl Target {
    /// Finds the table and asks the policy; touches no storage.
    ///
    /// # Errors
    /// [`Failure::ProductNotFound`] where the caller may not even find it, [`Failure::Denied`] where rows of the caller are not
    /// taken; [`Failure::TakesNoRows`] where nobody's are.
    pub(super) fn find(engine: &Engine, ctx: &QueryContext, offer: &Offer) -> Result<Self> {
        let snapshot = engine.snapshot();
        let decisions = Decisions::new(ctx, engine.policy.as_ref());
        let (entry, table, key) = resolve(&snapshot, &decisions, offer)?;
        decisions.write(&entry)?;
        may_be_written(&entry, offer.mode)?;
        let mut port = port_of(&entry, table, key)?;
        let columns = entry.tables[table].columns.clone();
        port.schema = Some(promised(&entry, port.schema.as_ref(), &columns)?);
        let Some(intake) = engine.connectors.intake(&port.spec.format) else {
            let formats = engine.connectors.intake_formats().join(", ");
            let reason = format!("it is stored as {}, and rows are taken into {formats} tables only", port.spec.format);
            return Err(refused(&entry, reason, "Store it as a Delta table: `storage: { format: delta, … }`."));
        };
        let quality = quality(&entry, table);
        Ok(Self { port, intake: Arc::clone(intake), columns, quality })
    }
}

fn resolve(
    snapshot: &CatalogSnapshot,
    decisions: &Decisions<'_>,
    offer: &Offer,
) -> Result<(Arc<Entry>, usize, String)> {
    let parts = [NamePart::plain(&offer.schema), NamePart::plain(&offer.table)];
    let visible = |product: &_| decisions.visible(product);
    let resolved = snapshot.resolve(&parts, None, &visible)?;
    let key = resolved.key();
    match (resolved, key) {
        (Resolved::Product { entry, table }, Some(key)) => Ok((entry, table, key)),
        (Resolved::System(_) | Resolved::InformationSchema(_) | Resolved::Product { .. }, _) => {
            Err(Error::invalid_query_hint(
                format!("{}.{} is a table of the engine itself and takes no rows", offer.schema, offer.table),
                "Rows go into the session's own schema `temp`, or into a product with an input port that takes them.",
            ))
        }
    }
}

/// Whether anybody may add rows to the product in this way.
fn may_be_written(entry: &Entry, mode: IngestMode) -> Result<()> {
    let definition = match &entry.product.body {
        Body::Stored => None,
        Body::View { .. } => Some("a view, a query over other products"),
        Body::Materialization { .. } => Some("a materialization, the stored answer to a query"),
    };
    if let Some(what) = definition {
        let hint = "Add the rows to the products that it is made from.";
        return Err(refused(entry, format!("it is {what}"), hint));
    }
    if !entry.product.takes_rows() {
        let hint = format!(
            "Register a version whose contract has one: `input_ports: [{{ name: {INGEST}, type: {INGEST} }}]`; or make a table in `temp`."
        );
        return Err(refused(entry, format!("its contract has no input port of the type `{INGEST}`"), hint));
    }
    let why = match mode {
        IngestMode::Append => return Ok(()),
        IngestMode::Create => "create it: a product is made by registering its contract",
        IngestMode::Replace => "replace it: others rely on its rows and its versions",
        IngestMode::CreateAppend => "create it where it is missing: a product is made by registering its contract",
    };
    let hint = "Append: the table must exist, and rows are added (`if_not_exist` fail, `if_exists` append).";
    Err(refused(entry, format!("rows cannot {why}"), hint))
}

/// The columns as rows must have them. What plans see is less: there a column is never null only when what lies in storage was seen
/// to keep it.
fn promised(entry: &Entry, seen: Option<&SchemaRef>, columns: &[Column]) -> Result<SchemaRef> {
    let Some(seen) = seen else {
        return Err(Failure::ContractBroken {
            product: entry.id().name.to_string(),
            message: "its columns are not known yet".to_owned(),
            hint: Some("`SELECT * FROM mesh.problems` says why.".to_owned()),
        }
        .into());
    };
    let fields = seen.fields().iter().zip(columns);
    let fields = fields.map(|(field, column)| field.as_ref().clone().with_nullable(column.nullable));
    Ok(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
}

fn refused(entry: &Entry, reason: String, hint: impl Into<String>) -> Error {
    Failure::TakesNoRows { product: entry.id().name.to_string(), reason, hint: hint.into() }.into()
}

/// The rules of the port that are about this table, and stop something when they are broken.
fn quality(entry: &Entry, table: usize) -> Vec<Check> {
    let tables = entry.product.sql_tables();
    let name = &entry.tables[table].name;
    let Some(found) = tables.iter().find(|one| one.name == *name).or_else(|| tables.get(table)) else {
        return Vec::new();
    };
    let is_first = found.port.tables.first().is_some_and(|first| first.name == found.table.name);
    let is_here = |check: &&Check| match &check.table {
        Some(named) => meshweave_contract::name::fold(named) == found.table.name.folded(),
        None => is_first,
    };
    let stops = |check: &&Check| check.severity.as_deref().is_none_or(|word| word.eq_ignore_ascii_case("error"));
    found.port.quality.iter().filter(is_here).filter(stops).cloned().collect()
}
