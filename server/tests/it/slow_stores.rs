//! PostgreSQL, Redis and the pictures' bucket behind a line that is slow, silent or cut: waits are
//! bounded, what is kept goes on being shown, and all is well again soon after the line is.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use reqwest::{Client, Method, RequestBuilder, StatusCode, Url};
use serde_json::json;
use stoa_testkit::{FaultyLink, LinkFault};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Backend, Merchant, Shopper, Stoa, eventually, noise_png};

const SLOW: LinkFault = LinkFault::Slow(Duration::from_millis(1_500));
const FAULTS: [LinkFault; 3] = [SLOW, LinkFault::Silent, LinkFault::Cut];
/// What one answer may take: the time of a handler, in which every single wait has its own bound; and
/// what a busy machine adds.
const WAIT_MAX: Duration = Duration::from_secs(34);
/// Where nothing at all comes back: a place in the pool and one flight, `platform/storage`.
const SILENCE_MAX: Duration = Duration::from_secs(17);
/// What is kept is shown without waiting for a store.
const KEPT_MAX: Duration = Duration::from_millis(1_500);
/// For so long no page may have been made anew: the demo shop's first events come in bursts, on a busy
/// machine with pauses between them.
const QUIET_LOOKS: u32 = 16;
const QUIET_LOOK_EVERY: Duration = Duration::from_millis(250);
/// From when the line is well again.
const RECOVERY_MAX: Duration = Duration::from_secs(12);
/// How many shoppers press on beside the one that is watched, so that pools run dry.
const OTHERS: usize = 24;

/// The line to a store whose URL is then that of the line.
async fn link(url: &str) -> (FaultyLink, String) {
    let mut url = Url::parse(url).expect("a URL");
    let port = url.port().expect("a port");
    let host = url.host_str().expect("a host").to_owned();
    let upstream: SocketAddr = format!("{host}:{port}").parse().expect("an address");
    let link = FaultyLink::start(upstream).await;
    url.set_port(Some(link.address().port())).expect("a port");
    (link, url.to_string())
}

struct Timed {
    status: StatusCode,
    took: Duration,
    retry_after: bool,
    text: String,
}

async fn timed(request: RequestBuilder) -> Timed {
    let (client, request) = request.build_split();
    let request = request.expect("a request");
    let told = format!("{} {}", request.method(), request.url().path());
    let request = RequestBuilder::from_parts(client, request);
    let began = Instant::now();
    let answer = tokio::time::timeout(WAIT_MAX, request.send()).await;
    let response = answer
        .unwrap_or_else(|_| panic!("{told}: no answer within {WAIT_MAX:?}"))
        .expect("an answer");
    let status = response.status();
    let retry_after = response.headers().contains_key("retry-after");
    Timed {
        status,
        retry_after,
        text: response.text().await.unwrap_or_default(),
        took: began.elapsed(),
    }
}

/// A page as shoppers open it, by the shop's own host.
fn page(stoa: &Stoa, path: &str) -> RequestBuilder {
    Client::new()
        .get(format!("{}{path}", stoa.url()))
        .header("host", "demo.localhost")
}

async fn is_kept(stoa: &Stoa, path: &str, told: &str) {
    let answer = timed(page(stoa, path)).await;
    assert_eq!(
        answer.status,
        StatusCode::OK,
        "{told}: {path} {}",
        answer.text
    );
    assert!(
        answer.took < KEPT_MAX,
        "{told}: {path} took {:?}",
        answer.took
    );
}

/// Asks for pages until all are kept, and nothing that happened before outdates them any more.
async fn settle(stoa: &Stoa, merchant: &Merchant, paths: &[String]) {
    let fills = async || {
        let request = merchant.request(Method::GET, "/metrics");
        let text = timed(request).await.text;
        let lines: Vec<String> = text
            .lines()
            .filter(|line| line.starts_with("stoa_cache_fills_total"))
            .map(str::to_owned)
            .collect();
        assert!(!lines.is_empty(), "{text}");
        lines
    };
    eventually("pages to be kept", async || {
        let before = fills().await;
        for _ in 0..QUIET_LOOKS {
            for path in paths {
                let answer = timed(page(stoa, path)).await;
                assert_eq!(answer.status, StatusCode::OK, "{path}");
            }
            tokio::time::sleep(QUIET_LOOK_EVERY).await;
        }
        (fills().await == before).then_some(())
    })
    .await;
}

