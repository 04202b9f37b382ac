//! Listings and descriptions: exact schemas, patterns, the members of the SqlInfo union, type information.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int32Type, Schema, UInt32Type};
use arrow_flight::sql::{
    CommandGetCrossReference, CommandGetDbSchemas, CommandGetExportedKeys, CommandGetImportedKeys,
    CommandGetPrimaryKeys, CommandGetTables, CommandGetXdbcTypeInfo, SqlInfo,
};
use arrow_flight::{FlightInfo, IpcMessage};
use tonic::transport::Channel;

use crate::small::{Client, Server, fetch, show};

/// The rows behind an answer; its announced schema is that of the rows.
async fn all(client: &mut Client, info: FlightInfo) -> RecordBatch {
    let batches = fetch(client, &info).await.unwrap();
    let schema = info.try_decode_schema().unwrap();
    for batch in &batches {
        assert_eq!(batch.schema().as_ref(), &schema);
    }
    arrow::compute::concat_batches(&std::sync::Arc::new(schema), &batches).unwrap()
}

fn describe(schema: &Schema) -> String {
    let field = |f: &std::sync::Arc<arrow::datatypes::Field>| {
        format!("{}: {}{}", f.name(), f.data_type(), if f.is_nullable() { "" } else { " not null" })
    };
    schema.fields().iter().map(field).collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn catalogs_and_schemas() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let info = client.get_catalogs().await.unwrap();
    let batch = all(&mut client, info).await;
    assert_eq!(describe(&batch.schema()), "catalog_name: Utf8 not null");
    assert_eq!(show(&[batch]), "mesh");
    for (catalog, pattern, expected) in [
        (None, None, "mesh information_schema; mesh mesh"),
        (Some("mesh"), Some("me%"), "mesh mesh"),
        (Some(""), None, ""),
        (Some("other"), None, ""),
        (None, Some("inform_tion\\_schema"), "mesh information_schema"),
        (None, Some("me\\%"), ""),
    ] {
        let request = CommandGetDbSchemas {
            catalog: catalog.map(str::to_owned),
            db_schema_filter_pattern: pattern.map(str::to_owned),
        };
        let info = client.get_db_schemas(request).await.unwrap();
        let batch = all(&mut client, info).await;
        assert_eq!(describe(&batch.schema()), "catalog_name: Utf8, db_schema_name: Utf8 not null");
        assert_eq!(show(&[batch]), expected, "{catalog:?} {pattern:?}");
    }
}

fn tables(schema: Option<&str>, table: Option<&str>, types: &[&str], include_schema: bool) -> CommandGetTables {
    CommandGetTables {
        catalog: None,
        db_schema_filter_pattern: schema.map(str::to_owned),
        table_name_filter_pattern: table.map(str::to_owned),
        table_types: types.iter().map(|t| (*t).to_owned()).collect(),
        include_schema,
    }
}

#[tokio::test]
async fn tables_by_pattern_and_kind() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let every = "mesh information_schema tables SYSTEM TABLE; mesh mesh product_x SYSTEM TABLE; mesh mesh products SYSTEM TABLE";
    for (request, expected) in [
        (tables(None, None, &[], false), every),
        (tables(Some("mesh"), Some("products"), &[], false), "mesh mesh products SYSTEM TABLE"),
        (tables(Some("mesh"), Some("product\\_%"), &[], false), "mesh mesh product_x SYSTEM TABLE"),
        (tables(None, None, &["system table"], false), every),
        (tables(None, None, &["TABLE", "base table"], false), ""),
        (tables(None, Some(""), &[], false), ""),
    ] {
        let text = format!("{request:?}");
        let info = client.get_tables(request).await.unwrap();
        let batch = all(&mut client, info).await;
        assert_eq!(
            describe(&batch.schema()),
            "catalog_name: Utf8, db_schema_name: Utf8, table_name: Utf8 not null, table_type: Utf8 not null"
        );
        assert_eq!(show(&[batch]), expected, "{text}");
    }
    let info = client.get_table_types().await.unwrap();
    assert_eq!(show(&[all(&mut client, info).await]), "SYSTEM TABLE; TABLE; TEMPORARY TABLE; VIEW");
}

