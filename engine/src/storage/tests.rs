//! What storage promises: prefixes, identities, links, credentials, counting and stopping.

use futures::StreamExt;
use object_store::memory::InMemory;
use object_store::throttle::{ThrottleConfig, ThrottledStore};
use object_store::{GetRange, ObjectStoreExt};

use super::config::CredentialsConfig;
use super::*;
use crate::context::QueryContext;
use crate::error::Kind;
use crate::principal::Principal;

fn context(mesh: &FilePath, local: &[&FilePath]) -> StorageContext {
    let variables = [("A_KEY", "a"), ("A_SECRET", "sa"), ("B_KEY", "b"), ("B_SECRET", "sb")];
    let more = [("A_SAS", "sp=r&sig=a"), ("B_SAS", "sp=r&sig=b"), ("NO_BASE64", "!s3cret"), ("ACCOUNT_KEY", "aGk=")];
    let mut settings = Settings {
        environment: Environment::new(variables.into_iter().chain(more).map(|(k, v)| (k.to_owned(), v.to_owned()))),
        ..Settings::default()
    };
    settings.storage.local = local.iter().map(|p| (*p).to_owned()).collect();
    StorageContext::new(mesh, &settings)
}

fn keyed(prefix: &str, who: &str) -> PrefixConfig {
    PrefixConfig {
        endpoint: Some("http://127.0.0.1:9".to_owned()),
        credentials: Some(CredentialsConfig {
            access_key_id_env: Some(format!("{who}_KEY")),
            secret_access_key_env: Some(format!("{who}_SECRET")),
            ..CredentialsConfig::default()
        }),
        ..PrefixConfig::new(prefix)
    }
}

fn domain(name: &str) -> DomainName {
    DomainName::new(name).unwrap()
}

fn storage(context: &StorageContext, prefixes: &[PrefixConfig]) -> Result<DomainStorage> {
    DomainStorage::new(domain("commerce"), "domain.yaml", prefixes, &[], context)
}

fn query() -> QueryContext {
    QueryContext::new(Principal { user: "test".to_owned(), teams: Vec::new() })
}

#[test]
fn two_domains_with_different_keys_on_one_bucket_have_different_stores() {
    let context = context(FilePath::new("."), &[]);
    let (a, b) = (storage(&context, &[keyed("s3://data/", "A")]), storage(&context, &[keyed("s3://data/", "B")]));
    let (a, b) = (a.unwrap().locate("s3://data/x").unwrap(), b.unwrap().locate("s3://data/x").unwrap());
    assert_eq!(a.path, b.path);
    assert_ne!(a.store_id, b.store_id);
    assert_eq!(a.store_id.0.len(), 16);
    assert!(!Arc::ptr_eq(&a.store, &b.store));
}

#[test]
fn an_identity_differs_with_endpoint_bucket_and_signature() {
    let context = context(FilePath::new("."), &[]);
    let id = |config: PrefixConfig, url: &str| storage(&context, &[config]).unwrap().locate(url).unwrap().store_id;
    let other_endpoint = PrefixConfig { endpoint: Some("http://127.0.0.1:10".to_owned()), ..keyed("s3://data/", "A") };
    let ids = [
        id(keyed("s3://data/", "A"), "s3://data/x"),
        id(keyed("s3://data2/", "A"), "s3://data2/x"),
        id(other_endpoint, "s3://data/x"),
        id(PrefixConfig { credentials: None, ..keyed("s3://data/", "A") }, "s3://data/x"),
        id(PrefixConfig::new("s3://data/"), "s3://data/x"),
        StoreId::local(),
    ];
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "{ids:?}");
    assert_eq!(ids[0], id(keyed("s3://data/sub/", "A"), "s3://data/sub/x"), "the prefix is no part of the identity");
}

/// A prefix of each new kind with credentials in variables, as `domain.yaml` says it.
fn said(text: &str) -> PrefixConfig {
    yaml_serde::from_str(text).unwrap()
}

