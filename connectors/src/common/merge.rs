//! How the schemas of many files become one.
//!
//! In: Arrow types as files hold them. Out: the narrowest type that holds both.
//! Holds always: names are matched exactly; a difference that cannot be bridged without loss names both sides.
//!
//! Start reading at [`Merge`].

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use meshweave_engine::types::logical_type;

use super::types::{decimal, keeps};

/// The narrowest type that holds both without loss; none when there is none.
pub(crate) fn widest(one: &DataType, other: &DataType) -> Option<DataType> {
    use DataType as T;
    if one == other || *other == T::Null {
        return Some(one.clone());
    }
    match (one, other) {
        (T::Null, other) => Some(other.clone()),
        (T::Timestamp(a, zone), T::Timestamp(b, other)) if zone.is_some() == other.is_some() => {
            Some(T::Timestamp(finer(*a, *b), zone.clone()))
        }
        (T::Duration(a), T::Duration(b)) => Some(T::Duration(finer(*a, *b))),
        (T::Time32(_), T::Time64(_)) => Some(other.clone()),
        (T::Time64(a), T::Time64(b)) => Some(T::Time64(finer(*a, *b))),
        (T::Time32(a), T::Time32(b)) => Some(T::Time32(finer(*a, *b))),
        (T::Struct(a), T::Struct(b)) => Some(T::Struct(merged(a, b).ok()?)),
        (T::List(a), T::List(b)) => Some(T::List(Arc::new(both(a, b)?))),
        (T::LargeList(a) | T::List(a), T::LargeList(b) | T::List(b)) => Some(T::LargeList(Arc::new(both(a, b)?))),
        (one, other) => match (decimal(one), decimal(other)) {
            (Some(a), Some(b)) => wider_decimal(a, b),
            _ if keeps(one, other) => Some(one.clone()),
            _ if keeps(other, one) => Some(other.clone()),
            _ => None,
        },
    }
}

fn finer(one: TimeUnit, other: TimeUnit) -> TimeUnit {
    one.max(other)
}

fn wider_decimal((p, s): (u8, i8), (q, r): (u8, i8)) -> Option<DataType> {
    let scale = s.max(r);
    let whole = (i16::from(p) - i16::from(s)).max(i16::from(q) - i16::from(r));
    let precision = u8::try_from(whole + i16::from(scale)).ok()?;
    match precision {
        0..=38 => Some(DataType::Decimal128(precision, scale)),
        39..=76 => Some(DataType::Decimal256(precision, scale)),
        _ => None,
    }
}

fn both(one: &Field, other: &Field) -> Option<Field> {
    let data_type = widest(one.data_type(), other.data_type())?;
    Some(Field::new(one.name(), data_type, one.is_nullable() || other.is_nullable()))
}

/// Members of both, those of the first first; what only one has may be null. The error is the member that cannot be both.
fn merged(one: &Fields, other: &Fields) -> Result<Fields, (FieldRef, FieldRef)> {
    let mut fields: Vec<FieldRef> = Vec::with_capacity(one.len());
    for field in one {
        fields.push(match other.iter().find(|f| f.name() == field.name()) {
            Some(second) => Arc::new(both(field, second).ok_or_else(|| (Arc::clone(field), Arc::clone(second)))?),
            None => Arc::new(field.as_ref().clone().with_nullable(true)),
        });
    }
    let added = other.iter().filter(|f| one.iter().all(|known| known.name() != f.name()));
    fields.extend(added.map(|field| Arc::new(field.as_ref().clone().with_nullable(true))));
    Ok(fields.into())
}

/// The one schema of several files, and which file brought each column's type, for errors.
#[derive(Debug, Default)]
pub(crate) struct Merge {
    fields: Option<Fields>,
    first_seen: Vec<(String, String)>,
}

impl Merge {
    /// Adds the columns of one more file.
    ///
    /// # Errors
    /// Both files, the column and both types, in words.
    pub(crate) fn add(&mut self, file: &str, schema: &Schema) -> Result<(), String> {
        let plain: Fields = schema.fields().iter().map(unlabelled).collect();
        let next = match &self.fields {
            None => plain,
            Some(known) => merged(known, &plain).map_err(|(one, other)| {
                let first = self.first_seen.iter().find(|(column, _)| column == one.name()).map_or("", |(_, f)| f);
                format!(
                    "column \"{}\" is {} in \"{first}\" and {} in \"{file}\"",
                    one.name(),
                    logical_type(one.data_type()),
                    logical_type(other.data_type())
                )
            })?,
        };
        for field in schema.fields() {
            if !self.first_seen.iter().any(|(column, _)| column == field.name()) {
                self.first_seen.push((field.name().clone(), file.to_owned()));
            }
        }
        self.fields = Some(next);
        Ok(())
    }

