//! Two shops that call everything by the same names, whose people do things in no order: whatever one
//! of them is shown, at whatever address, never holds the other's mark.

use std::collections::BTreeMap;

use fastrand::Rng;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::{PAGES, make_tenant, send};
use crate::support::{
    Backend, Merchant, Placed, Shopper, Stoa, address, archive, backends, eventually, noise_png,
    seeds,
};

/// Sequences for each kind of database and cache.
const SEEDS: u64 = 1;
const STEPS: usize = 50;
/// Addresses that both look at after each step, of some hundred and fifty.
const LOOKS: usize = 10;

const HANDLES: [&str; 3] = ["lamp", "shelf", "chair"];
/// Asked for in both shops, and answered with what is theirs.
const QUESTIONS: [&str; 10] = [
    "/search?q=lamp",
    "/search/suggest?q=la",
    "/collections/all",
    "/collections/things?sort=price",
    "/api/v1/search?q=lamp",
    "/api/v1/search/suggest?q=la",
    "/api/v1/products?q=lamp",
    "/api/v1/admin/orders?q=ada@example.com",
    "/api/v1/admin/variants?sku=SKU-lamp",
    "/theme-preview/end",
];

/// One of the two, and what it has.
struct Shop {
    slug: String,
    /// In every text that is only this shop's.
    mark: String,
    merchant: Merchant,
    shopper: Shopper,
    /// Ids of things, by what a path says before them.
    ids: BTreeMap<&'static str, Vec<String>>,
    /// Whole addresses: pictures, files of themes, previews, states of orders.
    paths: Vec<String>,
    /// Where pages are asked for: every process that serves them.
    bases: Vec<String>,
}

impl Shop {
    async fn open(processes: &[Stoa], slug: &str) -> Self {
        let stoa = &processes[0];
        let merchant = make_tenant(stoa, slug, "shared").await;
        let mut shop = Self {
            slug: slug.to_owned(),
            mark: format!("{}CANARY{:08x}", slug.to_uppercase(), fastrand::u32(..)),
            merchant,
            shopper: Shopper::new(&stoa.url(), slug),
            ids: BTreeMap::new(),
            paths: Vec::new(),
            bases: processes.iter().map(Stoa::url).collect(),
        };
        for handle in HANDLES {
            shop.import(handle).await;
        }
        shop
    }

    fn knows(&mut self, kind: &'static str, made: &Value) {
        let id = made["id"]
            .as_str()
            .unwrap_or_else(|| panic!("an id in {made}"));
        self.ids.entry(kind).or_default().push(id.to_owned());
    }

    async fn import(&mut self, handle: &str) {
        let mark = &self.mark;
        let csv = format!(
            "Handle,Title,Body (HTML),Vendor,Tags,Published,Option1 Name,Option1 Value,\
             Variant SKU,Variant Inventory Qty,Variant Price\n\
             {handle},{handle} {mark},<p>{mark}</p>,{mark},{mark},true,Title,Default Title,\
             SKU-{handle},1000,12.34\n"
        );
        let path = "/api/v1/admin/imports?kind=products";
        let upload = self.merchant.request(Method::POST, path);
        let (status, run) = send(upload.header("content-type", "text/csv").body(csv)).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{run}");
        self.knows("imports", &run);
        let path = format!(
            "/api/v1/admin/imports/{}",
            run["id"].as_str().expect("an id")
        );
        eventually("the import", async || {
            (self.merchant.get(&path).await["state"] == "done").then_some(())
        })
        .await;
        let product = self.shopper.product(handle).await;
        self.knows("products", &product);
        self.knows("variants", &product["variants"][0]);
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let (status, made) = self
            .merchant
            .post(&format!("/api/v1/admin/{path}"), body)
            .await;
        assert!(
            status.is_success() || status == StatusCode::CONFLICT,
            "{path}: {made}"
        );
        made
    }