#[test]
fn every_kind_of_store_has_an_identity_of_endpoint_bucket_and_scope() {
    let context = context(FilePath::new("."), &[]);
    let id = |text: &str, url: &str| storage(&context, &[said(text)]).unwrap().locate(url).unwrap().store_id;
    let azure = "endpoint: 'http://127.0.0.1:9/one', credentials: { account_key_env: ACCOUNT_KEY }";
    let ids = [
        id("{ prefix: 'gs://data/' }", "gs://data/x"),
        id("{ prefix: 'gs://data2/' }", "gs://data2/x"),
        id("{ prefix: 'gs://data/', endpoint: 'http://127.0.0.1:9' }", "gs://data/x"),
        id("{ prefix: 'gs://data/', credentials: { instance: true } }", "gs://data/x"),
        id("{ prefix: 'az://data/', account: one }", "az://data/x"),
        id("{ prefix: 'az://data/', account: two }", "az://data/x"),
        id("{ prefix: 'az://data2/', account: one }", "az://data2/x"),
        id(&format!("{{ prefix: 'az://data/', account: one, {azure} }}"), "az://data/x"),
        id("{ prefix: 'az://data/', account: one, credentials: { sas_env: A_SAS } }", "az://data/x"),
        id("{ prefix: 'az://data/', account: one, credentials: { sas_env: B_SAS } }", "az://data/x"),
        id("{ prefix: 'abfss://data@one.dfs.core.chinacloudapi.cn/' }", "abfss://data@one.dfs.core.chinacloudapi.cn/x"),
        id("{ prefix: 'https://host/data/' }", "https://host/data/x"),
        id("{ prefix: 'https://host2/data/' }", "https://host2/data/x"),
        id("{ prefix: 'http://host/data/' }", "http://host/data/x"),
        id("{ prefix: 'https://host/data/', credentials: { bearer_env: A_KEY } }", "https://host/data/x"),
        id("{ prefix: 'https://host/data/', credentials: { bearer_env: B_KEY } }", "https://host/data/x"),
        id("{ prefix: 's3://data/' }", "s3://data/x"),
        id("{ prefix: 's3://data/', credentials: { instance: true } }", "s3://data/x"),
        StoreId::local(),
    ];
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "{ids:?}");
    let abfss = "abfss://data@one.dfs.core.windows.net/";
    let same = id(&format!("{{ prefix: '{abfss}' }}"), &format!("{abfss}x"));
    assert_eq!(same, ids[4], "two ways to write one container are one store");
}

#[test]
fn a_prefix_takes_what_its_kind_of_store_has() {
    let context = context(FilePath::new("."), &[]);
    for (text, word) in [
        ("{ prefix: 'gs://data/', region: x }", "`region`"),
        ("{ prefix: 'https://host/', endpoint: 'http://x' }", "`endpoint`"),
        ("{ prefix: 'abfss://data@one.dfs.core.windows.net/', account: two }", "`account`"),
        ("{ prefix: 's3://data/', account: two }", "`account`"),
        ("{ prefix: 'gs://data/', credentials: { profile: p } }", "`profile`"),
        ("{ prefix: 'file://./data/', path_style: true }", "`path_style`"),
    ] {
        let error = storage(&context, &[said(text)]).unwrap_err();
        assert!(error.kind() == Kind::InvalidConfiguration && error.to_string().contains(word), "{text}: {error}");
    }
    let error = storage(&context, &[said("{ prefix: 'az://data/' }")]).unwrap().locate("az://data/x").unwrap_err();
    assert!(error.to_string().contains("needs the account"), "{error}");
    let key = "{ prefix: 'az://data/', account: one, credentials: { account_key_env: NO_BASE64 } }";
    let error = storage(&context, &[said(key)]).unwrap().locate("az://data/x").unwrap_err();
    assert!(
        error.to_string().contains("does not take the credentials") && !error.report().contains("!s3cret"),
        "{error}"
    );
}

