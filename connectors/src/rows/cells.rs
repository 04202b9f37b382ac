//! Columns that are filled cell by cell from text or JSON, in exactly the promised type.
//!
//! In: one cell after the other. Out: an Arrow array.
//! Holds always: a cell that does not fit its type exactly is refused, never rounded, cut or made null; what is refused is not
//! quoted, since the caller may not be allowed to see it.
//!
//! Start reading at [`Column`].

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BinaryBuilder, BinaryViewBuilder, BooleanBuilder, FixedSizeBinaryBuilder,
    PrimitiveBuilder, StringBuilder, StringViewBuilder,
};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, Field, Float16Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
    Time64NanosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::error::ArrowError;
use meshweave_engine::types::logical_type;
use serde_json::value::RawValue;

use super::nested::{ListCells, MapCells, StructCells};
use super::parse;

/// One value as a file has it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cell<'a> {
    /// None.
    Null,
    /// Bare text; of nested types the text is JSON.
    Text(&'a str),
    /// A JSON value.
    Json(&'a RawValue),
}

/// What is wrong with a cell: a phrase about it, such as `is no int64`.
pub(crate) type Refusal = String;

/// Whether a column holds text.
pub(crate) fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::Utf8View)
}

/// An array that grows.
pub(super) trait Cells: Send {
    /// Adds a null, whether or not the column may hold one.
    fn null(&mut self);

    /// Adds a value that is not null.
    fn push(&mut self, cell: Cell<'_>) -> Result<(), Refusal>;

    /// Gives what was added.
    fn finish(&mut self) -> Result<ArrayRef, ArrowError>;
}

/// A column that grows.
pub(crate) struct Column {
    nullable: bool,
    cells: Box<dyn Cells>,
}

impl std::fmt::Debug for Column {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Column").field("nullable", &self.nullable).finish_non_exhaustive()
    }
}

impl Column {
    /// An empty column of a promised field.
    ///
    /// # Errors
    /// When no text or JSON stands for values of its type, in words.
    pub(crate) fn of(field: &Field) -> Result<Self, String> {
        Ok(Self { nullable: field.is_nullable(), cells: cells(field.data_type())? })
    }

    /// Adds a cell.
    ///
    /// # Errors
    /// What is wrong with it; the column cannot be used any more.
    pub(crate) fn push(&mut self, cell: Cell<'_>) -> Result<(), Refusal> {
        let is_null = match cell {
            Cell::Null => true,
            Cell::Text(_) => false,
            Cell::Json(value) => value.get() == "null",
        };
        match (is_null, self.nullable) {
            (false, _) => self.cells.push(cell),
            (true, true) => {
                self.cells.null();
                Ok(())
            }
            (true, false) => Err("is null, which it may not be".to_owned()),
        }
    }

    /// Adds what stands for a value that nobody will see, below a null.
    pub(super) fn placeholder(&mut self) {
        self.cells.null();
    }

    /// Whether it may hold null.
    pub(crate) fn may_be_null(&self) -> bool {
        self.nullable
    }

    /// Gives what was added.
    ///
    /// # Errors
    /// When Arrow does not take it, which would be a mistake here.
    pub(crate) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        self.cells.finish()
    }
}

/// Which JSON values a type takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// Strings.
    Text,
    /// Numbers, and strings that hold one: JSON has no exact large numbers and no NaN.
    Number,
    /// `true` and `false`.
    Truth,
}