    /// Something that this shop's people do.
    async fn act(&mut self, random: &mut Rng) -> &'static str {
        let mark = self.mark.clone();
        match random.usize(0..9) {
            0 => {
                let product = random.choice(&self.ids["products"]).expect("some").clone();
                let title = format!("lamp {} {mark}", random.u32(..));
                let path = format!("/api/v1/admin/products/{product}");
                let patch = self.merchant.request(Method::PATCH, &path);
                let patch = patch
                    .header("if-match", "*")
                    .json(&json!({ "title": title }));
                let (status, told) = send(patch).await;
                assert_eq!(status, StatusCode::OK, "{told}");
                "renames a product"
            }
            1 => {
                let body = json!({ "handle": "things", "title": format!("Things {mark}"),
                    "description_html": mark, "products": HANDLES });
                let made = self.post("collections", &body).await;
                if made["id"].is_string() {
                    self.knows("collections", &made);
                }
                "makes a collection"
            }
            2 => self.upload(random).await,
            3 => self.dress(random).await,
            4 => self.buy(random).await,
            5 => {
                let path = "/api/v1/admin/search/synonyms";
                let groups = json!({ "groups": [["lamp", mark]] });
                let put = self.merchant.request(Method::PUT, path).json(&groups);
                let (status, told) = send(put).await;
                assert!(status.is_success(), "{told}");
                "names synonyms"
            }
            6 => {
                let rate = json!({ "kind": "percentage", "rate_ppm": 10_000 });
                let body = json!({ "title": mark, "codes": ["SAVE"], "benefit": rate });
                let made = self.post("promotions", &body).await;
                if made["id"].is_string() {
                    self.knows("promotions", &made);
                }
                "promises a discount"
            }
            7 => {
                let made = self
                    .post("locations", &json!({ "name": mark, "ships": false }))
                    .await;
                self.knows("locations", &made);
                "opens a shelf"
            }
            _ => {
                // Kept by whatever keeps pages.
                for handle in HANDLES {
                    self.look(&format!("/products/{handle}")).await;
                }
                self.look("/").await;
                "looks around"
            }
        }
    }

    async fn upload(&mut self, random: &mut Rng) -> &'static str {
        // Now and then what the other shop has, too: the very same bytes.
        let picture = match random.bool() {
            true => {
                fastrand::seed(7);
                noise_png(40)
            }
            false => noise_png(40),
        };
        let path = format!("/api/v1/admin/media?name=photo&alt={}", self.mark);
        let request = self.merchant.request(Method::POST, &path).body(picture);
        let (status, made) = send(request).await;
        assert!(status.is_success(), "{made}");
        self.knows("media", &made);
        for address in [&made["url"], &made["picture"]["src"]] {
            self.paths
                .push(address.as_str().expect("an address").to_owned());
        }
        "uploads a picture"
    }

    async fn dress(&mut self, random: &mut Rng) -> &'static str {
        let mark = &self.mark;
        let toml = format!("name = \"Plain\"\nversion = \"{}\"\n", random.u32(..));
        let files = [
            ("theme.toml", toml.as_bytes()),
            (
                "templates/home.html",
                &format!("<h1>{mark}</h1>").into_bytes(),
            ),
            ("assets/notes.txt", mark.as_bytes()),
        ];
        let request = self.merchant.request(Method::POST, "/api/v1/admin/themes");
        let request = request.header("content-type", "application/zip");
        let (status, made) = send(request.body(archive(&files))).await;
        assert!(status.is_success(), "{made}");
        self.knows("themes", &made);
        let theme = made["id"].as_str().expect("an id");
        let preview = self
            .post(&format!("themes/{theme}/preview"), &json!({}))
            .await;
        self.paths
            .push(preview["path"].as_str().expect("a link").to_owned());
        if let Some(digest) = made["digest"].as_str() {
            self.paths
                .push(format!("/assets/themes/{digest}/notes.txt"));
        }
        let file = format!("/api/v1/admin/themes/{theme}/files/assets/notes.txt");
        self.paths.push(file);
        if random.bool() {
            self.post(&format!("themes/{theme}/publish"), &json!({}))
                .await;
        }
        "changes its looks"
    }

    async fn buy(&mut self, random: &mut Rng) -> &'static str {
        let variant = random.choice(&self.ids["variants"]).expect("some").clone();
        let cart = self.shopper.fill_cart(&variant, 1).await.expect("a cart");
        let mut to = address();
        to["name"] = json!(self.mark);
        let details = json!({ "email": "ada@example.com", "shipping_address": to,
            "note": self.mark });
        let patch = self
            .shopper
            .request(Method::PATCH, &format!("/api/v1/carts/{}", cart.id))
            .header("stoa-cart-token", &cart.token)
            .json(&details);
        let (status, told) = send(patch).await;
        assert!(status.is_success(), "{told}");
        self.ids.entry("carts").or_default().push(cart.id.clone());
        let paid = self
            .shopper
            .checkout(&cart, "tok_success", "the-same-key")
            .await;
        let (status, body) = paid.expect("an answer");
        // The key belongs to the shopper's first cart; both shops use it.
        if status == StatusCode::ACCEPTED {
            let placed = Placed::read(&body);
            self.shopper.settled(&placed).await;
            self.ids.entry("orders").or_default().push(placed.order);
            let status = placed.status_url;
            self.paths
                .push(status[status.find("/api").expect("a path")..].to_owned());
        }
        "sells"
    }

    fn request(&self, path: &str) -> RequestBuilder {
        let base = fastrand::choice(&self.bases).expect("some");
        match path.starts_with("/api/v1/admin") {
            true => self.merchant.request(Method::GET, path),
            // As a browser asks: the shop is in the host's name.
            false if fastrand::bool() => Client::new()
                .get(format!("{base}{path}"))
                .header("host", format!("{}.localhost", self.slug)),
            // As a program does: on a host that both share.
            false => Client::new()
                .get(format!("{base}{path}"))
                .header("stoa-tenant", &self.slug),
        }
    }

    /// Everything that came back, headers and all.
    async fn look(&self, path: &str) -> String {
        let response = self.request(path).send().await.expect("an answer");
        let status = response.status();
        assert!(status.as_u16() < 500 || status == 503, "{path}: {status}");
        let head = format!("{status} {:?}", response.headers());
        let bytes = response.bytes().await.expect("a whole answer");
        head + &String::from_utf8_lossy(&bytes)
    }
}

