//! The tax provider's hook, over a real server on loopback.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, StatusCode};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use parking_lot::Mutex;
use serde_json::{Value, json};
use stoa_contracts::Destination;

use crate::support::{Shop, euros, everywhere, line, request};

const TAX: &str = "/api/v1/admin/tax";

/// A provider that answers with what it is given, and keeps what it was asked.
#[derive(Default)]
struct Provider {
    answer: Mutex<(u16, String)>,
    asked: Mutex<Vec<(HeaderMap, String)>>,
}

impl Provider {
    async fn start() -> (Arc<Self>, String) {
        let provider = Arc::new(Self::default());
        let inner = Arc::clone(&provider);
        let answer = move |headers: HeaderMap, body: Bytes| {
            let provider = Arc::clone(&inner);
            async move {
                let body = String::from_utf8_lossy(&body).into_owned();
                provider.asked.lock().push((headers, body));
                let (status, text) = provider.answer.lock().clone();
                (StatusCode::from_u16(status).expect("a status"), text)
            }
        };
        let router = Router::new().route("/rates", post(answer));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = TowerToHyperService::new(router.clone());
                let stream = TokioIo::new(stream);
                tokio::spawn(async move {
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(stream, service)
                        .await
                });
            }
        });
        (provider, format!("http://{address}/rates"))
    }

    fn answers(&self, status: u16, body: &Value) {
        *self.answer.lock() = (status, body.to_string());
    }

    fn times(&self) -> usize {
        self.asked.lock().len()
    }
}

fn berlin() -> Destination {
    Destination {
        country: Some("DE".to_owned()),
        region: None,
        postal_code: Some("10 115".to_owned()),
    }
}

async fn tax(shop: &Shop) -> i64 {
    let mut asked = request(vec![line(1, 1)], None);
    asked.destination = berlin();
    asked.email = Some("ada@example.com".to_owned());
    shop.quote(asked).await.expect("a quote").totals.tax.amount
}

async fn open(cells: &stoa_testkit::TestCells, slug: &str, url: &str) -> Shop {
    let shop = Shop::open(cells, slug).await;
    shop.set(&[euros(1, 1_000)]).await.expect("a price");
    let table = json!({"rate_ppm": 200_000, "prices_include_tax": false,
        "categories": [{"name": "books", "product_types": ["Book"]}], "provider": {"url": url}});
    let set = shop.send("PUT", TAX, &[], Some(table)).await;
    assert_eq!(set.status, 200, "{}", set.json);
    shop
}

async fn prepare(shop: &Shop) {
    let prepared = shop.pricing.prepare_tax(shop.tenant, &berlin()).await;
    prepared.expect("prepared");
}

#[tokio::test]
async fn rates_are_asked_once_and_kept_until_they_expire() {
    for cells in everywhere().await {
        let (provider, url) = Provider::start().await;
        let shop = open(&cells, "kept", &url).await;
        provider.answers(
            200,
            &json!({"rates": [{"name": "VAT", "rate_ppm": 70_000}], "expires_in_seconds": 600}),
        );
        assert_eq!(tax(&shop).await, 200, "{}", cells.kind);
        for _ in 0..3 {
            prepare(&shop).await;
        }
        assert_eq!(
            (provider.times(), tax(&shop).await),
            (1, 70),
            "{}",
            cells.kind
        );
        // In the second half of their life they are asked anew, and hold meanwhile.
        cells.clock.advance(Duration::from_secs(301));
        provider.answers(
            200,
            &json!({"rates": [{"name": "VAT", "rate_ppm": 80_000}], "expires_in_seconds": 600}),
        );
        assert_eq!(tax(&shop).await, 70, "{}", cells.kind);
        prepare(&shop).await;
        assert_eq!(
            (provider.times(), tax(&shop).await),
            (2, 80),
            "{}",
            cells.kind
        );
        cells.clock.advance(Duration::from_secs(600));
        assert_eq!(tax(&shop).await, 200, "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_question_is_signed_and_holds_nothing_personal() {
    for cells in everywhere().await {
        let (provider, url) = Provider::start().await;
        let shop = open(&cells, "signed", &url).await;
        provider.answers(200, &json!({"rates": []}));
        prepare(&shop).await;
        let (headers, body) = provider.asked.lock()[0].clone();
        let expected = json!({"destination": {"country": "DE", "region": null, "postal_code": "10115"},
            "categories": ["books"]});
        assert_eq!(
            serde_json::from_str::<Value>(&body).expect("JSON"),
            expected,
            "{}",
            cells.kind
        );
        let secret = shop
            .send("GET", "/api/v1/admin/tax/provider-secret", &[], None)
            .await;
        let secret = secret.json["secret"].as_str().expect("a secret").to_owned();
        let key = BASE64
            .decode(secret.strip_prefix("whsec_").expect("its prefix"))
            .expect("base64");
        let header = |name: &str| headers[name].to_str().expect("text").to_owned();
        let signed = format!(
            "{}.{}.{body}",
            header("webhook-id"),
            header("webhook-timestamp")
        );
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).expect("a key");
        mac.update(signed.as_bytes());
        let expected = format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()));
        assert_eq!(header("webhook-signature"), expected, "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_provider_that_fails_is_left_alone_for_a_while() {
    for cells in everywhere().await {
        let (provider, url) = Provider::start().await;
        let shop = open(&cells, "failing", &url).await;
        for (status, answer) in [
            (500, json!({})),
            (
                200,
                json!({"rates": [{"name": "VAT", "rate_ppm": 2_000_000}]}),
            ),
            (200, json!("x".repeat(70_000))),
            (302, json!({"rates": []})),
        ] {
            provider.answers(status, &answer);
            let before = provider.times();
            for _ in 0..3 {
                prepare(&shop).await;
            }
            assert_eq!(provider.times(), before + 1, "{} {status}", cells.kind);
            assert_eq!(tax(&shop).await, 200, "{} {status}", cells.kind);
            cells.clock.advance(Duration::from_secs(31));
        }
    }
}

#[tokio::test]
async fn a_provider_that_is_taken_away_leaves_no_rates() {
    for cells in everywhere().await {
        let (provider, url) = Provider::start().await;
        let shop = open(&cells, "removed", &url).await;
        provider.answers(
            200,
            &json!({"rates": [{"name": "VAT", "rate_ppm": 70_000}]}),
        );
        prepare(&shop).await;
        assert_eq!(tax(&shop).await, 70, "{}", cells.kind);
        let none = json!({"rate_ppm": 200_000, "prices_include_tax": false, "provider": null});
        let set = shop.send("PUT", TAX, &[], Some(none)).await;
        assert_eq!(set.json["provider"], Value::Null, "{}", cells.kind);
        prepare(&shop).await;
        assert_eq!(
            (provider.times(), tax(&shop).await),
            (1, 200),
            "{}",
            cells.kind
        );
    }
}
