//! Pages are kept: asked for again they cost no reading, and a change is seen by the next who asks.

use axum::body::{Body, to_bytes};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, HeaderName, Request, StatusCode};
use axum::response::Response;
use stoa_cache::{Cache, CacheConfig};
use stoa_contracts::Deps;
use stoa_storage::Committed;
use stoa_storefront::ShopOptions;
use stoa_telemetry::Metrics;
use tokio::time::Instant;
use tower::ServiceExt as _;

use crate::goods::Goods;
use crate::market::Market;

/// Every test shops over kept pages: none of them may ever see the difference.
pub(crate) fn kept_pages(deps: &Deps, metrics: &Metrics) -> ShopOptions {
    let cache = Cache::start(CacheConfig::default(), metrics).expect("a cache");
    let outdating = cache.clone();
    deps.storage.on_commit(move |committed| {
        for each in committed {
            if let Committed::Event {
                tenant,
                subject,
                key,
            } = each
            {
                outdating.committed(*tenant, subject, key);
            }
        }
    });
    ShopOptions {
        cache: Some(cache),
        ..ShopOptions::default()
    }
}

struct Seen {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Seen {
    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("text")
    }
    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("ASCII"))
    }
}

async fn get(market: &Market, host: &str, path: &str, headers: &[(&str, &str)]) -> Seen {
    let mut request = Request::get(path).header("host", host);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).expect("a request");
    let answer = market.router.clone().oneshot(request).await;
    let (parts, body) = answer.expect("an answer").into_parts();
    Seen {
        status: parts.status,
        headers: parts.headers,
        body: to_bytes(body, BODY_BYTES_MAX)
            .await
            .expect("a body")
            .to_vec(),
    }
}

fn mug(cents: i64) -> Goods<'static> {
    Goods {
        handle: "mug",
        title: "Harbour <Mug>",
        cents,
        units: 10,
        sizes: &["Small", "Large"],
    }
}

const SHOP: &str = "shop.localhost";
const BODY_BYTES_MAX: usize = 1 << 20;

#[tokio::test]
async fn a_new_price_is_on_every_page_at_once() {
    let market = Market::stocked().await;
    let pages = [
        "/",
        "/collections/kitchen",
        "/products/mug",
        "/search?q=mug",
    ];
    for path in pages {
        let first = get(&market, SHOP, path, &[]).await;
        assert!(first.text().contains("€24.00"), "{path}");
        assert_eq!(get(&market, SHOP, path, &[]).await.body, first.body);
    }
    market.put(market.shop, &mug(2600)).await;
    for path in pages {
        let text = get(&market, SHOP, path, &[]).await.text();
        assert!(
            text.contains("€26.00") && !text.contains("€24.00"),
            "{path}"
        );
    }
}

/// Without what is one request's alone, and the length, which the connection writes where it is missing.
async fn plain(answer: Response) -> (StatusCode, HeaderMap, Vec<u8>) {
    let (mut parts, body) = answer.into_parts();
    for name in [HeaderName::from_static("x-request-id"), CONTENT_LENGTH] {
        parts.headers.remove(name);
    }
    let body = to_bytes(body, BODY_BYTES_MAX).await.expect("a body");
    (parts.status, parts.headers, body.to_vec())
}

#[tokio::test]
async fn what_lies_ready_is_what_the_handlers_send() {
    let market = Market::stocked().await;
    for path in [
        "/",
        "/collections/kitchen",
        "/products/mug",
        "/search?q=mug",
        "/api/v1/products/mug",
    ] {
        let tag = get(&market, SHOP, path, &[])
            .await
            .header("etag")
            .to_owned();
        for header in [
            ("accept", "*/*"),
            ("if-none-match", &tag),
            ("cookie", "stoa_lang=de"),
        ] {
            let ask = || {
                let request = Request::get(path).header("host", SHOP);
                let request = request.header(header.0, header.1);
                request.body(Body::empty()).expect("a request")
            };
            let routed = async || {
                let router = market.router.clone().into_router();
                plain(router.oneshot(ask()).await.expect("an answer")).await
            };
            let first = routed().await;
            let ready = market.router.at_once(&ask(), Instant::now());
            let ready = plain(ready.unwrap_or_else(|| panic!("{path} {header:?}"))).await;
            assert_eq!(ready, first, "{path} {header:?}");
            assert_eq!(ready, routed().await, "{path} {header:?}");
        }
    }
}

