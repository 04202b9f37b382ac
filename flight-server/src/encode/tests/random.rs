//! Random columns of every kind, nested, skewed, sliced and viewed, through every profile: no message above the limit.

use arrow::array::{
    ArrayRef, BinaryArray, BinaryViewArray, BooleanArray, Decimal128Array, DictionaryArray, FixedSizeListArray,
    Int32Array, Int64Array, LargeListArray, LargeStringArray, ListArray, StringArray, StringViewArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{Field, Int32Type};

use super::*;
use crate::wire::{Profile, WireSchema};

/// The limit of a real message, bytes: one less than what a client that says nothing takes.
const LIMIT: usize = (4 << 20) - 1;
const TARGET: usize = 2 << 20;

/// The kind of a column; what is inside is a column of its own.
#[derive(Debug, Clone)]
enum Kind {
    Whole,
    Flag,
    Money,
    Moment,
    Text,
    LargeText,
    TextView,
    Bytes,
    BytesView,
    Coded,
    List(Box<Self>),
    LargeList(Box<Self>),
    Pair(Box<Self>),
    Struct(Vec<Self>),
}

fn kinds() -> impl Strategy<Value = Kind> {
    let plain = prop_oneof![
        Just(Kind::Whole),
        Just(Kind::Flag),
        Just(Kind::Money),
        Just(Kind::Moment),
        Just(Kind::Text),
        Just(Kind::LargeText),
        Just(Kind::TextView),
        Just(Kind::Bytes),
        Just(Kind::BytesView),
        Just(Kind::Coded),
    ];
    plain.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|kind| Kind::List(Box::new(kind))),
            inner.clone().prop_map(|kind| Kind::LargeList(Box::new(kind))),
            inner.clone().prop_map(|kind| Kind::Pair(Box::new(kind))),
            proptest::collection::vec(inner, 1..4).prop_map(Kind::Struct),
        ]
    })
}

/// Lengths of values from a number: mostly short, some long, a few very long.
struct Skew {
    state: u64,
    /// The longest value, bytes.
    longest: usize,
}

impl Skew {
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.state >> 33
    }

    fn is_null(&mut self) -> bool {
        self.next().is_multiple_of(7)
    }

    fn length(&mut self) -> usize {
        let scale = match self.next() % 100 {
            0 => self.longest,
            1..=9 => self.longest / 50 + 1,
            _ => 24,
        };
        usize::try_from(self.next()).unwrap() % scale.max(1)
    }

    fn texts(&mut self, rows: usize) -> Vec<Option<String>> {
        (0..rows).map(|row| (!self.is_null()).then(|| format!("{row:x}").repeat(self.length() / 2))).collect()
    }
}

