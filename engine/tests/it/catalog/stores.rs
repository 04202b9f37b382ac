//! The conformance suite of catalog stores: every promise of `CatalogStore`, over the folder, a bucket, SQLite and PostgreSQL.

use std::path::Path;
use std::sync::Arc;

use meshweave_contract::types::LogicalType;
use meshweave_engine::catalog::bucket::BucketStore;
use meshweave_engine::catalog::folder::FolderStore;
use meshweave_engine::catalog::postgres::PostgresStore;
use meshweave_engine::catalog::sqlite::SqliteStore;
use meshweave_engine::catalog::{
    CatalogStore, PortContract, Record, ResolvedColumn, ResolvedColumns, ResolvedTableColumns,
};
use meshweave_engine::settings::{Environment, Settings};
use meshweave_engine::{Failure, Kind};
use meshweave_test_peers::{Database, PostgresServer, S3Server};

use object_store::ObjectStoreExt as _;

use super::support::id;

/// How one kind of store is opened; twice means two processes.
enum Backend {
    Folder,
    Sqlite,
    Postgres(Database),
    Bucket(S3Server),
}

impl Backend {
    async fn open(&self, folder: &Path) -> Arc<dyn CatalogStore> {
        match self {
            Self::Folder => Arc::new(FolderStore::new(folder)),
            Self::Sqlite => Arc::new(SqliteStore::open(&folder.join("catalog.db")).await.unwrap()),
            Self::Postgres(database) => {
                Arc::new(PostgresStore::open("URL", "mesh.yaml:4", &reaching(&database.url())).await.unwrap())
            }
            Self::Bucket(server) => {
                Arc::new(BucketStore::new(BUCKET_MESH, &folder.join("copies"), &of_bucket(server)).unwrap())
            }
        }
    }
}

/// A prefix of the bucket of [`bucket`].
const BUCKET_MESH: &str = "s3://meshes/one/mesh/";

/// An S3 server with one bucket.
pub(super) async fn bucket() -> S3Server {
    let server = S3Server::start().await.unwrap();
    server.create_bucket("meshes").unwrap();
    server
}

/// Settings of a process that may use everything on the server.
pub(super) fn of_bucket(server: &S3Server) -> Settings {
    let root = server.root();
    let keys = [("KEY", &root.key), ("SECRET", &root.secret)].map(|(name, value)| (name.to_owned(), value.clone()));
    let mut settings = Settings { environment: Environment::new(keys), ..Settings::default() };
    settings.catalog.bucket.endpoint = Some(server.url());
    settings.catalog.bucket.credentials.access_key_id_env = Some("KEY".to_owned());
    settings.catalog.bucket.credentials.secret_access_key_env = Some("SECRET".to_owned());
    settings
}

/// Settings of a process in whose environment `URL` is a database's.
fn reaching(url: &str) -> Settings {
    Settings { environment: Environment::new([("URL".to_owned(), url.to_owned())]), ..Settings::default() }
}

/// One test per promise and store.
macro_rules! conformance {
    ($($promise:ident),* $(,)?) => {
        mod folder {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let folder = tempfile::tempdir().unwrap();
                super::$promise(super::Backend::Folder, folder.path()).await;
            })*
        }
        mod bucket {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let folder = tempfile::tempdir().unwrap();
                let server = super::bucket().await;
                super::$promise(super::Backend::Bucket(server), folder.path()).await;
            })*
        }
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let folder = tempfile::tempdir().unwrap();
                super::$promise(super::Backend::Sqlite, folder.path()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let folder = tempfile::tempdir().unwrap();
                let database = super::PostgresServer::database().await.unwrap();
                super::$promise(super::Backend::Postgres(database), folder.path()).await;
            })*
        }
    };
}

conformance!(
    an_empty_store_is_empty,
    what_was_appended_is_loaded_again,
    several_versions_live_side_by_side,
    an_old_version_number_is_a_conflict,
    a_record_is_never_replaced,
    an_append_is_all_or_nothing,
    of_two_writers_one_wins,
    many_writers_lose_nothing,
    columns_are_resolved_once,
    the_version_grows_with_every_change,
);

