//! An edited price: at once in the process that took it, within a second on every page, list and
//! search of every other one, and never older again than it was seen before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Backend, Merchant, Shopper, Stoa, backends, eventually};

const EDITS: i64 = 40;
const EDIT_EVERY: Duration = Duration::from_millis(60);
/// What Stoa promises of a machine that has time for it: a follower looks every 250 ms, and an index
/// gathers for 300 ms more.
const PROMISED: Duration = Duration::from_secs(1);
/// What a test holds it to: unoptimised programs, their database, their readers and other tests
/// share the cores, so that a look that is due may come late. It prints what it measured.
const BUSY_FACTOR: u32 = 3;
/// Between two looks of one reader.
const LOOK_EVERY: Duration = Duration::from_millis(7);
/// The price of edit 0; the last two digits count.
const FIRST_PRICE: i64 = 9_000_000;
const SHOWN: &str = "€90,000.";

/// Where a shopper sees a price, or a title that counts along with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    ProductJson,
    ProductPage,
    ListPage,
    SearchPage,
    SearchJson,
    Suggestions,
}

impl Place {
    const ALL: [Self; 6] = [
        Self::ProductJson,
        Self::ProductPage,
        Self::ListPage,
        Self::SearchPage,
        Self::SearchJson,
        Self::Suggestions,
    ];

    const fn path(self) -> &'static str {
        match self {
            Self::ProductJson => "/api/v1/products/beacon",
            Self::ProductPage => "/products/beacon",
            Self::ListPage => "/collections/all?sort=-price",
            Self::SearchPage => "/search?q=beacon",
            Self::SearchJson => "/api/v1/search?q=beacon",
            Self::Suggestions => "/api/v1/search/suggest?q=beac",
        }
    }

    /// The number of the edit that it shows.
    fn edit(self, body: &str) -> Option<i64> {
        let json = || serde_json::from_str::<Value>(body).ok();
        let price = |price: &Value| price["amount"].as_i64().map(|amount| amount - FIRST_PRICE);
        match self {
            Self::ProductJson => price(&json()?["variants"][0]["price"]),
            Self::SearchJson => price(&json()?["data"][0]["price"]),
            Self::Suggestions => {
                let title = json()?["data"][0]["title"].as_str()?.to_owned();
                title.rsplit(' ').next()?.parse().ok()
            }
            Self::ProductPage | Self::ListPage | Self::SearchPage => {
                let (_, after) = body.split_once(SHOWN)?;
                after.get(..2)?.parse().ok()
            }
        }
    }
}

/// What a reader saw of an edit, and when it had asked.
#[derive(Debug, Clone, Copy)]
struct Look {
    asked: Instant,
    edit: i64,
}

async fn look(shopper: &Shopper, place: Place) -> Option<Look> {
    let asked = Instant::now();
    let answer = shopper.request(Method::GET, place.path()).send().await;
    let answer = answer.expect("an answer");
    let status = answer.status();
    let body = answer.text().await.expect("a body");
    assert_eq!(status, StatusCode::OK, "{place:?}: {body}");
    let edit = place.edit(&body)?;
    Some(Look { asked, edit })
}

/// Looks again and again until told to stop; each look is checked against the one before it.
async fn read(shopper: Shopper, place: Place, over: Arc<AtomicBool>) -> (Place, Vec<Look>) {
    let mut looks: Vec<Look> = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let look = look(&shopper, place).await;
        let look = look.unwrap_or_else(|| panic!("{place:?} shows no edit"));
        if let Some(before) = looks.last() {
            assert!(
                look.edit >= before.edit,
                "{place:?} showed edit {} and then {}",
                before.edit,
                look.edit
            );
        }
        looks.push(look);
        tokio::time::sleep(LOOK_EVERY).await;
    }
    (place, looks)
}

struct Beacon {
    merchant: Merchant,
    product: String,
    variant: String,
}

impl Beacon {
    async fn make(merchant: Merchant) -> Self {
        let body = json!({ "handle": "beacon", "title": "Beacon 0", "tags": ["beacon"] });
        let (status, made) = merchant.post("/api/v1/admin/products", &body).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        let text = |value: &Value| value.as_str().expect("an id").to_owned();
        let beacon = Self {
            product: text(&made["id"]),
            variant: text(&made["variants"][0]["id"]),
            merchant,
        };
        beacon.merchant.set_stock(&beacon.variant, 1_000).await;
        beacon.edit(0).await;
        beacon
    }

