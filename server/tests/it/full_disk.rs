//! A disk that is really full: a small one of the test's own, with everything of a shop on it.
//! Needs root or user namespaces to mount it, and fails where there are neither.

mod disk;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use self::disk::SmallDisk;
use crate::audit::Books;
use crate::support::{
    Backend, CartKey, Merchant, Placed, Shopper, Stoa, archive, eventually, noise_png,
};

/// What is tried of one kind until a full disk refuses it. What was free inside the database's own
/// files is used up on the way.
const TRIES_MAX: usize = 200;
/// Until everything is well again once there is room.
const RECOVERY_MAX: Duration = Duration::from_secs(15);
const UNITS: i64 = 1_000;
/// Carts made ready while there is room, to be paid for while there is none.
const CARTS: usize = 60;

/// What somebody does to a shop that needs room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Edit,
    AddToCart,
    Checkout,
    Upload,
    Import,
    Theme,
}

const DEEDS: [Deed; 6] = [
    Deed::Edit,
    Deed::AddToCart,
    Deed::Checkout,
    Deed::Upload,
    Deed::Import,
    Deed::Theme,
];

struct Answered {
    status: StatusCode,
    kind: String,
    retry_after: bool,
    body: Value,
}

impl Answered {
    async fn to(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("an answer");
        let header = |name: &str| response.headers().get(name).cloned();
        let kind = header("content-type");
        let kind = kind.map_or_else(String::new, |kind| kind.to_str().expect("ASCII").to_owned());
        let retry_after = header("retry-after").is_some();
        let status = response.status();
        let bytes = response.bytes().await.expect("a whole answer");
        Self {
            status,
            kind,
            retry_after,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        }
    }

    /// Whether it was done; else it must be said clearly that there is no room now.
    fn was_done(&self, deed: Deed) -> bool {
        if self.status.is_success() {
            return true;
        }
        let said = (
            self.status.as_u16(),
            self.body["code"].as_str().unwrap_or_default(),
        );
        let clear = [(503, "too_busy"), (507, "media_storage_full")];
        assert!(clear.contains(&said), "{deed:?}: {said:?} {}", self.body);
        assert_eq!(self.kind, "application/problem+json", "{deed:?}");
        assert!(self.retry_after, "{deed:?}: {}", self.body);
        false
    }
}

/// Ten letters that no other word resembles.
fn word() -> String {
    std::iter::repeat_with(fastrand::lowercase)
        .take(12)
        .collect()
}

/// Text that does not shrink.
fn filler(bytes: usize) -> String {
    std::iter::repeat_with(fastrand::alphanumeric)
        .take(bytes)
        .collect()
}

/// A shop on such a disk, and all that it said yes to.
struct Shop {
    disk: SmallDisk,
    merchant: Merchant,
    shopper: Shopper,
    variant: String,
    product: String,
    /// A cart that grows.
    basket: CartKey,
    ready: Vec<CartKey>,
    /// Payment was asked for and refused: to be asked for again, with the same key.
    refused: Vec<CartKey>,
    placed: Vec<Placed>,
    /// Words in titles that the product was given, and such that it was not.
    title: String,
    titles_refused: Vec<String>,
    pictures: Vec<Value>,
    imports: Vec<(String, String)>,
}

impl Shop {
    async fn open() -> Self {
        let disk = SmallDisk::start(&[("STOA_LOG", "warn")]).await;
        let merchant = Merchant::new(&disk.stoa.url(), "demo", &disk.stoa.key("sk_"));
        let shopper = Shopper::new(&disk.stoa.url(), "demo");
        let variant = crate::race::any_variant(&shopper).await;
        merchant.set_stock(&variant, UNITS).await;
        let (_, list) = shopper.get("/api/v1/products?limit=1").await;
        let product = text(&list["data"][0]["id"]);
        let mut ready = Vec::new();
        for _ in 0..CARTS {
            ready.push(shopper.fill_cart(&variant, 1).await.expect("a cart"));
        }
        let basket = ready.pop().expect("many");
        let mut shop = Self {
            disk,
            merchant,
            shopper,
            variant,
            product,
            basket,
            ready,
            refused: Vec::new(),
            placed: Vec::new(),
            title: String::new(),
            titles_refused: Vec::new(),
            pictures: Vec::new(),
            imports: Vec::new(),
        };
        for deed in DEEDS {
            assert!(shop.done(deed).await, "{deed:?} with room on the disk");
        }
        // An index is made when it is first asked for, and takes room itself.
        shop.found(&shop.title, 1).await;
        shop
    }