fn resolved(product: &str) -> ResolvedColumns {
    let column = |name: &str, logical_type| ResolvedColumn { name: name.to_owned(), logical_type, nullable: true };
    ResolvedColumns {
        v: 1,
        subject: format!("commerce.{product}"),
        version: "1.0.0".to_owned(),
        source: "contract".to_owned(),
        schema_file: None,
        locations: [(product.to_owned(), "file://./data/x/".to_owned())].into(),
        formats: [(product.to_owned(), "delta".to_owned())].into(),
        tables: vec![ResolvedTableColumns {
            name: product.parse().unwrap(),
            columns: vec![
                column("id", LogicalType::Int64),
                column("price", LogicalType::Decimal { precision: 12, scale: 2 }),
            ],
        }],
    }
}

pub(super) fn record(product: &str, version: &str) -> Record {
    Record {
        id: id("commerce", product, version),
        text: format!("# not YAML: \u{1F980} {product} {version}\n").into_bytes(),
        is_json: false,
        contracts: Vec::new(),
        place: format!("domains/commerce/{product}/{version}.yaml"),
        resolved: Some(resolved(product)),
        hash: format!("sha256:{product}"),
        registered_at: Some("2026-11-21T08:00:00Z".to_owned()),
        registered_by: Some("ann".to_owned()),
    }
}

fn sorted(mut records: Vec<Record>) -> Vec<Record> {
    records.sort_by(|a, b| a.id.cmp(&b.id));
    records
}

async fn an_empty_store_is_empty(backend: Backend, folder: &Path) {
    let stored = backend.open(folder).await.load().await.unwrap();
    assert!(stored.records.is_empty() && stored.problems.is_empty());
}

async fn what_was_appended_is_loaded_again(backend: Backend, folder: &Path) {
    let store = backend.open(folder).await;
    let mut json = record("Order-Items", "2.0.0-beta.1");
    (json.is_json, json.place) = (true, "domains/commerce/Order-Items/2.0.0-beta.1.json".to_owned());
    let contract = |name: &str| PortContract { name: name.to_owned(), text: format!("# \u{1F980} {name}\n") };
    json.contracts = vec![contract("a.json"), contract("b.yaml")];
    let mut bare = record("bare", "1.0.0");
    (bare.resolved, bare.registered_at, bare.registered_by) = (None, None, None);
    let records = sorted(vec![record("orders", "1.0.0"), json, bare]);
    let version = store.append(store.load().await.unwrap().version, &records).await.unwrap();
    for store in [store, backend.open(folder).await] {
        let stored = store.load().await.unwrap();
        assert_eq!(stored.problems, []);
        assert_eq!((stored.version, sorted(stored.records)), (version, records.clone()));
    }
}

async fn several_versions_live_side_by_side(backend: Backend, folder: &Path) {
    let store = backend.open(folder).await;
    for version in ["1.0.0", "1.1.0", "2.0.0"] {
        let expected = store.load().await.unwrap().version;
        store.append(expected, &[record("orders", version)]).await.unwrap();
    }
    let stored = sorted(store.load().await.unwrap().records);
    assert_eq!(stored.iter().map(|r| r.id.version.to_string()).collect::<Vec<_>>(), ["1.0.0", "1.1.0", "2.0.0"]);
}

async fn an_old_version_number_is_a_conflict(backend: Backend, folder: &Path) {
    let (mine, theirs) = (backend.open(folder).await, backend.open(folder).await);
    let before = mine.load().await.unwrap().version;
    theirs.append(before, &[record("theirs", "1.0.0")]).await.unwrap();
    let error = mine.append(before, &[record("mine", "1.0.0")]).await.unwrap_err();
    assert!(matches!(error.failure(), Failure::CatalogConflict { .. }), "{error}");
    assert_eq!(mine.load().await.unwrap().records.len(), 1);
}

async fn a_record_is_never_replaced(backend: Backend, folder: &Path) {
    let store = backend.open(folder).await;
    let first = record("orders", "1.0.0");
    store.append(store.load().await.unwrap().version, std::slice::from_ref(&first)).await.unwrap();
    let other = Record { text: b"other".to_vec(), ..first.clone() };
    let json = Record { is_json: true, ..other.clone() };
    for again in [other, json] {
        let error = store.append(store.load().await.unwrap().version, &[again]).await.unwrap_err();
        assert!(matches!(error.failure(), Failure::CatalogConflict { .. }), "{error}");
        assert_eq!(store.load().await.unwrap().records, std::slice::from_ref(&first));
    }
}

async fn an_append_is_all_or_nothing(backend: Backend, folder: &Path) {
    let store = backend.open(folder).await;
    store.append(store.load().await.unwrap().version, &[record("orders", "1.0.0")]).await.unwrap();
    let before = store.load().await.unwrap();
    let both = [record("items", "1.0.0"), record("orders", "1.0.0")];
    store.append(before.version, &both).await.unwrap_err();
    let after = store.load().await.unwrap();
    assert_eq!((after.version, after.records), (before.version, before.records));
}

