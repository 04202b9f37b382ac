//! The suite that every connector passes, on every kind of server.

use crate::conformance::check;
use crate::delta::conformance::check_both;
use crate::remote::{Remote, azure, gcs, web};
use crate::support::{ParquetFixture, Place};

async fn parquet(remote: Remote) {
    for place in &remote.places {
        check(ParquetFixture::new(Place::Remote(place.write.clone(), place.read())), &[]).await;
    }
}

async fn delta(remote: Remote) {
    for place in &remote.places {
        check_both(place.write.clone(), place.read()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_on_gcs_passes() {
    parquet(gcs().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_on_azure_passes() {
    parquet(azure().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_on_a_web_server_passes() {
    parquet(web().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn delta_on_gcs_passes() {
    delta(gcs().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn delta_on_azure_passes() {
    delta(azure().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn delta_on_a_web_server_passes() {
    delta(web().await).await;
}