    /// The columns of all files, with the partition columns last; none when there was no file.
    pub(crate) fn finish(self, partitions: Vec<Field>) -> Option<SchemaRef> {
        let is_partition = |field: &&FieldRef| partitions.iter().any(|p| p.name() == field.name());
        let mut fields: Vec<FieldRef> = self.fields?.iter().filter(|f| !is_partition(f)).cloned().collect();
        fields.extend(partitions.into_iter().map(Arc::new));
        Some(Arc::new(Schema::new(fields)))
    }
}

/// Labels of writers (field ids and the like) are not part of what a table promises.
fn unlabelled(field: &FieldRef) -> FieldRef {
    if field.metadata().is_empty() {
        return Arc::clone(field);
    }
    Arc::new(field.as_ref().clone().with_metadata(std::collections::HashMap::new()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use DataType as T;

    #[allow(clippy::needless_pass_by_value, reason = "cases read better")]
    fn check(one: T, other: T, expected: Option<T>) {
        assert_eq!(widest(&one, &other), expected, "{one} and {other}");
        assert_eq!(widest(&other, &one), expected, "{other} and {one}");
    }

    #[test]
    fn legal_widenings_meet() {
        check(T::Int32, T::Int64, Some(T::Int64));
        check(T::UInt32, T::Int64, Some(T::Int64));
        check(T::Float32, T::Float64, Some(T::Float64));
        check(T::Int32, T::Float64, Some(T::Float64));
        check(T::Decimal128(10, 2), T::Decimal128(12, 4), Some(T::Decimal128(12, 4)));
        check(T::Decimal128(38, 0), T::Decimal128(38, 10), Some(T::Decimal256(48, 10)));
        let at = |unit| T::Timestamp(unit, Some("UTC".into()));
        check(at(TimeUnit::Millisecond), at(TimeUnit::Nanosecond), Some(at(TimeUnit::Nanosecond)));
    }

    #[test]
    fn what_would_lose_is_refused() {
        check(T::Int64, T::Float64, None);
        check(T::Int64, T::Utf8, None);
        check(T::UInt64, T::Int64, None);
        check(T::Timestamp(TimeUnit::Microsecond, None), T::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), None);
        assert!(!keeps(&T::Int32, &T::Int64));
        assert!(!keeps(&T::Utf8, &T::Binary));
        assert!(!keeps(&T::Decimal128(10, 2), &T::Decimal128(10, 3)));
    }

    #[test]
    fn members_of_structs_widen_and_are_added() {
        let one = T::Struct(Fields::from(vec![Field::new("a", T::Int32, false)]));
        let other = T::Struct(Fields::from(vec![Field::new("a", T::Int64, false), Field::new("b", T::Utf8, false)]));
        let both = T::Struct(Fields::from(vec![Field::new("a", T::Int64, false), Field::new("b", T::Utf8, true)]));
        assert_eq!(widest(&one, &other), Some(both.clone()));
        assert!(keeps(&both, &one) && keeps(&both, &other));
    }

    #[test]
    fn a_merge_names_both_files_and_the_column() {
        let mut merge = Merge::default();
        merge.add("a.parquet", &Schema::new(vec![Field::new("n", T::Int64, false)])).unwrap();
        merge.add("b.parquet", &Schema::new(vec![Field::new("m", T::Int64, false)])).unwrap();
        let error = merge.add("c.parquet", &Schema::new(vec![Field::new("n", T::Utf8, false)])).unwrap_err();
        assert_eq!(error, "column \"n\" is int64 in \"a.parquet\" and string in \"c.parquet\"");
        let schema = merge.finish(vec![Field::new("p", T::Utf8, true)]).unwrap();
        let names: Vec<_> = schema.fields().iter().map(|f| (f.name().as_str(), f.is_nullable())).collect();
        assert_eq!(names, [("n", true), ("m", true), ("p", true)]);
    }
}