async fn of_two_writers_one_wins(backend: Backend, folder: &Path) {
    let (a, b) = (backend.open(folder).await, backend.open(folder).await);
    for round in 0..8 {
        let version = a.load().await.unwrap().version;
        let (mine, yours) = ([record("mine", &format!("{round}.0.0"))], [record("yours", &format!("{round}.0.0"))]);
        let results = tokio::join!(a.append(version, &mine), b.append(version, &yours));
        let won = [results.0.is_ok(), results.1.is_ok()].iter().filter(|ok| **ok).count();
        assert_eq!(won, 1, "round {round}");
        let lost = results.0.err().or_else(|| results.1.err()).unwrap();
        assert!(matches!(lost.failure(), Failure::CatalogConflict { .. }), "{lost}");
        assert_eq!(a.load().await.unwrap().records.len(), round + 1);
    }
}

async fn many_writers_lose_nothing(backend: Backend, folder: &Path) {
    const WRITERS: usize = 4;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let store = backend.open(folder).await;
        writers.spawn(async move {
            for n in 0..3 {
                let record = record(&format!("p{writer}"), &format!("{n}.0.0"));
                loop {
                    let version = store.load().await.unwrap().version;
                    match store.append(version, std::slice::from_ref(&record)).await {
                        Ok(_) => break,
                        Err(error) => assert_eq!(error.kind(), Kind::Unavailable, "{error}"),
                    }
                }
            }
        });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    let stored = backend.open(folder).await.load().await.unwrap();
    assert_eq!((stored.records.len(), stored.problems.len()), (WRITERS * 3, 0));
}

async fn columns_are_resolved_once(backend: Backend, folder: &Path) {
    let store = backend.open(folder).await;
    let bare = Record {
        resolved: None,
        registered_at: None,
        registered_by: None,
        hash: String::new(),
        ..record("orders", "1.0.0")
    };
    if matches!(backend, Backend::Folder) {
        // The way of a hand-made file: the contract alone.
        std::fs::create_dir_all(folder.join("domains/commerce/orders")).unwrap();
        std::fs::write(folder.join(&bare.place), &bare.text).unwrap();
    } else if let Backend::Bucket(server) = &backend {
        let objects = server.root().store(&server.url(), "meshes").unwrap();
        let place = object_store::path::Path::from(format!("one/mesh/{}", bare.place));
        objects.put(&place, bare.text.clone().into()).await.unwrap();
    } else {
        store.append(store.load().await.unwrap().version, std::slice::from_ref(&bare)).await.unwrap();
    }
    assert_eq!(store.load().await.unwrap().records, std::slice::from_ref(&bare));
    store.resolve(&bare.id, &resolved("orders")).await.unwrap();
    assert_eq!(store.load().await.unwrap().records, [Record { resolved: Some(resolved("orders")), ..bare.clone() }]);
    for id in [&bare.id, &id("commerce", "nothing", "1.0.0")] {
        let error = store.resolve(id, &resolved("other")).await.unwrap_err();
        assert!(matches!(error.failure(), Failure::CatalogConflict { .. }), "{error}");
    }
}

async fn the_version_grows_with_every_change(backend: Backend, folder: &Path) {
    let store = backend.open(folder).await;
    let mut last = store.load().await.unwrap().version;
    for n in 0..3 {
        let appended = store.append(last, &[record("orders", &format!("{n}.0.0"))]).await.unwrap();
        assert!(appended > last);
        assert_eq!(store.load().await.unwrap().version, appended);
        assert_eq!(backend.open(folder).await.load().await.unwrap().version, appended, "for every process");
        last = appended;
    }
}

#[tokio::test]
async fn an_edit_by_hand_counts_and_makes_a_late_append_a_conflict() {
    let folder = tempfile::tempdir().unwrap();
    let store = FolderStore::new(folder.path());
    let before = store.load().await.unwrap().version;
    std::fs::create_dir_all(folder.path().join("domains/commerce/orders")).unwrap();
    std::fs::write(folder.path().join("domains/commerce/orders/1.0.0.yaml"), "x").unwrap();
    let error = store.append(before, &[record("items", "1.0.0")]).await.unwrap_err();
    assert!(matches!(error.failure(), Failure::CatalogConflict { .. }), "{error}");
    assert!(store.load().await.unwrap().version > before);
}

