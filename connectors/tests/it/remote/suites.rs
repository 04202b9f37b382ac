//! The suite that every connector passes, on every kind of server.

use std::sync::Arc;

use crate::conformance::check;
use crate::delta::conformance::check_both;
use crate::remote::{Remote, azure, gcs, web};
use crate::support::{FileFixture, Place};

/// The first place only: the suite asks for much, and what differs between two places of a kind is tested beside.
async fn parquet(remote: Remote) {
    let [place, _] = &remote.places;
    check(FileFixture::new(Place::Remote(Arc::clone(&place.write), place.read())), &[]).await;
}

async fn delta(remote: Remote) {
    let [place, _] = &remote.places;
    check_both(Arc::clone(&place.write), place.read()).await;
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
