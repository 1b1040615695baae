//! What comes round by the clock, and lanes: nothing that waits is ever forgotten.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use stoa_bus::JobOutcome;

use crate::receiver::{Receiver, Reply};
use crate::support::{Shop, everywhere};

#[tokio::test]
async fn a_delivery_that_comes_while_its_job_is_cleared_away_has_another_job() {
    for cells in everywhere().await {
        let receiver = Receiver::start().await;
        let shop = Shop::open(&cells, "acme").await;
        shop.endpoint(&receiver.url()).await;
        let first = shop.paid(1).await;
        let jobs = shop.claim().await;
        let outcome = shop.module.jobs[0].run(&jobs[0]).await;
        assert_eq!(outcome, JobOutcome::Done, "{}", cells.kind);
        // The worker has not removed the job yet, and another event is heard.
        let second = shop.paid(2).await;
        shop.queue().await.finish(&jobs[0]).await.expect(cells.kind);
        shop.work().await;
        receiver.assert_ids(&[&first, &second], cells.kind);
    }
}

#[tokio::test]
async fn the_sweep_starts_a_lane_whose_job_was_buried() {
    for cells in everywhere().await {
        let receiver = Receiver::start().await;
        let shop = Shop::open(&cells, "acme").await;
        shop.endpoint(&receiver.url()).await;
        let event = shop.paid(1).await;
        let jobs = shop.claim().await;
        let queue = shop.queue().await;
        let why = "the database was away".to_owned();
        queue
            .bury(&jobs[0], why, shop.now())
            .await
            .expect(cells.kind);
        assert_eq!(shop.work().await, 0, "{}", cells.kind);
        shop.recurring("webhooks.sweep").await;
        shop.work().await;
        receiver.assert_ids(&[&event], cells.kind);
        // With nothing to do it starts nothing, and a pause in progress it leaves alone.
        shop.recurring("webhooks.sweep").await;
        assert_eq!(shop.work().await, 0, "{}", cells.kind);
        receiver.will([Reply::Status(500)]);
        shop.paid(2).await;
        shop.work().await;
        shop.recurring("webhooks.sweep").await;
        assert_eq!(shop.work().await, 0, "{}", cells.kind);
    }
}

#[tokio::test]
async fn deliveries_go_after_thirty_days_and_with_their_endpoint() {
    for cells in everywhere().await {
        let receiver = Receiver::start().await;
        let shop = Shop::open(&cells, "acme").await;
        let (endpoint, _) = shop.endpoint(&receiver.url()).await;
        let (other, _) = shop.endpoint(&receiver.url()).await;
        for order in 1..=3 {
            shop.paid(order).await;
        }
        shop.work().await;
        shop.advance(Duration::from_secs(30 * 24 * 3_600));
        shop.paid(4).await;
        shop.work().await;
        shop.recurring("webhooks.retention").await;
        assert_eq!(shop.deliveries(&endpoint).await.len(), 4, "{}", cells.kind);
        shop.advance(Duration::from_micros(1));
        shop.recurring("webhooks.retention").await;
        let left = shop.deliveries(&endpoint).await;
        assert_eq!(left.len(), 1, "{}", cells.kind);
        assert_eq!(left[0]["attempts"].as_array().map(Vec::len), Some(1));

        let (status, _) = shop.call(Method::DELETE, &endpoint, Value::Null).await;
        assert_eq!(status, 204, "{}", cells.kind);
        shop.recurring("webhooks.retention").await;
        shop.recurring("webhooks.retention").await;
        let (status, problem) = shop.call(Method::GET, &endpoint, Value::Null).await;
        assert_eq!(
            (status, &problem["code"]),
            (404, &json!("webhook_not_found"))
        );
        assert_eq!(shop.deliveries(&other).await.len(), 1, "{}", cells.kind);
        let (status, _) = shop.call(Method::DELETE, &endpoint, Value::Null).await;
        assert_eq!(status, 404, "{}", cells.kind);
    }
}

#[tokio::test]
async fn deleting_an_endpoint_ends_its_deliveries() {
    for cells in everywhere().await {
        let receiver = Receiver::start().await;
        let shop = Shop::open(&cells, "acme").await;
        let (endpoint, _) = shop.endpoint(&receiver.url()).await;
        shop.paid(1).await;
        shop.call(Method::DELETE, &endpoint, Value::Null).await;
        shop.paid(2).await;
        assert_eq!(shop.work().await, 1, "the job finds nothing to do");
        assert!(receiver.got().is_empty(), "{}", cells.kind);
    }
}
