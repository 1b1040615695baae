//! Imports over HTTP: the file in, progress and issues out, and what is refused.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use serde_json::json;
use stoa_testkit::TestCells;

use crate::reading::data;
use crate::shop::{Shop, everywhere};

const IMPORTS: &str = "/api/v1/admin/imports";

async fn shops() -> Vec<(Arc<TestCells>, Shop)> {
    let mut shops = Vec::new();
    for cells in everywhere().await {
        let cells = Arc::new(cells);
        let shop = Shop::open(&cells, "one").await;
        shops.push((cells, shop));
    }
    shops
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_imported_in_the_background_and_tells_how_it_went() {
    for (cells, shop) in shops().await {
        let kind = cells.kind;
        let file = std::fs::read(data("classic.csv")).unwrap();
        let bytes = file.len();
        let answer = shop.upload("?kind=products&set_stock=false", file).await;
        assert_eq!(answer.status, 202, "{kind}: {}", answer.json);
        let id = answer.json["id"].as_str().unwrap();
        let path = format!("{IMPORTS}/{id}");
        assert_eq!(answer.location.as_deref(), Some(path.as_str()), "{kind}");
        assert_eq!(answer.json["state"], "queued", "{kind}");
        assert_eq!(answer.json["format"], "shopify_classic", "{kind}");
        assert_eq!(answer.json["bytes"], bytes, "{kind}");
        shop.work().await;

        let mut issues = Vec::new();
        let mut next = format!("{path}?limit=4");
        loop {
            let answer = shop.get(&next).await;
            assert_eq!(
                (answer.status, &answer.json["state"]),
                (200, &json!("done"))
            );
            let counted = json!({ "created": 4, "updated": 0, "unchanged": 0, "rejected": 6 });
            assert_eq!(answer.json["products"], counted, "{kind}");
            issues.extend(answer.json["issues"]["data"].as_array().unwrap().clone());
            match answer.json["issues"]["pagination"]["cursor"].as_str() {
                Some(cursor) => next = format!("{path}?limit=4&cursor={cursor}"),
                None => break,
            }
        }
        assert_eq!(issues.len(), 9, "{kind}");
        let price = json!({
            "line": 12, "column": "Variant Price", "value_excerpt": "12,50",
            "reason": "`12,50` is not a decimal amount such as 19.99", "severity": "error"
        });
        assert_eq!(issues[2], price, "{kind}");

        let list = shop.get(IMPORTS).await;
        assert_eq!(list.json["data"][0]["id"], id, "{kind}");
        assert_eq!(list.json["data"].as_array().unwrap().len(), 1, "{kind}");
        // The file itself is gone, the issues are not: the job runs again and finds it done.
        let other = Shop::open(&cells, "other").await;
        assert_eq!(
            other.get(&path).await.refusal(),
            (404, "not_found"),
            "{kind}"
        );
        assert_eq!(other.get(IMPORTS).await.json["data"], json!([]), "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_another_kind_is_refused_before_anything_is_kept() {
    for (cells, shop) in shops().await {
        let kind = cells.kind;
        let answer = shop.upload("", "Handle,Body\nx,y\n").await;
        assert_eq!(answer.refusal(), (422, "not_a_product_file"), "{kind}");
        let missing = json!([
            { "field": "Title", "reason": "the file has no such column" },
            { "field": "Variant Price", "reason": "the file has no such column" },
        ]);
        assert_eq!(answer.json["errors"], missing, "{kind}");
        // Far longer than a chunk: refused at its header all the same.
        let long = format!("name,age\n{}", "a,1\n".repeat(200_000));
        let answer = shop.upload("", long).await;
        assert_eq!(answer.refusal(), (422, "not_a_product_file"), "{kind}");
        let answer = shop.upload("", "").await;
        assert_eq!(answer.refusal(), (422, "not_a_product_file"), "{kind}");
        assert_eq!(answer.json["detail"], "the file is empty", "{kind}");

        let answer = shop.upload("?kind=customers", "Handle\n").await;
        assert_eq!(answer.refusal(), (422, "invalid_request"), "{kind}");
        for content_type in ["text/plain", "multipart/form-data; boundary=x"] {
            let headers = [("content-type", content_type)];
            let answer = shop.send("POST", IMPORTS, &headers, Body::from("Handle\n"));
            let answer = answer.await;
            assert_eq!(answer.refusal(), (415, "unsupported_media_type"), "{kind}");
        }
        let headers = [("authorization", "Bearer sk_none")];
        let answer = shop.send("POST", IMPORTS, &headers, Body::from("Handle\n"));
        assert_eq!(answer.await.refusal(), (403, "forbidden"), "{kind}");
        assert_eq!(shop.get(IMPORTS).await.json["data"], json!([]), "{kind}");
        let refused = shop.get(&format!("{IMPORTS}?cursor=AAAA")).await;
        assert_eq!(refused.refusal(), (400, "invalid_cursor"), "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_products_is_done_at_once() {
    for (cells, shop) in shops().await {
        let answer = shop.upload("", "Handle,Title,Variant Price").await;
        assert_eq!(answer.status, 202, "{}: {}", cells.kind, answer.json);
        shop.work().await;
        let list = shop.get(IMPORTS).await;
        let import = &list.json["data"][0];
        assert_eq!(import["state"], "done", "{}", cells.kind);
        assert_eq!(
            (&import["rows_total"], &import["rows_read"]),
            (&json!(0), &json!(0))
        );
    }
}

/// A body that sends `pieces`, tells when all were taken in, and then never ends.
fn stalled(pieces: Vec<Bytes>, taken: tokio::sync::oneshot::Sender<()>) -> Body {
    let sent = stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>));
    let told = stream::once(async move {
        taken.send(()).unwrap();
        std::future::pending().await
    });
    Body::from_stream(sent.chain(told))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_whose_sender_goes_away_is_swept_after_an_hour() {
    for (cells, shop) in shops().await {
        let kind = cells.kind;
        let mut file = "Handle,Title,Variant Price\n".to_owned();
        file.push_str(&"tea,Tea,1\n".repeat(60_000));
        let (taken, all_taken) = tokio::sync::oneshot::channel();
        let body = stalled(vec![Bytes::from(file)], taken);
        let sender = shop.clone();
        let upload = tokio::spawn(async move { sender.upload("", body).await.status });
        all_taken.await.unwrap();
        upload.abort();
        upload.await.expect_err("the sender is gone");

        cells.clock.advance(Duration::from_secs(3_500));
        shop.sweep().await;
        let list = shop.get(IMPORTS).await;
        assert_eq!(list.json["data"][0]["state"], "receiving", "{kind}");
        assert_eq!(list.json["data"][0]["bytes"], 2 * 256 * 1024, "{kind}");
        cells.clock.advance(Duration::from_secs(200));
        shop.sweep().await;
        assert_eq!(shop.get(IMPORTS).await.json["data"], json!([]), "{kind}");
        assert_eq!(shop.claim().await.map(|job| job.kind), None, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_leaves_nothing() {
    for (cells, shop) in shops().await {
        let kind = cells.kind;
        let mut file = "Handle,Title,Variant Price\n".to_owned();
        file.push_str(&"tea,Tea,1\n".repeat(60_000));
        let broken = std::io::Error::other("cut");
        let body = Body::from_stream(stream::iter([Ok(Bytes::from(file)), Err(broken)]));
        let answer = shop.upload("", body).await;
        assert_eq!(answer.refusal(), (400, "malformed_body"), "{kind}");
        assert_eq!(shop.get(IMPORTS).await.json["data"], json!([]), "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_wakes_what_stands_still_and_forgets_what_is_old() {
    for (cells, shop) in shops().await {
        let kind = cells.kind;
        let answer = shop
            .upload("", "Handle,Title,Variant Price\ntea,Tea,1\n")
            .await;
        assert_eq!(answer.status, 202, "{kind}");
        // Its job was set aside, as after a version that did not know it.
        let job = shop.claim().await.unwrap();
        let now = cells.deps.now();
        let queue = shop.queue().await;
        queue
            .bury(&job, "nobody does it".to_owned(), now)
            .await
            .unwrap();
        cells.clock.advance(Duration::from_secs(3_700));
        shop.sweep().await;
        shop.sweep().await;
        shop.work().await;
        let list = shop.get(IMPORTS).await;
        assert_eq!(list.json["data"][0]["state"], "done", "{kind}");
        let day = Duration::from_secs(24 * 3600);
        cells.clock.advance(day * 89);
        shop.sweep().await;
        let list = shop.get(IMPORTS).await;
        assert_eq!(list.json["data"].as_array().unwrap().len(), 1, "{kind}");
        cells.clock.advance(day * 2);
        shop.sweep().await;
        assert_eq!(shop.get(IMPORTS).await.json["data"], json!([]), "{kind}");
        assert!(shop.product("tea").await.is_some(), "{kind}");
    }
}
