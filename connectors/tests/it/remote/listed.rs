//! Products that list their files: on web servers that cannot, and everywhere else too.

use meshweave_engine::Kind;
use meshweave_engine::connect::Port;
use meshweave_engine::storage::config::{CredentialsConfig, PrefixConfig};
use meshweave_test_peers::WebServer;
use object_store::local::LocalFileSystem;

use crate::remote::{gcs, locate};
use crate::support::{all_rows, connector, failure, numbers, port, put};

/// A port at a place below the server's root.
fn at(server: &WebServer, below: &str, token: Option<&str>) -> Port {
    let credentials =
        token.map(|_| CredentialsConfig { bearer_env: Some("T".to_owned()), ..CredentialsConfig::default() });
    let config = PrefixConfig { credentials, ..PrefixConfig::new(format!("{}/", server.url())) };
    let location = locate(config, &[("T", token.unwrap_or("-"))], below);
    let schema = Some(numbers([]).schema());
    Port { location: location.clone(), ..port(location.store, &location.store_id.0, "x", schema) }
}

async fn filled(server: &WebServer) {
    let files = LocalFileSystem::new_with_prefix(server.folder()).unwrap();
    put(&files, "open data/a.parquet", &numbers(0..3)).await;
    put(&files, "open data/b.parquet", &numbers(3..5)).await;
    put(&files, "open data/c.parquet", &numbers(5..9)).await;
}

#[tokio::test]
async fn named_files_are_read_and_no_others() {
    let server = WebServer::start(None, false).await.unwrap();
    filled(&server).await;
    let rows = all_rows(&connector(), &at(&server, "open%20data/{a,c}.parquet", None)).await;
    assert_eq!(rows.len(), 7);
    let one = all_rows(&connector(), &at(&server, "open%20data/b.parquet", None)).await;
    assert_eq!(one, ["\"3\"", "\"4\""]);
}

#[tokio::test]
async fn a_named_file_that_is_missing_is_an_error() {
    let server = WebServer::start(None, false).await.unwrap();
    filled(&server).await;
    let error = failure(&connector(), &at(&server, "open%20data/{a,z}.parquet", None)).await;
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.to_string().contains("shop.orders") && error.to_string().contains("z.parquet"), "{error}");
}

#[tokio::test]
async fn a_server_that_cannot_list_says_what_to_do() {
    let server = WebServer::start(None, false).await.unwrap();
    filled(&server).await;
    for below in ["open%20data/", "open%20data/*.parquet"] {
        let error = failure(&connector(), &at(&server, below, None)).await;
        assert_eq!(error.kind(), Kind::Unsupported, "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("WebDAV") && hint.contains("{a,b}.parquet")), "{error}");
    }
}

#[tokio::test]
async fn nobody_reads_without_the_token() {
    let server = WebServer::start(Some("right"), false).await.unwrap();
    filled(&server).await;
    assert_eq!(all_rows(&connector(), &at(&server, "open%20data/{a,b}.parquet", Some("right"))).await.len(), 5);
    for token in [None, Some("wrong-secret")] {
        let error = failure(&connector(), &at(&server, "open%20data/{a,b}.parquet", token)).await;
        assert_eq!(error.kind(), Kind::Unavailable);
        assert!(error.to_string().contains("the storage of domain shop refuses the credentials"), "{error}");
        assert!(!error.report().contains("wrong-secret"), "{}", error.report());
    }
}

#[tokio::test]
async fn files_that_cannot_be_told_from_later_ones_are_not_read() {
    let server = WebServer::without_versions().await.unwrap();
    filled(&server).await;
    for below in ["open%20data/{a,b}.parquet", "open%20data/a.parquet"] {
        let error = failure(&connector(), &at(&server, below, None)).await;
        assert_eq!(error.kind(), Kind::Unsupported, "{error}");
        assert!(error.to_string().contains("neither ETag nor Last-Modified"), "{error}");
    }
}

#[tokio::test]
async fn a_list_works_in_a_bucket_too() {
    let remote = gcs().await;
    let place = &remote.places[0];
    for (name, rows) in [("t/k=1/a.parquet", 0..2), ("t/k=2/b.parquet", 2..5), ("t/k=3/c.parquet", 5..6)] {
        put(place.write.as_ref(), name, &numbers(rows)).await;
    }
    let schema = Some(numbers([]).schema());
    let mut port = port(place.read(), place.id(), "t", schema);
    port.location.pattern = Some("k={1/a,2/b}.parquet".to_owned());
    assert_eq!(all_rows(&connector(), &port).await.len(), 5);
    port.location.pattern = Some("k={1,3}/*.parquet".to_owned());
    assert_eq!(all_rows(&connector(), &port).await.len(), 3, "a list with wildcards is a pattern");
}
