//! Races between who fills an answer and who changes its product. Needs the steps one by one.

use std::sync::atomic::{AtomicBool, Ordering};

use stoa_contracts::catalog::{
    Catalog as _, ListingPrice, ProductInput, ProductStatus, Seo, VariantInput,
};
use stoa_kernel::{Money, VariantId};
use stoa_rest::CursorKey;
use stoa_storage::Cause;
use stoa_testkit::TestCells;

use super::*;
use crate::application::Memory;
use crate::cache::ProductCache;

const EUR: Currency = Currency::EUR;

fn app(cells: &TestCells) -> Arc<App> {
    Arc::new(App {
        deps: cells.deps.clone(),
        cache: Arc::new(ProductCache::new()),
        memory: Memory::new(),
        answering: Arc::new(Answering::new()),
        cursors: CursorKey::new([1; 32]),
        sanitise: str::to_owned,
        media: None,
    })
}

async fn tea(app: &Arc<App>, db: &Db) -> (ProductId, VariantId) {
    let input = ProductInput {
        handle: "tea".to_owned(),
        title: "Tea".to_owned(),
        description_html: String::new(),
        vendor: None,
        product_type: None,
        tags: Vec::new(),
        status: ProductStatus::Active,
        options: Vec::new(),
        variants: vec![VariantInput {
            option_values: Vec::new(),
            sku: None,
            barcode: None,
            grams: 0,
            requires_shipping: true,
            taxable: true,
            image: None,
        }],
        media: Vec::new(),
        seo: Seo::default(),
        gift_card: false,
        extras: None,
    };
    let app = Arc::clone(app);
    let made = db.write(async move |tx: &mut Tx<'_>| {
        let cause = Cause::system(app.deps.now());
        app.upsert_product(tx, &input, &cause).await
    });
    let made = made.await.expect("a product");
    (made.product, made.variants[0].0)
}

async fn price(app: &Arc<App>, db: &Db, variant: VariantId, cents: i64) {
    let price = ListingPrice {
        variant,
        price: Money::new(cents, EUR),
        compare_at: None,
    };
    let app = Arc::clone(app);
    db.write(async move |tx: &mut Tx<'_>| {
        let cause = Cause::system(app.deps.now());
        app.put_listing_prices(tx, &[price], &cause).await
    })
    .await
    .expect("a price");
}

async fn due(db: &Db) -> Vec<ToFill> {
    let due = answers::due(db, ProductId::from_u128(0), ROWS_PER_SLICE);
    due.await.expect("rows")
}

async fn shown(db: &Db) -> Option<String> {
    let found = answers::find(db, "tea", EUR).await.expect("a look");
    found.map(|found| String::from_utf8_lossy(&found.body).into_owned())
}