    /// Does it once; remembers what was promised.
    async fn done(&mut self, deed: Deed) -> bool {
        match deed {
            Deed::Edit => self.edit().await,
            Deed::AddToCart => self.add_to_cart().await,
            Deed::Checkout => self.check_out().await,
            Deed::Upload => self.upload().await,
            Deed::Import => self.import().await,
            Deed::Theme => self.theme().await,
        }
    }

    async fn edit(&mut self) -> bool {
        let word = word();
        let body = json!({ "title": format!("Lamp {word}"),
            "description_html": format!("<p>{}</p>", filler(100_000)) });
        let path = format!("/api/v1/admin/products/{}", self.product);
        let request = self.merchant.request(Method::PATCH, &path);
        let request = request.header("if-match", "*").json(&body);
        let done = Answered::to(request).await.was_done(Deed::Edit);
        if done {
            self.title = word;
        } else {
            self.titles_refused.push(word);
        }
        done
    }

    async fn add_to_cart(&self) -> bool {
        let path = format!("/api/v1/carts/{}/lines", self.basket.id);
        let body = json!({ "variant_id": self.variant, "quantity": 1 });
        let request = self.shopper.request(Method::POST, &path);
        let request = request.header("stoa-cart-token", &self.basket.token);
        Answered::to(request.json(&body))
            .await
            .was_done(Deed::AddToCart)
    }

    async fn check_out(&mut self) -> bool {
        let cart = self.ready.pop().expect("carts enough");
        let done = self.pay(&cart).await;
        if !done {
            self.refused.push(cart);
        }
        done
    }

    async fn pay(&mut self, cart: &CartKey) -> bool {
        let payment = json!({ "provider": "test", "token": "tok_success" });
        let request = self.shopper.checkout_request(cart, &payment, &cart.id);
        let answer = Answered::to(request).await;
        let done = answer.was_done(Deed::Checkout);
        if done {
            self.placed.push(Placed::read(&answer.body));
        }
        done
    }

    async fn upload(&mut self) -> bool {
        let request = self.merchant.request(Method::POST, "/api/v1/admin/media");
        let answer = Answered::to(request.body(noise_png(100))).await;
        let done = answer.was_done(Deed::Upload);
        if done {
            self.pictures.push(answer.body);
        }
        done
    }

    async fn import(&mut self) -> bool {
        let (handle, text) = (word(), filler(50_000));
        let csv = format!(
            "Handle,Title,Body (HTML),Published,Option1 Name,Option1 Value,Variant SKU,\
             Variant Inventory Qty,Variant Price\n\
             {handle},Lamp {handle},{text},true,Title,Default Title,{handle},9,12.34\n"
        );
        let path = "/api/v1/admin/imports?kind=products";
        let request = self.merchant.request(Method::POST, path);
        let request = request.header("content-type", "text/csv").body(csv);
        let answer = Answered::to(request).await;
        let done = answer.was_done(Deed::Import);
        if done {
            self.imports
                .push((crate::full_disk::text(&answer.body["id"]), handle));
        }
        done
    }

    async fn theme(&self) -> bool {
        let toml = format!("name = \"{}\"\nversion = \"1\"\n", word());
        let files = [
            ("theme.toml", toml.as_bytes()),
            ("assets/notes.txt", &filler(60_000).into_bytes()),
        ];
        let request = self.merchant.request(Method::POST, "/api/v1/admin/themes");
        let request = request.header("content-type", "application/zip");
        Answered::to(request.body(archive(&files)))
            .await
            .was_done(Deed::Theme)
    }

    /// Tries, on a disk that is filled again each time, until there is no room.
    async fn until_refused(&mut self, deed: Deed) {
        for _ in 0..TRIES_MAX {
            self.disk.fill();
            if !self.done(deed).await {
                return;
            }
        }
        panic!("{deed:?} was never refused on a full disk");
    }

