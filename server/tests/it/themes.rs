//! A shop's own theme from its upload to the page and back, in all processes; and what a hostile one
//! does to its neighbours, which is nothing.

mod archive;

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::Value;
use stoa_testkit::{HOSTILE_THEMES, theme};

use self::archive::traps;
use crate::support::{Backend, Merchant, Shopper, Stoa, eventually};

const THEMES: &str = "/api/v1/admin/themes";
/// Promised to other processes, and what a busy machine is held to; as in `fresh.rs`.
const PROMISED: Duration = Duration::from_secs(1);
const BUSY_FACTOR: u32 = 3;

struct Dresser {
    merchant: Merchant,
    shopper: Shopper,
}

impl Dresser {
    /// A shop of its own.
    fn of(stoa: &Stoa, slug: &str) -> Self {
        let made = stoa.command(&["tenant", "create", slug, "--test-mode"]);
        assert!(made.status.success(), "{made:?}");
        let key = stoa.command(&["key", "create", "--tenant", slug, "--kind", "secret"]);
        assert!(key.status.success(), "{key:?}");
        let key = String::from_utf8(key.stdout).expect("UTF-8");
        Self {
            merchant: Merchant::new(&stoa.url(), slug, key.trim()),
            shopper: Shopper::new(&stoa.url(), slug),
        }
    }

    async fn send(&self, archive: Vec<u8>) -> (StatusCode, Value) {
        let upload = self.merchant.request(Method::POST, THEMES);
        let upload = upload.header("content-type", "application/zip");
        let answer = upload.body(archive).send().await.expect("an answer");
        let status = answer.status();
        (status, answer.json().await.expect("JSON"))
    }

    async fn upload(&self, archive: Vec<u8>) -> String {
        let (status, made) = self.send(archive).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        made["id"].as_str().expect("an id").to_owned()
    }