/// What a part of a path stands for, out of what either shop has.
fn filled(pattern: &str, random: &mut Rng, shops: &[Shop; 2]) -> String {
    let mut path = Vec::new();
    let mut before = "";
    for part in pattern.split('/') {
        if !part.starts_with('{') {
            before = part;
            path.push(part.to_owned());
            continue;
        }
        let shopper_side = !pattern.starts_with("/api/v1/admin");
        let of = &shops[random.usize(0..2)].ids;
        let named = match before {
            "products" if shopper_side => random.choice(HANDLES).map(str::to_owned),
            "collections" if shopper_side => Some("things".to_owned()),
            "checkouts" | "pay" => of.get("orders").and_then(|ids| random.choice(ids).cloned()),
            _ => of.get(before).and_then(|ids| random.choice(ids).cloned()),
        };
        path.push(named.unwrap_or_else(|| "x".to_owned()));
    }
    path.join("/")
}

/// Every address that may be looked at, and what is known besides.
fn patterns(document: &Value) -> Vec<String> {
    let listed = document["paths"].as_object().expect("paths");
    let gets = listed
        .iter()
        .filter(|(_, methods)| !methods["get"].is_null())
        .map(|(path, _)| path.clone());
    let pages = PAGES.iter().chain(&QUESTIONS);
    gets.chain(pages.map(|page| (*page).to_owned())).collect()
}

struct World {
    told: String,
    patterns: Vec<String>,
    shops: [Shop; 2],
    random: Rng,
    deeds: Vec<String>,
}