#[test]
fn places_on_web_servers_are_decoded_once_and_shown_encoded() {
    let context = context(FilePath::new("."), &[]);
    let storage = storage(&context, &[said("{ prefix: 'https://host:8443/open data/' }")]).unwrap();
    let location = storage.locate("https://HOST:8443/open%20data/a%20b/{x,y}.parquet").unwrap();
    assert_eq!(location.path.as_ref(), "open data/a b");
    assert!(location.url.as_str().starts_with("https://host:8443/open%20data/a%20b/"), "{}", location.url);
    let files: Vec<String> = location.files().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(files, ["open data/a b/x.parquet", "open data/a b/y.parquet"]);
    assert_eq!(storage.locate("https://host:8443/open%2520data/x").unwrap_err().kind(), Kind::Denied);
    assert_eq!(storage.locate("https://host/open%20data/x").unwrap_err().kind(), Kind::Denied, "another port");
}

#[test]
fn a_token_of_one_server_does_not_go_to_another() {
    let context = context(FilePath::new("."), &[]);
    let own = [said("{ prefix: 'https://host/', credentials: { bearer_env: A_KEY } }")];
    let schemas = ["https://host/schemas/", "https://elsewhere/"].map(|url| SchemaPrefix::Url(url.to_owned()));
    let storage = DomainStorage::new(domain("commerce"), "domain.yaml", &own, &schemas, &context).unwrap();
    let id = |url: &str| storage.schema_location(url).unwrap().store_id;
    assert_eq!(id("https://host/schemas/x.avsc"), storage.locate("https://host/x").unwrap().store_id);
    let alone =
        DomainStorage::new(domain("crm"), "domain.yaml", &[said("{ prefix: 'https://elsewhere/' }")], &[], &context);
    assert_eq!(id("https://elsewhere/x.avsc"), alone.unwrap().locate("https://elsewhere/x").unwrap().store_id);
}

#[test]
fn one_store_is_shared_by_all_who_reach_it_alike() {
    let context = context(FilePath::new("."), &[]);
    let first = storage(&context, &[keyed("s3://data/a/", "A")]).unwrap().locate("s3://data/a/x").unwrap();
    let second = storage(&context, &[keyed("s3://data/b/", "A")]).unwrap().locate("s3://data/b/x").unwrap();
    assert!(Arc::ptr_eq(&first.store, &second.store));
}

#[test]
fn the_longest_prefix_decides_and_its_credentials_count() {
    let context = context(FilePath::new("."), &[]);
    let both = storage(&context, &[keyed("s3://data/", "A"), keyed("s3://data/com/", "B")]).unwrap();
    let id = |url: &str| both.locate(url).unwrap().store_id;
    let b = storage(&context, &[keyed("s3://data/", "B")]).unwrap().locate("s3://data/x").unwrap().store_id;
    assert_eq!(id("s3://data/com/x"), b);
    assert_ne!(id("s3://data/commerce/x"), b, "a prefix ends at a segment");
}

#[test]
fn what_no_prefix_covers_is_denied_with_the_prefixes() {
    let context = context(FilePath::new("."), &[]);
    let storage = storage(&context, &[keyed("s3://data/com/", "A")]).unwrap();
    for url in
        ["s3://data/commerce/x", "s3://other/com/x", "s3://data/com/../crm/x", "s3://data/*", "file:///etc/passwd"]
    {
        let error = storage.locate(url).unwrap_err();
        assert_eq!(error.kind(), Kind::Denied, "{url}: {error}");
    }
    let error = storage.locate("s3://data/crm/x").unwrap_err();
    assert_eq!(
        error.to_string(),
        "domain commerce may not use s3://data/crm/x: it lies under none of the domain's prefixes (s3://data/com/)"
    );
    let error = storage.locate("s3://key:s3cret@data/com/x").unwrap_err();
    assert!(!error.to_string().contains("s3cret"), "{error}");
}

#[test]
fn a_missing_credential_is_an_error_of_the_place_that_needs_it() {
    let context = context(FilePath::new("."), &[]);
    let storage = storage(&context, &[keyed("s3://data/", "NOBODY"), keyed("s3://more/", "A")]).unwrap();
    assert!(storage.locate("s3://more/x").is_ok());
    let error = storage.locate("s3://data/x").unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidConfiguration);
    assert!(error.to_string().contains("NOBODY_KEY is not set"), "{error}");
}

