//! Hidden partitions of a table of files: which values of a time column a file's folders stand for, and which files a predicate
//! leaves.
//!
//! In: the contract's layout, the files' folders, predicates. Out: the files that may hold a row of the answer.
//! Holds always: folders are believed for a file only when its statistics confirmed them, or when the contract says that the
//! layout is trusted; a null is in no folder's stretch, so it never makes a file be left out.
//!
//! Start reading at [`HiddenColumns::of`] and [`HiddenColumns::fitting`].

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, ScalarValue};
use meshweave_contract::layout::{Hidden, Stretch, hidden};
use meshweave_contract::model::StorageSpec;
use tracing::debug;

use super::columns::TableFile;
use super::filters::Judged;

/// The columns by whose time the folders of a table are named.
#[derive(Debug, Clone, Default)]
pub(crate) struct HiddenColumns {
    columns: Vec<(Hidden, Field)>,
    is_trusted: bool,
}

impl HiddenColumns {
    /// Those of a contract's storage.
    ///
    /// - `schema`: the promised columns; a column that is no date and no timestamp hides nothing.
    pub(crate) fn of(spec: &StorageSpec, schema: &Schema) -> Self {
        let column = |hidden: Hidden| {
            let field = schema.field_with_name(&hidden.field).ok()?.clone();
            matches!(field.data_type(), DataType::Date32 | DataType::Timestamp(..)).then_some((hidden, field))
        };
        let columns = hidden(spec).into_iter().filter_map(column).collect();
        Self { columns, is_trusted: spec.layout_trusted }
    }

    /// Whether folders tell anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Whether folders are believed without the files' statistics.
    pub(crate) fn is_trusted(&self) -> bool {
        self.is_trusted
    }

    /// What the folders of a file stand for, one entry per column.
    ///
    /// - `relative`: the file's path below the table's folder.
    pub(crate) fn bounds(&self, relative: &str) -> Vec<Option<Bounds>> {
        let folders: Vec<&str> =
            relative.rsplit_once('/').map_or(Vec::new(), |(folders, _)| folders.split('/').collect());
        let bounds = |(hidden, field): &(Hidden, Field)| Bounds::of(hidden.stretch(&folders)?, field.data_type());
        self.columns.iter().map(bounds).collect()
    }

    /// The columns, with their places in [`Self::bounds`].
    pub(crate) fn fields(&self) -> impl Iterator<Item = (usize, &Field)> {
        self.columns.iter().map(|(_, field)| field).enumerate()
    }

    /// How the folders help with a predicate, as a phrase; none when they do not.
    pub(crate) fn help(&self, names: &[String]) -> Option<String> {
        let (hidden, _) = self.columns.iter().find(|(hidden, _)| names.contains(&hidden.field))?;
        let granularity = hidden.granularity.word();
        Some(match self.is_trusted {
            true => format!("folders by {granularity}, trusted"),
            false => format!("folders by {granularity} where footers confirmed them"),
        })
    }

    /// The files that may hold a row of the answer, as far as their folders tell.
    ///
    /// - `is_believed`: whether the folders of a file are believed for the column at this place.
    pub(crate) fn fitting<'f>(
        &self,
        files: Vec<&'f TableFile>,
        predicates: &[Judged],
        is_believed: impl Fn(&TableFile, usize) -> bool,
    ) -> Vec<&'f TableFile> {
        let told: Vec<&Judged> =
            predicates.iter().filter(|p| p.pruning.is_some() && self.help(&p.columns).is_some()).collect();
        if told.is_empty() || files.is_empty() {
            return files;
        }
        let known = match Known::of(self, &files, is_believed) {
            Ok(known) => known,
            Err(error) => {
                debug!(%error, "the stretches of folders could not be put together");
                return files;
            }
        };
        let mut keep = vec![true; files.len()];
        for judged in told {
            match judged.pruning.as_ref().map(|pruning| pruning.prune(&known)) {
                Some(Ok(may_match)) => keep.iter_mut().zip(may_match).for_each(|(keep, may)| *keep &= may),
                Some(Err(error)) => debug!(predicate = %judged.text, %error, "a predicate could not prune folders"),
                None => {}
            }
        }
        files.into_iter().zip(keep).filter_map(|(file, keep)| keep.then_some(file)).collect()
    }
}

/// The smallest and the largest value of a stretch of time, in the type of its column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bounds {
    /// The smallest.
    pub(crate) min: ScalarValue,
    /// The largest.
    pub(crate) max: ScalarValue,
}