impl World {
    async fn begin(processes: &[Stoa], told: String, seed: u64) -> Self {
        let document = format!("{}/api/v1/openapi.json", processes[0].url());
        let document = reqwest::get(document).await.expect("an answer");
        let document: Value = document.json().await.expect("JSON");
        let names = [format!("left{seed}"), format!("right{seed}")];
        Self {
            told: format!("{told}, seed {seed}"),
            patterns: patterns(&document),
            shops: [
                Shop::open(processes, &names[0]).await,
                Shop::open(processes, &names[1]).await,
            ],
            random: Rng::with_seed(seed),
            deeds: Vec::new(),
        }
    }

    async fn step(&mut self) {
        let who = self.random.usize(0..2);
        let deed = self.shops[who].act(&mut self.random).await;
        self.deeds.push(format!("{} {deed}", self.shops[who].slug));
        for _ in 0..LOOKS {
            let pattern = self.random.choice(&self.patterns).expect("some").clone();
            let mut path = filled(&pattern, &mut self.random, &self.shops);
            if self.random.u8(0..5) == 0 {
                let known = &self.shops[self.random.usize(0..2)].paths;
                path = self.random.choice(known).cloned().unwrap_or(path);
            }
            self.compare(&path).await;
        }
    }

    /// Both look, one after the other, and neither sees the other.
    async fn compare(&self, path: &str) {
        for (who, other) in [(0, 1), (1, 0)] {
            let seen = self.shops[who].look(path).await;
            let stranger = &self.shops[other].mark;
            assert!(
                !seen.contains(stranger),
                "{}: {} was shown {stranger} at {path}, after {:#?}",
                self.told,
                self.shops[who].slug,
                self.deeds
            );
        }
    }

    /// Every address there is, with the names of both; how many show a shop what is its own.
    async fn compare_all(&mut self) -> usize {
        let mut paths: Vec<String> = Vec::new();
        for pattern in self.patterns.clone() {
            paths.push(filled(&pattern, &mut self.random, &self.shops));
        }
        paths.extend(
            self.shops
                .iter()
                .flat_map(|shop| shop.paths.iter().cloned()),
        );
        let mut own = 0;
        for path in &paths {
            self.compare(path).await;
            let shop = &self.shops[0];
            own += usize::from(shop.look(path).await.contains(&shop.mark));
        }
        own
    }
}

async fn keep_apart(backend: &Backend, cache: Option<&str>) {
    let prefix = format!("stoa-it-{:016x}", fastrand::u64(..));
    let mut environment = vec![
        ("STOA_LOG", "error"),
        ("STOA_CACHE_PREFIX", prefix.as_str()),
    ];
    environment.extend(cache.map(|url| ("STOA_CACHE", url)));
    let mut processes = vec![Stoa::start(backend, &[], &environment).await];
    if let (Backend::Postgres(_), Some(_)) = (backend, cache) {
        // Another one, with a memory of its own, is given what the first keeps in Redis.
        let blobs = format!("file:{}", processes[0].data_dir.join("blobs").display());
        environment.push(("STOA_BLOBS", &blobs));
        processes.push(Stoa::start(backend, &["--target", "api"], &environment).await);
    }
    let told = format!("{backend:?}, cache {cache:?}");
    for seed in 0..seeds(SEEDS) {
        let mut world = World::begin(&processes, told.clone(), seed).await;
        for _ in 0..STEPS {
            world.step().await;
        }
        let own = world.compare_all().await;
        // The same looks find a shop's own mark: they are not blind.
        assert!(
            own >= 25,
            "{}: only {own} show what is one's own",
            world.told
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_two_shops_do_neither_is_shown_the_other() {
    let redis = stoa_testkit::redis_server();
    for backend in backends().await {
        keep_apart(&backend, None).await;
    }
    if let Some(redis) = redis {
        for backend in backends().await {
            keep_apart(&backend, Some(&redis)).await;
        }
    }
}