async fn write(db: &Db, filled: Vec<(ToFill, Fill)>) -> u64 {
    db.write_bulk(async move |tx: &mut Tx<'_>| answers::fill(tx, EUR, &filled).await)
        .await
        .expect("a fill")
}

#[tokio::test]
async fn an_answer_that_was_raced_by_a_change_is_not_kept() {
    for cells in stoa_testkit::everywhere(&[crate::MIGRATIONS]).await {
        let tenant = cells.tenant("raced").await;
        let (app, db) = (app(&cells), cells.db(tenant).await);
        let (product, variant) = tea(&app, &db).await;
        let added = app.add_rows(&db, vec![product]).await;
        assert_eq!(added.expect("rows"), None, "{}", cells.kind);
        let worked_out = async |row: &ToFill| {
            let fill = app.fill_of(&db, EUR, row).await;
            (row.clone(), fill.expect("an answer"))
        };
        let rows = due(&db).await;
        let [row] = &rows[..] else {
            panic!("{}: {rows:?}", cells.kind);
        };
        let old = worked_out(row).await;
        price(&app, &db, variant, 1_234).await;
        assert_eq!(write(&db, vec![old]).await, 0, "{}", cells.kind);
        assert_eq!(shown(&db).await, None, "{}", cells.kind);
        let now = due(&db).await;
        assert_eq!(now.len(), 1, "{}: it stays due", cells.kind);
        let new = worked_out(&now[0]).await;
        // Two jobs at once work out the same.
        let same = worked_out(&now[0]).await;
        assert_eq!(write(&db, vec![new]).await, 1, "{}", cells.kind);
        let body = shown(&db).await.expect("an answer");
        assert!(body.contains("1234"), "{} {body}", cells.kind);
        assert_eq!(write(&db, vec![same]).await, 1, "{}", cells.kind);
        assert_eq!(shown(&db).await, Some(body), "{}", cells.kind);
        // A product that went meanwhile takes nobody's row with it.
        let gone = (now[0].clone(), Fill::Gone);
        price(&app, &db, variant, 1_235).await;
        assert_eq!(write(&db, vec![gone]).await, 0, "{}", cells.kind);
        assert_eq!(due(&db).await.len(), 1, "{}", cells.kind);
    }
}

/// Where writers run side by side, a change that began before the row was made would not see it.
#[tokio::test]
async fn a_product_that_is_being_changed_gets_no_row_and_no_answer() {
    for cells in stoa_testkit::everywhere(&[crate::MIGRATIONS]).await {
        if cells.kind.starts_with("sqlite") {
            continue;
        }
        let tenant = cells.tenant("changing").await;
        let (app, db) = (app(&cells), cells.db(tenant).await);
        let (product, variant) = tea(&app, &db).await;
        for has_row in [false, true] {
            let cents = 1_000 + i64::from(has_row);
            let held = [false; 2].map(|_| Arc::new(AtomicBool::new(false)));
            let [changed, released] = held.clone();
            let (one, writer) = (Arc::clone(&app), db.clone());
            let change = tokio::spawn(async move {
                let price = ListingPrice {
                    variant,
                    price: Money::new(cents, EUR),
                    compare_at: None,
                };
                let body = async move |tx: &mut Tx<'_>| {
                    let cause = Cause::system(one.deps.now());
                    one.put_listing_prices(tx, &[price], &cause).await?;
                    loop {
                        // A look that sends what was deferred.
                        tx.query(ASK, &[], |_| Ok(())).await?;
                        changed.store(true, Ordering::SeqCst);
                        if released.load(Ordering::SeqCst) {
                            return Ok::<_, Error>(());
                        }
                    }
                };
                writer.write(body).await
            });
            const ASK: &str = "SELECT tree FROM catalog_shape WHERE tenant_id = :tenant";
            while !held[0].load(Ordering::SeqCst) {
                tokio::task::yield_now().await;
            }
            if has_row {
                let row = due(&db).await.remove(0);
                let fill = app.fill_of(&db, EUR, &row).await.expect("an answer");
                assert_eq!(write(&db, vec![(row, fill)]).await, 0, "nobody waits");
            } else {
                let added = app.add_rows(&db, vec![product]).await;
                assert_eq!(added.expect("none"), Some(product), "{}", cells.kind);
            }
            held[1].store(true, Ordering::SeqCst);
            change.await.expect("a task").expect("a change");
            if !has_row {
                let added = app.add_rows(&db, vec![product]).await;
                assert_eq!(added.expect("rows"), None, "{}", cells.kind);
            }
        }
        assert_eq!(due(&db).await.len(), 1, "{}", cells.kind);
    }
}

#[test]
fn one_job_at_a_time_works_for_a_shop() {
    let answering = Answering::new();
    let (one, other) = (TenantId::from_u128(1), TenantId::from_u128(2));
    let working = answering.begin(one);
    assert!(working.is_some());
    assert!(answering.begin(one).is_none());
    assert!(answering.begin(one).is_none(), "asking frees nothing");
    assert!(answering.begin(other).is_some());
    drop(working);
    assert!(answering.begin(one).is_some());
}
