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

/// The text of the values of a profile, and their type.
#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "cases read better")]
fn shown(array: ArrayRef, profile: Profile) -> (DataType, String) {
    let sent = wire(&array, profile);
    let show = |row| arrow::util::display::array_value_to_string(&sent, row).unwrap();
    (sent.data_type().clone(), (0..sent.len()).map(show).collect::<Vec<_>>().join(";"))
}

#[test]
fn odbc_gets_what_it_has_types_for() {
    use arrow::array::{Decimal256Array, DurationSecondArray, IntervalYearMonthArray};
    use arrow::datatypes::i256;
    let wide = |precision| {
        let values = Decimal256Array::from(vec![i256::from_i128(12345)]);
        Arc::new(values.with_precision_and_scale(precision, 2).unwrap()) as ArrayRef
    };
    assert_eq!(shown(wide(38), Profile::Odbc), (DataType::Decimal128(38, 2), "123.45".into()));
    assert_eq!(shown(wide(60), Profile::Odbc), (DataType::Utf8, "123.45".into()));
    assert_eq!(shown(wide(60), Profile::Compat).0, DataType::Decimal256(60, 2));
    assert_eq!(shown(Arc::new(DurationSecondArray::from(vec![90])), Profile::Odbc), (DataType::Int64, "90".into()));
    assert_eq!(shown(Arc::new(NullArray::new(2)), Profile::Odbc), (DataType::Utf8, ";".into()));
    let (data_type, text) = shown(Arc::new(IntervalYearMonthArray::from(vec![14])), Profile::Odbc);
    assert_eq!(data_type, DataType::Utf8);
    assert!(text.contains("1 year") && text.contains("2 mon"), "{text}");
    let texts: ArrayRef = Arc::new(StringViewArray::from(vec!["a"]));
    assert_eq!(shown(texts, Profile::Odbc), (DataType::Utf8, "a".into()));
}

#[test]
fn grafana_gets_numbers_texts_and_moments() {
    use arrow::array::{Date32Array, Decimal128Array, Time64MicrosecondArray};
    let price = Decimal128Array::from(vec![125]).with_precision_and_scale(9, 2).unwrap();
    assert_eq!(shown(Arc::new(price), Profile::Grafana), (DataType::Float64, "1.25".into()));
    let (data_type, text) = shown(Arc::new(Date32Array::from(vec![1])), Profile::Grafana);
    assert_eq!((data_type, text.as_str()), (DataType::Timestamp(TimeUnit::Millisecond, None), "1970-01-02T00:00:00"));
    let (data_type, text) = shown(Arc::new(Time64MicrosecondArray::from(vec![61_000_000])), Profile::Grafana);
    assert_eq!((data_type, text.as_str()), (DataType::Utf8, "00:01:01"));
    let (views, _) = list_of_texts();
    let expected = "[\"one\",null];[];[\"a longer text than twelve\"]";
    assert_eq!(shown(Arc::new(views.clone()), Profile::Grafana), (DataType::Utf8, expected.into()));
    let field = Arc::new(Field::new("l", views.data_type().clone(), true));
    let outer: ArrayRef = Arc::new(StructArray::from(vec![(field, Arc::new(views.slice(0, 1)) as ArrayRef)]));
    assert_eq!(shown(outer, Profile::Grafana), (DataType::Utf8, "{\"l\":[\"one\",null]}".into()));
    assert_eq!(shown(Arc::new(union()), Profile::Grafana).0, DataType::Utf8);
}

#[test]
fn an_identifier_of_bytes_is_text_where_no_extension_types_are_known() {
    let bytes = [0x12_u8, 0x34, 0x56, 0x78, 0x12, 0x34, 0x12, 0x34, 0x12, 0x34, 0x12, 0x34, 0x56, 0x78, 0x9A, 0xBC];
    let ids = arrow::array::FixedSizeBinaryArray::try_from_sparse_iter_with_size(
        [Some(bytes.as_slice()), None].into_iter(),
        16,
    );
    let ids: ArrayRef = Arc::new(ids.unwrap());
    let marked = Field::new("id", DataType::FixedSizeBinary(16), true)
        .with_metadata([("ARROW:extension:name".to_owned(), "arrow.uuid".to_owned())].into());
    let schema = Schema::new(vec![marked]);
    let batch = RecordBatch::try_new(Arc::new(schema.clone()), vec![ids]).unwrap();
    for (profile, is_text) in [(Profile::Odbc, true), (Profile::Grafana, true), (Profile::Compat, false)] {
        let wire = WireSchema::new(&schema, profile);
        let sent = wire.batch(&batch).unwrap();
        let is_marked = wire.schema().field(0).metadata().contains_key("ARROW:extension:name");
        assert_eq!((sent.column(0).data_type() == &DataType::Utf8, is_marked), (is_text, !is_text), "{profile:?}");
        if is_text {
            assert_eq!(sent.column(0).as_string::<i32>().value(0), "12345678-1234-1234-1234-123456789abc");
            assert!(sent.column(0).is_null(1));
        }
    }
}

#[test]
fn words_and_numbers_of_profiles_lead_back() {
    for profile in [Profile::Compat, Profile::Arrow, Profile::Odbc, Profile::Grafana, Profile::Jdbc] {
        assert_eq!(Profile::named(profile.word()), Some(profile));
        assert_eq!(Profile::of_number(profile.number()).unwrap(), profile);
    }
    assert_eq!(Profile::named("native"), Some(Profile::Arrow));
    assert!(Profile::of_number(5).is_err());
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
    let listed = types::table_field(&field, Profile::Compat, ["mesh", "crm", "orders"], Some("what was paid"), false);
    assert_eq!(listed.metadata()["ARROW:FLIGHT:SQL:REMARKS"], "what was paid");
    assert_eq!(listed.metadata()["ARROW:FLIGHT:SQL:TABLE_NAME"], "orders");
    assert_eq!(listed.metadata()["ARROW:FLIGHT:SQL:IS_READ_ONLY"], "1");
    let temporary = types::table_field(&field, Profile::Compat, ["mesh", "temp", "notes"], None, true);
    assert_eq!(temporary.metadata()["ARROW:FLIGHT:SQL:IS_READ_ONLY"], "0");
}

#[test]
fn the_same_columns_give_the_same_bytes() {
    let schema = Schema::new(vec![Field::new("t", DataType::Timestamp(TimeUnit::Microsecond, Some("Z".into())), true)]);
    let first = WireSchema::new(&schema, Profile::Compat).to_ipc().unwrap();
    for _ in 0..20 {
        assert_eq!(WireSchema::new(&schema, Profile::Compat).to_ipc().unwrap(), first);
    }
}