#[test]
fn prefixes_that_cannot_be_used_are_refused_when_they_are_read() {
    let context = context(FilePath::new("."), &[]);
    let local = PrefixConfig { region: Some("x".to_owned()), ..PrefixConfig::new("file://./data/") };
    for config in
        [PrefixConfig::new("memory://x/"), PrefixConfig::new("s3://data/*/"), PrefixConfig::new("s3://data/../"), local]
    {
        let error = storage(&context, std::slice::from_ref(&config)).unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidConfiguration, "{config:?}");
    }
    let bad = PrefixConfig { endpoint: Some("ftp://x".to_owned()), ..PrefixConfig::new("s3://data/") };
    assert_eq!(
        storage(&context, &[bad]).unwrap().locate("s3://data/x").unwrap_err().kind(),
        Kind::InvalidConfiguration
    );
}

#[test]
fn a_wildcard_splits_the_location() {
    let context = context(FilePath::new("."), &[]);
    let storage = storage(&context, &[keyed("s3://data/", "A")]).unwrap();
    let location = storage.locate("s3://data/com/dt=*/part-?.parquet").unwrap();
    assert_eq!((location.path.as_ref(), location.pattern.as_deref()), ("com", Some("dt=*/part-?.parquet")));
    assert_eq!(location.url.as_str(), "s3://data/com/dt=*/part-%3F.parquet");
    assert_eq!(location.child("_delta_log/x").url.as_str(), "s3://data/com/_delta_log/x");
}

#[test]
fn children_and_relative_paths_stay_below() {
    let context = context(FilePath::new("."), &[]);
    let location = storage(&context, &[keyed("s3://data/", "A")]).unwrap().locate("s3://data/com/orders/").unwrap();
    let child = location.child("year=2026/a.parquet");
    assert_eq!(child.path.as_ref(), "com/orders/year=2026/a.parquet");
    assert_eq!(child.url.as_str(), "s3://data/com/orders/year=2026/a.parquet");
    assert_eq!(location.relative(&child.path).as_deref(), Some("year=2026/a.parquet"));
    assert_eq!(location.relative(&location.path).as_deref(), Some(""));
    assert_eq!(location.relative(&Path::from("com/orders2/a")), None);
}

#[test]
fn schema_prefixes_are_reached_like_the_storage_beside_them() {
    let context = context(FilePath::new("."), &[]);
    let prefixes = [keyed("s3://data/com/", "A"), keyed("s3://schemas/own/", "B")];
    let schemas = ["s3://schemas/com/", "s3://elsewhere/"].map(|url| SchemaPrefix::Url(url.to_owned()));
    let storage = DomainStorage::new(domain("commerce"), "domain.yaml", &prefixes, &schemas, &context).unwrap();
    let id = |url: &str| storage.locate(url).unwrap().store_id;
    assert_eq!(storage.schema_location("s3://schemas/com/x.avsc").unwrap().store_id, id("s3://schemas/own/x"));
    assert!(storage.schema_location("s3://elsewhere/x.avsc").is_ok());
    assert!(storage.schema_location("s3://data/com/x.avsc").is_ok(), "a schema may lie beside its data");
    assert_eq!(storage.schema_location("s3://schemas/crm/x.avsc").unwrap_err().kind(), Kind::Denied);
    assert_eq!(storage.locate("s3://elsewhere/x").unwrap_err().kind(), Kind::Denied, "data may not lie among schemas");
}

/// A mesh folder and a folder outside it.
fn folders() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let all = tempfile::tempdir().unwrap();
    let root = all.path().canonicalize().unwrap();
    let (mesh, outside) = (root.join("mesh"), root.join("outside"));
    for folder in [mesh.join("data/com"), outside.join("com")] {
        std::fs::create_dir_all(folder).unwrap();
    }
    std::fs::write(outside.join("com/secret"), "secret").unwrap();
    (all, mesh, outside)
}