#[tokio::test]
async fn listed_columns_have_the_types_that_a_query_sends() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let info = client.get_tables(tables(None, Some("products"), &[], true)).await.unwrap();
    let batch = all(&mut client, info).await;
    assert!(describe(&batch.schema()).ends_with("table_schema: Binary not null"));
    let bytes = batch.column(4).as_binary::<i32>().value(0).to_vec();
    let schema = Schema::try_from(IpcMessage(bytes.into())).unwrap();
    assert_eq!(describe(&schema), "name: Utf8, rows: Float32");
    let metadata = schema.field(0).metadata();
    let expected = BTreeMap::from([
        ("CATALOG_NAME", "mesh"),
        ("SCHEMA_NAME", "mesh"),
        ("TABLE_NAME", "products"),
        ("TYPE_NAME", "VARCHAR"),
        ("REMARKS", "what it means"),
        ("IS_AUTO_INCREMENT", "0"),
        ("IS_CASE_SENSITIVE", "1"),
        ("IS_READ_ONLY", "1"),
        ("IS_SEARCHABLE", "1"),
    ]);
    for (key, value) in expected {
        assert_eq!(metadata[&format!("ARROW:FLIGHT:SQL:{key}")], value, "{key}");
    }
}

#[tokio::test]
async fn keys_are_answered_with_no_rows_where_there_are_none() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let table = || "products".to_owned();
    let primary = CommandGetPrimaryKeys { catalog: None, db_schema: None, table: table() };
    let info = client.get_primary_keys(primary).await.unwrap();
    let batch = all(&mut client, info).await;
    assert_eq!(batch.num_rows(), 0);
    assert_eq!(
        describe(&batch.schema()),
        "catalog_name: Utf8, db_schema_name: Utf8, table_name: Utf8 not null, column_name: Utf8 not null, \
         key_sequence: Int32 not null, key_name: Utf8"
    );
    let imported = client.get_imported_keys(CommandGetImportedKeys { catalog: None, db_schema: None, table: table() });
    let imported = imported.await.unwrap();
    let exported = client.get_exported_keys(CommandGetExportedKeys { catalog: None, db_schema: None, table: table() });
    let exported = exported.await.unwrap();
    let cross = CommandGetCrossReference { pk_table: table(), fk_table: table(), ..Default::default() };
    let cross = client.get_cross_reference(cross).await.unwrap();
    for info in [imported, exported, cross] {
        let batch = all(&mut client, info).await;
        assert_eq!(batch.num_rows(), 0);
        assert_eq!(
            describe(&batch.schema()),
            "pk_catalog_name: Utf8, pk_db_schema_name: Utf8, pk_table_name: Utf8 not null, pk_column_name: Utf8 not null, \
             fk_catalog_name: Utf8, fk_db_schema_name: Utf8, fk_table_name: Utf8 not null, fk_column_name: Utf8 not null, \
             key_sequence: Int32 not null, fk_key_name: Utf8, pk_key_name: Utf8, update_rule: UInt8 not null, \
             delete_rule: UInt8 not null"
        );
    }
}

/// Code to member of the union.
fn members(batch: &RecordBatch) -> BTreeMap<u32, i8> {
    let values = batch.column(1).as_union();
    let codes = batch.column(0).as_primitive::<UInt32Type>();
    (0..batch.num_rows()).map(|row| (codes.value(row), values.type_id(row))).collect()
}