fn column(kind: &Kind, rows: usize, skew: &mut Skew) -> ArrayRef {
    let item = |inner: &ArrayRef| Arc::new(Field::new("item", inner.data_type().clone(), true));
    match kind {
        Kind::Whole => Arc::new((0..rows).map(|row| (!skew.is_null()).then_some(row as i64)).collect::<Int64Array>()),
        Kind::Flag => {
            Arc::new((0..rows).map(|row| (!skew.is_null()).then_some(row % 2 == 0)).collect::<BooleanArray>())
        }
        Kind::Money => Arc::new((0..rows).map(|row| Some(row as i128)).collect::<Decimal128Array>()),
        Kind::Moment => Arc::new((0..rows).map(|row| Some(row as i64)).collect::<TimestampMicrosecondArray>()),
        Kind::Text => Arc::new(skew.texts(rows).into_iter().collect::<StringArray>()),
        Kind::LargeText => Arc::new(skew.texts(rows).into_iter().collect::<LargeStringArray>()),
        Kind::TextView => Arc::new(skew.texts(rows).into_iter().collect::<StringViewArray>()),
        Kind::Bytes => Arc::new(BinaryArray::from_iter(skew.texts(rows))),
        Kind::BytesView => Arc::new(BinaryViewArray::from_iter(skew.texts(rows))),
        Kind::Coded => {
            let values: ArrayRef = Arc::new(StringArray::from_iter_values(["", "a", &"b".repeat(200)]));
            let keys =
                (0..rows).map(|row| (!skew.is_null()).then(|| i32::try_from(row % 3).unwrap())).collect::<Int32Array>();
            Arc::new(DictionaryArray::<Int32Type>::new(keys, values))
        }
        Kind::List(_) | Kind::LargeList(_) => {
            let lengths: Vec<usize> = (0..rows).map(|_| usize::try_from(skew.next() % 4).unwrap()).collect();
            let nulls = NullBuffer::from_iter((0..rows).map(|_| !skew.is_null()));
            let (Kind::List(inner) | Kind::LargeList(inner)) = kind else { unreachable!("matched above") };
            let values = column(inner, lengths.iter().sum(), skew);
            match kind {
                Kind::List(_) => {
                    let offsets = OffsetBuffer::from_lengths(lengths);
                    Arc::new(ListArray::new(item(&values), offsets, values, Some(nulls)))
                }
                _ => {
                    let offsets = OffsetBuffer::from_lengths(lengths);
                    Arc::new(LargeListArray::new(item(&values), offsets, values, Some(nulls)))
                }
            }
        }
        Kind::Pair(inner) => {
            let values = column(inner, rows * 2, skew);
            Arc::new(FixedSizeListArray::new(item(&values), 2, values, None))
        }
        Kind::Struct(kinds) => {
            let columns = kinds.iter().enumerate().map(|(place, kind)| {
                let values = column(kind, rows, skew);
                (Arc::new(Field::new(format!("f{place}"), values.data_type().clone(), true)), values)
            });
            Arc::new(StructArray::from(columns.collect::<Vec<_>>()))
        }
    }
}

fn profile() -> impl Strategy<Value = Profile> {
    prop_oneof![
        Just(Profile::Compat),
        Just(Profile::Arrow),
        Just(Profile::Odbc),
        Just(Profile::Grafana),
        Just(Profile::Jdbc)
    ]
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn no_message_is_too_large_or_its_column_is_named(
        kinds in proptest::collection::vec(kinds(), 1..4),
        rows in 0_usize..300,
        longest in prop_oneof![6 => 1_usize..2_000, 2 => 1_usize..200_000, 1 => 4_000_000_usize..9_000_000],
        seed in any::<u64>(),
        cut in (0_usize..=100, 0_usize..=100),
        profile in profile(),
    ) {
        // Very long values in few rows: what is tested is their size, not their number.
        let rows = if longest > 1_000_000 { rows.min(12) } else { rows };
        let mut skew = Skew { state: seed, longest };
        let columns: Vec<ArrayRef> = kinds.iter().map(|kind| column(kind, rows, &mut skew)).collect();
        let names = (0..columns.len()).map(|place| format!("c{place}"));
        let batch = RecordBatch::try_from_iter_with_nullable(names.zip(columns).map(|(n, c)| (n, c, true))).unwrap();
        let place = |percent: usize| rows * percent / 100;
        let (from, to) = (place(cut.0.min(cut.1)), place(cut.0.max(cut.1)));
        let wire = WireSchema::new(&batch.schema(), profile);
        let batch = wire.batch(&batch.slice(from, to - from)).unwrap();
        match encode(&batch, TARGET, LIMIT) {
            Ok(messages) => {
                for message in &messages {
                    prop_assert!(message.encoded_len() <= LIMIT, "{} bytes", message.encoded_len());
                }
                let sent = decode(&messages);
                let sent = if sent.is_empty() { RecordBatch::new_empty(batch.schema()) } else {
                    concat_batches(wire.schema(), &sent).unwrap()
                };
                prop_assert_eq!(sent, batch);
            }
            Err(fault) => {
                prop_assert_eq!(fault.code(), Code::ResourceExhausted);
                prop_assert!(fault.message().contains("one value of column \"c"), "{}", fault.message());
                prop_assert!(longest > 50_000, "rows of at most {} bytes a value", longest);
            }
        }
    }
}