/// The text of a cell that holds one value; none when it is JSON of another sort.
fn single(cell: Cell<'_>, takes: Takes) -> Option<Cow<'_, str>> {
    let json = match cell {
        Cell::Null => return None,
        Cell::Text(text) if takes == Takes::Text => return Some(Cow::Borrowed(text)),
        Cell::Text(text) => return Some(Cow::Borrowed(text.trim_ascii())),
        Cell::Json(value) => value.get(),
    };
    match (json.as_bytes().first()?, takes) {
        (b'"', Takes::Text | Takes::Number) => text(json),
        (b'-' | b'0'..=b'9', Takes::Number) | (b't' | b'f', Takes::Truth) => Some(Cow::Borrowed(json)),
        _ => None,
    }
}

/// The text of a JSON string.
fn text(json: &str) -> Option<Cow<'_, str>> {
    match serde_json::from_str::<&str>(json) {
        Ok(text) => Some(Cow::Borrowed(text)),
        Err(_) => serde_json::from_str::<String>(json).ok().map(Cow::Owned),
    }
}

fn refused(data_type: &DataType) -> Refusal {
    format!("is no {}", logical_type(data_type))
}

struct Parsed<T: ArrowPrimitiveType, F> {
    builder: PrimitiveBuilder<T>,
    data_type: DataType,
    takes: Takes,
    parse: F,
}

impl<T: ArrowPrimitiveType, F: Fn(&str) -> Option<T::Native> + Send> Cells for Parsed<T, F> {
    fn null(&mut self) {
        self.builder.append_null();
    }

    fn push(&mut self, cell: Cell<'_>) -> Result<(), Refusal> {
        let value = single(cell, self.takes).and_then(|text| (self.parse)(&text));
        self.builder.append_value(value.ok_or_else(|| refused(&self.data_type))?);
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(self.builder.finish()))
    }
}

/// Defines [`Cells`] over a builder whose values are parsed from text.
macro_rules! parsed_cells {
    ($name:ident, $builder:ty, $takes:expr, $append:expr) => {
        struct $name {
            builder: $builder,
            data_type: DataType,
        }

        impl Cells for $name {
            fn null(&mut self) {
                self.builder.append_null();
            }

            fn push(&mut self, cell: Cell<'_>) -> Result<(), Refusal> {
                let append: fn(&mut $builder, &str) -> Option<()> = $append;
                let text = single(cell, $takes).ok_or_else(|| refused(&self.data_type))?;
                append(&mut self.builder, &text).ok_or_else(|| refused(&self.data_type))
            }

            fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
                Ok(Arc::new(self.builder.finish()))
            }
        }
    };
}

parsed_cells!(TextCells, StringBuilder, Takes::Text, |builder, text| {
    builder.append_value(text);
    Some(())
});
parsed_cells!(TextViewCells, StringViewBuilder, Takes::Text, |builder, text| {
    builder.append_value(text);
    Some(())
});
parsed_cells!(TruthCells, BooleanBuilder, Takes::Truth, |builder, text| {
    builder.append_value(parse::truth(text)?);
    Some(())
});
parsed_cells!(BytesCells, BinaryBuilder, Takes::Text, |builder, text| {
    builder.append_value(hex::decode(text).ok()?);
    Some(())
});
parsed_cells!(BytesViewCells, BinaryViewBuilder, Takes::Text, |builder, text| {
    builder.append_value(hex::decode(text).ok()?);
    Some(())
});
parsed_cells!(FixedBytesCells, FixedSizeBinaryBuilder, Takes::Text, |builder, text| {
    builder.append_value(hex::decode(text).ok()?).ok()
});

