//! One statement over domains in stores of every kind, each with credentials named in another way.

use std::sync::Arc;

use meshweave_test_peers::{AzureServer, GcsServer, MetadataServer, S3Server, SERVICE_ACCOUNT, WebServer};
use object_store::local::LocalFileSystem;
use serde_json::json;

use super::small::{Small, put_delta, put_parquet, sum, sum_of};

/// The servers; they end with the test.
struct Servers {
    s3: S3Server,
    gcs: GcsServer,
    azure: AzureServer,
    web: WebServer,
    metadata: MetadataServer,
}

async fn start() -> Servers {
    let s3 = S3Server::start().await.unwrap();
    s3.create_bucket("data").unwrap();
    let machine = s3.add_account("machine-key").unwrap();
    s3.allow("data", &[(&machine, "")]).await.unwrap();
    let metadata = MetadataServer::start(&machine).await.unwrap();
    let gcs = GcsServer::start().await.unwrap();
    gcs.create_bucket("data").await.unwrap();
    let azure = AzureServer::start().await.unwrap();
    for account in azure.accounts() {
        azure.create_container(account, "data").await.unwrap();
    }
    Servers { s3, gcs, azure, web: WebServer::start(Some("the-token"), false).await.unwrap(), metadata }
}

/// A mesh with a product in each; product `n` begins at `n` million.
async fn filled(servers: &Servers) -> Small {
    let mut mesh = Small::new();
    let Servers { s3, gcs, azure, web, metadata } = servers;
    let root = s3.root();
    let bucket: Arc<_> = Arc::new(root.store(&s3.url(), "data").unwrap());
    put_parquet(bucket.as_ref(), "profile", 0).await;
    put_delta(bucket.as_ref(), "machine", 1_000_000).await;
    let google = gcs.store("data").unwrap();
    put_parquet(&google, "account", 2_000_000).await;
    put_delta(&google, "machine", 3_000_000).await;
    let [one, two] = azure.accounts();
    put_delta(&azure.store(one, "data").unwrap(), "key", 4_000_000).await;
    put_parquet(&azure.store(two, "data").unwrap(), "sas", 5_000_000).await;
    let files = LocalFileSystem::new_with_prefix(web.folder()).unwrap();
    put_parquet(&files, "open data/2026/a", 6_000_000).await;
    put_parquet(&files, "open data/2026/b", 7_000_000).await;
    put_parquet(&files, "open data/2026/c", 8_000_000).await;

    let sas = two.shared_access("2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z").unwrap();
    mesh.variables = [("AZURE_KEY", one.key.as_str()), ("WEB_TOKEN", "the-token")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
    mesh.write("keys/account.json", SERVICE_ACCOUNT);
    mesh.write("keys/sas", &format!("sas: '{sas}'\n"));
    let profile = format!("[lake]\naws_access_key_id = {}\naws_secret_access_key = {}\n", root.key, root.secret);
    mesh.write("home/.aws/credentials", &profile);
    let home = mesh.folder().join("home").display().to_string();
    mesh.variables.push(("HOME".to_owned(), home));

    let (s3, gcs, machine) = (s3.url(), gcs.url(), metadata.url());
    let instance = format!("{{ instance: true, instance_endpoint: '{machine}' }}");
    let say =
        |domain: &str, prefix: &str, rest: &str| mesh.domain(domain, &format!("{{ prefix: '{prefix}', {rest} }}"));
    say("by_profile", "s3://data/profile/", &format!("endpoint: '{s3}', credentials: {{ profile: lake }}"));
    say("by_machine", "s3://data/machine/", &format!("endpoint: '{s3}', credentials: {instance}"));
    say("by_account", "gs://data/account/", &format!("endpoint: '{gcs}', credentials: {{ file: keys/account.json }}"));
    say("by_google", "gs://data/machine/", &format!("endpoint: '{gcs}', credentials: {instance}"));
    let by_key =
        format!("account: {}, endpoint: '{}', credentials: {{ account_key_env: AZURE_KEY }}", one.name, azure.url(one));
    say("by_key", "az://data/key/", &by_key);
    let abfss = format!("abfss://data@{}.dfs.core.windows.net/sas/", two.name);
    say("by_sas", &abfss, &format!("endpoint: '{}', credentials: {{ file: keys/sas }}", azure.url(two)));
    let open = format!("{}/open%20data/", web.url());
    say("by_token", &open, "credentials: { bearer_env: WEB_TOKEN }");

    mesh.register("by_profile", "numbers", "s3://data/profile/", "parquet");
    mesh.register("by_machine", "numbers", "s3://data/machine/", "delta");
    mesh.register("by_account", "numbers", "gs://data/account/", "parquet");
    mesh.register("by_google", "numbers", "gs://data/machine/", "delta");
    mesh.register("by_key", "numbers", "az://data/key/", "delta");
    mesh.register("by_sas", "numbers", &abfss, "parquet");
    mesh.register("by_token", "numbers", &format!("{open}2026/{{a,b}}/part-0.parquet"), "parquet");
    mesh
}

const DOMAINS: [&str; 6] = ["by_profile", "by_machine", "by_account", "by_google", "by_key", "by_sas"];

#[test]
fn every_kind_of_store_answers_with_credentials_named_in_every_way() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let servers = runtime.block_on(start());
    let mesh = runtime.block_on(filled(&servers));
    for (domain, first) in DOMAINS.into_iter().zip((0..).step_by(1_000_000)) {
        assert_eq!(mesh.rows(&sum_of(&format!("{domain}.numbers"))), sum(first), "{domain}");
    }
    // Two of the three files on the web server are the product.
    let listed = mesh.rows("SELECT count(*) AS \"rows\", min(id) AS first, max(id) AS last FROM by_token.numbers");
    let last = 7_000_000 + super::small::ROWS - 1;
    assert_eq!(listed, json!([{"rows": 2 * super::small::ROWS, "first": 6_000_000, "last": last}]));
    let joined = DOMAINS.map(|domain| format!("SELECT id FROM {domain}.numbers")).join(" UNION ALL ");
    let all = mesh.rows(&format!("SELECT count(DISTINCT id) AS ids FROM ({joined})"));
    assert_eq!(all, json!([{"ids": 6 * super::small::ROWS}]));
    let asked = servers.metadata.seen();
    for path in ["PUT /latest/api/token", "GET /computeMetadata/v1/instance/service-accounts/default/token"] {
        assert!(asked.iter().any(|seen| seen == path), "{path}: {asked:?}");
    }
}

#[test]
fn a_containers_credentials_come_before_the_machines() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let servers = runtime.block_on(start());
    let mut mesh = runtime.block_on(filled(&servers));
    mesh.write("token", "session-token-of-the-test");
    let before = servers.metadata.seen().len();
    mesh.variables.extend([
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI".to_owned(), format!("{}/container", servers.metadata.url())),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE".to_owned(), mesh.folder().join("token").display().to_string()),
    ]);
    assert_eq!(mesh.rows(&sum_of("by_machine.numbers")), sum(1_000_000));
    let asked = servers.metadata.seen().split_off(before);
    assert!(!asked.is_empty() && asked.iter().all(|seen| seen == "GET /container"), "{asked:?}");
}