async fn handle(shopper: &Shopper) -> String {
    let (_, list) = shopper.get("/api/v1/products?limit=1").await;
    list["data"][0]["handle"]
        .as_str()
        .expect("a handle")
        .to_owned()
}

/// Done, or said to come again.
fn is_done(answer: &Timed, told: &str) -> bool {
    if answer.status.is_success() {
        return true;
    }
    let slow = told.starts_with("Slow");
    // Many short waits together may take the whole time of a handler.
    if slow && answer.status == StatusCode::GATEWAY_TIMEOUT {
        return false;
    }
    let status = StatusCode::SERVICE_UNAVAILABLE;
    assert_eq!(answer.status, status, "{told}: {}", answer.text);
    assert!(answer.retry_after, "{told}: {}", answer.text);
    let took = answer.took;
    assert!(slow || took < SILENCE_MAX, "{told}: {took:?}");
    false
}

/// Pages go on being shown from memory; all else is done, or answered in time.
async fn postgres_behind(fault: LinkFault) {
    let Some(server) = stoa_testkit::postgres_server() else {
        return;
    };
    let (link, url) = link(&stoa_testkit::fresh_database(&server).await).await;
    let stoa = Stoa::start(&Backend::Postgres(url), &[], &[("STOA_LOG", "error")]).await;
    let shopper = Shopper::new(&stoa.url(), "demo");
    let merchant = Merchant::new(&stoa.url(), "demo", &stoa.key("sk_"));
    let handle = handle(&shopper).await;
    let kept = ["/".to_owned(), format!("/products/{handle}")];
    let write = || {
        shopper
            .request(Method::POST, "/api/v1/carts")
            .json(&json!({}))
    };
    let read = || merchant.request(Method::GET, "/api/v1/admin/orders");
    let told = format!("{fault:?}");
    settle(&stoa, &merchant, &kept).await;
    link.set(fault);
    let others = match fault {
        LinkFault::Slow(_) => OTHERS / 8,
        _ => OTHERS,
    };
    let pressing = (0..others).map(|_| timed(write()));
    let pressing = futures_util::future::join_all(pressing);
    let watching = async {
        // Longer than the directory of shops counts as fresh.
        for _ in 0..4 {
            for path in &kept {
                is_kept(&stoa, path, &told).await;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        timed(read()).await
    };
    let (pressed, looked) = tokio::join!(pressing, watching);
    let done = pressed
        .iter()
        .filter(|answer| is_done(answer, &told))
        .count();
    assert!(
        done == 0 || matches!(fault, LinkFault::Slow(_)),
        "{told}: {done} were done"
    );
    is_done(&looked, &told);
    link.set(LinkFault::None);
    let began = Instant::now();
    for writes in [true, false] {
        while !is_done(&timed(if writes { write() } else { read() }).await, &told) {
            assert!(began.elapsed() < RECOVERY_MAX, "{told}: not well again");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_postgres_is_waited_for_within_bounds_and_pages_are_shown_from_memory() {
    postgres_behind(SLOW).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_postgres_is_waited_for_within_bounds_and_pages_are_shown_from_memory() {
    postgres_behind(LinkFault::Silent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_postgres_is_told_at_once_and_pages_are_shown_from_memory() {
    postgres_behind(LinkFault::Cut).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_redis_costs_a_moment_and_is_used_again() {
    let Some(server) = stoa_testkit::redis_server() else {
        return;
    };
    let (link, url) = link(&server).await;
    let prefix = format!("stoa-it-{:016x}", fastrand::u64(..));
    let environment = [
        ("STOA_CACHE", url.as_str()),
        ("STOA_CACHE_PREFIX", &prefix),
        ("STOA_LOG", "error"),
    ];
    let stoa = Stoa::start(&Backend::Sqlite, &[], &environment).await;
    let shopper = Shopper::new(&stoa.url(), "demo");
    let merchant = Merchant::new(&stoa.url(), "demo", &stoa.key("sk_"));
    let handle = handle(&shopper).await;
    for fault in FAULTS {
        let told = format!("{fault:?}");
        link.set(fault);
        for number in 0..10 {
            // Never asked for before: Redis would be looked into.
            let path = format!("/products/{handle}?from={}-{number}", fastrand::u32(..));
            is_kept(&stoa, &path, &told).await;
            let answer = timed(shopper.request(Method::POST, "/api/v1/carts")).await;
            assert_eq!(
                answer.status,
                StatusCode::CREATED,
                "{told}: {}",
                answer.text
            );
            assert!(answer.took < KEPT_MAX, "{told}: {:?}", answer.took);
        }
        link.set(LinkFault::None);
        let began = Instant::now();
        eventually("Redis to be used again", async || {
            assert!(began.elapsed() < RECOVERY_MAX, "{told}: not well again");
            is_kept(
                &stoa,
                &format!("/products/{handle}?to={}", fastrand::u32(..)),
                &told,
            )
            .await;
            (merchant.metric("stoa_cache_redis_open").await? == 0).then_some(())
        })
        .await;
    }
}

/// The one thing that a shop never does itself.
async fn make_bucket(server: &str, bucket: &str) {
    let host = server.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = tokio::net::TcpStream::connect(host).await.expect(host);
    let request = format!(
        "PUT /{bucket} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0\r\nconnection: close\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, \
         SignedHeaders=host, Signature=0\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect(host);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect(host);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_bucket_refuses_uploads_in_time_and_shows_what_is_kept() {
    let Some(server) = stoa_testkit::s3_server() else {
        return;
    };
    let bucket = format!("stoa-it-{:016x}", fastrand::u64(..));
    make_bucket(&server, &bucket).await;
    let (link, url) = link(&server).await;
    let endpoint = url.trim_end_matches('/');
    let blobs = format!("s3://{bucket}/shops?endpoint={endpoint}");
    let environment = [
        ("STOA_BLOBS", blobs.as_str()),
        ("STOA_S3_KEY_ID", "test"),
        ("STOA_S3_SECRET", "test"),
        ("STOA_LOG", "off"),
    ];
    let stoa = Stoa::start(&Backend::Sqlite, &[], &environment).await;
    let shopper = Shopper::new(&stoa.url(), "demo");
    let merchant = Merchant::new(&stoa.url(), "demo", &stoa.key("sk_"));
    let handle = handle(&shopper).await;
    let upload = |picture: Vec<u8>| {
        let request = merchant.request(Method::POST, "/api/v1/admin/media");
        request.body(picture)
    };
    let first = timed(upload(noise_png(200))).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    let first: serde_json::Value = serde_json::from_str(&first.text).expect("JSON");
    let shown = first["picture"]["src"]
        .as_str()
        .expect("an address")
        .to_owned();
    let original = first["url"].as_str().expect("an address").to_owned();
    assert_eq!(timed(page(&stoa, &shown)).await.status, StatusCode::OK);
    for fault in FAULTS {
        let told = format!("{fault:?}");
        link.set(fault);
        let (uploaded, asked, ()) = tokio::join!(
            timed(upload(noise_png(60))),
            timed(page(&stoa, &original)),
            async {
                is_kept(&stoa, &shown, &told).await;
                is_kept(&stoa, &format!("/products/{handle}"), &told).await;
            }
        );
        let slow = matches!(fault, LinkFault::Slow(_));
        for answer in [uploaded, asked] {
            assert!(!is_done(&answer, &told) || slow, "{told}: {}", answer.text);
        }
        link.set(LinkFault::None);
        let began = Instant::now();
        while !is_done(&timed(upload(noise_png(60))).await, &told) {
            assert!(began.elapsed() < RECOVERY_MAX, "{told}: not well again");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        assert_eq!(
            timed(page(&stoa, &original)).await.status,
            StatusCode::OK,
            "{told}"
        );
    }
}
