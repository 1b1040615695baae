//! Order numbers: never twice, whatever runs at once or rolls back.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use stoa_contracts::orders::OrderError;
use stoa_storage::{Error, Tx};

use crate::support::{Shop, create, everywhere, order, start};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn race_of_five_hundred_orders_gives_each_its_own_number() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        // Two processes over one cell, and every tenth order finds its numbers unprepared.
        let processes = [shop.orders.clone(), start(&cells).contract];
        let tasks = (1..=500_u128).map(|seed| {
            let orders = processes[seed as usize % 2].clone();
            let (db, tenant, cause) = (shop.db.clone(), shop.tenant, shop.cause());
            tokio::spawn(async move {
                if seed % 10 != 0 {
                    orders.ensure_numbers(tenant).await?;
                }
                create(db, orders, order(seed), cause).await
            })
        });
        let mut numbers = BTreeSet::new();
        for joined in join_all(tasks.collect::<Vec<_>>()).await {
            let number = joined.expect("no panic").expect(cells.kind);
            assert!(numbers.insert(number), "{}: {number} twice", cells.kind);
        }
        assert_eq!(numbers.len(), 500, "{}", cells.kind);
        assert!(numbers.first() >= Some(&1_001), "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_rolled_back_order_leaves_only_a_gap() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let roll_back = async |seed: u128| {
            let (orders, cause) = (shop.orders.clone(), shop.cause());
            let outcome = shop
                .db
                .write(async move |tx: &mut Tx<'_>| {
                    let number = orders.create(tx, &order(seed), &cause).await?;
                    assert!(number >= 1_001);
                    Err::<(), OrderError>(Error::DiskFull.into())
                })
                .await;
            assert!(outcome.is_err(), "{}", cells.kind);
        };
        // Claimed inside the transaction, the number goes back with it.
        roll_back(1).await;
        assert_eq!(
            shop.create(&order(1)).await.expect(cells.kind),
            1_001,
            "{}",
            cells.kind
        );

        shop.orders
            .ensure_numbers(shop.tenant)
            .await
            .expect(cells.kind);
        assert_eq!(
            shop.create(&order(2)).await.expect(cells.kind),
            1_002,
            "{}",
            cells.kind
        );
        // From a block, it is lost.
        roll_back(3).await;
        assert_eq!(
            shop.create(&order(3)).await.expect(cells.kind),
            1_004,
            "{}",
            cells.kind
        );

        // Another process begins behind the block of the first.
        let other = start(&cells).contract;
        let number = create(shop.db.clone(), other, order(4), shop.cause()).await;
        assert_eq!(number.expect(cells.kind), 1_102, "{}", cells.kind);
    }
}

#[tokio::test]
async fn prepared_numbers_cost_no_statement_until_they_run_low() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        shop.orders
            .ensure_numbers(shop.tenant)
            .await
            .expect(cells.kind);
        let before = cells.storage().stats().read().statements;
        for _ in 0..50 {
            shop.orders
                .ensure_numbers(shop.tenant)
                .await
                .expect(cells.kind);
        }
        assert_eq!(
            cells.storage().stats().read().statements,
            before,
            "{}",
            cells.kind
        );
    }
}
