//! Any bytes at all: no panic in any reader, whatever the file is called.

#![no_main]

use libfuzzer_sys::fuzz_target;
use meshweave_contract::compare::avro::{AvroSchema, read_by};
use meshweave_contract::parse::{avro_columns, parse};

fuzz_target!(|data: &[u8]| {
    for name in ["bytes.yaml", "bytes.json"] {
        let parsed = parse(data, name);
        assert!(parsed.product.is_some() || !parsed.problems.is_empty());
    }
    let _ = avro_columns(data, "bytes.avsc");
    if let Ok(schema) = AvroSchema::read(data, "bytes.avsc") {
        assert!(read_by(&schema, &schema).is_readable());
    }
});
