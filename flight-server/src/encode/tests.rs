//! Sizes of messages over skewed, sliced and viewed data; what was sent is what comes out.

use arrow::array::{
    ArrayRef, AsArray, BinaryArray, Int64Array, ListArray, ListBuilder, StringArray, StringViewArray, StringViewBuilder,
};
use arrow::compute::concat_batches;
use arrow_flight::utils::flight_data_to_batches;
use proptest::prelude::*;
use tonic::Code;

use super::*;

mod random;

/// So many cases, or as many times more as the night has time for.
#[expect(clippy::disallowed_methods, reason = "how much is tested is the environment's to say")]
fn cases(usual: u32) -> ProptestConfig {
    let share = std::env::var("MESHWEAVE_TEST_SHARE").ok().and_then(|text| text.parse().ok()).unwrap_or(1_u32);
    ProptestConfig::with_cases(usual.saturating_mul(share.max(1)))
}

fn encode(batch: &RecordBatch, target: usize, limit: usize) -> Outcome<Vec<FlightData>> {
    let mut encoder = Encoder::new((target, limit));
    let mut out = vec![encoder.schema(batch.schema_ref())];
    encoder.take(batch);
    while let Some(message) = encoder.next_message()? {
        out.push(message);
    }
    Ok(out)
}

fn decode(messages: &[FlightData]) -> Vec<RecordBatch> {
    flight_data_to_batches(messages).unwrap()
}

#[track_caller]
fn check(batch: &RecordBatch, target: usize, limit: usize) -> usize {
    let messages = encode(batch, target, limit).unwrap();
    for message in &messages {
        assert!(message.encoded_len() <= limit, "{} > {limit}", message.encoded_len());
    }
    let decoded = concat_batches(batch.schema_ref(), &decode(&messages)).unwrap();
    assert_eq!(&decoded, batch);
    messages.len() - 1
}

fn texts(lengths: &[usize]) -> RecordBatch {
    let text: Vec<String> = lengths.iter().enumerate().map(|(i, n)| format!("{i}").repeat(*n)).collect();
    let ids = Int64Array::from_iter_values(0..lengths.len() as i64);
    let plain: ArrayRef = Arc::new(StringArray::from_iter_values(&text));
    let views: ArrayRef = Arc::new(StringViewArray::from_iter_values(&text));
    RecordBatch::try_from_iter([("id", Arc::new(ids) as ArrayRef), ("plain", plain), ("views", views)]).unwrap()
}

#[test]
fn a_large_batch_is_cut_to_about_the_target() {
    let batch =
        RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from_iter_values(0..1_000_000)) as ArrayRef)]).unwrap();
    let parts = check(&batch, 1 << 20, (4 << 20) - 1);
    assert_eq!(parts, 8, "8 MB in parts of 1 MiB");
}

#[test]
fn a_slice_of_a_large_batch_is_one_message() {
    let batch =
        RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from_iter_values(0..1_000_000)) as ArrayRef)]).unwrap();
    assert_eq!(check(&batch.slice(500_000, 100), 1 << 20, 1 << 21), 1);
}

#[test]
fn a_slice_of_views_does_not_send_what_it_does_not_show() {
    let mut views = StringViewBuilder::new();
    for i in 0..20_000 {
        views.append_value(format!("{i:0>60}"));
    }
    let views: ArrayRef = Arc::new(views.finish());
    let mut nested = ListBuilder::new(StringViewBuilder::new());
    for i in 0..20_000 {
        nested.values().append_value(format!("{i:0>60}"));
        nested.append(true);
    }
    let nested: ArrayRef = Arc::new(nested.finish());
    let batch = RecordBatch::try_from_iter([("v", views), ("l", nested)]).unwrap();
    let messages = encode(&batch.slice(100, 10), 1 << 20, 1 << 21).unwrap();
    let bytes: usize = messages[1..].iter().map(Message::encoded_len).sum();
    assert!(bytes < 8_192, "{bytes} bytes for ten rows");
    check(&batch, 1 << 16, 1 << 18);
}

#[test]
fn one_row_too_large_names_its_column() {
    let lengths = [3, 200_000, 5];
    let fault = encode(&texts(&lengths).project(&[0, 1]).unwrap(), 1 << 14, 1 << 16).unwrap_err();
    assert_eq!(fault.code(), Code::ResourceExhausted);
    assert!(fault.message().contains("column \"plain\""), "{}", fault.message());
}

#[test]
fn no_rows_are_no_messages_and_rows_without_columns_are_one() {
    assert_eq!(encode(&texts(&[]), 1024, 2048).unwrap().len(), 1);
    let options = RecordBatchOptions::new().with_row_count(Some(7));
    let batch = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap();
    let messages = encode(&batch, 1024, 2048).unwrap();
    assert_eq!(messages.len(), 2);
    assert_eq!(decode(&messages)[0].num_rows(), 7);
}

fn skewed() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(prop_oneof![8 => 0_usize..20, 1 => 0_usize..9_000], 1..200)
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn no_message_is_too_large(lengths in skewed(), cut in (0_usize..=100, 0_usize..=100)) {
        let batch = texts(&lengths);
        let rows = batch.num_rows();
        let place = |percent: usize| rows * percent / 100;
        let (from, to) = (place(cut.0.min(cut.1)), place(cut.0.max(cut.1)));
        let slice = batch.slice(from, to - from);
        if slice.num_rows() > 0 {
            check(&slice, 1 << 14, 1 << 17);
        }
    }

    #[test]
    fn lists_and_bytes_too(lengths in skewed()) {
        let bytes: ArrayRef = Arc::new(BinaryArray::from_iter_values(lengths.iter().map(|n| vec![7_u8; *n])));
        let lists = ListArray::from_iter_primitive::<arrow::datatypes::Int32Type, _, _>(
            lengths.iter().map(|n| (n % 3 != 0).then(|| (0..n / 4).map(|i| i32::try_from(i).ok()).collect::<Vec<_>>())),
        );
        let batch = RecordBatch::try_from_iter([("b", bytes), ("l", Arc::new(lists) as ArrayRef)]).unwrap();
        check(&batch, 1 << 14, 1 << 17);
        prop_assert_eq!(batch.column(0).as_binary::<i32>().len(), lengths.len());
    }
}