fn cells(data_type: &DataType) -> Result<Box<dyn Cells>, String> {
    use DataType as T;
    let data_type = data_type.clone();
    Ok(match &data_type {
        T::Boolean => Box::new(TruthCells { builder: BooleanBuilder::new(), data_type }),
        T::Int8 => number::<Int8Type>(data_type, parse::whole),
        T::Int16 => number::<Int16Type>(data_type, parse::whole),
        T::Int32 => number::<Int32Type>(data_type, parse::whole),
        T::Int64 => number::<Int64Type>(data_type, parse::whole),
        T::UInt8 => number::<UInt8Type>(data_type, parse::whole),
        T::UInt16 => number::<UInt16Type>(data_type, parse::whole),
        T::UInt32 => number::<UInt32Type>(data_type, parse::whole),
        T::UInt64 => number::<UInt64Type>(data_type, parse::whole),
        T::Float16 => number::<Float16Type>(data_type, |text| {
            let value = <Float16Type as ArrowPrimitiveType>::Native::from_f64(parse::float(text)?);
            (value.is_finite() || !parse::is_digits(text)).then_some(value)
        }),
        T::Float32 => number::<Float32Type>(data_type, parse::float::<f32>),
        T::Float64 => number::<Float64Type>(data_type, parse::float::<f64>),
        T::Decimal128(precision, scale) => {
            let (precision, scale) = (*precision, *scale);
            number::<Decimal128Type>(data_type, move |text| parse::decimal(text, precision, scale)?.parse().ok())
        }
        T::Decimal256(precision, scale) => {
            let (precision, scale) = (*precision, *scale);
            number::<Decimal256Type>(data_type, move |text| {
                arrow::datatypes::i256::from_string(&parse::decimal(text, precision, scale)?)
            })
        }
        T::Utf8 => Box::new(TextCells { builder: StringBuilder::new(), data_type }),
        T::Utf8View => Box::new(TextViewCells { builder: StringViewBuilder::new(), data_type }),
        T::BinaryView => Box::new(BytesViewCells { builder: BinaryViewBuilder::new(), data_type }),
        T::Binary => Box::new(BytesCells { builder: BinaryBuilder::new(), data_type }),
        T::FixedSizeBinary(size) => {
            Box::new(FixedBytesCells { builder: FixedSizeBinaryBuilder::new(*size), data_type })
        }
        T::Date32 => told::<Date32Type>(data_type, parse::date),
        T::Time32(TimeUnit::Second) => told::<Time32SecondType>(data_type, |t| parse::time(t, 1)?.try_into().ok()),
        T::Time32(_) => told::<Time32MillisecondType>(data_type, |t| parse::time(t, 1_000)?.try_into().ok()),
        T::Time64(TimeUnit::Nanosecond) => told::<Time64NanosecondType>(data_type, |t| parse::time(t, 1_000_000_000)),
        T::Time64(_) => told::<Time64MicrosecondType>(data_type, |t| parse::time(t, 1_000_000)),
        T::Timestamp(unit, zone) => {
            let is_instant = zone.is_some();
            match unit {
                TimeUnit::Second => told::<TimestampSecondType>(data_type, parse::moment(1, is_instant)),
                TimeUnit::Millisecond => told::<TimestampMillisecondType>(data_type, parse::moment(1_000, is_instant)),
                TimeUnit::Microsecond => {
                    told::<TimestampMicrosecondType>(data_type, parse::moment(1_000_000, is_instant))
                }
                TimeUnit::Nanosecond => {
                    told::<TimestampNanosecondType>(data_type, parse::moment(1_000_000_000, is_instant))
                }
            }
        }
        T::List(item) => Box::new(ListCells::of(item)?),
        T::Struct(fields) => Box::new(StructCells::of(fields)?),
        T::Map(entries, _) => Box::new(MapCells::of(entries)?),
        other => return Err(format!("no text stands for values of type {}", logical_type(other))),
    })
}

fn number<T: ArrowPrimitiveType>(
    data_type: DataType,
    parse: impl Fn(&str) -> Option<T::Native> + Send + 'static,
) -> Box<dyn Cells> {
    let builder = PrimitiveBuilder::<T>::new().with_data_type(data_type.clone());
    Box::new(Parsed { builder, data_type, takes: Takes::Number, parse })
}

fn told<T: ArrowPrimitiveType>(
    data_type: DataType,
    parse: impl Fn(&str) -> Option<T::Native> + Send + 'static,
) -> Box<dyn Cells> {
    let builder = PrimitiveBuilder::<T>::new().with_data_type(data_type.clone());
    Box::new(Parsed { builder, data_type, takes: Takes::Text, parse: move |text: &str| parse(text.trim_ascii()) })
}
