//! The mesh as a whole: what is there, that it is the same every time, and that it fits together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use meshweave_testdata::demo::{self, Options};
use meshweave_testdata::{shop, tpch};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::read;

fn small() -> Options {
    Options { scale: Some(0.001), orders: Some(400), ..Options::default() }
}

/// Every file below `dir`, by its path from there.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(dir).unwrap().to_owned(), std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[tokio::test]
async fn the_same_options_give_the_same_bytes() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    demo::write_mesh(a.path(), &small()).await.unwrap();
    demo::write_mesh(b.path(), &small()).await.unwrap();
    let (a, b) = (contents(a.path()), contents(b.path()));
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (path, bytes) in &a {
        assert!(bytes == &b[path], "{} differs", path.display());
    }
}

#[tokio::test]
async fn a_mesh_has_its_domains_documents_and_contracts() {
    let dir = tempfile::tempdir().unwrap();
    let mesh = demo::write_mesh(dir.path(), &small()).await.unwrap();
    let domains = [
        "analytics",
        "commerce",
        "crm",
        "customer",
        "identity",
        "inventory",
        "logistics",
        "reference",
        "sales",
        "supply",
    ];
    assert_eq!(mesh.domains, domains);
    assert_eq!(mesh.contracts.len(), 12 + 2 * tpch::Table::ALL.len());
    assert!(mesh.contracts.is_sorted());
    for domain in domains {
        let text = std::fs::read_to_string(dir.path().join("domains").join(domain).join("domain.yaml")).unwrap();
        assert!(text.contains(&format!("file://./data/{domain}/")), "{text}");
    }
    for contract in &mesh.contracts {
        let text = std::fs::read_to_string(contract).unwrap();
        assert!(!text.contains("{root}") && !text.contains("{schemas}"), "{}", contract.display());
    }
    assert!(dir.path().join("data/logistics/returns/v1").is_dir());
    let again = demo::write_mesh(dir.path(), &small()).await.unwrap_err();
    assert!(matches!(again, meshweave_testdata::Error::File { .. }), "{again:?}");
}

#[tokio::test]
async fn a_scale_or_a_file_count_that_makes_no_table_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for options in [
        Options { scale: Some(0.0), ..small() },
        Options { scale: Some(f64::NAN), ..small() },
        Options { files_per_table: 0, ..small() },
    ] {
        let refused = demo::write_mesh(dir.path(), &options).await.unwrap_err();
        assert!(matches!(refused, meshweave_testdata::Error::BadOptions(_)), "{refused:?}");
    }
}

#[tokio::test]
async fn a_store_gets_the_same_files_as_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    demo::write_mesh(dir.path(), &small()).await.unwrap();
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    demo::write_data(&store, &"bucket/prefix".into(), &small()).await.unwrap();
    for (path, bytes) in contents(&dir.path().join("data")) {
        let object = object_store::path::Path::parse(format!("bucket/prefix/{}", path.display())).unwrap();
        let stored = object_store::ObjectStoreExt::get(&store, &object).await.unwrap().bytes().await.unwrap();
        // The id of a Delta table is made from its path; everything else is equal.
        assert!(stored == bytes || path.to_str().unwrap().contains("_delta_log"), "{} differs", path.display());
    }
}

#[tokio::test]
async fn delta_products_hold_the_rows_of_the_parquet_products() {
    let dir = tempfile::tempdir().unwrap();
    demo::write_mesh(dir.path(), &small()).await.unwrap();
    let session = read::session();
    for table in tpch::Table::ALL {
        let (name, folder) = (table.name(), dir.path().join("data").join(table.domain()));
        read::register(&session, name, &folder.join(name)).await;
        read::register_delta(&session, &format!("{name}_delta"), &folder.join(format!("{name}_delta")), None).await;
        for sql in [
            format!("SELECT count(*) FROM (SELECT * FROM {name} EXCEPT ALL SELECT * FROM {name}_delta)"),
            format!("SELECT count(*) FROM (SELECT * FROM {name}_delta EXCEPT ALL SELECT * FROM {name})"),
        ] {
            assert_eq!(read::count(&session, &sql).await, 0, "{sql}");
        }
        assert!(read::count(&session, &format!("SELECT count(*) FROM {name}_delta")).await >= 5, "{name}");
    }
    // Answers that a wrong statistic in the log would change.
    for filter in [
        "l_shipdate < date '1993-02-01'",
        "l_extendedprice > 50000.00",
        "l_shipmode >= 'TRUCK'",
        "l_comment < 'b'",
        "l_comment > 'y'",
        "l_orderkey = 5",
    ] {
        let counts = format!(
            "SELECT (SELECT count(*) FROM lineitem WHERE {filter}) - (SELECT count(*) FROM lineitem_delta WHERE {filter})"
        );
        assert_eq!(read::count(&session, &counts).await, 0, "{filter}");
        assert!(
            read::count(&session, &format!("SELECT count(*) FROM lineitem_delta WHERE {filter}")).await > 0,
            "{filter}"
        );
    }
}

#[tokio::test]
async fn large_tables_have_as_many_files_as_asked_and_several_row_groups_in_each() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let files = meshweave_testdata::Files::new(store, "".into());
    let size = tpch::Size { scale: 0.01, files_per_table: 5 };
    for table in [tpch::Table::Orders, tpch::Table::Lineitem] {
        let written = tpch::write_table(&files, table, size).await.unwrap();
        assert_eq!(written.len(), 5, "{}", table.name());
        assert!(written.iter().all(|file| file.footer.num_row_groups() >= 3), "{}", table.name());
    }
    assert_eq!(tpch::write_table(&files, tpch::Table::Nation, size).await.unwrap().len(), 1);
}

