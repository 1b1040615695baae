//! What is kept of product pages, what is outdated, and who waits for whom. Reads no database.

use super::*;
use std::cell::Cell;
use stoa_contracts::catalog::{ProductKind, ProductView, Seo};

use crate::domain::Dates;
use crate::infrastructure::answers::StoredAnswer;

const TENANT: TenantId = TenantId::from_u128(7);
const PRODUCT: ProductId = ProductId::from_u128(42);

fn product(title: &str) -> CachedProduct {
    CachedProduct::new(
        ProductView {
            id: PRODUCT,
            handle: "tea".into(),
            title: title.into(),
            description_html: String::new(),
            vendor: None,
            product_type: None,
            tags: Vec::new(),
            options: Vec::new(),
            variants: Vec::new(),
            media: Vec::new(),
            seo: Seo::default(),
            kind: ProductKind::Physical,
            categories: Vec::new(),
            attributes: Vec::new(),
        },
        Dates::default(),
    )
    .expect("plain values serialise")
}

fn title_of(product: Arc<CachedProduct>) -> String {
    product.view().expect("a view").title.clone()
}

/// Reads `title` on a miss; answers the title seen and whether the read ran.
async fn get(cache: &ProductCache, title: Option<&str>) -> (Option<String>, bool) {
    let ran = Cell::new(false);
    let fill = async || {
        ran.set(true);
        Ok::<_, ()>(title.map(product).into())
    };
    let found = cache
        .get(TENANT, "tea", Currency::EUR, "", fill)
        .await
        .expect("a fill");
    (found.product().map(title_of), ran.get())
}

fn seen(title: &str, ran: bool) -> (Option<String>, bool) {
    (Some(title.to_owned()), ran)
}

#[tokio::test]
async fn a_change_is_seen_at_once_and_only_then_read_again() {
    let cache = ProductCache::new();
    assert_eq!(get(&cache, Some("old")).await, seen("old", true));
    assert_eq!(get(&cache, Some("new")).await, seen("old", false));
    cache.product_changed(TENANT, ProductId::from_u128(43));
    assert_eq!(get(&cache, Some("new")).await, seen("old", false));
    cache.product_changed(TENANT, PRODUCT);
    assert_eq!(get(&cache, Some("new")).await, seen("new", true));
    cache.flush();
    assert_eq!(get(&cache, Some("newer")).await, seen("newer", true));
}

#[tokio::test]
async fn a_fill_that_raced_a_change_is_not_kept() {
    let cache = ProductCache::new();
    let racing = async || {
        let old = product("old");
        cache.product_changed(TENANT, PRODUCT);
        Ok::<_, ()>(Some(old).into())
    };
    let found = cache
        .get(TENANT, "tea", Currency::EUR, "", racing)
        .await
        .expect("a fill");
    assert_eq!(found.product().map(title_of).as_deref(), Some("old"));
    assert_eq!(get(&cache, Some("new")).await, seen("new", true));
    assert_eq!(get(&cache, None).await, seen("new", false));
}

#[tokio::test]
async fn an_import_of_other_products_leaves_what_is_known_and_what_is_being_read() {
    const IMPORTED: u128 = 10_000;
    let cache = ProductCache::new();
    assert_eq!(get(&cache, Some("warm")).await, seen("warm", true));
    for number in 0..IMPORTED {
        // Spread as ids are, away from the one that is kept.
        cache.product_changed(TENANT, ProductId::from_u128(1_000 + (number << 70)));
    }
    assert_eq!(get(&cache, Some("new")).await, seen("warm", false));
    let mut refills = 0;
    for number in 0..100 {
        let other = ProductId::from_u128(50_000 + (number << 70));
        let reading = async || {
            let view = CachedProduct {
                id: other,
                ..product("read")
            };
            // More of the import commits while this product is read.
            for imported in 0..50_u128 {
                cache.product_changed(TENANT, ProductId::from_u128(1_000 + (imported << 70)));
            }
            Ok::<_, ()>(Found::Product(Arc::new(view)))
        };
        let handle = format!("other-{number}");
        let read = cache.get(TENANT, &handle, Currency::EUR, "", reading);
        read.await.expect("a fill");
        let again = async || {
            refills += 1;
            Ok::<_, ()>(Found::Nothing)
        };
        drop(cache.get(TENANT, &handle, Currency::EUR, "", again).await);
    }
    assert_eq!(refills, 0);
    // A change of its own, as old as the row of changes reaches, or older, is seen by its fill.
    for more in [0, CHANGES_MAX] {
        let racing = async || {
            let old = product("old");
            cache.product_changed(TENANT, PRODUCT);
            for _ in 0..more {
                cache.product_changed(TENANT, ProductId::from_u128(43));
            }
            Ok::<_, ()>(Some(old).into())
        };
        let currency = Currency::EUR;
        let read = cache.get(TENANT, "raced", currency, "", racing).await;
        assert!(read.is_ok());
        let new = async || Ok::<_, ()>(Some(product("new")).into());
        let read = cache.get(TENANT, "raced", currency, "", new).await;
        let read = read.expect("a fill").product().expect("a product");
        assert_eq!(title_of(read), "new", "{more}");
        cache.flush();
    }
}