#[tokio::test]
async fn sql_info_has_the_member_that_drivers_read() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let info = client.get_sql_info(vec![]).await.unwrap();
    let batch = all(&mut client, info).await;
    let members = members(&batch);
    // 0 text, 1 flag, 2 64-bit, 3 32-bit, 4 texts, 5 lists by number.
    let expect = |codes: &[std::ops::RangeInclusive<u32>], member: i8| {
        for code in codes.iter().cloned().flatten() {
            assert_eq!(members.get(&code), Some(&member), "code {code}");
        }
    };
    expect(&[0..=2, 504..=504, 513..=514, 529..=531], 0);
    expect(&[3..=5, 9..=11, 500..=502, 506..=506, 515..=516, 518..=521, 523..=524, 527..=527, 532..=532], 1);
    expect(&[536..=537, 539..=539, 556..=556, 563..=563, 565..=566, 572..=576], 1);
    expect(&[503..=503, 505..=505, 507..=507, 541..=555, 557..=562], 2);
    expect(
        &[8..=8, 100..=101, 522..=522, 525..=526, 528..=528, 533..=535, 538..=538, 540..=540, 564..=564, 567..=571],
        3,
    );
    expect(&[508..=512], 4);
    expect(&[517..=517], 5);
}

/// The JDBC driver up to version 16 fails at codes that it does not know, and every getter with it.
#[tokio::test]
async fn jdbc_is_told_no_code_that_its_older_drivers_do_not_know() {
    let server = Server::start().await;
    for (agent, told) in [("grpc-java-netty/1.63.0", false), ("grpc-go/1.70", true)] {
        let channel = Channel::from_shared(server.address.clone()).unwrap().user_agent(agent).unwrap();
        let mut client = Client::new(channel.connect().await.unwrap());
        let info = client.get_sql_info(vec![]).await.unwrap();
        let members = members(&all(&mut client, info).await);
        assert_eq!([10, 11].map(|code| members.contains_key(&code)), [told; 2], "{agent}");
        let info = client.get_sql_info(vec![SqlInfo::FlightSqlServerBulkIngestion]).await.unwrap();
        assert_eq!(all(&mut client, info).await.num_rows(), 1, "{agent} may ask for it");
    }
}

#[tokio::test]
async fn sql_info_can_be_asked_for_one_code() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let info = client.get_sql_info(vec![SqlInfo::FlightSqlServerTransaction, SqlInfo::SqlCatalogTerm]).await.unwrap();
    let batch = all(&mut client, info).await;
    assert_eq!(members(&batch), BTreeMap::from([(8, 3), (531, 0)]));
    let values = batch.column(1).as_union();
    let value = |row: usize| -> ArrayRef { values.value(row) };
    assert_eq!(value(0).as_primitive::<Int32Type>().value(0), 0, "no transactions");
    assert!(!value(1).as_string::<i32>().value(0).is_empty(), "an empty term hides catalogs");
}

#[tokio::test]
async fn type_information_is_ordered_unique_and_filtered() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let info = client.get_xdbc_type_info(CommandGetXdbcTypeInfo { data_type: None }).await.unwrap();
    let batch = all(&mut client, info).await;
    assert_eq!(batch.num_columns(), 19);
    assert_eq!(
        describe(&batch.schema().project(&[0, 1, 6, 16]).unwrap()),
        "type_name: Utf8 not null, data_type: Int32 not null, nullable: Int32 not null, datetime_subcode: Int32"
    );
    let codes = batch.column(1).as_primitive::<Int32Type>().values().to_vec();
    assert!(codes.is_sorted());
    let names: Vec<_> = batch.column(0).as_string::<i32>().iter().flatten().collect();
    let unique: std::collections::BTreeSet<_> = names.iter().collect();
    assert_eq!(unique.len(), names.len());
    let info = client.get_xdbc_type_info(CommandGetXdbcTypeInfo { data_type: Some(93) }).await.unwrap();
    let batch = all(&mut client, info).await;
    assert_eq!(show(&[batch.project(&[0]).unwrap()]), "TIMESTAMP; TIMESTAMP WITH TIME ZONE");
    assert_eq!(batch.column(1).data_type(), &DataType::Int32);
}
