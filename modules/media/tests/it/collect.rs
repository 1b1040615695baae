//! What is kept and what goes, by a clock that the tests move.

use std::time::Duration;

use bytes::Bytes;
use stoa_blobs::BlobGroup;
use stoa_contracts::media::MediaId;
use stoa_storage::{Cause, Error, Tx};

use crate::support::{Shop, Store, everywhere, jpeg, text, version};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

async fn hold(shop: &Shop<'_>, holder: &'static str, urls: Vec<String>) {
    let (contract, now) = (shop.module.contract.clone(), shop.now());
    let held = shop.db.write(async move |tx: &mut Tx<'_>| {
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        contract.hold(tx, holder, &urls, &Cause::system(now)).await
    });
    let held: Result<(), Error> = held.await;
    held.expect(shop.cells.kind);
}

async fn blobs_left(shop: &Shop<'_>, store: &Store) -> usize {
    let space = shop.tenant.to_string();
    store
        .blobs
        .list(&space, None, 100)
        .await
        .expect("a list")
        .len()
}

#[tokio::test]
async fn what_nobody_shows_for_long_goes_and_what_somebody_shows_stays() {
    for cells in everywhere().await {
        let store = Store::new(&cells);
        let shop = Shop::open(&cells, "acme", &store.blobs).await;
        let mut urls = Vec::new();
        for seed in 1..=3 {
            let made = shop.uploaded("a.jpg", &jpeg(200, 100, seed)).await;
            urls.push(text(&made, "url").to_owned());
        }
        shop.get(&version(&urls[0], "160.webp")).await;
        shop.get(&version(&urls[1], "160.webp")).await;
        let elsewhere = "https://example.com/a.jpg".to_owned();
        hold(&shop, "prod_1", vec![urls[0].clone(), elsewhere]).await;
        hold(&shop, "prod_2", vec![urls[0].clone(), urls[1].clone()]).await;

        cells.clock.advance(DAY * 29);
        hold(&shop, "prod_2", Vec::new()).await;
        shop.recurring("media.collect").await;
        assert_eq!(
            blobs_left(&shop, &store).await,
            5,
            "{}: too early",
            cells.kind
        );

        cells.clock.advance(DAY * 2);
        shop.recurring("media.collect").await;
        assert_eq!(
            shop.get(&urls[2]).await.status,
            404,
            "{}: never shown",
            cells.kind
        );
        assert_eq!(
            shop.get(&urls[1]).await.status,
            200,
            "{}: shown lately",
            cells.kind
        );
        assert_eq!(blobs_left(&shop, &store).await, 4, "{}", cells.kind);

        cells.clock.advance(DAY * 30);
        shop.recurring("media.collect").await;
        assert_eq!(
            shop.get(&urls[1]).await.status,
            404,
            "{}: let go",
            cells.kind
        );
        assert_eq!(
            shop.get(&urls[0]).await.status,
            200,
            "{}: still shown",
            cells.kind
        );
        assert_eq!(blobs_left(&shop, &store).await, 2, "{}", cells.kind);
    }
}

#[tokio::test]
async fn content_that_was_condemned_and_comes_again_stays_whatever_is_being_removed() {
    for cells in everywhere().await {
        let store = Store::new(&cells);
        let shop = Shop::open(&cells, "acme", &store.blobs).await;
        let photo = jpeg(64, 64, 1);
        let old = shop.uploaded("a.jpg", &photo).await;
        let path = format!("{}/{}", crate::support::ALL, text(&old, "id"));
        let gone = shop
            .call(http::Method::DELETE, &path, &[], Vec::new())
            .await;
        assert_eq!(gone.status, 204, "{}", cells.kind);
        // The same bytes, after their removal was decided and before it happens.
        let new = shop.uploaded("a.jpg", &photo).await;
        assert_ne!(new["id"], old["id"], "{}", cells.kind);
        shop.recurring("media.collect").await;
        let seen = shop.get(text(&new, "url")).await;
        assert_eq!((seen.status, seen.body), (200, photo), "{}", cells.kind);
        assert_eq!(blobs_left(&shop, &store).await, 1, "{}", cells.kind);
    }
}

#[tokio::test]
async fn content_sent_again_is_not_collected_for_its_first_upload() {
    for cells in everywhere().await {
        let store = Store::new(&cells);
        let shop = Shop::open(&cells, "acme", &store.blobs).await;
        let photo = jpeg(64, 64, 1);
        let made = shop.uploaded("a.jpg", &photo).await;
        cells.clock.advance(DAY * 29);
        assert_eq!(
            shop.upload("a.jpg", &photo).await.status,
            200,
            "{}",
            cells.kind
        );
        cells.clock.advance(DAY * 29);
        shop.recurring("media.collect").await;
        assert_eq!(
            shop.get(text(&made, "url")).await.status,
            200,
            "{}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn a_blob_without_a_row_goes_after_its_grace_and_owned_ones_stay() {
    for cells in everywhere().await {
        let store = Store::new(&cells);
        let shop = Shop::open(&cells, "acme", &store.blobs).await;
        let made = shop.uploaded("a.jpg", &jpeg(64, 64, 1)).await;
        let stray = BlobGroup::new(
            shop.tenant.to_string(),
            [9; 32],
            MediaId::from_u128(7).to_string(),
        );
        let stray = stray
            .and_then(|group| group.part("original"))
            .expect("a key");
        let put = store.blobs.put(&stray, Bytes::from_static(b"stray")).await;
        put.expect("a blob");
        cells.clock.advance(HOUR * 23);
        shop.recurring("media.sweep").await;
        assert_eq!(
            blobs_left(&shop, &store).await,
            2,
            "{}: may be an upload",
            cells.kind
        );
        cells.clock.advance(HOUR * 2);
        shop.recurring("media.sweep").await;
        assert_eq!(store.blobs.head(&stray).await, Ok(None), "{}", cells.kind);
        assert_eq!(
            shop.get(text(&made, "url")).await.status,
            200,
            "{}",
            cells.kind
        );
    }
}