#[tokio::test]
async fn callers_wait_for_one_read_but_not_for_one_begun_before_a_change() {
    let cache = ProductCache::new();
    let (release, held) = tokio::sync::oneshot::channel::<()>();
    let slow = cache.get(TENANT, "tea", Currency::EUR, "", async || {
        let old = product("old");
        held.await.map_err(|_| ())?;
        Ok::<_, ()>(Some(old).into())
    });
    let mut slow = std::pin::pin!(slow);
    assert!(futures_poll(slow.as_mut()).is_none());
    // Same stamp: the second caller joins and does not read.
    let joined = get(&cache, Some("never read"));
    let mut joined = std::pin::pin!(joined);
    assert!(futures_poll(joined.as_mut()).is_none());
    cache.product_changed(TENANT, PRODUCT);
    assert_eq!(get(&cache, Some("new")).await, seen("new", true));
    release.send(()).expect("the slow read waits");
    let (slow, joined) = tokio::join!(slow, joined);
    assert_eq!(joined, seen("old", false));
    slow.expect("a fill");
    assert_eq!(get(&cache, None).await, seen("new", false));
    assert_eq!(cache.flights.lock().len(), 0);
}

#[tokio::test]
async fn a_missing_handle_is_remembered_until_any_product_appears() {
    let cache = ProductCache::new();
    assert_eq!(get(&cache, None).await, (None, true));
    assert_eq!(get(&cache, Some("tea")).await, (None, false));
    cache.product_changed(TENANT, ProductId::from_u128(99));
    assert_eq!(get(&cache, Some("tea")).await, seen("tea", true));
}

#[tokio::test]
async fn commits_and_events_of_products_outdate_and_others_do_not() {
    let cache = ProductCache::new();
    let event = |subject: String| Envelope {
        id: stoa_kernel::EventId::from_u128(1),
        subject,
        tenant: TENANT,
        cell: stoa_kernel::CellId::from_u128(1),
        epoch: 1,
        seq: 1,
        key: PRODUCT.to_string(),
        occurred_at: stoa_kernel::Timestamp::from_micros(0),
        actor: stoa_kernel::Actor::System,
        causation: None,
        trace: None,
        payload: serde_json::Value::Null,
    };
    let committed = |subject: String| {
        [Committed::Event {
            tenant: TENANT,
            subject,
            key: PRODUCT.to_string(),
        }]
    };
    assert_eq!(get(&cache, Some("one")).await, seen("one", true));
    cache.on_event(&event("orders.paid.v1".into()));
    cache.on_commit(&committed("orders.paid.v1".into()));
    assert_eq!(get(&cache, None).await, seen("one", false));
    cache.on_event(&event(ProductChanged::subject()));
    assert_eq!(get(&cache, Some("two")).await, seen("two", true));
    cache.on_commit(&committed(ProductChanged::subject()));
    assert_eq!(get(&cache, Some("three")).await, seen("three", true));
}

#[tokio::test]
async fn a_reader_who_is_cut_off_leaves_nothing_behind() {
    let cache = ProductCache::new();
    {
        let never = async || std::future::pending::<Result<_, ()>>().await;
        let cut_off = cache.get(TENANT, "tea", Currency::EUR, "", never);
        let mut cut_off = std::pin::pin!(cut_off);
        assert!(futures_poll(cut_off.as_mut()).is_none());
        assert_eq!(cache.flights.lock().len(), 1);
    }
    assert_eq!(cache.flights.lock().len(), 0);
    assert_eq!(get(&cache, Some("tea")).await, seen("tea", true));
}

/// Polls once.
fn futures_poll<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.poll(&mut context) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

#[tokio::test]
async fn what_lies_ready_elsewhere_is_kept_when_it_is_asked_for_again() {
    let cache = ProductCache::new();
    let ran = Cell::new(0);
    let ask = async |handle: &str| {
        let fill = async || {
            ran.set(ran.get() + 1);
            Ok::<_, ()>(
                Some(CachedProduct::stored(StoredAnswer {
                    product: PRODUCT,
                    dates: Dates::default(),
                    tag: "5a".to_owned(),
                    body: product("stored").body,
                }))
                .into(),
            )
        };
        let found = cache.get(TENANT, handle, Currency::EUR, "", fill).await;
        let found = found.expect("a fill").product().expect("a product");
        assert_eq!(title_of(found), "stored");
        ran.get()
    };
    assert_eq!(ask("tea").await, 1);
    assert_eq!(ask("coffee").await, 2);
    assert_eq!(ask("tea").await, 3);
    assert_eq!(ask("tea").await, 3);
    assert_eq!(ask("coffee").await, 4);
    cache.product_changed(TENANT, PRODUCT);
    assert_eq!(ask("tea").await, 5);
    assert_eq!(ask("tea").await, 5);
}
