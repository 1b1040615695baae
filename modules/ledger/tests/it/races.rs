//! Many at once on one card. What is held of it is never more than is on it.

use stoa_contracts::ledger::GiftCardError;

use crate::support::{Card, Shop, customer, everywhere, order, refund};

const ORDERS: u128 = 100;

/// What all orders got together, each in a transaction of its own.
async fn held_together(shop: &Shop, cards: &[Card], due: i64) -> (i64, usize) {
    let buyers: Vec<_> = (1..=ORDERS)
        .map(|number| {
            let (shop, mut cards) = (shop.clone(), cards.to_vec());
            let turn = number as usize % cards.len();
            cards.rotate_left(turn);
            tokio::spawn(async move {
                let cards: Vec<&Card> = cards.iter().collect();
                shop.hold(order(number), &cards, None, due).await
            })
        })
        .collect();
    let (mut held, mut refused) = (0, 0);
    for buyer in buyers {
        match buyer.await.expect("no panic") {
            Ok(amount) => held += amount,
            Err(GiftCardError::Refused { .. }) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    (held, refused)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_orders_hold_no_more_than_is_on_one_card() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "race").await;
        let card = shop.card(1_050).await;
        let found = held_together(&shop, std::slice::from_ref(&card), 100).await;
        // Ten get all of it, one the rest, and the others find it empty.
        assert_eq!(found, (1_050, 89), "{}", cells.kind);
        assert_eq!(shop.on(&card).await, (1_050, 1_050), "{}", cells.kind);
        let mut spent = 0;
        for number in 1..=ORDERS {
            spent += shop.spend(order(number)).await;
        }
        assert_eq!(spent, 1_050, "{}", cells.kind);
        assert_eq!(shop.on(&card).await, (0, 0), "{}", cells.kind);
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cards_in_any_order_neither_deadlock_nor_overspend() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "race").await;
        let cards = [
            shop.card(100_000).await,
            shop.card(100_000).await,
            shop.card(100_000).await,
        ];
        let found = held_together(&shop, &cards, 1_500).await;
        assert_eq!(found, (150_000, 0), "{}", cells.kind);
        let mut held = 0;
        for card in &cards {
            held += shop.on(card).await.1;
        }
        assert_eq!(held, 150_000, "{}", cells.kind);
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_order_changed_from_many_sides_holds_spends_and_frees_once() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "race").await;
        let card = shop.card(1_000).await;
        let tasks: Vec<_> = (0..60)
            .map(|turn| {
                let (shop, card) = (shop.clone(), card.clone());
                tokio::spawn(async move {
                    match turn % 3 {
                        0 => drop(shop.hold(order(1), &[&card], None, 10).await),
                        1 => drop(shop.spend(order(1)).await),
                        _ => shop.release(order(1)).await,
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
        let spent = shop.spend(order(1)).await;
        assert_eq!(shop.on(&card).await, (1_000 - spent, 0), "{}", cells.kind);
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_refunds_give_back_no_more_than_was_paid() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "race").await;
        let card = shop.card(1_000).await;
        shop.hold(order(1), &[&card], None, 1_000)
            .await
            .expect(cells.kind);
        shop.spend(order(1)).await;
        // Thirty refunds of 70, each told twice.
        let tasks: Vec<_> = (0..60)
            .map(|number| {
                let shop = shop.clone();
                tokio::spawn(async move {
                    let refund = refund(number / 2);
                    shop.credit(customer(1), refund, 1).await;
                    shop.give_back(order(1), refund, 70).await
                })
            })
            .collect();
        for task in tasks {
            assert!(task.await.expect("no panic") <= 70, "{}", cells.kind);
        }
        assert_eq!(shop.on(&card).await, (1_000, 0), "{}", cells.kind);
        assert_eq!(shop.credit_on(customer(1)).await, (30, 0), "{}", cells.kind);
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}
