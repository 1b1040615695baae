//! Imports that die in the middle: what follows lands the rest, and nothing twice.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use stoa_bus::JobOutcome;
use stoa_contracts::catalog::{
    Catalog, CatalogError, CollectionInput, CollectionView, ListingPrice, ProductInput,
    ProductPage, ProductQuery, ProductView, Upserted, VariantSnapshot,
};
use stoa_kernel::{Currency, ProductId, TenantId, VariantId};
use stoa_storage::{Cause, Error, Tx};
use tokio::task::AbortHandle;

use crate::shop::{Shop, everywhere};

const PRODUCTS: usize = 260;

/// Some handles come back at the end, so that parts are held over a kill as well.
fn file() -> String {
    let mut file =
        "Handle,Title,Option1 Name,Option1 Value,Variant Inventory Qty,Variant Price\n".to_owned();
    for number in 0..PRODUCTS {
        writeln!(file, "p{number:03},Product {number},Size,S,3,1.50").unwrap();
    }
    for number in (0..PRODUCTS).step_by(10) {
        writeln!(file, "p{number:03},,,L,4,2.50").unwrap();
    }
    file
}

/// What befalls an import at one product.
enum Fate {
    /// The transaction fails.
    Fails,
    /// The transaction commits, but nobody lives to hear of it.
    Dies(Arc<Mutex<Option<AbortHandle>>>),
}

struct FatefulCatalog {
    real: Arc<dyn Catalog>,
    upserts: AtomicUsize,
    at: usize,
    fate: Fate,
}

#[async_trait]
impl Catalog for FatefulCatalog {
    async fn product(
        &self,
        tenant: TenantId,
        handle: &str,
        currency: Currency,
    ) -> Result<Option<ProductView>, CatalogError> {
        self.real.product(tenant, handle, currency).await
    }
    async fn products(
        &self,
        tenant: TenantId,
        query: &ProductQuery,
    ) -> Result<ProductPage, CatalogError> {
        self.real.products(tenant, query).await
    }
    async fn collections(&self, tenant: TenantId) -> Result<Vec<CollectionView>, CatalogError> {
        self.real.collections(tenant).await
    }
    async fn collection(
        &self,
        tenant: TenantId,
        handle: &str,
    ) -> Result<Option<CollectionView>, CatalogError> {
        self.real.collection(tenant, handle).await
    }
    async fn variants(
        &self,
        tx: &mut Tx<'_>,
        ids: &[VariantId],
    ) -> Result<Vec<VariantSnapshot>, Error> {
        self.real.variants(tx, ids).await
    }
    async fn collections_of(
        &self,
        tx: &mut Tx<'_>,
        products: &[ProductId],
    ) -> Result<Vec<(ProductId, String)>, Error> {
        self.real.collections_of(tx, products).await
    }
    async fn upsert_product(
        &self,
        tx: &mut Tx<'_>,
        input: &ProductInput,
        cause: &Cause,
    ) -> Result<Upserted, CatalogError> {
        if self.upserts.fetch_add(1, Ordering::SeqCst) + 1 == self.at {
            match &self.fate {
                Fate::Fails => {
                    let message = "the line was cut".to_owned();
                    return Err(Error::Unavailable { message }.into());
                }
                Fate::Dies(task) => {
                    let task = task.lock().take().expect("the job's task");
                    task.abort();
                }
            }
        }
        self.real.upsert_product(tx, input, cause).await
    }
    async fn upsert_collection(
        &self,
        tx: &mut Tx<'_>,
        input: &CollectionInput,
        cause: &Cause,
    ) -> Result<(), CatalogError> {
        self.real.upsert_collection(tx, input, cause).await
    }
    async fn put_listing_prices(
        &self,
        tx: &mut Tx<'_>,
        prices: &[ListingPrice],
        cause: &Cause,
    ) -> Result<(), Error> {
        self.real.put_listing_prices(tx, prices, cause).await
    }
}

