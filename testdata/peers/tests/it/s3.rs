//! What the rest of the tests rely on in the S3 server.

use std::sync::Arc;

use futures::TryStreamExt as _;
use meshweave_test_peers::S3Server;
use object_store::path::Path;
use object_store::{Error, GetOptions, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions};

#[tokio::test]
async fn objects_have_etags_and_a_replaced_object_fails_its_precondition() {
    let server = S3Server::start().await.unwrap();
    server.create_bucket("mesh").unwrap();
    let store = server.root().store(&server.url(), "mesh").unwrap();
    let path = Path::from("a/b.bin");
    store.put(&path, "first".into()).await.unwrap();
    let pinned = store.head(&path).await.unwrap().e_tag.unwrap();
    let with_pin = || GetOptions { if_match: Some(pinned.clone()), ..GetOptions::default() };
    let same = store.get_opts(&path, with_pin()).await.unwrap().bytes().await.unwrap();
    assert_eq!(same, "first");
    store.put(&path, "other".into()).await.unwrap();
    let replaced = store.get_opts(&path, with_pin()).await.unwrap_err();
    assert!(matches!(replaced, Error::Precondition { .. }), "{replaced:?}");
}

#[tokio::test]
async fn a_name_is_taken_once_and_listed() {
    let server = S3Server::start().await.unwrap();
    server.create_bucket("mesh").unwrap();
    let store: Arc<dyn ObjectStore> = Arc::new(server.root().store(&server.url(), "mesh").unwrap());
    let once = || PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    let path = Path::from("log/0.json");
    store.put_opts(&path, "a".into(), once()).await.unwrap();
    let again = store.put_opts(&path, "b".into(), once()).await.unwrap_err();
    assert!(matches!(again, Error::AlreadyExists { .. }), "{again:?}");
    let listed: Vec<_> = store.list(Some(&Path::from("log"))).try_collect().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert!(listed[0].e_tag.is_some());
    assert_eq!(store.get_range(&path, 0..1).await.unwrap(), "a");
}

#[tokio::test]
async fn two_accounts_share_a_bucket_and_not_their_prefixes() {
    let server = S3Server::start().await.unwrap();
    server.create_bucket("shared").unwrap();
    let (alice, bob) = (server.add_account("alice").unwrap(), server.add_account("bob").unwrap());
    server.allow("shared", &[(&alice, "commerce"), (&bob, "identity")]).await.unwrap();
    let path = Path::from("commerce/x");
    let of_alice = alice.store(&server.url(), "shared").unwrap();
    of_alice.put(&path, "mine".into()).await.unwrap();
    assert_eq!(of_alice.get(&path).await.unwrap().bytes().await.unwrap(), "mine");
    let of_bob = bob.store(&server.url(), "shared").unwrap();
    let refused = of_bob.get(&path).await.unwrap_err();
    assert!(matches!(refused, Error::PermissionDenied { .. }), "{refused:?}");
    let refused = of_bob.put(&Path::from("commerce/y"), "theirs".into()).await.unwrap_err();
    assert!(matches!(refused, Error::PermissionDenied { .. }), "{refused:?}");
    of_bob.put(&Path::from("identity/x"), "theirs".into()).await.unwrap();
}

#[tokio::test]
async fn a_wrong_secret_is_refused() {
    let server = S3Server::start().await.unwrap();
    server.create_bucket("mesh").unwrap();
    let thief = meshweave_test_peers::Account { secret: "guessed".to_owned(), ..server.root().clone() };
    let refused = thief.store(&server.url(), "mesh").unwrap().put(&Path::from("x"), "y".into()).await.unwrap_err();
    assert!(matches!(refused, Error::PermissionDenied { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_dropped_server_is_gone_with_its_objects() {
    let server = S3Server::start().await.unwrap();
    let (pid, folder, url) = (server.pid(), server.folder(), server.url());
    assert!(std::path::Path::new(&format!("/proc/{pid}")).exists());
    drop(server);
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    assert!(!folder.exists());
    let address = url.trim_start_matches("http://").to_owned();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