    /// A new title, and then a new price.
    async fn edit(&self, number: i64) {
        let path = format!("/api/v1/admin/products/{}", self.product);
        let patch = self.merchant.request(Method::PATCH, &path);
        let title = json!({ "title": format!("Beacon {number}") });
        let patch = patch.header("if-match", "*").json(&title);
        let answer = patch.send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        let price = json!({ "amount": FIRST_PRICE + number, "currency": "EUR" });
        let prices = json!({ "prices": [{ "variant_id": self.variant, "price": price }] });
        let put = self
            .merchant
            .request(Method::PUT, "/api/v1/admin/price-lists/default/prices");
        let put = put.header("idempotency-key", format!("edit-{number}"));
        let answer = put.json(&prices).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
    }
}

/// How long after edits the places of a process still showed what was before them.
fn staleness(edits: &[Instant], looks: &[Look]) -> Duration {
    let mut worst = Duration::ZERO;
    for look in looks {
        // The first edit that it should have shown, and did not.
        let missed = usize::try_from(look.edit + 1).expect("edits count from 0");
        if let Some(at) = edits.get(missed) {
            worst = worst.max(look.asked.saturating_duration_since(*at));
        }
    }
    worst
}

/// Edits through one process while readers hammer all of them.
async fn hammer(what: &str, editing: &Stoa, others: &[&Stoa]) {
    let beacon = Beacon::make(Merchant::new(&editing.url(), "demo", &editing.key("sk_"))).await;
    let own = Shopper::new(&editing.url(), "demo");
    let all: Vec<Shopper> = std::iter::once(own.clone())
        .chain(others.iter().map(|stoa| Shopper::new(&stoa.url(), "demo")))
        .collect();
    for shopper in &all {
        for place in Place::ALL {
            eventually("the product to be everywhere", async || {
                look(shopper, place).await
            })
            .await;
        }
    }
    let over = Arc::new(AtomicBool::new(false));
    let mut readers = Vec::new();
    for (process, shopper) in all.iter().enumerate() {
        for place in Place::ALL {
            let reading = read(shopper.clone(), place, Arc::clone(&over));
            readers.push((process, tokio::spawn(reading)));
        }
    }
    let mut edits = vec![Instant::now()];
    for number in 1..=EDITS {
        beacon.edit(number).await;
        edits.push(Instant::now());
        // The very next look of whoever edited: the index follows later, the price is there.
        for place in [Place::ProductJson, Place::ProductPage, Place::ListPage] {
            let seen = look(&own, place).await.expect("the beacon");
            assert_eq!(seen.edit, number, "{what}: {place:?} after its edit");
        }
        tokio::time::sleep(EDIT_EVERY).await;
    }
    tokio::time::sleep(PROMISED * BUSY_FACTOR).await;
    over.store(true, Ordering::Relaxed);
    for (process, reader) in readers {
        let (place, looks) = reader.await.expect("a reader that saw nothing wrong");
        let worst = staleness(&edits, &looks);
        let most = match process {
            0 => Duration::ZERO,
            _ => PROMISED * BUSY_FACTOR,
        };
        assert!(
            worst <= most,
            "{what}: process {process}, {place:?}: {worst:?}"
        );
        assert_eq!(looks.last().map(|look| look.edit), Some(EDITS), "{place:?}");
    }
    found_by_new_words(&beacon, &all).await;
}

/// The index as well: what only it can say is found by all within the time.
async fn found_by_new_words(beacon: &Beacon, all: &[Shopper]) {
    let path = format!("/api/v1/admin/products/{}", beacon.product);
    // Far from each other, as one typo is forgiven.
    for word in ["zorpling", "quibbex", "mandrith", "wofterly", "jaspoon"] {
        let patch = beacon.merchant.request(Method::PATCH, &path);
        let patch = patch.header("if-match", "*");
        let patch = patch.json(&json!({ "title": format!("Beacon {word}") }));
        // Asked for before, so that a list without it is kept.
        let page = format!("/search?q={word}");
        for shopper in all {
            let empty = shopper.request(Method::GET, &page).send().await;
            let empty = empty.expect("an answer").text().await.expect("a body");
            assert!(!empty.contains(SHOWN), "{word} is found before it is there");
        }
        let answer = patch.send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        let edited = Instant::now();
        for shopper in all {
            let json = format!("/api/v1/search?q={word}");
            eventually("the new word in the index", async || {
                let (_, found) = shopper.get(&json).await;
                (found["total"] == 1).then_some(())
            })
            .await;
            eventually("the new word on a page", async || {
                let found = shopper.request(Method::GET, &page).send().await;
                let found = found.expect("an answer").text().await.expect("a body");
                found.contains(SHOWN).then_some(())
            })
            .await;
            let took = edited.elapsed();
            assert!(took <= PROMISED * BUSY_FACTOR, "{word}: {took:?}");
        }
    }
}