#[tokio::test]
async fn a_kept_page_carries_its_tags_and_answers_a_known_one_without_its_body() {
    let market = Market::stocked().await;
    let first = get(&market, SHOP, "/products/mug", &[]).await;
    let again = get(&market, SHOP, "/products/mug", &[]).await;
    for page in [&first, &again] {
        assert_eq!(page.status, StatusCode::OK);
        assert_eq!(
            page.header("cache-control"),
            "public, max-age=0, stale-while-revalidate=10"
        );
        let tags = format!("catalog-{0},collections-{0},theme-{0}", market.shop);
        assert_eq!(page.header("cache-tag"), tags);
    }
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag == again.header("etag"));
    let known = get(&market, SHOP, "/products/mug", &[("if-none-match", &tag)]).await;
    assert_eq!(known.status, StatusCode::NOT_MODIFIED);
    assert!(known.body.is_empty());
    let gzip = get(
        &market,
        SHOP,
        "/products/mug",
        &[("accept-encoding", "gzip")],
    )
    .await;
    assert_eq!(gzip.header("content-encoding"), "gzip");
    let packed = gzip.header("etag").to_owned();
    assert_ne!(packed, tag);
    let known = get(
        &market,
        SHOP,
        "/products/mug",
        &[("if-none-match", &packed)],
    )
    .await;
    assert_eq!(known.status, StatusCode::NOT_MODIFIED);
    assert!(gzip.body.len() * 2 < first.body.len());
}

#[tokio::test]
async fn shops_hosts_languages_and_queries_have_pages_of_their_own() {
    let market = Market::stocked().await;
    market.put(market.other, &mug(9900)).await;
    for _ in 0..2 {
        let own = get(&market, SHOP, "/products/mug", &[]).await.text();
        let other = get(&market, "other.localhost", "/products/mug", &[])
            .await
            .text();
        assert!(own.contains("€24.00") && !own.contains("€99.00"));
        assert!(other.contains("€99.00") && !other.contains("€24.00"));
        let port = get(&market, "shop.localhost:81", "/products/mug", &[])
            .await
            .text();
        assert!(port.contains("http://shop.localhost:81/products/mug"));
        let german = [("accept-language", "de")];
        let german = get(&market, SHOP, "/products/mug", &german).await.text();
        assert!(german.contains("<html lang=\"de\">") && !own.contains("<html lang=\"de\">"));
        let dear = get(&market, SHOP, "/collections/all?sort=-price", &[]).await;
        let plain = get(&market, SHOP, "/collections/all", &[]).await;
        assert_ne!(dear.body, plain.body);
        // What no page knows is in none, whoever came with it first.
        let campaign = get(&market, SHOP, "/collections/all?utm_source=evil", &[]).await;
        assert_eq!(campaign.body, plain.body);
    }
    let missing = get(&market, SHOP, "/products/none", &[]).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert_eq!(missing.header("cache-control"), "private, no-store");
}

#[tokio::test]
async fn a_crowd_at_a_new_page_asks_the_catalog_once() {
    let market = Market::stocked().await;
    let crowd = (0..40).map(|_| get(&market, SHOP, "/products/print", &[]));
    let pages = futures_util::future::join_all(crowd).await;
    assert!(pages.iter().all(|page| page.body == pages[0].body));
    assert!(pages[0].text().contains("€48.00"));
    let metrics = market.metrics.render();
    let one = r#"stoa_cache_reads_total{by="fill",space="pages"} 1"#;
    assert!(metrics.contains(one), "{metrics}");
}