#[tokio::test]
async fn half_written_files_are_never_seen() {
    let folder = tempfile::tempdir().unwrap();
    let product = folder.path().join("domains/commerce/orders");
    std::fs::create_dir_all(&product).unwrap();
    std::fs::write(product.join(".1.0.0.yaml.tmp"), "half").unwrap();
    std::fs::write(product.join("README.md"), "for people").unwrap();
    let stored = FolderStore::new(folder.path()).load().await.unwrap();
    assert!(stored.records.is_empty() && stored.problems.is_empty(), "{stored:?}");
}

/// What a writer leaves that died after its first file appeared: the journal, one file in place, one still hidden.
fn leave_half_an_append(folder: &Path) -> std::path::PathBuf {
    use sha2::{Digest, Sha256};
    let product = folder.join("domains/commerce/orders");
    std::fs::create_dir_all(&product).unwrap();
    std::fs::create_dir_all(folder.join(".meshweave")).unwrap();
    let (first, second) = (product.join("1.0.0.yaml"), product.join("2.0.0.yaml"));
    std::fs::write(&first, "half").unwrap();
    std::fs::write(product.join(".2.0.0.yaml.tmp"), "ha").unwrap();
    let sha256 = hex::encode(Sha256::digest("half"));
    let journal = serde_json::json!([{"path": first, "sha256": sha256}, {"path": second, "sha256": sha256}]);
    std::fs::write(folder.join(".meshweave/append.json"), journal.to_string()).unwrap();
    first
}

#[tokio::test]
async fn an_append_whose_writer_died_is_ignored_and_then_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let first = leave_half_an_append(folder.path());
    let store = FolderStore::new(folder.path());
    let stored = store.load().await.unwrap();
    assert!(stored.records.is_empty(), "{stored:?}");
    store.append(stored.version, &[record("items", "1.0.0")]).await.unwrap();
    assert!(!first.exists() && !folder.path().join(".meshweave/append.json").exists());
    let stored = FolderStore::new(folder.path()).load().await.unwrap();
    assert_eq!(stored.records.iter().map(|r| r.id.to_string()).collect::<Vec<_>>(), ["commerce.items@1.0.0"]);
}

#[tokio::test]
async fn taking_back_spares_a_file_that_somebody_else_has_put_there() {
    let folder = tempfile::tempdir().unwrap();
    let first = leave_half_an_append(folder.path());
    std::fs::write(&first, "made by hand since").unwrap();
    let store = FolderStore::new(folder.path());
    let version = store.load().await.unwrap().version;
    store.append(version, &[record("items", "1.0.0")]).await.unwrap();
    assert_eq!(std::fs::read_to_string(first).unwrap(), "made by hand since");
}

#[tokio::test]
async fn files_with_wrong_names_are_problems_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["orders/first.yaml", "or ders/1.0.0.yaml", "good/1.0.0.yaml", "bad-columns/1.0.0.yaml"] {
        let path = folder.path().join("domains/commerce").join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "x").unwrap();
    }
    std::fs::write(folder.path().join("domains/commerce/bad-columns/1.0.0.schema.json"), "{").unwrap();
    let stored = FolderStore::new(folder.path()).load().await.unwrap();
    let good: Vec<String> = stored.records.iter().map(|r| r.id.to_string()).collect();
    assert_eq!(good, ["commerce.bad-columns@1.0.0", "commerce.good@1.0.0"]);
    assert_eq!(stored.problems.len(), 3, "{:?}", stored.problems);
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("catalog.db");
    drop(SqliteStore::open(&file).await.unwrap());
    let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (99, 'later', 1, x'00', 0)",
    )
    .execute(&pool)
    .await
    .unwrap();
    let error = SqliteStore::open(&file).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.report().contains("migration 99"), "{}", error.report());
}

#[tokio::test]
async fn a_shared_database_of_a_newer_program_is_refused() {
    let database = PostgresServer::database().await.unwrap();
    let settings = reaching(&database.url());
    drop(PostgresStore::open("URL", "mesh.yaml:4", &settings).await.unwrap());
    let later = "INSERT INTO meshweave_catalog_migrations (version, description, success, checksum, execution_time) \
                 VALUES (99, 'later', TRUE, ''::bytea, 0)";
    database.sql(later).unwrap();
    let error = PostgresStore::open("URL", "mesh.yaml:4", &settings).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.report().contains("migration 99"), "{}", error.report());
}