/// Registers the shop's tables as stock readers see them.
async fn shop(dir: &Path, options: &Options) -> datafusion::execution::context::SessionContext {
    demo::write_mesh(dir, options).await.unwrap();
    let session = read::session();
    let data = dir.join("data");
    for (name, folder) in [
        ("orders1", "commerce/orders/v1"),
        ("orders", "commerce/orders/v2/orders"),
        ("items", "commerce/orders/v2/items"),
        ("customers", "identity/customers/v1"),
        ("ltv", "customer/customer-lifetime-value/v1"),
    ] {
        read::register(&session, name, &data.join(folder)).await;
    }
    for version in 0..shop::SHIPMENT_VERSIONS {
        let folder = data.join("logistics/shipments/v1");
        read::register_delta(&session, &format!("shipments{version}"), &folder, Some(version)).await;
    }
    session
}

#[tokio::test]
async fn keys_match_across_domains() {
    let dir = tempfile::tempdir().unwrap();
    let session = shop(dir.path(), &Options { scale: None, ..small() }).await;
    for (promise, sql) in [
        (
            "every order has its customer",
            "SELECT count(*) FROM orders WHERE customer_id NOT IN (SELECT customer_id FROM customers)",
        ),
        (
            "every parcel has its order",
            "SELECT count(*) FROM shipments2 WHERE order_id NOT IN (SELECT order_id FROM orders)",
        ),
        ("every item has its order", "SELECT count(*) FROM items WHERE order_id NOT IN (SELECT order_id FROM orders)"),
        (
            "both majors hold the same orders",
            "SELECT count(*) FROM orders o FULL JOIN orders1 p ON o.order_id = p.\"orderId\" WHERE o.order_id IS NULL OR p.\"orderId\" IS NULL",
        ),
        ("an order has one parcel at most", "SELECT count(*) - count(DISTINCT order_id) FROM shipments2"),
    ] {
        assert_eq!(read::count(&session, sql).await, 0, "{promise}");
    }
    let joined =
        "SELECT count(*) FROM orders o JOIN customers c USING (customer_id) JOIN shipments2 s USING (order_id)";
    assert!(read::count(&session, joined).await > 100);
}

#[tokio::test]
async fn the_versions_of_shipments_hold_different_rows() {
    let dir = tempfile::tempdir().unwrap();
    let session = shop(dir.path(), &Options { scale: None, ..small() }).await;
    let mut seen = Vec::new();
    for version in 0..shop::SHIPMENT_VERSIONS {
        let sql = format!("SELECT count(*), count(delivered_at) FROM shipments{version}");
        seen.push(read::text(&session, &sql).await);
    }
    assert_ne!(seen[0], seen[1]);
    assert_ne!(seen[1], seen[2]);
    let newest = "SELECT count(DISTINCT carrier) FROM shipments2";
    assert_eq!(read::count(&session, newest).await, 4);
}

#[tokio::test]
async fn values_that_break_readers_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let session = shop(dir.path(), &Options { scale: None, orders: Some(2_000), ..small() }).await;
    for (what, sql) in [
        ("NaN discounts", "SELECT count(*) FROM items WHERE isnan(discount)"),
        ("missing discounts", "SELECT count(*) FROM items WHERE discount IS NULL"),
        ("missing totals", "SELECT count(*) FROM orders WHERE total IS NULL"),
        ("empty lists", "SELECT count(*) FROM orders WHERE cardinality(tags) = 0"),
        ("lists", "SELECT count(*) FROM orders WHERE array_has(tags, '再注文')"),
        ("missing maps", "SELECT count(*) FROM orders WHERE attributes IS NULL"),
        ("maps", "SELECT count(*) FROM orders WHERE map_extract(attributes, 'channel')[1] = 'web'"),
        ("structs", "SELECT count(*) FROM orders WHERE shipping_address['country'] = 'JP'"),
        ("missing members", "SELECT count(*) FROM orders WHERE shipping_address['postcode'] IS NULL"),
        ("line breaks and quotes", "SELECT count(*) FROM orders WHERE note LIKE '%\"blue\"%\n%'"),
        ("other scripts", "SELECT count(*) FROM customers WHERE name LIKE '%佐藤'"),
        ("births before 1970", "SELECT count(*) FROM customers WHERE birth_date < date '1970-01-01'"),
        ("missing scores", "SELECT count(*) FROM ltv WHERE predicted_ltv IS NULL"),
        (
            "late orders",
            "SELECT count(*) FROM orders1 WHERE date_part('hour', timestamp) = 23 AND date_part('minute', timestamp) = 59 AND date_part('second', timestamp) = 58",
        ),
    ] {
        assert!(read::count(&session, sql).await > 0, "{what}: {sql}");
    }
}

#[tokio::test]
async fn newer_event_files_have_a_column_more_and_a_wider_one() {
    let dir = tempfile::tempdir().unwrap();
    demo::write_mesh(dir.path(), &Options { scale: None, ..small() }).await.unwrap();
    let columns = |file: &str| {
        let path = dir.path().join("data/commerce/order_events/v1").join(file);
        let reader = SerializedFileReader::new(std::fs::File::open(path).unwrap()).unwrap();
        let schema = reader.metadata().file_metadata().schema_descr_ptr();
        schema.columns().iter().map(|c| format!("{} {}", c.path().string(), c.physical_type())).collect::<Vec<_>>()
    };
    assert!(columns("part-00000.parquet").contains(&"sequence INT32".to_owned()));
    assert!(!columns("part-00000.parquet").iter().any(|column| column.starts_with("device")));
    assert!(columns("part-00003.parquet").contains(&"sequence INT64".to_owned()));
    assert!(columns("part-00003.parquet").contains(&"device.os BYTE_ARRAY".to_owned()));
}