    async fn post(&self, path: &str) -> Value {
        let request = self
            .merchant
            .request(Method::POST, &format!("{THEMES}/{path}"));
        let answer = request.send().await.expect("an answer");
        let status = answer.status();
        let body = answer.json().await.expect("JSON");
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    async fn publish(&self, archive: Vec<u8>) -> String {
        let id = self.upload(archive).await;
        self.post(&format!("{id}/publish")).await;
        id
    }
}

/// Pages that fell back to the built-in theme so far, for whatever reason.
async fn fallbacks(merchant: &Merchant) -> i64 {
    let mut all = 0;
    for kind in ["error", "limit", "time", "busy"] {
        let name = format!(r#"stoa_theme_fallbacks_total{{kind="{kind}"}}"#);
        all += merchant.metric(&name).await.unwrap_or_default();
    }
    all
}

async fn page(shopper: &Shopper, path: &str) -> (StatusCode, String) {
    let answer = shopper.request(Method::GET, path).send().await;
    let answer = answer.expect("an answer");
    (answer.status(), answer.text().await.expect("a page"))
}

/// Until the home page holds, or does not hold, the mark; how long that took since `since`.
async fn until_seen(shopper: &Shopper, mark: &str, holds: bool, since: Instant) -> Duration {
    eventually("the theme in the other process", async || {
        let (status, text) = page(shopper, "/").await;
        assert_eq!(status, StatusCode::OK);
        (text.contains(mark) == holds).then_some(())
    })
    .await;
    since.elapsed()
}

/// What a browser with a preview link sees.
async fn previewed(shop: &Dresser, id: &str) -> String {
    let link = shop.post(&format!("{id}/preview")).await;
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let client = client.build().expect("a client");
    let open = shop
        .shopper
        .request(Method::GET, link["path"].as_str().expect("a path"));
    let open = open.build().expect("a request");
    let answer = client.execute(open).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let cookie = answer.headers()["set-cookie"].to_str().expect("ASCII");
    let cookie = cookie.split(';').next().expect("a pair").to_owned();
    let home = shop
        .shopper
        .request(Method::GET, "/")
        .header("cookie", cookie);
    let home = home.send().await.expect("an answer");
    assert_eq!(home.headers()["x-robots-tag"], "noindex");
    home.text().await.expect("a page")
}

/// From upload to rollback; `other` is the same shop in another process.
async fn journey(shop: &Dresser, other: &Shopper) {
    const PLAIN: &str = "FIRSTMARK";
    const SECOND: &str = "SECONDMARK";
    let within = |took: Duration, what: &str| {
        assert!(took <= PROMISED * BUSY_FACTOR, "{what}: {took:?}");
    };
    let id = shop.upload(theme("Plain", PLAIN, "")).await;
    for shopper in [&shop.shopper, other] {
        let (_, text) = page(shopper, "/").await;
        assert!(!text.contains(PLAIN), "it is published to nobody yet");
    }
    assert!(previewed(shop, &id).await.contains(PLAIN));
    let (_, text) = page(&shop.shopper, "/").await;
    assert!(!text.contains(PLAIN), "a preview is for its browser alone");
    shop.post(&format!("{id}/publish")).await;
    let published = Instant::now();
    let (_, text) = page(&shop.shopper, "/").await;
    assert!(text.contains(PLAIN), "whoever published sees it at once");
    within(until_seen(other, PLAIN, true, published).await, "published");
    // One that fails everywhere but at its samples: the built-in pages stand in for it.
    shop.publish(theme("Broken", "BROKENMARK", "{{ 1|divided_by(0) }}"))
        .await;
    let published = Instant::now();
    for shopper in [&shop.shopper, other] {
        until_seen(shopper, PLAIN, false, published).await;
        let (status, text) = page(shopper, "/").await;
        assert_eq!(status, StatusCode::OK);
        assert!(!text.contains("BROKENMARK"));
    }
    // Repaired, it is there at once: no page of the failure is kept past it.
    shop.publish(theme("Mended", SECOND, "")).await;
    let published = Instant::now();
    let (_, text) = page(&shop.shopper, "/").await;
    assert!(text.contains(SECOND), "the page of the failure was kept");
    within(until_seen(other, SECOND, true, published).await, "repaired");
    shop.post("rollback").await;
    let back = Instant::now();
    let (_, text) = page(&shop.shopper, "/").await;
    assert!(!text.contains(SECOND));
    within(until_seen(other, SECOND, false, back).await, "rolled back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_theme_goes_from_upload_to_every_process_and_back() {
    let alone = Stoa::all(&Backend::Sqlite).await;
    let shop = Dresser::of(&alone, "dressed");
    journey(&shop, &shop.shopper.clone()).await;
    let Some(server) = stoa_testkit::postgres_server() else {
        return;
    };
    let backend = Backend::Postgres(stoa_testkit::fresh_database(&server).await);
    let one = Stoa::start(&backend, &["--target", "api"], &[("STOA_DEMO", "true")]).await;
    let _worker = Stoa::start(&backend, &["--target", "worker"], &[]).await;
    let other = Stoa::start(&backend, &["--target", "api"], &[]).await;
    let shop = Dresser::of(&one, "dressed");
    journey(&shop, &Shopper::new(&other.url(), "dressed")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_reaches_out_is_refused_and_leaves_nothing() {
    let stoa = Stoa::all(&Backend::Sqlite).await;
    let shop = Dresser::of(&stoa, "trapper");
    for (what, archive) in traps() {
        let (status, answer) = shop.send(archive).await;
        assert!(
            matches!(status.as_u16(), 413 | 422),
            "{what}: {status} {answer}"
        );
    }
    let kept = shop.merchant.get(THEMES).await;
    assert_eq!(kept["data"].as_array().map(Vec::len), Some(0), "{kept}");
    assert!(!std::path::Path::new("/tmp/outside.html").exists());
}

/// What any page may take from when it was due, beside a theme that does its worst. A slow and busy
/// machine keeps to it; who waits until a theme's time is over, again and again, does not.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// A word that no product has; with another number each request is another one. Pages repeat it.
const WORD: &str = "qq4711";

/// Pages of a shop as they were when it was alone.
struct Known(Vec<(String, String)>);

impl Known {
    async fn of(shopper: &Shopper, paths: &[&str]) -> Self {
        let all = async || {
            let mut all = Vec::new();
            for path in paths {
                let (status, text) = page(shopper, path).await;
                assert_eq!(status, StatusCode::OK, "{path}: {text}");
                all.push(((*path).to_owned(), text));
            }
            all
        };
        // A new shop's first events may still change them.
        let known = eventually("the pages to stay as they are", async || {
            const LOOKS: usize = 10;
            let first = all().await;
            for _ in 1..LOOKS {
                tokio::time::sleep(Duration::from_millis(50)).await;
                if all().await != first {
                    return None;
                }
            }
            Some(first)
        });
        Self(known.await)
    }

    /// Asks for one of them, when it is due; it is right and in time.
    async fn ask(&self, shopper: &Shopper, number: usize, due: tokio::time::Instant, told: &str) {
        let (path, known) = &self.0[number % self.0.len()];
        let own = format!("qq{number:04}");
        let path = path.replace(WORD, &own);
        tokio::time::sleep_until(due).await;
        let answer = tokio::time::timeout_at(due + ANSWER_MAX, page(shopper, &path)).await;
        let (status, text) =
            answer.unwrap_or_else(|_| panic!("{told}: no {path} within {ANSWER_MAX:?}"));
        assert_eq!(status, StatusCode::OK, "{told}: {path}: {text}");
        let right = text == known.replace(WORD, &own);
        assert!(right, "{told}: {path} is another page:\n{text}");
    }
}

/// Asks for a shop's pages at a steady rate, whatever came of earlier questions.
async fn ask_all(
    shopper: &Shopper,
    known: &Arc<Known>,
    numbers: Range<usize>,
    every: Duration,
    told: &'static str,
) {
    let mut due = tokio::time::Instant::now();
    let asked: Vec<_> = numbers
        .map(|number| {
            due += every;
            let (shopper, known) = (shopper.clone(), Arc::clone(known));
            tokio::spawn(async move { known.ask(&shopper, number, due, told).await })
        })
        .collect();
    for each in asked {
        each.await.expect("the page is right and in time");
    }
}

/// Under each hostile theme a shop's pages are the built-in ones; every page of the neighbour is what it
/// was.
#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_theme_fails_on_its_own_pages_only() {
    const CALM_ASKS: usize = 240;
    const CALM_EVERY: Duration = Duration::from_millis(12);
    const EVIL_ASKS: usize = 60;
    const EVIL_EVERY: Duration = Duration::from_millis(48);
    /// No template of the test's themes is for the last two.
    const EVIL_PAGES: [&str; 5] = [
        "/",
        "/search?q=lamp",
        "/collections/all",
        "/cart",
        "/api/v1/products",
    ];
    /// One that is made for this request alone, and some from memory.
    const CALM_PAGES: [&str; 4] = [
        "/search?q=mug+qq4711",
        "/collections/all",
        "/",
        "/api/v1/products",
    ];
    let stoa = Stoa::all(&Backend::Sqlite).await;
    let evil = Dresser::of(&stoa, "evil");
    let calm = Shopper::new(&stoa.url(), "demo");
    let plain = evil.upload(theme("Plain", "PLAINMARK", "")).await;
    let built_in = Arc::new(Known::of(&evil.shopper, &EVIL_PAGES).await);
    let undisturbed = Arc::new(Known::of(&calm, &CALM_PAGES).await);
    let mut asked = 0;
    for (number, (what, harm)) in HOSTILE_THEMES.iter().enumerate() {
        evil.post(&format!("{plain}/publish")).await;
        let (_, home) = page(&evil.shopper, "/").await;
        assert!(home.contains("PLAINMARK"), "themes without harm are shown");
        // Its samples are of another shop, so that the door lets it in.
        evil.publish(theme(&format!("Evil {number}"), "EVILMARK", harm))
            .await;
        let before = fallbacks(&evil.merchant).await;
        tokio::join!(
            ask_all(
                &calm,
                &undisturbed,
                asked..asked + CALM_ASKS,
                CALM_EVERY,
                what
            ),
            ask_all(&evil.shopper, &built_in, 0..EVIL_ASKS, EVIL_EVERY, what),
        );
        asked += CALM_ASKS;
        let failed = fallbacks(&evil.merchant).await - before;
        assert!(
            failed > 0,
            "{what}: it did no harm, so that nothing was shown"
        );
    }
}