#[test]
fn local_paths_are_relative_to_the_mesh_folder_and_inside_it() {
    let (_all, mesh, outside) = folders();
    let storage = storage(&context(&mesh, &[]), &[PrefixConfig::new("file://./data/com/")]).unwrap();
    let location = storage.locate("file://./data/com/orders/").unwrap();
    assert_eq!(location.store_id, StoreId::local());
    assert_eq!(location.url.to_file_path().unwrap(), mesh.join("data/com/orders"));
    assert!(storage.locate(&format!("file://{}", mesh.join("data/com/x").display())).is_ok(), "absolute, and inside");
    for url in ["file://./data/crm/x", "file://./x", "file:///etc/passwd", "file://./data/com/../../x"] {
        assert_eq!(storage.locate(url).unwrap_err().kind(), Kind::Denied, "{url}");
    }
    assert_eq!(storage.locate(&format!("file://{}/com", outside.display())).unwrap_err().kind(), Kind::Denied);
}

#[test]
fn folders_outside_the_mesh_must_be_allowed_by_the_process() {
    let (_all, mesh, outside) = folders();
    let prefix = PrefixConfig::new(format!("file://{}/com/", outside.display()));
    let url = format!("file://{}/com/secret", outside.display());
    let refused = storage(&context(&mesh, &[]), std::slice::from_ref(&prefix)).unwrap().locate(&url).unwrap_err();
    assert_eq!(refused.kind(), Kind::InvalidConfiguration);
    assert!(refused.hint().unwrap().contains("storage.local"));
    assert!(storage(&context(&mesh, &[&outside]), &[prefix]).unwrap().locate(&url).is_ok());
}

#[test]
fn symbolic_links_are_followed_before_the_check() {
    let (_all, mesh, outside) = folders();
    std::os::unix::fs::symlink(outside.join("com"), mesh.join("data/com/out")).unwrap();
    std::os::unix::fs::symlink(outside.join("nothing"), mesh.join("data/com/dangling")).unwrap();
    std::os::unix::fs::symlink(mesh.join("data/com"), mesh.join("inside")).unwrap();
    let storage = storage(&context(&mesh, &[]), &[PrefixConfig::new("file://./data/com/")]).unwrap();
    for url in ["file://./data/com/out/secret", "file://./data/com/out/not/yet/there", "file://./data/com/dangling/x"] {
        assert_eq!(storage.locate(url).unwrap_err().kind(), Kind::Denied, "{url}");
    }
    let inside = storage.locate("file://./inside/orders").unwrap();
    assert_eq!(inside.url.to_file_path().unwrap(), mesh.join("data/com/orders"), "a link inside is followed");
}

#[tokio::test]
async fn a_link_that_appears_later_is_refused_at_the_request() {
    let (_all, mesh, outside) = folders();
    let storage = storage(&context(&mesh, &[]), &[PrefixConfig::new("file://./data/com/")]).unwrap();
    let location = storage.locate("file://./data/com/orders/").unwrap();
    std::fs::create_dir_all(mesh.join("data/com/orders")).unwrap();
    std::fs::write(mesh.join("data/com/orders/a"), "mine").unwrap();
    std::os::unix::fs::symlink(outside.join("com/secret"), mesh.join("data/com/orders/b")).unwrap();
    assert!(location.store.get(&location.child("a").path).await.is_ok());
    for error in [
        location.store.get(&location.child("b").path).await.unwrap_err(),
        location.store.head(&location.child("b").path).await.unwrap_err(),
        location.store.get_ranges(&location.child("b").path, std::slice::from_ref(&(0..3))).await.unwrap_err(),
        location.store.put(&location.child("b").path, "x".into()).await.unwrap_err(),
    ] {
        assert!(matches!(error, object_store::Error::PermissionDenied { .. }), "{error}");
    }
    assert_eq!(std::fs::read_to_string(outside.join("com/secret")).unwrap(), "secret");
}

#[tokio::test]
async fn small_objects_are_read_whole_and_large_ones_refused() {
    let (_all, mesh, _) = folders();
    std::fs::write(mesh.join("data/com/x.avsc"), "12345").unwrap();
    let storage = storage(&context(&mesh, &[]), &[PrefixConfig::new("file://./data/")]).unwrap();
    let location = storage.locate("file://./data/com/x.avsc").unwrap();
    let ctx = query();
    assert_eq!(location.read_small(&ctx, 5).await.unwrap().as_ref(), b"12345");
    assert_eq!((ctx.usage.requests(), ctx.usage.bytes()), (1, 5));
    assert_eq!(location.read_small(&ctx, 4).await.unwrap_err().kind(), Kind::Exhausted);
    let missing = storage.locate("file://./data/com/y").unwrap().read_small(&ctx, 5).await.unwrap_err();
    assert_eq!(missing.kind(), Kind::Unavailable);
}