    /// Everything that shoppers and staff look at.
    async fn read_all(&self) {
        let (_, list) = self.shopper.get("/api/v1/products?limit=1").await;
        let handle = text(&list["data"][0]["handle"]);
        let shown = &self.pictures[0];
        let paths = [
            "/".to_owned(),
            format!("/products/{handle}"),
            "/collections/all".to_owned(),
            "/search?q=lamp".to_owned(),
            "/sitemap.xml".to_owned(),
            format!("/api/v1/products/{handle}"),
            "/api/v1/products".to_owned(),
            "/api/v1/search?q=lamp".to_owned(),
            "/api/v1/search/suggest?q=la".to_owned(),
            text(&shown["url"]),
            // Never made before: it is made, and cannot be kept.
            text(&shown["picture"]["src"]),
            "/api/v1/payment-methods".to_owned(),
        ];
        for path in paths {
            let response = self.shopper.request(Method::GET, &path).send().await;
            let response = response.expect("an answer");
            let status = response.status();
            let text = response.text().await.unwrap_or_default();
            let said = self.disk.stoa.said();
            assert_eq!(status, StatusCode::OK, "{path}: {text}\n{said}");
        }
        let path = format!("/api/v1/carts/{}", self.basket.id);
        let request = self.shopper.request(Method::GET, &path);
        let request = request.header("stoa-cart-token", &self.basket.token);
        assert_eq!(Answered::to(request).await.status, StatusCode::OK);
        for path in ["orders", "products", "media", "imports", "themes"] {
            self.merchant.get(&format!("/api/v1/admin/{path}")).await;
        }
    }

    /// What was said yes to is there, once; what was refused is not.
    async fn settle(&mut self) {
        for cart in std::mem::take(&mut self.refused) {
            assert!(self.pay(&cart).await, "a payment asked for again");
        }
        for placed in &self.placed {
            let status = self.shopper.settled(placed).await;
            assert_eq!(status["order"]["payment_status"], "paid", "{status}");
        }
        for (import, handle) in &self.imports {
            let path = format!("/api/v1/admin/imports/{import}");
            let run = eventually("the import", async || {
                let run = self.merchant.get(&path).await;
                ["done", "failed"]
                    .contains(&run["state"].as_str().expect("a state"))
                    .then_some(run)
            })
            .await;
            assert_eq!(run["state"], "done", "{run}");
            self.shopper.product(handle).await;
            self.found(handle, 1).await;
        }
        self.found(&self.title, 1).await;
        for word in &self.titles_refused {
            self.found(word, 0).await;
        }
        for picture in &self.pictures {
            let url = text(&picture["url"]);
            let response = self.shopper.request(Method::GET, &url).send().await;
            let bytes = response.expect("an answer").bytes().await.expect("a file");
            assert_eq!(hex::encode(Sha256::digest(&bytes)), picture["sha256"]);
        }
    }

    async fn found(&self, word: &str, times: usize) {
        let path = format!("/api/v1/search?q={word}");
        eventually("the search index to follow", async || {
            let (status, page) = self.shopper.get(&path).await;
            let found = page["data"].as_array().map(Vec::len);
            (status == StatusCode::OK && found == Some(times)).then_some(())
        })
        .await;
    }

    async fn books(&self, merchant: &Merchant) {
        let stock: HashMap<_, _> = [(self.variant.clone(), UNITS)].into();
        let books = Books::read(merchant, &self.placed, &stock).await;
        assert_eq!(books.faults(), Vec::<String>::new());
        assert_eq!(books.orders.len(), self.placed.len());
        let audit = merchant.get("/api/v1/admin/ledger/audit").await;
        assert_eq!(audit["mismatches"], json!([]));
    }
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("text, not {value}"))
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_serves_reads_loses_nothing_and_recovers_by_itself() {
    let mut shop = Shop::open().await;
    for deed in DEEDS {
        shop.until_refused(deed).await;
        shop.read_all().await;
    }
    shop.disk.free();
    let began = Instant::now();
    for deed in DEEDS {
        while !shop.done(deed).await {
            assert!(began.elapsed() < RECOVERY_MAX, "{deed:?} with room again");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    shop.settle().await;
    shop.read_all().await;
    shop.books(&shop.merchant).await;

    let key = shop.disk.stoa.key("sk_");
    assert_eq!(
        shop.disk.stoa.terminate(),
        Some(0),
        "{}",
        shop.disk.stoa.said()
    );
    let copy = shop.disk.copy();
    assert!(disk::check_databases(copy.path()) >= 2, "few databases");
    let again = Stoa::start_in(&Backend::Sqlite, copy, &[], &[], &[]).await;
    shop.books(&Merchant::new(&again.url(), "demo", &key)).await;
}
