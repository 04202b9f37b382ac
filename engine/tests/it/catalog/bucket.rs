//! A prefix of a bucket as the mesh folder: what several processes, writers that die and people with other tools do to it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use meshweave_engine::catalog::bucket::BucketStore;
use meshweave_engine::catalog::{Catalog, CatalogStore, PortContract, Record};
use meshweave_engine::settings::Settings;
use meshweave_engine::{Failure, Kind};
use meshweave_test_peers::S3Server;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt};

use super::stores::{bucket, of_bucket};
use super::support::columns_contract;

const URL: &str = "s3://meshes/one/mesh/";

/// The bucket as somebody with other tools sees it.
struct Hand(Arc<dyn ObjectStore>);

impl Hand {
    fn of(server: &S3Server) -> Self {
        Self(Arc::new(server.root().store(&server.url(), "meshes").unwrap()))
    }

    async fn put(&self, name: &str, text: &str) {
        self.0.put(&ObjectPath::from(format!("one/mesh/{name}")), text.to_owned().into()).await.unwrap();
    }

    async fn exists(&self, name: &str) -> bool {
        self.0.head(&ObjectPath::from(format!("one/mesh/{name}"))).await.is_ok()
    }
}

/// A server with a mesh of the domain commerce, and what a process needs to use it.
async fn mesh() -> (S3Server, Hand, Settings) {
    let server = bucket().await;
    let hand = Hand::of(&server);
    hand.put("mesh.yaml", "apiVersion: meshweave/v1\nkind: Mesh\nname: far\n").await;
    let domain = "apiVersion: meshweave/v1\nkind: Domain\nname: commerce\nowner: {team: commerce-team}\n\
        storage:\n  - prefix: s3://meshes/data/\nlocation_template: s3://meshes/data/{product}/\n";
    hand.put("domains/commerce/domain.yaml", domain).await;
    let mut settings = of_bucket(&server);
    settings.catalog.bucket.url = Some(URL.to_owned());
    (server, hand, settings)
}

fn orders(version: &str, columns: &[(&str, &str)]) -> String {
    columns_contract("commerce", "orders", version, columns)
}

fn ids(catalog: &Catalog) -> Vec<String> {
    catalog.snapshot().entries.iter().map(|entry| entry.id().to_string()).collect()
}

