//! Random predicates over the values that a table really holds; the same seed gives the same predicates.
//!
//! Start reading at [`Dice::predicate`].

use arrow::datatypes::DataType;
use datafusion::common::{Column, ScalarValue};
use datafusion::functions::core::expr_fn::get_field;
use datafusion::logical_expr::{Expr, Operator, binary_expr, cast, lit, not};

use super::table::NewTable;

/// A small generator of random numbers (splitmix64): the same seed gives the same sequence everywhere.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Starts a sequence.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `sides`; 0 when there are none.
    pub fn roll(&mut self, sides: usize) -> usize {
        let sides = u64::try_from(sides).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % sides).unwrap_or(0)
    }

    /// A predicate over any columns of the table: comparisons, lists, ranges, nulls, prefixes, arithmetic, members of
    /// structs, joined by AND, OR and NOT.
    pub fn predicate(&mut self, table: &NewTable) -> Expr {
        let columns: Vec<usize> = (0..table.schema.fields().len()).collect();
        self.tree(table, &columns, 2)
    }

    /// A predicate over partition columns alone; none when the table has none.
    pub fn partition_predicate(&mut self, table: &NewTable) -> Option<Expr> {
        let columns: Vec<usize> =
            table.partition_by.iter().filter_map(|name| table.schema.index_of(name).ok()).collect();
        (!columns.is_empty()).then(|| self.tree(table, &columns, 1))
    }

    fn tree(&mut self, table: &NewTable, columns: &[usize], depth: usize) -> Expr {
        if depth == 0 {
            return self.leaf(table, columns);
        }
        match self.roll(6) {
            0 => self.tree(table, columns, depth - 1).and(self.tree(table, columns, depth - 1)),
            1 => self.tree(table, columns, depth - 1).or(self.tree(table, columns, depth - 1)),
            2 => not(self.tree(table, columns, depth - 1)),
            _ => self.leaf(table, columns),
        }
    }

    fn leaf(&mut self, table: &NewTable, columns: &[usize]) -> Expr {
        let index = columns[self.roll(columns.len())];
        let field = table.schema.field(index);
        let column = Expr::Column(Column::new_unqualified(field.name()));
        match field.data_type() {
            DataType::List(_) | DataType::Map(..) => self.null_test(column),
            DataType::Struct(fields) => {
                let member = &fields[self.roll(fields.len())];
                let value = get_field(column.clone(), member.name().as_str());
                match member.data_type() {
                    DataType::Int64 => {
                        let number = i64::try_from(self.roll(100)).unwrap_or(0);
                        self.comparison(value, lit(number))
                    }
                    _ => self.null_test(value),
                }
            }
            DataType::Utf8 | DataType::Utf8View if self.roll(4) == 0 => self.text_test(column),
            DataType::Int64 if self.roll(6) == 0 => (column + lit(1_i64)).gt(self.value(table, index)),
            _ => self.scalar_test(table, index, column),
        }
    }

    fn null_test(&mut self, value: Expr) -> Expr {
        if self.roll(2) == 0 { value.is_null() } else { value.is_not_null() }
    }

    fn text_test(&mut self, column: Expr) -> Expr {
        match self.roll(4) {
            0 => column.like(lit("name 1%")),
            1 => column.not_like(lit("%3")),
            2 => column.like(lit("a=b%")),
            _ => cast(column, DataType::LargeUtf8).not_eq(lit("north")),
        }
    }

    fn scalar_test(&mut self, table: &NewTable, index: usize, column: Expr) -> Expr {
        match self.roll(6) {
            0 => self.null_test(column),
            1 => column.between(self.value(table, index), self.value(table, index)),
            2 => {
                let values = (0..=self.roll(4)).map(|_| self.value(table, index)).collect();
                let negated = self.roll(2) == 0;
                column.in_list(values, negated)
            }
            _ => {
                let value = self.value(table, index);
                self.comparison(column, value)
            }
        }
    }

    fn comparison(&mut self, left: Expr, right: Expr) -> Expr {
        use Operator as O;
        let operators = [O::Eq, O::NotEq, O::Lt, O::LtEq, O::Gt, O::GtEq, O::IsDistinctFrom];
        binary_expr(left, operators[self.roll(operators.len())], right)
    }

    /// A value of the column in one of the table's rows, null now and then.
    fn value(&mut self, table: &NewTable, index: usize) -> Expr {
        let data_type = table.schema.field(index).data_type();
        let null = || ScalarValue::try_from(data_type).unwrap_or(ScalarValue::Null);
        if table.batches.is_empty() || self.roll(20) == 0 {
            return lit(null());
        }
        let batch = &table.batches[self.roll(table.batches.len())];
        let row = self.roll(batch.num_rows());
        lit(ScalarValue::try_from_array(batch.column(index), row).unwrap_or_else(|_| null()))
    }
}
