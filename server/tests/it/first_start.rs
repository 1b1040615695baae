//! What a stranger sees first, and what a second start leaves alone.

use crate::support::{Backend, Merchant, Shopper, Stoa};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_makes_a_shop_and_the_second_changes_nothing() {
    let mut shop = Stoa::all(&Backend::Sqlite).await;
    let said = shop.said();
    for word in ["sk_", "pk_", "op_", "/admin/mailbox", "/docs"] {
        assert!(said.contains(word), "`{word}` is missing: {said}");
    }
    let merchant = Merchant::new(&shop.url(), "demo", &shop.key("sk_"));
    let before = merchant.list("/api/v1/admin/products").await;
    assert_eq!(before.len(), 72);
    let (_, collections) = Shopper::new(&shop.url(), "demo")
        .get("/api/v1/collections")
        .await;
    assert_eq!(collections["data"].as_array().map(Vec::len), Some(6));

    assert_eq!(shop.terminate(), Some(0));
    shop.restart().await;
    let said = shop.said();
    assert!(!said.contains("sk_"), "keys are shown once: {said}");
    assert_eq!(merchant.list("/api/v1/admin/products").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_that_was_killed_is_finished_by_the_next() {
    let mut shop = Stoa::all(&Backend::Sqlite).await;
    let folder = shop.data_dir.clone();
    // As if the kill had come before the keys were made.
    shop.kill();
    let control = folder.join("cells/control.db");
    let gone = std::process::Command::new("python3")
        .args(["-c", "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute('DELETE FROM tenancy_key'); c.commit()"])
        .arg(control)
        .status()
        .expect("python3 is there");
    assert!(gone.success());
    shop.restart().await;
    let merchant = Merchant::new(&shop.url(), "demo", &shop.key("sk_"));
    assert_eq!(merchant.list("/api/v1/admin/products").await.len(), 72);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_readiness_metrics_and_docs_answer() {
    let shop = Stoa::all(&Backend::Sqlite).await;
    let client = reqwest::Client::new();
    for (path, expected) in [
        ("/healthz", "alive"),
        ("/readyz", "ready"),
        ("/metrics", "stoa_http_requests_total"),
        ("/metrics", "stoa_storage_commit_batch"),
        ("/docs", "<html"),
        ("/api/v1/openapi.json", "\"openapi\":\"3.1"),
    ] {
        let answer = client
            .get(format!("{}{path}", shop.url()))
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        let text = answer.text().await.expect("text");
        assert!(text.contains(expected), "{path} has no {expected}");
    }
}
