//! Processes that end between placing and settling, and jobs that get lost.

use std::sync::Arc;
use std::time::Duration;

use stoa_contracts::Deps;
use stoa_contracts::orders::PaymentStatus;
use stoa_kernel::Currency;
use stoa_storage::{Isolation, NewTenant, Storage, StorageConfig};
use stoa_testkit::{ManualClock, fresh_database, postgres_server};

use crate::provider::Provider;
use crate::shop::{MIGRATIONS, Shop, more_ids};

async fn open(url: &str, clock: &Arc<ManualClock>, seed: u64) -> Deps {
    let ids = more_ids(seed);
    let config = StorageConfig {
        url: url.to_owned(),
        connections_max: 4,
        mmap_bytes: 1 << 28,
        clock: clock.clone(),
        ids: ids.clone(),
    };
    let storage = Storage::open(config, MIGRATIONS).await.expect(url);
    Deps {
        storage,
        clock: clock.clone(),
        ids,
    }
}

async fn place_die_and_settle(url: &str, kind: &'static str) {
    let clock = Arc::new(ManualClock::new());
    let before = open(url, &clock, 1).await;
    let provider = Arc::new(Provider::start(&before).await);
    let tenant = NewTenant {
        slug: "shop".to_owned(),
        name: "shop".to_owned(),
        currency: Currency::EUR,
        test_mode: true,
        isolation: Isolation::Shared,
    };
    let tenant = before.storage.create_tenant(tenant).await.expect(kind).id;
    let mut shop = Shop::over(before, clock.clone(), kind, tenant, provider.clone());
    shop.stock_up().await;
    let mut placed = Vec::new();
    for token in ["tok_success", "tok_timeout_after_charge", "tok_decline"] {
        placed.push(shop.place(&shop.cart(1).await, token, token).await.order_id);
    }
    // One of them had been taken up when the process died: its answer is lost, its lease held.
    shop.claim().await;
    let timeout = shop
        .peers
        .payments
        .newest_of(tenant, placed[1])
        .await
        .expect(kind)
        .unwrap();
    shop.peers
        .payments
        .drive(tenant, timeout.id)
        .await
        .expect_err(kind);
    let (pot, wallpaper) = (shop.pot, shop.wallpaper);
    drop(shop);

    let after = open(url, &clock, 2).await;
    let mut shop = Shop::over(after, clock, kind, tenant, provider);
    (shop.pot, shop.wallpaper) = (pot, wallpaper);
    shop.clock.advance(Duration::from_secs(61));
    shop.settle().await;
    let statuses = [
        PaymentStatus::Paid,
        PaymentStatus::Paid,
        PaymentStatus::Pending,
    ];
    for (order, status) in placed.iter().zip(statuses) {
        assert_eq!(shop.order(*order).await.payment_status, status, "{kind}");
    }
    let mut charged: Vec<String> = shop
        .charges()
        .await
        .into_iter()
        .map(|(order, _)| order)
        .collect();
    charged.sort();
    let mut expected = vec![placed[0].to_string(), placed[1].to_string()];
    expected.sort();
    assert_eq!(charged, expected, "{kind}");
    assert_eq!(shop.left().await, 8, "{kind}");
}

#[tokio::test]
async fn crash_between_placing_and_settling_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    place_die_and_settle(&format!("sqlite:{}", folder.path().display()), "sqlite").await;
    if let Some(server) = postgres_server() {
        place_die_and_settle(&fresh_database(&server).await, "postgres").await;
    }
}

#[tokio::test]
async fn a_lost_job_is_found_by_the_sweep() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let cell = shop
            .deps
            .storage
            .tenant(shop.tenant)
            .await
            .expect(kind)
            .cell;
        let queue = shop.deps.storage.job_queue(cell).await.expect(kind);
        let placed = shop.place(&shop.cart(1).await, "tok_success", "k1").await;
        for job in shop.claim().await {
            queue
                .bury(&job, "lost".to_owned(), shop.deps.now())
                .await
                .expect(kind);
        }
        let sweep = &shop.checkout.recurring[0];
        assert_eq!(
            (sweep.name(), sweep.every()),
            ("checkout.sweep", Duration::from_secs(30))
        );
        for (seconds, jobs) in [(59, 0), (2, 1), (0, 0)] {
            shop.clock.advance(Duration::from_secs(seconds));
            sweep.run(cell, shop.deps.now()).await.expect(kind);
            assert_eq!(shop.claim().await.len(), jobs, "{kind}");
        }
        shop.clock.advance(Duration::from_secs(61));
        shop.settle().await;
        let order = shop.order(placed.order_id).await;
        assert_eq!(order.payment_status, PaymentStatus::Paid, "{kind}");
        shop.clock.advance(Duration::from_secs(61));
        sweep.run(cell, shop.deps.now()).await.expect(kind);
        assert!(shop.claim().await.is_empty(), "{kind}");
    }
}
