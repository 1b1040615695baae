//! Pictures from elsewhere: fetched after the commit, from public places only, failing by themselves.

use std::time::Duration;

use serde_json::Value;
use stoa_bus::JobOutcome;
use stoa_contracts::media::{ImageImport, ImportAnswer, MediaImported};
use stoa_kernel::{Fact as _, ProductId};
use stoa_media::MediaConfig;
use stoa_rest::CursorKey;
use stoa_storage::{Error, Tx};

use crate::remote::{Remote, Reply};
use crate::support::{IMPORTS, Shop, Store, everywhere, jpeg, text};

const PRODUCT: ProductId = ProductId::from_u128(5);

async fn import(shop: &Shop<'_>, urls: &[&str]) -> Vec<ImportAnswer> {
    let contract = shop.module.contract.clone();
    let images: Vec<ImageImport> = urls
        .iter()
        .map(|url| ImageImport {
            product: PRODUCT,
            source_url: (*url).to_owned(),
            alt: "A shirt".to_owned(),
        })
        .collect();
    let answers: Result<_, Error> = shop
        .db
        .write(async move |tx: &mut Tx<'_>| contract.import(tx, &images).await)
        .await;
    answers.expect(shop.cells.kind)
}

async fn listed(shop: &Shop<'_>, state: &str) -> Vec<Value> {
    let answer = shop.get(&format!("{IMPORTS}?state={state}")).await;
    assert_eq!(answer.status, 200, "{}", shop.cells.kind);
    answer.json()["data"].as_array().expect("a list").clone()
}

async fn facts(shop: &Shop<'_>) -> Vec<MediaImported> {
    let storage = shop.cells.storage();
    let cell = storage.tenant(shop.tenant).await.expect("the tenant").cell;
    let log = storage.event_log(cell).await.expect("the log");
    while log.sequence().await.expect("sequenced") > 0 {}
    let events = log.after(0, 1_000).await.expect("events");
    let own = events
        .iter()
        .filter(|event| event.subject == MediaImported::subject());
    own.filter_map(|event| event.fact().expect("a fact"))
        .collect()
}

#[tokio::test]
async fn a_picture_from_elsewhere_becomes_the_shops_own() {
    for cells in everywhere().await {
        let store = Store::new(&cells);
        let shop = Shop::open(&cells, "acme", &store.blobs).await;
        let remote = Remote::start().await;
        remote.will("/moved", Reply::Redirect("/Red%20Hat.jpg?v=2".to_owned()));
        remote.will("/Red%20Hat.jpg?v=2", Reply::Picture(jpeg(64, 32, 1)));
        let source = remote.url("/moved");
        assert_eq!(import(&shop, &[&source]).await, [ImportAnswer::Queued]);
        assert_eq!(import(&shop, &[&source]).await, [ImportAnswer::Queued]);
        assert_eq!(
            remote.asked(),
            Vec::<String>::new(),
            "not before the commit"
        );
        assert_eq!(
            shop.work().await,
            [JobOutcome::Done],
            "{}: once",
            cells.kind
        );
        let done = listed(&shop, "done").await;
        assert_eq!(done.len(), 1, "{}", cells.kind);
        let told = facts(&shop).await;
        assert_eq!(told.len(), 1, "{}", cells.kind);
        let fact = &told[0];
        assert_eq!((fact.product, &fact.source_url), (PRODUCT, &source));
        assert_eq!(text(&done[0], "media_id"), fact.asset.to_string());
        let seen = shop.get(&fact.url).await;
        assert_eq!(
            (seen.status, seen.body),
            (200, jpeg(64, 32, 1)),
            "{}",
            cells.kind
        );
        let url = fact.url.clone();
        assert_eq!(
            import(&shop, &[&source]).await,
            [ImportAnswer::Ours { url }]
        );
        assert_eq!(remote.asked().len(), 2, "{}: not fetched again", cells.kind);
    }
}

#[tokio::test]
async fn what_cannot_be_had_is_noted_and_the_others_go_on() {
    for cells in everywhere().await {
        let store = Store::new(&cells);
        let shop = Shop::open(&cells, "acme", &store.blobs).await;
        let remote = Remote::start().await;
        remote.will("/good.jpg", Reply::Picture(jpeg(64, 32, 1)));
        remote.will("/page", Reply::Picture(b"<html></html>".to_vec()));
        remote.will("/round", Reply::Redirect("/round".to_owned()));
        remote.will("/endless", Reply::Endless);
        let paths = ["/gone", "/page", "/round", "/endless", "/good.jpg"];
        for path in paths {
            import(&shop, &[&remote.url(path)]).await;
        }
        let outcomes = shop.work().await;
        assert_eq!(outcomes, vec![JobOutcome::Done; 5], "{}", cells.kind);
        let errors: Vec<(String, String)> = listed(&shop, "failed")
            .await
            .iter()
            .map(|one| {
                (
                    text(one, "source_url").to_owned(),
                    text(one, "error").to_owned(),
                )
            })
            .collect();
        for (path, error) in [
            ("/gone", "the server answered 404"),
            (
                "/page",
                "the content is none of JPEG, PNG, GIF, WebP and SVG",
            ),
            ("/round", "it redirects more than 5 times"),
            ("/endless", "it has more than 26214400 bytes"),
        ] {
            let wanted = (remote.url(path), error.to_owned());
            assert!(errors.contains(&wanted), "{} {errors:?}", cells.kind);
        }
        assert_eq!(facts(&shop).await.len(), 1, "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_server_in_trouble_is_asked_again_and_then_given_up_until_asked_for() {
    for cells in everywhere().await {
        let store = Store::new(&cells);
        let shop = Shop::open(&cells, "acme", &store.blobs).await;
        let remote = Remote::start().await;
        remote.will("/a.jpg", Reply::Status(503));
        let source = remote.url("/a.jpg");
        import(&shop, &[&source]).await;
        for attempt in 1..=6 {
            let outcomes = shop.work().await;
            assert_eq!(outcomes.len(), 1, "{} {attempt}", cells.kind);
            let waits = matches!(outcomes[0], JobOutcome::Wait(_));
            assert_eq!(waits, attempt < 6, "{} {attempt}", cells.kind);
            cells.clock.advance(Duration::from_secs(3_600));
        }
        let failed = listed(&shop, "failed").await;
        assert_eq!(failed[0]["attempts"], 6, "{}", cells.kind);
        assert_eq!(text(&failed[0], "error"), "the server answered 503");
        assert_eq!(shop.work().await, [], "{}", cells.kind);

        remote.will("/a.jpg", Reply::BrokenOff);
        assert_eq!(import(&shop, &[&source]).await, [ImportAnswer::Queued]);
        assert!(
            matches!(shop.work().await[..], [JobOutcome::Wait(_)]),
            "{}",
            cells.kind
        );
        remote.will("/a.jpg", Reply::Picture(jpeg(64, 32, 1)));
        cells.clock.advance(Duration::from_secs(3_600));
        assert_eq!(shop.work().await, [JobOutcome::Done], "{}", cells.kind);
        assert_eq!(facts(&shop).await.len(), 1, "{}", cells.kind);
    }
}

#[tokio::test]
async fn no_address_inside_is_ever_asked_not_even_behind_a_redirect() {
    for cells in everywhere().await {
        let store = Store::new(&cells);
        let remote = Remote::start().await;
        let public = MediaConfig::new(CursorKey::new([8; 32]));
        let shop = Shop::with(&cells, "acme", &store.blobs, public).await;
        for url in [
            remote.url("/a.jpg").as_str(),
            "http://169.254.169.254/latest/meta-data",
            "http://[::1]/a.jpg",
            "http://localhost/a.jpg",
            "http://2130706433/a.jpg",
            "file:///etc/passwd",
            "not a url",
        ] {
            let answers = import(&shop, &[url]).await;
            assert!(
                matches!(answers[..], [ImportAnswer::Refused { .. }]),
                "{url} {answers:?}"
            );
        }
        assert_eq!(listed(&shop, "failed").await.len(), 7, "{}", cells.kind);
        assert_eq!(shop.work().await, [], "{}", cells.kind);
        assert_eq!(remote.asked(), Vec::<String>::new(), "{}", cells.kind);

        let shop = Shop::open(&cells, "acme", &store.blobs).await;
        remote.will(
            "/a",
            Reply::Redirect("http://169.254.169.254/latest".to_owned()),
        );
        import(&shop, &[&remote.url("/a")]).await;
        assert_eq!(shop.work().await, [JobOutcome::Done], "{}", cells.kind);
        let failed = listed(&shop, "failed").await;
        let wanted = "the URL names an address that is not public (link-local)";
        let source = remote.url("/a");
        let found = failed.iter().find(|one| text(one, "source_url") == source);
        assert_eq!(
            found.map(|one| text(one, "error")),
            Some(wanted),
            "{}",
            cells.kind
        );
    }
}
