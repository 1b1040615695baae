//! Pictures that failed, asked for once more by staff: only those, only in their own shop, and once.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use stoa_bus::JobOutcome;
use tokio::task::JoinSet;

use crate::pictures::{Late, Pictures, server};
use crate::reading::data;
use crate::shop::{Shop, everywhere};

const ALL: &str = "Bearer sk_all";
const IMPORTS: &str = "/api/v1/admin/media/imports";
/// As often as a server in trouble is asked before it is given up.
const ATTEMPTS: usize = 6;

async fn listed(pictures: &Pictures, state: &str) -> Vec<Value> {
    let path = format!("{IMPORTS}?state={state}");
    let answer = pictures.ask("GET", &path, ALL).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json["data"].as_array().expect("a list").clone()
}

fn retry_of(id: &str) -> String {
    format!("{IMPORTS}/{id}/retry")
}

/// What a retry may change of an import.
fn state(import: &Value) -> Value {
    json!([
        import["state"],
        import["attempts"],
        import["error"],
        import["media_id"]
    ])
}

/// The id of the one picture, which the server has failed to give.
async fn failed(pictures: &Pictures, late: &Late, kind: &str) -> String {
    for attempt in 1..=ATTEMPTS {
        let outcomes = pictures.fetch().await;
        let waits = matches!(outcomes[..], [JobOutcome::Wait(_)]);
        let is_done = matches!(outcomes[..], [JobOutcome::Done]);
        let wanted = (attempt < ATTEMPTS, attempt == ATTEMPTS);
        assert_eq!((waits, is_done), wanted, "{kind} {attempt}: {outcomes:?}");
        assert_eq!(late.asked.load(Ordering::SeqCst), attempt, "{kind}");
        pictures
            .shop
            .cells
            .clock
            .advance(Duration::from_secs(3_600));
    }
    let failed = listed(pictures, "failed").await;
    assert_eq!(failed.len(), 1, "{kind}: {failed:?}");
    let told = json!(["failed", ATTEMPTS, "the server answered 500", null]);
    assert_eq!(state(&failed[0]), told, "{kind}");
    failed[0]["id"].as_str().expect("an id").to_owned()
}

/// Another id of the same form.
fn neighbour(id: &str) -> String {
    let last = if id.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &id[..id.len() - 1])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_picture_is_fetched_once_more_and_lands_in_its_product() {
    for cells in everywhere().await {
        let (kind, late) = (cells.kind, Arc::new(Late::default()));
        let mut tasks = JoinSet::new();
        let address = server(&mut tasks, late.clone()).await;
        let url = format!("http://{address}/late.png");
        let pictures = Pictures::open(Shop::open(&Arc::new(cells), "one").await).await;
        let shop = &pictures.shop;
        let file = format!("Handle,Title,Variant Price,Image Src\nhat,Hat,5,{url}\n");
        let report = shop.import(file.as_bytes(), false).await.expect(kind);
        assert_eq!(report.products.created, 1, "{kind}");
        let id = failed(&pictures, &late, kind).await;
        let before = listed(&pictures, "failed").await.remove(0);

        // Two at once are one: the picture is asked for by one job.
        late.is_well.store(true, Ordering::SeqCst);
        let path = retry_of(&id);
        let (one, two) = tokio::join!(
            pictures.ask("POST", &path, ALL),
            pictures.ask("POST", &path, ALL)
        );
        for answer in [&one, &two] {
            assert_eq!(answer.status, 202, "{kind}: {}", answer.text);
            let told = json!(["pending", 0, null, null]);
            assert_eq!(state(&answer.json), told, "{kind}");
            for name in ["id", "product_id", "source_url", "created_at"] {
                assert_eq!(answer.json[name], before[name], "{kind}: {name}");
            }
        }
        assert_eq!(listed(&pictures, "pending").await, [one.json], "{kind}");
        assert_eq!(
            listed(&pictures, "failed").await,
            [] as [Value; 0],
            "{kind}"
        );
        assert_eq!(late.asked.load(Ordering::SeqCst), ATTEMPTS, "{kind}");
        assert_eq!(pictures.fetch().await, [JobOutcome::Done], "{kind}");
        assert_eq!(late.asked.load(Ordering::SeqCst), ATTEMPTS + 1, "{kind}");
        let hat = shop.product("hat").await.expect(kind);
        assert_eq!(hat.media[0].url, url, "{kind}: not yet told");

        pictures.follow().await;
        let hat = shop.product("hat").await.expect(kind);
        let ours = &hat.media[0].url;
        assert!(
            ours.starts_with("/media/") && ours.ends_with("/late.png"),
            "{kind}: {ours}"
        );
        let shown = pictures.ask("GET", ours, ALL).await;
        let blue = std::fs::read(data("blue.png")).expect(kind);
        assert_eq!((shown.status, shown.bytes), (200, blue), "{kind}");
        let done = listed(&pictures, "done").await;
        let told = json!(["done", 1, null, done[0]["media_id"]]);
        assert_eq!(state(&done[0]), told, "{kind}");
        assert!(done[0]["media_id"].is_string(), "{kind}: {done:?}");

        // One that is here stays as it is.
        let here = pictures.ask("POST", &path, ALL).await;
        assert_eq!((here.status, here.json), (202, done[0].clone()), "{kind}");
        assert_eq!(pictures.fetch().await, [], "{kind}");
        assert_eq!(late.asked.load(Ordering::SeqCst), ATTEMPTS + 1, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_of_another_shop_of_nothing_and_without_the_right_changes_nothing() {
    for cells in everywhere().await {
        let (kind, late) = (cells.kind, Arc::new(Late::default()));
        let mut tasks = JoinSet::new();
        let address = server(&mut tasks, late.clone()).await;
        let cells = Arc::new(cells);
        let pictures = Pictures::open(Shop::open(&cells, "one").await).await;
        let stranger = Pictures::open(Shop::open(&cells, "two").await).await;
        let file =
            format!("Handle,Title,Variant Price,Image Src\nhat,Hat,5,http://{address}/late.png\n");
        let landed = pictures.shop.import(file.as_bytes(), false).await;
        assert_eq!(landed.expect(kind).products.created, 1, "{kind}");
        let id = failed(&pictures, &late, kind).await;
        let before = listed(&pictures, "failed").await;
        late.is_well.store(true, Ordering::SeqCst);

        let (own, other) = (retry_of(&id), retry_of(&neighbour(&id)));
        let theirs = stranger.ask("POST", &own, ALL).await;
        assert_eq!(theirs.refusal(), (404, "not_found"), "{kind}");
        assert_eq!(theirs.json["detail"], "There is no such import.", "{kind}");
        for path in [other, retry_of("nothing")] {
            let nothing = pictures.ask("POST", &path, ALL).await;
            assert_eq!(nothing.refusal(), (404, "not_found"), "{kind}: {path}");
        }
        let nobody = pictures.ask("POST", &own, "Bearer sk_none").await;
        assert_eq!(nobody.refusal(), (403, "forbidden"), "{kind}");

        assert_eq!(listed(&pictures, "failed").await, before, "{kind}");
        assert_eq!(
            listed(&stranger, "failed").await,
            [] as [Value; 0],
            "{kind}"
        );
        assert_eq!(pictures.fetch().await, [], "{kind}");
        assert_eq!(late.asked.load(Ordering::SeqCst), ATTEMPTS, "{kind}");
    }
}
