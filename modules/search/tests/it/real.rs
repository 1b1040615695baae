//! Search over the real catalog: whatever a merchant changes there is found, filtered and counted by
//! search within the follower's time.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use serde_json::{Value as Json, json};
use stoa_bus::Consumer;
use stoa_contracts::catalog::{Catalog, ListingPrice};
use stoa_contracts::inventory::AvailabilityChanged;
use stoa_contracts::search::{PriceRange, SearchPage, SearchQuery};
use stoa_kernel::{
    Actor, Currency, Envelope, EventId, Fact as _, Money, ProductId, SeededIds, TenantId, VariantId,
};
use stoa_rest::RouterConfig;
use stoa_storage::{Cause, Error, Tx};
use stoa_telemetry::Metrics;
use stoa_testkit::TestCells;

use crate::support::{ByHost, PATIENCE, Process, call, facet, filter, log_of, text_query};

/// One tenant's catalog as the server runs it, and a process that searches it.
struct Store<'c> {
    cells: &'c TestCells,
    tenant: TenantId,
    catalog: Arc<dyn Catalog>,
    stock: Arc<dyn Consumer>,
    admin: Router,
    process: Process,
    _folder: tempfile::TempDir,
}

impl<'c> Store<'c> {
    async fn open(cells: &'c TestCells, slug: &str) -> Self {
        let tenant = cells.tenant(slug).await;
        let module = stoa_catalog::start(cells.deps.clone(), [1; 32], str::to_owned);
        let metrics = Metrics::new(cells.deps.now());
        let config = RouterConfig::new(metrics, Arc::new(SeededIds::new(1)));
        let folder = tempfile::tempdir().expect("a folder");
        Self {
            cells,
            tenant,
            process: Process::over(cells, module.contract.clone(), folder.path()),
            catalog: module.contract,
            stock: module.consumers[0].clone(),
            admin: module.routes.into_router(Arc::new(ByHost), config),
            _folder: folder,
        }
    }

    /// What a merchant sends; the answer.
    async fn send(&self, method: &str, path: &str, body: Json) -> Json {
        let path = format!("/api/v1/admin/{path}");
        let (status, answer) = call(&self.admin, method, self.tenant, &path, Some(body)).await;
        assert!(
            (200..300).contains(&status),
            "{} {method} {path}: {status} {answer}",
            self.cells.kind
        );
        self.sequenced().await;
        answer
    }

    /// As the worker does.
    async fn sequenced(&self) {
        let log = log_of(self.cells, self.tenant).await;
        while log.sequence().await.expect("a sequence") > 0 {}
    }

    async fn make(&self, handle: &str, title: &str, more: Json) -> (ProductId, VariantId) {
        let mut body = json!({ "handle": handle, "title": title });
        let fields = body.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        let made = self.send("POST", "products", body).await;
        let text = |value: &Json| value.as_str().expect("an id").to_owned();
        let product = text(&made["id"]).parse().expect("an id");
        let variant = text(&made["variants"][0]["id"]).parse().expect("an id");
        self.price(variant, 1_000).await;
        (product, variant)
    }

