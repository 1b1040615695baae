//! Measures searches over a generated catalog: `cargo run --release -p stoa-search --example load --
//! [products] [seconds]`. Prints latencies; decides nothing.
#![expect(clippy::print_stdout, reason = "the latencies are its answer")]

#[path = "../tests/it/shelf.rs"]
#[expect(dead_code, reason = "the tests use all of it")]
mod shelf;

use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use stoa_contracts::catalog::ProductOption;
use stoa_contracts::search::{Search, SearchFilter, SearchQuery, SearchSort};
use stoa_kernel::{Currency, TenantId};
use stoa_rest::CursorKey;
use stoa_search::{MIGRATIONS, SearchConfig, start};
use stoa_telemetry::Metrics;
use tokio::sync::watch;

const NOUNS: [&str; 12] = [
    "shirt", "lamp", "sneaker", "jacket", "table", "mug", "backpack", "watch", "dress", "chair",
    "bottle", "blanket",
];
const KINDS: [&str; 12] = [
    "cotton",
    "linen",
    "trail",
    "classic",
    "summer",
    "winter",
    "slim",
    "vintage",
    "organic",
    "waterproof",
    "compact",
    "soft",
];
const COLORS: [&str; 8] = [
    "Red", "Blue", "Green", "Black", "White", "Grey", "Pink", "Brown",
];

fn number(args: &mut std::env::Args, default: u64) -> u64 {
    args.next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

fn fill(shelf: &shelf::Shelf, tenant: TenantId, products: u64) {
    let mut random = fastrand::Rng::with_seed(7);
    for n in 0..products {
        let (noun, kind) = (random.choice(NOUNS), random.choice(KINDS));
        let (noun, kind) = (noun.unwrap_or("shirt"), kind.unwrap_or("cotton"));
        let brand = random.u32(..500);
        let word: String = (0..6).map(|_| random.lowercase()).collect();
        let mut made = shelf::product(u128::from(n) + 1, &format!("{kind} {noun} {word}"));
        made.description = format!("A {kind} {noun} by brand {brand}, made for every day. {word}");
        made.vendor = Some(format!("Brand {brand}"));
        made.product_type = Some(noun.to_owned());
        made.tags = vec![kind.to_owned()];
        made.collections = vec![format!("c{}", n % 20), "all".to_owned()];
        made.available = n % 7 != 0;
        let color = |_| random.choice(COLORS).unwrap_or("Red").to_owned();
        made.options = vec![ProductOption {
            name: "Color".to_owned(),
            values: (0..3).map(color).collect(),
        }];
        let price = 100 + random.i64(..50_000);
        made.prices = vec![(shelf::euros(price), shelf::euros(price))];
        shelf.put(tenant, made);
    }
}

async fn timed<F>(name: &str, seconds: u64, per_second: u64, ask: impl Fn(u64) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let (sender, mut times) = tokio::sync::mpsc::unbounded_channel();
    let mut tick = tokio::time::interval(Duration::from_micros(1_000_000 / per_second));
    for n in 0..seconds * per_second {
        tick.tick().await;
        let (asked, sender) = (ask(n), sender.clone());
        let began = Instant::now();
        tokio::spawn(async move {
            asked.await;
            let _ = sender.send(began.elapsed());
        });
    }
    drop(sender);
    let mut histogram = Histogram::<u64>::new(3).expect("three digits");
    while let Some(took) = times.recv().await {
        histogram.saturating_record(took.as_micros() as u64);
    }
    let at = |quantile| histogram.value_at_quantile(quantile);
    println!(
        "{name:<34} {per_second:>4}/s  p50 {:>7} us  p99 {:>7} us  max {:>7} us",
        at(0.5),
        at(0.99),
        histogram.max()
    );
}

async fn measure(search: Arc<dyn Search>, tenant: TenantId, seconds: u64) {
    let find = |query: fn(u64) -> SearchQuery| {
        let search = Arc::clone(&search);
        move |n| {
            let search = Arc::clone(&search);
            async move { drop(search.find(tenant, &query(n)).await.expect("a page")) }
        }
    };
    timed(
        "collection page, filtered, by price",
        seconds,
        100,
        find(|n| {
            let mut query = SearchQuery::all(Currency::EUR, 48);
            query.sort = SearchSort::PriceAscending;
            let filter = |name: &str, value: String| SearchFilter {
                name: name.to_owned(),
                values: vec![value],
            };
            query.filters = vec![
                filter("collection", format!("c{}", n % 20)),
                filter("option.Color", COLORS[n as usize / 20 % 8].to_owned()),
            ];
            query
        }),
    )
    .await;
    timed(
        "search of two words, with facets",
        seconds,
        500,
        find(|n| {
            let (kind, noun) = (KINDS[n as usize % 12], NOUNS[n as usize / 12 % 12]);
            let mut query = SearchQuery::all(Currency::EUR, 48);
            query.text = format!("{kind} {noun}");
            // Another question each time, so that no answer is in memory.
            query.price = Some(stoa_contracts::search::PriceRange {
                min: Some(n as i64),
                max: None,
            });
            query
        }),
    )
    .await;
    timed(
        "search with a typo",
        seconds,
        100,
        find(|n| {
            let mut query = SearchQuery::all(Currency::EUR, 48);
            query.text = format!("waterprof sneeker {n}");
            query
        }),
    )
    .await;
    let asked = Arc::clone(&search);
    timed("as you type", seconds, 200, move |n| {
        let search = Arc::clone(&asked);
        async move {
            let start = &NOUNS[n as usize % 12][..1 + n as usize / 12 % 3];
            drop(
                search
                    .suggest(tenant, start, None, 8)
                    .await
                    .expect("suggestions"),
            );
        }
    })
    .await;
}

#[tokio::main]
async fn main() {
    let mut args = std::env::args();
    args.next();
    let products = number(&mut args, 100_000);
    let seconds = number(&mut args, 10);
    let cells = stoa_testkit::sqlite(&[MIGRATIONS], stoa_storage::Isolation::Shared).await;
    let tenant = cells.tenant("load").await;
    let shelf = Arc::new(shelf::Shelf::default());
    fill(&shelf, tenant, products);
    let folder = tempfile::tempdir().expect("a folder");
    let metrics = Metrics::new(cells.deps.now());
    let module = start(
        cells.deps.clone(),
        SearchConfig::new(folder.path()),
        shelf,
        CursorKey::new([3; 32]),
        &metrics,
    );
    let (_stop, stopped) = watch::channel(false);
    tokio::spawn(module.follower.run(stopped));
    let began = Instant::now();
    let all = SearchQuery::all(Currency::EUR, 1);
    while module.contract.find(tenant, &all).await.is_err() {}
    println!(
        "{products} products were indexed within {:?}",
        began.elapsed()
    );
    measure(module.contract, tenant, seconds).await;
}