impl Bounds {
    fn of(stretch: Stretch, data_type: &DataType) -> Option<Self> {
        let Stretch { from, until } = stretch;
        let of = |min: i64, max: i64| {
            let value = |number: i64| match data_type {
                DataType::Date32 => i32::try_from(number).ok().map(|days| ScalarValue::Date32(Some(days))),
                DataType::Timestamp(unit, zone) => Some(match unit {
                    TimeUnit::Second => ScalarValue::TimestampSecond(Some(number), zone.clone()),
                    TimeUnit::Millisecond => ScalarValue::TimestampMillisecond(Some(number), zone.clone()),
                    TimeUnit::Microsecond => ScalarValue::TimestampMicrosecond(Some(number), zone.clone()),
                    TimeUnit::Nanosecond => ScalarValue::TimestampNanosecond(Some(number), zone.clone()),
                }),
                _ => None,
            };
            Some(Self { min: value(min)?, max: value(max)? })
        };
        let per_second = match data_type {
            DataType::Date32 => return of(from.div_euclid(86_400), (until - 1).div_euclid(86_400)),
            DataType::Timestamp(TimeUnit::Second, _) => 1,
            DataType::Timestamp(TimeUnit::Millisecond, _) => 1_000,
            DataType::Timestamp(TimeUnit::Microsecond, _) => 1_000_000,
            DataType::Timestamp(TimeUnit::Nanosecond, _) => 1_000_000_000,
            _ => return None,
        };
        of(from.checked_mul(per_second)?, until.checked_mul(per_second)?.checked_sub(1)?)
    }
}

/// What folders tell of files, as DataFusion's pruning wants it.
struct Known {
    columns: Vec<(String, ArrayRef, ArrayRef)>,
    files: usize,
}

impl Known {
    fn of(
        hidden: &HiddenColumns,
        files: &[&TableFile],
        is_believed: impl Fn(&TableFile, usize) -> bool,
    ) -> datafusion::error::Result<Self> {
        let columns = hidden
            .fields()
            .map(|(place, field)| {
                let unknown = ScalarValue::try_new_null(field.data_type())?;
                let told =
                    |file: &&TableFile| file.hidden[place].as_ref().filter(|_| is_believed(file, place)).cloned();
                let bounds: Vec<Option<Bounds>> = files.iter().map(told).collect();
                let array = |pick: fn(&Bounds) -> &ScalarValue| {
                    let values = bounds.iter().map(|b| b.as_ref().map_or_else(|| unknown.clone(), |b| pick(b).clone()));
                    ScalarValue::iter_to_array(values)
                };
                Ok((field.name().clone(), array(|b| &b.min)?, array(|b| &b.max)?))
            })
            .collect::<datafusion::error::Result<_>>()?;
        Ok(Self { columns, files: files.len() })
    }

    fn get(&self, column: &Column) -> Option<&(String, ArrayRef, ArrayRef)> {
        self.columns.iter().find(|(name, ..)| name == column.name())
    }
}

#[deny(clippy::missing_trait_methods)]
impl PruningStatistics for Known {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.get(column).map(|(_, mins, _)| Arc::clone(mins))
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.get(column).map(|(.., maxes)| Arc::clone(maxes))
    }

    fn num_containers(&self) -> usize {
        self.files
    }

    fn null_counts(&self, _column: &Column) -> Option<ArrayRef> {
        None
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        None
    }

    fn contained(&self, _column: &Column, _values: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(data_type: &DataType, stretch: Stretch, min: ScalarValue, max: ScalarValue) {
        assert_eq!(Bounds::of(stretch, data_type), Some(Bounds { min, max }), "{data_type}");
    }

    #[test]
    fn bounds_hold_every_value_of_the_stretch() {
        let day = Stretch { from: 86_400, until: 172_800 };
        check(&DataType::Date32, day, ScalarValue::Date32(Some(1)), ScalarValue::Date32(Some(1)));
        let hour = Stretch { from: 86_400 + 3600, until: 86_400 + 7200 };
        check(&DataType::Date32, hour, ScalarValue::Date32(Some(1)), ScalarValue::Date32(Some(1)));
        let before = Stretch { from: -86_400, until: 0 };
        check(&DataType::Date32, before, ScalarValue::Date32(Some(-1)), ScalarValue::Date32(Some(-1)));
        let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
        let of = |n| ScalarValue::TimestampMicrosecond(Some(n), None);
        check(&micros, day, of(86_400_000_000), of(172_799_999_999));
        let far = Stretch { from: i64::MAX / 10, until: i64::MAX / 10 + 1 };
        assert_eq!(Bounds::of(far, &micros), None);
        assert_eq!(Bounds::of(day, &DataType::Utf8), None);
    }
}
