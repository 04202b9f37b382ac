//! Every type through every profile, nested and sliced.

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, Decimal64Array, DictionaryArray, Float16Array, Int16Array, Int32Array,
    Int64Array, LargeListArray, LargeStringArray, ListArray, ListViewArray, NullArray, RunArray, StringArray,
    StringViewArray, StructArray, TimestampMicrosecondArray, UInt8Array, UInt16Array, UInt32Array, UInt64Array,
    UnionArray,
};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{DataType, Int32Type, TimeUnit, UnionFields};

use tonic::Code;

use super::*;

fn wire(array: &ArrayRef, profile: Profile) -> ArrayRef {
    let schema = Schema::new(vec![Field::new("a", array.data_type().clone(), true)]);
    let batch = RecordBatch::try_new(Arc::new(schema.clone()), vec![Arc::clone(array)]).unwrap();
    Arc::clone(WireSchema::new(&schema, profile).batch(&batch).unwrap().column(0))
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "cases read better")]
fn check(array: ArrayRef, compat: ArrayRef) {
    for from in 0..=array.len() {
        let slice = array.slice(from, array.len() - from);
        let expected = compat.slice(from, array.len() - from);
        assert_eq!(wire(&slice, Profile::Compat).as_ref(), expected.as_ref());
    }
}

#[test]
fn compat_is_what_every_driver_reads() {
    let text: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("a longer text than twelve")]));
    check(Arc::new(StringViewArray::from_iter(text.as_string::<i32>().iter())), Arc::clone(&text));
    check(Arc::new(LargeStringArray::from_iter(text.as_string::<i32>().iter())), Arc::clone(&text));
    let keys = Int32Array::from(vec![Some(0), None, Some(2)]);
    check(Arc::new(DictionaryArray::new(keys, Arc::clone(&text))), Arc::clone(&text));
    let ends = Int32Array::from(vec![1, 2, 3]);
    check(Arc::new(RunArray::try_new(&ends, &text).unwrap()), text);
    let bytes = BinaryViewArray::from_iter_values([b"x".as_slice(), b"yy"]);
    check(Arc::new(bytes), Arc::new(arrow::array::BinaryArray::from_iter_values([b"x".as_slice(), b"yy"])));
    check(
        Arc::new(Float16Array::from(vec![
            <arrow::datatypes::Float16Type as arrow::datatypes::ArrowPrimitiveType>::Native::from_f32(1.5),
        ])),
        Arc::new(arrow::array::Float32Array::from(vec![1.5_f32])),
    );
    check(
        Arc::new(Decimal64Array::from(vec![125_i64]).with_precision_and_scale(10, 2).unwrap()),
        Arc::new(arrow::array::Decimal128Array::from(vec![125_i128]).with_precision_and_scale(10, 2).unwrap()),
    );
    check(
        Arc::new(TimestampMicrosecondArray::from(vec![7]).with_timezone("+00:00")),
        Arc::new(TimestampMicrosecondArray::from(vec![7]).with_timezone("UTC")),
    );
    check(Arc::new(NullArray::new(2)), Arc::new(NullArray::new(2)));
}

#[test]
fn jdbc_is_sent_no_unsigned_numbers() {
    let check = |sent: ArrayRef, expected: ArrayRef| {
        assert_eq!(wire(&sent, Profile::Jdbc).as_ref(), expected.as_ref());
        assert_eq!(wire(&sent, Profile::Compat).data_type(), sent.data_type(), "others read them");
    };
    check(Arc::new(UInt8Array::from(vec![255])), Arc::new(Int16Array::from(vec![255])));
    check(Arc::new(UInt16Array::from(vec![65_535])), Arc::new(Int32Array::from(vec![65_535])));
    check(Arc::new(UInt32Array::from(vec![u32::MAX])), Arc::new(Int64Array::from(vec![i64::from(u32::MAX)])));
    check(Arc::new(UInt64Array::from(vec![7])), Arc::new(Int64Array::from(vec![7])));
    let schema = Schema::new(vec![Field::new("a", DataType::UInt64, false)]);
    let column: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX]));
    let batch = RecordBatch::try_new(Arc::new(schema.clone()), vec![column]).unwrap();
    let fault = WireSchema::new(&schema, Profile::Jdbc).batch(&batch).unwrap_err();
    assert!(fault.message().contains("column \"a\" cannot be sent as BIGINT"), "{}", fault.message());
}

fn list_of_texts() -> (ListArray, ListArray) {
    let item = |t| Arc::new(Field::new("item", t, true));
    let offsets = arrow::buffer::OffsetBuffer::from_lengths([2, 0, 1]);
    let texts = [Some("one"), None, Some("a longer text than twelve")];
    let views: ArrayRef = Arc::new(StringViewArray::from_iter(texts));
    let plain: ArrayRef = Arc::new(StringArray::from_iter(texts));
    (
        ListArray::new(item(DataType::Utf8View), offsets.clone(), views, None),
        ListArray::new(item(DataType::Utf8), offsets, plain, None),
    )
}