/// Two that serve and one that works, over one PostgreSQL.
async fn three_processes(cache: &[(&str, &str)], what: &str) {
    let Some(server) = stoa_testkit::postgres_server() else {
        return;
    };
    let backend = Backend::Postgres(stoa_testkit::fresh_database(&server).await);
    let with_demo = [cache, &[("STOA_DEMO", "true")]].concat();
    let one = Stoa::start(&backend, &["--target", "api"], &with_demo).await;
    let _worker = Stoa::start(&backend, &["--target", "worker"], cache).await;
    let other = Stoa::start(&backend, &["--target", "api"], cache).await;
    hammer(what, &one, &[&other]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_everywhere_in_a_second_by_memory_alone() {
    three_processes(&[], "memory").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_everywhere_in_a_second_with_redis_between_the_processes() {
    let Some(redis) = stoa_testkit::redis_server() else {
        return;
    };
    let prefix = format!("fresh{:016x}", fastrand::u64(..));
    let cache = [
        ("STOA_CACHE", redis.as_str()),
        ("STOA_CACHE_PREFIX", prefix.as_str()),
    ];
    three_processes(&cache, "redis").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_everywhere_at_once_in_a_process_alone() {
    let shop = Stoa::all(&Backend::Sqlite).await;
    hammer("sqlite", &shop, &[]).await;
}

fn generated_csv(products: usize) -> String {
    let mut csv = String::from(
        "Handle,Title,Body (HTML),Vendor,Tags,Published,Option1 Name,Option1 Value,Variant SKU,\
         Variant Inventory Qty,Variant Price\n",
    );
    for number in 0..products {
        csv += &format!(
            "gadget-{number},Gadget {number},<p>Gadget</p>,Maker,gadget,true,Title,Default Title,\
             GADGET-{number},7,9.50\n"
        );
    }
    csv
}

struct Warm {
    hits: i64,
    fills: i64,
}

impl Warm {
    async fn read(merchant: &Merchant) -> Self {
        let mut warm = Self { hits: 0, fills: 0 };
        for by in ["memory", "stale", "joined"] {
            let name = format!(r#"stoa_cache_reads_total{{by="{by}",space="pages"}}"#);
            warm.hits += merchant.metric(&name).await.unwrap_or_default();
        }
        let fills = r#"stoa_cache_reads_total{by="fill",space="pages"}"#;
        warm.fills = merchant.metric(fills).await.unwrap_or_default();
        warm
    }

    /// Hits in a hundred since then.
    fn ratio_since(&self, before: &Self) -> i64 {
        let (hits, fills) = (self.hits - before.hits, self.fills - before.fills);
        hits * 100 / (hits + fills).max(1)
    }
}

/// Pages of products that nobody touches stay kept while others are edited and imported.
#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_products_stay_warm_through_edits_and_an_import() {
    const IMPORTED: usize = 1_500;
    const WARM_MIN: i64 = 90;
    for backend in backends().await {
        let shop = Stoa::all(&backend).await;
        let merchant = Merchant::new(&shop.url(), "demo", &shop.key("sk_"));
        let shopper = Shopper::new(&shop.url(), "demo");
        let rows = merchant.list("/api/v1/admin/products").await;
        let handles = rows.iter().filter_map(|row| row["handle"].as_str());
        let pages: Vec<String> = handles
            .map(|handle| format!("/products/{handle}"))
            .collect();
        assert!(pages.len() >= 10, "the demo shop has products");
        let beacon = Beacon::make(merchant.clone()).await;
        let visit = async || {
            for page in &pages {
                let answer = shopper.request(Method::GET, page).send().await;
                assert_eq!(
                    answer.expect("an answer").status(),
                    StatusCode::OK,
                    "{page}"
                );
            }
        };
        visit().await;
        let before = Warm::read(&merchant).await;
        for number in 1..=10 {
            beacon.edit(number).await;
            visit().await;
        }
        let edited = Warm::read(&merchant).await;
        let upload = merchant.request(Method::POST, "/api/v1/admin/imports?kind=products");
        let upload = upload.header("content-type", "text/csv");
        let run = upload.body(generated_csv(IMPORTED)).send().await;
        let run: Value = run.expect("an answer").json().await.expect("JSON");
        let path = format!(
            "/api/v1/admin/imports/{}",
            run["id"].as_str().expect("an id")
        );
        let mut rounds = 0;
        while merchant.get(&path).await["state"] != "done" {
            visit().await;
            rounds += 1;
        }
        let imported = Warm::read(&merchant).await;
        let (edits, import) = (edited.ratio_since(&before), imported.ratio_since(&edited));
        println!(
            "{backend:?}: {edits} % hits during edits, {import} % in {rounds} rounds of an import"
        );
        assert!(edits >= WARM_MIN, "{edits} % during edits");
        assert!(
            rounds >= 3 && import >= WARM_MIN,
            "{import} % in {rounds} rounds"
        );
    }
}