    async fn price(&self, variant: VariantId, cents: i64) {
        let catalog = self.catalog.clone();
        let now = self.cells.deps.now();
        let price = ListingPrice {
            variant,
            price: Money::new(cents, Currency::EUR),
            compare_at: None,
        };
        let priced = async move |tx: &mut Tx<'_>| {
            let cause = Cause::system(now);
            catalog.put_listing_prices(tx, &[price], &cause).await
        };
        let db = self.cells.db(self.tenant).await;
        db.write(priced).await.expect("a price");
        self.sequenced().await;
    }

    /// Tells the catalog of a level as the bus would.
    async fn stock(&self, variant: VariantId, available: bool, version: i64) {
        let fact = AvailabilityChanged {
            variant,
            available,
            level_version: version,
        };
        let tenant = self.cells.storage().tenant(self.tenant).await;
        let event = Envelope {
            id: EventId::from_u128(variant.as_u128() ^ version as u128),
            subject: AvailabilityChanged::subject(),
            tenant: self.tenant,
            cell: tenant.expect("the tenant").cell,
            epoch: 1,
            seq: version,
            key: fact.key(),
            occurred_at: self.cells.deps.now(),
            actor: Actor::System,
            causation: None,
            trace: None,
            payload: serde_json::to_value(&fact).expect("plain values"),
        };
        let stock = self.stock.clone();
        let heard = async move |tx: &mut Tx<'_>| {
            let handled = stock.handle(tx, &event).await;
            handled.map_err(|error| Error::Json {
                message: error.to_string(),
            })
        };
        let db = self.cells.db(self.tenant).await;
        db.write(heard).await.expect("a handled event");
        self.sequenced().await;
    }

    /// Asks until the answer is so.
    async fn until(&self, what: &str, query: &SearchQuery, is_so: impl Fn(&SearchPage) -> bool) {
        let began = Instant::now();
        loop {
            let page = self.process.search.find(self.tenant, query).await;
            let page = page.expect("a page");
            if is_so(&page) {
                return;
            }
            let waited = began.elapsed();
            let kind = self.cells.kind;
            assert!(
                waited < PATIENCE,
                "{kind}: {what} never came to be: {page:?}"
            );
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    async fn finds(&self, what: &str, query: &SearchQuery, expected: &[ProductId]) {
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        let same = |page: &SearchPage| {
            let mut found = page.products.clone();
            found.sort_unstable();
            found == expected && page.total == expected.len() as u64
        };
        self.until(what, query, same).await;
    }
}

fn filtered(name: &str, value: &str) -> SearchQuery {
    SearchQuery {
        filters: vec![filter(name, &[value])],
        ..text_query("")
    }
}

#[tokio::test]
async fn stock_prices_and_words_of_the_real_catalog_are_followed() {
    for cells in crate::support::with_catalog().await {
        let store = Store::open(&cells, "real").await;
        let (lamp, light) = store.make("lamp", "Reading lamp", json!({})).await;
        let (vase, glass) = store.make("vase", "Glass vase", json!({})).await;
        store.finds("both", &text_query(""), &[lamp, vase]).await;
        // Availability: in, out, and in again; what comes late says nothing.
        let available = filtered("available", "true");
        for (version, is) in [(1, true), (2, false), (3, true)] {
            store.stock(light, is, version).await;
            let expected: &[ProductId] = if is { &[lamp] } else { &[] };
            store.finds("what is in stock", &available, expected).await;
        }
        store.stock(light, false, 2).await;
        store.stock(glass, true, 1).await;
        store
            .finds("both in stock", &available, &[lamp, vase])
            .await;
        // Prices: filtered and sorted by what they are now.
        store.price(light, 9_900).await;
        let dear = SearchQuery {
            price: Some(PriceRange {
                min: Some(9_900),
                max: None,
            }),
            ..text_query("")
        };
        store.finds("the dear one", &dear, &[lamp]).await;
        store.price(light, 500).await;
        store.finds("none is dear", &dear, &[]).await;
        // Words, and a product that goes and comes.
        let path = format!("products/{lamp}");
        store
            .send("PATCH", &path, json!({ "title": "Floor lantern" }))
            .await;
        store
            .finds("its new name", &text_query("lantern"), &[lamp])
            .await;
        store
            .finds("not its old one", &filtered("vendor", "x"), &[])
            .await;
        store
            .send("PATCH", &path, json!({ "status": "draft" }))
            .await;
        store.finds("only the vase", &text_query(""), &[vase]).await;
        store
            .send("PATCH", &path, json!({ "status": "active" }))
            .await;
        store
            .finds("both again", &text_query(""), &[lamp, vase])
            .await;
        store.process.stop().await;
    }
}

#[tokio::test]
async fn collections_categories_and_attributes_of_the_real_catalog_are_facets() {
    for cells in crate::support::with_catalog().await {
        let store = Store::open(&cells, "sorted").await;
        let kitchen = json!({ "handle": "kitchen", "title": "Kitchen" });
        store.send("POST", "categories", kitchen).await;
        let cups = json!({ "handle": "cups", "title": "Cups", "parent": "kitchen" });
        store.send("POST", "categories", cups).await;
        let clay = json!({ "category": "cups",
            "attributes": [{ "name": "Material", "value": "Clay" }] });
        let (mug, _) = store.make("mug", "Mug", clay).await;
        let (vase, _) = store.make("vase", "Vase", json!({})).await;
        // Collections: in by hand, and out again.
        let gifts = json!({ "handle": "gifts", "title": "Gifts", "products": ["mug"] });
        let gifts = store.send("POST", "collections", gifts).await;
        let members = filtered("collection", "gifts");
        store.finds("the mug as a gift", &members, &[mug]).await;
        let path = format!("collections/{}", gifts["id"].as_str().expect("an id"));
        store
            .send("PATCH", &path, json!({ "products": ["vase"] }))
            .await;
        store.finds("the vase as a gift", &members, &[vase]).await;
        // Categories, with what is above them; attributes.
        store
            .finds("a cup", &filtered("category", "cups"), &[mug])
            .await;
        store
            .finds("of the kitchen", &filtered("category", "kitchen"), &[mug])
            .await;
        store
            .finds("of clay", &filtered("attribute.Material", "Clay"), &[mug])
            .await;
        let counted = |page: &SearchPage| {
            facet(page, "category").contains(&("cups", 1))
                && facet(page, "attribute.Material") == [("Clay", 1)]
        };
        store.until("facets", &text_query(""), counted).await;
        let path = format!("products/{mug}");
        let glass = json!({ "category": null,
            "attributes": [{ "name": "Material", "value": "Glass" }] });
        store.send("PATCH", &path, glass).await;
        store
            .finds("no cups", &filtered("category", "cups"), &[])
            .await;
        store
            .finds("of glass", &filtered("attribute.Material", "Glass"), &[mug])
            .await;
        store.process.stop().await;
    }
}

#[tokio::test]
async fn translations_of_the_real_catalog_are_found_in_their_language() {
    for cells in crate::support::with_catalog().await {
        let store = Store::open(&cells, "spoken").await;
        let (lamp, _) = store.make("lamp", "Reading lamp", json!({})).await;
        store.finds("it", &text_query("lamp"), &[lamp]).await;
        let german = |text: &str| SearchQuery {
            locale: Some("de".to_owned()),
            ..text_query(text)
        };
        let path = format!("products/{lamp}/translations/de");
        store
            .send("PUT", &path, json!({ "title": "Schreibtischleuchten" }))
            .await;
        store
            .finds("its German name", &german("Schreibtischleuchte"), &[lamp])
            .await;
        store
            .send("PUT", &path, json!({ "title": "Stehlaterne" }))
            .await;
        store
            .finds("its newer name", &german("Stehlaterne"), &[lamp])
            .await;
        store
            .finds("not the old one", &german("Schreibtischleuchten"), &[])
            .await;
        store
            .finds("its own name still", &text_query("lamp"), &[lamp])
            .await;
        store.process.stop().await;
    }
}
