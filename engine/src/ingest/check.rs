//! Rows held against the contract of the table that they are for.
//!
//! In: a batch as it came. Out: the same rows in the columns that are stored, as long as nothing is wrong with any row so far.
//! Holds always: what is wrong with one row does not hide what is wrong with another.
//!
//! Start reading at [`Check::take`].

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::execution::memory_pool::MemoryReservation;

use super::cast::fit;
use super::columns::places;
use super::findings::Findings;
use super::keys::{self, Key};
use super::rules::{self, Rule};
use super::target::Target;
use crate::error::{Error, Failure, Result};
use crate::types::logical_type;

/// What is checked of each row, and what was found.
#[derive(Debug)]
pub(super) struct Check {
    product: String,
    promised: SchemaRef,
    stored: SchemaRef,
    places: Vec<Option<usize>>,
    rules: Vec<Rule>,
    keys: Vec<Key>,
    findings: Findings,
    rows: u64,
}

impl Check {
    /// What a target's contract asks of rows with these columns.
    ///
    /// - `room`: where what is remembered of keys is counted.
    ///
    /// # Errors
    /// [`Failure::RowsRefused`] with everything that is wrong with the columns; [`Failure::TakesNoRows`] for a rule that cannot be
    /// checked here.
    pub(super) fn new(target: &Target, rows: &Schema, room: &MemoryReservation) -> Result<Self> {
        let product = target.port.product.name.to_string();
        let promised = target.port.schema.clone().unwrap_or_else(|| Arc::new(Schema::empty()));
        let places =
            places(&promised, rows).map_err(|problems| Failure::RowsRefused { product: product.clone(), problems })?;
        let impossible = |reason: String| Failure::TakesNoRows {
            product: product.clone(),
            reason,
            hint: "Register a version of the contract whose rules can be checked.".to_owned(),
        };
        let rules = rules::of(&target.columns, &target.quality, &promised).map_err(impossible)?;
        let keys = keys::of(&target.columns, &target.quality, &promised, room).map_err(impossible)?;
        let stored = Arc::clone(&promised);
        Ok(Self { product, promised, stored, places, rules, keys, findings: Findings::default(), rows: 0 })
    }

    /// The columns that [`Self::take`] gives.
    pub(super) fn stored_as(&mut self, schema: &SchemaRef) {
        self.stored = Arc::clone(schema);
    }

    /// Rows that came.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Looks at a batch; gives it in the columns that are stored, or nothing once a row is wrong.
    ///
    /// # Errors
    /// [`Failure::Exhausted`] when keys take more memory than there is; [`Failure::Internal`] for arrays that are none.
    pub(super) fn take(&mut self, batch: &RecordBatch) -> Result<Option<RecordBatch>> {
        let before = self.rows;
        self.rows += batch.num_rows() as u64;
        let mut columns = Vec::with_capacity(self.places.len());
        for (field, place) in self.promised.fields().iter().zip(&self.places) {
            columns.push(match place {
                Some(place) => fitted(&mut self.findings, before, batch.column(*place), field)?,
                None => new_null_array(field.data_type(), batch.num_rows()),
            });
        }
        for rule in &self.rules {
            self.findings.note(rule.text(), before, &rule.broken(&columns)?);
        }
        for key in &mut self.keys {
            let again = key.seen_again(&columns)?;
            self.findings.note(key.text(), before, &again);
        }
        let mut stored = Vec::with_capacity(columns.len());
        for (column, field) in columns.iter().zip(self.stored.fields()) {
            stored.push(storable(&mut self.findings, before, column, field)?);
        }
        if !self.findings.is_empty() {
            return Ok(None);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.stored), stored, &options);
        batch.map(Some).map_err(|error| Error::internal("checking rows that come in", error))
    }

    /// # Errors
    /// [`Failure::RowsRefused`] when something was wrong.
    pub(super) fn outcome(&self) -> Result<()> {
        if self.findings.is_empty() {
            return Ok(());
        }
        Err(Failure::RowsRefused { product: self.product.clone(), problems: self.findings.told() }.into())
    }
}

/// A column in its promised type.
fn fitted(findings: &mut Findings, before: u64, column: &ArrayRef, field: &Field) -> Result<ArrayRef> {
    let fitted = fit(column, field.data_type())?;
    if !fitted.unfit.is_empty() {
        let rule = format!("\"{}\" does not fit {} without loss", field.name(), logical_type(field.data_type()));
        findings.note(&rule, before, &fitted.unfit);
    }
    if !field.is_nullable() {
        findings.note(&format!("\"{}\" is null", field.name()), before, &nulls(column));
    }
    Ok(fitted.values)
}

/// A column in the type that is stored.
fn storable(findings: &mut Findings, before: u64, column: &ArrayRef, field: &Field) -> Result<ArrayRef> {
    let fitted = fit(column, field.data_type())?;
    if !fitted.unfit.is_empty() {
        let stored = logical_type(field.data_type());
        let rule = format!("\"{}\" does not fit {stored}, as which it is stored, without loss", field.name());
        findings.note(&rule, before, &fitted.unfit);
    }
    if !field.is_nullable() && findings.is_empty() {
        findings.note(&format!("\"{}\" is null, which the stored table refuses", field.name()), before, &nulls(column));
    }
    Ok(fitted.values)
}

/// The places of nulls.
pub(super) fn nulls(column: &ArrayRef) -> Vec<usize> {
    match column.logical_nulls() {
        Some(nulls) if nulls.null_count() > 0 => (0..column.len()).filter(|row| nulls.is_null(*row)).collect(),
        _ => Vec::new(),
    }
}
