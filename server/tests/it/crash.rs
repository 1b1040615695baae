//! kill -9 in the middle of everything; nothing lost, doubled, or charged without an order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::audit::Books;
use crate::support::{Backend, Merchant, Placed, Provider, Shopper, Stoa, backends, eventually};

const KILLS: usize = 20;
const SHOPPERS: usize = 200;
const UNITS: i64 = 100_000;
const IMPORT_KILLS_MAX: usize = 12;

/// Buys once, however often the shop goes away in between: each step is tried until it is answered,
/// the checkout always with the same key.
async fn buy_through_crashes(shopper: Shopper, variant: String, key: String) -> Placed {
    const PAUSE: Duration = Duration::from_millis(20);
    let cart = loop {
        match shopper.fill_cart(&variant, 1).await {
            Ok(cart) => break cart,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    };
    loop {
        match shopper.checkout(&cart, "tok_success", &key).await {
            Ok((status, body)) if status == 202 => return Placed::read(&body),
            Ok((status, body)) => assert!(status.is_server_error(), "{status} {body}"),
            Err(_) => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn survive_kills(backend: Backend, seed: u64) {
    let provider = Provider::start();
    let mut shop = Stoa::start(&backend, &[], &provider.environment()).await;
    let merchant = Merchant::new(&shop.url(), "demo", &shop.key("sk_"));
    let shopper = Shopper::new(&shop.url(), "demo");
    let variant = crate::race::any_variant(&shopper).await;
    merchant.set_stock(&variant, UNITS).await;

    let done = Arc::new(AtomicBool::new(false));
    let buyers: Vec<_> = (0..SHOPPERS)
        .map(|number| {
            let (shopper, variant, done) = (shopper.clone(), variant.clone(), done.clone());
            tokio::spawn(async move {
                let mut placed = Vec::new();
                let mut round = 0;
                // Keeps buying until the killing ends, and at least once.
                while round == 0 || !done.load(Ordering::Acquire) {
                    let key = format!("buyer-{number}-{round}");
                    placed.push(buy_through_crashes(shopper.clone(), variant.clone(), key).await);
                    round += 1;
                }
                placed
            })
        })
        .collect();
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..KILLS {
        // The moment is the point: some kills hit a commit, some a provider call, some nothing.
        tokio::time::sleep(Duration::from_micros(random.u64(5_000..400_000))).await;
        shop.kill();
        shop.restart().await;
    }
    done.store(true, Ordering::Release);
    let mut placed = Vec::new();
    for buyer in buyers {
        placed.extend(buyer.await.expect("no panic"));
    }
    for one in &placed {
        let status = shopper.settled(one).await;
        assert_eq!(
            status["order"]["payment_status"], "paid",
            "seed {seed}: {status}"
        );
    }
    let stock = [(variant, UNITS)].into();
    let books = Books::read(&merchant, &placed, &stock).await;
    assert_eq!(books.faults(), Vec::<String>::new(), "seed {seed}");
    let audit = merchant.get("/api/v1/admin/inventory/audit").await;
    assert_eq!(audit["mismatches"], serde_json::json!([]), "seed {seed}");
    assert_eq!(audit["complete"], true, "seed {seed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_twenty_times_during_two_hundred_checkouts() {
    for (number, backend) in backends().await.into_iter().enumerate() {
        survive_kills(backend, 20_261_121 + number as u64).await;
    }
}

/// A CSV of `products` products of two variants each.
fn generated_csv(products: usize) -> String {
    let mut csv = String::from(
        "Handle,Title,Body (HTML),Vendor,Tags,Published,Option1 Name,Option1 Value,Variant SKU,\
         Variant Inventory Qty,Variant Price\n",
    );
    for number in 0..products {
        for size in ["S", "L"] {
            csv += &format!(
                "thing-{number},Thing {number},<p>Thing</p>,Maker,tag,true,Size,{size},\
                 SKU-{number}-{size},7,9.50\n"
            );
        }
    }
    csv
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_during_an_import_and_every_product_is_there_once() {
    const PRODUCTS: usize = 4_000;
    let mut shop = Stoa::all(&Backend::Sqlite).await;
    let made = shop.command(&["tenant", "create", "big"]);
    assert!(made.status.success(), "{made:?}");
    let key = shop.command(&["key", "create", "--tenant", "big", "--kind", "secret"]);
    let key = String::from_utf8(key.stdout)
        .expect("UTF-8")
        .trim()
        .to_owned();
    let merchant = Merchant::new(&shop.url(), "big", &key);
    let upload = merchant
        .request(reqwest::Method::POST, "/api/v1/admin/imports?kind=products")
        .header("content-type", "text/csv")
        .body(generated_csv(PRODUCTS));
    let run: serde_json::Value = upload
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    let path = format!(
        "/api/v1/admin/imports/{}",
        run["id"].as_str().expect("an id")
    );
    let mut random = fastrand::Rng::with_seed(7);
    let mut kills = 0;
    while kills < IMPORT_KILLS_MAX && merchant.get(&path).await["state"] != "done" {
        tokio::time::sleep(Duration::from_micros(random.u64(1_000..600_000))).await;
        shop.kill();
        kills += 1;
        shop.restart().await;
    }
    assert!(kills > 0, "the import was over before the first kill");
    eventually("the import to end", async || {
        (merchant.get(&path).await["state"] == "done").then_some(())
    })
    .await;
    let report = merchant.get(&path).await;
    assert_eq!(report["products"]["created"], PRODUCTS, "{report}");
    assert_eq!(report["products"]["rejected"], 0, "{report}");
    let products = merchant.list("/api/v1/admin/products").await;
    let mut handles: Vec<String> = products
        .iter()
        .map(|product| product["handle"].as_str().expect("a handle").to_owned())
        .collect();
    handles.sort();
    handles.dedup();
    assert_eq!((products.len(), handles.len()), (PRODUCTS, PRODUCTS));
}