#[test]
fn nested_types_are_walked() {
    let (views, plain) = list_of_texts();
    check(Arc::new(views.clone()), Arc::new(plain.clone()));
    let large: LargeListArray =
        arrow::compute::cast(&views, &DataType::LargeList(Arc::new(Field::new("item", DataType::Utf8View, true))))
            .unwrap()
            .as_list::<i64>()
            .clone();
    check(Arc::new(large), Arc::new(plain.clone()));
    let list_view: ListViewArray = views.clone().into();
    check(Arc::new(list_view), Arc::new(plain.clone()));
    let outer = |inner: ArrayRef| {
        let field = Arc::new(Field::new("l", inner.data_type().clone(), true));
        Arc::new(StructArray::from(vec![(field, inner)])) as ArrayRef
    };
    check(outer(Arc::new(views)), outer(Arc::new(plain)));
}

fn union() -> UnionArray {
    let json = std::collections::HashMap::from([("ARROW:extension:name".to_owned(), "arrow.json".to_owned())]);
    let fields = UnionFields::from_fields([
        Field::new("null", DataType::Null, true),
        Field::new("int", DataType::Int64, true),
        Field::new("text", DataType::Utf8, true),
        Field::new("array", DataType::Utf8, true).with_metadata(json),
    ]);
    let children: Vec<ArrayRef> = vec![
        Arc::new(NullArray::new(4)),
        Arc::new(Int64Array::from(vec![0, 42, 0, 0])),
        Arc::new(StringArray::from(vec!["", "", "say \"hi\"", ""])),
        Arc::new(StringArray::from(vec!["", "", "", "[1, 2]"])),
    ];
    UnionArray::try_new(fields, ScalarBuffer::from(vec![0_i8, 1, 2, 3]), None, children).unwrap()
}

#[test]
fn unions_become_json_text() {
    let expected = StringArray::from(vec![None, Some("42"), Some("\"say \\\"hi\\\"\""), Some("[1, 2]")]);
    check(Arc::new(union()), Arc::new(expected));
}

#[test]
fn native_keeps_views_and_unions() {
    let views: ArrayRef = Arc::new(StringViewArray::from(vec!["a"]));
    assert_eq!(wire(&views, Profile::Arrow).data_type(), &DataType::Utf8View);
    let union: ArrayRef = Arc::new(union());
    assert_eq!(wire(&union, Profile::Arrow).data_type(), union.data_type());
    let keys: ArrayRef = Arc::new(vec!["x", "y"].into_iter().collect::<DictionaryArray<Int32Type>>());
    assert_eq!(wire(&keys, Profile::Arrow).data_type(), &DataType::Utf8);
}

#[test]
fn a_null_in_a_promised_column_is_refused() {
    let schema = Schema::new(vec![Field::new("id", DataType::Int64, false)]);
    let relaxed = Schema::new(vec![Field::new("id", DataType::Int64, true)]);
    let batch = RecordBatch::try_new(Arc::new(relaxed), vec![Arc::new(Int64Array::from(vec![Some(1), None]))]).unwrap();
    let fault = WireSchema::new(&schema, Profile::Compat).batch(&batch).unwrap_err();
    assert_eq!(fault.code(), Code::FailedPrecondition);
    assert!(fault.message().contains("\"id\""), "{}", fault.message());
}

#[test]
fn a_value_that_does_not_fit_is_an_error_and_no_null() {
    let schema = Schema::new(vec![Field::new("n", DataType::Int32, true)]);
    let batch = RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![i64::MAX])) as ArrayRef)]).unwrap();
    assert!(WireSchema::new(&schema, Profile::Compat).batch(&batch).is_err());
}

#[test]
fn a_batch_without_columns_keeps_its_rows() {
    let options = RecordBatchOptions::new().with_row_count(Some(3));
    let batch = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap();
    assert_eq!(WireSchema::new(&Schema::empty(), Profile::Compat).batch(&batch).unwrap().num_rows(), 3);
}

#[test]
fn columns_carry_what_drivers_ask() {
    let field = Field::new("amount", DataType::Decimal128(15, 2), true)
        .with_metadata([("PARQUET:field_id".to_owned(), "3".to_owned())].into());
    let wire = WireSchema::new(&Schema::new(vec![field.clone()]), Profile::Compat);
    let metadata = wire.schema().field(0).metadata();
    assert_eq!(metadata["ARROW:FLIGHT:SQL:TYPE_NAME"], "DECIMAL");
    assert_eq!(
        (metadata["ARROW:FLIGHT:SQL:PRECISION"].as_str(), metadata["ARROW:FLIGHT:SQL:SCALE"].as_str()),
        ("15", "2")
    );
    assert!(!metadata.contains_key("PARQUET:field_id") && !metadata.contains_key("ARROW:FLIGHT:SQL:REMARKS"));
    let listed = table_field(&field, Profile::Compat, ["mesh", "crm", "orders"], Some("what was paid"));
    assert_eq!(listed.metadata()["ARROW:FLIGHT:SQL:REMARKS"], "what was paid");
    assert_eq!(listed.metadata()["ARROW:FLIGHT:SQL:TABLE_NAME"], "orders");
}

#[test]
fn the_same_columns_give_the_same_bytes() {
    let schema = Schema::new(vec![Field::new("t", DataType::Timestamp(TimeUnit::Microsecond, Some("Z".into())), true)]);
    let first = WireSchema::new(&schema, Profile::Compat).to_ipc().unwrap();
    for _ in 0..20 {
        assert_eq!(WireSchema::new(&schema, Profile::Compat).to_ipc().unwrap(), first);
    }
}
