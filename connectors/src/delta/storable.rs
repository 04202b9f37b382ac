//! The columns of a table as rows are written into it.
//!
//! In: the promised columns, and the table as it is or is to be. Out: the type in which each is stored, or why rows cannot be added.
//! Holds always:
//! - a table that asks something of its writers that is not done here (constraints, generated or mapped columns) takes no rows;
//! - what is stored can be read back as what is promised.
//!
//! Start reading at [`Columns::of`].

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use deltalake::kernel::transaction::PROTOCOL;
use deltalake::table::state::DeltaTableState;
use meshweave_engine::connect::Port;
use meshweave_engine::types::logical_type;
use meshweave_engine::{Error, Failure, Result};

use super::columns;
use crate::common::types::keeps;

/// Properties of columns that a writer would have to compute or check.
const ASKING: [&str; 3] = ["delta.invariants", "delta.generationExpression", "delta.identity.start"];

/// The columns of a table, and which promised one each of them is.
#[derive(Debug)]
pub(super) struct Columns {
    /// In the order of the promised ones, in the types that are stored.
    pub(super) taken: SchemaRef,
    /// As the table has them.
    pub(super) stored: SchemaRef,
    /// For each stored column the promised one; none: it is null.
    places: Vec<Option<usize>>,
}

impl Columns {
    /// Holds the promised columns against those of a table.
    ///
    /// # Errors
    /// [`Failure::Unsupported`] when the table asks for more than plain files; [`Failure::ContractBroken`] with every column that
    /// cannot be stored so that it is read back.
    pub(super) fn of(port: &Port, promised: &Schema, state: &DeltaTableState) -> Result<Self> {
        if let Some(what) = asks_for(state) {
            return Err(Failure::Unsupported {
                what: format!("adding rows to {}, whose table has {what},", port.key),
                hint: Some("Let the program that keeps the table add them.".to_owned()),
            }
            .into());
        }
        let stored = Arc::new(columns::stored_in(state));
        let mut problems = Vec::new();
        let mut taken = Vec::with_capacity(promised.fields().len());
        for field in promised.fields() {
            match stored.field_with_name(field.name()) {
                Ok(found) if keeps(field.data_type(), found.data_type()) => taken.push(Arc::new(found.clone())),
                Ok(found) => {
                    let (promised, found) = (logical_type(field.data_type()), logical_type(found.data_type()));
                    problems.push(format!("the column \"{}\" is {promised} and stored as {found}", field.name()));
                }
                Err(_) => problems.push(format!("the column \"{}\" is not stored", field.name())),
            }
        }
        let place = |field: &FieldRef| promised.fields().iter().position(|one| one.name() == field.name());
        let places: Vec<Option<usize>> = stored.fields().iter().map(place).collect();
        let unnamed =
            stored.fields().iter().zip(&places).filter(|(field, place)| place.is_none() && !field.is_nullable());
        problems.extend(
            unnamed.map(|(field, _)| format!("the contract does not name \"{}\", which is never null", field.name())),
        );
        if problems.is_empty() {
            return Ok(Self { taken: Arc::new(Schema::new(taken)), stored, places });
        }
        Err(broken(port, &problems))
    }

    /// A batch of [`Self::taken`] columns in those of the table.
    ///
    /// # Errors
    /// [`Failure::Internal`] for a batch of other columns.
    pub(super) fn arranged(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let column = |(place, field): (&Option<usize>, &FieldRef)| -> ArrayRef {
            match place {
                Some(place) => Arc::clone(batch.column(*place)),
                None => new_null_array(field.data_type(), batch.num_rows()),
            }
        };
        let arranged = self.places.iter().zip(self.stored.fields()).map(column).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.stored), arranged, &options)
            .map_err(|error| Error::internal("arranging rows for their table", error))
    }
}

/// What a table asks of its writers that is not done here.
fn asks_for(state: &DeltaTableState) -> Option<String> {
    let configuration = state.metadata().configuration();
    if configuration.get("delta.columnMapping.mode").is_some_and(|mode| mode != "none") {
        return Some("mapped columns".to_owned());
    }
    if configuration.keys().any(|key| key.starts_with("delta.constraints.")) {
        return Some("constraints of its own".to_owned());
    }
    let schema = state.schema();
    if schema.fields().any(|field| ASKING.iter().any(|key| field.metadata().contains_key(*key))) {
        return Some("columns that its writers compute or check".to_owned());
    }
    PROTOCOL.can_write_to(state).err().map(|error| format!("features that are not known here ({error})"))
}

/// The columns of a table that is made for a contract.
///
/// # Errors
/// [`Failure::ContractBroken`] with every column whose type no Delta table has.
pub(super) fn for_new_table(port: &Port, promised: &Schema) -> Result<Schema> {
    let mut problems = Vec::new();
    let mut fields = Vec::with_capacity(promised.fields().len());
    for field in promised.fields() {
        match storable(field.data_type()).filter(|stored| keeps(field.data_type(), stored)) {
            Some(stored) => fields.push(Field::new(field.name(), stored, field.is_nullable())),
            None => {
                let promised = logical_type(field.data_type());
                problems.push(format!("the column \"{}\" is {promised}, which no delta table holds", field.name()));
            }
        }
    }
    if problems.is_empty() { Ok(Schema::new(fields)) } else { Err(broken(port, &problems)) }
}

/// The type in which Delta holds values of another; none where it has none.
fn storable(data_type: &DataType) -> Option<DataType> {
    use DataType as T;
    let inner = |field: &FieldRef| -> Option<FieldRef> {
        Some(Arc::new(field.as_ref().clone().with_data_type(storable(field.data_type())?)))
    };
    Some(match data_type {
        T::Utf8 | T::LargeUtf8 | T::Utf8View => T::Utf8,
        T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) => T::Binary,
        T::Timestamp(_, zone) => T::Timestamp(TimeUnit::Microsecond, zone.clone()),
        T::List(item) => T::List(inner(item)?),
        T::Struct(fields) => T::Struct(fields.iter().map(inner).collect::<Option<Vec<_>>>()?.into()),
        T::Map(entries, sorted) => T::Map(inner(entries)?, *sorted),
        T::Boolean | T::Int8 | T::Int16 | T::Int32 | T::Int64 | T::Float32 | T::Float64 | T::Date32 => {
            data_type.clone()
        }
        T::Decimal128(..) => data_type.clone(),
        _ => return None,
    })
}

fn broken(port: &Port, problems: &[String]) -> Error {
    Failure::ContractBroken {
        product: port.key.clone(),
        message: format!("rows cannot be added: {}", problems.join("; ")),
        hint: Some("Register a version of the contract that says what is stored, or mend the table.".to_owned()),
    }
    .into()
}