#[tokio::test]
async fn something_is_stored_when_an_object_that_counts_is_there() {
    let (_all, mesh, _) = folders();
    let storage = storage(&context(&mesh, &[]), &[PrefixConfig::new("file://./data/")]).unwrap();
    let found = async |url: &str| storage.locate(url).unwrap().first_object(&query()).await.unwrap().is_some();
    assert!(!found("file://./data/com/").await, "an empty folder");
    assert!(!found("file://./data/nothing/").await, "no folder");
    std::fs::write(mesh.join("data/com/_SUCCESS"), "").unwrap();
    assert!(!found("file://./data/com/").await, "a mark is no data");
    std::fs::create_dir_all(mesh.join("data/com/year=2026")).unwrap();
    std::fs::write(mesh.join("data/com/year=2026/a.parquet"), "x").unwrap();
    assert!(found("file://./data/com/").await);
    assert!(found("file://./data/com/year=2026/a.parquet").await, "a file itself");
    assert!(found("file://./data/com/*/a.parquet").await);
}

async fn metered(local: bool) -> (QueryContext, Location) {
    let store = InMemory::new();
    store.put(&Path::from("x/a"), vec![7_u8; 100].into()).await.unwrap();
    store.put(&Path::from("x/b"), vec![7_u8; 50].into()).await.unwrap();
    let store_id = if local { StoreId::local() } else { StoreId::of("test") };
    let url = Url::parse("s3://test/x").unwrap();
    (query(), Location { store_id, store: Arc::new(store), path: Path::from("x"), pattern: None, url })
}

#[tokio::test]
async fn requests_and_bytes_are_counted() {
    let (ctx, location) = metered(false).await;
    let store = location.metered(&ctx);
    let a = Path::from("x/a");
    let counted = || (ctx.usage.requests(), ctx.usage.bytes());
    store.get(&a).await.unwrap().bytes().await.unwrap();
    assert_eq!(counted(), (1, 100));
    store.head(&a).await.unwrap();
    assert_eq!(counted(), (2, 100), "a head has no body");
    store.get_range(&a, 0..10).await.unwrap();
    assert_eq!(counted(), (3, 110));
    store.get_ranges(&a, &[0..10, 20..30]).await.unwrap();
    assert_eq!(counted(), (4, 140), "near ranges are one request");
    let listed: Vec<_> = store.list(Some(&Path::from("x"))).collect().await;
    assert_eq!((listed.len(), counted()), (2, (5, 140)));
    store
        .get_opts(&a, object_store::GetOptions { range: Some(GetRange::Suffix(5)), ..Default::default() })
        .await
        .unwrap();
    assert_eq!(ctx.usage.requests(), 6);
}

#[tokio::test]
async fn after_the_cancellation_nothing_is_asked() {
    let (ctx, location) = metered(false).await;
    let store = location.metered(&ctx);
    let mut listing = store.list(None);
    assert!(listing.next().await.unwrap().is_ok());
    let body = store.get(&Path::from("x/a")).await.unwrap();
    let before = ctx.usage.requests();
    ctx.cancel.cancel();
    let errors = [
        store.get(&Path::from("x/a")).await.unwrap_err(),
        store.list_with_delimiter(None).await.unwrap_err(),
        store.list(None).next().await.unwrap().unwrap_err(),
        listing.next().await.unwrap().unwrap_err(),
        body.bytes().await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(meter::cancelled(&error).unwrap().kind(), Kind::Cancelled, "{error}");
    }
    assert!(listing.next().await.is_none(), "the stream has ended");
    assert_eq!(ctx.usage.requests(), before);
}

