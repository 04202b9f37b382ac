//! On every kind of server: an object that is replaced is an error, and equal paths of two stores never mix.

use std::sync::Arc;

use crate::parquet::collision::{PATH, contents, each_has_its_own_rows};
use crate::parquet::replaced::{Table, changed_before_reading, changed_between_row_groups};
use crate::remote::{Remote, azure, gcs, web};
use crate::support::put_bytes;

async fn replaced_is_refused(remote: Remote) {
    let [first, second] = &remote.places;
    let table = Table::remote(Arc::clone(&first.write), first.read(), first.id()).await;
    changed_before_reading(&table, Table::replace).await;
    changed_before_reading(&table, Table::remove).await;
    let table = Table::remote(Arc::clone(&second.write), second.read(), second.id()).await;
    changed_between_row_groups(&table, Table::replace).await;
    changed_between_row_groups(&table, Table::remove).await;
}

async fn two_places_never_mix(remote: Remote) {
    for (place, bytes) in remote.places.iter().zip(contents()) {
        put_bytes(place.write.as_ref(), PATH, bytes).await;
    }
    let [first, second] = &remote.places;
    assert_ne!(first.id(), second.id());
    each_has_its_own_rows([first.read(), second.read()], [first.id(), second.id()]).await;
}

#[tokio::test]
async fn replaced_on_gcs() {
    replaced_is_refused(gcs().await).await;
}

#[tokio::test]
async fn replaced_on_azure() {
    replaced_is_refused(azure().await).await;
}

#[tokio::test]
async fn replaced_on_a_web_server() {
    replaced_is_refused(web().await).await;
}

#[tokio::test]
async fn two_buckets_of_gcs() {
    two_places_never_mix(gcs().await).await;
}

#[tokio::test]
async fn two_accounts_of_azure() {
    two_places_never_mix(azure().await).await;
}

#[tokio::test]
async fn two_web_servers() {
    two_places_never_mix(web().await).await;
}
