//! The wire schema: which types a client is sent, decided in one place.
//!
//! In: the columns of an answer or of a product, and the client's [`Profile`]. Out: the one schema that CreatePreparedStatement,
//! GetSchema, GetFlightInfo and DoGet announce, and every batch in it.
//! Holds always:
//! - the same columns and the same profile give the same schema, bit for bit;
//! - a batch is cast and relabelled to it; a null in a column that was promised without nulls is an error, never sent;
//! - values are never lost in a cast: what does not fit is an error.
//!
//! Start reading at [`WireSchema::new`].

mod convert;
mod json;
mod listed;
mod types;
mod union;

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::{IpcMessage, SchemaAsIpc};
use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::status::{Fault, Outcome};
pub(crate) use convert::{compact, convert};
pub(crate) use listed::{Place, table_schema};
pub(crate) use types::sql_type;

/// Which types a client can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Profile {
    /// What every known driver reads: no views, dictionaries, run-ends, list-views, half floats, short decimals, unions.
    Compat,
    /// Arrow's own types; only dictionaries, run-ends and list-views are flattened.
    Arrow,
    /// `Compat` without what ODBC has no type for: no wide decimals, intervals, durations, nulls without a type, UUIDs.
    Odbc,
    /// `Compat` in the types of Grafana's frames: numbers, texts, booleans and moments.
    Grafana,
    /// What the Apache JDBC driver reads rightly: as [`Self::Compat`], and no unsigned numbers, which it takes for signed ones.
    Jdbc,
}

impl Profile {
    /// The profile of a word in a header or an option.
    pub(crate) fn named(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "compat" => Some(Self::Compat),
            "arrow" | "native" => Some(Self::Arrow),
            "odbc" => Some(Self::Odbc),
            "grafana" => Some(Self::Grafana),
            "jdbc" => Some(Self::Jdbc),
            _ => None,
        }
    }

    /// What the name of a client lets guess.
    pub(crate) fn of_agent(agent: &str) -> Self {
        let agent = agent.to_ascii_lowercase();
        if agent.contains("odbc") {
            Self::Odbc
        } else if agent.contains("grafana") {
            Self::Grafana
        } else {
            Self::Compat
        }
    }

    /// Its word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Compat => "compat",
            Self::Arrow => "arrow",
            Self::Odbc => "odbc",
            Self::Grafana => "grafana",
            Self::Jdbc => "jdbc",
        }
    }

    /// The number in tickets.
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::Compat => 0,
            Self::Arrow => 1,
            Self::Odbc => 2,
            Self::Grafana => 3,
            Self::Jdbc => 4,
        }
    }

    /// The profile of a number in a ticket.
    pub(crate) fn of_number(number: u32) -> Outcome<Self> {
        match number {
            0 => Ok(Self::Compat),
            1 => Ok(Self::Arrow),
            2 => Ok(Self::Odbc),
            3 => Ok(Self::Grafana),
            4 => Ok(Self::Jdbc),
            other => Err(Fault::invalid(format!(
                "the ticket asks for wire profile {other}, which this server does not know"
            ))),
        }
    }
}

/// The schema that one answer is announced and sent with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WireSchema(SchemaRef);

impl WireSchema {
    /// The wire schema of an answer's columns.
    pub(crate) fn new(columns: &Schema, profile: Profile) -> Self {
        let fields: Vec<Field> = columns.fields().iter().map(|field| types::result_field(field, profile)).collect();
        Self(Arc::new(Schema::new(fields)))
    }

    /// These very columns.
    #[cfg(test)]
    pub(crate) fn as_it_is(columns: &Schema) -> Self {
        Self(Arc::new(columns.clone()))
    }

    /// The same with every column nullable: for several parameter rows, whose answers may differ in that.
    #[must_use]
    pub(crate) fn relaxed(&self) -> Self {
        let fields: Vec<Field> = self.0.fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect();
        Self(Arc::new(Schema::new(fields)))
    }

    /// As Arrow sees it.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.0
    }

    /// As messages carry it: an encapsulated IPC message.
    pub(crate) fn to_ipc(&self) -> Outcome<Bytes> {
        schema_to_ipc(&self.0)
    }

    /// Recognizes the same schema again.
    pub(crate) fn fingerprint(&self) -> Outcome<Vec<u8>> {
        Ok(Sha256::digest(self.to_ipc()?).to_vec())
    }

    /// The same rows with exactly this schema.
    pub(crate) fn batch(&self, batch: &RecordBatch) -> Outcome<RecordBatch> {
        if batch.num_columns() != self.0.fields().len() {
            let text = format!("{} columns were planned and {} came", self.0.fields().len(), batch.num_columns());
            return Err(Fault::internal("sending an answer", &text));
        }
        let columns = self.0.fields().iter().zip(batch.columns()).map(|(field, column)| {
            if !field.is_nullable() && column.logical_null_count() > 0 {
                return Err(Fault::broken_promise(format!(
                    "column \"{}\" is promised without nulls, and a null was read",
                    field.name()
                )));
            }
            convert(column, field.data_type()).map_err(|e| {
                Fault::broken_promise(format!(
                    "column \"{}\" cannot be sent as {}: {e}",
                    field.name(),
                    sql_type(field.data_type())
                ))
                .hint("Cast the column in the statement, or ask for native types with `x-meshweave-wire: native`.")
            })
        });
        let columns = columns.collect::<Outcome<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.0), columns, &options)
            .map_err(|e| Fault::broken_promise(format!("the answer does not fit its announced columns: {e}")))
    }
}

/// An encapsulated IPC message with a schema.
pub(crate) fn schema_to_ipc(schema: &Schema) -> Outcome<Bytes> {
    let options = IpcWriteOptions::default();
    let message = IpcMessage::try_from(SchemaAsIpc::new(schema, &options));
    message.map(|IpcMessage(bytes)| bytes).map_err(|e| Fault::internal("writing a schema", &e))
}

#[cfg(test)]
mod tests;