async fn open(copies: &Path, settings: &Settings) -> Catalog {
    Catalog::open(copies, settings).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_put_there_by_hand_is_read_and_what_goes_is_gone() {
    let (_server, hand, settings) = mesh().await;
    let copies = tempfile::tempdir().unwrap();
    let catalog = open(copies.path(), &settings).await;
    let empty = catalog.snapshot().version;
    hand.put("domains/commerce/orders/1.0.0.yaml", &orders("1.0.0", &[("id", "string")])).await;
    let first = catalog.refresh().await.unwrap();
    assert_eq!(ids(&catalog), ["commerce.orders@1.0.0"]);
    assert!(first.version > empty, "{} {empty}", first.version);
    assert_eq!(catalog.refresh().await.unwrap().version, first.version, "nothing changed");
    let other = tempfile::tempdir().unwrap();
    assert_eq!(open(other.path(), &settings).await.snapshot().version, first.version, "for every process");
    hand.put("domains/commerce/orders/1.0.0.yaml", "kind: [").await;
    catalog.refresh().await.unwrap();
    assert_eq!(ids(&catalog), ["commerce.orders@1.0.0"], "a broken contract replaces nothing");
    assert!(catalog.snapshot().problems[0].place.starts_with("domains/commerce/orders/1.0.0.yaml:"));
    hand.0.delete(&ObjectPath::from("one/mesh/domains/commerce/orders/1.0.0.yaml")).await.unwrap();
    catalog.refresh().await.unwrap();
    assert_eq!(ids(&catalog), [] as [&str; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_registers_the_other_reads() {
    let (_server, hand, settings) = mesh().await;
    let (mine, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (a, b) = (open(mine.path(), &settings).await, open(theirs.path(), &settings).await);
    let record =
        Record { text: orders("1.0.0", &[("id", "string")]).into_bytes(), ..super::stores::record("orders", "1.0.0") };
    let version = a.snapshot().version;
    let appended = a.store().unwrap().append(version, std::slice::from_ref(&record)).await.unwrap();
    assert_eq!(b.refresh().await.unwrap().version, appended);
    assert_eq!(a.refresh().await.unwrap().version, appended);
    assert_eq!(
        (ids(&a), ids(&b)),
        (vec!["commerce.orders@1.0.0".to_owned()], vec!["commerce.orders@1.0.0".to_owned()])
    );
    assert!(hand.exists("domains/commerce/orders/1.0.0.yaml").await);
    let late = b.store().unwrap().append(version, &[super::stores::record("items", "1.0.0")]).await.unwrap_err();
    assert!(matches!(late.failure(), Failure::CatalogConflict { .. }), "{}", late.report());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_writer_left_is_not_seen_and_taken_back_by_the_next() {
    use sha2::{Digest, Sha256};
    let (_server, hand, settings) = mesh().await;
    let copies = tempfile::tempdir().unwrap();
    let open = || BucketStore::new(URL, copies.path(), &settings).unwrap().with_patience(Duration::from_millis(300));
    let store = open();
    let version = store.load().await.unwrap().version;
    // The writer announced two objects and made one of them; somebody else put another one where the second should be.
    let sha256 = |text: &str| hex::encode(Sha256::digest(text));
    let (half, other) = ("domains/commerce/half/1.0.0.yaml", "domains/commerce/other/1.0.0.yaml");
    let pending = serde_json::json!([
        {"path": half, "sha256": sha256("half")},
        {"path": other, "sha256": sha256("never written")},
    ]);
    let head =
        serde_json::json!({"v": 1, "version": version, "content": "objects:old", "writer": "x", "pending": pending});
    hand.put(".meshweave/catalog.json", &head.to_string()).await;
    hand.put(half, "half").await;
    hand.put(other, &columns_contract("commerce", "other", "1.0.0", &[("id", "string")])).await;
    assert_eq!(store.load().await.unwrap().records, []);
    let record = super::stores::record("orders", "1.0.0");
    let appended = loop {
        let version = store.load().await.unwrap().version;
        match store.append(version, std::slice::from_ref(&record)).await {
            Ok(version) => break version,
            // What was there is counted once it is seen.
            Err(error) => assert!(matches!(error.failure(), Failure::CatalogConflict { .. }), "{}", error.report()),
        }
    };
    assert!(appended > version);
    assert!(!hand.exists(half).await, "what was announced is taken back");
    assert!(hand.exists(other).await, "what was not announced stays");
    let names: Vec<String> =
        open().load().await.unwrap().records.iter().map(|r| r.id.name.product.to_string()).collect();
    assert_eq!(names, ["orders", "other"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_in_the_place_of_a_new_one_is_a_conflict_and_nothing_is_left() {
    let (_server, hand, settings) = mesh().await;
    let copies = tempfile::tempdir().unwrap();
    let store = BucketStore::new(URL, copies.path(), &settings).unwrap();
    // No contract lies there, but something that a registration would have to replace.
    hand.put("domains/commerce/orders/1.0.0.schema.json", "{}").await;
    let before = store.load().await.unwrap();
    let error = store.append(before.version, &[super::stores::record("orders", "1.0.0")]).await.unwrap_err();
    assert!(matches!(error.failure(), Failure::CatalogConflict { .. }), "{}", error.report());
    assert!(!hand.exists("domains/commerce/orders/1.0.0.yaml").await);
    let after = store.load().await.unwrap();
    assert_eq!((after.version, after.records), (before.version, vec![]));

    // What lay there before stays, also when it holds just what would have been written.
    let contract = PortContract { name: "lines.yaml".to_owned(), text: "id: lines\n".to_owned() };
    hand.put("domains/commerce/lines/1.0.0.contracts/lines.yaml", &contract.text).await;
    let lines = Record { contracts: vec![contract], ..super::stores::record("lines", "1.0.0") };
    let after = store.load().await.unwrap();
    let error = store.append(after.version, &[lines]).await.unwrap_err();
    assert!(matches!(error.failure(), Failure::CatalogConflict { .. }), "{}", error.report());
    assert!(hand.exists("domains/commerce/lines/1.0.0.contracts/lines.yaml").await);
    assert!(!hand.exists("domains/commerce/lines/1.0.0.schema.json").await);

    let after = store.load().await.unwrap();
    store.append(after.version, &[super::stores::record("items", "1.0.0")]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_goes_away_leaves_the_last_snapshot() {
    let (server, hand, mut settings) = mesh().await;
    hand.put("domains/commerce/orders/1.0.0.yaml", &orders("1.0.0", &[("id", "string")])).await;
    (settings.storage.retries, settings.storage.connect_timeout.0) = (0, Duration::from_secs(2));
    settings.storage.request_timeout.0 = Duration::from_secs(2);
    let copies = tempfile::tempdir().unwrap();
    let catalog = open(copies.path(), &settings).await;
    drop(server);
    let error = catalog.refresh().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{}", error.report());
    assert_eq!(ids(&catalog), ["commerce.orders@1.0.0"]);
    assert!(catalog.snapshot().problems.iter().any(|problem| problem.message.contains("the catalog is unavailable")));
}

#[tokio::test]
async fn a_url_that_is_no_bucket_and_keys_that_are_not_set_are_refused_by_name() {
    let copies = tempfile::tempdir().unwrap();
    let mut settings = Settings::default();
    let told = |settings: &Settings, url: &str| BucketStore::new(url, copies.path(), settings).unwrap_err().to_string();
    let folder = told(&settings, "file:///srv/mesh/");
    assert!(folder.starts_with("catalog.bucket: ") && folder.contains("file:///srv/mesh/"), "{folder}");
    settings.catalog.bucket.credentials.access_key_id_env = Some("KEY".to_owned());
    settings.catalog.bucket.credentials.secret_access_key_env = Some("SECRET".to_owned());
    assert!(told(&settings, URL).contains("KEY is not set"), "{}", told(&settings, URL));
}