#[tokio::test]
async fn a_pending_request_returns_when_the_query_is_cancelled() {
    let (ctx, mut location) = metered(false).await;
    let an_hour =
        ThrottleConfig { wait_get_per_call: std::time::Duration::from_secs(3600), ..ThrottleConfig::default() };
    location.store = Arc::new(ThrottledStore::new(InMemory::new(), an_hour));
    let store = location.metered(&ctx);
    let path = Path::from("x/a");
    let (got, ()) = tokio::join!(store.get(&path), async { ctx.cancel.cancel() });
    assert_eq!(meter::cancelled(&got.unwrap_err()).unwrap().kind(), Kind::Cancelled);
    let error = location.read_small(&ctx, 10).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled);
}

#[test]
fn a_place_that_is_kept_leads_where_it_would_be_found() {
    use std::os::unix::fs::symlink;

    let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mesh = inside.path().canonicalize().unwrap();
    for folder in ["data/orders", "data/other", "moved/orders"] {
        std::fs::create_dir_all(mesh.join(folder)).unwrap();
    }
    let context = context(&mesh, &[]);
    let (prefixes, url) = ([PrefixConfig::new("file://./data/")], "file://./data/orders/*.parquet");
    let kept = storage(&context, &prefixes).unwrap();
    let tells_links = local::is_real(&mesh);
    let compare = |is_kept: bool| {
        let words = |found: Result<Location>| match found {
            Ok(place) => Ok((place.path, place.pattern, place.url)),
            Err(error) => Err(error.to_string()),
        };
        let fresh = words(storage(&context, &prefixes).unwrap().locate(url));
        let (once, twice) = (kept.locate(url), kept.locate(url));
        if let (Ok(once), Ok(twice)) = (&once, &twice) {
            assert_eq!(Arc::ptr_eq(&once.store, &twice.store), is_kept && tells_links);
        }
        assert_eq!(words(once), fresh);
        assert_eq!(words(twice), fresh);
        fresh
    };
    let plain = compare(true).unwrap();

    let (orders, data) = (mesh.join("data/orders"), mesh.join("data"));
    std::fs::rename(&orders, mesh.join("data/away")).unwrap();
    assert_eq!(compare(false).unwrap(), plain, "a folder that does not exist may come");
    symlink(outside.path(), &orders).unwrap();
    compare(false).unwrap_err();
    std::fs::remove_file(&orders).unwrap();
    symlink(mesh.join("data/other"), &orders).unwrap();
    assert_eq!(compare(false).unwrap().0, Path::from_absolute_path(mesh.join("data/other")).unwrap());
    std::fs::remove_file(&orders).unwrap();
    std::fs::rename(mesh.join("data/away"), &orders).unwrap();
    assert_eq!(compare(true).unwrap(), plain);

    std::fs::rename(&data, mesh.join("before")).unwrap();
    symlink(mesh.join("moved"), &data).unwrap();
    let moved = Path::from_absolute_path(mesh.join("moved/orders")).unwrap();
    assert_eq!(compare(false).unwrap().0, moved, "the prefix itself leads elsewhere, and its place with it");

    let two = [PrefixConfig::new("file://./before/"), PrefixConfig::new("file://./moved/")];
    let two = storage(&context, &two).unwrap();
    let (once, twice) = (two.locate("file://./moved/orders/").unwrap(), two.locate("file://./moved/orders/").unwrap());
    assert!(!Arc::ptr_eq(&once.store, &twice.store), "another prefix may come to lead elsewhere");
}

#[test]
fn a_prefix_that_is_no_longer_allowed_is_refused_though_its_places_were_found() {
    let (above, links) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let above = above.path().canonicalize().unwrap();
    std::fs::create_dir_all(above.join("mesh/data/orders")).unwrap();
    let allowed = links.path().join("allowed");
    std::os::unix::fs::symlink(&above, &allowed).unwrap();
    let context = context(&above.join("mesh"), &[&allowed]);
    let storage = storage(&context, &[PrefixConfig::new(format!("file://{}/", above.display()))]).unwrap();
    storage.locate("file://./data/orders/").unwrap();
    std::fs::remove_file(&allowed).unwrap();
    let refused = storage.locate("file://./data/orders/").unwrap_err();
    assert_eq!(refused.kind(), Kind::InvalidConfiguration, "{refused}");
}