async fn every_product_landed_once(shop: &Shop, id: &str, note: &str) {
    let answer = shop.get(&format!("/api/v1/admin/imports/{id}")).await;
    let import = &answer.json;
    assert_eq!(import["state"], "done", "{note}: {import}");
    let products = serde_json::json!({
        "created": PRODUCTS, "updated": 0, "unchanged": 0, "rejected": 0
    });
    assert_eq!(import["products"], products, "{note}");
    assert_eq!(import["rows_read"], import["rows_total"], "{note}");
    let published = shop.published().await;
    let mut handles = published.clone();
    handles.sort();
    handles.dedup();
    assert_eq!(
        (published.len(), handles.len()),
        (PRODUCTS, PRODUCTS),
        "{note}"
    );
    assert_eq!(shop.units("p250").await, [Some(3), Some(4)], "{note}");
    assert_eq!(shop.units("p251").await, [Some(3)], "{note}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_fails_anywhere_lands_every_product_once() {
    for cells in everywhere().await {
        let cells = Arc::new(cells);
        for at in (1..=PRODUCTS).step_by(37) {
            let note = format!("{} at {at}", cells.kind);
            let shop = Shop::open(&cells, &format!("fails-{at}")).await;
            let answer = shop.upload("?kind=products", file()).await;
            assert_eq!(answer.status, 202, "{note}: {}", answer.json);
            let id = answer.json["id"].as_str().unwrap().to_owned();
            let failing = shop.restarted(Arc::new(FatefulCatalog {
                real: shop.catalog.clone(),
                upserts: AtomicUsize::new(0),
                at,
                fate: Fate::Fails,
            }));
            let job = shop.claim().await.expect("the import's job");
            let outcome = failing.run_job(&job).await;
            let JobOutcome::Failed(reason) = outcome else {
                panic!("{note}: {outcome:?}")
            };
            assert!(reason.contains("the line was cut"), "{note}: {reason}");
            let queue = shop.queue().await;
            let now = cells.deps.now();
            queue.retry(&job, now, Some(reason), true).await.unwrap();
            // As after a kill: nothing in memory is left.
            shop.restarted(shop.catalog.clone()).work().await;
            every_product_landed_once(&shop, &id, &note).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_dies_after_a_commit_lands_every_product_once() {
    for cells in everywhere().await {
        let cells = Arc::new(cells);
        for at in [1, 100, 101, PRODUCTS] {
            let note = format!("{} at {at}", cells.kind);
            let shop = Shop::open(&cells, &format!("dies-{at}")).await;
            let answer = shop.upload("", file()).await;
            let id = answer.json["id"].as_str().unwrap().to_owned();
            let task = Arc::new(Mutex::new(None));
            let dying = shop.restarted(Arc::new(FatefulCatalog {
                real: shop.catalog.clone(),
                upserts: AtomicUsize::new(0),
                at,
                fate: Fate::Dies(Arc::clone(&task)),
            }));
            let job = shop.claim().await.expect("the import's job");
            // Held until the task's handle is where the catalog finds it.
            let (go, gone) = tokio::sync::oneshot::channel::<()>();
            let running = tokio::spawn(async move {
                gone.await.unwrap();
                dying.run_job(&job).await
            });
            *task.lock() = Some(running.abort_handle());
            go.send(()).unwrap();
            let died = running.await.expect_err("it is aborted");
            assert!(died.is_cancelled(), "{note}");
            // The lease of the dead worker runs out.
            cells.clock.advance(Duration::from_secs(61));
            shop.work().await;
            every_product_landed_once(&shop, &id, &note).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_on_one_import_land_every_product_once() {
    for cells in everywhere().await {
        let cells = Arc::new(cells);
        let note = cells.kind;
        let shop = Shop::open(&cells, "twice").await;
        let answer = shop.upload("", file()).await;
        let id = answer.json["id"].as_str().unwrap().to_owned();
        let job = shop.claim().await.expect("the import's job");
        let other = shop.restarted(shop.catalog.clone());
        let (one, two) = tokio::join!(shop.run_job(&job), other.run_job(&job));
        for outcome in [&one, &two] {
            let fine = matches!(outcome, JobOutcome::Done | JobOutcome::Wait(_));
            assert!(fine, "{note}: {outcome:?}");
        }
        let queue = shop.queue().await;
        let now = cells.deps.now();
        queue.retry(&job, now, None, false).await.unwrap();
        shop.work().await;
        every_product_landed_once(&shop, &id, note).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_can_never_go_on_is_told_so_and_cleaned_up() {
    for cells in everywhere().await {
        let cells = Arc::new(cells);
        let note = cells.kind;
        let shop = Shop::open(&cells, "never").await;
        let answer = shop.upload("", file()).await;
        let id = answer.json["id"].as_str().unwrap().to_owned();
        let failing = shop.restarted(Arc::new(FatefulCatalog {
            real: shop.catalog.clone(),
            upserts: AtomicUsize::new(0),
            at: 150,
            fate: Fate::Fails,
        }));
        let mut job = shop.claim().await.expect("the import's job");
        job.attempt = job.attempts_max;
        let outcome = failing.run_job(&job).await;
        assert!(
            matches!(outcome, JobOutcome::Dead(_)),
            "{note}: {outcome:?}"
        );
        let answer = shop.get(&format!("/api/v1/admin/imports/{id}")).await;
        assert_eq!(answer.json["state"], "failed", "{note}");
        let error = answer.json["error"].as_str().unwrap();
        assert!(error.contains("the line was cut"), "{note}: {error}");
        // What had landed stays, and a worker that comes late changes nothing.
        assert_eq!(shop.run_job(&job).await, JobOutcome::Done, "{note}");
        let landed = answer.json["products"]["created"].as_u64().unwrap();
        assert_eq!(shop.published().await.len() as u64, landed, "{note}");
        assert!((1..PRODUCTS as u64).contains(&landed), "{note}: {landed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_of_many_turns_lands_every_product_once() {
    // A turn of `import_now` takes a quarter of a second: what was read ahead waits for the next.
    const MANY: usize = 700;
    let mut text = "Handle,Title,Variant Price\n".to_owned();
    for number in 0..MANY {
        writeln!(text, "p{number:04},Product {number},1.50").unwrap();
    }
    for cells in everywhere().await {
        let cells = Arc::new(cells);
        let shop = Shop::open(&cells, "turns").await;
        let report = shop.import(text.as_bytes(), false).await;
        let report = report.expect(cells.kind);
        assert_eq!(report.products.created, MANY as i64, "{}", cells.kind);
        assert_eq!(report.rows_read, MANY as i64, "{}", cells.kind);
        assert_eq!(report.rows_total, Some(MANY as i64), "{}", cells.kind);
        let mut published = shop.published().await;
        published.sort();
        published.dedup();
        assert_eq!(published.len(), MANY, "{}", cells.kind);
    }
}
